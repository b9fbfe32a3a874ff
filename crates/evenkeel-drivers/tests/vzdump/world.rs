//! A dump host and stores of files in memory: as little as the driver needs, with the promises that `request/files.rs` and
//! `request/transfer.rs` make, and ends in the middle of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use evenkeel_core::driver::Step;
use evenkeel_core::request::{
    Entry, Exec, FileRequest, Goal, Listing, MISSING, Origin, Reply, Request, Transfer,
};
use serde_json::{Map, Value, json};

/// Files by path; a folder is a path with nothing.
pub(crate) type Tree = BTreeMap<String, Option<String>>;

/// The machines.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// By target; the host's own files are under `host`.
    pub(crate) trees: BTreeMap<String, Tree>,
    /// Guests, and whether they run.
    pub(crate) guests: BTreeMap<u32, bool>,
    /// Guests whose dumps fail.
    pub(crate) failing: BTreeSet<u32>,
    /// Stores that do not answer.
    pub(crate) down: BTreeSet<String>,
    pub(crate) is_openvz: bool,
    /// Counts dumps, so that no two are alike.
    pub(crate) dumps: u64,
}

/// How far a request got before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    /// The first part of it was done, whatever that means for it.
    Early,
    /// All but the last part.
    Late,
}

fn said(exit: i32, stdout: &str, stderr: &str) -> Reply {
    Reply { exit, stdout: stdout.into(), stderr: stderr.into() }
}

fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:064x}", hasher.finish())
}

impl World {
    pub(crate) fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Exec(exec) => self.tell(exec),
            Request::Files(files) => self.look(target, files),
            Request::Transfer(_)
            | Request::Api(_)
            | Request::PowerShell(_)
            | Request::Incus(_)
            | Request::Vsphere(_) => said(1, "", "not a query\n"),
        }
    }

    fn tell(&self, exec: &Exec) -> Reply {
        let words = exec.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let row = |(id, runs): (&u32, &bool)| {
            let status = if *runs { "running" } else { "stopped" };
            if self.is_openvz {
                format!("{id:>10} {status}\n")
            } else {
                format!("{id:<10} {status:<10} {:<12} g{id}\n", "")
            }
        };
        let rows: String = self.guests.iter().map(row).collect();
        match words.as_slice() {
            ["sh", "-c", facts] if *facts == evenkeel_drivers::vzdump::FACTS => {
                let tools = if self.is_openvz { "has vzlist\nhas stdout\n" } else { "has pct\nhas qm\n" };
                said(0, &format!("has vzdump\n{tools}version test 1\nend\n"), "")
            }
            ["vzlist", ..] if rows.is_empty() => said(1, "", "Container(s) not found\n"),
            ["vzlist", ..] => said(0, &rows, ""),
            ["pct", "list"] if rows.is_empty() => said(0, "", ""),
            ["pct", "list"] => said(0, &format!("VMID       Status     Lock         Name\n{rows}"), ""),
            ["qm", "list"] => said(0, "", ""),
            ["df", "-P", "-k", _] => said(
                0,
                "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a b 9 1 99999999 1% /\n",
                "",
            ),
            other => said(127, "", &format!("no such command: {other:?}\n")),
        }
    }

    fn look(&mut self, target: &str, request: &FileRequest) -> Reply {
        let tree = self.trees.entry(target.to_owned()).or_default();
        match request {
            FileRequest::List { folder, depth } => {
                let prefix = format!("{}/", folder.trim_end_matches('/'));
                if !tree.contains_key(folder) && !tree.keys().any(|path| path.starts_with(&prefix)) {
                    return said(MISSING, "", "no such folder\n");
                }
                let mut listing = Listing::default();
                for (path, file) in tree.iter() {
                    let Some(inside) = path.strip_prefix(&prefix) else { continue };
                    if inside.split('/').count() <= usize::from(*depth) {
                        let entry =
                            file.as_ref().map_or(Entry::Folder, |text| Entry::File(text.len() as u64));
                        listing.entries.insert(inside.to_owned(), entry);
                    }
                }
                said(0, &serde_json::to_string(&listing).unwrap(), "")
            }
            FileRequest::Read { path } => match tree.get(path) {
                Some(Some(text)) => said(0, text, ""),
                _ => said(MISSING, "", "no such file\n"),
            },
            other => panic!("{} is no query of this driver", other.display()),
        }
    }

    /// Does a step, or a part of it.
    pub(crate) fn perform(&mut self, step: &Step, cut: Cut) -> Result<(), String> {
        let target = step.target.clone().unwrap_or_else(|| "host".to_owned());
        match &step.request {
            Request::Files(files) => self.write(&target, files, cut),
            Request::Transfer(transfer) => self.transfer(transfer, cut),
            Request::Exec(exec) => self.run(exec, cut),
            Request::Api(_) | Request::PowerShell(_) | Request::Incus(_) | Request::Vsphere(_) => {
                Err("not here".to_owned())
            }
        }
    }

    fn write(&mut self, target: &str, request: &FileRequest, cut: Cut) -> Result<(), String> {
        if self.down.contains(target) {
            return Err(format!("{target} is down"));
        }
        let tree = self.trees.entry(target.to_owned()).or_default();
        match request {
            FileRequest::Write { path, text } => write_whole(tree, path, text, cut),
            FileRequest::MakeFolder { folder } if cut == Cut::Whole => {
                for (at, _) in folder.match_indices('/').filter(|(at, _)| *at > 0) {
                    tree.entry(folder[..at].to_owned()).or_insert(None);
                }
                assert!(tree.entry(folder.clone()).or_insert(None).is_none(), "{folder} is a file");
            }
            FileRequest::Rename { from, to } if cut == Cut::Whole => {
                assert!(tree.contains_key(from), "{from} is not there to be renamed");
                let inside = format!("{to}/");
                assert!(
                    !tree.contains_key(to) && !tree.keys().any(|path| path.starts_with(&inside)),
                    "{to} is there, {from} cannot be renamed to it"
                );
                let prefix = format!("{from}/");
                let moved: Vec<String> =
                    tree.keys().filter(|path| *path == from || path.starts_with(&prefix)).cloned().collect();
                for path in moved {
                    let file = tree.remove(&path).unwrap();
                    tree.insert(format!("{to}{}", &path[from.len()..]), file);
                }
            }
            FileRequest::Remove { path } if cut != Cut::Early => drop(tree.remove(path)),
            FileRequest::RemoveFolder { folder, last, only } => {
                let prefix = format!("{folder}/");
                let inside: Vec<String> =
                    tree.keys().filter(|path| path.starts_with(&prefix)).cloned().collect();
                let name = |path: &String| path[prefix.len()..].to_owned();
                if let Some(new) = inside.iter().map(name).find(|name| name != last && !only.contains(name)) {
                    return Err(format!("{new} came in meanwhile"));
                }
                let files = inside.iter().filter(|path| !path.ends_with(last.as_str()));
                let many = match cut {
                    Cut::Early => inside.len() / 2,
                    Cut::Late | Cut::Whole => inside.len(),
                };
                files.take(many).for_each(|path| drop(tree.remove(path)));
                if cut == Cut::Whole {
                    tree.remove(&format!("{folder}/{last}"));
                    tree.remove(folder);
                }
            }
            FileRequest::Seal { folder, into, fields, members } => {
                let mut seal = fields.clone();
                let mut archives = Map::new();
                for member in members {
                    let record = tree.get(&format!("{folder}/{member}.json")).cloned().flatten();
                    let record: Value =
                        serde_json::from_str(&record.ok_or(format!("no record of {member}"))?).unwrap();
                    let size = tree
                        .get(&format!("{folder}/{member}"))
                        .cloned()
                        .flatten()
                        .map(|text| text.len() as u64);
                    if size != record["bytes"].as_u64() {
                        return Err(format!("{member} is not as large as its record says"));
                    }
                    archives.insert(member.clone(), record);
                }
                seal.insert("archives".to_owned(), Value::Object(archives));
                write_whole(tree, &format!("{folder}/{into}"), &Value::Object(seal).to_string(), cut);
            }
            _ => {}
        }
        Ok(())
    }

    fn transfer(&mut self, transfer: &Transfer, cut: Cut) -> Result<(), String> {
        let Goal::File { target, path, record, log, .. } = &transfer.to else {
            panic!("a goal is a file here")
        };
        let goal = target.clone().unwrap_or_else(|| "host".to_owned());
        let (bytes, words, failed) = match &transfer.from {
            Origin::Output { exec, .. } => self.dump(&exec.words()),
            Origin::File { target, path } => {
                let from = target.clone().unwrap_or_else(|| "host".to_owned());
                let text = self.trees.get(&from).and_then(|tree| tree.get(path)).cloned().flatten();
                (text.ok_or(format!("{from} has no {path}"))?, String::new(), None)
            }
        };
        if self.down.contains(&goal) {
            return Err(format!("{goal} is down"));
        }
        let tree = self.trees.entry(goal).or_default();
        let parent = path.rsplit_once('/').unwrap().0;
        assert!(tree.contains_key(parent), "the folder of {path} is not there");
        if let Some(log) = log {
            tree.insert(log.clone(), Some(words));
        }
        let mut told = record.clone().unwrap_or_default();
        if let Some(why) = failed {
            told.extend([
                ("failed".to_owned(), json!(why)),
                ("at".to_owned(), json!("2026-01-01T00:00:00Z")),
            ]);
            tree.insert(format!("{path}.failed.json"), Some(Value::Object(told).to_string()));
            return Err(why);
        }
        if cut == Cut::Early {
            tree.insert(format!("{path}.part"), Some(bytes[..bytes.len() / 2].to_owned()));
            return Ok(());
        }
        tree.remove(&format!("{path}.part"));
        tree.insert(path.clone(), Some(bytes.clone()));
        if cut == Cut::Whole && record.is_some() {
            told.insert("bytes".to_owned(), json!(bytes.len()));
            told.insert("sha256".to_owned(), json!(digest(&bytes)));
            tree.insert(format!("{path}.json"), Some(Value::Object(told).to_string()));
        }
        Ok(())
    }

    /// What vzdump gives: the archive, its words, and why it failed.
    fn dump(&mut self, words: &[String]) -> (String, String, Option<String>) {
        let id: u32 =
            words.iter().find_map(|word| word.parse().ok().filter(|id| (100..1000).contains(id))).unwrap();
        self.dumps += 1;
        let bytes = format!("dump {} of {id}{}", self.dumps, "x".repeat((self.dumps % 7) as usize));
        if self.failing.contains(&id) || !self.guests.contains_key(&id) {
            return (bytes, "ERROR: no\n".to_owned(), Some(format!("guest {id} would not")));
        }
        (bytes, format!("INFO: Finished Backup of VM {id} (00:00:01)\n"), None)
    }

    fn run(&mut self, exec: &Exec, cut: Cut) -> Result<(), String> {
        let words = exec.words();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["rm", "-rf", "--", folder] if cut != Cut::Early => {
                let prefix = format!("{folder}/");
                let tree = self.trees.entry("host".to_owned()).or_default();
                tree.retain(|path, _| path != folder && !path.starts_with(&prefix));
            }
            ["sh", "-c", script, _, folder, name, attempt, _, command @ ..]
                if *script == evenkeel_drivers::vzdump::DUMP =>
            {
                let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
                let (bytes, log, failed) = self.dump(&command);
                let tree = self.trees.entry("host".to_owned()).or_default();
                for (at, _) in folder.match_indices('/').filter(|(at, _)| *at > 0) {
                    tree.entry(folder[..at].to_owned()).or_insert(None);
                }
                tree.insert((*folder).to_owned(), None);
                tree.insert(format!("{folder}/out.log"), Some(log));
                if let Some(why) = failed {
                    tree.insert(format!("{folder}/failed.{attempt}"), Some(String::new()));
                    return Err(why);
                }
                if cut == Cut::Whole {
                    tree.insert(format!("{folder}/{name}"), Some(bytes));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A small file under a name with `.part` first; the old one goes before the new one gets its name.
fn write_whole(tree: &mut Tree, path: &str, text: &str, cut: Cut) {
    let part = format!("{path}.part");
    match cut {
        Cut::Early => drop(tree.insert(part, Some(text[..text.len() / 2].to_owned()))),
        Cut::Late => {
            tree.insert(part, Some(text.to_owned()));
            tree.remove(path);
        }
        Cut::Whole => {
            tree.remove(&part);
            tree.insert(path.to_owned(), Some(text.to_owned()));
        }
    }
}
