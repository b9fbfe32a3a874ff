//! Hosts of containers in one world: templates are sent from one to the other.

use std::collections::BTreeMap;

use evenkeel_core::request::{Exec, Goal, Moved, Origin, REFUSED, Reply, Request, Transfer};
use evenkeel_drivers::containers::host::MARKS;
use serde_json::{Map, Value};

use super::ContainerHost;
use super::said::{Ended, Said};
use super::tree::{File, Node};
use crate::machine::Machine;
use crate::random::Random;

/// The machine of a target `NAME`, with `NAME-SUFFIX` beside it.
#[derive(Debug, Clone)]
pub struct ContainerWorld {
    /// The host that templates are built on.
    pub host: ContainerHost,
    /// Those that they are sent to, by the last part of their names.
    pub beside: BTreeMap<String, ContainerHost>,
}

impl ContainerWorld {
    /// A host alone.
    pub fn new(host: ContainerHost) -> Self {
        ContainerWorld { host, beside: BTreeMap::new() }
    }

    /// The host of a target.
    pub fn of(&mut self, target: &str) -> &mut ContainerHost {
        let suffix = target.rsplit_once('-').map_or(target, |(_, suffix)| suffix);
        self.beside.get_mut(suffix).unwrap_or(&mut self.host)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut ContainerHost> {
        [&mut self.host].into_iter().chain(self.beside.values_mut())
    }

    /// All clocks show so many seconds since 1970, where that is later than what they show.
    pub fn advance(&mut self, now: i64) {
        for host in self.all() {
            host.tree.now = host.tree.now.max(now);
        }
    }

    fn act(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Exec(exec) => self.exec(target, exec),
            Request::Transfer(transfer) => Said::of(|said| self.transfer(target, transfer, said)),
            request => {
                Said::of(|said| said.fail(127, format!("{target} has no answer to `{}`", request.display())))
            }
        }
    }

    fn exec(&mut self, target: &str, exec: &Exec) -> Reply {
        let words = exec.sent_words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let stdin = exec.input.as_ref().map_or("", |script| script.text.as_ref());
        self.of(target).run(&words, stdin)
    }

    /// As the transports do it: under another name first, then its own, and the record last.
    fn transfer(&mut self, own: &str, transfer: &Transfer, said: &mut Said) -> Ended {
        let (Origin::File { target: from, path }, Goal::File { target: to, path: goal, record, .. }) =
            (&transfer.from, &transfer.to)
        else {
            return said.fail(127, format!("the lab moves files only: {}", transfer.display()));
        };
        let origin = self.of(from.as_deref().unwrap_or(own));
        let Some(file) = origin.tree.file(path).cloned() else {
            return said.fail(REFUSED, format!("{path}: No such file or directory"));
        };
        let recorded = origin.tree.file(&format!("{path}.json"));
        let recorded = recorded.and_then(|record| serde_json::from_slice::<Value>(&record.bytes).ok());
        let sum = file.sha256();
        if recorded.is_some_and(|record| record.get("sha256") != Some(&Value::from(sum.as_str()))) {
            return said.fail(REFUSED, format!("{path} is not what its record says"));
        }
        let host = self.of(to.as_deref().unwrap_or(own));
        let at = jiff::Timestamp::from_second(host.tree.now).unwrap_or_default();
        let moved =
            Moved { bytes: file.len(), sha256: sum, checked: "checksum".to_owned(), began: at, ended: at };
        let part = format!("{goal}.part");
        let copy = File { mode: 0o644, ..file };
        let done = host.tree.write(&part, copy).and_then(|()| host.tree.rename(&part, goal));
        said.expect(done, REFUSED, goal)?;
        let told = serde_json::to_value(&moved).unwrap_or_default();
        if let Some(record) = record {
            let told = told.as_object().cloned().unwrap_or_default();
            let all: Map<String, Value> = record.clone().into_iter().chain(told).collect();
            let done = host.tree.write_text(&format!("{goal}.json"), &Value::Object(all).to_string());
            said.expect(done, REFUSED, goal)?;
        }
        host.tree.now += 1;
        said.out(told.to_string());
        Ok(())
    }

    /// The templates in the cache folders, by path, each with the record that is beside it and fits.
    fn templates(&self) -> impl Iterator<Item = (String, Option<Value>)> {
        let hosts = [("", &self.host)]
            .into_iter()
            .chain(self.beside.iter().map(|(name, host)| (name.as_str(), host)));
        hosts.flat_map(|(name, host)| {
            let folder = format!("{}/cache", host.templates());
            let names = host.tree.names(&folder).into_iter();
            let archives = names.filter(|file| !file.starts_with('.') && !file.ends_with(".json"));
            archives.map(move |file| {
                let record = host.tree.file(&format!("{folder}/{file}.json"));
                let record = record.and_then(|record| serde_json::from_slice::<Value>(&record.bytes).ok());
                let bytes = host.tree.file(&format!("{folder}/{file}")).map(File::len);
                let fits = |record: &Value| record.get("bytes").and_then(Value::as_u64) == bytes;
                (format!("{name}:{file}"), record.filter(fits))
            })
        })
    }
}

impl Machine for ContainerWorld {
    fn run(&mut self, argv: &[String]) -> Reply {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        self.host.run(&words, "")
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.act(target, request)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        let mut dry = self.clone();
        let works = |world: &mut Self| -> Vec<u64> { world.all().map(|host| host.tree.work()).collect() };
        let before = works(&mut dry);
        dry.act(target, request);
        let done: u64 = works(&mut dry).iter().zip(before).map(|(after, before)| after - before).sum();
        // A request writes to one host only.
        let left = random.below(usize::try_from(done).unwrap_or(usize::MAX)) as u64;
        self.all().for_each(|host| host.tree.allow_work(Some(left)));
        self.act(target, request);
        self.all().for_each(|host| host.tree.allow_work(None));
    }

    /// Nobody is still at work on what was written to before.
    fn pass(&mut self) {
        self.all().for_each(|host| host.tree.now += 600);
    }

    fn beside(&self) -> Vec<String> {
        self.beside.keys().cloned().collect()
    }

    fn fingerprint(&self) -> u64 {
        let beside = self.beside.values().map(ContainerHost::fingerprint);
        beside.fold(self.host.fingerprint(), |all, one| all.rotate_left(7) ^ one)
    }

    /// What happens that can be put right: a template of ours is gone, a file of somebody's own lies in the folder, or what a
    /// build left that was killed, with its mark.
    fn drift(&mut self, random: &mut Random) {
        let folder = format!("{}/cache", self.host.templates());
        // Only what was built today can come again.
        let today = jiff::Timestamp::from_second(self.host.tree.now).unwrap_or_default();
        let today = today.strftime("%Y%m%d").to_string();
        let ours = |(name, record): (String, Option<Value>)| {
            let (name, record) = (name.strip_prefix(':').filter(|name| name.contains(&today))?, record?);
            let word = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let mark = ["resource", "owner", "object"].map(word).join(" ");
            Some((name.to_owned(), format!("{mark} {name}\n")))
        };
        let ours: Vec<(String, String)> = self.templates().filter_map(ours).collect();
        let now = self.host.tree.now;
        match (random.below(3), random.pick(&ours)) {
            (0, Some((name, _))) => self.host.tree.erase(&format!("{folder}/{name}")),
            (1, Some((name, mark))) => {
                let half = Node::File(File::new(b"half", now));
                self.host.tree.put(&format!("{MARKS}/777"), mark.as_str());
                self.host.tree.place(&format!("{folder}/.{name}.evenkeel-new"), half);
            }
            _ => self.host.tree.put(&format!("{folder}/notes-{}.txt", random.below(3)), "mine"),
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let of = |(name, record): (String, Option<Value>)| {
            let word = |key| record.as_ref()?.get(key)?.as_str().map(str::to_owned);
            match (name.strip_prefix(':'), word("object")) {
                (Some(_), Some(object)) => (object, word("owner")),
                _ => (name, word("owner")),
            }
        };
        let containers =
            self.host.tree.names("/etc/vz/conf").into_iter().map(|name| (format!("conf {name}"), None));
        self.templates().map(of).chain(containers).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
