//! The native properties, in the order in which `zfs get all` prints them.
//!
//! Whether a property can be edited and inherited, and which words it takes, is read from the real program's own
//! list (see `usage`); this table adds what that list leaves out.

use super::Version;
use super::model::Kind;

/// What the values of a property look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One of the words in the program's list.
    Word,
    /// Bytes; `none` is 0.
    Size,
    /// A power of two from 512 to the release's limit.
    PowerOfTwo,
    /// Zero or a power of two.
    ZeroOrPowerOfTwo,
    /// A count or `none`.
    Count,
    /// An absolute path, `none` or `legacy`.
    Mountpoint,
    /// Anything.
    Text,
    /// Computed from the state, never set.
    Computed,
}

/// A native property.
#[derive(Debug)]
pub(super) struct Native {
    pub(super) name: &'static str,
    /// The column heading of `zfs list`, which is also accepted as a name in lower case.
    pub(super) heading: &'static str,
    /// Among `f`, `v`, `s`: the types of dataset that have it.
    on: &'static str,
    pub(super) form: Form,
    /// The default in the form that `-p` prints.
    default: &'static str,
    since: Version,
}

impl Native {
    pub(super) fn applies_to(&self, kind: Kind) -> bool {
        self.on.contains(match kind {
            Kind::Filesystem => 'f',
            Kind::Volume => 'v',
            Kind::Snapshot => 's',
            Kind::Bookmark => 'b',
        })
    }

    pub(super) fn default(&self, version: Version) -> &'static str {
        match (self.name, version) {
            ("compression" | "relatime", Version::V2_3) => "on",
            ("volblocksize", Version::V2_3) => "16384",
            ("filesystem_limit" | "snapshot_limit", Version::V2_3) => "none",
            _ => self.default,
        }
    }

    /// Shown by `get all` even where it can only be set at creation.
    pub(super) fn is_right_aligned(&self) -> bool {
        matches!(self.form, Form::Size | Form::Computed | Form::PowerOfTwo | Form::Count)
            && !["type", "mounted", "origin", "creation", "clones", "receive_resume_token"]
                .contains(&self.name)
    }
}

/// All native properties of `version`, in order.
pub(super) fn natives(version: Version) -> impl Iterator<Item = &'static Native> {
    NATIVES.iter().filter(move |native| native.since <= version)
}

/// The native property of this name or alias.
pub(super) fn find(version: Version, name: &str) -> Option<&'static Native> {
    natives(version).find(|native| native.name == name || native.heading == name)
}

const fn native(
    name: &'static str,
    heading: &'static str,
    on: &'static str,
    form: Form,
    default: &'static str,
) -> Native {
    Native { name, heading, on, form, default, since: Version::V2_1 }
}

const fn newer(name: &'static str, on: &'static str, form: Form, default: &'static str) -> Native {
    Native { name, heading: name, on, form, default, since: Version::V2_3 }
}

use Form::{Computed, Count, Mountpoint, PowerOfTwo, Size, Text, Word, ZeroOrPowerOfTwo};

const UNLIMITED: &str = "18446744073709551615";

static NATIVES: &[Native] = &[
    native("type", "type", "fvs", Computed, ""),
    native("creation", "creation", "fvs", Computed, ""),
    native("used", "used", "fvs", Computed, ""),
    native("available", "avail", "fv", Computed, ""),
    native("referenced", "refer", "fvs", Computed, ""),
    native("compressratio", "ratio", "fvs", Computed, ""),
    native("mounted", "mounted", "f", Computed, ""),
    native("origin", "origin", "fv", Computed, ""),
    native("quota", "quota", "f", Size, "0"),
    native("reservation", "reserv", "fv", Size, "0"),
    native("volsize", "volsize", "v", Size, "0"),
    native("volblocksize", "volblock", "v", PowerOfTwo, "8192"),
    native("recordsize", "recsize", "f", PowerOfTwo, "131072"),
    native("mountpoint", "mountpoint", "f", Mountpoint, ""),
    native("sharenfs", "sharenfs", "f", Text, "off"),
    native("checksum", "checksum", "fv", Word, "on"),
    native("compression", "compress", "fv", Word, "off"),
    native("atime", "atime", "f", Word, "on"),
    native("devices", "devices", "fs", Word, "on"),
    native("exec", "exec", "fs", Word, "on"),
    native("setuid", "setuid", "fs", Word, "on"),
    native("readonly", "rdonly", "fv", Word, "off"),
    native("zoned", "zoned", "f", Word, "off"),
    native("snapdir", "snapdir", "f", Word, "hidden"),
    native("aclmode", "aclmode", "f", Word, "discard"),
    native("aclinherit", "aclinherit", "f", Word, "restricted"),
    native("createtxg", "createtxg", "fvs", Computed, ""),
    native("canmount", "canmount", "f", Word, "on"),
    native("xattr", "xattr", "fs", Word, "on"),
    native("copies", "copies", "fv", Word, "1"),
    native("version", "version", "fs", Word, "5"),
    native("utf8only", "utf8only", "fs", Word, "off"),
    native("normalization", "normalization", "fs", Word, "none"),
    native("casesensitivity", "case", "fs", Word, "sensitive"),
    native("vscan", "vscan", "f", Word, "off"),
    native("nbmand", "nbmand", "fs", Word, "off"),
    native("sharesmb", "sharesmb", "f", Text, "off"),
    native("refquota", "refquota", "f", Size, "0"),
    native("refreservation", "refreserv", "fv", Size, "0"),
    native("guid", "guid", "fvs", Computed, ""),
    native("primarycache", "primarycache", "fvs", Word, "all"),
    native("secondarycache", "secondarycache", "fvs", Word, "all"),
    native("usedbysnapshots", "usedsnap", "fv", Computed, ""),
    native("usedbydataset", "usedds", "fv", Computed, ""),
    native("usedbychildren", "usedchild", "fv", Computed, ""),
    native("usedbyrefreservation", "usedrefreserv", "fv", Computed, ""),
    native("defer_destroy", "defer_destroy", "s", Computed, ""),
    native("userrefs", "userrefs", "s", Computed, ""),
    native("logbias", "logbias", "fv", Word, "latency"),
    native("objsetid", "objsetid", "fvs", Computed, ""),
    native("dedup", "dedup", "fv", Word, "off"),
    native("mlslabel", "mlslabel", "fvs", Text, "none"),
    native("sync", "sync", "fv", Word, "standard"),
    native("dnodesize", "dnsize", "f", Word, "legacy"),
    native("refcompressratio", "refratio", "fvs", Computed, ""),
    native("written", "written", "fvs", Computed, ""),
    native("clones", "clones", "s", Computed, ""),
    native("receive_resume_token", "rsmtoken", "fv", Computed, ""),
    native("logicalused", "lused", "fv", Computed, ""),
    native("logicalreferenced", "lrefer", "fvs", Computed, ""),
    native("volmode", "volmode", "fv", Word, "default"),
    native("filesystem_limit", "fslimit", "f", Count, UNLIMITED),
    native("snapshot_limit", "sslimit", "fv", Count, UNLIMITED),
    native("filesystem_count", "fscount", "f", Computed, ""),
    native("snapshot_count", "sscount", "fv", Computed, ""),
    native("snapdev", "snapdev", "fv", Word, "hidden"),
    native("acltype", "acltype", "fs", Word, "off"),
    native("context", "context", "fvs", Text, "none"),
    native("fscontext", "fscontext", "fvs", Text, "none"),
    native("defcontext", "defcontext", "fvs", Text, "none"),
    native("rootcontext", "rootcontext", "fvs", Text, "none"),
    native("relatime", "relatime", "f", Word, "off"),
    native("redundant_metadata", "redund_md", "fv", Word, "all"),
    native("overlay", "overlay", "f", Word, "on"),
    native("encryption", "encryption", "fvs", Word, "off"),
    native("keylocation", "keylocation", "fv", Text, "none"),
    native("keyformat", "keyformat", "fv", Word, "none"),
    native("pbkdf2iters", "pbkdf2iters", "fv", Count, "0"),
    native("special_small_blocks", "special_small_blocks", "f", ZeroOrPowerOfTwo, "0"),
    newer("snapshots_changed", "fv", Computed, ""),
    newer("prefetch", "fvs", Word, "all"),
    newer("direct", "f", Word, "standard"),
    newer("longname", "f", Word, "off"),
    newer("volthreading", "v", Word, "on"),
];
