//! The native properties of filesystems and volumes, of OpenZFS 2.1 to 2.3 on Linux and FreeBSD.
//!
//! Tests compare it with the lists that both versions print of themselves.

use super::property::Property;
use super::property::Settable::{AtCreation, WithKey};
use crate::zfs::value::Kind::{
    BlockSize, Compression, Count, Limit, MountPoint, Number, Reservation, Size, SmallBlocks, Switch, Text,
    Word,
};

/// The longest value of any property, in bytes.
pub(super) const MAX_VALUE: usize = 8191;

const CACHE: &[&str] = &["all", "none", "metadata"];
const CHECKSUM: &[&str] =
    &["on", "off", "fletcher2", "fletcher4", "sha256", "sha512", "skein", "edonr", "blake3"];
const DEDUP: &[&str] = &[
    "on",
    "off",
    "verify",
    "sha256",
    "sha256,verify",
    "sha512",
    "sha512,verify",
    "skein",
    "skein,verify",
    "edonr,verify",
    "blake3",
    "blake3,verify",
];
const ENCRYPTION: &[&str] =
    &["on", "off", "aes-128-ccm", "aes-192-ccm", "aes-256-ccm", "aes-128-gcm", "aes-192-gcm", "aes-256-gcm"];

/// Every native property that can be set, sorted by name.
pub(super) const PROPERTIES: &[Property] = &[
    Property::fs("aclinherit", Word(&["discard", "noallow", "restricted", "passthrough", "passthrough-x"]))
        .spelled(&[("secure", "restricted")]),
    // Linux did not know it before 2.0.
    Property::fs("aclmode", Word(&["discard", "groupmask", "passthrough", "restricted"])).not_everywhere(),
    Property::fs("acltype", Word(&["off", "nfsv4", "posix"])).spelled(&[
        ("posixacl", "posix"),
        ("noacl", "off"),
        ("disabled", "off"),
    ]),
    Property::fs("atime", Switch),
    Property::fs("canmount", Word(&["on", "off", "noauto"])).not_inherited(),
    Property::fs("casesensitivity", Word(&["sensitive", "insensitive", "mixed"]))
        .alias("case")
        .settable(AtCreation),
    Property::any("checksum", Word(CHECKSUM)).newer(&["blake3"]),
    Property::any("compression", Compression)
        .alias("compress")
        .spelled(&[("gzip-6", "gzip"), ("zstd-fast-1", "zstd-fast")]),
    Property::any("context", Text(MAX_VALUE)).not_inherited().not_everywhere(),
    Property::any("copies", Word(&["1", "2", "3"])),
    Property::any("dedup", Word(DEDUP)).newer(&["blake3", "blake3,verify"]),
    Property::any("defcontext", Text(MAX_VALUE)).not_inherited().not_everywhere(),
    Property::fs("devices", Switch),
    Property::fs("direct", Word(&["disabled", "standard", "always"])).not_everywhere(),
    Property::fs("dnodesize", Word(&["legacy", "auto", "1k", "2k", "4k", "8k", "16k"]))
        .alias("dnsize")
        .spelled(&[("1K", "1k"), ("2K", "2k"), ("4K", "4k"), ("8K", "8k"), ("16K", "16k")]),
    Property::any("encryption", Word(ENCRYPTION)).settable(WithKey),
    Property::fs("exec", Switch),
    Property::fs("filesystem_limit", Count).alias("fslimit").not_inherited(),
    Property::any("fscontext", Text(MAX_VALUE)).not_inherited().not_everywhere(),
    Property::fs("jailed", Switch).not_everywhere(),
    Property::any("keyformat", Word(&["none", "raw", "hex", "passphrase"])).not_inherited().settable(WithKey),
    Property::any("keylocation", Text(MAX_VALUE)).not_inherited(),
    Property::any("logbias", Word(&["latency", "throughput"])),
    Property::fs("longname", Switch).not_everywhere(),
    Property::any("mlslabel", Text(MAX_VALUE)).not_everywhere(),
    Property::fs("mountpoint", MountPoint),
    Property::fs("nbmand", Switch),
    Property::fs("normalization", Word(&["none", "formC", "formD", "formKC", "formKD"])).settable(AtCreation),
    Property::fs("overlay", Switch),
    Property::any("pbkdf2iters", Number(100_000, u64::MAX)).not_inherited().settable(WithKey),
    Property::any("prefetch", Word(&["none", "metadata", "all"])).not_everywhere(),
    Property::any("primarycache", Word(CACHE)),
    Property::fs("quota", Limit).not_inherited(),
    Property::any("readonly", Switch).alias("rdonly"),
    Property::fs("recordsize", BlockSize).alias("recsize"),
    Property::any("redundant_metadata", Word(&["all", "most", "some", "none"])).alias("redund_md"),
    Property::fs("refquota", Limit).not_inherited(),
    Property::any("refreservation", Reservation).alias("refreserv").not_inherited(),
    Property::fs("relatime", Switch),
    Property::any("reservation", Limit).alias("reserv").not_inherited(),
    Property::any("rootcontext", Text(MAX_VALUE)).not_inherited().not_everywhere(),
    Property::any("secondarycache", Word(CACHE)),
    Property::fs("setuid", Switch),
    Property::fs("sharenfs", Text(MAX_VALUE)),
    Property::fs("sharesmb", Text(MAX_VALUE)),
    Property::any("snapdev", Word(&["hidden", "visible"])),
    Property::fs("snapdir", Word(&["disabled", "hidden", "visible"])).newer(&["disabled"]),
    Property::any("snapshot_limit", Count).alias("sslimit").not_inherited(),
    Property::fs("special_small_blocks", SmallBlocks),
    Property::any("sync", Word(&["standard", "always", "disabled"])),
    Property::fs("utf8only", Switch).settable(AtCreation),
    Property::fs("version", Number(1, 5)).not_inherited().spelled(&[("current", "5")]),
    Property::vol("volblocksize", BlockSize).alias("volblock").settable(AtCreation),
    Property::any("volmode", Word(&["default", "full", "geom", "dev", "none"])).spelled(&[("geom", "full")]),
    Property::vol("volsize", Size).not_inherited(),
    Property::vol("volthreading", Switch).not_inherited().not_everywhere(),
    Property::fs("vscan", Switch),
    Property::fs("xattr", Word(&["on", "off", "dir", "sa"])),
    Property::fs("zoned", Switch).not_everywhere(),
];

/// What `zfs get` shows and nobody can set, with the short names.
pub(super) const READ_ONLY: &[&str] = &[
    "avail",
    "available",
    "clones",
    "compressratio",
    "createtxg",
    "creation",
    "defer_destroy",
    "encryptionroot",
    "filesystem_count",
    "guid",
    "keystatus",
    "logicalreferenced",
    "logicalused",
    "lrefer",
    "lused",
    "mounted",
    "name",
    "objsetid",
    "origin",
    "ratio",
    "receive_resume_token",
    "redact_snaps",
    "refcompressratio",
    "refer",
    "referenced",
    "refratio",
    "snapshot_count",
    "snapshots_changed",
    "type",
    "used",
    "usedbychildren",
    "usedbydataset",
    "usedbyrefreservation",
    "usedbysnapshots",
    "userrefs",
    "written",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::property::{AppliesTo, Settable, find};
    use super::*;
    use crate::zfs::reply::usage::{HostProperties, HostProperty};

    const LISTS: [&[u8]; 2] = [
        include_bytes!("../../../tests/recorded/zfs/2.1.11/117-usage-set.err"),
        include_bytes!("../../../tests/recorded/zfs/2.3.2/117-usage-set.err"),
    ];
    const ALL: [&str; 2] = [
        include_str!("../../../tests/recorded/zfs/2.1.11/078-get-all-Hp.out"),
        include_str!("../../../tests/recorded/zfs/2.3.2/078-get-all-Hp.out"),
    ];

    fn lists() -> Vec<HostProperties> {
        LISTS.iter().map(|text| HostProperties::read(text).unwrap()).collect()
    }

    #[test]
    fn the_table_is_sorted_and_found_by_either_name() {
        assert!(PROPERTIES.windows(2).all(|pair| pair[0].name < pair[1].name));
        for property in PROPERTIES {
            assert_eq!(find(property.name).unwrap().name, property.name);
            if let Some(alias) = property.alias {
                assert_eq!(find(alias).unwrap().name, property.name);
            }
        }
        assert!(find("used").is_none());
    }

    #[test]
    fn the_table_says_what_both_versions_say_of_themselves() {
        for host in lists() {
            for (name, said) in host.iter() {
                let Some(property) = find(name) else {
                    assert!(!said.editable && READ_ONLY.contains(&name), "{name} is in no table");
                    continue;
                };
                assert_eq!(said.editable, property.settable == Settable::Always, "{name}");
                assert_eq!(said.inherits, property.inherits, "{name}");
            }
        }
    }

    #[test]
    fn what_is_everywhere_is_in_both_lists() {
        let lists = lists();
        for property in PROPERTIES.iter().filter(|p| p.everywhere) {
            assert!(lists.iter().all(|l| l.get(property.name).is_some()), "{}", property.name);
        }
    }

    #[test]
    fn every_word_of_both_lists_is_taken() {
        for host in lists() {
            for property in PROPERTIES {
                for word in host.get(property.name).map(HostProperty::words).unwrap_or_default() {
                    let taken = property.kind.normalise(&word, property.spellings);
                    assert!(taken.is_ok(), "{}={word}: {taken:?}", property.name);
                }
            }
        }
    }

    #[test]
    fn types_are_those_that_real_datasets_showed() {
        for text in ALL {
            let mut shown: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
            for line in text.lines() {
                let mut fields = line.split('\t');
                match (fields.next(), fields.next()) {
                    (Some("tank/vol0"), Some(name)) => shown.entry(name).or_default().1 = true,
                    (Some("tank/vm"), Some(name)) => shown.entry(name).or_default().0 = true,
                    _ => {}
                }
            }
            for property in PROPERTIES.iter().filter(|p| shown.contains_key(p.name)) {
                let expected = match shown[property.name] {
                    (true, true) => AppliesTo::Both,
                    (true, false) => AppliesTo::Filesystems,
                    _ => AppliesTo::Volumes,
                };
                assert_eq!(property.applies_to, expected, "{}", property.name);
            }
        }
    }
}
