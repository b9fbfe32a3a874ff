//! What the dump host is and which guests it has.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use serde::Deserialize;

use super::scripts::FACTS;
use super::spec::{Guests, VzdumpSpec};

/// Which vzdump it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// That of OpenVZ's days.
    OpenVz,
    /// Today's, of Proxmox VE.
    Proxmox,
}

/// What the host can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Which vzdump it has.
    pub dialect: Dialect,
    /// It can write an archive to its standard output.
    pub streams: bool,
    /// It has virtual machines.
    pub has_qm: bool,
    /// It has containers of today's kind.
    has_pct: bool,
    /// Its version, as it tells it.
    pub version: String,
}

/// A guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guest {
    /// `openvz`, `lxc` or `qemu`.
    pub kind: &'static str,
    /// `running`, `stopped`, or what else the host says.
    pub status: String,
}

/// What the cluster says of a guest.
#[derive(Deserialize)]
struct Resource {
    vmid: Option<u32>,
    #[serde(default)]
    pool: String,
    #[serde(default)]
    tags: String,
}

fn exec(words: &[&str]) -> Query {
    Query::reading(Request::Exec(Exec::new(words.iter().copied())))
}

fn facts_query() -> Query {
    exec(&["sh", "-c", FACTS])
}

fn vzlist() -> Query {
    exec(&["vzlist", "-a", "-H", "-o", "ctid,status"])
}

fn pct_list() -> Query {
    exec(&["pct", "list"])
}

fn qm_list() -> Query {
    exec(&["qm", "list"])
}

fn resources() -> Query {
    exec(&["pvesh", "get", "/cluster/resources", "--type", "vm", "--output-format", "json"])
}

/// What to read of it; asked in rounds.
pub(super) fn queries(spec: &VzdumpSpec, so_far: &Replies) -> Vec<Query> {
    let mut queries = vec![facts_query()];
    let Ok(facts) = read_facts(so_far) else { return queries };
    match facts.dialect {
        Dialect::OpenVz => queries.push(vzlist()),
        Dialect::Proxmox => {
            queries.extend(facts.has_pct.then(pct_list));
            queries.extend(facts.has_qm.then(qm_list));
            queries.extend(matches!(spec.guests, Guests::Pool(_) | Guests::Tags(_)).then(resources));
        }
    }
    queries
}

/// What the host can do.
pub(super) fn read_facts(replies: &Replies) -> Result<Facts, ObserveError> {
    let query = facts_query();
    let text = text(replies, &query)?;
    let lines: Vec<&str> = text.lines().collect();
    if lines.last() != Some(&"end") {
        return Err(unparsable(&query, "the last line is not `end`"));
    }
    let has = |tool: &str| lines.iter().any(|line| line.strip_prefix("has ") == Some(tool));
    let unfit = |message: &str, hint: &str| ObserveError::unfit(&["target"], message, hint);
    if !has("vzdump") {
        let hint =
            "name a Proxmox VE or OpenVZ host as the target, with a user who can run it (`become: sudo`)";
        return Err(unfit("there is no vzdump on this host", hint));
    }
    let dialect = match (has("pct"), has("vzlist"), has("qm")) {
        (true, ..) | (false, false, true) => Dialect::Proxmox,
        (false, true, _) => Dialect::OpenVz,
        (false, false, false) => {
            return Err(unfit(
                "there is a vzdump on this host, but no vzlist, pct or qm",
                "name a Proxmox VE or OpenVZ host",
            ));
        }
    };
    let version = lines.iter().find_map(|line| line.strip_prefix("version ")).unwrap_or("unknown").to_owned();
    let streams = dialect == Dialect::Proxmox || has("stdout");
    Ok(Facts { dialect, streams, has_qm: has("qm"), has_pct: has("pct"), version })
}

/// Every guest of the host, by id.
pub(super) fn read_guests(facts: &Facts, replies: &Replies) -> Result<BTreeMap<u32, Guest>, ObserveError> {
    let mut guests = BTreeMap::new();
    match facts.dialect {
        Dialect::OpenVz => guests.extend(read_vzlist(replies)?),
        Dialect::Proxmox => {
            if facts.has_pct {
                guests.extend(read_table(replies, &pct_list(), "lxc", 1)?);
            }
            if facts.has_qm {
                guests.extend(read_table(replies, &qm_list(), "qemu", 2)?);
            }
        }
    }
    Ok(guests)
}

/// Rows of an id and a status, right-aligned. It says in words that there are none.
fn read_vzlist(replies: &Replies) -> Result<Vec<(u32, Guest)>, ObserveError> {
    let query = vzlist();
    let reply = replies.get(&query)?;
    if reply.stderr_text().contains("Container(s) not found") && reply.stdout.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let text = text(replies, &query)?;
    let rows: Result<Vec<_>, _> = text.lines().map(|line| row(&query, line, "openvz", 1)).collect();
    match rows {
        Ok(rows) if rows.is_empty() => {
            Err(unparsable(&query, "it names no container, and does not say that there is none"))
        }
        rows => rows,
    }
}

/// A header and rows, or nothing at all where there are none.
fn read_table(
    replies: &Replies,
    query: &Query,
    kind: &'static str,
    status: usize,
) -> Result<Vec<(u32, Guest)>, ObserveError> {
    let text = text(replies, query)?;
    let mut lines = text.lines();
    match lines.next() {
        None => return Ok(Vec::new()),
        Some(header) if header.split_whitespace().next() == Some("VMID") => {}
        Some(header) => {
            return Err(unparsable(query, format!("expected a header, found \"{}\"", short(header))));
        }
    }
    lines.map(|line| row(query, line, kind, status)).collect()
}

fn row(query: &Query, line: &str, kind: &'static str, status: usize) -> Result<(u32, Guest), ObserveError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let id = words.first().and_then(|word| word.parse().ok());
    match (id, words.get(status)) {
        (Some(id), Some(status)) => Ok((id, Guest { kind, status: (*status).to_owned() })),
        _ => Err(unparsable(query, format!("\"{}\" is no guest", short(line)))),
    }
}

/// The guests that the spec means, of those that there are; and what the reader of a plan should know of the choice.
pub(super) fn select(
    spec: &VzdumpSpec,
    facts: &Facts,
    guests: &BTreeMap<u32, Guest>,
    replies: &Replies,
) -> Result<(BTreeSet<u32>, Vec<String>), ObserveError> {
    let with_status =
        |status: &str| guests.iter().filter(|(_, guest)| guest.status == status).map(|(id, _)| *id).collect();
    let mut notes = Vec::new();
    let mut chosen: BTreeSet<u32> = match &spec.guests {
        Guests::Running => with_status("running"),
        Guests::Stopped => with_status("stopped"),
        Guests::All => guests.keys().copied().collect(),
        // One that is gone must not cost the others their copies, nor keep its own from being restored.
        Guests::Ids(ids) => ids.iter().copied().filter(|id| guests.contains_key(id)).collect(),
        Guests::Pool(pool) => of_cluster(facts, guests, replies, |resource| resource.pool == *pool)?,
        Guests::Tags(tags) => of_cluster(facts, guests, replies, |resource| {
            resource.tags.split([';', ',', ' ']).any(|tag| tags.contains(tag))
        })?,
    };
    chosen.retain(|id| !spec.exclude.contains(id));
    if facts.dialect == Dialect::OpenVz {
        // vzdump refuses them: they are the host's own.
        if chosen.iter().any(|id| *id < 100) {
            notes.push("containers below 100 are the host's own and not dumped".to_owned());
        }
        chosen.retain(|id| *id >= 100);
        if facts.has_qm {
            notes.push("virtual machines of a host with OpenVZ are not dumped".to_owned());
        }
    }
    if chosen.is_empty() {
        notes.push(format!("none of the {} guests of this host is to be dumped now", guests.len()));
    }
    Ok((chosen, notes))
}

fn of_cluster(
    facts: &Facts,
    guests: &BTreeMap<u32, Guest>,
    replies: &Replies,
    is_meant: impl Fn(&Resource) -> bool,
) -> Result<BTreeSet<u32>, ObserveError> {
    if facts.dialect == Dialect::OpenVz {
        let hint = "write `running`, `stopped`, `all` or a list of ids";
        return Err(ObserveError::unfit(&["vzdump", "guests"], "OpenVZ has neither pools nor tags", hint));
    }
    let query = resources();
    let all: Vec<Resource> = serde_json::from_str(text(replies, &query)?)
        .map_err(|error| unparsable(&query, error.to_string()))?;
    let meant = all.iter().filter(|resource| is_meant(resource)).filter_map(|resource| resource.vmid);
    Ok(meant.filter(|id| guests.contains_key(id)).collect())
}

/// How many bytes are free, as `df -P -k` tells it.
pub(super) fn read_free(replies: &Replies, query: &Query) -> Result<u64, ObserveError> {
    let text = text(replies, query)?;
    let words: Vec<&str> = text.lines().last().unwrap_or_default().split_whitespace().collect();
    let percent = words.iter().rposition(|word| word.ends_with('%'));
    let free = percent.and_then(|at| words.get(at.checked_sub(1)?)?.parse::<u64>().ok());
    free.map(|kib| kib.saturating_mul(1024))
        .ok_or_else(|| unparsable(query, "it does not tell what is available"))
}

/// What a command printed, where it went well.
pub(super) fn text<'r>(replies: &'r Replies, query: &Query) -> Result<&'r str, ObserveError> {
    let reply = replies.get(query)?;
    if reply.exit != 0 {
        return Err(failed(query, reply));
    }
    str::from_utf8(&reply.stdout).map_err(|_| unparsable(query, "it is not UTF-8"))
}

/// The error for a command that failed.
pub(super) fn failed(query: &Query, reply: &Reply) -> ObserveError {
    let said = reply.stderr_text();
    let stderr = if said.is_empty() { "(no message)".to_owned() } else { short(&said) };
    let hint = (reply.exit == 127 || said.contains("ermission denied"))
        .then(|| "log in as root, or write `become: sudo` in the Target".to_owned());
    ObserveError::Command { command: query.request().display(), exit: reply.exit, stderr, hint }
}

/// The error for output that makes no sense.
pub(super) fn unparsable(query: &Query, problem: impl Into<String>) -> ObserveError {
    ObserveError::Unparsable { command: query.request().display(), problem: problem.into() }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}
