//! Somebody else keeps setting what is put right: stop, and say so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// Corrections longer ago than this do not count.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// When each field of a resource was put right of late.
pub(super) type Corrections = BTreeMap<String, Vec<Timestamp>>;

/// Notes that these fields were put right, and forgets what is long ago.
pub(super) fn note<'f>(corrections: &mut Corrections, fields: impl Iterator<Item = &'f str>, now: Timestamp) {
    for field in fields {
        corrections.entry(field.to_owned()).or_default().push(now);
    }
    let is_recent = |at: &Timestamp| now.duration_since(*at) < WINDOW;
    corrections.retain(|_, times| {
        times.retain(is_recent);
        !times.is_empty()
    });
}

/// Why the resource is not put right any more, where a field was already put right `limit` times within a day.
pub(super) fn stopped(corrections: &Corrections, limit: u16, now: Timestamp) -> Option<String> {
    let recent = |times: &[Timestamp]| times.iter().filter(|at| now.duration_since(**at) < WINDOW).count();
    let (field, times) = corrections.iter().find(|(_, times)| recent(times) >= usize::from(limit))?;
    let first = times.iter().find(|at| now.duration_since(**at) < WINDOW)?;
    Some(format!(
        "{field} was put right {} times since {first:.0} and somebody sets it again: find out who, then change the manifest or run `evenkeel reconcile --now`",
        recent(times)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_field_put_back_too_often_stops_it_for_a_day() {
        let start: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        let at = |hours: i64| start.saturating_add(SignedDuration::from_hours(hours)).unwrap();
        let mut corrections = Corrections::new();
        note(&mut corrections, ["a", "b"].into_iter(), at(0));
        note(&mut corrections, ["a"].into_iter(), at(1));
        assert_eq!(stopped(&corrections, 3, at(1)), None);
        note(&mut corrections, ["a"].into_iter(), at(2));
        let said = stopped(&corrections, 3, at(2)).unwrap();
        assert!(said.starts_with("a was put right 3 times since 2026-11-20T00:00:00Z"), "{said}");
        assert!(stopped(&corrections, 3, at(23)).is_some());
        assert_eq!(stopped(&corrections, 3, at(25)), None, "a day later it may try again");
        note(&mut corrections, [].into_iter(), at(40));
        assert!(corrections.is_empty());
    }
}
