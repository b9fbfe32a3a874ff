//! Mount points below an alternate root.

use super::queries::ALTROOT;
use crate::zfs::name::pool;
use crate::zfs::reply::get::{Said, Table};

/// The mount point as it was set, where `zfs get` printed `seen`: a pool that was imported with `-R /mnt` has
/// `/mnt/data` printed for what was set, and has to be set, as `/data`.
pub(super) fn as_set<'a>(dataset: &str, seen: &'a str, pools: &Table) -> &'a str {
    let Said::Rows(rows) = pools.of(pool(dataset)) else { return seen };
    let root = rows.get(ALTROOT).and_then(|row| str::from_utf8(row.value).ok()).unwrap_or_default();
    let root = root.trim_end_matches('/');
    if !root.starts_with('/') {
        return seen;
    }
    match seen.strip_prefix(root) {
        Some("") => "/",
        Some(below) if below.starts_with('/') => below,
        _ => seen,
    }
}
