//! Objects that left the manifests.

use std::collections::{BTreeMap, BTreeSet};

use super::approval::hash;
use super::gate::{Written, gate};
use super::shut::shut;
use super::{Action, Approvable, Change, ChangeError, Decided, Gate, InstanceId, Policy, Window};
use crate::driver::{ErasedDriver, Report, Risk, Step};
use crate::request::Replies;
use crate::target::Target;

/// The level of removals. Not `usize::MAX`: readers of JSON that count in doubles would read another number.
const LAST_LEVEL: usize = u32::MAX as usize;

/// What [`removals`] looks at: one kind on one target whose spec says `prune: true`.
pub struct Removal<'a> {
    /// The target.
    pub target: &'a Target,
    /// The driver of the kind.
    pub driver: &'a dyn ErasedDriver,
    /// The objects of this kind that manifests still want here.
    pub keep: &'a [&'a str],
    /// The windows of this kind on this target.
    pub windows: &'a [Window],
    /// What was read of the target, the inventory included.
    pub replies: &'a Replies,
    /// What the mode allows.
    pub policy: Policy,
    /// What persons decided about removals, by kind and object.
    pub decided: &'a BTreeMap<(String, String), Decided>,
    /// The time of this run.
    pub now: jiff::Timestamp,
}

impl std::fmt::Debug for Removal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Removal")
            .field("target", &self.target.name)
            .field("kind", &self.driver.kind())
            .finish_non_exhaustive()
    }
}

/// Deletions of the objects that carry our mark and are in no manifest. An inventory that could not be read
/// gives one change with the error and no deletion: unknown is never absent. A target without the program that the kind is
/// managed with has no objects of it.
pub fn removals(removal: &Removal<'_>) -> Vec<Change> {
    let marked = match removal.driver.marked(removal.replies) {
        Ok(marked) => marked,
        // It is no machine of this kind.
        Err(error) if error.lacks_program() => return Vec::new(),
        Err(error) => {
            let mut change = delete(removal, "*");
            change.action = Action::NoOp;
            change.error = Some(ChangeError::from(&error));
            return vec![change];
        }
    };
    let kept: BTreeSet<&str> = removal.keep.iter().copied().collect();
    let owner = removal.target.owner();
    let ours = marked.into_iter().filter(|m| m.owner == owner && !kept.contains(m.object.as_str()));
    ours.map(|marked| marked.object)
        .map(|object| {
            let mut change = delete(removal, &object);
            match removal.driver.removal(&object, removal.keep, removal.replies) {
                Ok(steps) => open(&mut change, steps, removal),
                Err(reason) => {
                    change.gate = Gate::Held { reasons: vec![reason], approvable: Approvable::No };
                }
            }
            change
        })
        .collect()
}

fn open(change: &mut Change, mut steps: Vec<Step>, removal: &Removal<'_>) {
    for step in &mut steps {
        step.settle(&removal.target.name);
    }
    let plan = hash(change, &steps);
    let decided = removal.decided.get(&(change.id.kind.clone(), change.object.clone()));
    let approval = decided.and_then(|decided| decided.approval.as_deref());
    let rejection = decided.and_then(|decided| decided.rejection.as_deref());
    let written = Written {
        approval: approval.filter(|approval| approval.covers(&plan, removal.now)),
        rejection: rejection.filter(|rejection| rejection.plan == plan),
        windows: removal.windows,
        ..Written::default()
    };
    let gated = gate(&steps, removal.policy, written, removal.now);
    change.report.next = shut(removal.windows, &steps, removal.now).and_then(|shut| shut.until);
    change.risk = steps.iter().map(Step::risk).max().unwrap_or_default();
    let opened = gated.by_approval && gated.gate == Gate::Open;
    change.approved = written.approval.filter(|_| opened).cloned();
    change.plan = Some(plan);
    change.gate = gated.gate;
    change.notes = gated.notes;
    change.steps = steps;
}

fn delete(removal: &Removal<'_>, object: &str) -> Change {
    Change {
        id: InstanceId {
            target: removal.target.name.clone(),
            kind: removal.driver.kind().to_owned(),
            name: object.to_owned(),
        },
        object: object.to_owned(),
        location: None,
        // After everything else: what is created first must not need what is removed.
        level: LAST_LEVEL,
        action: Action::Delete,
        risk: Risk::Destructive,
        gate: Gate::Open,
        plan: None,
        approved: None,
        suspended: false,
        busy: None,
        error: None,
        fields: Vec::new(),
        steps: Vec::new(),
        withheld: None,
        report: Report::default(),
        notes: Vec::new(),
        read: std::collections::BTreeMap::new(),
        seen: None,
    }
}
