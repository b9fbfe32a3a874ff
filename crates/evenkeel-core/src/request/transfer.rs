//! Moving bytes from one place to another without a copy on the way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Exec;
use super::exec::shell_quote;

/// Bytes from an [`Origin`] to a [`Goal`]. The reply's standard output is a [`Moved`] as JSON. Its exit status is not 0
/// where the origin failed, or said what it must not say: then the goal has nothing under its final name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// Where the bytes come from.
    pub from: Origin,
    /// Where they go.
    pub to: Goal,
    /// No faster than so many bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// No longer than so many seconds without a byte; the transport's default where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "a transfer has one, and is in a box itself")]
pub enum Origin {
    /// The standard output of a command.
    Output {
        /// The machine. `None`: the instance's own target; the planner writes that down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The command.
        exec: Exec,
        /// What its standard error must say (each somewhere), or the command counts as failed whatever its status.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        must_say: Vec<String>,
        /// What its standard error must not say anywhere.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        must_not_say: Vec<String>,
    },
    /// A file. Where a record (`<path>.json`) is beside it, what arrives must be what that says.
    File {
        /// The machine or store. `None`: the instance's own target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The file.
        path: String,
    },
}

/// Where bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Goal {
    /// A file: under a name with `.part` behind it first (not where a store shows a file only once it is whole), then
    /// checked, then renamed. What is there under the final name is replaced. A `.part` that is there already is
    /// continued where both ends can, and its beginning is as the origin's.
    File {
        /// The store or machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The file.
        path: String,
        /// How it is checked before it gets its name.
        check: Check,
        /// Where given: `<path>.json` is written last, with this and what [`Moved`] says. A failure of the origin is
        /// written to `<path>.failed.json`, with this and `failed` (the reason) and `at`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<Map<String, Value>>,
        /// Where given: the origin's standard error goes into this file, also where it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// The standard input of a command.
    Input {
        /// The machine. `None`: the instance's own target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The command.
        exec: Exec,
    },
}

/// How a file is checked after it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// By the store's own checksum where it has one that is computed from what it keeps, else by reading it back.
    #[default]
    Checksum,
    /// By reading all of it back.
    ReadBack,
    /// By its size only.
    Size,
}

/// What was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, 64 digits of hexadecimal.
    pub sha256: String,
    /// How the goal was checked: `checksum`, `readBack`, `size`; `none` for a command.
    pub checked: String,
    /// When it began.
    pub began: jiff::Timestamp,
    /// When it was checked and had its name.
    pub ended: jiff::Timestamp,
}

impl Transfer {
    /// The machine or store that the bytes come from.
    pub fn from_target(&self) -> Option<&str> {
        match &self.from {
            Origin::Output { target, .. } | Origin::File { target, .. } => target.as_deref(),
        }
    }

    /// The machine or store that they go to.
    pub fn to_target(&self) -> Option<&str> {
        match &self.to {
            Goal::File { target, .. } | Goal::Input { target, .. } => target.as_deref(),
        }
    }

    /// Names `own` where no target is named.
    pub fn settle(&mut self, own: &str) {
        let (Origin::Output { target: from, .. } | Origin::File { target: from, .. }) = &mut self.from;
        let (Goal::File { target: to, .. } | Goal::Input { target: to, .. }) = &mut self.to;
        for target in [from, to] {
            target.get_or_insert_with(|| own.to_owned());
        }
    }

    /// As a person would say it: `pve1: vzdump 101 --stdout | linkstation: put …`.
    pub fn display(&self) -> String {
        let at = |target: Option<&str>| target.map(|name| format!("{name}: ")).unwrap_or_default();
        let from = match &self.from {
            Origin::Output { exec, .. } => exec.display(),
            Origin::File { path, .. } => format!("get {}", shell_quote(path)),
        };
        let to = match &self.to {
            Goal::File { path, .. } => format!("put {}", shell_quote(path)),
            Goal::Input { exec, .. } => exec.display(),
        };
        format!("{}{from} | {}{to}", at(self.from_target()), at(self.to_target()))
    }
}
