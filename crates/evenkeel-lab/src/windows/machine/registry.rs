//! A small registry: keys below `HKLM:`, with values that are texts or numbers.

use std::collections::BTreeMap;

use crate::windows::value::is_name;

/// Keys by their paths without the drive. Names do not tell cases apart, and are shown as they were first written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) struct Registry {
    keys: BTreeMap<String, Vec<(String, Datum)>>,
}

/// The data of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::windows) enum Datum {
    /// `REG_SZ`
    Text(String),
    /// `REG_DWORD`
    Number(i64),
}

impl Default for Registry {
    fn default() -> Self {
        let keys = ["", "SOFTWARE", "SYSTEM"];
        Registry { keys: keys.map(|key| (key.to_lowercase(), Vec::new())).into() }
    }
}

impl Registry {
    /// A key is there.
    pub(in crate::windows) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(&key.to_lowercase())
    }

    /// Makes a key, and those above it. One that is there loses what it has, as `New-Item -Force` says.
    pub(in crate::windows) fn create(&mut self, key: &str) {
        let mut above = String::new();
        for part in key.to_lowercase().split('\\') {
            if !above.is_empty() {
                above.push('\\');
            }
            above.push_str(part);
            self.keys.entry(above.clone()).or_default();
        }
        self.keys.insert(key.to_lowercase(), Vec::new());
    }

    /// Removes a key with all below it.
    pub(in crate::windows) fn remove(&mut self, key: &str) {
        let key = key.to_lowercase();
        let below = format!("{key}\\");
        self.keys.retain(|there, _| *there != key && !there.starts_with(&below));
    }

    /// The values of a key.
    pub(in crate::windows) fn values(&self, key: &str) -> impl Iterator<Item = (&str, &Datum)> {
        let values = self.keys.get(&key.to_lowercase()).into_iter().flatten();
        values.map(|(name, datum)| (name.as_str(), datum))
    }

    /// Sets a value of a key that is there.
    pub(in crate::windows) fn set(&mut self, key: &str, name: &str, datum: Datum) {
        let Some(values) = self.keys.get_mut(&key.to_lowercase()) else { return };
        match values.iter_mut().find(|(there, _)| is_name(there, name)) {
            Some((_, old)) => *old = datum,
            None => values.push((name.to_owned(), datum)),
        }
    }

    /// Removes a value; false where it was not there.
    pub(in crate::windows) fn unset(&mut self, key: &str, name: &str) -> bool {
        let Some(values) = self.keys.get_mut(&key.to_lowercase()) else { return false };
        let before = values.len();
        values.retain(|(there, _)| !is_name(there, name));
        values.len() != before
    }
}
