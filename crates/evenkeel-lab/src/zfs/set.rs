//! `zfs set`, and the rules for values that `zfs create` shares.

use super::list::Selection;
use super::model::REMOUNTING;
use super::options::Options;
use super::property::Property;
use super::space::volume_reservation;
use super::{Kind, Out, Rights, Version, ZfsHost, usage, value};

const LONGEST_USER_VALUE: usize = 8191;

pub(super) fn run(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let flags = if host.version >= Version::V2_3 { "u" } else { "" };
    let options = match Options::parse(args, flags, "") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "set", &problem, out),
    };
    let words = &options.operands;
    let first_dataset = words.iter().position(|word| !word.contains('=')).unwrap_or(words.len());
    let (assignments, datasets) = words.split_at(first_dataset);
    let problem = match (assignments, datasets) {
        ([], []) => "missing arguments",
        ([], [_]) => "missing property=value argument(s)",
        (_, []) => "missing dataset name(s)",
        (_, rest) if rest.iter().any(|word| word.contains('=')) => "invalid argument order",
        // Two words without `=` are taken for datasets to set nothing on.
        _ => "",
    };
    if !problem.is_empty() {
        return usage::fail(host.version, "set", problem, out);
    }
    let last = assignments.last().and_then(|word| word.split('=').next()).unwrap_or_default();
    let pairs = match pairs(assignments.iter().map(String::as_str)) {
        Ok(pairs) => pairs,
        Err(problem) => {
            out.err(problem);
            return 255;
        }
    };
    let selection = Selection { operands: datasets, depth: 0, types: "all", typed: false, whole_host: false };
    let (names, mut exit) = selection.resolve(host, out);
    for name in names {
        if pairs.iter().any(|(name, _)| *name == "special_small_blocks") {
            // The simulated pools have none. It is set all the same.
            out.err("special_small_blocks: property requires a special device in the pool");
        }
        let result = if rights == Rights::User {
            Err(format!("cannot set property for '{name}': permission denied"))
        } else {
            let mounts = Mounts { keep: options.has('u'), last };
            set_on(host, &name, &pairs, mounts)
        };
        if let Err(problem) = result {
            out.err(problem);
            exit |= if host.version >= Version::V2_3 { 255 } else { 1 };
        }
    }
    exit
}

/// Names and values, in the order in which they were given.
pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Splits `name=value` words; the error is what the program says about a name given twice.
pub(super) fn pairs<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Pairs<'a>, String> {
    let mut pairs = Pairs::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(format!("property '{name}' specified multiple times"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// What a `zfs set` does to mounts.
#[derive(Clone, Copy)]
struct Mounts<'a> {
    /// Leave them alone (`-u`).
    keep: bool,
    /// The property that stands last on the command line: in 2.1 it alone decides about a remount.
    last: &'a str,
}

/// Sets nothing where the program itself refuses a value. What only the kernel refuses, for want of space, is left
/// out, and the rest is set all the same.
fn set_on(host: &mut ZfsHost, name: &str, pairs: &Pairs<'_>, mounts: Mounts<'_>) -> Result<(), String> {
    let kind = host.kind_of(name).unwrap_or(Kind::Snapshot);
    let told = |problem| format!("cannot set property for '{name}': {problem}");
    let mut parsed = Vec::new();
    for (property, text) in pairs {
        let (property, mut value) = check(host.version, kind, property, text, false).map_err(told)?;
        if property.name() == "refreservation" && value == "auto" {
            let size = pairs.iter().find(|(name, _)| *name == "volsize");
            let size = size.and_then(|(_, size)| value::parse_size(size).ok());
            let size = size.unwrap_or_else(|| host.stored_number(name, "volsize"));
            value = volume_reservation(size, host.stored_number(name, "volblocksize")).to_string();
        }
        if property.name() == "volsize" {
            check_multiple(value.parse().unwrap_or(0), host.stored_number(name, "volblocksize"))
                .map_err(told)?;
        }
        parsed.push((property.name().to_owned(), value));
    }
    let moves = parsed.iter().any(|(p, v)| p == "mountpoint" || (p == "canmount" && v == "off"));
    if moves && !mounts.keep {
        host.try_unmount(name)?;
    }
    host.txg += 1;
    let mut refused = None;
    for (property, value) in parsed {
        match fits(host, name, &property, &value) {
            Ok(()) => host.store(name, &property, value, mounts.keep),
            Err(problem) => refused = Some(problem),
        }
    }
    if let Some(problem) = refused {
        return Err(told(problem));
    }
    let remounts =
        REMOUNTING.contains(&mounts.last) && host.datasets.get(name).is_some_and(|d| d.mount.is_some());
    if remounts && !mounts.keep {
        host.remount(name);
    }
    Ok(())
}

/// Whether `text` can be the value of `property` on a dataset of this kind; its full name and exact value.
pub(super) fn check(
    version: Version,
    kind: Kind,
    property: &str,
    text: &str,
    creating: bool,
) -> Result<(Property, String), String> {
    let found = Property::resolve(version, property);
    if kind == Kind::Snapshot && !matches!(found, Some(Property::User(_))) {
        return Err("this property can not be modified for snapshots".to_owned());
    }
    let found = found.ok_or_else(|| format!("invalid property '{property}'"))?;
    let Property::Native(native) = &found else {
        return if text.len() > LONGEST_USER_VALUE {
            Err("property value too long".to_owned())
        } else {
            Ok((found, text.to_owned()))
        };
    };
    if !native.applies_to(kind) {
        // Here the name comes back as it was written, elsewhere in full.
        return Err(format!("'{property}' does not apply to datasets of this type"));
    }
    let is_fixed = !usage::property(version, native.name).is_some_and(|listed| listed.edit);
    let is_computed = native.form == super::table::Form::Computed;
    if is_computed || (is_fixed && !creating) {
        return Err(format!("'{property}' is readonly"));
    }
    if native.name == "refreservation" && text == "auto" {
        return match (kind, creating) {
            (Kind::Volume, false) => Ok((found, text.to_owned())),
            (Kind::Volume, true) => Err("out of space".to_owned()),
            _ => Err("'refreservation=auto' only allowed on volumes".to_owned()),
        };
    }
    let value = value::parse(version, native, text)?;
    match (native.name, value.as_str()) {
        ("version", "current") => Ok((found, "5".to_owned())),
        ("version", older) if older != "5" => Err("Can not downgrade; already at version 5".to_owned()),
        ("mlslabel", _) => Err("mlslabels are unsupported".to_owned()),
        _ => Ok((found, value)),
    }
}

/// Whether there is space for it.
fn fits(host: &ZfsHost, name: &str, property: &str, value: &str) -> Result<(), String> {
    if property != "volsize" {
        return host.check_space(name, property, value);
    }
    if is_thick(host, name) {
        let block = host.stored_number(name, "volblocksize");
        let reserved = volume_reservation(value.parse().unwrap_or(0), block);
        host.check_space(name, "refreservation", &reserved.to_string())?;
    }
    Ok(())
}

/// A volume is a whole number of its blocks.
fn check_multiple(volsize: u64, block: u64) -> Result<(), String> {
    if volsize.is_multiple_of(block.max(1)) {
        return Ok(());
    }
    let block = value::show_size(block);
    Err(format!("'volsize' must be a multiple of volume block size ({block})"))
}

/// A volume whose whole size is reserved; the reservation follows its size.
fn is_thick(host: &ZfsHost, name: &str) -> bool {
    let full =
        volume_reservation(host.stored_number(name, "volsize"), host.stored_number(name, "volblocksize"));
    host.stored_number(name, "refreservation") == full
}

impl ZfsHost {
    /// Whether a file system and all below it can be unmounted.
    pub(super) fn check_unmount(&self, name: &str) -> Result<(), String> {
        let busy = |name: &&str| self.datasets.get(*name).is_some_and(|d| d.busy && d.mount.is_some());
        let mut names = std::iter::once(name).chain(self.descendants(name).map(String::as_str));
        match names.find(busy) {
            None => Ok(()),
            Some(name) => {
                let path = self.stored(name, "mountpoint").0;
                Err(format!("cannot unmount '{path}': pool or dataset is busy"))
            }
        }
    }

    /// The same; where it fails, what was below has been unmounted and mounted again.
    pub(super) fn try_unmount(&mut self, name: &str) -> Result<(), String> {
        self.check_unmount(name).inspect_err(|_| {
            for below in self.descendants(name).cloned().collect::<Vec<_>>() {
                let is_free = self.datasets.get(&below).is_some_and(|d| d.mount.is_some() && !d.busy);
                if is_free {
                    self.remount(&below);
                }
            }
        })
    }

    fn store(&mut self, name: &str, property: &str, value: String, keep_mounted: bool) {
        self.remember_property("set", name, property, &value);
        let follows = property == "volsize" && is_thick(self, name);
        let before = self.stored(name, "mountpoint").0;
        if let Some((dataset, snapshot)) = name.split_once('@') {
            let snapshots = self.datasets.get_mut(dataset).map(|d| &mut d.snapshots);
            if let Some(found) = snapshots.into_iter().flatten().find(|s| s.name == snapshot) {
                found.settings.entry(property.to_owned()).or_default().local = Some(value);
            }
            return;
        }
        let Some(dataset) = self.datasets.get_mut(name) else { return };
        let size = value.parse().unwrap_or(0);
        dataset.settings.entry(property.to_owned()).or_default().local = Some(value);
        if follows {
            let reserved = volume_reservation(size, self.stored_number(name, "volblocksize")).to_string();
            self.store(name, "refreservation", reserved, keep_mounted);
        }
        if !keep_mounted {
            self.mount_after(name, property, &before);
        }
    }

    /// What a changed property does to mounts. `before` is the mount point until now.
    pub(super) fn mount_after(&mut self, name: &str, property: &str, before: &str) {
        let is_mounted = self.datasets.get(name).is_some_and(|d| d.mount.is_some());
        match property {
            "mountpoint" => {
                let names: Vec<String> =
                    std::iter::once(name.to_owned()).chain(self.descendants(name).cloned()).collect();
                let was_unmountable = before == "none" || before == "legacy";
                for name in names {
                    let was_mounted = self.datasets.get(&name).is_some_and(|d| d.mount.is_some());
                    if was_mounted || was_unmountable {
                        self.remount(&name);
                    }
                }
            }
            // Switched on again it stays unmounted until somebody mounts it.
            "canmount" if self.stored(name, "canmount").0 == "off" => self.remount(name),
            "zoned" => self.remount(name),
            // Setting one remounts this dataset; those that inherit keep what they were mounted with.
            option if REMOUNTING.contains(&option) && self.version >= Version::V2_3 && is_mounted => {
                self.remount(name);
            }
            _ => {}
        }
    }
}
