//! What has to wait for a window, and until when.

use jiff::Timestamp;

use super::window::{Effect, Window};
use crate::driver::{Risk, Step};
use crate::period::Period;

/// So many openings and closings are looked through for a moment at which nothing holds: a few years of weekly windows.
const PATIENCE: usize = 200;

/// That something has to wait at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shut {
    /// When it may go on, as far as windows are concerned. `None`: never, or not within any time worth waiting for.
    pub(super) until: Option<Timestamp>,
    /// For who reads what is held.
    pub(super) reason: String,
}

/// `None` where no window keeps `steps` from being sent at `now`.
pub(super) fn shut(windows: &[Window], steps: &[Step], now: Timestamp) -> Option<Shut> {
    let risk = steps.iter().map(Step::risk).max()?;
    if windows.is_empty() {
        return None;
    }
    let rules = Rules::of(windows, risk);
    let denied = rules.denial(now);
    if denied.is_none() && rules.is_allowed(now) {
        return None;
    }
    let until = rules.next_passage(now);
    let reason = match denied {
        Some((window, end)) => denied_by(window, end, until, now),
        None => rules.outside(until, now),
    };
    Some(Shut { until, reason })
}

/// The windows that count for changes of one risk.
struct Rules<'w> {
    /// One of these must be open, if there are any.
    allow: Vec<&'w Window>,
    /// None of these may be.
    deny: Vec<&'w Window>,
}

impl<'w> Rules<'w> {
    fn of(windows: &'w [Window], risk: Risk) -> Self {
        let (allow, deny): (Vec<&Window>, Vec<&Window>) =
            windows.iter().partition(|window| window.effect == Effect::Allow);
        // What lets riskier changes through lets safe ones through, too; but it asks nothing of them.
        let is_asked = allow.iter().any(|window| window.is_for(risk));
        let deny = deny.into_iter().filter(|window| window.is_for(risk)).collect();
        Rules { allow: if is_asked { allow } else { Vec::new() }, deny }
    }

    fn is_allowed(&self, at: Timestamp) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|window| window.open_until(at).is_some())
    }

    /// Of the windows that deny it at a moment, the one that closes last, and when.
    fn denial(&self, at: Timestamp) -> Option<(&'w Window, Timestamp)> {
        self.deny
            .iter()
            .filter_map(|window| Some((*window, window.open_until(at)?)))
            .max_by_key(|(_, end)| *end)
    }

    /// The first moment from `now` on at which nothing holds.
    fn next_passage(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..PATIENCE {
            if let Some((_, end)) = self.denial(at) {
                at = end;
            } else if self.is_allowed(at) {
                return Some(at);
            } else {
                at = self.allow.iter().filter_map(|window| window.opens_after(at)).min()?;
            }
        }
        None
    }

    fn outside(&self, until: Option<Timestamp>, now: Timestamp) -> String {
        let opening = |at: Timestamp| self.allow.iter().find(|window| window.open_until(at).is_some());
        if let Some((at, window)) = until.and_then(|at| Some((at, opening(at)?))) {
            let title = window.title().map(|title| format!(" is {title} and")).unwrap_or_default();
            return format!(
                "outside of its window: the next{title} opens {} (in {}){}",
                window.clock(at),
                wait(now, at),
                window.reason()
            );
        }
        if self.allow.iter().any(|window| window.opens_after(now).is_some()) {
            let names: Vec<String> = self.deny.iter().filter_map(|window| window.title()).collect();
            return format!(
                "outside of its window, which is never open while {} is not: change one of them",
                names.join(", ")
            );
        }
        let names: Vec<String> = self.allow.iter().filter_map(|window| window.title()).collect();
        let which = if names.is_empty() { "`window` in the manifest".to_owned() } else { names.join(", ") };
        format!("outside of its window, which never opens again: change {which}")
    }
}

/// What is told of a change that a window denies until `end`, and that may be sent from `until` on.
fn denied_by(window: &Window, end: Timestamp, until: Option<Timestamp>, now: Timestamp) -> String {
    let title = window.title().unwrap_or_else(|| "a window".to_owned());
    let begin = format!(
        "denied by the window {title} until {} (in {}){}",
        window.clock(end),
        wait(now, end),
        window.reason()
    );
    match until {
        Some(at) if at == end => begin,
        Some(at) => {
            format!("{begin}; no window lets it go on before {} (in {})", window.clock(at), wait(now, at))
        }
        None => format!("{begin}; no window ever lets it go on: change one of them"),
    }
}

fn wait(now: Timestamp, at: Timestamp) -> Period {
    let seconds = u64::try_from(at.duration_since(now).as_secs()).unwrap_or_default();
    Period::coarse(seconds.max(1))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Location;
    use crate::plan::window::{AppliesTo, Origin, WindowSpec};
    use crate::request::{Exec, Request};

    fn own(calendar: &str, zone: &str, duration: &str) -> Window {
        let spec = WindowSpec {
            every: None,
            cron: None,
            calendar: Some(calendar.to_owned()),
            time_zone: zone.to_owned(),
            duration: duration.parse().unwrap(),
        };
        spec.read().0.unwrap()
    }

    fn named(name: &str, effect: Effect, applies_to: AppliesTo, own: Window) -> Window {
        let location = Location { file: "w.yaml".to_owned(), line: 3, column: 1 };
        let reason = (effect == Effect::Deny).then(|| "year end".to_owned());
        own.from(Arc::new(Origin { name: name.to_owned(), location, reason }), effect, applies_to)
    }

    /// The end of the year, in Berlin.
    fn freeze(applies_to: AppliesTo) -> Window {
        named("freeze", Effect::Deny, applies_to, own("2026-12-24 00:00", "Europe/Berlin", "10d"))
    }

    fn steps(risk: Risk) -> Vec<Step> {
        let step = Step::new(Request::Exec(Exec::new(["x"])));
        vec![if risk == Risk::Safe { step } else { step.hazard(risk, "a", "says") }]
    }

    fn at(windows: &[Window], now: &str) -> Option<String> {
        risky(windows, Risk::Disruptive, now)
    }

    fn risky(windows: &[Window], risk: Risk, now: &str) -> Option<String> {
        shut(windows, &steps(risk), now.parse().unwrap()).map(|shut| shut.reason)
    }

    #[test]
    fn it_is_open_from_its_slot_on_and_not_at_its_end() {
        let saturday = [own("sat 22:00", "Asia/Tokyo", "4h")];
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
        let two = [own("sat 22:00", "UTC", "1h"), own("wed 03:00", "Europe/Berlin", "2h")];
        assert_eq!(at(&two, "2026-11-25T03:30:00Z"), None, "Wednesday 04:30 in Berlin");
        assert_eq!(at(&two, "2026-11-21T22:59:59Z"), None);
        assert_eq!(
            at(&two, "2026-11-21T23:00:00Z").unwrap(),
            "outside of its window: the next opens Wed 2026-11-25 03:00 CET (in 3d3h)"
        );
        assert_eq!(at(&[], "2026-11-21T23:00:00Z"), None, "without a window nothing waits");
        assert_eq!(shut(&two, &[], "2026-11-21T23:00:00Z".parse().unwrap()), None, "nor what sends nothing");
    }

    #[test]
    fn one_that_lasts_until_the_next_is_always_open() {
        let always = [own("daily", "UTC", "25h")];
        for now in ["2026-11-21T00:00:00Z", "2026-11-21T23:59:59Z"] {
            assert_eq!(at(&always, now), None, "{now}");
        }
    }

    #[test]
    fn one_that_is_over_for_good_says_so() {
        let once = [own("2026-11-20 22:00", "UTC", "1h")];
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let found = shut(&once, &steps(Risk::Disruptive), now).unwrap();
        assert_eq!(found.until, None);
        assert_eq!(
            found.reason,
            "outside of its window, which never opens again: change `window` in the manifest"
        );
    }

    #[test]
    fn one_that_denies_holds_whatever_others_say() {
        let both = [own("daily", "UTC", "25h"), freeze(AppliesTo::Disruptive)];
        assert_eq!(at(&both, "2026-12-23T22:59:59Z"), None);
        assert_eq!(
            at(&both, "2026-12-23T23:00:00Z").unwrap(),
            "denied by the window freeze (w.yaml:3:1) until Sun 2027-01-03 00:00 CET (in 1w3d): year end"
        );
        assert_eq!(at(&both, "2027-01-02T23:00:00Z"), None);
        assert_eq!(at(&[freeze(AppliesTo::Disruptive)], "2026-11-21T00:00:00Z"), None, "it allows all else");
    }

    #[test]
    fn what_waits_goes_on_when_nothing_denies_it_and_something_allows_it() {
        let both = [own("sat 22:00", "UTC", "4h"), freeze(AppliesTo::Disruptive)];
        let found = |now: &str| shut(&both, &steps(Risk::Disruptive), now.parse().unwrap()).unwrap();
        // Of the Saturdays 26 December and 2 January, the second is still open when the freeze ends, at 23:00Z.
        let inside = found("2026-12-26T12:00:00Z");
        assert_eq!(inside.until, Some("2027-01-02T23:00:00Z".parse().unwrap()));
        assert!(!inside.reason.contains("before"), "{}", inside.reason);
        let outside = found("2026-12-20T12:00:00Z");
        assert_eq!(outside.until, Some("2027-01-02T23:00:00Z".parse().unwrap()), "the 26th does not count");
        let weekday = [own("wed 22:00", "UTC", "4h"), freeze(AppliesTo::Disruptive)];
        let found =
            shut(&weekday, &steps(Risk::Disruptive), "2026-12-26T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(
            found.reason,
            "denied by the window freeze (w.yaml:3:1) until Sun 2027-01-03 00:00 CET (in 1w): year end; \
             no window lets it go on before Wed 2027-01-06 23:00 CET (in 1w4d)"
        );
    }

    #[test]
    fn the_end_that_is_told_is_that_of_the_window_that_denies_longest() {
        let night = named("night", Effect::Deny, AppliesTo::Disruptive, own("2026-12-24 20:00", "UTC", "2h"));
        let reason = at(&[night, freeze(AppliesTo::Disruptive)], "2026-12-24T21:00:00Z").unwrap();
        assert!(reason.starts_with("denied by the window freeze"), "{reason}");
    }

    #[test]
    fn a_window_with_a_name_is_told_by_it() {
        let named = [named("night", Effect::Allow, AppliesTo::Disruptive, own("sat 22:00", "UTC", "4h"))];
        assert_eq!(
            at(&named, "2026-11-20T12:00:00Z").unwrap(),
            "outside of its window: the next is night (w.yaml:3:1) and opens Sat 2026-11-21 22:00 UTC (in 1d10h)"
        );
    }

    #[test]
    fn safe_changes_wait_only_for_windows_that_are_for_all() {
        let now = "2026-12-26T12:00:00Z";
        for (applies_to, holds) in [(AppliesTo::Disruptive, false), (AppliesTo::All, true)] {
            let night = || named("night", Effect::Allow, applies_to, own("sat 22:00", "UTC", "4h"));
            for windows in
                [vec![freeze(applies_to)], vec![night()], vec![night(), own("sun 22:00", "UTC", "1h")]]
            {
                assert_eq!(risky(&windows, Risk::Safe, now).is_some(), holds, "{windows:?}");
                for risk in [Risk::Disruptive, Risk::Destructive, Risk::DataLoss] {
                    assert!(risky(&windows, risk, now).is_some(), "{risk:?} {windows:?}");
                }
            }
        }
        // What is open for riskier changes is open for safe ones.
        let all = named("night", Effect::Allow, AppliesTo::All, own("sun 22:00", "UTC", "4h"));
        assert_eq!(risky(&[all, own("sat 12:00", "UTC", "1h")], Risk::Safe, now), None);
    }

    #[test]
    fn windows_that_leave_no_time_say_so() {
        let never = named("never", Effect::Deny, AppliesTo::All, own("daily", "UTC", "24h"));
        let found = |windows: &[Window]| {
            shut(windows, &steps(Risk::Safe), "2026-11-21T12:00:00Z".parse().unwrap()).unwrap()
        };
        assert_eq!(found(std::slice::from_ref(&never)).until, None);
        let nights = named("nights", Effect::Deny, AppliesTo::All, own("*-*-* 21:00", "UTC", "6h"));
        let night = named("night", Effect::Allow, AppliesTo::All, own("*-*-* 22:00", "UTC", "4h"));
        assert_eq!(
            found(&[nights, night]).reason,
            "outside of its window, which is never open while nights (w.yaml:3:1) is not: change one of them"
        );
    }
}
