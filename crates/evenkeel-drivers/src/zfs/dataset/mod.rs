//! `ZfsDataset`: filesystems and volumes.

mod hazard;
mod inherit;
mod inventory;
mod mount;
mod observe;
mod property;
mod queries;
mod replace;
mod spec;
mod state;
mod steps;
mod table;
mod wanted;

pub use spec::{DatasetType, ZfsDatasetSpec};
pub use state::{PropertyState, ZfsDatasetState};

use std::collections::BTreeMap;

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::{
    Attribution, Delta, Drift, Driver, Finding, Found, Marked, ObserveError, Observed, Step,
};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde_json::Value;

use crate::zfs::history::{self, Subject, Traits};
use crate::zfs::name::pool;
use crate::zfs::value::Kind;
use wanted::WantedValue;

/// The user property that marks a dataset as created by Evenkeel, which may therefore destroy it.
const MARK: &str = "dev.evenkeel:managed-by";

/// The driver of the kind `ZfsDataset`.
#[derive(Debug, Clone, Copy)]
pub struct ZfsDataset;

impl Driver for ZfsDataset {
    const KIND: &'static str = "ZfsDataset";
    const IMMUTABLE: &'static [&'static str] = &[
        "type",
        "properties.casesensitivity",
        "properties.normalization",
        "properties.utf8only",
        "properties.volblocksize",
    ];

    type Spec = ZfsDatasetSpec;
    type State = ZfsDatasetState;

    fn check(&self, spec: &ZfsDatasetSpec) -> Vec<Finding> {
        spec.wanted().findings.clone()
    }

    fn object(&self, spec: &ZfsDatasetSpec) -> String {
        spec.dataset.clone()
    }

    fn queries(&self, spec: &ZfsDatasetSpec, so_far: &Replies) -> Vec<Query> {
        queries::wanted(spec, so_far)
    }

    fn observe(
        &self,
        spec: &ZfsDatasetSpec,
        replies: &Replies,
    ) -> Result<Observed<ZfsDatasetState>, ObserveError> {
        observe::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &ZfsDatasetSpec,
        _: Option<&ZfsDatasetState>,
        _: Timestamp,
    ) -> Option<ZfsDatasetState> {
        let wanted = spec.wanted();
        let state = |value: &WantedValue| match value {
            WantedValue::Exactly(value) => PropertyState::Plain(value.to_string()),
            WantedValue::Inherit => PropertyState::inherited(),
        };
        let properties = wanted.properties().map(|p| (p.name().to_owned(), state(&p.value)));
        Some(ZfsDatasetState {
            kind: wanted.kind,
            properties: properties.collect::<BTreeMap<_, _>>(),
            inheritable: BTreeMap::new(),
            owner: None,
        })
    }

    fn steps(&self, spec: &ZfsDatasetSpec, delta: &Delta<'_, ZfsDatasetState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn show(&self, path: &FieldPath, value: &Value) -> Option<String> {
        let [_, name] = path.keys() else { return None };
        match value {
            Value::String(text) => match property::find(name) {
                Some(known) => known.kind.show(text),
                None => text.is_empty().then(|| "\"\"".to_owned()),
            },
            Value::Object(sourced) => {
                let part = |key: &str| sourced.get(key).and_then(Value::as_str);
                let (value, source) = (part("value")?, part("source")?);
                let shown = property::find(name).and_then(|known| known.kind.show(value));
                Some(format!("{} ({source})", shown.as_deref().unwrap_or(value)))
            }
            _ => None,
        }
    }

    fn blame_queries(&self, spec: &ZfsDatasetSpec, _: &Drift<'_>) -> Vec<Query> {
        vec![history::query(pool(&spec.dataset))]
    }

    fn blame(&self, spec: &ZfsDatasetSpec, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution> {
        let subject = Subject { pool: pool(&spec.dataset), dataset: Some(&spec.dataset), traits };
        history::blame(subject, drift, replies)
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        inventory::queries()
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::inventory(replies)
    }

    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        inventory::marked_queries()
    }

    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
        inventory::marked(replies)
    }

    fn removal(&self, object: &str, keep: &[&str], replies: &Replies) -> Result<Vec<Step>, String> {
        inventory::removal(object, keep, replies)
    }
}

fn traits(name: &str) -> Traits {
    property::find(name).map_or_else(Traits::default, |known| Traits {
        alias: known.alias,
        is_switch: known.kind == Kind::Switch,
    })
}
