//! What is done in the scratch container, and so becomes part of the template.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is put into the template, in this order: packages, time zone, locale, files, links, scripts. No secrets: all of it is
/// part of the template, and of the record beside it, for everybody to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Provision {
    /// Packages, by the distribution's own manager (`apt-get`, `dnf`, `yum`, `zypper`, `apk`, `pacman`, `emerge`).
    pub packages: Packages,
    /// The time zone: `Asia/Tokyo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The system's locale: `ja_JP.UTF-8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Files, each with `content`, `line` or `absent`.
    pub files: Vec<FileSpec>,
    /// Symbolic links: where they lie, and where they lead. What is there is replaced, unless it is a folder.
    pub links: BTreeMap<String, String>,
    /// Scripts that are run as root by `/bin/sh -e`, in this order.
    pub run: Vec<RunSpec>,
}

/// Packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Packages {
    /// Bring all that is there up to date first. Default: false.
    pub upgrade: bool,
    /// These shall be there.
    pub install: BTreeSet<String>,
    /// These shall not.
    pub remove: BTreeSet<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileSpec {
    /// Where it is, from `/`.
    pub path: String,
    /// All that is in it; a line break is added where it does not end in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// A line that shall be in it: it is added at the end where it is not. Of a line `KEY=…` or `KEY = …`, the first line
    /// with that key, be it behind a `#` or `;`, is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// True: it shall not be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
    /// Its mode, in octal: `"0644"`. Default: as it was; of a new file `0644`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FileMode>,
    /// Its owner: `USER` or `USER:GROUP`, by names or numbers. Default: as it was; of a new file root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A mode in octal, three or four digits: `0644`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FileMode(#[schemars(regex(pattern = r"^[0-7]{3,4}$"))] pub String);

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSpec {
    /// What it is for, for people.
    pub name: String,
    /// Its text.
    pub script: String,
}
