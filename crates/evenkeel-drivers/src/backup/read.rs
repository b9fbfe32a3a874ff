//! From what a store answered to the picture of it.

use std::collections::BTreeMap;

use evenkeel_core::backup::slot_of;
use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Entry, FileRequest, Listing, MISSING, Query, Replies, Reply, Request};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::format::{
    BUILDING_MARK, Building, FAILED, Failure, NoSeal, PART, RECORD, REMOVING, Record, SEAL, Seal,
};
use super::layout::{BUILDING, Layout};
use super::picture::{Folder, Open, Picture, Sealed, Standing, can_be_open, is_mark, stamp_of_files};
use super::store::StoreSpec;

/// No more records of one folder are read: a night has a few hundred guests at most.
const MOST_RECORDS: usize = 2_000;

/// Why a folder with a generation in it is not ours.
const RENAMED: &str = "a generation that somebody gave another name";

/// The files in a folder, by name.
type Files = BTreeMap<String, Entry>;

impl StoreSpec {
    /// What to read of it; asked in rounds.
    pub fn queries(&self, so_far: &Replies) -> Vec<Query> {
        let mut queries: Vec<Query> = [Some(self.list()), self.is_mounted()].into_iter().flatten().collect();
        let Ok(Some(folders)) = self.folders(so_far) else { return queries };
        for (name, files) in &folders {
            if files.contains_key(REMOVING) {
                continue;
            }
            let seal = seal_name(files);
            queries.extend(seal.as_ref().map(|file| self.read_of(name, file)));
            // Once the seal was read, it tells what else is of use.
            let known = seal.as_ref().map(|file| self.read_of(name, file)).filter(|query| so_far.has(query));
            let known = known.and_then(|query| self.text(so_far, &query).ok().map(Seal::parse));
            let lacks =
                known.as_ref().is_some_and(|known| known.as_ref().is_ok_and(|known| lacks(known, files)));
            let damaged = known.is_some_and(|known| known.is_err_and(|problem| !problem.is_other_format));
            let small = |suffix: &str| {
                let files = files.keys().filter(|file| file.starts_with("vzdump-") && file.ends_with(suffix));
                files.take(MOST_RECORDS).map(|file| self.read_of(name, file)).collect::<Vec<_>>()
            };
            if seal.as_deref() != Some(SEAL) || damaged {
                // Failed tries end in that, too.
                queries.extend(small(RECORD));
                queries.extend(files.contains_key(BUILDING_MARK).then(|| self.read_of(name, BUILDING_MARK)));
            } else if lacks {
                queries.extend(small(FAILED));
            }
        }
        queries
    }

    /// What is in it.
    pub fn picture(&self, replies: &Replies) -> Result<Picture, ObserveError> {
        if let Some(query) = self.is_mounted() {
            self.mounted(&query, replies.get(&query)?)?;
        }
        let mut picture = Picture::default();
        let Some(folders) = self.folders(replies)? else { return Ok(picture) };
        for (name, files) in folders {
            if let Some(standing) = self.standing(&name, &files, replies)? {
                picture.folders.insert(name, Folder { files, standing });
            }
        }
        let listing = self.listing(replies)?.unwrap_or_default();
        let files = listing.entries.iter().filter(|(_, entry)| **entry != Entry::Folder);
        picture.blocked = files.filter_map(|(path, _)| self.layout().number(path)).collect();
        picture.set_doubles_aside(self.layout());
        self.check_building(&picture)?;
        Ok(picture)
    }

    /// Whether the folder is free in which generations are built that get a number then.
    fn check_building(&self, picture: &Picture) -> Result<(), ObserveError> {
        let in_use = picture.folders.get(BUILDING).filter(|_| can_be_open(self.layout(), BUILDING));
        let why = match in_use.map(|folder| &folder.standing) {
            Some(Standing::Foreign(why) | Standing::Damaged(why)) if picture.is_taken(BUILDING) => why,
            _ => return Ok(()),
        };
        let folder = self.path(BUILDING);
        Err(ObserveError::Unfit {
            path: vec!["directory".to_owned()],
            message: format!(
                "somebody else's files are in {folder} on {}, where generations are built: {why}",
                self.target
            ),
            hint: Some(format!("finish the older script first, or move {folder} away")),
        })
    }

    /// What a folder is; `None` for one that has nothing to do with us.
    fn standing(
        &self,
        name: &str,
        files: &Files,
        replies: &Replies,
    ) -> Result<Option<Standing>, ObserveError> {
        if files.contains_key(REMOVING) {
            return Ok(Some(Standing::Removing));
        }
        let mut damage = None;
        if let Some(file) = seal_name(files) {
            match Seal::parse(self.text(replies, &self.read_of(name, &file))?) {
                Ok((seal, slot)) if !self.names(name, Some(slot), &seal.layout) => {
                    return Ok(Some(Standing::Foreign(RENAMED.to_owned())));
                }
                Ok((seal, slot)) => {
                    let failures = self.small_files(name, files, FAILED, replies);
                    let pending = file != SEAL;
                    return Ok(Some(Standing::Sealed(Box::new(Sealed { slot, seal, pending, failures }))));
                }
                Err(NoSeal { problem, is_other_format }) => {
                    let problem = format!("{file} in it cannot be understood: {problem}");
                    if is_other_format {
                        return Ok(Some(Standing::Damaged(problem)));
                    }
                    damage = Some(problem);
                }
            }
        }
        let open = self.open(name, files, replies)?;
        // Names prove nothing: an older script calls its folder and files as we do. Our mark is written first.
        let is_building = |file: &String| file.strip_suffix(PART).unwrap_or(file) == BUILDING_MARK;
        let is_marked = files.keys().any(is_building) || files.keys().all(|file| is_mark(file));
        let is_begun = is_marked && (!files.is_empty() || slot_of(name).is_some());
        let is_fit =
            !open.records.is_empty() || (damage.is_none() && can_be_open(self.layout(), name) && is_begun);
        if is_fit && self.names(name, open.slot, "") {
            return Ok(Some(Standing::Open(open)));
        }
        let in_layout = self.layout().number(name).is_some() || can_be_open(self.layout(), name);
        Ok(match damage {
            Some(problem) => Some(Standing::Damaged(problem)),
            None if !open.records.is_empty() => Some(Standing::Foreign(RENAMED.to_owned())),
            None if in_layout => Some(Standing::Foreign("there is no evenkeel.json in it".to_owned())),
            None => None,
        })
    }

    /// Whether we give a folder with the generation of `slot` this name, or did with an earlier layout, `written`. One that a
    /// person copied or moved to another name was set aside, and is not ours any more.
    fn names(&self, name: &str, slot: Option<Timestamp>, written: &str) -> bool {
        let is_number = |layout: &Layout| layout.number(name).is_some();
        name == BUILDING
            || is_number(self.layout())
            || slot.is_some_and(|slot| slot_of(name) == Some(slot))
            || Layout::parse(written).is_ok_and(|layout| is_number(&layout))
    }

    /// What the files in a folder without a good seal tell.
    fn open(&self, name: &str, files: &Files, replies: &Replies) -> Result<Open, ObserveError> {
        for file in files
            .keys()
            .filter(|file| file.starts_with("vzdump-") && file.ends_with(RECORD))
            .take(MOST_RECORDS)
        {
            // What could not be read is not the same as what says nothing.
            self.text(replies, &self.read_of(name, file))?;
        }
        let failures: BTreeMap<String, Failure> = self.small_files(name, files, FAILED, replies);
        let mut records: BTreeMap<String, Record> = self.small_files(name, files, RECORD, replies);
        records.retain(|archive, record| files.get(archive) == Some(&Entry::File(record.bytes)));
        let mark = if files.contains_key(BUILDING_MARK) {
            serde_json::from_slice(self.text(replies, &self.read_of(name, BUILDING_MARK))?).ok()
        } else {
            None
        };
        let told = mark.and_then(|mark: Building| Some((slot_of(&mark.slot)?, mark.stamp)));
        let newest = records.values().filter_map(|record| slot_of(&record.slot)).max();
        let (slot, stamp) = match told {
            Some((slot, stamp)) => (Some(slot), Some(stamp)),
            None => (slot_of(name).or(newest), stamp_of_files(files)),
        };
        let is_of = |other: &str| slot.is_some() && slot_of(other) == slot;
        let records = records.into_iter().filter(|(_, record)| is_of(&record.slot)).collect();
        let failures = failures.into_iter().filter(|(_, failure)| is_of(&failure.slot)).collect();
        Ok(Open { slot, stamp, records, failures })
    }

    /// The files in a folder that end in `suffix` and were read and understood, by what is before it.
    fn small_files<T: DeserializeOwned>(
        &self,
        folder: &str,
        files: &Files,
        suffix: &str,
        replies: &Replies,
    ) -> BTreeMap<String, T> {
        let stems = files.keys().filter_map(|file| file.strip_suffix(suffix));
        let ours = stems.filter(|stem| stem.starts_with("vzdump-"));
        let read = ours.filter_map(|stem| {
            let query = self.read_of(folder, &format!("{stem}{suffix}"));
            let text = replies.has(&query).then(|| self.text(replies, &query).ok()).flatten()?;
            Some((stem.to_owned(), serde_json::from_slice(text).ok()?))
        });
        read.collect()
    }

    fn read_of(&self, folder: &str, file: &str) -> Query {
        self.query(FileRequest::Read { path: self.path(&format!("{folder}/{file}")) })
    }

    fn text<'r>(&self, replies: &'r Replies, query: &Query) -> Result<&'r [u8], ObserveError> {
        let reply = replies.get(query)?;
        if reply.exit == 0 { Ok(&reply.stdout) } else { Err(self.refused(query, reply)) }
    }

    /// The folders in it by name, each with what is directly in it; `None` where the store itself is not there yet.
    fn folders(&self, replies: &Replies) -> Result<Option<BTreeMap<String, Files>>, ObserveError> {
        if !replies.has(&self.list()) {
            return Ok(None);
        }
        let Some(listing) = self.listing(replies)? else { return Ok(None) };
        let mut folders: BTreeMap<String, Files> = BTreeMap::new();
        for (path, entry) in &listing.entries {
            match path.split_once('/') {
                Some((folder, name)) if !name.contains('/') => {
                    folders.entry(folder.to_owned()).or_default().insert(name.to_owned(), *entry);
                }
                None if *entry == Entry::Folder => drop(folders.entry(path.clone()).or_default()),
                _ => {}
            }
        }
        Ok(Some(folders))
    }

    fn listing(&self, replies: &Replies) -> Result<Option<Listing>, ObserveError> {
        let query = self.list();
        let reply = replies.get(&query)?;
        match reply.exit {
            0 => serde_json::from_slice(&reply.stdout).map(Some).map_err(|error| ObserveError::Unparsable {
                command: self.command(&query),
                problem: error.to_string(),
            }),
            MISSING => Ok(None),
            _ => Err(self.refused(&query, reply)),
        }
    }

    fn mounted(&self, query: &Query, reply: &Reply) -> Result<(), ObserveError> {
        let mount_point = self.mount_point.as_deref().unwrap_or_default();
        match reply.exit {
            0 => Ok(()),
            1 | 32 => Err(ObserveError::Unfit {
                path: vec!["mountPoint".to_owned()],
                message: format!(
                    "{mount_point} on {} is not mounted, so that copies would fill the disk below it",
                    self.target
                ),
                hint: Some(format!("mount it there, for instance `mount {mount_point}`")),
            }),
            _ => Err(self.refused(query, reply)),
        }
    }

    fn refused(&self, query: &Query, reply: &Reply) -> ObserveError {
        let said = reply.stderr_text();
        let said: String = said.chars().take(300).collect();
        let stderr = if said.is_empty() { "(no message)".to_owned() } else { said };
        ObserveError::Command { command: self.command(query), exit: reply.exit, stderr, hint: None }
    }

    fn command(&self, query: &Query) -> String {
        match query.request() {
            Request::Files(files) => format!("{}: {}", self.target, files.display()),
            other => format!("{}: {}", self.target, other.display()),
        }
    }
}

/// The name of the seal in a folder, be it still unfinished.
fn seal_name(files: &Files) -> Option<String> {
    let part = format!("{SEAL}{PART}");
    [SEAL.to_owned(), part].into_iter().find(|name| matches!(files.get(name), Some(Entry::File(_))))
}

/// True where a generation has not all that it should have, so that failed tries tell more.
fn lacks((seal, slot): &(Seal, Timestamp), files: &Files) -> bool {
    let sealed = Sealed { slot: *slot, seal: seal.clone(), pending: false, failures: BTreeMap::new() };
    let folder = Folder { files: files.clone(), standing: Standing::Removing };
    !folder.lacking(&sealed).is_empty()
}

/// A moment as it stands in the names of files: `2026_11_20-02_00_00`, in the schedule's time zone.
pub fn stamp_of(slot: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let local = slot.to_zoned(zone.clone());
    jiff::fmt::strtime::format("%Y_%m_%d-%H_%M_%S", &local).unwrap_or_default()
}
