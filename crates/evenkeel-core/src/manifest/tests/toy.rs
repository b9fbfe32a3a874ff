//! A driver with a field of every sort.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::{Delta, Driver, Finding, ObserveError, Observed, Registry, Step};
use crate::request::{Query, Replies};

/// A box on a shelf.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    /// What is written on the box.
    pub(super) label: String,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) count: Option<u16>,
    #[serde(default)]
    pub(super) fragile: Option<bool>,
    #[serde(default)]
    pub(super) weight: Option<f64>,
    #[serde(default)]
    pub(super) size: Option<Size>,
    #[serde(default)]
    pub(super) items: Vec<Item>,
    #[serde(default)]
    pub(super) anything: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Size {
    Small,
    Large,
    Custom { width: u32 },
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) number: u8,
}

#[derive(Serialize)]
pub(super) struct State {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u16>,
}

pub(super) struct Toy;

impl Driver for Toy {
    const KIND: &'static str = "Toy";
    type Spec = Spec;
    type State = State;

    fn check(&self, spec: &Spec) -> Vec<Finding> {
        let bad = spec.properties.iter().filter(|(_, value)| value.as_str() == "bad");
        let found = bad.map(|(key, _)| Finding::error(["properties", key], "bad is bad").hint("be good"));
        found.collect()
    }

    fn object(&self, spec: &Spec) -> String {
        spec.label.clone()
    }

    fn queries(&self, _: &Spec, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn observe(&self, _: &Spec, _: &Replies) -> Result<Observed<State>, ObserveError> {
        Ok(Observed::Absent { lacks: None })
    }

    fn desired(&self, spec: &Spec, _: Option<&State>, _: Timestamp) -> Option<State> {
        Some(State { properties: spec.properties.clone(), count: spec.count })
    }

    fn steps(&self, _: &Spec, _: &Delta<'_, State>) -> Vec<Step> {
        Vec::new()
    }
}

macro_rules! backend {
    ($driver:ident $spec:ident $key:literal) => {
        /// A store with one of two backends.
        #[derive(Debug, Deserialize, JsonSchema)]
        pub(super) struct $spec {
            #[serde(rename = $key)]
            content: BTreeMap<String, String>,
            /// How many are kept.
            keep: u32,
        }

        pub(super) struct $driver;

        impl Driver for $driver {
            const KIND: &'static str = "Store";
            const BACKEND: Option<&'static str> = Some($key);
            type Spec = $spec;
            type State = State;

            fn check(&self, _: &$spec) -> Vec<Finding> {
                Vec::new()
            }
            fn object(&self, spec: &$spec) -> String {
                format!("{}{:?}", spec.keep, spec.content)
            }
            fn queries(&self, _: &$spec, _: &Replies) -> Vec<Query> {
                Vec::new()
            }
            fn observe(&self, _: &$spec, _: &Replies) -> Result<Observed<State>, ObserveError> {
                Ok(Observed::Absent { lacks: None })
            }
            fn desired(&self, _: &$spec, _: Option<&State>, _: Timestamp) -> Option<State> {
                None
            }
            fn steps(&self, _: &$spec, _: &Delta<'_, State>) -> Vec<Step> {
                Vec::new()
            }
        }
    };
}

backend!(Barrel BarrelSpec "barrel");
backend!(Shelf ShelfSpec "shelf");

pub(super) fn registry() -> Registry {
    Registry::default().with(Toy).with(Barrel).with(Shelf)
}
