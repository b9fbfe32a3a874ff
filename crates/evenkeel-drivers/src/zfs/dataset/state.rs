//! The normal form of a dataset.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spec::DatasetType;
use crate::zfs::INHERIT;

/// A dataset as far as a spec speaks of it: its type, and each property in the spec's own terms.
///
/// Paths in it are the paths of the spec: `properties.atime`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ZfsDatasetState {
    /// Filesystem or volume.
    #[serde(rename = "type")]
    pub kind: DatasetType,
    /// The properties that the spec names, by their full names. One that is not set is not in the map.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, PropertyState>,
    /// What the properties would be that shall be inherited and are not: the values of the parent, or the defaults.
    /// It is no part of the form, it tells the risk of the step.
    #[serde(skip)]
    pub(super) inheritable: BTreeMap<String, String>,
    /// Who created it, by its mark. No part of the form either.
    #[serde(skip)]
    pub(super) owner: Option<String>,
}

/// A property's value, or where it comes from, in the one form that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PropertyState {
    /// The exact value as `zfs get -p` prints it (`10737418240`; `none` for no limit), or `inherit` where the
    /// spec says so and the dataset has no value of its own.
    Plain(String),
    /// A value whose origin matters: the parent's or the default, until the next mount only, or a user property
    /// that is set to the very word `inherit`. It is never what a spec wants.
    Sourced {
        /// The value.
        value: String,
        /// Its source, in the words of `zfs get`.
        source: &'static str,
    },
}

impl PropertyState {
    /// What a property is that has no value of its own, and shall have none.
    pub(super) fn inherited() -> Self {
        PropertyState::Plain(INHERIT.to_owned())
    }

    /// The value, whatever its source.
    pub(super) fn value(&self) -> &str {
        match self {
            PropertyState::Plain(value) | PropertyState::Sourced { value, .. } => value,
        }
    }
}
