//! Spans of time as people write them: `30s`, `5m`, `1h30m`, `2d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The units, with their seconds, longest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A longer one is a slip of the pen: ten years.
const LONGEST: u64 = 3_653 * 86_400;

/// A span of time in whole seconds, written with units: `30s`, `5m`, `1h30m`, `2d`, `1w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct Period(#[schemars(with = "String", regex(pattern = r"^([0-9]+[wdhms])+$"))] u64);

impl Period {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Period(seconds)
    }

    /// So many minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Period(minutes * 60)
    }

    /// So many days.
    pub const fn days(days: u64) -> Self {
        Period(days * 86_400)
    }

    /// So many seconds, as an age is told: in the two largest units that say anything (`2d4h`, `35s`), for of an age of
    /// days nobody asks for the seconds.
    pub const fn coarse(seconds: u64) -> Self {
        let finest = match seconds {
            604_800.. => 86_400,
            86_400.. => 3_600,
            3_600.. => 60,
            _ => 1,
        };
        Period(seconds - seconds % finest)
    }

    /// In seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Duration::from_secs(period.0)
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a time span such as 30s, 5m, 1h30m or 2d, found \"{text}\"");
        let (mut total, mut number) = (0_u64, None::<u64>);
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                let next = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
                number = Some(next.ok_or_else(wrong)?);
                continue;
            }
            let unit = UNITS.iter().find(|(name, _)| *name == c).ok_or_else(wrong)?.1;
            let part = number.take().and_then(|n| n.checked_mul(unit)).ok_or_else(wrong)?;
            total = total.checked_add(part).ok_or_else(wrong)?;
        }
        if text.is_empty() || number.is_some() {
            return Err(wrong());
        }
        if total > LONGEST {
            return Err(format!("{text} is longer than ten years"));
        }
        Ok(Period(total))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (name, seconds) in UNITS {
            if rest >= seconds {
                write!(f, "{}{name}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_with_its_units_and_written_the_same_way() {
        for (text, seconds) in
            [("0s", 0), ("30s", 30), ("5m", 300), ("1h30m", 5_400), ("2d", 172_800), ("1w", 604_800)]
        {
            let read: Period = text.parse().unwrap();
            assert_eq!((read.as_seconds(), read.to_string()), (seconds, text.to_owned()));
        }
        assert_eq!("90m".parse::<Period>().unwrap().to_string(), "1h30m");
    }

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (75, "1m15s"),
            (3_725, "1h2m"),
            (187_199, "2d3h"),
            (1_300_000, "2w1d"),
            (172_800, "2d"),
        ] {
            assert_eq!(Period::coarse(seconds).to_string(), text, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_span_of_time_is_refused() {
        for text in ["", "5", "m", "5 m", "-5m", "1.5h", "5x", "99999999999999999999s", "5000d"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
