//! What stands in the files that make a folder of archives a generation.
//!
//! A generation is a folder with these files in it:
//!
//! - `STEM.EXT`: an archive, `STEM.log` its log, `STEM.EXT.json` its [`Record`]; the record is written last, once the archive
//!   was checked. `STEM.EXT.failed.json` is there instead where the last try failed. A stem ends in the slot's stamp, the
//!   local time of the slot.
//! - `evenkeel.building`: whose folder it is, and for which slot ([`Building`]). Written first.
//! - `evenkeel.json`: the [`Seal`]. It is the commit: a folder without a valid one is no generation.
//! - `evenkeel.removing`: the generation is being removed, what is left of it counts for nothing.
//!
//! Each of them is written under its name with `.part` behind it first.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::backup::slot_of;
use evenkeel_core::request::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The file that makes a folder a generation.
pub(super) const SEAL: &str = "evenkeel.json";
/// The file that says that a generation is being built in a folder.
pub(super) const BUILDING_MARK: &str = "evenkeel.building";
/// The file that says that a generation is being removed.
pub(super) const REMOVING: &str = "evenkeel.removing";
/// What is behind the name of a file that is not whole yet.
pub(super) const PART: &str = ".part";
/// What is behind an archive's name in the name of its record.
pub(super) const RECORD: &str = ".json";
/// What is behind an archive's name in the name of what a failed try leaves.
pub(super) const FAILED: &str = ".failed.json";
/// The version of this form.
pub const FORMAT: u32 = 1;

/// What is known of one archive: `STEM.EXT.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// What was copied: a guest's id.
    pub item: String,
    /// What kind of thing that is: `openvz`, `lxc`, `qemu`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The slot, by its name.
    pub slot: String,
    /// The target that it was copied from.
    pub source: String,
    /// The how-manieth try it was.
    pub attempt: u32,
    /// The name of the log beside it.
    pub log: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 digits of hexadecimal.
    pub sha256: String,
    /// What else stands in the record: how it was checked, when it was made.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

impl Record {
    /// What it holds.
    pub fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, sha256: self.sha256.clone() }
    }
}

/// What is written into a record beside what the transfer finds out.
pub(super) fn fields(
    item: &str,
    kind: &str,
    slot: &str,
    source: &str,
    attempt: u32,
    log: &str,
) -> Map<String, Value> {
    let text = |value: &str| Value::String(value.to_owned());
    Map::from_iter([
        ("item".to_owned(), text(item)),
        ("type".to_owned(), text(kind)),
        ("slot".to_owned(), text(slot)),
        ("source".to_owned(), text(source)),
        ("attempt".to_owned(), attempt.into()),
        ("log".to_owned(), text(log)),
    ])
}

/// What a failed try leaves: `STEM.EXT.failed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was to be copied.
    pub item: String,
    /// The slot, by its name.
    pub slot: String,
    /// The how-manieth try it was.
    pub attempt: u32,
    /// Why it failed.
    pub failed: String,
}

/// What is being built in a folder: `evenkeel.building`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Building {
    /// The slot, by its name.
    pub slot: String,
    /// The slot as it stands in the names of the files.
    pub stamp: String,
}

/// What a generation is: `evenkeel.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// [`FORMAT`].
    pub format: u32,
    /// What made the archives: `vzdump`.
    pub kind: String,
    /// The target that they were copied from.
    pub source: String,
    /// The resource, `Kind/name`.
    #[serde(default)]
    pub resource: String,
    /// The owner, as in other marks of ours.
    #[serde(default)]
    pub owner: String,
    /// The slot, by its name.
    pub slot: String,
    /// The slot as it stands in the names of the files.
    pub stamp: String,
    /// The version of what made the archives.
    #[serde(default)]
    pub tool: String,
    /// The layout of the store at that time.
    #[serde(default)]
    pub layout: String,
    /// What was to be copied, whether it could be or not.
    pub items: BTreeSet<String>,
    /// The archives, by the names of their files.
    pub archives: BTreeMap<String, Record>,
    /// The archives that were in it until they expired. Their files may still be there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<String>,
    /// What else stands in it.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Why a seal is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSeal {
    /// In words.
    pub problem: String,
    /// It is one, of another version of this form: not ours to write anew from what lies beside it.
    pub is_other_format: bool,
}

impl From<String> for NoSeal {
    fn from(problem: String) -> Self {
        NoSeal { problem, is_other_format: false }
    }
}

/// All that the versions of this form have in common.
#[derive(Deserialize)]
struct Version {
    format: Value,
}

impl Seal {
    /// Reads the text of a seal; the error says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<(Seal, Timestamp), NoSeal> {
        // What else stands in another version's may have any form.
        if let Ok(Version { format }) = serde_json::from_slice(text)
            && format != FORMAT
        {
            let problem = format!("it has format {format}, this program knows {FORMAT}");
            return Err(NoSeal { problem, is_other_format: true });
        }
        let seal: Seal = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let slot = slot_of(&seal.slot).ok_or_else(|| format!("\"{}\" is no slot", seal.slot))?;
        let is_name = |name: &String| !name.is_empty() && !name.contains(['/', '\0']) && *name != "..";
        let bad = seal
            .archives
            .iter()
            .find(|(name, record)| !is_name(name) || !is_name(&record.log) || name.as_str() == SEAL);
        if let Some((name, _)) = bad {
            return Err(format!("\"{}\" is no archive's name", name.escape_debug()).into());
        }
        Ok((seal, slot))
    }

    /// Its text.
    pub fn text(&self) -> String {
        // A structure of texts and numbers always has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Its fields but for the archives, as [`evenkeel_core::request::FileRequest::Seal`] takes them.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut fields)) => {
                fields.remove("archives");
                fields
            }
            _ => Map::new(),
        }
    }
}

/// The archive's name without what is behind the stem: where the stamp ends.
pub(super) fn stem<'n>(name: &'n str, stamp: &str) -> Option<&'n str> {
    let end = name.find(&format!("-{stamp}."))? + 1 + stamp.len();
    name.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, format: u32) -> String {
        format!(
            r#"{{"format":{format},"kind":"vzdump","source":"pve1","slot":"20261120T170000Z","stamp":"2026_11_21-02_00_00","items":["101"],
               "archives":{{"{name}":{{"item":"101","type":"openvz","slot":"20261120T170000Z","source":"pve1","attempt":1,"log":"a.log",
               "bytes":3,"sha256":"00","checked":"readBack"}}}},"later":"field"}}"#
        )
    }

    #[test]
    fn a_seal_is_written_as_it_was_read() {
        let (seal, slot) = Seal::parse(text("a.tgz", 1).as_bytes()).unwrap();
        assert_eq!(slot.to_string(), "2026-11-20T17:00:00Z");
        assert_eq!(Seal::parse(seal.text().as_bytes()).unwrap().0, seal);
        assert!(seal.text().contains("readBack") && seal.text().contains("later"));
        assert!(!seal.fields().contains_key("archives"));
    }

    #[test]
    fn a_seal_that_leads_elsewhere_or_is_newer_is_refused() {
        for name in ["../daily.1/a.tgz", "", "..", "evenkeel.json"] {
            assert!(Seal::parse(text(name, 1).as_bytes()).is_err(), "{name}");
        }
        for newer in
            [text("a.tgz", 2), r#"{"format":2}"#.to_owned(), r#"{"format":"2b","archives":7}"#.to_owned()]
        {
            let refused = Seal::parse(newer.as_bytes()).unwrap_err();
            assert!(refused.is_other_format && refused.problem.contains("it has format"), "{refused:?}");
        }
        for broken in ["{}", "", r#"{"format":1}"#, r#"{"format":2,"#] {
            assert!(!Seal::parse(broken.as_bytes()).unwrap_err().is_other_format, "{broken}");
        }
    }

    #[test]
    fn a_stem_ends_with_the_stamp() {
        let stamp = "2026_11_21-02_00_00";
        let name = "vzdump-lxc-101-2026_11_21-02_00_00.tar.zst.json.part";
        assert_eq!(stem(name, stamp), Some("vzdump-lxc-101-2026_11_21-02_00_00"));
        assert_eq!(stem("vzdump-lxc-101-2026_11_21-02_00_01.tar", stamp), None);
    }
}
