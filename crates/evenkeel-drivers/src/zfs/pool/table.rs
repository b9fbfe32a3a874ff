//! The properties of pools, of OpenZFS 2.1 to 2.3.

use crate::zfs::value::Kind::{self, Number, Switch, Text, Word};

/// One property of a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolProperty {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// `zpool get` prints `-` where it is not set, and an empty value clears it.
    pub(super) clearable: bool,
}

const fn property(name: &'static str, kind: Kind) -> PoolProperty {
    PoolProperty { name, kind, clearable: false }
}

const fn text(name: &'static str, longest: usize) -> PoolProperty {
    PoolProperty { name, kind: Text(longest), clearable: true }
}

/// Every property that can be set on a pool that exists, sorted by name.
pub(super) const PROPERTIES: &[PoolProperty] = &[
    property("ashift", Number(0, 16)),
    property("autoexpand", Switch),
    property("autoreplace", Switch),
    property("autotrim", Switch),
    text("bootfs", 255),
    text("cachefile", 1023),
    text("comment", 32),
    property("compatibility", Text(1023)),
    property("delegation", Switch),
    property("failmode", Word(&["wait", "continue", "panic"])),
    property("listsnapshots", Switch),
    property("multihost", Switch),
];

/// What `zpool get` shows and nobody can set on a pool that exists.
pub(super) const READ_ONLY: &[&str] = &[
    "allocated",
    "altroot",
    "bcloneratio",
    "bclonesaved",
    "bcloneused",
    "capacity",
    "checkpoint",
    "dedup_table_size",
    "dedupratio",
    "expandsize",
    "fragmentation",
    "free",
    "freeing",
    "guid",
    "health",
    "last_scrubbed_txg",
    "leaked",
    "load_guid",
    "readonly",
    "size",
];

/// The property called `name`.
pub(super) fn find(name: &str) -> Option<&'static PoolProperty> {
    let name = if name == "listsnaps" { "listsnapshots" } else { name };
    PROPERTIES.iter().find(|p| p.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: [&str; 2] = [
        include_str!("../../../tests/recorded/zfs/2.1.11/011-zpool-get.out"),
        include_str!("../../../tests/recorded/zfs/2.3.2/011-zpool-get.out"),
    ];

    #[test]
    fn both_versions_know_every_property() {
        for text in SEEN {
            let names: Vec<&str> = text.lines().filter_map(|l| l.split('\t').nth(1)).collect();
            for property in PROPERTIES {
                assert!(names.contains(&property.name), "{}", property.name);
            }
            for name in names.iter().filter(|n| !n.contains('@')) {
                let known = find(name).is_some() || READ_ONLY.contains(name);
                // The version of a pool is raised by `zpool upgrade`; the quota of the dedup table is new in 2.3.
                assert!(known || ["version", "dedup_table_quota"].contains(name), "{name}");
            }
        }
    }
}
