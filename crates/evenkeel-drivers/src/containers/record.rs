//! The record beside a template: by whom and of what it was made. It is what makes a template ours.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The form of records that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// What stands in `<archive>.json`, and on Incus in the image's property `user.evenkeel.record`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`FORMAT`]
    pub format: u32,
    /// The object: the template's name without its version's date.
    pub object: String,
    /// `ContainerTemplate/NAME`
    pub resource: String,
    /// The owner in the mark.
    pub owner: String,
    /// What was put into it, as the recipe tells it.
    pub recipe: Value,
    /// What the recipe, the base and the slot come down to: 64 digits of hexadecimal.
    pub digest: String,
    /// What it was made of.
    pub base: Base,
    /// The beginning of the period of `refresh` that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// The next version's is one more: which is the newest does not depend on clocks.
    #[serde(default)]
    pub number: u64,
    /// When it was finished, by the clock of who made it.
    #[serde(default)]
    pub built: Timestamp,
    /// What the machine calls itself that made it; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The archive's size in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Its SHA-256, 64 digits of hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// When it was written, in seconds since 1970; not known of a copy on another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
}

/// What a template is made of. As git's index does it: a file with equal size and time has the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written, in seconds since 1970; 0 where there is no such thing.
    #[serde(default)]
    pub mtime: i64,
    /// Its SHA-256, 64 digits of hexadecimal.
    pub sha256: String,
}

/// Who asks: the resource and its owner, as they stand in records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mine {
    /// `ContainerTemplate/NAME`
    pub resource: String,
    /// The owner in the mark.
    pub owner: String,
    /// The object.
    pub object: String,
}

impl Mine {
    /// Whether a record is of this resource.
    pub(super) fn has(&self, record: &Record) -> bool {
        (&record.resource, &record.owner, &record.object) == (&self.resource, &self.owner, &self.object)
    }
}

/// The templates of one place (a folder, a server) that count, by name: with a record that is theirs.
pub(super) type Versions = BTreeMap<String, Record>;
