//! Who changed what differs, as far as the target itself tells.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diff::{FieldChange, FieldPath};
use crate::plan::Action;

/// A target tells of no more changes of one object than these.
const MOST: usize = 16;

/// The longest text that is taken over from a target, in characters.
const LONGEST: usize = 200;

/// A difference that somebody made: the object was as its manifest says before.
#[derive(Debug, Clone, Copy)]
pub struct Drift<'a> {
    /// Create, where the object is gone; Update or Replace.
    pub action: Action,
    /// The fields that differ.
    pub changes: &'a [FieldChange],
}

/// One thing that the target tells of how a difference came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    /// The fields that were changed by it. Empty: the object as a whole, which is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPath>,
    /// Who did it: `root@pve1`. `None`: the target does not say, which does not mean nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, by the target's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The command or task, in the words of the target: `zfs set atime=on POOL1`.
    pub how: String,
    /// What told it: `zpool history`.
    pub source: String,
}

impl Attribution {
    /// Of what a driver found, so much as is kept: few, short, and without characters that a terminal would obey.
    pub(super) fn bounded(found: Vec<Attribution>) -> Vec<Attribution> {
        let short = |one: Attribution| Attribution {
            by: one.by.map(|by| plain(&by)),
            how: plain(&one.how),
            source: plain(&one.source),
            ..one
        };
        found.into_iter().take(MOST).map(short).collect()
    }
}

/// `changed by root@pve1 at 2026-11-21T02:13:00Z (zfs set atime=on POOL1)`
impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.fields.is_empty() { "removed" } else { "changed" };
        match &self.by {
            Some(by) => write!(f, "{what} by {by}")?,
            None => f.write_str(what)?,
        }
        if let Some(at) = self.at {
            write!(f, " at {at:.0}")?;
        }
        match self.by {
            Some(_) => write!(f, " ({})", self.how),
            None => write!(f, " ({} says `{}`, and not by whom)", self.source, self.how),
        }
    }
}

/// One line without control characters, cut where it is long.
fn plain(text: &str) -> String {
    let mut plain: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(by: Option<&str>, how: &str) -> Attribution {
        Attribution {
            fields: vec![FieldPath::of(["properties", "atime"])],
            by: by.map(str::to_owned),
            at: Some("2026-11-21T02:13:00Z".parse().unwrap()),
            how: how.to_owned(),
            source: "zpool history".to_owned(),
        }
    }

    #[test]
    fn it_is_one_sentence_with_and_without_a_name() {
        assert_eq!(
            one(Some("root@pve1"), "zfs set atime=on POOL1").to_string(),
            "changed by root@pve1 at 2026-11-21T02:13:00Z (zfs set atime=on POOL1)"
        );
        assert_eq!(
            one(None, "set POOL1 atime=1").to_string(),
            "changed at 2026-11-21T02:13:00Z (zpool history says `set POOL1 atime=1`, and not by whom)"
        );
        let gone = Attribution { fields: vec![], at: None, ..one(Some("root@pve1"), "zfs destroy POOL1/a") };
        assert_eq!(gone.to_string(), "removed by root@pve1 (zfs destroy POOL1/a)");
    }

    #[test]
    fn what_is_kept_is_bounded_and_harmless() {
        let long = "x".repeat(5000);
        let kept = Attribution::bounded(vec![one(Some("a\u{1b}[2Jb\nc"), &long); 40]);
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept[0].by.as_deref(), Some("a [2Jb c"));
        assert_eq!(kept[0].how.chars().count(), LONGEST + 1);
    }
}
