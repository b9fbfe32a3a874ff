//! The truth about a store, read past Evenkeel: which good archives there are, and which files are others'.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::{Member, Retention, slot_of};
use evenkeel_lab::store::{FOREIGN, FileStore};
use evenkeel_lab::vzdump::Archive;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::site::{DIRECTORY, Site};

/// A good archive: of which guest, for which slot.
pub(crate) type Good = (String, Timestamp);

/// What is in a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The good archives, each with its folder.
    pub(crate) good: BTreeMap<Good, String>,
    /// The slots of the sealed generations.
    pub(crate) slots: BTreeSet<Timestamp>,
    /// Archives that a seal names and that are gone, or of another size.
    pub(crate) lost: Vec<String>,
    /// The names of others' files, each as often as it is there.
    pub(crate) foreign: Vec<String>,
}

impl Ledger {
    /// Reads a store of the site.
    pub(crate) fn of(site: &Site, target: &str) -> Self {
        Ledger::read(site.world.lock().files(target))
    }

    fn read(store: &FileStore) -> Self {
        let mut foreign = store.foreign();
        foreign.sort();
        let mut ledger = Ledger { foreign, ..Ledger::default() };
        for path in store.files_named("evenkeel.json") {
            let folder = path.strip_suffix("/evenkeel.json").unwrap();
            if !folder.starts_with(DIRECTORY) || store.file(&format!("{folder}/evenkeel.removing")).is_some()
            {
                continue;
            }
            let Ok(seal) = serde_json::from_slice::<Value>(store.file(&path).unwrap().bytes()) else {
                continue;
            };
            let slot = slot_of(seal["slot"].as_str().unwrap()).unwrap();
            ledger.slots.insert(slot);
            for (name, record) in seal["archives"].as_object().unwrap() {
                let Some(content) = store.file(&format!("{folder}/{name}")) else {
                    ledger.lost.push(format!("{folder}/{name}"));
                    continue;
                };
                if Some(content.len()) != record["bytes"].as_u64() {
                    ledger.lost.push(format!("{folder}/{name}"));
                }
                if Some(content.sha256()) != record["sha256"].as_str() {
                    continue;
                }
                let item = record["item"].as_str().unwrap().to_owned();
                let archive = Archive::read(content.bytes()).expect("what is sealed is a whole dump");
                assert_eq!(archive.id.to_string(), item, "{folder}/{name} is of another guest");
                ledger.good.insert((item, slot), folder.to_owned());
            }
        }
        ledger
    }

    /// The slots of the good archives of a guest.
    pub(crate) fn of_guest(&self, guest: &str) -> BTreeSet<Timestamp> {
        self.good.keys().filter(|(item, _)| item == guest).map(|(_, slot)| *slot).collect()
    }

    /// The guests that there are good archives of.
    pub(crate) fn guests(&self) -> BTreeSet<String> {
        self.good.keys().map(|(item, _)| item.clone()).collect()
    }

    /// As [`Ledger::keeps`]; and nothing is gone that a person should have looked at.
    pub(crate) fn follows(&self, before: &Ledger, policy: &Retention, zone: &TimeZone, now: Timestamp) {
        let alarms = self.keeps(before, policy, zone, now);
        assert!(alarms.is_empty(), "removed in spite of {alarms:?}");
    }

    /// Nothing that was good before is gone that the policy keeps, the newest of each guest least of all; and nothing of
    /// others is. Gives the alarms about what is gone.
    pub(crate) fn keeps(
        &self,
        before: &Ledger,
        policy: &Retention,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Vec<String> {
        let mut alarms = Vec::new();
        for guest in before.guests() {
            let (had, has) = (before.of_guest(&guest), self.of_guest(&guest));
            assert!(has.last() >= had.last(), "the newest archive of {guest} is gone: {had:?} → {has:?}");
            let member =
                |at: &Timestamp| Member { at: *at, verified: true, protected: None, tags: BTreeSet::new() };
            let members: Vec<Member> = had.union(&has).map(member).collect();
            let decision = policy.decide(&members, now, zone);
            let lost: Vec<&Timestamp> =
                had.difference(&has).filter(|at| decision.keep.contains_key(*at)).collect();
            assert!(
                lost.is_empty(),
                "of {guest}, {lost:?} are gone that the policy keeps: {had:?} → {has:?}"
            );
            // Days at a time may go at once where copies failed for as long; what needs a person is more than half of all.
            let gone = had.difference(&has).count();
            let is_much = gone > members.len() - gone;
            let is_odd = |alarm: &String| gone > 0 && (is_much || alarm.contains("in the future"));
            alarms.extend(decision.alarm.filter(is_odd));
        }
        assert_eq!(self.foreign, before.foreign, "files of others");
        alarms
    }
}

/// What nobody should find once everything is done.
pub(crate) fn temporaries(site: &Site) -> Vec<String> {
    let mut world = site.world.lock();
    let mut found = Vec::new();
    let names: Vec<String> = world.stores.keys().cloned().collect();
    for name in names {
        let store = &world.stores[&name];
        let is_temporary = |path: &String| {
            // Whoever renames what we work on, or puts something of their own into what was only begun, has to clean up.
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_theirs = store.file(&format!("{folder}/evenkeel.json")).is_none()
                && store
                    .files(folder)
                    .iter()
                    .any(|path| store.file(path).is_some_and(|f| f.bytes() == FOREIGN));
            if path.contains("/before-the-upgrade/") || is_theirs {
                return false;
            }
            let name = path.rsplit('/').next().unwrap_or_default();
            name.strip_suffix(".part").is_some() || name == "evenkeel.removing" || path.contains("/transfer/")
        };
        let files = store.files(DIRECTORY).into_iter().filter(is_temporary);
        found.extend(files.map(|path| format!("{name}: {path}")));
        let empty = store.folders(DIRECTORY).into_iter().filter(|folder| store.files(folder).is_empty());
        found.extend(empty.map(|path| format!("{name}: {path} is empty")));
    }
    let host = world.files(crate::site::HOST);
    found.extend(host.files("/dumps").into_iter().map(|path| format!("host: {path}")));
    found
}
