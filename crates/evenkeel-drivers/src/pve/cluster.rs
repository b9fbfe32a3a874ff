//! What is read of a cluster, and how each answer is understood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{ApiRequest, Method, Query, Replies, Reply, Request};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::settings::{NoSense, switch, text};

/// Messages quote at most so many characters of what a node says.
const LONGEST_QUOTE: usize = 300;

pub(super) fn get(path: &str) -> Query {
    Query::reading(Request::Api(ApiRequest::new(Method::Get, path)))
}

/// Every job with all its settings: one question for all resources of a target.
pub(super) fn jobs_query() -> Query {
    get("/cluster/backup")
}

pub(super) fn job_query(id: &str) -> Query {
    get(&format!("/cluster/backup/{id}"))
}

pub(super) fn resources_query() -> Query {
    get("/cluster/resources")
}

pub(super) fn storages_query() -> Query {
    get("/storage")
}

pub(super) fn pool_query(pool: &str) -> Query {
    get(&format!("/pools/{pool}"))
}

pub(super) fn time_query(node: &str) -> Query {
    get(&format!("/nodes/{node}/time"))
}

pub(super) fn copies_query(node: &str, storage: &str) -> Query {
    let api = ApiRequest::new(Method::Get, format!("/nodes/{node}/storage/{storage}/content"));
    Query::reading(Request::Api(api.param("content", "backup")))
}

/// A job as the interface gives it.
pub(super) type Job = Map<String, Value>;

/// Jobs by id.
#[derive(Debug)]
pub(super) struct Jobs(pub(super) BTreeMap<String, Job>);

pub(super) fn jobs(replies: &Replies) -> Result<Arc<Jobs>, ObserveError> {
    replies.parsed(&jobs_query(), |request, reply| {
        let mut jobs = BTreeMap::new();
        for job in list(request, reply)? {
            let id = job.get("id").and_then(Value::as_str).map(str::to_owned);
            let id = id.ok_or_else(|| strange(request, "a job has no id"))?;
            jobs.insert(id, job);
        }
        Ok(Jobs(jobs))
    })
}

/// True where the node says, and says so of this very job, that it does not exist.
pub(super) fn is_denied(id: &str, replies: &Replies) -> Result<bool, ObserveError> {
    let query = job_query(id);
    let reply = replies.get(&query)?;
    let said = reply.stderr_text();
    let denial = format!("id: No such job '{id}'");
    if reply.exit == 400 && said.lines().any(|line| line.trim_end() == denial) {
        return Ok(true);
    }
    if reply.exit == 0 {
        return Ok(false);
    }
    Err(failed(query.request(), reply))
}

/// The nodes, guests and storages that the login may see.
#[derive(Debug, Default)]
pub(super) struct Resources {
    pub(super) nodes: BTreeMap<String, bool>,
    pub(super) guests: BTreeMap<u32, Guest>,
    /// The nodes that have a storage available; whether it is the same one on all.
    pub(super) storages: BTreeMap<String, (BTreeSet<String>, bool)>,
}

#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub(super) node: String,
}

pub(super) fn resources(replies: &Replies) -> Result<Arc<Resources>, ObserveError> {
    replies.parsed(&resources_query(), |request, reply| {
        let mut all = Resources::default();
        for one in list(request, reply)? {
            let field = |name: &str| one.get(name).and_then(text);
            let lacks = |what: &str| strange(request, format!("a {what} is incomplete"));
            match field("type").as_deref() {
                Some("node") => {
                    let node = field("node").ok_or_else(|| lacks("node"))?;
                    all.nodes.insert(node, field("status").as_deref() == Some("online"));
                }
                Some("qemu" | "lxc" | "openvz") => {
                    let id = field("vmid").and_then(|id| id.parse().ok()).ok_or_else(|| lacks("guest"))?;
                    let node = field("node").ok_or_else(|| lacks("guest"))?;
                    all.guests.insert(id, Guest { node });
                }
                Some("storage") => {
                    let name = field("storage").ok_or_else(|| lacks("storage"))?;
                    let node = field("node").ok_or_else(|| lacks("storage"))?;
                    let shared = one.get("shared").and_then(switch) == Some(true);
                    let entry = all.storages.entry(name).or_insert((BTreeSet::new(), shared));
                    if field("status").as_deref() == Some("available") {
                        entry.0.insert(node);
                    }
                }
                Some(_) => {}
                None => return Err(lacks("resource")),
            }
        }
        Ok(all)
    })
}

impl Resources {
    /// The node to ask where any will do.
    pub(super) fn any_node(&self, rather: Option<&str>) -> Option<&str> {
        let mut online = self.nodes.iter().filter(|(_, online)| **online).map(|(node, _)| node.as_str());
        let first = online.clone().next();
        online.find(|node| Some(*node) == rather).or(first)
    }

    /// The nodes to ask for what is in a storage: one where it is shared, else each that has it.
    pub(super) fn nodes_with(&self, storage: &str, only: Option<&str>) -> Vec<&str> {
        let Some((nodes, shared)) = self.storages.get(storage) else { return Vec::new() };
        let wanted =
            nodes.iter().map(String::as_str).filter(|node| *shared || only.is_none_or(|o| o == *node));
        if *shared { wanted.take(1).collect() } else { wanted.collect() }
    }
}

/// The definitions of the storages that the login may see.
#[derive(Debug)]
pub(super) struct Storages(pub(super) BTreeMap<String, Map<String, Value>>);

pub(super) fn storages(replies: &Replies) -> Result<Arc<Storages>, ObserveError> {
    replies.parsed(&storages_query(), |request, reply| {
        let mut all = BTreeMap::new();
        for storage in list(request, reply)? {
            let name = storage.get("storage").and_then(Value::as_str).map(str::to_owned);
            all.insert(name.ok_or_else(|| strange(request, "a storage has no name"))?, storage);
        }
        Ok(Storages(all))
    })
}

/// The guests in a pool. An answer that there is no such pool is `None`.
pub(super) fn pool(name: &str, replies: &Replies) -> Result<Option<BTreeSet<u32>>, ObserveError> {
    let query = pool_query(name);
    let reply = replies.get(&query)?;
    if reply.exit != 0 && reply.stderr_text().contains("does not exist") {
        return Ok(None);
    }
    let strange = || strange(query.request(), "it is no pool");
    let pool: Value = json(query.request(), reply)?;
    let members = pool.get("members").and_then(Value::as_array).ok_or_else(strange)?;
    let guests = members.iter().filter_map(|member| member.get("vmid"));
    guests
        .map(|id| text(id).and_then(|id| id.parse().ok()))
        .collect::<Option<_>>()
        .map(Some)
        .ok_or_else(strange)
}

/// The name of a node's time zone.
pub(super) fn time_zone(node: &str, replies: &Replies) -> Result<String, ObserveError> {
    let query = time_query(node);
    let time: Value = json(query.request(), replies.get(&query)?)?;
    let zone = time.get("timezone").and_then(Value::as_str);
    zone.map(str::to_owned).ok_or_else(|| strange(query.request(), "it names no time zone"))
}

/// A copy in a storage.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) guest: u32,
    pub(super) at: Timestamp,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) protected: bool,
    /// What a Proxmox Backup Server says of it: whether it was found whole. Other storages say nothing.
    pub(super) checked: Option<bool>,
}

/// The copies that a node sees in a storage.
pub(super) fn copies(node: &str, storage: &str, replies: &Replies) -> Result<Arc<Vec<Copy>>, ObserveError> {
    replies.parsed(&copies_query(node, storage), |request, reply| {
        let entries: Result<Vec<Option<Copy>>, NoSense> = list(request, reply)?.iter().map(copy).collect();
        let entries = entries.map_err(|NoSense| strange(request, "an entry is no copy"))?;
        Ok(entries.into_iter().flatten().collect())
    })
}

/// `None` for what is no copy of a guest that can be told.
fn copy(entry: &Map<String, Value>) -> Result<Option<Copy>, NoSense> {
    let field = |name: &str| entry.get(name).and_then(text);
    let name = field("volid").ok_or(NoSense)?;
    let (Some(guest), Some(at)) = (field("vmid"), field("ctime")) else { return Ok(None) };
    let at = at.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(NoSense)?;
    let state = entry.get("verification").and_then(|v| v.get("state")).and_then(Value::as_str);
    Ok(Some(Copy {
        guest: guest.parse().map_err(|_| NoSense)?,
        at,
        name,
        bytes: field("size").and_then(|size| size.parse().ok()).unwrap_or(0),
        protected: entry.get("protected").and_then(switch) == Some(true),
        checked: state.map(|state| state == "ok"),
    }))
}

fn list(request: &Request, reply: &Reply) -> Result<Vec<Map<String, Value>>, ObserveError> {
    json(request, reply)
}

fn json<T: serde::de::DeserializeOwned>(request: &Request, reply: &Reply) -> Result<T, ObserveError> {
    if reply.exit != 0 {
        return Err(failed(request, reply));
    }
    serde_json::from_slice(&reply.stdout).map_err(|error| strange(request, error.to_string()))
}

pub(super) fn strange(request: &Request, problem: impl Into<String>) -> ObserveError {
    ObserveError::Unparsable { command: request.display(), problem: problem.into() }
}

/// True where the host has no `pvesh`, and so no jobs. A shell says 127; `sudo` and `doas` say 1 and tell it in words.
pub(super) fn has_no_interface(reply: &Reply) -> bool {
    let missing = |line: &str| {
        line.contains("pvesh: ")
            && (line.contains("command not found") || line.contains("No such file or directory"))
    };
    reply.exit == 127 || (reply.exit == 1 && reply.stderr_text().lines().any(missing))
}

/// The error for a call that was refused or went wrong, which says nothing about any object.
pub(super) fn failed(request: &Request, reply: &Reply) -> ObserveError {
    let said = reply.stderr_text();
    let hint = if reply.exit == 127 {
        Some("this host has no `pvesh`: it is no Proxmox VE node, or its PATH lacks /usr/bin")
    } else if reply.exit == 403 || said.contains("Permission check failed") {
        Some(
            "give the API token and its user the roles PVEAuditor on `/` to look and Sys.Modify on `/` to change jobs \
             (a token with privilege separation needs them itself)",
        )
    } else if said.contains("please run as root") {
        Some("log in as root, or write `become: sudo` in the Target")
    } else {
        None
    };
    let shortened: String = said.chars().take(LONGEST_QUOTE).collect();
    ObserveError::Command {
        command: request.display(),
        exit: reply.exit,
        stderr: if shortened.is_empty() { "(no message)".to_owned() } else { shortened },
        hint: hint.map(str::to_owned),
    }
}
