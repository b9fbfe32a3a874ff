//! How many hosts of a cluster are changed at once, and when the rest is left alone.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::period::Period;

/// The hosts that one host is changed with, and how many of them at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// The hosts that belong together: `cluster=tokyo`.
    pub group: String,
    /// How many of them are changed at the same time, at the most.
    pub at_once: usize,
    /// After so many that failed, no other of them is changed.
    pub max_failures: usize,
    /// Whether this host goes before the others.
    pub order: Order,
    /// So long no other of them is begun after one was written to.
    pub pause: Option<Period>,
}

/// When a host goes, of those that belong together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// At any time.
    #[default]
    Any,
    /// Before the others.
    Canary,
    /// When all canaries are as their manifests say.
    AfterCanaries,
}

/// How many hosts: a number, or a share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// So many.
    Hosts(u32),
    /// So many of a hundred, rounded down, and one at the least.
    Percent(u32),
}

impl Portion {
    /// How many of so many `hosts`: one at the least, and never all of several.
    pub fn of(self, hosts: usize) -> usize {
        let wanted = match self {
            Portion::Hosts(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Portion::Percent(share) => hosts.saturating_mul(usize::try_from(share).unwrap_or(100)) / 100,
        };
        wanted.min(hosts.saturating_sub(1)).max(1)
    }
}

impl Serialize for Portion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Portion::Hosts(count) => serializer.serialize_u32(*count),
            Portion::Percent(share) => serializer.collect_str(&format_args!("{share}%")),
        }
    }
}

impl<'de> Deserialize<'de> for Portion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || {
            de::Error::custom(format!(
                "expected a number of hosts such as 1, or a share such as 25%, found \"{text}\""
            ))
        };
        let portion = match text.strip_suffix('%') {
            Some(share) => Portion::Percent(share.parse().map_err(|_| wrong())?),
            None => Portion::Hosts(text.parse().map_err(|_| wrong())?),
        };
        match portion {
            Portion::Hosts(1..) | Portion::Percent(1..=100) => Ok(portion),
            _ => Err(wrong()),
        }
    }
}

impl JsonSchema for Portion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Portion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^([1-9][0-9]?|100)%$|^[1-9][0-9]*$" }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_at_least_one_and_never_all_of_several() {
        for (portion, hosts, expected) in [
            (Portion::Hosts(1), 3, 1),
            (Portion::Hosts(2), 3, 2),
            (Portion::Hosts(9), 3, 2),
            (Portion::Hosts(9), 1, 1),
            (Portion::Percent(25), 8, 2),
            (Portion::Percent(25), 7, 1),
            (Portion::Percent(25), 3, 1),
            (Portion::Percent(100), 4, 3),
            (Portion::Percent(100), 1, 1),
            (Portion::Percent(50), 0, 1),
        ] {
            assert_eq!(portion.of(hosts), expected, "{portion:?} of {hosts}");
        }
    }
}
