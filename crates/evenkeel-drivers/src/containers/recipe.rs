//! What a template is made of, as data: equal recipes make equal templates.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::record::Base;
use super::spec::{FileSpec, Provision, Refresh};

/// A recipe as it stands in records and States. Maps are keyed by what they tell of, so that a difference names it.
pub(super) fn recipe(base: &str, provision: &Provision, cleanup: bool) -> Value {
    let Provision { packages, time_zone, locale, files, links, run } = provision;
    let mut recipe =
        Map::from_iter([("base".to_owned(), json!(base)), ("cleanup".to_owned(), json!(cleanup))]);
    let mut add = |name: &str, value: Value| {
        let is_nothing = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        if !is_nothing {
            recipe.insert(name.to_owned(), value);
        }
    };
    let wants = |wanted: &std::collections::BTreeSet<String>| -> Value {
        wanted.iter().map(|name| (name.clone(), json!(true))).collect::<Map<_, _>>().into()
    };
    let mut of_packages = Map::new();
    if packages.upgrade {
        of_packages.insert("upgrade".to_owned(), json!(true));
    }
    for (name, packages) in [("install", &packages.install), ("remove", &packages.remove)] {
        if !packages.is_empty() {
            of_packages.insert(name.to_owned(), wants(packages));
        }
    }
    add("packages", of_packages.into());
    add("timeZone", json!(time_zone));
    add("locale", json!(locale));
    add("files", of_files(files));
    add("links", json!(links));
    // Their order is part of what they do.
    let scripts = run.iter().zip(1..).map(|(run, nth)| (format!("{nth}. {}", run.name), json!(run.script)));
    add("run", scripts.collect::<Map<_, _>>().into());
    recipe.into()
}

fn of_files(files: &[FileSpec]) -> Value {
    let mut by_path: Map<String, Value> = Map::new();
    for file in files {
        let known = by_path.entry(file.path.clone()).or_insert_with(|| json!({}));
        let Some(known) = known.as_object_mut() else { continue };
        if let Some(content) = &file.content {
            known.insert("content".to_owned(), json!(content));
        }
        if let Some(line) = &file.line {
            // A file may have several, in their order.
            let nth = known.keys().filter(|key| key.starts_with("line")).count() + 1;
            known.insert(format!("line {nth}"), json!(line));
        }
        if file.absent {
            known.insert("absent".to_owned(), json!(true));
        }
        if let Some(mode) = &file.mode {
            known.insert("mode".to_owned(), json!(mode));
        }
        if let Some(owner) = &file.owner {
            known.insert("owner".to_owned(), json!(owner));
        }
    }
    by_path.into()
}

/// The beginning of the period of `refresh` that `now` is in.
pub(super) fn slot(refresh: Option<&Refresh>, now: Timestamp) -> Option<Timestamp> {
    let every = i64::try_from(refresh?.every.as_seconds()).ok().filter(|every| *every > 0)?;
    let now = now.as_second();
    Timestamp::from_second(now - now.rem_euclid(every)).ok()
}

/// When the next period begins.
pub(super) fn next_slot(refresh: Option<&Refresh>, now: Timestamp) -> Option<Timestamp> {
    let every = i64::try_from(refresh?.every.as_seconds()).ok()?;
    Timestamp::from_second(slot(refresh, now)?.as_second().checked_add(every)?).ok()
}

/// What recipe, base and slot come down to: 64 digits of hexadecimal.
pub(super) fn digest(recipe: &Value, base: &Base, slot: Option<Timestamp>) -> String {
    let all = json!({ "recipe": recipe, "base": base.sha256, "slot": slot });
    // The keys of an object are sorted, so that equal values are equal texts.
    hex::encode(Sha256::digest(all.to_string().as_bytes()))
}

/// `name` with what stands in braces in it replaced.
pub(super) fn expand(name: &str, digest: &str, now: Timestamp) -> String {
    let day = jiff::fmt::strtime::format("%Y%m%d", now).unwrap_or_default();
    name.replace("{yyyyMMdd}", &day).replace("{digest}", digest.get(..8).unwrap_or(digest))
}

#[cfg(test)]
mod tests;
