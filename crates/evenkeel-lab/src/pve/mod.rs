//! A simulated Proxmox VE node, as far as backup jobs are concerned.
//!
//! It answers as the real one of 9.1 was recorded to (`tests/pve.rs` compares); what was not recorded follows the
//! interface's own description. Permissions are all or nothing by path.

mod https;
mod jobs;
mod listing;
mod pvesh;
mod rules;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use evenkeel_core::request::{ApiRequest, Method, Reply, Request};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use https::{PveServer, ServerError};

use crate::machine::Machine;
use crate::random::Random;

/// A node in memory.
#[derive(Debug, Clone)]
pub struct PveHost {
    /// The node's name.
    pub node: String,
    /// Its clock.
    pub now: Timestamp,
    /// Its time zone.
    pub zone: String,
    /// Backup jobs by id, as the interface gives them.
    pub jobs: BTreeMap<String, Map<String, Value>>,
    /// Storages by name, as the interface gives them.
    pub storages: BTreeMap<String, Map<String, Value>>,
    /// Guests' names by id.
    pub guests: BTreeMap<u32, String>,
    /// Pools with the guests in them.
    pub pools: BTreeMap<String, BTreeSet<u32>>,
    /// What is in each storage, as the interface gives it.
    pub copies: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Calls below these paths are not permitted.
    pub denied: BTreeSet<String>,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiAnswer {
    /// The status.
    pub status: u16,
    /// The text in the status line.
    pub reason: String,
    /// The body.
    pub body: Value,
}

impl ApiAnswer {
    fn ok(data: &Value) -> Self {
        ApiAnswer { status: 200, reason: "OK".to_owned(), body: json!({ "data": data }) }
    }

    /// A parameter that does not fit the interface's description.
    fn bad_parameter(name: &str, problem: &str) -> Self {
        let body = json!({
            "data": null, "message": "Parameter verification failed.\n", "errors": { name: problem },
        });
        ApiAnswer { status: 400, reason: "Parameter verification failed.".to_owned(), body }
    }

    /// The same, found by the daemon that carries out writes.
    fn bad_parameter_of_daemon(name: &str, problem: &str) -> Self {
        Self::died(500, &format!("400 Parameter verification failed.\n{name}: {problem}"))
    }

    fn died(status: u16, message: &str) -> Self {
        let reason = message.lines().next().unwrap_or_default().to_owned();
        ApiAnswer { status, reason, body: json!({ "data": null, "message": format!("{message}\n") }) }
    }

    /// Whatever has no handler.
    fn not_implemented(method: &str, path: &str) -> Self {
        let reason = format!("Method '{method} {path}' not implemented");
        ApiAnswer { status: 501, body: json!({ "data": null, "message": reason }), reason }
    }
}

/// Parameters, a list as several of one name.
pub(crate) type Params = [(String, String)];

impl PveHost {
    /// The node that the recordings were made on: `pve1` with the storage `local` and the containers 201 and 202.
    pub fn recorded(now: Timestamp) -> Self {
        let storage = json!({
            "storage": "local", "type": "dir", "path": "/var/lib/vz", "prune-backups": "keep-all=1",
            "content": "rootdir,snippets,images,backup,vztmpl,iso",
            "digest": "a7214c07fed9692699a20f1ea6ff53b7c68bbdd3",
        });
        PveHost {
            node: "pve1".to_owned(),
            now,
            zone: "UTC".to_owned(),
            jobs: BTreeMap::new(),
            storages: BTreeMap::from([("local".to_owned(), object(storage))]),
            guests: BTreeMap::from([(201, "ct201".to_owned()), (202, "c202".to_owned())]),
            pools: BTreeMap::new(),
            copies: BTreeMap::from([("local".to_owned(), Vec::new())]),
            denied: BTreeSet::new(),
        }
    }

    /// Adds a storage of another machine that takes backups.
    pub fn add_storage(&mut self, name: &str, prune: &str) {
        let storage = json!({
            "storage": name, "type": "nfs", "path": format!("/mnt/pve/{name}"), "server": "192.0.2.7",
            "export": "/backup", "content": "backup", "prune-backups": prune, "shared": 1,
        });
        self.storages.insert(name.to_owned(), object(storage));
        self.copies.entry(name.to_owned()).or_default();
    }

    /// Adds a copy of a container that was made at this time.
    pub fn add_copy(&mut self, storage: &str, guest: u32, at: Timestamp) {
        let name = at.strftime("%Y_%m_%d-%H_%M_%S");
        let copy = json!({
            "volid": format!("{storage}:backup/vzdump-lxc-{guest}-{name}.tar.zst"), "format": "tar.zst",
            "content": "backup", "subtype": "lxc", "vmid": guest, "ctime": at.as_second(), "size": 1_085_445,
        });
        self.copies.entry(storage.to_owned()).or_default().push(object(copy));
    }

    /// Answers a call.
    pub fn call(&mut self, method: Method, path: &str, params: &Params) -> ApiAnswer {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if self.denied.iter().any(|denied| path.starts_with(denied.as_str())) {
            return ApiAnswer::died(403, "Permission check failed (/, Sys.Audit)");
        }
        match (method, parts.as_slice()) {
            (Method::Get, ["cluster", "backup"]) => self.list_jobs(),
            (Method::Post, ["cluster", "backup"]) => self.create_job(params),
            (Method::Get, ["cluster", "backup", id]) => self.read_job(id),
            (Method::Put, ["cluster", "backup", id]) => self.update_job(id, params),
            (Method::Delete, ["cluster", "backup", id]) => self.delete_job(id),
            (Method::Get, parts) => self.listing(path, parts, params),
            (method, _) => ApiAnswer::not_implemented(verb(method), path),
        }
    }

    /// Answers a call as a transport passes it on.
    pub fn api(&mut self, api: &ApiRequest) -> Reply {
        let params: Vec<(String, String)> =
            api.each_param().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let answer = self.call(api.method, &api.path, &params);
        let body = serde_json::to_vec(&answer.body).unwrap_or_default();
        ApiRequest::reply(answer.status, &answer.reason, &body).unwrap_or_else(|| Reply {
            exit: 1,
            stdout: Vec::new(),
            stderr: b"no answer\n".to_vec(),
        })
    }

    /// Runs `pvesh`; there is nothing else on this node.
    pub fn run(&mut self, argv: &[String]) -> Reply {
        match argv.split_first() {
            Some((program, words)) if program == "pvesh" => pvesh::run(self, words),
            other => {
                let program = other.map(|(program, _)| program.as_str()).unwrap_or_default();
                Reply {
                    exit: 127,
                    stdout: Vec::new(),
                    stderr: format!("sh: {program}: not found\n").into_bytes(),
                }
            }
        }
    }
}

pub(crate) fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Machine for PveHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        PveHost::run(self, argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Api(api) => self.api(api),
            Request::Exec(exec) => PveHost::run(self, &exec.words()),
            other => {
                let stderr = format!("{target} has no use for `{}`\n", other.display());
                Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
            }
        }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?}{:?}", self.jobs, self.copies).hash(&mut hasher);
        hasher.finish()
    }

    fn drift(&mut self, random: &mut Random) {
        let ids: Vec<String> = self.jobs.keys().cloned().collect();
        let Some(id) = random.pick(&ids) else { return };
        let changes = [
            ("schedule", "sun 05:00"),
            ("enabled", "0"),
            ("comment", "by hand"),
            ("prune-backups", "keep-last=7"),
            ("mode", "suspend"),
            ("delete", "comment"),
            ("all", "1"),
        ];
        if let Some((name, value)) = random.pick(&changes) {
            self.update_job(id, &[((*name).to_owned(), (*value).to_owned())]);
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.jobs.keys().map(|id| (format!("job {id}"), None)).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
