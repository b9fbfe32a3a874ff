//! Differences that only a new dataset could close.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::Replies;

use super::property::Settable;
use super::spec::ZfsDatasetSpec;
use super::wanted::{Wanted, WantedValue};
use super::{MARK, queries};
use crate::zfs::name::pool;
use crate::zfs::reply::failure::unparsable;
use crate::zfs::reply::get::{Rows, Source};
use crate::zfs::reply::list::Names;

/// A difference in what is fixed at creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Where it stands in the spec.
    pub(super) path: Vec<String>,
    /// What it is, and is to be: ``the type is `volume`, not `filesystem` ``.
    pub(super) says: String,
}

/// The first difference in what is fixed at creation.
pub(super) fn fixed_difference(wanted: &Wanted, rows: Rows<'_>) -> Option<Fixed> {
    let text = |name: &str| rows.get(name).and_then(|row| str::from_utf8(row.value).ok());
    let word = wanted.kind.word();
    if let Some(seen) = text("type").filter(|seen| *seen != word) {
        return Some(Fixed { path: vec!["type".to_owned()], says: format!("it is a {seen}, not a {word}") });
    }
    wanted.properties().find_map(|property| {
        let known = property.known.filter(|p| p.settable == Settable::AtCreation)?;
        let WantedValue::Exactly(value) = &property.value else { return None };
        let (name, seen) = (known.name, text(known.name)?);
        (known.kind.seen(seen, known.spellings) != **value)
            .then(|| Fixed { path: property.path(), says: format!("its {name} is {seen}, not {value}") })
    })
}

/// The owner in the mark that the dataset carries itself, not by inheritance.
pub(super) fn owner(rows: Rows<'_>) -> Option<&str> {
    let mark = rows.get(MARK).filter(|row| row.source == Source::Local)?;
    str::from_utf8(mark.value).ok()
}

/// Whether the dataset may be destroyed and created anew to close `fixed`; an error tells why not.
pub(super) fn may_replace(
    spec: &ZfsDatasetSpec,
    fixed: &Fixed,
    rows: Rows<'_>,
    replies: &Replies,
) -> Result<(), ObserveError> {
    let dataset = &spec.dataset;
    if pool(dataset) == dataset {
        return Err(stays(fixed, spec, "it is the pool's own dataset"));
    }
    if owner(rows).is_none() {
        return Err(stays(fixed, spec, "it was not created by Evenkeel"));
    }
    let query = queries::below(dataset);
    let names = replies.parsed(&query, Names::parse)?;
    if !names.contains(dataset) {
        return Err(unparsable(query.request(), format!("{dataset} is not in the list")));
    }
    let first = names.snapshots(dataset).chain(names.below(dataset)).next();
    first.map_or(Ok(()), |other| Err(stays(fixed, spec, &format!("{other} would go with it"))))
}

fn stays(fixed: &Fixed, spec: &ZfsDatasetSpec, why: &str) -> ObserveError {
    let (dataset, says) = (&spec.dataset, &fixed.says);
    ObserveError::Unfit {
        path: fixed.path.clone(),
        message: format!(
            "{dataset} cannot become what the manifest says: {says}, that is fixed at creation, and {why}"
        ),
        hint: Some("write what is there, or move the data and destroy the dataset by hand".to_owned()),
    }
}
