//! What all manifests have in common: `apiVersion`, `kind`, `metadata`, `spec`.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::de::{Fields, read, short};
use super::problems::Problems;
use super::source::{Mark, Source};
use super::suggest::did_you_mean;
use super::yaml::{Kind, Tree};
use super::{API_VERSION, limits};

/// Who the resource is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    /// The name, unique within the kind: letters, digits, `.`, `_` and `-`.
    pub(super) name: String,
    /// Labels, for `targetSelector` and for selection on the command line.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// Notes for people and other programs. Evenkeel does not read them.
    #[serde(default)]
    #[expect(dead_code, reason = "written for others, checked to be text")]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Metadata>,
}

/// What [`is_name`] accepts.
pub(crate) const NAME_RULE: &str =
    "at most 253 of the letters a-z and A-Z, digits, `.`, `_` and `-`; begin and end with a letter or digit";

/// The fields of every manifest.
const FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// A manifest whose kind is known by name only.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) kind: String,
    /// The place of the kind's name.
    pub(super) kind_mark: Mark,
    pub(super) metadata: Metadata,
    /// The place of the resource's name.
    pub(super) name_mark: Mark,
    /// The place where the document begins.
    pub(super) mark: Mark,
    pub(super) spec: Tree,
}

/// Reads the head of a manifest. `None` where too little is known to go on; that is reported.
pub(super) fn open(source: &Arc<Source>, tree: Tree, problems: &mut Problems) -> Option<Document> {
    let mark = tree.mark;
    if !matches!(tree.kind, Kind::Map(_)) {
        let hint = "write apiVersion, kind, metadata and spec".to_owned();
        problems.error(source, mark, "a manifest is a mapping".to_owned(), Some(hint));
        return None;
    }
    let place = |key: &str| tree.get(key, source.text()).map_or(mark, |entry| entry.value.mark);
    let (kind_mark, version_mark) = (place("kind"), place("apiVersion"));
    let name_mark = tree
        .get("metadata", source.text())
        .and_then(|entry| entry.value.get("name", source.text()))
        .map_or(mark, |entry| entry.value.mark);
    let written = |key: &str| tree.get(key, source.text()).is_some();
    let missing: Vec<&str> = FIELDS.into_iter().filter(|key| !written(key)).collect();
    if let Some(version) = foreign_version(source, &tree) {
        let message = format!("apiVersion `{}` is not known", short(&version));
        let hint = format!("write `apiVersion: {API_VERSION}`; files with values are given by --values");
        problems.error(source, version_mark, message, Some(hint));
        return None;
    }
    for field in missing {
        problems.error(source, mark, format!("the field `{field}` is missing"), Some(missing_hint(field)));
    }
    refuse_others(source, &tree, problems);
    let head = read::<Envelope>(source, &tree, Fields::Only(&["apiVersion", "kind", "metadata"]), problems);
    let whole = head.whole;
    let head = head.value?;
    // A name that is missing or could not be read is reported as that.
    let metadata = head.metadata.filter(|metadata| whole || !metadata.name.is_empty());
    if let Some(metadata) = &metadata {
        check_metadata(source, &tree, metadata, name_mark, problems);
    }
    let spec = take(tree, "spec", source);
    head.api_version?;
    Some(Document { kind: head.kind?, kind_mark, metadata: metadata?, name_mark, mark, spec: spec? })
}

/// Reports fields that no manifest has.
fn refuse_others(source: &Arc<Source>, tree: &Tree, problems: &mut Problems) {
    let Kind::Map(entries) = &tree.kind else { return };
    let others = entries.iter().filter(|entry| !FIELDS.contains(&entry.key.get(source.text())));
    for entry in others.take(limits::PROBLEMS) {
        let key = entry.key.get(source.text());
        let message = format!("unknown field `{}`{}", short(key), did_you_mean(key, FIELDS));
        let hint = "a manifest has `apiVersion`, `kind`, `metadata` and `spec`; what belongs to one of them is indented below it";
        problems.error(source, entry.key_mark, message, Some(hint.to_owned()));
    }
}

fn foreign_version(source: &Source, tree: &Tree) -> Option<String> {
    let entry = tree.get("apiVersion", source.text())?;
    match &entry.value.kind {
        Kind::Scalar { text, .. } => {
            let text = text.get(source.text());
            (text != API_VERSION).then(|| text.to_owned())
        }
        Kind::List(_) | Kind::Map(_) => None,
    }
}

fn missing_hint(field: &str) -> String {
    match field {
        "apiVersion" => format!("write `apiVersion: {API_VERSION}`"),
        "metadata" => "write `metadata: { name: … }`".to_owned(),
        "kind" => "write `kind: Target` or another kind; `evenkeel explain` lists them".to_owned(),
        _ => "write what is wanted under `spec:`".to_owned(),
    }
}

fn check_metadata(
    source: &Arc<Source>,
    tree: &Tree,
    metadata: &Metadata,
    name_mark: Mark,
    problems: &mut Problems,
) {
    if !is_name(&metadata.name) {
        let message = format!("`{}` is not a name", short(&metadata.name));
        problems.error(source, name_mark, message, Some(format!("use {NAME_RULE}")));
    }
    let labels = tree
        .get("metadata", source.text())
        .and_then(|entry| entry.value.get("labels", source.text()))
        .map(|entry| &entry.value);
    for (key, value) in &metadata.labels {
        let problem = if !is_label_key(key) {
            format!("`{}` is not a label key", short(key))
        } else if !is_label_value(value) {
            format!("`{}` is not a label value", short(value))
        } else {
            continue;
        };
        let mark = labels.and_then(|l| l.get(key, source.text())).map_or(name_mark, |e| e.key_mark);
        let hint = "use letters, digits, `.`, `_`, `-`, in keys also `/`";
        problems.error(source, mark, problem, Some(hint.to_owned()));
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= 253
        && ends(name.chars().next())
        && ends(name.chars().next_back())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_label_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}

fn is_label_value(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The value of one field, the rest thrown away.
fn take(tree: Tree, key: &str, source: &Source) -> Option<Tree> {
    let Kind::Map(entries) = tree.kind else { return None };
    entries.into_iter().find(|entry| entry.key.get(source.text()) == key).map(|entry| entry.value)
}
