//! What a host says of datasets, their snapshots and bookmarks: one `zfs list` for all schedules of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Reply, Request};

use crate::zfs::reply::failure::{failed, quote, unparsable};

/// The owner, as on datasets.
pub(super) const OWNER: &str = "dev.evenkeel:managed-by";
/// The full name that a snapshot of a schedule's root was made under. A user property of a dataset is inherited by its
/// snapshots, so that the owner alone says nothing of a snapshot; this one fits no other.
pub(super) const SLOT: &str = "dev.evenkeel:slot";

const COLUMNS: &str = "name,type,guid,createtxg,referenced,userrefs,clones,encryption,receive_resume_token,\
                       dev.evenkeel:managed-by,dev.evenkeel:slot";
const COLUMN_COUNT: usize = 11;
const ALL_TYPES: &str = "filesystem,volume,snapshot,bookmark";
/// What the command says of a dataset that is not there.
const MISSING: &str = "dataset does not exist";

/// Everything in and below `root`, or only of `root` itself.
pub(super) fn query(root: &str, recursive: bool) -> Query {
    let depth: &[&str] = if recursive { &["-r"] } else { &["-d", "1"] };
    let argv = ["zfs", "list", "-Hp", "-t", ALL_TYPES, "-o", COLUMNS].iter().chain(depth);
    Query::reading(Request::Exec(Exec::new(argv.copied()).on([root])))
}

/// What the answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listing {
    datasets: BTreeMap<String, Dataset>,
    /// The reasons, by what could not be opened.
    refused: BTreeMap<String, String>,
}

/// A filesystem or volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dataset {
    pub(super) is_volume: bool,
    pub(super) guid: u64,
    pub(super) txg: u64,
    pub(super) is_encrypted: bool,
    /// Names the receive that is half done.
    pub(super) token: Option<String>,
    /// In order of creation.
    pub(super) snapshots: Vec<Snapshot>,
    /// By name.
    pub(super) bookmarks: BTreeMap<String, Bookmark>,
}

/// What a bookmark remembers of the snapshot that it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bookmark {
    pub(super) guid: u64,
    pub(super) txg: u64,
}

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The part behind the `@`.
    pub(super) name: String,
    pub(super) guid: u64,
    pub(super) txg: u64,
    pub(super) bytes: u64,
    pub(super) is_held: bool,
    pub(super) clones: Option<String>,
    pub(super) owner: Option<String>,
    /// See [`SLOT`].
    pub(super) slot: Option<String>,
}

impl Listing {
    /// Reads the answer. One that is cut short or makes no sense is an error as a whole.
    pub(super) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        let mut listing = Listing::default();
        let said = String::from_utf8_lossy(&reply.stderr);
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            let refusal = line.strip_prefix("cannot open '").and_then(|rest| rest.split_once("': "));
            let Some((name, reason)) = refusal else { return Err(failed(request, reply)) };
            listing.refused.insert(name.to_owned(), reason.to_owned());
        }
        if (reply.exit == 0) != listing.refused.is_empty() {
            return Err(failed(request, reply));
        }
        let text = str::from_utf8(&reply.stdout)
            .map_err(|_| unparsable(request, format!("it is not UTF-8: {}", quote(&reply.stdout))))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(unparsable(request, "the last line is cut short"));
        }
        for line in text.lines() {
            let read = listing.read(line);
            read.map_err(|problem| {
                unparsable(request, format!("{problem} in `{}`", quote(line.as_bytes())))
            })?;
        }
        for (name, dataset) in &mut listing.datasets {
            dataset.snapshots.sort_by_key(|snapshot| snapshot.txg);
            let names: BTreeSet<&str> =
                dataset.snapshots.iter().map(|snapshot| snapshot.name.as_str()).collect();
            if names.len() < dataset.snapshots.len() {
                return Err(unparsable(request, format!("a snapshot of {name} is printed twice")));
            }
        }
        Ok(listing)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let mut fields = line.split('\t');
        let mut columns = [""; COLUMN_COUNT];
        for column in &mut columns {
            *column = fields.next().ok_or("a column is missing")?;
        }
        if fields.next().is_some() {
            return Err("there is a column too many".to_owned());
        }
        let [name, kind, guid, txg, bytes, userrefs, clones, encryption, token, owner, slot] = columns;
        let number = |text: &str| {
            text.parse::<u64>().map_err(|_| format!("`{}` is no number", quote(text.as_bytes())))
        };
        let (guid, txg) = (number(guid)?, number(txg)?);
        let there = |text: &str| (text != "-" && !text.is_empty()).then(|| text.to_owned());
        match kind {
            "filesystem" | "volume" => {
                let is_encrypted = there(encryption).is_some_and(|word| word != "off");
                let (is_volume, token) = (kind == "volume", there(token));
                let dataset = Dataset { is_volume, guid, txg, is_encrypted, token, ..Dataset::default() };
                if name.contains(['@', '#']) || self.datasets.insert(name.to_owned(), dataset).is_some() {
                    return Err("a dataset is named wrongly or twice".to_owned());
                }
            }
            "snapshot" => {
                let (dataset, name) = name.split_once('@').ok_or("a snapshot without `@`")?;
                let (is_held, clones) = (number(userrefs)? > 0, there(&lasting(clones)));
                let (bytes, owner, slot) = (number(bytes)?, there(owner), there(slot));
                let name = name.to_owned();
                self.owner_of(dataset)?.snapshots.push(Snapshot {
                    name,
                    guid,
                    txg,
                    bytes,
                    is_held,
                    clones,
                    owner,
                    slot,
                });
            }
            "bookmark" => {
                let (dataset, name) = name.split_once('#').ok_or("a bookmark without `#`")?;
                self.owner_of(dataset)?.bookmarks.insert(name.to_owned(), Bookmark { guid, txg });
            }
            _ => return Err("an unknown type".to_owned()),
        }
        Ok(())
    }

    /// The dataset of a snapshot or bookmark, which is always printed before them.
    fn owner_of(&mut self, dataset: &str) -> Result<&mut Dataset, String> {
        self.datasets.get_mut(dataset).ok_or_else(|| "the dataset was not listed before".to_owned())
    }

    /// True where the host says that `name` is not there.
    pub(super) fn is_missing(&self, name: &str) -> bool {
        self.refused.get(name).is_some_and(|reason| reason == MISSING)
    }

    /// Why `name` could not be opened, where it may be there.
    pub(super) fn refusal(&self, name: &str) -> Option<&str> {
        self.refused.get(name).map(String::as_str).filter(|reason| *reason != MISSING)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Dataset> {
        self.datasets.get(name)
    }

    /// `root` and, where `recursive`, all below it: relative names (`.` for itself) and datasets, parents first.
    pub(super) fn tree<'l>(
        &'l self,
        root: &'l str,
        recursive: bool,
    ) -> impl Iterator<Item = (&'l str, &'l Dataset)> {
        let itself = self.datasets.get(root).map(|dataset| (".", dataset));
        let start = (Bound::Included(format!("{root}/")), Bound::Unbounded);
        let below =
            self.datasets.range(start).filter(move |_| recursive).map_while(move |(name, dataset)| {
                let inside = name.strip_prefix(root)?.strip_prefix('/')?;
                Some((inside, dataset))
            });
        itself.into_iter().chain(below)
    }
}

/// The clones without the one that a receive works on while it is half done: that goes with it.
fn lasting(clones: &str) -> String {
    clones.split(',').filter(|clone| !clone.ends_with("/%recv")).collect::<Vec<_>>().join(",")
}

/// The full name of a relative one.
pub(super) fn full(root: &str, relative: &str) -> String {
    if relative == "." { root.to_owned() } else { format!("{root}/{relative}") }
}
