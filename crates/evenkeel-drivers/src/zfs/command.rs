//! Commands that several drivers send, so that their queries are joined.

use std::collections::BTreeSet;

use evenkeel_core::request::{Arg, Exec, Query, Request};

/// The fields of a row of `zfs get` and `zpool get`, in the order in which they are read.
pub(super) const FIELDS: &str = "name,property,value,source";

/// These properties of all pools.
///
/// Never of named pools: 2.3 prints nothing of the others where one of them does not exist.
pub(super) fn zpool_get<S: Into<String>>(properties: impl IntoIterator<Item = S>) -> Query {
    let properties: BTreeSet<String> = properties.into_iter().map(Into::into).collect();
    Query::reading(Request::Exec(Exec::new(["zpool", "get", "-Hp", "-o", FIELDS]).arg(Arg::Set(properties))))
}
