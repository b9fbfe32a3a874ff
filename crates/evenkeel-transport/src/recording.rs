//! The files of a recording: `meta.json`, and one `<target>.json` per target.
//!
//! The text of a script for PowerShell stands once in a file, under `scripts` by the script's name; in the requests it is
//! empty. A second text of the same name, which no program of ours sends, would stay where it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::transport::TransportError;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format that is written and read.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The folder's `meta.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) format_version: u32,
    /// The time that the recorded run took as now.
    pub(crate) now: Timestamp,
}

/// Everything that was asked of one target, in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetRecording {
    pub(crate) format_version: u32,
    pub(crate) target: String,
    /// The scripts that were run, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) scripts: BTreeMap<String, String>,
    pub(crate) exchanges: Vec<Exchange>,
}

impl TargetRecording {
    /// Adds a request and what came of it.
    pub(crate) fn add(&mut self, mut request: Request, answer: Recorded) {
        if let Request::PowerShell(powershell) = &mut request {
            let script = &mut powershell.script;
            let text = self.scripts.entry(script.name.to_string()).or_insert_with(|| script.text.to_string());
            if *text == script.text {
                script.text = Cow::Borrowed("");
            }
        }
        self.exchanges.push(Exchange { request, answer });
    }

    /// What was added, as it was.
    pub(crate) fn into_exchanges(self) -> impl Iterator<Item = Exchange> {
        let scripts = self.scripts;
        self.exchanges.into_iter().map(move |mut exchange| {
            if let Request::PowerShell(powershell) = &mut exchange.request
                && powershell.script.text.is_empty()
                && let Some(text) = scripts.get(powershell.script.name.as_ref())
            {
                powershell.script.text = Cow::Owned(text.clone());
            }
            exchange
        })
    }
}

/// One request and what came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    #[serde(flatten)]
    pub(crate) answer: Recorded,
}

/// A reply or an error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Recorded {
    Reply(Reply),
    Error(TransportError),
}

pub(crate) fn meta_path(folder: &Path) -> PathBuf {
    folder.join("meta.json")
}

/// The file of a target. Characters that a file name should not have are written as `%XX`.
pub(crate) fn target_path(folder: &Path, target: &str) -> PathBuf {
    let mut name = String::from("target-");
    for byte in target.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(byte)),
            // Capitals too: some file systems do not tell them from small letters.
            _ => {
                let _ = write!(name, "%{byte:02X}");
            }
        }
    }
    folder.join(name + ".json")
}

/// Writes a file in one piece, readable by its owner only.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file has mode 0600 and keeps it when it gets its name.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read(path)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}
