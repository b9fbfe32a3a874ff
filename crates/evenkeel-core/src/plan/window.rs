//! Maintenance windows: when changes that interrupt may be sent.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::backup::{Schedule, Zone};
use crate::driver::Finding;
use crate::period::Period;
use crate::request::Replies;

/// When a window opens, and how long it stays open. Exactly one of `every`, `cron` and `calendar` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowSpec {
    /// It opens at equal distances, counted from midnight, for days from a Monday: `1d`, `1w`.
    #[serde(default)]
    pub every: Option<Period>,
    /// It opens at these times, five fields as in crontab: `0 22 * * sat`. One of `cron`, `calendar` and `every` is given.
    #[serde(default)]
    pub cron: Option<String>,
    /// It opens at these times, as Proxmox and systemd write them: `sat 22:00`, `sat *-1..7 22:00`.
    #[serde(default)]
    pub calendar: Option<String>,
    /// The time zone of these times, such as `Asia/Tokyo` or `UTC`.
    pub time_zone: String,
    /// How long it stays open: `4h`. What was begun by then is ended.
    pub duration: Period,
}

/// A window that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its slots are when it opens.
    opens: Schedule,
    zone: TimeZone,
    duration: SignedDuration,
}

impl WindowSpec {
    /// The window; or what is wrong with it. Paths begin in the window. Warnings come with it.
    pub(crate) fn read(&self) -> (Option<Window>, Vec<Finding>) {
        let mut findings = Vec::new();
        let given = [self.every.is_some(), self.cron.is_some(), self.calendar.is_some()];
        let opens = self.opens();
        match given.into_iter().filter(|given| *given).count() {
            1 => findings.extend(opens.check()),
            0 => {
                let finding = Finding::error([""; 0], "the window does not say when it opens");
                let hint = "give one of `cron: 0 22 * * sat`, `calendar: sat 22:00` and `every: 1w`";
                findings.push(finding.hint(hint));
            }
            _ => {
                let finding = Finding::error([""; 0], "the window says more than once when it opens");
                let hint =
                    "keep one of `every`, `cron` and `calendar`; several windows are written as a list";
                findings.push(finding.hint(hint));
            }
        }
        if self.duration.as_seconds() == 0 {
            let finding = Finding::error(["duration"], "the window would never be open");
            findings.push(finding.hint("write how long it stays open, for instance `4h`"));
        }
        let zone = Zone::read(Some(&self.time_zone), &Replies::default()).ok();
        let window = zone.filter(|_| findings.iter().all(|finding| finding.warning)).and_then(|zone| {
            let duration = SignedDuration::try_from(std::time::Duration::from(self.duration)).ok()?;
            Some(Window { opens, zone: zone.zone, duration })
        });
        (window, findings)
    }

    fn opens(&self) -> Schedule {
        Schedule {
            every: self.every,
            cron: self.cron.clone(),
            calendar: self.calendar.clone(),
            time_zone: Some(self.time_zone.clone()),
            ..Schedule::default()
        }
    }
}

impl Window {
    fn is_open(&self, now: Timestamp) -> bool {
        let opened = self.opens.slot_before(now, &self.zone);
        opened.is_some_and(|opened| now.duration_since(opened) < self.duration)
    }
}

/// That changes which interrupt have to wait at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shut {
    /// When the next window opens. `None`: never.
    pub(super) until: Option<Timestamp>,
    /// For who reads what is held.
    pub(super) reason: String,
}

/// `None` where one of `windows` is open at `now`, or there are none: then there is nothing to wait for.
pub(super) fn shut(windows: &[Window], now: Timestamp) -> Option<Shut> {
    if windows.is_empty() || windows.iter().any(|window| window.is_open(now)) {
        return None;
    }
    let next =
        windows.iter().filter_map(|window| Some((window.opens.slot_after(now, &window.zone)?, window)));
    let Some((until, window)) = next.min_by_key(|(opens, _)| *opens) else {
        let reason = "outside of its window, which never opens again: change `window` in the manifest";
        return Some(Shut { until: None, reason: reason.to_owned() });
    };
    let local = until.to_zoned(window.zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z");
    let seconds = u64::try_from(until.duration_since(now).as_secs()).unwrap_or_default();
    let wait = Period::coarse(seconds.max(1));
    let reason = format!("outside of its window: the next opens {local} (in {wait})");
    Some(Shut { until: Some(until), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(calendar: &str, zone: &str, duration: &str) -> WindowSpec {
        WindowSpec {
            every: None,
            cron: None,
            calendar: Some(calendar.to_owned()),
            time_zone: zone.to_owned(),
            duration: duration.parse().unwrap(),
        }
    }

    fn window(calendar: &str, zone: &str, duration: &str) -> Window {
        let (window, findings) = spec(calendar, zone, duration).read();
        assert_eq!(findings, []);
        window.unwrap()
    }

    fn at(windows: &[Window], now: &str) -> Option<String> {
        shut(windows, now.parse().unwrap()).map(|shut| shut.reason)
    }

    #[test]
    fn it_is_open_from_its_slot_on_and_not_at_its_end() {
        let saturday = [window("sat 22:00", "Asia/Tokyo", "4h")];
        let next = "outside of its window: the next opens Sat 2026-11-28 22:00 JST";
        for (now, expected) in [
            (
                "2026-11-21T12:59:59Z",
                Some("outside of its window: the next opens Sat 2026-11-21 22:00 JST (in 1s)".to_owned()),
            ),
            ("2026-11-21T13:00:00Z", None),
            ("2026-11-21T16:59:59.999Z", None),
            ("2026-11-21T17:00:00Z", Some(format!("{next} (in 6d20h)"))),
            ("2026-11-22T09:00:00Z", Some(format!("{next} (in 6d4h)"))),
        ] {
            assert_eq!(at(&saturday, now), expected, "{now}");
        }
    }

    #[test]
    fn of_several_one_that_is_open_is_enough_and_the_next_is_told() {
        let two = [window("sat 22:00", "UTC", "1h"), window("wed 03:00", "Europe/Berlin", "2h")];
        assert_eq!(at(&two, "2026-11-25T03:30:00Z"), None, "Wednesday 04:30 in Berlin");
        assert_eq!(at(&two, "2026-11-21T22:59:59Z"), None);
        assert_eq!(
            at(&two, "2026-11-21T23:00:00Z").unwrap(),
            "outside of its window: the next opens Wed 2026-11-25 03:00 CET (in 3d3h)"
        );
        assert_eq!(at(&[], "2026-11-21T23:00:00Z"), None, "without a window nothing waits");
    }

    #[test]
    fn its_hours_are_real_ones_when_clocks_change() {
        // On 2026-10-25 clocks in Berlin go back from 03:00 to 02:00: 22:00 to 02:00 CET is five hours, not four.
        let night = [window("sat 22:00", "Europe/Berlin", "4h")];
        assert_eq!(at(&night, "2026-10-24T23:59:59Z"), None);
        assert!(at(&night, "2026-10-25T00:00:00Z").is_some());
    }

    #[test]
    fn one_that_lasts_until_the_next_is_always_open() {
        let always = [window("daily", "UTC", "25h")];
        for now in ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59Z"] {
            assert_eq!(at(&always, now), None, "{now}");
        }
    }

    #[test]
    fn one_that_is_over_for_good_says_so() {
        let once = [window("2026-11-20 22:00", "UTC", "1h")];
        let found = shut(&once, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(found.until, None);
        assert!(found.reason.contains("never opens again"), "{}", found.reason);
    }

    #[test]
    fn what_is_wrong_is_found_and_gives_no_window() {
        let cron =
            |text: &str| WindowSpec { calendar: None, cron: Some(text.to_owned()), ..spec("", "UTC", "1h") };
        let cases = [
            (spec("sat 22:00", "Asia/Tokio", "4h"), vec!["timeZone"]),
            (spec("sat 22:00", "UTC", "0s"), vec!["duration"]),
            (spec("*-02-30 22:00", "UTC", "1h"), vec!["calendar"]),
            (spec("sat 25:00", "UTC", "1h"), vec!["calendar"]),
            (spec("sat 22:00:0/5", "UTC", "1h"), vec!["calendar"]),
            (cron("0 22 * *"), vec!["cron"]),
            (WindowSpec { calendar: None, ..spec("", "UTC", "1h") }, vec![]),
            (WindowSpec { cron: Some("0 22 * * sat".to_owned()), ..spec("sat 22:00", "UTC", "1h") }, vec![]),
        ];
        for (spec, path) in cases {
            let (window, findings) = spec.read();
            assert_eq!(window, None, "{spec:?}");
            assert_eq!(findings.len(), 1, "{spec:?}: {findings:?}");
            assert_eq!(findings[0].path, path, "{spec:?}");
            assert!(!findings[0].message.contains("cop"), "it is about no backup: {}", findings[0].message);
        }
    }

    #[test]
    fn what_is_doubtful_is_a_window_with_a_warning() {
        let (window, findings) = spec("sat 22", "UTC", "1h").read();
        assert!(window.is_some());
        assert!(findings.iter().all(|finding| finding.warning) && findings.len() == 1, "{findings:?}");
    }
}
