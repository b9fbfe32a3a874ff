//! Wishes that contradict each other, where only the target tells: two policies whose selections meet in one device.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::build::Blueprint;
use super::{Change, ChangeError, Instance};
use crate::diff::FieldPath;
use crate::request::Replies;

/// Refuses both of two changes of one object that want different things of one field. Each would undo the other for
/// ever. What manifests say by themselves was compared when they were read.
///
/// `instances` are those of `changes`, in the same order.
pub(super) fn refuse_clashes<I: Borrow<Instance>>(
    changes: &mut [Change],
    instances: &[I],
    blueprint: &Blueprint<'_>,
) {
    let all: Vec<&Instance> = instances.iter().map(Borrow::borrow).chain(blueprint.context).collect();
    let instances = all.as_slice();
    let mut sharing: HashMap<(&str, &str, &str), Vec<usize>> = HashMap::with_capacity(instances.len());
    for (at, instance) in instances.iter().copied().enumerate() {
        sharing.entry((&instance.id.target, &instance.id.kind, &instance.object)).or_default().push(at);
    }
    for together in sharing.into_values().filter(|together| together.len() > 1) {
        let Some(replies) = together.first().and_then(|at| replies_of(instances.get(*at)?, blueprint)) else {
            continue;
        };
        for (at, error) in clashes(&together, instances, replies, blueprint) {
            if let Some(change) = changes.get_mut(at).filter(|change| change.error.is_none()) {
                change.error = Some(error);
                change.steps.clear();
                change.plan = None;
                change.withheld = None;
            }
        }
    }
}

fn replies_of<'b>(instance: &Instance, blueprint: &Blueprint<'b>) -> Option<&'b Replies> {
    blueprint.replies.get(&instance.id.target)
}

/// Which of the instances number `together` contradict another, and how.
fn clashes<'i>(
    together: &[usize],
    instances: &[&'i Instance],
    replies: &Replies,
    blueprint: &Blueprint<'_>,
) -> Vec<(usize, ChangeError)> {
    let mut wishes: BTreeMap<FieldPath, Vec<(usize, &'i Instance, Value)>> = BTreeMap::new();
    for &at in together {
        let Some(instance) = instances.get(at).copied() else { continue };
        let whose = (instance.owner.as_str(), &instance.id);
        for (path, value) in instance.driver.wants(&instance.spec, replies, whose, blueprint.now) {
            wishes.entry(path).or_default().push((at, instance, value));
        }
    }
    let mut found = Vec::new();
    for (path, wishes) in &wishes {
        for (at, instance, value) in wishes {
            // Of three of whom two agree all three are refused: who is right is not ours to say.
            if let Some((_, other, others)) = wishes.iter().find(|(_, _, others)| others != value) {
                found.push((*at, clash(instance, (other, others), path, value)));
            }
        }
    }
    found
}

/// What is said to `one`, which wants `value` where `other` wants something else.
fn clash(one: &Instance, other: (&Instance, &Value), path: &FieldPath, value: &Value) -> ChangeError {
    let (other, others) = other;
    let show = |value: &Value| {
        let shown = one.driver.show(path, value);
        shown.unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    ChangeError {
        reason: "Contradiction".to_owned(),
        message: format!(
            "`{path}` of {} on {} shall be `{}` here and `{}` in {}/{} ({})",
            one.object,
            one.id.target,
            show(value),
            show(others),
            other.id.kind,
            other.id.name,
            other.location
        ),
        hint: Some("leave it to one of the two manifests".to_owned()),
        retryable: false,
        target_lost: false,
    }
}
