//! What is compared: how the newest version of a template was made, which versions there are and where, and what lies about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::record::{Base, Mine, Versions};

/// A template as it is, or as it shall be.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateState {
    /// What is in the newest version.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub recipe: Value,
    /// The base's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The beginning of the period of `refresh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// The digest of the newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The versions by name, with the first digits of their digests. `null`: it goes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, Option<String>>,
    /// The same on the targets that it is published to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// OpenVZ: where the distribution files of the names lead to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub distribution_config: BTreeMap<String, Option<String>>,
    /// What a build left that did not come to its end. `null`: it goes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub leftovers: BTreeMap<String, Option<String>>,
    /// All that was read. It is no part of the form: what is planned follows from it.
    #[serde(skip)]
    pub(super) seen: Option<Arc<Seen>>,
    /// Whose it is; known once it was recognised.
    #[serde(skip)]
    pub(super) mine: Option<Mine>,
}

/// What was read, whatever the backend.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    /// What the template is made of.
    pub base: Option<Base>,
    /// The place that it is built in.
    pub here: Place,
    /// The targets that it is published to, by name; why nothing is known of one.
    pub elsewhere: BTreeMap<String, Result<Place, String>>,
    /// What builds of this resource left, by what it is (`container 555`), and what is known of it.
    pub leftovers: BTreeMap<String, String>,
    /// Why the scratch container's id cannot be used: what has it.
    pub taken: Option<String>,
}

/// The templates of one place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    /// Those with a record that is theirs, of whatever resource.
    pub versions: Versions,
    /// The names of the others.
    pub foreign: BTreeSet<String>,
    /// Of these, those that have no record at all, with their sizes in bytes. One that is sent has its record last.
    pub unrecorded: BTreeMap<String, u64>,
}
