//! What a driver tells of its object beside the difference: whether it serves its purpose, what copies there are, and
//! when time alone will change what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that [`super::Driver::report`] tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Truths about the object, good and bad.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
    /// The copies that there are, and what is to become of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generations: Vec<Generation>,
    /// What stands on what would be changed, by what it is in plural (`datastores`, `virtual machines`): the names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub touches: BTreeMap<String, BTreeSet<String>>,
    /// What [`super::Driver::table`] tells, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// What else the reader of a plan should know: the time zone of a schedule, a store that did not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// When what is wanted changes next by time alone. `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
}

impl Report {
    /// True where there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Report::default()
    }

    /// What is said of an object that is as its manifest says: its first truth with it.
    pub fn in_sync(&self) -> String {
        let told = self.health.first().map(|health| format!("; {}", health.message)).unwrap_or_default();
        format!("as the manifest says{told}")
    }

    /// The first truth that is not good.
    pub fn trouble(&self) -> Option<&Health> {
        self.health.iter().find(|health| !health.good)
    }
}

/// What there is to see of an object: `plan --full` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The heads of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

/// A truth about an object that being as its manifest says does not include: "the newest verified copy is 3 h old,
/// wanted < 24 h".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// What it is about: `Fresh`, `Whole`; with `/NAME` behind it where there are several, such as the copies' stores.
    pub about: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// One word for scripts: `Fresh`, `TooOld`, `Never`, `Unreachable`.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
    /// For an age: the time that it counts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// For an age: how many seconds it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_seconds: Option<u64>,
}

impl Health {
    /// A good one.
    pub fn good(about: impl Into<String>, reason: &str, message: impl Into<String>) -> Self {
        Health { good: true, ..Health::bad(about, reason, message) }
    }

    /// One that is not good.
    pub fn bad(about: impl Into<String>, reason: &str, message: impl Into<String>) -> Self {
        Health {
            about: about.into(),
            good: false,
            reason: reason.to_owned(),
            message: message.into(),
            since: None,
            limit_seconds: None,
        }
    }

    /// It is an age, which counts from `since` and may be so many seconds.
    #[must_use]
    pub fn aged(self, since: Option<Timestamp>, limit_seconds: u64) -> Self {
        Health { since, limit_seconds: Some(limit_seconds), ..self }
    }
}

/// One copy of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Where it is kept: `linkstation:/disk1/backup/dump`, `durian:POOL1`.
    pub store: String,
    /// The slot of the schedule that it is for.
    pub slot: Timestamp,
    /// What was copied: a guest's id, a dataset.
    pub item: String,
    /// Its name there: `daily.0/vzdump-openvz-101-2026_11_20-02_00_00.tgz`, `POOL1@auto-20261120T020000Z`.
    pub name: String,
    /// Its size, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Whether it was checked after it was made, and is still as large as it was then.
    pub verified: bool,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Fate {
    /// It stays.
    Kept {
        /// Why: `last 3`, `daily 2026-11-18`, `held by zfs hold`.
        reasons: Vec<String>,
    },
    /// No rule keeps it: it is removed as soon as it may be.
    Expired,
    /// It is not ours, or not whole: it is left alone.
    LeftAlone {
        /// Why.
        reason: String,
    },
}
