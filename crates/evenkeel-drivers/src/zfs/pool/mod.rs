//! `ZfsPool`: the properties of a pool, never the pool itself.

mod hazard;
mod observe;
mod table;
mod wanted;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::{
    Attribution, Delta, Drift, Driver, Finding, Found, ObserveError, Observed, Step,
};
use evenkeel_core::request::{Exec, Query, Replies, Request};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WrittenProperties;
use super::history::{self, Subject, Traits};
use super::value::Kind;
use wanted::Wanted;

/// The properties of a ZFS pool.
///
/// Properties that are not written are left as they are. Evenkeel never creates, imports or destroys a pool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsPoolSpec {
    /// The pool's name.
    pub pool: String,
    /// Properties by name: `autotrim`, `autoexpand`, `autoreplace`, `bootfs`, `cachefile`, `comment`,
    /// `compatibility`, `delegation`, `failmode`, `listsnapshots`, `multihost`, and `ashift` (for devices that
    /// are added later). An empty text clears `bootfs`, `cachefile` and `comment`.
    #[serde(default)]
    pub properties: WrittenProperties,
    /// The normal form of the above, worked out at first use.
    #[serde(skip)]
    #[schemars(skip)]
    wanted: OnceLock<Wanted>,
}

impl ZfsPoolSpec {
    fn wanted(&self) -> &Wanted {
        self.wanted.get_or_init(|| Wanted::of(self))
    }
}

/// A pool as far as a spec speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZfsPoolState {
    /// The properties that the spec names, exactly as `zpool get -p` prints them; empty for one that is not set.
    pub properties: BTreeMap<String, String>,
}

/// The driver of the kind `ZfsPool`.
#[derive(Debug, Clone, Copy)]
pub struct ZfsPool;

impl Driver for ZfsPool {
    const KIND: &'static str = "ZfsPool";

    type Spec = ZfsPoolSpec;
    type State = ZfsPoolState;

    fn check(&self, spec: &ZfsPoolSpec) -> Vec<Finding> {
        spec.wanted().findings.clone()
    }

    fn object(&self, spec: &ZfsPoolSpec) -> String {
        spec.pool.clone()
    }

    fn queries(&self, spec: &ZfsPoolSpec, _: &Replies) -> Vec<Query> {
        vec![observe::query(spec)]
    }

    fn observe(&self, spec: &ZfsPoolSpec, replies: &Replies) -> Result<Observed<ZfsPoolState>, ObserveError> {
        observe::observe(spec, replies).map(Observed::Present)
    }

    fn desired(&self, spec: &ZfsPoolSpec, _: Option<&ZfsPoolState>, _: Timestamp) -> Option<ZfsPoolState> {
        let properties = spec.wanted().properties.iter().map(|(name, p)| (name.clone(), p.value.clone()));
        Some(ZfsPoolState { properties: properties.collect() })
    }

    /// One command for each property, because `zpool set` takes only one.
    fn steps(&self, spec: &ZfsPoolSpec, delta: &Delta<'_, ZfsPoolState>) -> Vec<Step> {
        let changing = delta.changes.iter().filter_map(|change| match change.path.keys() {
            [_, name] => spec.wanted().properties.get_key_value(name),
            _ => None,
        });
        changing
            .map(|(name, property)| {
                let set = format!("{name}={}", property.value);
                let exec = Exec::new(["zpool".to_owned(), "set".to_owned(), set.clone(), spec.pool.clone()]);
                let before = delta.before.and_then(|state| state.properties.get(name)).map(String::as_str);
                hazard::of_change(Step::new(Request::Exec(exec)), set, name, before, &property.value)
            })
            .collect()
    }

    fn show(&self, _: &FieldPath, value: &Value) -> Option<String> {
        (value == "").then(|| "\"\"".to_owned())
    }

    fn blame_queries(&self, spec: &ZfsPoolSpec, _: &Drift<'_>) -> Vec<Query> {
        vec![history::query(&spec.pool)]
    }

    fn blame(&self, spec: &ZfsPoolSpec, drift: &Drift<'_>, replies: &Replies) -> Vec<Attribution> {
        let subject = Subject { pool: &spec.pool, dataset: None, traits };
        history::blame(subject, drift, replies)
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![observe::query_all()]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        observe::inventory(replies)
    }
}

fn traits(name: &str) -> Traits {
    let is_switch = table::find(name).is_some_and(|known| known.kind == Kind::Switch);
    Traits { alias: (name == "listsnapshots").then_some("listsnaps"), is_switch }
}
