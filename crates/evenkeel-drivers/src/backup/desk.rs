//! Planning for one store: each step is written down, and done to the picture of the store at once, so that what is planned
//! after it, and what is said to be wanted, is what will be there.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::{Risk, Step};
use evenkeel_core::request::{Check, Entry, FileRequest, Goal, Origin, Request, Transfer};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::format::{BUILDING_MARK, Building, PART, RECORD, REMOVING, Record, SEAL, Seal};
use super::layout::{BUILDING, Layout};
use super::picture::{Archive, Folder, Open, Picture, Sealed, Standing, can_be_open, stamp_of_files};
use super::rotation::{Numbers, Place, Shift};
use super::store::StoreSpec;

/// How an acceptance names that a large removal is wanted.
pub(super) const RETENTION: &str = "retention";

/// A store, and the steps that were planned for it.
#[derive(Debug, Clone)]
pub struct Desk<'a> {
    /// The store.
    pub store: &'a StoreSpec,
    /// What will be in it after the steps.
    pub picture: Picture,
    /// The steps so far.
    pub steps: Vec<Step>,
    phase: Phase,
}

/// What the steps are for that are written down now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Making copies whole.
    Making,
    /// Removing, which may wait.
    Removing,
    /// Removing what a person should look at before, and why.
    Doubtful(String),
}

/// An archive that is to be written.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its record, as far as it is known before.
    pub record: Record,
    /// What the transfer writes into its record besides what it finds out.
    pub fields: Map<String, Value>,
    /// Its name.
    pub name: String,
    /// The folder.
    pub folder: String,
}

impl<'a> Desk<'a> {
    /// A store as it is.
    pub fn new(store: &'a StoreSpec, picture: &Picture) -> Self {
        Desk { store, picture: picture.clone(), steps: Vec::new(), phase: Phase::Making }
    }

    /// From now on things are removed; with an `alarm` only after a person has agreed.
    pub fn begin_removing(&mut self, alarm: Option<String>) {
        self.phase = alarm.map_or(Phase::Removing, Phase::Doubtful);
    }

    /// Writes down a step.
    pub fn push(&mut self, mut step: Step) {
        if self.phase != Phase::Making {
            step = step.may_wait();
        }
        if let Phase::Doubtful(says) = &self.phase {
            step = step.hazard(Risk::DataLoss, RETENTION, says.clone());
        }
        self.steps.push(step);
    }

    fn send(&mut self, request: FileRequest) {
        self.push(Step::at(&self.store.target, Request::Files(request)));
    }

    fn path(&self, folder: &str, file: &str) -> String {
        self.store.path(&format!("{folder}/{file}"))
    }

    /// Finishes a seal that was whole, but did not get its name.
    pub fn roll_forward(&mut self, folder: &str) {
        let (from, to) = (self.path(folder, &format!("{SEAL}{PART}")), self.path(folder, SEAL));
        self.send(FileRequest::Rename { from, to });
        if let Some(found) = self.picture.folders.get_mut(folder) {
            let entry = found.files.remove(&format!("{SEAL}{PART}"));
            found.files.extend(entry.map(|entry| (SEAL.to_owned(), entry)));
            if let Standing::Sealed(sealed) = &mut found.standing {
                sealed.pending = false;
            }
        }
    }

    /// Makes the folder in which a generation is built, and marks it.
    pub fn open(&mut self, folder: &str, slot: Timestamp, stamp: &str) {
        let known = self.picture.folders.get(folder);
        let is_there = known.is_some();
        let is_marked = known.is_some_and(|found| match &found.standing {
            Standing::Open(open) => open.slot == Some(slot) && open.stamp.as_deref() == Some(stamp),
            _ => false,
        });
        if !is_there {
            self.send(FileRequest::MakeFolder { folder: self.store.path(folder) });
        }
        let found = self.picture.folders.entry(folder.to_owned());
        let found = found.or_insert_with(|| Folder { files: BTreeMap::new(), standing: Standing::Removing });
        if !matches!(found.standing, Standing::Open(_)) {
            found.standing = Standing::Open(Open::default());
        }
        if let Standing::Open(open) = &mut found.standing {
            (open.slot, open.stamp) = (Some(slot), Some(stamp.to_owned()));
        }
        if !is_marked {
            found.files.insert(BUILDING_MARK.to_owned(), Entry::File(0));
            let mark = Building { slot: slot_name(slot), stamp: stamp.to_owned() };
            let text = serde_json::to_string(&mark).unwrap_or_default();
            self.send(FileRequest::Write { path: self.path(folder, BUILDING_MARK), text });
        }
    }

    /// Where an archive goes, for a [`Transfer`].
    pub fn goal(&self, arrival: &Arrival, log: bool) -> Goal {
        Goal::File {
            target: Some(self.store.target.clone()),
            path: self.path(&arrival.folder, &arrival.name),
            check: self.store.check,
            record: Some(arrival.fields.clone()),
            log: log.then(|| self.path(&arrival.folder, &arrival.record.log)),
        }
    }

    /// The step that brings an archive from where it is a file.
    pub fn fetch(&self, target: Option<&str>, path: String, to: Goal) -> Step {
        let rate = self.store.bandwidth_limit.map(|rate| rate.0);
        let from = Origin::File { target: target.map(str::to_owned), path };
        Step::at(&self.store.target, Request::Transfer(Box::new(Transfer { from, to, rate, patience: None })))
    }

    /// Where the log of an archive goes that is a file.
    pub fn log_goal(&self, arrival: &Arrival) -> Goal {
        Goal::File {
            target: Some(self.store.target.clone()),
            path: self.path(&arrival.folder, &arrival.record.log),
            check: Check::Size,
            record: None,
            log: None,
        }
    }

    /// What will be there once an archive has arrived.
    pub fn arrive(&mut self, arrival: &Arrival) {
        let Some(found) = self.picture.folders.get_mut(&arrival.folder) else { return };
        let record = &arrival.record;
        found.files.insert(arrival.name.clone(), Entry::File(record.bytes));
        found.files.insert(format!("{}{RECORD}", arrival.name), Entry::File(0));
        found.files.insert(record.log.clone(), Entry::File(0));
        for part in [arrival.name.clone(), format!("{}{RECORD}", arrival.name), record.log.clone()] {
            found.files.remove(&format!("{part}{PART}"));
        }
        match &mut found.standing {
            Standing::Open(open) => drop(open.records.insert(arrival.name.clone(), record.clone())),
            Standing::Sealed(sealed) => {
                drop(sealed.seal.archives.insert(arrival.name.clone(), record.clone()));
            }
            Standing::Removing | Standing::Foreign(_) | Standing::Damaged(_) => {}
        }
    }

    /// Makes a generation of what is in a folder: `seal` with all the records that are there.
    pub fn seal(&mut self, folder: &str, mut seal: Seal, slot: Timestamp) {
        let Some(found) = self.picture.folders.get_mut(folder) else { return };
        let mut failures = BTreeMap::new();
        match &found.standing {
            Standing::Open(open) => {
                seal.archives.clone_from(&open.records);
                failures.clone_from(&open.failures);
            }
            Standing::Sealed(sealed) => {
                let there = found.archives_of(folder, sealed).filter(Archive::is_verified);
                seal.archives = there.map(|a| (a.name.to_owned(), a.record.clone())).collect();
                failures.clone_from(&sealed.failures);
            }
            Standing::Removing | Standing::Foreign(_) | Standing::Damaged(_) => return,
        }
        let members = seal.archives.keys().cloned().collect();
        let fields = seal.fields();
        found.files.insert(SEAL.to_owned(), Entry::File(0));
        found.files.remove(&format!("{SEAL}{PART}"));
        found.standing = Standing::Sealed(Box::new(Sealed { slot, seal, pending: false, failures }));
        self.send(FileRequest::Seal {
            folder: self.store.path(folder),
            into: SEAL.to_owned(),
            fields,
            members,
        });
    }

    /// Takes archives that were lost out of a seal, before they are made again: half-made ones must not pass for them.
    pub fn forget_lost(&mut self, folder: &str) {
        let Some(found) = self.picture.folders.get(folder) else { return };
        let Standing::Sealed(sealed) = &found.standing else { return };
        let lost = found.archives_of(folder, sealed).filter(|archive| !archive.is_verified());
        let lost: Vec<String> = lost.map(|archive| archive.name.to_owned()).collect();
        if lost.is_empty() {
            return;
        }
        let mut sealed = sealed.clone();
        sealed.seal.archives.retain(|name, _| !lost.contains(name));
        let text = sealed.seal.text();
        self.send(FileRequest::Write { path: self.path(folder, SEAL), text });
        if let Some(found) = self.picture.folders.get_mut(folder) {
            found.standing = Standing::Sealed(sealed);
        }
    }

    /// Gives a generation that was built its place among the numbers.
    pub fn rotate_in(&mut self, folder: &str, slot: Timestamp) {
        if folder != BUILDING || matches!(self.store.layout(), Layout::Slot) {
            return;
        }
        let mut numbers = self.numbers();
        let (number, shifts) = numbers.insert(slot);
        self.shift(&shifts);
        if let Some(name) = self.store.layout().numbered(number) {
            self.rename(folder, &name);
        }
    }

    /// Closes the gaps among the numbers.
    pub fn close_gaps(&mut self) {
        let shifts = self.numbers().close();
        self.shift(&shifts);
    }

    fn shift(&mut self, shifts: &[Shift]) {
        for Shift { from, to } in shifts {
            let layout = self.store.layout();
            if let (Some(from), Some(to)) = (layout.numbered(*from), layout.numbered(*to)) {
                self.rename(&from, &to);
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let request = FileRequest::Rename { from: self.store.path(from), to: self.store.path(to) };
        self.send(request);
        if let Some(folder) = self.picture.folders.remove(from) {
            self.picture.folders.insert(to.to_owned(), folder);
        }
    }

    fn numbers(&self) -> Numbers {
        let layout = self.store.layout();
        let places = self.picture.folders.iter().filter_map(|(name, folder)| {
            let slot = match &folder.standing {
                Standing::Sealed(sealed) => Some(sealed.slot),
                _ => None,
            };
            Some((layout.number(name)?, Place { slot }))
        });
        Numbers { places: places.collect(), blocked: self.picture.blocked.clone() }
    }

    /// Takes archives out of a generation: out of its seal first, then the files.
    pub fn take_out(&mut self, folder: &str, names: &BTreeSet<String>) {
        let Some(found) = self.picture.folders.get_mut(folder) else { return };
        let Standing::Sealed(sealed) = &mut found.standing else { return };
        for name in names {
            sealed.seal.archives.remove(name);
            sealed.seal.removed.insert(name.clone());
        }
        let text = sealed.seal.text();
        self.send(FileRequest::Write { path: self.path(folder, SEAL), text });
        self.remove_leftovers(folder);
    }

    /// Removes what has no purpose in a generation's folder.
    pub fn remove_leftovers(&mut self, folder: &str) {
        let Some(found) = self.picture.folders.get(folder) else { return };
        // The record before the archive: what is left of them after a crash counts for nothing then.
        let mut names: Vec<String> = found.leftovers().into_iter().map(str::to_owned).collect();
        names.sort_by_key(|name| (!name.ends_with(RECORD), name.clone()));
        self.remove_files(folder, &names);
    }

    /// Removes files of a folder.
    pub fn remove_files(&mut self, folder: &str, names: &[String]) {
        for name in names {
            self.send(FileRequest::Remove { path: self.path(folder, name) });
            if let Some(found) = self.picture.folders.get_mut(folder) {
                found.files.remove(name);
            }
        }
    }

    /// Removes a folder of ours; where there is anything else in it, only what is ours.
    pub fn remove_folder(&mut self, folder: &str, stamp: Option<&str>) {
        let Some(found) = self.picture.folders.get(folder) else { return };
        if found.standing != Standing::Removing {
            let text = "{\"format\":1,\"removing\":true}\n".to_owned();
            self.send(FileRequest::Write { path: self.path(folder, REMOVING), text });
        }
        let Some(found) = self.picture.folders.get_mut(folder) else { return };
        found.standing = Standing::Removing;
        let stamp = stamp.map(str::to_owned).or_else(|| stamp_of_files(&found.files));
        if !found.has_foreign(stamp.as_deref()) {
            // What comes in until then is not ours to remove. Our marks come and go.
            let marks = [SEAL, BUILDING_MARK, REMOVING]
                .into_iter()
                .flat_map(|mark| [mark.to_owned(), format!("{mark}{PART}")]);
            let only = found.files.keys().cloned().chain(marks).collect();
            self.send(FileRequest::RemoveFolder {
                folder: self.store.path(folder),
                last: REMOVING.to_owned(),
                only,
            });
            self.picture.folders.remove(folder);
            return;
        }
        let ours: Vec<String> = found.ours(stamp.as_deref().unwrap_or("\0")).map(str::to_owned).collect();
        let (marks, files): (Vec<String>, Vec<String>) =
            ours.into_iter().partition(|name| name.starts_with("evenkeel."));
        let marks: Vec<String> = marks.into_iter().filter(|name| name != REMOVING).collect();
        self.remove_files(folder, &marks);
        self.remove_files(folder, &files);
        self.remove_files(folder, &[REMOVING.to_owned()]);
        if let Some(found) = self.picture.folders.get_mut(folder) {
            found.standing = Standing::Foreign("there is no evenkeel.json in it".to_owned());
            if self.store.layout().number(folder).is_none() && !can_be_open(self.store.layout(), folder) {
                self.picture.folders.remove(folder);
            }
        }
    }
}
