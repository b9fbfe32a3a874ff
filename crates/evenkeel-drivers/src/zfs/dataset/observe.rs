//! From what `zfs` printed to the normal form.

use std::collections::BTreeMap;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::{Query, Replies};

use super::property::{Settable, is_user};
use super::spec::{DatasetType, ZfsDatasetSpec};
use super::state::{PropertyState, ZfsDatasetState};
use super::wanted::{WantedProperty, WantedValue};
use super::{inherit, mount, queries, replace};
use crate::zfs::INHERIT;
use crate::zfs::name::{parent, pool};
use crate::zfs::reply::failure::{quote, refused, unparsable};
use crate::zfs::reply::get::{Row, Rows, Said, Source, Table};
use crate::zfs::reply::usage::{HostProperties, HostProperty};
use crate::zfs::size;
use crate::zfs::suggest::nearest;

/// How `zfs` says that there is no such dataset.
const MISSING: &str = "dataset does not exist";

/// The block size that a host chooses by itself depends on its version and on the pool, up to this.
const LARGEST_DEFAULT_BLOCK: u64 = 128 << 10;

pub(super) fn observe(
    spec: &ZfsDatasetSpec,
    replies: &Replies,
) -> Result<Observed<ZfsDatasetState>, ObserveError> {
    let host = if spec.wanted().depends_on_host() {
        Some(replies.parsed(&queries::usage(), HostProperties::parse)?)
    } else {
        None
    };
    if let Some(host) = &host {
        fits_host(spec, host)?;
    }
    let query = queries::properties(spec);
    let table = replies.parsed(query, Table::parse)?;
    let pools = if queries::names_a_mount_point(spec.wanted()) {
        Some(replies.parsed(&queries::altroots(), Table::parse)?)
    } else {
        None
    };
    let (host, pools) = (host.as_deref(), pools.as_deref());
    let seeing = Seeing { spec, query, table: &table, host, pools };
    match table.of(&spec.dataset) {
        Said::Rows(rows) => seeing.present(rows, replies).map(Observed::Present),
        Said::Refused(MISSING) => seeing.absent(),
        other => Err(seeing.unclear(&spec.dataset, other)),
    }
}

/// Refuses what the host's own list of properties does not allow.
fn fits_host(spec: &ZfsDatasetSpec, host: &HostProperties) -> Result<(), ObserveError> {
    for property in spec.wanted().properties() {
        let name = property.name();
        if is_user(name) {
            continue;
        }
        let Some(said) = host.get(name) else {
            let near = nearest(name, host.names()).filter(|_| property.known.is_none());
            let hint = near
                .map_or("leave it out for this host".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(unfit(
                property,
                format!("the host's version of ZFS has no property `{name}`"),
                Some(hint),
            ));
        };
        let Some(value) = spec.wanted().exactly(name) else {
            if property.known.is_none() && !said.inherits {
                return Err(unfit(property, format!("`{name}` is never inherited"), None));
            }
            continue;
        };
        if property.known.is_none() && !said.editable {
            return Err(unfit(property, format!("`{name}` is what ZFS reports, it cannot be set"), None));
        }
        let words = said.words();
        let in_doubt = property.known.is_none_or(|p| p.newer_words.contains(&value));
        if in_doubt && !words.is_empty() && !words.iter().any(|word| word == value) {
            let message = format!("the host's version of ZFS takes `{name}` as one of {}", words.join(", "));
            return Err(unfit(property, message, None));
        }
    }
    Ok(())
}

fn unfit(property: &WantedProperty, message: String, hint: Option<String>) -> ObserveError {
    ObserveError::Unfit { path: property.path(), message, hint }
}

struct Seeing<'a> {
    spec: &'a ZfsDatasetSpec,
    query: &'a Query,
    table: &'a Table,
    host: Option<&'a HostProperties>,
    /// Where each pool has its mount points, if that matters.
    pools: Option<&'a Table>,
}

impl Seeing<'_> {
    fn garbled(&self, problem: impl Into<String>) -> ObserveError {
        unparsable(self.query.request(), problem)
    }

    /// The error for a dataset of which neither rows nor its absence were printed.
    fn unclear(&self, dataset: &str, said: Said<'_>) -> ObserveError {
        match said {
            Said::Refused(reason) => refused(self.query.request(), dataset, reason),
            Said::Broken(problem) => self.garbled(format!("{dataset}: {problem}")),
            Said::Nothing | Said::Rows(_) => self.garbled(format!("it says nothing about {dataset}")),
        }
    }

    /// The host said that the dataset is missing: believed where the pool is there, and the parent is either
    /// there or said to be missing as well.
    fn absent(&self) -> Result<Observed<ZfsDatasetState>, ObserveError> {
        let (dataset, pool) = (self.spec.dataset.as_str(), pool(&self.spec.dataset));
        match self.table.of(pool) {
            Said::Rows(_) => {}
            Said::Refused(MISSING) => {
                return Err(ObserveError::Unfit {
                    path: vec!["dataset".to_owned()],
                    message: format!("the pool {pool} is not imported on this host"),
                    hint: Some(format!("`zpool import {pool}`, or create it: Evenkeel never creates pools")),
                });
            }
            other => return Err(self.unclear(pool, other)),
        }
        self.creatable()?;
        let parent = parent(dataset).unwrap_or(pool);
        match self.table.of(parent) {
            Said::Rows(rows) if rows.get("type").is_some_and(|row| row.value == b"volume") => {
                Err(ObserveError::Unfit {
                    path: vec!["dataset".to_owned()],
                    message: format!("{parent} is a volume, nothing can be created in it"),
                    hint: None,
                })
            }
            Said::Rows(_) => Ok(Observed::Absent { lacks: None }),
            Said::Refused(MISSING) => Ok(Observed::Absent { lacks: Some(parent.to_owned()) }),
            other => Err(self.unclear(parent, other)),
        }
    }

    /// A volume can only be created with a size, and one that the host does not round up.
    fn creatable(&self) -> Result<(), ObserveError> {
        let wanted = self.spec.wanted();
        if wanted.kind == DatasetType::Filesystem {
            return Ok(());
        }
        let unfit = |message: String, hint: &str| ObserveError::Unfit {
            path: vec!["properties".to_owned(), "volsize".to_owned()],
            message,
            hint: Some(hint.to_owned()),
        };
        let dataset = &self.spec.dataset;
        let Some(size) = wanted.exactly("volsize") else {
            let message =
                format!("the volume {dataset} does not exist, and without a size it cannot be created");
            return Err(unfit(message, "write `volsize: 10G` among the properties"));
        };
        let is_whole = size.parse::<u64>().is_ok_and(|size| size.is_multiple_of(LARGEST_DEFAULT_BLOCK));
        if is_whole || wanted.exactly("volblocksize").is_some() {
            return Ok(());
        }
        let message =
            format!("{dataset}: the host would round the size {size} up to a multiple of its own block size");
        Err(unfit(message, "write a multiple of 128K, or the `volblocksize` too"))
    }

    fn present(&self, rows: Rows<'_>, replies: &Replies) -> Result<ZfsDatasetState, ObserveError> {
        let dataset = &self.spec.dataset;
        let kind = match rows.get("type").map(|row| row.value) {
            Some(b"filesystem") => DatasetType::Filesystem,
            Some(b"volume") => DatasetType::Volume,
            other => {
                let quoted = other.map(quote).unwrap_or_default();
                return Err(self.garbled(format!("{dataset}: `{quoted}` is no type of a dataset")));
            }
        };
        let fixed = replace::fixed_difference(self.spec.wanted(), rows);
        match &fixed {
            Some(fixed) => {
                self.creatable()?;
                replace::may_replace(self.spec, fixed, rows, replies)?;
            }
            None => self.size_fits_blocks(rows)?,
        }
        let mut properties = BTreeMap::new();
        for property in self.spec.wanted().properties() {
            let name = property.name();
            let row = rows.get(name).ok_or_else(|| self.garbled(format!("{dataset}: no row of `{name}`")))?;
            // What is replaced anyway need not be understood.
            let applies = fixed.is_some() || is_user(name) || (row.value, row.source) != (b"-", Source::None);
            if !applies {
                return Err(unfit(property, format!("`{name}` does not apply to {dataset}"), None));
            }
            if let Some(state) = self.property(property, row, rows)? {
                properties.insert(name.to_owned(), state);
            }
        }
        let owner = replace::owner(rows).map(str::to_owned);
        Ok(ZfsDatasetState { kind, properties, inheritable: self.inheritable()?, owner })
    }

    /// What the properties that shall be inherited would be, where that decides how risky it is.
    fn inheritable(&self) -> Result<BTreeMap<String, String>, ObserveError> {
        let wanted = self.spec.wanted();
        let above = parent(&self.spec.dataset).filter(|_| inherit::asks_parent(wanted));
        let rows = match above.map(|parent| (parent, self.table.of(parent))) {
            None => None,
            Some((_, Said::Rows(rows))) => Some(rows),
            Some((parent, other)) => return Err(self.unclear(parent, other)),
        };
        Ok(inherit::values(wanted, rows))
    }

    /// A volume's size must be a multiple of its block size, which cannot be changed.
    fn size_fits_blocks(&self, rows: Rows<'_>) -> Result<(), ObserveError> {
        let wanted = self.spec.wanted();
        let Some((size, property)) = wanted.exactly("volsize").zip(wanted.get("volsize")) else {
            return Ok(());
        };
        let block = rows.get("volblocksize").and_then(number).unwrap_or(1).max(1);
        if size.parse::<u64>().is_ok_and(|size| size.is_multiple_of(block)) {
            return Ok(());
        }
        let message = format!("the volume's size {size} is no multiple of its block size {block}");
        Err(unfit(property, message, None))
    }

    /// `None` for a user property that is not set.
    fn property(
        &self,
        property: &WantedProperty,
        row: Row<'_>,
        rows: Rows<'_>,
    ) -> Result<Option<PropertyState>, ObserveError> {
        let name = property.name();
        let own = matches!(row.source, Source::Local | Source::Received);
        let unset = is_user(name) && row.source == Source::None;
        match &property.value {
            // What is temporary hides whether there is a value of its own; nothing is gained by guessing.
            WantedValue::Inherit if !own => return Ok(Some(PropertyState::inherited())),
            WantedValue::Exactly(_) if unset => return Ok(None),
            _ => {}
        }
        let dataset = &self.spec.dataset;
        let text = str::from_utf8(row.value).map_err(|_| {
            self.garbled(format!("{dataset}: the value of `{name}` is not UTF-8: {}", quote(row.value)))
        })?;
        let text = match self.pools {
            Some(pools) if name == "mountpoint" => mount::as_set(dataset, text, pools),
            _ => text,
        };
        let value = property.known.map_or_else(|| text.to_owned(), |p| p.kind.seen(text, p.spellings));
        Ok(Some(match &property.value {
            WantedValue::Inherit if value == INHERIT => PropertyState::Sourced { value, source: "local" },
            _ if row.source == Source::Temporary => PropertyState::Sourced { value, source: "temporary" },
            // What is not the dataset's own can change with the parent, in this very run.
            WantedValue::Exactly(_) if row.source == Source::Inherited => {
                PropertyState::Sourced { value, source: "inherited" }
            }
            WantedValue::Exactly(_) if row.source == Source::Default && self.inherits(property) => {
                PropertyState::Sourced { value, source: "default" }
            }
            WantedValue::Exactly(wanted) if self.means(name, wanted, &value, rows) => {
                PropertyState::Plain(wanted.to_string())
            }
            _ => PropertyState::Plain(value),
        }))
    }

    /// True where a value that is nowhere set on the way up to the pool is the parent's to change.
    fn inherits(&self, property: &WantedProperty) -> bool {
        match property.known {
            Some(known) => known.inherits && known.settable == Settable::Always,
            None => self.host.and_then(|host| host.get(property.name())).is_some_and(|said| said.inherits),
        }
    }

    /// True where the host prints `seen` for what was set as `wanted`.
    fn means(&self, name: &str, wanted: &str, seen: &str, rows: Rows<'_>) -> bool {
        match name {
            "xattr" => {
                let on = if self.host.is_some_and(HostProperties::xattr_on_means_sa) { "sa" } else { "dir" };
                let spelled_out = |value: &str| if value == "on" { on.to_owned() } else { value.to_owned() };
                spelled_out(wanted) == spelled_out(seen)
            }
            // The host works out how much a volume can need, which is its size and more.
            "refreservation" if wanted == "auto" => {
                let size = rows.get("volsize").and_then(number);
                size.zip(seen.parse().ok()).is_some_and(|(size, reserved): (u64, u64)| reserved >= size)
            }
            _ if wanted == seen => true,
            _ => {
                let takes_sizes = self.host.and_then(|h| h.get(name)).is_some_and(HostProperty::takes_sizes);
                takes_sizes && bytes(wanted).is_some_and(|wanted| Some(wanted) == bytes(seen))
            }
        }
    }
}

/// A size of a property that only the host knows.
fn bytes(text: &str) -> Option<u64> {
    if text == "none" { Some(0) } else { size::parse(text).ok() }
}

fn number(row: Row<'_>) -> Option<u64> {
    str::from_utf8(row.value).ok()?.parse().ok()
}
