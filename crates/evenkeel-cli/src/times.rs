//! Times as people write them, and spans as people read them.

use evenkeel_core::period::Period;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::error::CliError;

/// A time that was written: with its zone, as a local date or date and time, or as a span before `now`.
pub(crate) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, CliError> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    // A date alone is its midnight.
    if let Ok(local) = text.parse::<DateTime>()
        && let Ok(at) = local.to_zoned(zone.clone())
    {
        return Ok(at.timestamp());
    }
    let span = text.strip_suffix("ago").unwrap_or(text).trim_end();
    if let Ok(before) = span.parse::<Period>()
        && let Ok(seconds) = i64::try_from(before.as_seconds())
        && let Ok(at) = now.checked_sub(SignedDuration::from_secs(seconds))
    {
        return Ok(at);
    }
    Err(CliError::new(format!("`{text}` is no time")).hint(
        "write 2026-11-20T18:00:00Z, 2026-11-20, 2026-11-20T18:00, or a span before now such as 2h or 3d",
    ))
}

/// A time to the second, in a form that `--at` takes.
pub(crate) fn shown(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// How long from `from` to `to`, by its two largest units: `2d4h`, `35s`. Nothing is shorter than `0s`.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0);
    Period::coarse(seconds).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_read_in_every_form() {
        let now = at("2026-11-20T18:00:00Z");
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        for (text, time) in [
            ("2026-11-20T17:30:00Z", "2026-11-20T17:30:00Z"),
            ("2026-11-20T17:30:00+02:00", "2026-11-20T15:30:00Z"),
            ("2026-11-20", "2026-11-19T15:00:00Z"),
            ("2026-11-20T18:15", "2026-11-20T09:15:00Z"),
            ("2026-11-20 18:15:30", "2026-11-20T09:15:30Z"),
            ("2h", "2026-11-20T16:00:00Z"),
            ("3d ago", "2026-11-17T18:00:00Z"),
            ("1h30m", "2026-11-20T16:30:00Z"),
        ] {
            assert_eq!(parse(text, now, &zone).unwrap(), at(time), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "-2h", "5000d", "12"] {
            let error = parse(text, now, &zone).unwrap_err().to_string();
            assert!(error.contains("is no time") && error.contains("hint: write 2026"), "{text}: {error}");
        }
    }

    #[test]
    fn spans_are_short() {
        let span = |seconds: i64| {
            let from = at("2026-11-20T18:00:00Z");
            span(from, from + SignedDuration::from_secs(seconds))
        };
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (35, "35s"),
            (125, "2m5s"),
            (7_265, "2h1m"),
            (187_500, "2d4h"),
            (864_000, "1w3d"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn a_shown_time_is_to_the_second_and_can_be_read_again() {
        let time = at("2026-11-20T18:00:07.987654321Z");
        assert_eq!(shown(time), "2026-11-20T18:00:07Z");
    }
}
