//! A dump host and the stores that it dumps to, in one world: bytes go from one to the other.

use std::collections::BTreeMap;

use evenkeel_core::backup::slot_name;
use evenkeel_core::request::{Exec, Goal, Moved, Origin, REFUSED, Reply, Request, Transfer};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{DumpHost, complaint};
use crate::machine::Machine;
use crate::random::Random;
use crate::store::{Content, FileStore, Order, Supply};

/// The machine of a target `NAME`, with the stores `NAME-SUFFIX` beside it.
#[derive(Debug, Clone)]
pub struct World {
    /// The dump host.
    pub host: DumpHost,
    /// The stores, by the last part of their names.
    pub stores: BTreeMap<String, FileStore>,
    /// What the clocks of all show.
    pub now: Timestamp,
}

impl World {
    /// A host without stores.
    pub fn new(host: DumpHost, now: Timestamp) -> Self {
        World { host, stores: BTreeMap::new(), now }
    }

    /// The files of a target: a store, or the host's disk.
    pub fn files(&mut self, target: &str) -> &mut FileStore {
        let suffix = target.rsplit_once('-').map_or(target, |(_, suffix)| suffix);
        match self.stores.get_mut(suffix) {
            Some(store) => store,
            None => &mut self.host.files,
        }
    }

    fn is_store(&self, target: &str) -> bool {
        target.rsplit_once('-').is_some_and(|(_, suffix)| self.stores.contains_key(suffix))
    }

    fn exec(&mut self, target: &str, exec: &Exec) -> Reply {
        let words = exec.words();
        if !self.is_store(target) {
            return self.host.run(&words, self.now);
        }
        match words.as_slice() {
            [program, quiet, path] if program == "mountpoint" && quiet == "-q" => {
                Reply { exit: i32::from(!self.files(target).is_folder(path)), ..super::told("") }
            }
            _ => complaint(127, &format!("{target} is a store and runs nothing: {}", exec.display())),
        }
    }

    fn transfer(&mut self, own: &str, transfer: &Transfer, cut: Option<&mut Random>) -> Reply {
        let supply = self.supply(own, &transfer.from);
        match &transfer.to {
            Goal::File { target, path, check, record, log } => {
                let order = Order { path, check: *check, record: record.as_ref(), log: log.as_deref() };
                let store = self.files(target.as_deref().unwrap_or(own));
                let cut_off = || complaint(REFUSED, "426 Connection closed");
                store.receive(order, &supply, cut).unwrap_or_else(|_| cut_off())
            }
            Goal::Input { exec, .. } => {
                complaint(127, &format!("nothing here reads its input: {}", exec.display()))
            }
        }
    }

    fn supply(&mut self, own: &str, from: &Origin) -> Supply {
        let at = self.now;
        match from {
            Origin::Output { target, exec, must_say, must_not_say } => {
                let reply = self.exec(target.as_deref().unwrap_or(own), exec);
                let said = String::from_utf8_lossy(&reply.stderr);
                let missing = must_say.iter().find(|word| !said.contains(*word));
                let forbidden = must_not_say.iter().find(|word| said.contains(*word));
                let failed = match (reply.exit, missing, forbidden) {
                    (0, None, None) => None,
                    (0, Some(word), _) => Some(format!("it did not say {word:?}: {}", reply.stderr_text())),
                    (0, None, Some(word)) => Some(format!("it said {word:?}: {}", reply.stderr_text())),
                    (exit, ..) => Some(format!("exit status {exit}: {}", reply.stderr_text())),
                };
                Supply { bytes: reply.stdout, stderr: reply.stderr, failed, at }
            }
            Origin::File { target, path } => {
                let store = self.files(target.as_deref().unwrap_or(own));
                let content = store.file(path).cloned();
                let failed = match &content {
                    None => Some(format!("550 {path}: No such file")),
                    Some(content) => unlike_its_record(store, path, content),
                };
                let bytes = content.map(|content| content.bytes().to_vec()).unwrap_or_default();
                Supply { bytes, stderr: Vec::new(), failed, at }
            }
        }
    }

    /// Does what is asked; where there is somebody to draw it, only a part.
    fn act(&mut self, target: &str, request: &Request, cut: Option<&mut Random>) -> Reply {
        match (request, cut) {
            (Request::Transfer(transfer), cut) => self.transfer(target, transfer, cut),
            (Request::Files(files), None) => self.files(target).answer(files),
            (Request::Files(files), Some(random)) => {
                self.files(target).answer_in_part(files, random);
                complaint(REFUSED, "426 Connection closed")
            }
            (Request::Exec(exec), Some(random)) if !self.is_store(target) => {
                let now = self.now;
                self.host.run_in_part(&exec.words(), now, random);
                complaint(255, "killed")
            }
            (Request::Exec(exec), _) => self.exec(target, exec),
            (Request::PowerShell(script), _) => {
                complaint(127, &format!("sh: 1: powershell: not found ({})", script.display()))
            }
            (Request::Incus(incus), _) => complaint(127, &format!("no Incus here: {}", incus.display())),
            (Request::Vsphere(vsphere), _) => {
                complaint(127, &format!("no vSphere API here: {}", vsphere.display()))
            }
            (Request::Api(api), _) => complaint(127, &format!("no interface here: {}", api.display())),
        }
    }
}

fn unlike_its_record(store: &FileStore, path: &str, content: &Content) -> Option<String> {
    let record = store.file(&format!("{path}.json"))?;
    let record: Value = serde_json::from_slice(record.bytes()).ok()?;
    let recorded: Moved = serde_json::from_value(record).ok()?;
    (recorded.sha256 != content.sha256()).then(|| format!("{path} is not what its record says"))
}

impl Machine for World {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.host.run(argv, self.now)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.act(target, request, None)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.act(target, request, Some(random));
    }

    fn beside(&self) -> Vec<String> {
        self.stores.keys().cloned().collect()
    }

    fn fingerprint(&self) -> u64 {
        let stores = self.stores.values().map(FileStore::fingerprint);
        stores.fold(self.host.fingerprint(), |all, one| all.rotate_left(7) ^ one)
    }

    /// What somebody does that can be put right: a file of their own dropped anywhere, an unfinished file left in a
    /// generation, a generation of this day removed.
    fn drift(&mut self, random: &mut Random) {
        let names: Vec<String> = self.stores.keys().cloned().collect();
        let Some(store) = random.pick(&names).and_then(|name| self.stores.get_mut(name)) else { return };
        let seals = store.files_named("evenkeel.json");
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let folders: Vec<String> = seals.iter().filter_map(|path| folder(path)).collect();
        match (random.below(3), random.pick(&folders)) {
            (0, Some(folder)) => {
                let leftover = "vzdump-openvz-101-2026_11_20-02_00_00.tgz.part";
                store.put_by_hand(&format!("{folder}/{leftover}"), b"half");
            }
            (1, Some(_)) => {
                let yesterday = slot_name(self.now - SignedDuration::from_hours(24));
                let is_current = |path: &&String| {
                    let seal = store.file(path).and_then(|file| serde_json::from_slice(file.bytes()).ok());
                    seal.is_some_and(|seal: Value| {
                        seal.get("slot").and_then(Value::as_str).is_some_and(|slot| slot > yesterday.as_str())
                    })
                };
                if let Some(folder) = seals.iter().find(is_current).and_then(|path| folder(path)) {
                    store.remove_by_hand(&folder);
                }
            }
            (_, Some(folder)) => drop(store.add_by_hand(folder, random)),
            (_, None) => {}
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let guests = self.host.guests.keys().map(|id| (format!("guest {id}"), None));
        let files = self.stores.iter().flat_map(|(name, store)| {
            let foreign = store.foreign();
            foreign.into_iter().map(move |file| (format!("{name}: {file}"), None))
        });
        guests.chain(files).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
