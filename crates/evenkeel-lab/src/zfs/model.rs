//! What a simulated machine remembers.

use std::collections::{BTreeMap, BTreeSet};

use super::ZfsHost;

/// A pool; its root dataset is in the machine's datasets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Usable bytes.
    pub size: u64,
    /// Fixed at creation.
    pub guid: u64,
    /// What was set with `zpool set`.
    pub settings: BTreeMap<String, String>,
}

/// What kind of dataset it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file system.
    Filesystem,
    /// A block device.
    Volume,
    /// A snapshot of one of the others.
    Snapshot,
    /// What is left to send from where a snapshot was.
    Bookmark,
}

impl Kind {
    /// As `zfs get type` prints it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Filesystem => "filesystem",
            Kind::Volume => "volume",
            Kind::Snapshot => "snapshot",
            Kind::Bookmark => "bookmark",
        }
    }
}

/// A file system or volume.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dataset {
    /// [`Kind::Filesystem`] or [`Kind::Volume`].
    pub kind: Kind,
    /// What never changes again.
    pub birth: Birth,
    /// Bytes of its own data.
    pub referenced: u64,
    /// What was set or received, by full property name. Values are in the form that `-p` prints.
    pub settings: BTreeMap<String, Setting>,
    /// In order of creation.
    pub snapshots: Vec<Snapshot>,
    /// By name, what they remember of their snapshots.
    pub bookmarks: BTreeMap<String, Birth>,
    /// The token of a receive that is half done.
    pub unfinished: Option<String>,
    /// The snapshot that it is a clone of.
    pub origin: Option<String>,
    /// The mount options that were switched off when it was mounted; `None`: not mounted.
    pub mount: Option<BTreeSet<&'static str>>,
    /// Something holds it open: it can be neither unmounted nor destroyed.
    pub busy: bool,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The part after `@`.
    pub name: String,
    /// What never changes again.
    pub birth: Birth,
    /// Bytes of the data it holds.
    pub referenced: u64,
    /// User properties.
    pub settings: BTreeMap<String, Setting>,
    /// The tags of `zfs hold`.
    pub holds: BTreeSet<String>,
}

/// What is fixed when a dataset or snapshot is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Birth {
    /// Transaction group.
    pub txg: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// Globally unique id.
    pub guid: u64,
}

/// A property's values on one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Setting {
    /// Set here; it hides what was received.
    pub local: Option<String>,
    /// Came with `zfs receive`.
    pub received: Option<String>,
    /// `zfs inherit` was said: the received value is remembered, but does not count.
    pub hides_received: bool,
}

pub(super) const BASE_TIME: u64 = 1_795_000_000;
/// What an empty file system takes.
const EMPTY_FILESYSTEM: u64 = 98_304;
/// What an empty volume takes.
const EMPTY_VOLUME: u64 = 57_344;

impl ZfsHost {
    /// Adds a pool of `size` bytes with its root dataset.
    pub fn add_pool(&mut self, name: &str, size: u64) {
        let guid = self.new_guid(name);
        self.pools.insert(name.to_owned(), Pool { size, guid, settings: BTreeMap::new() });
        self.add_dataset(name, Kind::Filesystem, BTreeMap::new());
    }

    /// The pools by name.
    pub fn pools(&self) -> &BTreeMap<String, Pool> {
        &self.pools
    }

    /// The datasets by name.
    pub fn datasets(&self) -> &BTreeMap<String, Dataset> {
        &self.datasets
    }

    /// Writes `bytes` of data into a dataset; unknown names are ignored.
    pub fn write_data(&mut self, name: &str, bytes: u64) {
        self.txg += 1;
        if let Some(dataset) = self.datasets.get_mut(name) {
            dataset.referenced += bytes;
        }
    }

    /// Marks a dataset as in use, so that it cannot be unmounted or destroyed; unknown names are ignored.
    pub fn set_busy(&mut self, name: &str, busy: bool) {
        if let Some(dataset) = self.datasets.get_mut(name) {
            dataset.busy = busy;
        }
    }

    /// Gives a dataset a received value, as `zfs receive` does; unknown names are ignored.
    pub fn receive_property(&mut self, name: &str, property: &str, value: &str) {
        self.txg += 1;
        if let Some(dataset) = self.datasets.get_mut(name) {
            let setting = dataset.settings.entry(property.to_owned()).or_default();
            setting.received = Some(value.to_owned());
            setting.hides_received = false;
        }
    }

    pub(super) fn add_dataset(&mut self, name: &str, kind: Kind, local: BTreeMap<String, String>) {
        let birth = self.new_birth(name);
        let settings = local
            .into_iter()
            .map(|(property, value)| (property, Setting { local: Some(value), ..Setting::default() }));
        let dataset = Dataset {
            kind,
            birth,
            referenced: if kind == Kind::Volume { EMPTY_VOLUME } else { EMPTY_FILESYSTEM },
            settings: settings.collect(),
            snapshots: Vec::new(),
            bookmarks: BTreeMap::new(),
            unfinished: None,
            origin: None,
            mount: None,
            busy: false,
        };
        let set: Vec<(String, String)> = dataset
            .settings
            .iter()
            .filter_map(|(property, setting)| Some((property.clone(), setting.local.clone()?)))
            .collect();
        self.datasets.insert(name.to_owned(), dataset);
        if parent_of(name).is_some() {
            self.remember("create", name, " ");
            for (property, value) in set {
                self.remember_property("set", name, &property, &value);
            }
        }
        self.remount(name);
    }

    pub(super) fn new_birth(&mut self, name: &str) -> Birth {
        self.txg += 1;
        Birth { txg: self.txg, time: BASE_TIME + 5 * self.txg, guid: self.new_guid(name) }
    }

    /// Unlike for every object, and the same in every run.
    fn new_guid(&self, name: &str) -> u64 {
        let seed = name.bytes().fold(self.txg, |hash, byte| hash.wrapping_mul(31) ^ u64::from(byte));
        crate::random::Random::new(seed).next_u64()
    }

    /// Names of the datasets below `name`, deepest last.
    pub(super) fn descendants<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        let prefix = format!("{name}/");
        let end = format!("{name}0"); // '0' follows '/'
        self.datasets.range(prefix..end).map(|(name, _)| name)
    }

    /// Mounts a file system with its present options, or unmounts it where its properties say so.
    pub(super) fn remount(&mut self, name: &str) {
        let options = self.mount_options(name);
        if let Some(dataset) = self.datasets.get_mut(name) {
            dataset.mount = options;
        }
    }

    fn mount_options(&self, name: &str) -> Option<BTreeSet<&'static str>> {
        let dataset = self.datasets.get(name)?;
        if dataset.kind != Kind::Filesystem {
            return None;
        }
        let stored = |property| self.stored(name, property).0;
        if stored("canmount") != "on"
            || stored("zoned") == "on"
            || ["none", "legacy"].contains(&stored("mountpoint").as_str())
        {
            return None;
        }
        Some(MOUNT_FLAGS.into_iter().filter(|flag| stored(flag) == "off").collect())
    }
}

/// Properties that are also mount options. A mounted file system keeps `noatime` and the like until it is mounted
/// again, and `zfs get` then reports `off` with the source `temporary`. Setting one remounts the dataset itself, but
/// none that inherits from it; in 2.1 only where it is the last of those set.
pub(super) const MOUNT_FLAGS: [&str; 4] = ["atime", "devices", "exec", "setuid"];

/// Properties that make `zfs set` remount: the flags above, and others that are mount options in the kernel.
pub(super) const REMOUNTING: [&str; 8] =
    ["atime", "devices", "exec", "nbmand", "readonly", "relatime", "setuid", "xattr"];

/// The dataset that contains `name`; `None` for the root of a pool.
pub(super) fn parent_of(name: &str) -> Option<&str> {
    match name.split_once('@') {
        Some((dataset, _)) => Some(dataset),
        None => name.rsplit_once('/').map(|(parent, _)| parent),
    }
}

/// The pool of a dataset.
pub(super) fn pool_of(name: &str) -> &str {
    name.split(['/', '@', '#']).next().unwrap_or(name)
}
