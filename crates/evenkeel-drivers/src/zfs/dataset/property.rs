//! What is known of one native property.

use super::table::{PROPERTIES, READ_ONLY};
use crate::zfs::value::Kind;

/// The types of dataset that a property applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AppliesTo {
    Filesystems,
    Volumes,
    Both,
}

/// When a property can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settable {
    Always,
    /// When the dataset is created, never after.
    AtCreation,
    /// When an encrypted dataset is created, which needs a key that Evenkeel does not handle.
    WithKey,
}

/// One native property, as in the list that `zfs get` prints without arguments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) name: &'static str,
    /// The short name that `zfs` also takes.
    pub(super) alias: Option<&'static str>,
    pub(super) applies_to: AppliesTo,
    pub(super) settable: Settable,
    pub(super) inherits: bool,
    pub(super) kind: Kind,
    /// Other words for a value, with the word that `zfs get` prints.
    pub(super) spellings: &'static [(&'static str, &'static str)],
    /// Known to every version and platform, so that asking for it never fails.
    pub(super) everywhere: bool,
    /// Values that came later than the property.
    pub(super) newer_words: &'static [&'static str],
}

impl Property {
    const fn new(name: &'static str, applies_to: AppliesTo, kind: Kind) -> Self {
        Property {
            name,
            alias: None,
            applies_to,
            settable: Settable::Always,
            inherits: true,
            kind,
            spellings: &[],
            everywhere: true,
            newer_words: &[],
        }
    }

    /// A property of filesystems, inherited by what they contain.
    pub(super) const fn fs(name: &'static str, kind: Kind) -> Self {
        Property::new(name, AppliesTo::Filesystems, kind)
    }

    /// A property of volumes, inherited from what contains them.
    pub(super) const fn vol(name: &'static str, kind: Kind) -> Self {
        Property::new(name, AppliesTo::Volumes, kind)
    }

    /// A property of both, inherited.
    pub(super) const fn any(name: &'static str, kind: Kind) -> Self {
        Property::new(name, AppliesTo::Both, kind)
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn not_inherited(mut self) -> Self {
        self.inherits = false;
        self
    }

    pub(super) const fn settable(mut self, when: Settable) -> Self {
        self.settable = when;
        self
    }

    /// Only some versions or platforms know it: the host is asked first.
    pub(super) const fn not_everywhere(mut self) -> Self {
        self.everywhere = false;
        self
    }

    pub(super) const fn spelled(mut self, spellings: &'static [(&'static str, &'static str)]) -> Self {
        self.spellings = spellings;
        self
    }

    pub(super) const fn newer(mut self, words: &'static [&'static str]) -> Self {
        self.newer_words = words;
        self
    }

    pub(super) fn fits(&self, volume: bool) -> bool {
        match self.applies_to {
            AppliesTo::Both => true,
            AppliesTo::Volumes => volume,
            AppliesTo::Filesystems => !volume,
        }
    }
}

/// The property called `name`, by its full or short name.
pub(super) fn find(name: &str) -> Option<&'static Property> {
    match PROPERTIES.binary_search_by(|p| p.name.cmp(name)) {
        Ok(at) => PROPERTIES.get(at),
        Err(_) => PROPERTIES.iter().find(|p| p.alias == Some(name)),
    }
}

/// True for what `zfs get` shows and nobody can set.
pub(super) fn is_read_only(name: &str) -> bool {
    READ_ONLY.contains(&name)
}

/// True where the name is a user property's: it has a colon.
pub(super) fn is_user(name: &str) -> bool {
    name.contains(':')
}
