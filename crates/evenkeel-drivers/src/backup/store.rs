//! A store as a manifest names it.

use std::sync::OnceLock;

use evenkeel_core::backup::Retention;
use evenkeel_core::driver::{Finding, Role, Use};
use evenkeel_core::request::{Check, Exec, FileRequest, Query, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use super::layout::Layout;

/// Where generations are kept: a folder of a target, which belongs to this schedule alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreSpec {
    /// The target: `ftp`, `sftp`, `s3`, `azblob`, `webdav`, or a folder of an `ssh` or `local` machine.
    pub target: String,
    /// The folder. One that begins with `/` begins at the top of the server (or bucket), any other one where a login
    /// begins. Everything of ours in it is this schedule's; other files and folders are left alone.
    pub directory: String,
    /// How generations are called: `{slot}` by the time of their slot (`20261120T170000Z`), or a name with `{n}` in it, such
    /// as `daily.{n}`, where 0 is the newest and the older ones are renamed up. Default: `{slot}`.
    #[serde(default)]
    pub layout: Option<String>,
    /// How an archive is checked after it was written. Default: `checksum`.
    #[serde(default)]
    pub check: Check,
    /// No more than so many bytes per second: `500K`, `10M`, `1G` (of 1024) or a number. Default: no limit.
    #[serde(default)]
    pub bandwidth_limit: Option<Rate>,
    /// For a folder on an `ssh` or `local` machine: the mount point that it is on. Nothing is done while that is not mounted.
    #[serde(default)]
    pub mount_point: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    parsed: OnceLock<Layout>,
}

/// A store with the copies of another one's generations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopySpec {
    /// The target, as in `store`.
    pub target: String,
    /// The folder there.
    pub directory: String,
    /// How generations are called. Default: `{slot}`.
    #[serde(default)]
    pub layout: Option<String>,
    /// How an archive is checked after it was written. Default: `checksum`.
    #[serde(default)]
    pub check: Check,
    /// No more than so many bytes per second. Default: no limit.
    #[serde(default)]
    pub bandwidth_limit: Option<Rate>,
    /// For a folder on an `ssh` or `local` machine: the mount point that it is on.
    #[serde(default)]
    pub mount_point: Option<String>,
    /// Which copies are kept there. Default: as in the first store.
    #[serde(default)]
    pub retention: Option<Retention>,
    #[serde(skip)]
    #[schemars(skip)]
    store: OnceLock<StoreSpec>,
}

impl CopySpec {
    /// The store that it names.
    pub fn store(&self) -> &StoreSpec {
        self.store.get_or_init(|| StoreSpec {
            target: self.target.clone(),
            directory: self.directory.clone(),
            layout: self.layout.clone(),
            check: self.check,
            bandwidth_limit: self.bandwidth_limit,
            mount_point: self.mount_point.clone(),
            parsed: OnceLock::new(),
        })
    }
}

/// Bytes per second, as a number or a text with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Rate(#[schemars(with = "RateForm")] pub u64);

/// The two ways to write a rate.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum RateForm {
    /// Bytes per second.
    Number(u64),
    /// With a unit: `500K`, `10M`, `1G`.
    Text(String),
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || {
            serde::de::Error::custom("expected bytes per second such as 500K, 10M, 1G or a number above 0")
        };
        let rate = match RateForm::deserialize(deserializer).map_err(|_| wrong())? {
            RateForm::Number(number) => Some(number),
            RateForm::Text(text) => rate_of(&text),
        };
        rate.filter(|rate| *rate > 0).map(Rate).ok_or_else(wrong)
    }
}

fn rate_of(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit: u64 = match unit
        .trim()
        .to_ascii_uppercase()
        .trim_end_matches("/S")
        .trim_end_matches('B')
        .trim_end_matches('I')
    {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

impl StoreSpec {
    /// How its folders are called.
    pub fn layout(&self) -> &Layout {
        let written = self.layout.as_deref().unwrap_or("{slot}");
        self.parsed.get_or_init(|| Layout::parse(written).unwrap_or(Layout::Slot))
    }

    /// What it is called in plans and reports: `linkstation:/disk1/backup/dump`.
    pub fn label(&self) -> String {
        format!("{}:{}", self.target, self.directory)
    }

    /// A path in it.
    pub fn path(&self, inside: &str) -> String {
        format!("{}/{inside}", self.directory.trim_end_matches('/'))
    }

    /// A request of it that reads.
    pub fn query(&self, request: FileRequest) -> Query {
        Query::reading(Request::Files(request)).at(&self.target)
    }

    /// What is read of it first of all.
    pub fn list(&self) -> Query {
        let folder = self.directory.clone();
        self.query(FileRequest::List { folder, depth: 2 })
    }

    /// Whether what it is on is mounted.
    pub fn is_mounted(&self) -> Option<Query> {
        let mount_point = self.mount_point.as_deref()?;
        let exec = Exec::new(["mountpoint", "-q", mount_point]);
        Some(Query::reading(Request::Exec(exec)).at(&self.target))
    }

    /// The use of its target, for the manifest at `path`.
    pub fn used(&self, path: &[&str]) -> Use {
        let as_a = match (&self.mount_point, self.layout()) {
            (Some(_), _) => Role::Host,
            (None, Layout::Numbered { .. }) => Role::RenamingStore,
            (None, Layout::Slot) => Role::Store,
        };
        let path = path.iter().copied().chain(["target"]).map(str::to_owned).collect();
        Use { path, target: self.target.clone(), as_a, claims: Some(self.directory.clone()) }
    }

    /// What is wrong with it; paths begin in the store.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut folder = |field: &str, path: &str, absolute: bool| {
            if let Err(problem) = check_path(path, absolute) {
                findings.push(Finding::error([field], format!("`{field}: {path}` {problem}")));
            }
        };
        folder("directory", &self.directory, false);
        if let Some(mount_point) = &self.mount_point {
            folder("mountPoint", mount_point, true);
            let inside = format!("{}/", mount_point.trim_end_matches('/'));
            if !format!("{}/", self.directory).starts_with(&inside) {
                let message =
                    format!("`directory: {}` is not on `mountPoint: {mount_point}`", self.directory);
                findings.push(
                    Finding::error(["directory"], message).hint(format!("write a folder below {inside}")),
                );
            }
        }
        let layout = self.layout.as_deref().map(|text| (text, Layout::parse(text)));
        if let Some((text, Err(problem))) = layout {
            findings.push(
                Finding::error(["layout"], format!("`layout: {text}` {problem}"))
                    .hint("write `{slot}` or `daily.{n}`"),
            );
        }
        findings
    }
}

/// What is wrong with a folder's path.
pub fn check_path(path: &str, absolute: bool) -> Result<(), &'static str> {
    let names = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    if absolute && !path.starts_with('/') {
        return Err("must begin with `/`");
    }
    if names.is_empty() {
        return Err("names no folder: archives want one of their own");
    }
    if names.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err("must be made of names, without `.`, `..` and `//`");
    }
    if path.chars().any(char::is_control) {
        return Err("has a character in it that no name can have");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_and_without_units() {
        for (text, rate) in
            [("1024", 1024), ("500K", 512_000), ("10MiB", 10 << 20), ("1G/s", 1 << 30), ("3 mb/s", 3 << 20)]
        {
            assert_eq!(rate_of(text), Some(rate), "{text}");
        }
        for bad in ["", "K", "-1", "1.5M", "10X", "99999999999999999G"] {
            assert_eq!(rate_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn folders_that_are_none_are_refused() {
        for bad in ["", "/", "//", "a/../b", "./a", "a//b", "a\n"] {
            assert!(check_path(bad, false).is_err(), "{bad:?}");
        }
        assert!(check_path("backup/dump/", false).is_ok() && check_path("/disk1/backup", true).is_ok());
        assert!(check_path("backup", true).is_err());
    }
}
