//! Who made a difference: asked of a target once, where drift is found or becomes another.

use std::collections::BTreeMap;

use evenkeel_core::condition::few;
use evenkeel_core::driver::Attribution;
use evenkeel_core::plan::{Action, Change, InstanceId, Plan};

use super::errand::Errand;
use super::state::Shared;
use super::words::Intent;
use crate::reconcile::Engine;
use crate::store::ResourceKey;

/// Who made the differences that are drift. What was drift before and is still the same was asked for then.
pub(super) async fn blame(
    shared: &Shared,
    engine: &Engine,
    errand: &Errand,
    plan: &Plan,
) -> BTreeMap<InstanceId, Vec<Attribution>> {
    let mut blamed = BTreeMap::new();
    let mut news = Vec::new();
    {
        let state = shared.state();
        for change in plan.changes.iter().filter(|change| is_drift(errand, change)) {
            let key = ResourceKey { source: errand.job.source.clone(), id: change.id.clone() };
            let old = state.resources.get(&key);
            match old.filter(|old| old.intent == Some(Intent::Corrective) && old.differs == change.fields) {
                Some(old) => drop(blamed.insert(key.id, old.attributions.clone())),
                None => news.push(change),
            }
        }
    }
    if !news.is_empty() {
        blamed.extend(engine.blame(&errand.scope, &errand.job.target, &news).await);
    }
    blamed
}

fn is_drift(errand: &Errand, change: &Change) -> bool {
    let differs = matches!(change.action, Action::Create | Action::Update | Action::Replace);
    let is_known = change.error.is_none() && change.busy.is_none();
    differs && is_known && errand.intent(&change.id) == Intent::Corrective
}

/// Who it was, in one sentence: `changed by root@pve1 at 2026-11-21T02:13:00Z (zfs set atime=on POOL1)`.
pub(super) fn told(blamed: &[Attribution], change: &Change) -> Option<String> {
    let told = |one: &Attribution| {
        if one.fields.is_empty() || one.fields.len() == change.fields.len() {
            return one.to_string();
        }
        let fields: Vec<String> = one.fields.iter().map(ToString::to_string).collect();
        format!("{} {one}", few(&fields, ", "))
    };
    let all: Vec<String> = blamed.iter().map(told).collect();
    (!all.is_empty()).then(|| few(&all, "; "))
}
