//! Property names as they are written on command lines.

use super::Version;
use super::table::{self, Native};

/// A property that exists, or may.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Property {
    /// Built in.
    Native(&'static Native),
    /// Any name with a colon.
    User(String),
}

impl PartialEq for Native {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Property {
    /// The property of this name; `None` where there is no such property.
    pub(super) fn resolve(version: Version, name: &str) -> Option<Self> {
        match table::find(version, name) {
            Some(native) => Some(Property::Native(native)),
            None => is_user_name(name).then(|| Property::User(name.to_owned())),
        }
    }

    /// The full name: aliases come back under it.
    pub(super) fn name(&self) -> &str {
        match self {
            Property::Native(native) => native.name,
            Property::User(name) => name,
        }
    }
}

fn is_user_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
    name.contains(':') && name.chars().all(allowed)
}
