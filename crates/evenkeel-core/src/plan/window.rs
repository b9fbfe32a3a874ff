//! Maintenance windows: when changes may be sent, and when they may not.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::backup::{Schedule, Spans, Zone};
use crate::diagnostic::Location;
use crate::driver::{Finding, Risk};
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
    /// How long it stays open, as clocks on the wall show it: `4h`. What was begun by then is ended.
    pub duration: Period,
}

/// What an open window does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Effect {
    /// Changes may be sent while this window, or another one of this effect, is open.
    #[default]
    Allow,
    /// No change is sent while it is open, whatever other windows say.
    Deny,
}

/// The changes that a window is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AppliesTo {
    /// Those that interrupt, or are riskier than that.
    #[default]
    Disruptive,
    /// Safe ones as well.
    All,
}

/// A window that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    hours: Spans,
    pub(super) effect: Effect,
    applies_to: AppliesTo,
    origin: Option<Arc<Origin>>,
}

/// Where a window comes from that has a manifest of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its name.
    pub(crate) name: String,
    /// Where its manifest begins.
    pub(crate) location: Location,
    /// What is told of it while it holds something.
    pub(crate) reason: Option<String>,
}

impl WindowSpec {
    /// The window, which lets changes that interrupt through; or what is wrong with it. Paths begin in the window.
    /// Warnings come with it.
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
        let is_right = findings.iter().all(|finding| finding.warning);
        (is_right.then(|| self.window(&opens)).flatten(), findings)
    }

    fn window(&self, opens: &Schedule) -> Option<Window> {
        let zone = Zone::read(Some(&self.time_zone), &Replies::default()).ok()?.zone;
        let duration = SignedDuration::try_from(std::time::Duration::from(self.duration)).ok()?;
        let hours = Spans::new(opens, zone, duration)?;
        Some(Window { hours, effect: Effect::Allow, applies_to: AppliesTo::Disruptive, origin: None })
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
    /// This window as one that a manifest of its own describes.
    #[must_use]
    pub(crate) fn from(self, origin: Arc<Origin>, effect: Effect, applies_to: AppliesTo) -> Self {
        Window { effect, applies_to, origin: Some(origin), ..self }
    }

    /// True where `other` says the same, wherever that is written.
    pub fn is_alike(&self, other: &Window) -> bool {
        let words = |window: &Window| {
            window.origin.as_ref().map(|origin| (origin.name.clone(), origin.reason.clone()))
        };
        (&self.hours, self.effect, self.applies_to) == (&other.hours, other.effect, other.applies_to)
            && words(self) == words(other)
    }

    /// True where it never opens again.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.open_until(now).is_none() && self.opens_after(now).is_none()
    }

    /// True where it is for changes of this risk, which is not true of a window that lets only riskier ones through.
    pub(super) fn is_for(&self, risk: Risk) -> bool {
        risk >= Risk::Disruptive || self.applies_to == AppliesTo::All
    }

    /// When it closes, if it is open at `now`.
    pub(super) fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours.end_of_current(now)
    }

    /// When it opens for the first time after `now`.
    pub(super) fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours.next_begin(now)
    }

    /// A moment as clocks in its zone show it: `Sat 2026-11-28 22:00 JST`.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.hours.zone().clone()).strftime("%a %Y-%m-%d %H:%M %Z").to_string()
    }

    /// Its name and place, where it has a manifest of its own: `new-year (windows.yaml:3:1)`.
    pub(super) fn title(&self) -> Option<String> {
        self.origin.as_ref().map(|origin| format!("{} ({})", origin.name, origin.location))
    }

    /// What its manifest says of why it is there, behind a colon.
    pub(super) fn reason(&self) -> String {
        let reason = self.origin.as_ref().and_then(|origin| origin.reason.as_ref());
        reason.map(|reason| format!(": {reason}")).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use jiff::tz::TimeZone;

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

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn is_open(window: &Window, at: Timestamp) -> bool {
        window.open_until(at).is_some()
    }

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    /// Zone, opening, duration, and the moments between which it is open, worked out by hand.
    const NIGHTS: &[(&str, &str, &str, &str, &str)] = &[
        // Clocks go forward on 2026-03-29 at 01:00Z: 02:00 CET is 03:00 CEST.
        ("Europe/Berlin", "2026-03-28 22:00", "8h", "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
        ("Europe/Berlin", "2026-03-29 01:30", "1h", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/Berlin", "2026-03-29 02:30", "1h", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"),
        ("Europe/Berlin", "2026-03-29 03:00", "1h", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"),
        // They go back on 2026-10-25 at 01:00Z: 03:00 CEST is 02:00 CET.
        ("Europe/Berlin", "2026-10-24 22:00", "8h", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
        ("Europe/Berlin", "2026-10-24 22:00", "4h", "2026-10-24T20:00:00Z", "2026-10-25T00:00:00Z"),
        ("Europe/Berlin", "2026-10-25 01:30", "1h", "2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "2026-10-25 02:00", "30m", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "2026-10-25 02:30", "30m", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"),
        ("Europe/Berlin", "2026-10-23 18:00", "60h", "2026-10-23T16:00:00Z", "2026-10-26T05:00:00Z"),
        // New York: forward on 2026-03-08 at 07:00Z, back on 2026-11-01 at 06:00Z.
        ("America/New_York", "2026-03-08 01:00", "3h", "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z"),
        ("America/New_York", "2026-11-01 01:00", "3h", "2026-11-01T05:00:00Z", "2026-11-01T09:00:00Z"),
        ("America/New_York", "2026-11-01 00:30", "1h", "2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"),
        // Lord Howe's clocks go by half an hour: forward on 2026-10-03 at 15:30Z, back on 2026-04-04 at 15:00Z.
        ("Australia/Lord_Howe", "2026-10-03 22:00", "8h", "2026-10-03T11:30:00Z", "2026-10-03T19:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "1h", "2026-10-03T15:30:00Z", "2026-10-03T16:15:00Z"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "1h", "2026-04-04T14:45:00Z", "2026-04-04T16:15:00Z"),
        // Santiago's go at midnight: back on 2026-04-05 at 03:00Z, forward on 2026-09-06 at 04:00Z.
        ("America/Santiago", "2026-09-06 00:00", "2h", "2026-09-06T04:00:00Z", "2026-09-06T05:00:00Z"),
        ("America/Santiago", "2026-04-04 23:00", "2h", "2026-04-05T02:00:00Z", "2026-04-05T05:00:00Z"),
        ("America/Santiago", "2026-04-04 22:00", "90m", "2026-04-05T01:00:00Z", "2026-04-05T02:30:00Z"),
        // Havana's go back to midnight, on 2026-11-01 at 05:00Z.
        ("America/Havana", "2026-11-01 00:00", "1h", "2026-11-01T04:00:00Z", "2026-11-01T06:00:00Z"),
        // Spring in Sydney is in October: forward on 2026-10-03 at 16:00Z, back on 2026-04-04 at 16:00Z.
        ("Australia/Sydney", "2026-10-03 22:00", "8h", "2026-10-03T12:00:00Z", "2026-10-03T19:00:00Z"),
        ("Australia/Sydney", "2026-04-04 22:00", "8h", "2026-04-04T11:00:00Z", "2026-04-04T20:00:00Z"),
        // Apia had no 2011-12-30: it ends where that would have been.
        ("Pacific/Apia", "2011-12-29 22:00", "8h", "2011-12-30T08:00:00Z", "2011-12-30T10:00:00Z"),
        // Tokyo's clocks never change.
        ("Asia/Tokyo", "2026-03-28 22:00", "8h", "2026-03-28T13:00:00Z", "2026-03-28T21:00:00Z"),
        ("UTC", "2026-10-25 02:00", "30m", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"),
    ];

    #[test]
    fn it_keeps_the_times_on_the_wall_when_clocks_change() {
        for &(zone, opens, duration, from, to) in NIGHTS {
            let window = window(opens, zone, duration);
            let (from, to) = (moment(from), moment(to));
            for (at, expected) in
                [(from - SECOND, false), (from, true), (to - SECOND, true), (to, false), (to + SECOND, false)]
            {
                assert_eq!(is_open(&window, at), expected, "{opens} {zone} for {duration}, at {at}");
            }
            assert_eq!(window.open_until(from), Some(to), "{opens} {zone}");
            assert_eq!(window.opens_after(from - SECOND), Some(from), "{opens} {zone}");
            assert_eq!(window.opens_after(from), None, "{opens} {zone}: once is enough");
            // An hour after its end in a fold, clocks may show its times again.
            assert!(!is_open(&window, to + SECOND * 3_600), "{opens} {zone}");
        }
    }

    #[test]
    fn what_lies_in_a_gap_altogether_does_not_come_that_day() {
        for (zone, opens, duration, gap) in [
            ("Europe/Berlin", "2026-03-29 02:15", "30m", "2026-03-29T01:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-04 02:00", "30m", "2026-10-03T15:30:00Z"),
            ("Pacific/Apia", "2011-12-30 10:00", "2h", "2011-12-30T10:00:00Z"),
        ] {
            let (window, gap) = (window(opens, zone, duration), moment(gap));
            for minutes in -120..=120 {
                let at = gap + SignedDuration::from_mins(minutes);
                assert!(!is_open(&window, at), "{opens} {zone} at {at}");
            }
            assert!(window.is_over(moment("2011-12-01T00:00:00Z")), "{opens} {zone}: it never comes");
        }
        let weekly = window("sun 02:15", "Europe/Berlin", "30m");
        assert_eq!(
            weekly.opens_after(moment("2026-03-28T12:00:00Z")),
            Some(moment("2026-04-05T00:15:00Z")),
            "it is passed over, and comes a week later"
        );
    }

    #[test]
    fn where_slots_come_every_hour_minutes_are_real_ones() {
        let cron = WindowSpec {
            calendar: None,
            cron: Some("50 * * * *".to_owned()),
            ..spec("", "Europe/Berlin", "20m")
        };
        let hourly = cron.read().0.unwrap();
        for (from, to) in [
            ("2026-10-25T00:50:00Z", "2026-10-25T01:10:00Z"),
            ("2026-10-25T01:50:00Z", "2026-10-25T02:10:00Z"),
            ("2026-03-29T01:50:00Z", "2026-03-29T02:10:00Z"),
        ] {
            assert_eq!(hourly.open_until(moment(from)), Some(moment(to)), "{from}");
            assert!(!is_open(&hourly, moment(to)), "{to}");
        }
        let steady = WindowSpec {
            calendar: None,
            every: Some("7h".parse().unwrap()),
            ..spec("", "Europe/Berlin", "2h")
        };
        let steady = steady.read().0.unwrap();
        let begin = steady.opens_after(moment("2026-10-24T20:00:00Z")).unwrap();
        assert_eq!(steady.open_until(begin), Some(begin + SignedDuration::from_hours(2)));
    }

    /// The first quarter of an hour at which clocks show `local`, or later than that.
    fn first(quarters: &[(Timestamp, DateTime)], local: DateTime) -> Timestamp {
        quarters.iter().find(|(_, shown)| *shown >= local).unwrap().0
    }

    #[test]
    fn it_is_open_from_the_first_time_that_clocks_show_its_begin_to_the_first_time_that_they_show_its_end() {
        let quarter = SignedDuration::from_mins(15);
        for (name, turn) in [
            ("Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("America/New_York", "2026-11-01T06:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
            ("America/Santiago", "2026-09-06T04:00:00Z"),
            ("America/Santiago", "2026-04-05T03:00:00Z"),
        ] {
            let (zone, turn) = (TimeZone::get(name).unwrap(), moment(turn));
            let quarters: Vec<(Timestamp, DateTime)> =
                (-60..=60).map(|nth| turn + quarter * nth).map(|at| (at, zone.to_datetime(at))).collect();
            let midway = zone.to_datetime(turn - SignedDuration::from_hours(3));
            for begin in (0..24).map(|nth| midway.checked_add(quarter * nth).unwrap()) {
                for minutes in [15, 30, 60, 135, 420] {
                    let end = begin.checked_add(SignedDuration::from_mins(minutes)).unwrap();
                    let opens = begin.strftime("%Y-%m-%d %H:%M").to_string();
                    let window = window(&opens, name, &format!("{minutes}m"));
                    let (from, to) = (first(&quarters, begin), first(&quarters, end));
                    for (at, _) in &quarters {
                        let expected = from <= *at && *at < to;
                        assert_eq!(is_open(&window, *at), expected, "{opens} {name}, {minutes}m, at {at}");
                    }
                }
            }
        }
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

    #[test]
    fn windows_are_alike_wherever_they_are_written() {
        let origin = |line: usize, reason: &str| {
            let location = Location { file: "f.yaml".to_owned(), line, column: 1 };
            Arc::new(Origin { name: "freeze".to_owned(), location, reason: Some(reason.to_owned()) })
        };
        let of = |origin, effect| window("sat 22:00", "UTC", "1h").from(origin, effect, AppliesTo::All);
        let one = of(origin(1, "a"), Effect::Deny);
        assert!(one.is_alike(&of(origin(9, "a"), Effect::Deny)));
        assert!(!one.is_alike(&of(origin(1, "b"), Effect::Deny)));
        assert!(!one.is_alike(&of(origin(1, "a"), Effect::Allow)));
        assert!(!one.is_alike(&window("sat 22:00", "UTC", "1h")));
    }
}
