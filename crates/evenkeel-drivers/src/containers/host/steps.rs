//! The steps that are the same wherever templates are files in a folder.

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Check, Exec, Goal, Origin, Request, Transfer};
use serde_json::{Map, Value};

use super::Look;
use super::scripts::{PLACE, VERIFY};
use crate::containers::record::Record;
use crate::containers::scripts::with_data;

/// No template of a system is smaller.
const SMALLEST: u64 = 64 * 1024;

/// Whatever was removed from it, and however well it is packed, this share of its base's bytes is left.
const LEAST_SHARE: u64 = 20;

/// The name of a template that was not checked yet.
pub(in crate::containers) fn new_name(name: &str) -> String {
    format!(".{name}.evenkeel-new")
}

/// So many bytes a template has at least, made of a base that has so many: a floor for what went wrong altogether, and no
/// judgement of a recipe that removes much.
pub(in crate::containers) fn least_bytes(base: u64) -> u64 {
    // The base itself may be smaller than templates are.
    (base / LEAST_SHARE).max(SMALLEST.min(base / 3))
}

/// Checks the new template `name`, packed of what is below `root`, before it gets its name.
pub(in crate::containers) fn verify(folder: &str, name: &str, least: u64, root: &str) -> Exec {
    Exec::new(["sh", "-s", folder, name, &least.to_string(), root]).reading(VERIFY).within(3600)
}

/// Gives the new template its name, and its record. It may take the place of a version of ours that was seen under that name,
/// and of nothing else.
pub(in crate::containers) fn place(look: &Look, name: &str, record: &Record) -> Exec {
    let known = look.place().versions.get(name).map(|record| record.digest.clone());
    let replaces = known.unwrap_or_else(|| "-".to_owned());
    let record = Value::Object(fields(record)).to_string();
    Exec::new(["sh", "-s", &look.folder, name, &replaces]).reading(with_data(&PLACE, &record)).within(3600)
}

/// Removes a version: the template, and then what tells that it is ours.
pub(in crate::containers) fn remove(folder: &str, name: &str) -> Exec {
    let (template, record) = (format!("{folder}/{name}"), format!("{folder}/{name}.json"));
    Exec::new(["rm", "-f", "--", &template, &record])
}

/// Sends a version to the folder of another target, with its record.
pub(in crate::containers) fn publish(
    folder: &str,
    name: &str,
    record: &Record,
    target: &str,
    to_folder: &str,
) -> Step {
    let from = Origin::File { target: None, path: format!("{folder}/{name}") };
    let to = Goal::File {
        target: Some(target.to_owned()),
        path: format!("{to_folder}/{name}"),
        check: Check::Checksum,
        record: Some(fields(record)),
        log: None,
    };
    Step::at(target, Request::Transfer(Box::new(Transfer { from, to, rate: None, patience: None })))
}

/// A record without what is told once the template is there.
fn fields(record: &Record) -> Map<String, Value> {
    let fields = serde_json::to_value(record).unwrap_or_default();
    let later = ["bytes", "sha256", "mtime", "built", "host"];
    let known = fields.as_object().into_iter().flatten();
    known
        .filter(|(key, _)| !later.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
