//! What is in a store: which folders are generations, which are unfinished, which are somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::{slot_name, slot_of};
use evenkeel_core::request::Entry;
use jiff::Timestamp;

use super::format::{BUILDING_MARK, FAILED, Failure, PART, RECORD, REMOVING, Record, SEAL, Seal, stem};
use super::layout::{BUILDING, Layout};

/// The folders of a store that are ours or stand among ours. Others are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// By name.
    pub folders: BTreeMap<String, Folder>,
    /// Numbers of the layout that are taken by what is no folder.
    pub blocked: BTreeSet<u32>,
}

/// A folder of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// What is directly in it.
    pub files: BTreeMap<String, Entry>,
    /// What it is.
    pub standing: Standing,
}

/// What a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// A generation.
    Sealed(Box<Sealed>),
    /// One that is not finished: the current slot's, or what a crash left.
    Open(Open),
    /// A generation that is half removed.
    Removing,
    /// Somebody else's, and why we think so.
    Foreign(String),
    /// A generation whose seal cannot be understood, and why. It is left alone: it may be good.
    Damaged(String),
}

/// A generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its slot.
    pub slot: Timestamp,
    /// What its seal says.
    pub seal: Seal,
    /// The seal still has [`PART`] behind its name.
    pub pending: bool,
    /// The failed tries that were read, by the archives' names.
    pub failures: BTreeMap<String, Failure>,
}

/// An unfinished generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// Its slot, where anything tells it.
    pub slot: Option<Timestamp>,
    /// That slot as it stands in the names of the files, where that is known.
    pub stamp: Option<String>,
    /// The records of archives that are there and as large as they should be, by the archives' names.
    pub records: BTreeMap<String, Record>,
    /// The failed tries, by the archives' names.
    pub failures: BTreeMap<String, Failure>,
}

/// One archive of a generation.
#[derive(Debug, Clone, Copy)]
pub struct Archive<'p> {
    /// The folder that it is in.
    pub folder: &'p str,
    /// Its generation's slot.
    pub slot: Timestamp,
    /// Its name.
    pub name: &'p str,
    /// What is known of it.
    pub record: &'p Record,
    /// Why it is no good: `missing`, `1 of 2 bytes`.
    pub lost: Option<Lost>,
}

/// What happened to an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// There is no file.
    Missing,
    /// It has another size than it had.
    Size(u64),
}

impl Archive<'_> {
    /// Whether it was checked and is as large as it was then.
    pub fn is_verified(&self) -> bool {
        self.lost.is_none()
    }

    /// In one word or a few.
    pub fn tell(&self) -> String {
        match self.lost {
            None => "verified".to_owned(),
            Some(Lost::Missing) => "lost: the file is gone".to_owned(),
            Some(Lost::Size(bytes)) => format!("lost: {bytes} of {} bytes", self.record.bytes),
        }
    }
}

impl Picture {
    /// Every generation with its folder.
    pub fn sealed(&self) -> impl Iterator<Item = (&str, &Folder, &Sealed)> {
        self.folders.iter().filter_map(|(name, folder)| match &folder.standing {
            Standing::Sealed(sealed) => Some((name.as_str(), folder, &**sealed)),
            _ => None,
        })
    }

    /// The generation of a slot.
    pub fn generation(&self, slot: Timestamp) -> Option<(&str, &Folder, &Sealed)> {
        let name = slot_name(slot);
        self.sealed().find(|(.., sealed)| sealed.seal.slot == name)
    }

    /// Every unfinished generation with its folder.
    pub fn open(&self) -> impl Iterator<Item = (&str, &Open)> {
        self.folders.iter().filter_map(|(name, folder)| match &folder.standing {
            Standing::Open(open) => Some((name.as_str(), open)),
            _ => None,
        })
    }

    /// True where a folder has what we must not write over: somebody else's files, or a seal that cannot be understood.
    pub(super) fn is_taken(&self, folder: &str) -> bool {
        self.folders.get(folder).is_some_and(|found| match &found.standing {
            Standing::Foreign(_) => !found.files.is_empty(),
            Standing::Damaged(_) => true,
            Standing::Sealed(_) | Standing::Open(_) | Standing::Removing => false,
        })
    }

    /// Every archive of every generation, one of each item in each.
    pub fn archives(&self) -> Vec<Archive<'_>> {
        let mut found = Vec::new();
        for (name, folder, sealed) in self.sealed() {
            let mut items = BTreeSet::new();
            found.extend(
                folder.archives_of(name, sealed).filter(|archive| items.insert(&archive.record.item)),
            );
        }
        found
    }

    /// Of several generations of one slot, all but the first are somebody's copies of a folder.
    pub(super) fn set_doubles_aside(&mut self, layout: &Layout) {
        let mut order: Vec<(bool, u32, String, String)> = self
            .sealed()
            .map(|(name, _, sealed)| {
                let number = layout.number(name);
                let fits = number.is_some() || slot_of(name).is_some();
                (
                    sealed.pending || !fits,
                    number.unwrap_or(u32::MAX),
                    name.to_owned(),
                    sealed.seal.slot.clone(),
                )
            })
            .collect();
        order.sort();
        let mut first: BTreeMap<String, String> = BTreeMap::new();
        for (_, _, name, slot) in order {
            let Some(known) = first.get(&slot) else {
                first.insert(slot, name);
                continue;
            };
            let why = format!("a second folder with the generation {slot}, which is in {known} too");
            if let Some(folder) = self.folders.get_mut(&name) {
                folder.standing = Standing::Foreign(why);
            }
        }
    }
}

impl Folder {
    /// The archives of the generation that it is.
    pub fn archives_of<'p>(&'p self, name: &'p str, sealed: &'p Sealed) -> impl Iterator<Item = Archive<'p>> {
        sealed.seal.archives.iter().map(move |(archive, record)| {
            let lost = match self.files.get(archive) {
                Some(Entry::File(bytes)) if *bytes == record.bytes => None,
                Some(Entry::File(bytes)) => Some(Lost::Size(*bytes)),
                _ => Some(Lost::Missing),
            };
            Archive { folder: name, slot: sealed.slot, name: archive, record, lost }
        })
    }

    /// The items that a generation should have a good archive of, and has not.
    pub fn lacking<'p>(&'p self, sealed: &'p Sealed) -> BTreeSet<&'p str> {
        let seal = &sealed.seal;
        let good = self.archives_of("", sealed).filter(Archive::is_verified).map(|a| a.record.item.as_str());
        let good: BTreeSet<&str> = good.collect();
        let taken_out = |item: &str| seal.removed.iter().any(|name| item_of(name, &seal.stamp) == Some(item));
        let items = seal.items.iter().map(String::as_str);
        items.filter(|item| !good.contains(item) && !taken_out(item)).collect()
    }

    /// The files of ours that have no purpose any more, or never had.
    pub fn leftovers(&self) -> Vec<&str> {
        match &self.standing {
            Standing::Sealed(sealed) => self.names().filter(|name| is_leftover(self, sealed, name)).collect(),
            Standing::Open(_) | Standing::Removing | Standing::Foreign(_) | Standing::Damaged(_) => {
                Vec::new()
            }
        }
    }

    /// Whether anything in it is not ours. `stamp`: the slot's, where it is known.
    pub fn has_foreign(&self, stamp: Option<&str>) -> bool {
        self.files.iter().any(|(name, entry)| {
            !matches!(entry, Entry::File(_))
                || !(is_mark(name) || stamp.is_some_and(|stamp| is_ours(name, stamp)))
        })
    }

    /// The files in it that are ours.
    pub fn ours<'p>(&'p self, stamp: &'p str) -> impl Iterator<Item = &'p str> {
        self.names().filter(move |name| is_mark(name) || is_ours(name, stamp))
    }

    /// The names of the files in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().filter(|(_, entry)| matches!(entry, Entry::File(_)));
        files.map(|(name, _)| name.as_str())
    }
}

/// A name that only we give.
pub(super) fn is_mark(name: &str) -> bool {
    let name = name.strip_suffix(PART).unwrap_or(name);
    matches!(name, SEAL | REMOVING | BUILDING_MARK)
}

/// A name that we give to a file of a slot.
pub(super) fn is_ours(name: &str, stamp: &str) -> bool {
    name.starts_with("vzdump-") && stem(name, stamp).is_some()
}

/// A file of ours in a generation that has no purpose there. An archive that has a record and is not listed may be good: it
/// is left alone, unless the seal says that it was removed.
fn is_leftover(folder: &Folder, sealed: &Sealed, name: &str) -> bool {
    let seal = &sealed.seal;
    if is_mark(name) {
        let is_in_use = matches!(name, SEAL | BUILDING_MARK);
        let is_seal = sealed.pending && name.strip_suffix(PART) == Some(SEAL);
        return !(is_in_use || is_seal);
    }
    if !is_ours(name, &seal.stamp) {
        return false;
    }
    if name.ends_with(PART) {
        return true;
    }
    if let Some(archive) = name.strip_suffix(FAILED) {
        return seal.archives.contains_key(archive) || !wants(seal, archive);
    }
    if let Some(archive) = name.strip_suffix(RECORD) {
        return !seal.archives.contains_key(archive)
            && (removed(seal, archive) || !folder.files.contains_key(archive));
    }
    if name.strip_suffix(".log").is_some() {
        let of_listed = seal.archives.values().any(|record| record.log == name);
        let kept_by = |other: &&str| {
            let of_failed = other.strip_suffix(FAILED).is_some_and(|archive| wants(seal, archive));
            let unlisted = other.strip_suffix(RECORD).is_some_and(|archive| !removed(seal, archive));
            (of_failed || unlisted) && stem(other, &seal.stamp) == stem(name, &seal.stamp)
        };
        return !of_listed && !folder.names().any(|other| kept_by(&other));
    }
    !seal.archives.contains_key(name)
        && (removed(seal, name) || !folder.files.contains_key(&format!("{name}{RECORD}")))
}

/// Whether an archive is missing in a generation that should have it, so that what its failed try left is of use.
fn wants(seal: &Seal, archive: &str) -> bool {
    !seal.archives.contains_key(archive) && !removed(seal, archive)
}

fn removed(seal: &Seal, archive: &str) -> bool {
    seal.removed.contains(archive)
}

/// True where a folder of this name can be an unfinished generation.
pub(super) fn can_be_open(layout: &Layout, name: &str) -> bool {
    match layout {
        Layout::Slot => slot_of(name).is_some(),
        Layout::Numbered { .. } => name == BUILDING,
    }
}

/// Where a stamp begins in a name of ours, counted from its end: `YYYY_MM_DD-HH_MM_SS`.
const STAMP: usize = 19;

/// The stamp in the names of the archives and what belongs to them, where all have the same one.
pub(super) fn stamp_of_files(files: &BTreeMap<String, Entry>) -> Option<String> {
    let stamps: BTreeSet<&str> = files.keys().filter_map(|name| stamp_in(name)).collect();
    match stamps.len() {
        1 => stamps.first().map(|stamp| (*stamp).to_owned()),
        _ => None,
    }
}

/// The stamp in a name such as `vzdump-lxc-101-2026_11_20-02_00_00.tar`.
fn stamp_in(name: &str) -> Option<&str> {
    let base = name.strip_prefix("vzdump-")?.split('.').next()?;
    let stamp = base.get(base.len().checked_sub(STAMP)?..)?;
    let fits = stamp.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 | 13 | 16 => byte == b'_',
        10 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    fits.then_some(stamp)
}

/// The item in an archive's name: `101` of `vzdump-lxc-101-2026_11_20-02_00_00.tar`.
fn item_of<'n>(name: &'n str, stamp: &str) -> Option<&'n str> {
    stem(name, stamp)?.strip_suffix(stamp)?.strip_suffix('-')?.rsplit('-').next()
}
