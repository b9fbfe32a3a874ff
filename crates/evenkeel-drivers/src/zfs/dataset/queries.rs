//! What is read of a dataset.
//!
//! Round one asks for everything, and all instances of a host share it: one `zfs get`, and the host's own
//! list of properties where some instance depends on it. An instance with a property that the host may not
//! know waits for that list, because one unknown name makes the whole `zfs get` of all instances fail. A
//! further round looks at snapshots and children, only of a dataset that would have to be replaced.

use std::collections::BTreeSet;

use evenkeel_core::request::{Answer, Arg, Exec, Query, Replies, Request};

use super::spec::ZfsDatasetSpec;
use super::wanted::Wanted;
use super::{MARK, replace};
use crate::zfs::command::{FIELDS, zpool_get};
use crate::zfs::name::{parent, pool};
use crate::zfs::reply::get::{Said, Table};
use crate::zfs::reply::usage::HostProperties;

/// The property of a pool that all its mount points are printed below.
pub(super) const ALTROOT: &str = "altroot";

/// The queries of one instance, given what was answered so far.
pub(super) fn wanted(spec: &ZfsDatasetSpec, so_far: &Replies) -> Vec<Query> {
    let wanted = spec.wanted();
    let mut queries = Vec::new();
    if wanted.depends_on_host() {
        queries.push(usage());
    }
    if !may_ask(wanted, so_far) {
        return queries;
    }
    let main = properties(spec);
    match so_far.answer(main) {
        None => queries.push(main.clone()),
        Some(answer) if wants_replacing(spec, answer) => queries.push(below(&spec.dataset)),
        Some(_) => {}
    }
    if names_a_mount_point(wanted) {
        queries.push(altroots());
    }
    queries
}

/// False while it is not known whether the host knows every property.
fn may_ask(wanted: &Wanted, so_far: &Replies) -> bool {
    let mut doubtful = wanted.properties().filter(|p| p.name_may_be_unknown()).peekable();
    if doubtful.peek().is_none() {
        return true;
    }
    let Ok(host) = so_far.parsed(&usage(), HostProperties::parse) else { return false };
    doubtful.all(|property| host.get(property.name()).is_some())
}

fn wants_replacing(spec: &ZfsDatasetSpec, answer: &Answer) -> bool {
    let Ok(table) = answer.parsed(Table::parse) else { return false };
    match table.of(&spec.dataset) {
        Said::Rows(rows) => {
            replace::owner(rows).is_some() && replace::fixed_difference(spec.wanted(), rows).is_some()
        }
        _ => false,
    }
}

/// The properties of the dataset, and of its parent and pool, which tell "absent" from "unknown".
pub(super) fn properties(spec: &ZfsDatasetSpec) -> &Query {
    let wanted = spec.wanted();
    wanted.query.get_or_init(|| properties_of(spec, wanted))
}

fn properties_of(spec: &ZfsDatasetSpec, wanted: &Wanted) -> Query {
    let mut names: BTreeSet<String> = wanted.properties().map(|p| p.name().to_owned()).collect();
    names.extend(["type".to_owned(), MARK.to_owned()]);
    if names.contains("volsize") {
        names.insert("volblocksize".to_owned());
    }
    if wanted.exactly("refreservation") == Some("auto") {
        names.insert("volsize".to_owned());
    }
    let operands: BTreeSet<&str> =
        [Some(spec.dataset.as_str()), parent(&spec.dataset), Some(pool(&spec.dataset))]
            .into_iter()
            .flatten()
            .collect();
    let exec = Exec::new(["zfs", "get", "-Hp", "-o", FIELDS]).arg(Arg::Set(names)).on(operands);
    Query::reading(Request::Exec(exec))
}

/// True where a mount point is compared, which is printed below the pool's `altroot`.
pub(super) fn names_a_mount_point(wanted: &Wanted) -> bool {
    wanted.exactly("mountpoint").is_some_and(|path| path.starts_with('/'))
}

/// Where each pool has all its mount points, if it was imported with `-R`, as TrueNAS does.
pub(super) fn altroots() -> Query {
    zpool_get([ALTROOT])
}

/// The host's own list of properties, which comes with the usage message.
pub(super) fn usage() -> Query {
    Query::reading(Request::Exec(Exec::new(["zfs", "get"])))
}

/// The dataset with everything below it.
pub(super) fn below(dataset: &str) -> Query {
    let exec = Exec::new(["zfs", "list", "-Hp", "-o", "name", "-t", "filesystem,volume,snapshot", "-r"]);
    Query::reading(Request::Exec(exec.on([dataset])))
}
