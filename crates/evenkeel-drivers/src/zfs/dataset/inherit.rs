//! What a property becomes when it is inherited.

use std::collections::BTreeMap;

use super::property::find;
use super::wanted::{Wanted, WantedValue};
use crate::zfs::reply::get::Rows;

/// The properties whose inherited value decides how risky it is to inherit them, with their defaults.
const GUARDS: [(&str, &str); 5] = [
    ("checksum", "on"),
    ("copies", "1"),
    ("readonly", "off"),
    ("redundant_metadata", "all"),
    ("sync", "standard"),
];

/// True where it matters what the parent has.
pub(super) fn asks_parent(wanted: &Wanted) -> bool {
    GUARDS.iter().any(|(name, _)| wanted.get(name).is_some_and(|p| p.value == WantedValue::Inherit))
}

/// What each guard that shall be inherited would be; `parent` are the rows of the parent, `None` for a pool's own
/// dataset.
pub(super) fn values(wanted: &Wanted, parent: Option<Rows<'_>>) -> BTreeMap<String, String> {
    let inherited = |(name, default): &(&str, &str)| {
        wanted.get(name).filter(|p| p.value == WantedValue::Inherit)?;
        let Some(rows) = parent else { return Some(((*name).to_owned(), (*default).to_owned())) };
        let text = str::from_utf8(rows.get(name)?.value).ok()?;
        let value = find(name).map_or_else(|| text.to_owned(), |p| p.kind.seen(text, p.spellings));
        Some(((*name).to_owned(), value))
    };
    GUARDS.iter().filter_map(inherited).collect()
}
