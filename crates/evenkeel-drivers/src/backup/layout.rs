//! How the folders of a store are called.

use std::fmt;

use evenkeel_core::backup::slot_name;
use jiff::Timestamp;

/// Where a generation is built before it gets its number.
pub(super) const BUILDING: &str = "transfer";

/// How generations are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// By their slots: `20261120T023000Z`. They are built in place.
    Slot,
    /// By their age: `daily.0` is the newest. They are built in [`BUILDING`], then renamed.
    Numbered {
        /// What is before the number.
        before: String,
        /// What is behind it.
        behind: String,
    },
}

impl Layout {
    /// Reads what is written in a manifest.
    pub fn parse(text: &str) -> Result<Layout, String> {
        if text == "{slot}" {
            return Ok(Layout::Slot);
        }
        let Some((before, behind)) = text.split_once("{n}") else {
            return Err("is neither `{slot}` nor a name with `{n}` in it, such as `daily.{n}`".to_owned());
        };
        let plain = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || "._- ".contains(c)) && !part.starts_with(' ')
        };
        if !plain(before) || !plain(behind) {
            return Err("may have letters, digits, `.`, `_`, `-` and one `{n}`".to_owned());
        }
        if before.ends_with(|c: char| c.is_ascii_digit()) || behind.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err("has a digit beside `{n}`, so that numbers could not be told from names".to_owned());
        }
        Ok(Layout::Numbered { before: before.to_owned(), behind: behind.to_owned() })
    }

    /// The folder of number `n`; of a layout by slots there is none.
    pub fn numbered(&self, n: u32) -> Option<String> {
        match self {
            Layout::Slot => None,
            Layout::Numbered { before, behind } => Some(format!("{before}{n}{behind}")),
        }
    }

    /// The number in a folder's name.
    pub fn number(&self, folder: &str) -> Option<u32> {
        let Layout::Numbered { before, behind } = self else { return None };
        let digits = folder.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
        let n = digits.parse().ok()?;
        (self.numbered(n).as_deref() == Some(folder)).then_some(n)
    }

    /// The folder in which a slot's generation is built.
    pub fn building(&self, slot: Timestamp) -> String {
        match self {
            Layout::Slot => slot_name(slot),
            Layout::Numbered { .. } => BUILDING.to_owned(),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Slot => f.write_str("{slot}"),
            Layout::Numbered { before, behind } => write!(f, "{before}{{n}}{behind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_the_name_that_it_makes_and_in_no_other() {
        let layout = Layout::parse("daily.{n}").unwrap();
        assert_eq!(layout.number("daily.12"), Some(12));
        for other in
            ["daily.", "daily.01", "daily.+1", "daily.1x", "weekly.1", "daily.99999999999", "Daily.1"]
        {
            assert_eq!(layout.number(other), None, "{other}");
        }
        assert_eq!(layout.to_string(), "daily.{n}");
    }

    #[test]
    fn names_that_lead_elsewhere_or_say_nothing_are_refused() {
        for bad in ["", "daily", "a/{n}", "../{n}", "{n}{n}", "1{n}", "{n}2", "{slot}.{n}"] {
            assert!(Layout::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Layout::parse("{slot}"), Ok(Layout::Slot));
    }
}
