//! What has to wait for other changes of the plan: for a container, for dependencies, for who creates the object.

use std::borrow::Borrow;
use std::collections::HashMap;

use super::{Action, Change, ChangeError, Instance};

/// Target, kind and object.
type Object<'a> = (&'a str, &'a str, &'a str);

/// Holds every change that waits for one which will not be made before it, and says for what.
///
/// `instances` are those of `changes`, in the same order. `lacking` tells which of the changes create an object
/// whose container is missing too; where nobody creates that container, it is an error.
pub(super) fn wait<I: Borrow<Instance>>(
    changes: &mut [Change],
    instances: &[I],
    lacking: &[(usize, String)],
) {
    let creates = |c: &Change| matches!(c.action, Action::Create | Action::Replace);
    let depends = |i: &I| !i.borrow().depends_on.is_empty();
    if lacking.is_empty() && !changes.iter().any(creates) && !instances.iter().any(depends) {
        return;
    }
    let instances: Vec<&Instance> = instances.iter().map(Borrow::borrow).collect();
    let mut waiting = Waiting { instances: &instances, about: HashMap::new(), creators: HashMap::new() };
    if !lacking.is_empty() {
        for (at, instance) in instances.iter().enumerate() {
            waiting.about.entry(object(instance)).or_insert(at);
        }
    }
    let lacking: HashMap<usize, &str> = lacking.iter().map(|(at, name)| (*at, name.as_str())).collect();
    let mut unready: HashMap<String, &'static str> = HashMap::new();
    // A container's name sorts before what it contains, a dependency has a lower level: each comes first.
    let mut order: Vec<(usize, &Instance)> = instances.iter().copied().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| (a.level, &a.object, &a.id).cmp(&(b.level, &b.object, &b.id)));
    for (at, instance) in order {
        let mut reasons: Vec<String> = Vec::new();
        let waits = |name: &String| unready.get(name).map(|why| format!("waits for {name}, which is {why}"));
        reasons.extend(instance.depends_on.iter().filter_map(waits));
        let mut error = None;
        match lacking.get(&at).map(|container| waiting.container(changes, at, container)) {
            Some(Err(missing)) => error = Some(missing),
            Some(Ok(reason)) => reasons.extend(reason),
            None => {}
        }
        let Some(change) = changes.get_mut(at) else { continue };
        if creates(change) {
            reasons.extend(waiting.creator(instance));
        }
        if let Some(error) = error {
            change.error = Some(error);
            change.steps.clear();
            change.plan = None;
        }
        hold(change, reasons);
        if creates(change) && change.is_open() {
            waiting.creators.entry(object(instance)).or_insert(at);
        }
        if let Some(why) = obstacle(change) {
            unready.insert(format!("{}/{}", instance.id.kind, instance.id.name), why);
        }
    }
}

fn object(instance: &Instance) -> Object<'_> {
    (&instance.id.target, &instance.id.kind, &instance.object)
}

fn hold(change: &mut Change, reasons: Vec<String>) {
    if change.is_pending() {
        change.gate.hold(reasons);
    }
}

/// Why a change will not be made, where it will not.
fn obstacle(change: &Change) -> Option<&'static str> {
    match change {
        Change { error: Some(_), .. } => Some("unknown"),
        Change { suspended: true, .. } => Some("suspended"),
        Change { busy: Some(_), .. } => Some("busy"),
        c if c.is_held() => Some("held"),
        _ => None,
    }
}

struct Waiting<'i> {
    instances: &'i [&'i Instance],
    /// One of the instances of each object.
    about: HashMap<Object<'i>, usize>,
    /// Who creates an object, among the changes that were looked at.
    creators: HashMap<Object<'i>, usize>,
}

impl Waiting<'_> {
    /// Why the creation number `at` has to wait for its missing `container`; an error where that cannot be created.
    fn container(
        &self,
        changes: &[Change],
        at: usize,
        container: &str,
    ) -> Result<Option<String>, ChangeError> {
        let Some(instance) = self.instances.get(at) else { return Ok(None) };
        let (target, kind) = (instance.id.target.as_str(), instance.id.kind.as_str());
        if self.creators.contains_key(&(target, kind, container)) {
            return Ok(None);
        }
        let missing = |why: &str, hint: String| ChangeError {
            reason: "ContainerMissing".to_owned(),
            message: format!(
                "cannot create {} on {target}: {container} does not exist, and {why}",
                instance.object
            ),
            hint: Some(hint),
            retryable: false,
            target_lost: false,
        };
        let other = self.about.get(&(target, kind, container)).and_then(|other| changes.get(*other));
        let Some(other) = other else {
            return Err(missing("no manifest creates it", format!("add a {kind} for {container}")));
        };
        if other.error.is_some() {
            let hint = format!("see what is said about {kind}/{}", other.id.name);
            return Err(missing("cannot be created either", hint));
        }
        if other.level > instance.level {
            let name = format!("{kind}/{}", other.id.name);
            return Ok(Some(format!(
                "waits for {container}, which is created later: write `dependsOn: [{name}]`"
            )));
        }
        let why = obstacle(other).unwrap_or("not created");
        Ok(Some(format!("waits for {container}, which is {why}")))
    }

    /// Several resources may be about one object; one of them creates it, and the others see it afterwards.
    fn creator(&self, instance: &Instance) -> Option<String> {
        let first = self.instances.get(*self.creators.get(&object(instance))?)?;
        Some(format!("waits for {}/{}, which creates {}", first.id.kind, first.id.name, first.object))
    }
}
