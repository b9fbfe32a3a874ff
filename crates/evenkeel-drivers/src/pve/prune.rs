//! Proxmox's rules of retention: `keep-last=3,keep-weekly=4`.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::settings::{switch, text};

/// In the order in which Proxmox applies them.
const RULES: [&str; 6] =
    ["keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"];

/// Which copies are kept; without any rule, all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prune(BTreeMap<&'static str, u64>);

impl Prune {
    /// From the text that is sent, or the object of texts that it reads back as; `None` where it makes no sense.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let mut rules = BTreeMap::new();
        let mut put = |name: &str, value: &Value| {
            if name == "keep-all" {
                return switch(value).map(drop);
            }
            let name = RULES.into_iter().find(|rule| *rule == name)?;
            let number: u64 = text(value)?.parse().ok()?;
            if number > 0 {
                rules.insert(name, number);
            }
            Some(())
        };
        match value {
            Value::Object(parts) => parts.iter().try_for_each(|(name, value)| put(name, value))?,
            other => text(other)?.split(',').try_for_each(|part| {
                let (name, value) = part.trim().split_once('=')?;
                put(name, &Value::String(value.to_owned()))
            })?,
        }
        Some(Prune(rules))
    }

    /// True where nothing is ever removed.
    pub(super) fn keeps_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules with their numbers.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RULES.into_iter().filter_map(|rule| Some((rule, *self.0.get(rule)?)))
    }

    /// True where `other` may keep less than this: a rule is gone, or has a lower number.
    pub(super) fn is_shortened_by(&self, other: &Prune) -> bool {
        if other.keeps_all() {
            return false;
        }
        self.keeps_all() || self.0.iter().any(|(rule, number)| other.0.get(rule).unwrap_or(&0) < number)
    }

    /// So many copies of one guest are kept, whenever they were made.
    pub(super) fn keeps_at_least(&self) -> u64 {
        self.0.get("keep-last").copied().unwrap_or(0)
    }
}

impl fmt::Display for Prune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.keeps_all() {
            return f.write_str("keep-all=1");
        }
        let rules: Vec<String> = self.rules().map(|(rule, number)| format!("{rule}={number}")).collect();
        f.write_str(&rules.join(","))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prune(text: &str) -> Prune {
        Prune::read(&json!(text)).unwrap()
    }

    #[test]
    fn what_is_sent_and_what_reads_back_are_the_same() {
        let back = json!({"keep-weekly": "4", "keep-last": "10"});
        assert_eq!(Prune::read(&back).unwrap().to_string(), "keep-last=10,keep-weekly=4");
        assert_eq!(prune("keep-weekly=4,keep-last=10"), Prune::read(&back).unwrap());
        assert_eq!(prune("keep-last=0").to_string(), "keep-all=1");
        for strange in [json!("keep-bogus=2"), json!("3"), json!({"keep-last": []}), json!(null)] {
            assert_eq!(Prune::read(&strange), None, "{strange}");
        }
    }

    #[test]
    fn fewer_or_lower_rules_are_shorter() {
        let shortened = |from: &str, to: &str| prune(from).is_shortened_by(&prune(to));
        assert!(shortened("keep-last=10", "keep-last=3"));
        assert!(shortened("keep-last=3,keep-weekly=4", "keep-last=30"));
        assert!(shortened("keep-all=1", "keep-last=100"));
        assert!(!shortened("keep-last=3", "keep-last=3,keep-weekly=4"));
        assert!(!shortened("keep-last=3", "keep-all=1"));
        assert!(!shortened("keep-last=3", "keep-last=3"));
    }
}
