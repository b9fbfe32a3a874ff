//! A small registry: keys below `HKLM:` with values that are texts.

use std::collections::BTreeMap;

/// Keys by their paths without the drive, upper and lower case kept as first written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::windows) struct Registry {
    keys: BTreeMap<String, BTreeMap<String, (String, String)>>,
}
