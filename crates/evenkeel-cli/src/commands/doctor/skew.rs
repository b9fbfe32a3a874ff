//! How far two clocks are apart, by one question.

use jiff::Timestamp;

/// Seconds by which a clock is ahead of ours (behind: below 0), at least: it said `second` some time between `asked` and
/// `answered`, and that second was not over yet. 0 where they may be the same.
pub(super) fn skew(asked: Timestamp, answered: Timestamp, second: i64) -> i64 {
    let earliest = asked.as_second();
    let latest = answered.as_second();
    if second > latest {
        second.saturating_sub(latest)
    } else if second < earliest {
        second.saturating_sub(earliest)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_question_took_is_allowed_for() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (asked, answered) = (at("2026-11-21T18:00:00.9Z"), at("2026-11-21T18:00:02.1Z"));
        let second = asked.as_second();
        let cases = [(0, 0), (1, 0), (2, 0), (3, 1), (62, 60), (-1, -1), (-60, -60)];
        for (ahead, expected) in cases {
            assert_eq!(skew(asked, answered, second + ahead), expected, "{ahead}");
        }
    }
}
