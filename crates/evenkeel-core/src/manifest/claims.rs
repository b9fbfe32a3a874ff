//! Two manifests must not want different things of one field.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use super::problems::Problems;
use super::resource::{Driven, Resource};
use crate::diff::FieldPath;
use crate::plan::Instance;

/// Refuses fields of one object that several resources claim with different values. Equal values are fine.
///
/// `owners` gives for each instance its resource. Only objects that several resources share are looked into.
pub(super) fn check(
    resources: &[Resource],
    instances: &[Instance],
    owners: &[usize],
    now: Timestamp,
    problems: &mut Problems,
) {
    let mut sharing: HashMap<(&str, &str, &str), Vec<usize>> = HashMap::with_capacity(instances.len());
    for (instance, &owner) in instances.iter().zip(owners) {
        let object = (instance.id.target.as_str(), instance.id.kind.as_str(), instance.object.as_str());
        sharing.entry(object).or_default().push(owner);
    }
    let mut shared: Vec<_> = sharing.into_iter().filter(|(_, owners)| owners.len() > 1).collect();
    shared.sort_unstable();
    // Resources on many targets clash on all of them; it is said once.
    let mut said = BTreeSet::new();
    for ((target, _, object), owners) in shared {
        if problems.is_full() {
            return;
        }
        if let [first, others @ ..] = owners.as_slice()
            && is_exclusive(resources, *first)
        {
            for second in others.iter().filter(|second| said.insert((*first, **second, FieldPath::of([""]))))
            {
                report_shared(resources, (*first, *second), target, object, problems);
            }
            continue;
        }
        let clashes = clashes(resources, &owners, now);
        for clash in clashes.into_iter().filter(|c| said.insert((c.first, c.second, c.path.clone()))) {
            report(resources, &clash, target, object, problems);
        }
    }
}

fn is_exclusive(resources: &[Resource], at: usize) -> bool {
    resources.get(at).and_then(|r| r.driven.as_ref()).is_some_and(|driven| driven.driver.is_exclusive())
}

fn report_shared(
    resources: &[Resource],
    (first, second): (usize, usize),
    target: &str,
    object: &str,
    problems: &mut Problems,
) {
    let (Some(first), Some(second)) = (resources.get(first), resources.get(second)) else { return };
    let message = format!("{object} on {target} is looked after by {} already", first.id());
    let hint = format!("keep one of the two; the other one is at {}", first.location());
    second.problem(&[], message, Some(hint), problems);
}

/// A field that two resources claim.
struct Clash {
    path: FieldPath,
    first: usize,
    first_value: Value,
    second: usize,
    second_value: Value,
}

fn clashes(resources: &[Resource], owners: &[usize], now: Timestamp) -> Vec<Clash> {
    let mut claimed: HashMap<FieldPath, (usize, Value)> = HashMap::new();
    let mut found = Vec::new();
    for &second in owners {
        let Some(Driven { driver, spec }) = resources.get(second).and_then(|r| r.driven.as_ref()) else {
            continue;
        };
        for (path, second_value) in driver.object(spec, now).claims {
            match conflicting(&claimed, &path, &second_value) {
                Some((first, first_value)) => {
                    found.push(Clash { path, first, first_value, second, second_value });
                }
                None => {
                    claimed.entry(path).or_insert((second, second_value));
                }
            }
        }
    }
    found
}

/// Who claims another value of the field, or no value for a parent of it.
fn conflicting(
    claimed: &HashMap<FieldPath, (usize, Value)>,
    path: &FieldPath,
    value: &Value,
) -> Option<(usize, Value)> {
    let same = claimed.get(path).filter(|(_, known)| known != value);
    let above = || {
        let lengths = 1..path.keys().len();
        let parents = lengths.filter_map(|n| path.keys().get(..n).map(FieldPath::of));
        parents.into_iter().find_map(|parent| claimed.get(&parent).filter(|(_, known)| known.is_null()))
    };
    // A parent that shall not be, after fields of it: rare enough to look through all.
    let below = || {
        let inside = |known: &FieldPath| {
            known.keys().len() > path.keys().len() && known.keys().starts_with(path.keys())
        };
        claimed.iter().filter(|(known, _)| value.is_null() && inside(known)).map(|(_, claim)| claim).next()
    };
    same.or_else(above).or_else(below).cloned()
}

fn report(resources: &[Resource], clash: &Clash, target: &str, object: &str, problems: &mut Problems) {
    let (Some(first), Some(second)) = (resources.get(clash.first), resources.get(clash.second)) else {
        return;
    };
    let show = |value: &Value| {
        let shown = second.driven.as_ref().and_then(|d| d.driver.show(&clash.path, value));
        shown.unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let keys = clash.path.keys();
    let there = first.node.source().location(first.node.mark_of_claim(keys));
    let message = format!(
        "`{}` of {object} on {target} shall be `{}` here and `{}` in {} ({there})",
        clash.path,
        show(&clash.second_value),
        show(&clash.first_value),
        first.id(),
    );
    let hint = "keep the field in one of the two manifests".to_owned();
    let mark = second.node.mark_of_claim(keys);
    problems.error(second.node.source(), mark, message, Some(hint));
}
