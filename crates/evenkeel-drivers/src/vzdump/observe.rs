//! What was read of the host and the stores.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use evenkeel_core::backup::{Zone, slot_of};
use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Entry, Exec, FileRequest, Listing, MISSING, Query, Replies, Request};

use super::host::{self, Dialect, Facts, Guest};
use super::spec::{Compress, Stream, VzdumpScheduleSpec};
use crate::backup::Picture;

/// Everything that is known.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// What the host can do.
    pub facts: Facts,
    /// All its guests.
    pub guests: BTreeMap<u32, Guest>,
    /// Those that are to be dumped.
    pub chosen: BTreeSet<u32>,
    /// What the reader of a plan should know of that.
    pub notes: Vec<String>,
    /// The schedule's time zone.
    pub zone: Zone,
    /// How archives are compressed.
    pub compress: Compress,
    /// Where dumps are not streamed: what lies in our folder on the host, and how much room there is.
    pub on_host: Option<OnHost>,
    /// The first store.
    pub store: Picture,
    /// The others, or why nothing is known of one.
    pub copies: Vec<Result<Picture, String>>,
}

/// What lies in our folder on the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OnHost {
    /// By path from there: `20261120T023000Z/101/failed.1`.
    pub entries: BTreeMap<String, Entry>,
    /// How many bytes are free.
    pub free: u64,
}

impl OnHost {
    /// How often a guest's dump failed for a slot.
    pub(super) fn tries(&self, slot: &str, item: &str) -> u32 {
        let prefix = format!("{slot}/{item}/failed.");
        let marks = self.entries.keys().filter_map(|path| path.strip_prefix(&prefix)?.parse().ok());
        marks.max().unwrap_or(0)
    }

    /// Whether a guest's archive is there, whole.
    pub(super) fn has(&self, slot: &str, item: &str, archive: &str) -> bool {
        matches!(self.entries.get(&format!("{slot}/{item}/{archive}")), Some(Entry::File(_)))
    }

    /// The folders of slots. What else somebody put there is not ours.
    pub(super) fn slots(&self) -> BTreeSet<&str> {
        let names =
            self.entries.iter().filter(|(path, entry)| path.contains('/') || **entry == Entry::Folder);
        let names = names.filter_map(|(path, _)| path.split('/').next());
        names.filter(|name| slot_of(name).is_some()).collect()
    }
}

/// Our folder among the host's dumps. Each schedule has one, named by its store, which no other has: what it finds in there
/// and has no use for, it removes.
pub(super) fn host_folder(spec: &VzdumpScheduleSpec) -> String {
    let store = &spec.vzdump.store;
    let directory = file_name(store.directory.trim_end_matches('/'));
    format!("{}/evenkeel/{}_{directory}", spec.dump_dir(), file_name(&store.target))
}

/// A path as one plain name, which no other path has: `/` as `_`, and what else is not plain by its bytes, as in `~5f`.
fn file_name(path: &str) -> String {
    let mut name = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' => name.push('_'),
            b'-' | b'.' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => drop(write!(name, "~{byte:02x}")),
        }
    }
    name
}

/// Whether dumps go over a folder on the host.
fn uses_folder(spec: &VzdumpScheduleSpec, facts: &Facts) -> bool {
    match spec.vzdump.stream {
        Stream::Always => false,
        Stream::Never => true,
        Stream::Auto => !facts.streams,
    }
}

fn list_host(spec: &VzdumpScheduleSpec) -> Query {
    Query::reading(Request::Files(FileRequest::List { folder: host_folder(spec), depth: 3 }))
}

fn free_on_host(spec: &VzdumpScheduleSpec) -> Query {
    Query::reading(Request::Exec(Exec::new(["df", "-P", "-k", spec.dump_dir()])))
}

/// What to read; asked in rounds.
pub(super) fn queries(spec: &VzdumpScheduleSpec, so_far: &Replies) -> Vec<Query> {
    let mut queries = host::queries(&spec.vzdump, so_far);
    queries.extend(Zone::queries(spec.schedule.time_zone.as_deref(), so_far));
    if host::read_facts(so_far).is_ok_and(|facts| uses_folder(spec, &facts)) {
        queries.extend([list_host(spec), free_on_host(spec)]);
    }
    queries.extend(spec.vzdump.store.queries(so_far));
    queries.extend(spec.vzdump.copies.iter().flat_map(|copy| copy.store().queries(so_far)));
    queries
}

/// Understands it.
pub(super) fn observe(spec: &VzdumpScheduleSpec, replies: &Replies) -> Result<Seen, ObserveError> {
    let facts = host::read_facts(replies)?;
    let compress = compression(spec, &facts)?;
    let guests = host::read_guests(&facts, replies)?;
    let (chosen, notes) = host::select(&spec.vzdump, &facts, &guests, replies)?;
    let zone = Zone::read(spec.schedule.time_zone.as_deref(), replies)?;
    let on_host = if uses_folder(spec, &facts) { Some(on_host(spec, replies)?) } else { None };
    let store = spec.vzdump.store.picture(replies).map_err(|error| below(error, &["vzdump", "store"]))?;
    // One that does not answer must not keep the first from its copies.
    let copies = spec
        .vzdump
        .copies
        .iter()
        .map(|copy| copy.store().picture(replies).map_err(|e| e.to_string()))
        .collect();
    Ok(Seen { facts, guests, chosen, notes, zone, compress, on_host, store, copies })
}

/// All guests of the host.
pub(super) fn guests(replies: &Replies) -> Result<BTreeMap<u32, Guest>, ObserveError> {
    host::read_guests(&host::read_facts(replies)?, replies)
}

fn compression(spec: &VzdumpScheduleSpec, facts: &Facts) -> Result<Compress, ObserveError> {
    match (spec.vzdump.compress, facts.dialect) {
        (None, Dialect::OpenVz) => Ok(Compress::Gzip),
        (None, Dialect::Proxmox) => Ok(Compress::Zstd),
        (Some(Compress::Zstd | Compress::Lzo), Dialect::OpenVz) => Err(ObserveError::unfit(
            &["vzdump", "compress"],
            "the vzdump of this host compresses with gzip or not at all",
            "write `gzip` or `none`, or leave it out",
        )),
        (Some(compress), _) => Ok(compress),
    }
}

fn on_host(spec: &VzdumpScheduleSpec, replies: &Replies) -> Result<OnHost, ObserveError> {
    let free = free_on_host(spec);
    if replies.get(&free)?.exit == 1 {
        let said = replies.get(&free)?.stderr_text();
        let message = format!("there is no folder {} on this host: {said}", spec.dump_dir());
        let hint = "make it, or name another one with room for the largest dump in `dumpDir`";
        return Err(ObserveError::unfit(&["vzdump", "dumpDir"], message, hint));
    }
    let free = host::read_free(replies, &free)?;
    let query = list_host(spec);
    let reply = replies.get(&query)?;
    let entries = match reply.exit {
        0 => {
            let listing: Result<Listing, _> = serde_json::from_slice(&reply.stdout);
            listing.map_err(|error| host::unparsable(&query, error.to_string()))?.entries
        }
        MISSING => BTreeMap::new(),
        _ => return Err(host::failed(&query, reply)),
    };
    Ok(OnHost { entries, free })
}

/// The error with the path of its field.
fn below(error: ObserveError, at: &[&str]) -> ObserveError {
    match error {
        ObserveError::Unfit { path, message, hint } => {
            let path = at.iter().map(|key| (*key).to_owned()).chain(path).collect();
            ObserveError::Unfit { path, message, hint }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_store_has_a_folder_of_its_own_on_the_host() {
        let folder = |target: &str, directory: &str| {
            let mut spec = VzdumpScheduleSpec::default();
            spec.vzdump.dump_dir = Some("/big/dump/".to_owned());
            spec.vzdump.store.target = target.to_owned();
            spec.vzdump.store.directory = directory.to_owned();
            host_folder(&spec)
        };
        assert_eq!(folder("nas", "/disk1/dump/"), "/big/dump/evenkeel/nas__disk1_dump");
        let stores = [
            ("nas", "/dump"),
            ("nas", "dump"),
            ("nas", "dump/a/b"),
            ("nas", "dump/a_b"),
            ("nas", "dump a:b"),
            ("nas_dump", "a/b"),
            ("nas", "~5fdump"),
            ("nas", "d\u{fc}mp"),
        ];
        let folders: BTreeSet<String> = stores.iter().map(|(target, path)| folder(target, path)).collect();
        assert_eq!(folders.len(), stores.len(), "{folders:?}");
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_~.-".contains(c);
        assert!(folders.iter().all(|folder| folder.chars().all(plain)), "{folders:?}");
    }
}
