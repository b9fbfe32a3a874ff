//! What is to do: whether to build, what to send elsewhere, which versions have had their time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::recipe;
use super::record::{Base, Mine, Record, Versions};
use super::spec::Refresh;
use super::state::{Place, Seen, TemplateState};

/// What a manifest comes down to, whatever the backend.
#[derive(Debug, Clone)]
pub(super) struct Wish<'a> {
    /// [`recipe::recipe`]
    pub recipe: Value,
    /// The name of a version, with what stands in braces in it not yet replaced.
    pub name: String,
    pub refresh: Option<&'a Refresh>,
    /// How many versions are kept besides the newest.
    pub keep: u32,
    /// The targets that the newest is sent to.
    pub publish: &'a [String],
}

/// What is to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    /// What the newest version shall be made of.
    pub digest: String,
    pub slot: Option<Timestamp>,
    /// The name of the newest version, once all is done.
    pub newest: String,
    pub build: Option<Build>,
    /// Versions that go, here.
    pub remove: Vec<String>,
    /// By target, of those that answered.
    pub elsewhere: BTreeMap<String, Elsewhere>,
}

/// A build.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Build {
    /// The record that it gets, but for what only the finished archive tells.
    pub record: Record,
    /// Why it may not begin, and what would help.
    pub held: Option<String>,
}

/// What is to do on a target that a template is published to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Elsewhere {
    /// The newest version is sent there.
    pub send: bool,
    /// Why it may not be sent.
    pub held: Option<String>,
    /// Versions that go, there.
    pub remove: Vec<String>,
}

/// Decides. `None` where the base is not known.
pub(super) fn decide(wish: &Wish<'_>, seen: &Seen, mine: &Mine, now: Timestamp) -> Option<Decision> {
    let base = seen.base.as_ref()?;
    let slot = recipe::slot(wish.refresh, now);
    let digest = recipe::digest(&wish.recipe, base, slot);
    let ours = newest_first(&seen.here.versions, mine);
    let current =
        ours.first().filter(|(_, record)| record.digest == digest).map(|(name, _)| (*name).to_owned());
    let number = ours.first().map_or(0, |(_, record)| record.number.saturating_add(1));
    let name = recipe::expand(&wish.name, &digest, now);
    let build = current.is_none().then(|| Build {
        record: Record { number, ..record(wish, mine, base, &digest, slot) },
        held: obstacle(&name, seen, mine),
    });
    let newest = current.unwrap_or(name);
    // While the newest cannot come, nothing goes.
    let is_held = build.as_ref().is_some_and(|build| build.held.is_some());
    let remove = if is_held { Vec::new() } else { outdated(&ours, &newest, wish.keep) };
    let elsewhere = seen.elsewhere.iter().filter_map(|(target, place)| {
        let place = place.as_ref().ok()?;
        let todo = there(place, (&newest, &digest), wish.keep, mine, &seen.here);
        Some((target.clone(), todo))
    });
    let elsewhere = elsewhere.collect();
    Some(Decision { digest, slot, newest, build, remove, elsewhere })
}

fn record(wish: &Wish<'_>, mine: &Mine, base: &Base, digest: &str, slot: Option<Timestamp>) -> Record {
    Record {
        format: super::record::FORMAT,
        object: mine.object.clone(),
        resource: mine.resource.clone(),
        owner: mine.owner.clone(),
        recipe: wish.recipe.clone(),
        digest: digest.to_owned(),
        base: base.clone(),
        slot,
        number: 0,
        built: Timestamp::UNIX_EPOCH,
        host: String::new(),
        bytes: 0,
        sha256: String::new(),
        mtime: None,
    }
}

/// Those that are `mine`, the newest first.
pub(super) fn newest_first<'v>(versions: &'v Versions, mine: &Mine) -> Vec<(&'v str, &'v Record)> {
    let ours = versions.iter().filter(|(_, record)| mine.has(record));
    let mut ours: Vec<(&str, &Record)> = ours.map(|(name, record)| (name.as_str(), record)).collect();
    ours.sort_by_key(|(name, record)| Reverse((record.number, record.built, *name)));
    ours
}

/// Why `name` may not be built.
fn obstacle(name: &str, seen: &Seen, mine: &Mine) -> Option<String> {
    seen.taken.clone().or_else(|| not_ours(name, &seen.here, mine))
}

fn not_ours(name: &str, place: &Place, mine: &Mine) -> Option<String> {
    let other = place.versions.get(name).filter(|record| !mine.has(record));
    let whose = match other {
        Some(record) => format!("is of {} (owner {})", record.resource, record.owner),
        None if place.foreign.contains(name) => "was not made by Evenkeel, or was changed since".to_owned(),
        None => return None,
    };
    Some(format!(
        "the template {name} that is there {whose}, and is not overwritten: rename it, or change `output.version`"
    ))
}

/// What has had its time, given that `newest` is there and the newest.
fn outdated(ours: &[(&str, &Record)], newest: &str, keep: u32) -> Vec<String> {
    let older = ours.iter().map(|(name, _)| *name).filter(|name| *name != newest);
    older.skip(usize::try_from(keep).unwrap_or(usize::MAX)).map(str::to_owned).collect()
}

fn there(place: &Place, (newest, digest): (&str, &str), keep: u32, mine: &Mine, home: &Place) -> Elsewhere {
    let ours = newest_first(&place.versions, mine);
    let has = ours.iter().any(|(name, record)| *name == newest && record.digest == digest);
    let is_clear = has || is_sent_without_record(newest, place, mine, home);
    let held = if is_clear { None } else { not_ours(newest, place, mine) };
    let remove = if held.is_some() { Vec::new() } else { outdated(&ours, newest, keep) };
    Elsewhere { send: !has, held, remove }
}

/// True where a transfer ended before the record was written: the template has no record at all, and as many bytes as ours.
fn is_sent_without_record(name: &str, place: &Place, mine: &Mine, home: &Place) -> bool {
    let sent = home.versions.get(name).filter(|record| mine.has(record));
    sent.is_some_and(|record| place.unrecorded.get(name) == Some(&record.bytes))
}

/// What is there, as the resource that asks sees it.
pub(super) fn project(state: &mut TemplateState) {
    let (Some(seen), Some(mine)) = (state.seen.clone(), state.mine.clone()) else { return };
    let ours = newest_first(&seen.here.versions, &mine);
    if let Some((_, record)) = ours.first() {
        state.recipe = record.recipe.clone();
        state.base = Some(record.base.sha256.clone());
        state.slot = record.slot;
        state.digest = Some(record.digest.clone());
    }
    state.versions = told(&ours);
    for (target, place) in &seen.elsewhere {
        if let Ok(place) = place {
            state.published.insert(target.clone(), told(&newest_first(&place.versions, &mine)));
        }
    }
    state.leftovers =
        seen.leftovers.iter().map(|(what, known)| (what.clone(), Some(known.clone()))).collect();
}

fn told(ours: &[(&str, &Record)]) -> BTreeMap<String, Option<String>> {
    ours.iter().map(|(name, record)| ((*name).to_owned(), Some(short(&record.digest)))).collect()
}

fn short(digest: &str) -> String {
    digest.get(..12).unwrap_or(digest).to_owned()
}

/// What shall be, given what is there and what is decided.
pub(super) fn desired(before: &TemplateState, wish: &Wish<'_>, decision: &Decision) -> TemplateState {
    let mut after = before.clone();
    after.recipe = over(&before.recipe, &wish.recipe);
    after.base = before.seen.as_ref().and_then(|seen| seen.base.as_ref()).map(|base| base.sha256.clone());
    after.slot = decision.slot;
    after.digest = Some(decision.digest.clone());
    after.versions.insert(decision.newest.clone(), Some(short(&decision.digest)));
    for name in &decision.remove {
        after.versions.insert(name.clone(), None);
    }
    for (target, there) in &decision.elsewhere {
        let versions = after.published.entry(target.clone()).or_default();
        versions.insert(decision.newest.clone(), Some(short(&decision.digest)));
        for name in &there.remove {
            versions.insert(name.clone(), None);
        }
    }
    for what in after.leftovers.values_mut() {
        *what = None;
    }
    after
}

/// `wanted`, with `null` for what is in `seen` and not in it: a recipe has no fields that are somebody else's.
fn over(seen: &Value, wanted: &Value) -> Value {
    let (Some(seen), Some(wanted_fields)) = (seen.as_object(), wanted.as_object()) else {
        return wanted.clone();
    };
    let keys: BTreeSet<&String> = seen.keys().chain(wanted_fields.keys()).collect();
    let field = |key: &String| match (seen.get(key), wanted_fields.get(key)) {
        (Some(seen), Some(wanted)) => over(seen, wanted),
        (None, Some(wanted)) => wanted.clone(),
        (_, None) => Value::Null,
    };
    Value::Object(keys.into_iter().map(|key| (key.clone(), field(key))).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests;
