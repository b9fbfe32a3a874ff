//! What a property's value is, and where it comes from.

use std::collections::BTreeSet;
use std::fmt;

use super::model::{MOUNT_FLAGS, Setting, parent_of};
use super::property::Property;
use super::table::{Form, Native};
use super::{Kind, Version, ZfsHost, table, usage};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    None,
    Default,
    Local,
    Received,
    Temporary,
    Inherited(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::None => f.write_str("-"),
            Source::Default => f.write_str("default"),
            Source::Local => f.write_str("local"),
            Source::Received => f.write_str("received"),
            Source::Temporary => f.write_str("temporary"),
            Source::Inherited(from) => write!(f, "inherited from {from}"),
        }
    }
}

impl Source {
    /// The word that `-s` selects it by.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Source::None => "none",
            Source::Default => "default",
            Source::Local => "local",
            Source::Received => "received",
            Source::Temporary => "temporary",
            Source::Inherited(_) => "inherited",
        }
    }
}

/// Fixed at creation and shown without a source.
const FIXED: [&str; 4] = ["version", "utf8only", "normalization", "casesensitivity"];

impl ZfsHost {
    /// What kind of dataset it is; `None` where it does not exist.
    pub(super) fn kind_of(&self, name: &str) -> Option<Kind> {
        if let Some((dataset, bookmark)) = name.split_once('#') {
            return self.datasets.get(dataset)?.bookmarks.get(bookmark).map(|_| Kind::Bookmark);
        }
        match name.split_once('@') {
            None => self.datasets.get(name).map(|d| d.kind),
            Some((dataset, snapshot)) => {
                let snapshots = &self.datasets.get(dataset)?.snapshots;
                snapshots.iter().any(|s| s.name == snapshot).then_some(Kind::Snapshot)
            }
        }
    }

    fn setting(&self, name: &str, property: &str) -> Option<&Setting> {
        match name.split_once('@') {
            None => self.datasets.get(name)?.settings.get(property),
            Some((dataset, snapshot)) => {
                let snapshots = &self.datasets.get(dataset)?.snapshots;
                snapshots.iter().find(|s| s.name == snapshot)?.settings.get(property)
            }
        }
    }

    fn own_value(&self, name: &str, property: &str) -> Option<(String, Source)> {
        let setting = self.setting(name, property)?;
        if let Some(local) = &setting.local {
            return Some((local.clone(), Source::Local));
        }
        let received = setting.received.as_ref().filter(|_| !setting.hides_received)?;
        Some((received.clone(), Source::Received))
    }

    /// The value that came with `zfs receive`, whether it counts or not.
    pub(super) fn received(&self, name: &str, property: &str) -> Option<&str> {
        self.setting(name, property)?.received.as_deref()
    }

    /// The own value, or that of the nearest dataset above that has one.
    fn climb(&self, name: &str, property: &str, inherits: bool) -> Option<(String, Source)> {
        if let Some(own) = self.own_value(name, property) {
            return Some(own);
        }
        let mut above = parent_of(name).filter(|_| inherits);
        while let Some(dataset) = above {
            if let Some((value, _)) = self.own_value(dataset, property) {
                return Some((value, Source::Inherited(dataset.to_owned())));
            }
            above = parent_of(dataset);
        }
        None
    }

    /// The value of a native property that can be set, as stored: without regard to mount options.
    pub(super) fn stored(&self, name: &str, property: &str) -> (String, Source) {
        match table::find(self.version, property) {
            Some(native) => self.stored_native(name, native),
            None => (String::new(), Source::Default),
        }
    }

    fn stored_native(&self, name: &str, native: &Native) -> (String, Source) {
        let inherits = usage::property(self.version, native.name).is_some_and(|listed| listed.inherit);
        match self.climb(name, native.name, inherits) {
            Some((path, Source::Inherited(from)))
                if native.form == Form::Mountpoint && path.starts_with('/') =>
            {
                let below = name.strip_prefix(from.as_str()).unwrap_or_default();
                (format!("{}{below}", path.trim_end_matches('/')), Source::Inherited(from))
            }
            Some(found) => found,
            None if native.form == Form::Mountpoint => (format!("/{name}"), Source::Default),
            None => (native.default(self.version).to_owned(), Source::Default),
        }
    }

    /// A stored value as a number.
    pub(super) fn stored_number(&self, name: &str, property: &str) -> u64 {
        self.stored(name, property).0.parse().unwrap_or(0)
    }

    /// What `zfs get` answers; `None` where the property says nothing about this dataset.
    pub(super) fn effective(&self, name: &str, property: &Property) -> Option<(String, Source)> {
        let kind = self.kind_of(name)?;
        if kind == Kind::Bookmark {
            return self.of_bookmark(name, property).map(|value| (value, Source::None));
        }
        match property {
            Property::User(user) => self.climb(name, user, true),
            Property::Native(native) if !native.applies_to(kind) || self.is_of_files_only(name, native) => {
                None
            }
            Property::Native(native) if native.form == Form::Computed => {
                let counts = ["filesystem_count", "snapshot_count"].contains(&native.name);
                if counts && self.is_counted(name) {
                    return Some((self.count(name, native.name).to_string(), Source::Local));
                }
                let source = if counts { Source::Default } else { Source::None };
                self.computed(name, kind, native).map(|value| (value, source))
            }
            Property::Native(native) => {
                let (value, source) = self.stored_native(name, native);
                let mount = self.datasets.get(name).and_then(|d| d.mount.as_ref());
                let masked = MOUNT_FLAGS.contains(&native.name)
                    && value == "on"
                    && mount.is_some_and(|off| off.contains(native.name));
                if masked {
                    return Some(("off".to_owned(), Source::Temporary));
                }
                let fixed = FIXED.contains(&native.name)
                    || (native.name == "volblocksize" && source != Source::Default);
                Some((value, if fixed { Source::None } else { source }))
            }
        }
    }

    fn of_bookmark(&self, name: &str, property: &Property) -> Option<String> {
        let (dataset, bookmark) = name.split_once('#')?;
        let birth = self.datasets.get(dataset)?.bookmarks.get(bookmark)?;
        match property.name() {
            "type" => Some(Kind::Bookmark.word().to_owned()),
            "creation" => Some(birth.time.to_string()),
            "createtxg" => Some(birth.txg.to_string()),
            "guid" => Some(birth.guid.to_string()),
            _ => None,
        }
    }

    /// True for what a snapshot has of a file system, and this is one of a volume.
    fn is_of_files_only(&self, name: &str, native: &Native) -> bool {
        let holder = name.split_once('@').and_then(|(dataset, _)| self.kind_of(dataset));
        holder == Some(Kind::Volume)
            && native.applies_to(Kind::Filesystem)
            && !native.applies_to(Kind::Volume)
    }

    /// The properties that have a value of this dataset's own, in order.
    pub(super) fn own_properties(&self, name: &str) -> Vec<Property> {
        let has_own = |property: &str| {
            let counts = ["filesystem_count", "snapshot_count"].contains(&property);
            self.setting(name, property).is_some() || (counts && self.is_counted(name))
        };
        let natives = table::natives(self.version).filter(|native| has_own(native.name));
        let mut own: Vec<Property> = natives.map(Property::Native).collect();
        own.extend(self.user_properties(name).into_iter().filter(|user| has_own(user)).map(Property::User));
        own
    }

    /// Every property that `zfs get all` shows for this dataset, in order.
    pub(super) fn all_properties(&self, name: &str) -> Vec<Property> {
        let natives = table::natives(self.version).map(Property::Native);
        let mut shown: Vec<Property> = natives.filter(|p| self.effective(name, p).is_some()).collect();
        let users = self.user_properties(name).into_iter().map(Property::User);
        shown.extend(users.filter(|p| self.effective(name, p).is_some()));
        shown
    }

    /// User properties of a dataset and of those above it.
    fn user_properties(&self, name: &str) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        let mut at = Some(name);
        while let Some(dataset) = at {
            let settings = match dataset.split_once('@') {
                None => self.datasets.get(dataset).map(|d| &d.settings),
                Some((holder, snapshot)) => self
                    .datasets
                    .get(holder)
                    .and_then(|d| d.snapshots.iter().find(|s| s.name == snapshot).map(|s| &s.settings)),
            };
            users
                .extend(settings.into_iter().flat_map(|s| s.keys()).filter(|key| key.contains(':')).cloned());
            at = parent_of(dataset);
        }
        users
    }

    /// Datasets and snapshots are counted below where a limit was set.
    fn is_counted(&self, name: &str) -> bool {
        let unlimited = |value: &str| value == "none" || value == u64::MAX.to_string();
        let limits = |name: &str| {
            let own = |limit| self.own_value(name, limit).is_some_and(|(value, _)| !unlimited(&value));
            own("filesystem_limit") || own("snapshot_limit")
        };
        let mut at = Some(name);
        while let Some(dataset) = at {
            if limits(dataset) {
                return true;
            }
            at = parent_of(dataset);
        }
        false
    }

    /// How many datasets are below, or snapshots in it and below.
    fn count(&self, name: &str, counter: &str) -> usize {
        if counter == "filesystem_count" {
            return self.descendants(name).count();
        }
        let names = std::iter::once(name).chain(self.descendants(name).map(String::as_str));
        names.filter_map(|name| self.datasets.get(name)).map(|dataset| dataset.snapshots.len()).sum()
    }

    fn computed(&self, name: &str, kind: Kind, native: &Native) -> Option<String> {
        let (dataset_name, snapshot_name) =
            name.split_once('@').map_or((name, None), |(dataset, snapshot)| (dataset, Some(snapshot)));
        let dataset = self.datasets.get(dataset_name)?;
        let snapshot = snapshot_name.and_then(|n| dataset.snapshots.iter().find(|s| s.name == n));
        let birth = snapshot.map_or(dataset.birth, |s| s.birth);
        let referenced = snapshot.map_or(dataset.referenced, |s| s.referenced);
        let unlimited = if self.version == Version::V2_1 { u64::MAX.to_string() } else { "none".to_owned() };
        let number = |value: u64| Some(value.to_string());
        match native.name {
            "type" => Some(kind.word().to_owned()),
            "creation" => number(birth.time),
            "createtxg" => number(birth.txg),
            "guid" => number(birth.guid),
            "objsetid" => number(birth.txg + 50),
            "referenced" | "usedbydataset" | "written" | "logicalreferenced" => number(referenced),
            "used" if snapshot.is_some() => number(0),
            "used" | "logicalused" => number(self.used(name)),
            "available" => number(self.available(name)),
            "usedbychildren" => number(self.used_by_children(name)),
            "usedbysnapshots" => number(0),
            "usedbyrefreservation" => {
                number(self.stored_number(name, "refreservation").saturating_sub(referenced))
            }
            "compressratio" | "refcompressratio" => Some("1.00".to_owned()),
            "mounted" => Some(if dataset.mount.is_some() { "yes" } else { "no" }.to_owned()),
            "origin" => dataset.origin.clone(),
            "filesystem_count" | "snapshot_count" => Some(unlimited),
            "defer_destroy" => Some("off".to_owned()),
            "userrefs" => number(snapshot?.holds.len() as u64),
            "receive_resume_token" => dataset.unfinished.clone(),
            "clones" => Some(self.clones(name).join(",")).filter(|clones| !clones.is_empty()),
            "snapshots_changed" => number(dataset.snapshots.last()?.birth.time),
            _ => None,
        }
    }

    /// The clones of a snapshot.
    pub(super) fn clones(&self, snapshot: &str) -> Vec<&str> {
        let is_clone = |origin: &Option<String>| origin.as_deref() == Some(snapshot);
        self.datasets.iter().filter(|(_, d)| is_clone(&d.origin)).map(|(name, _)| name.as_str()).collect()
    }
}
