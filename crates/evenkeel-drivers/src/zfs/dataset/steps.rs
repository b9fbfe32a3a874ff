//! The writes.

use std::collections::BTreeSet;

use evenkeel_core::driver::{Delta, Risk, Step};
use evenkeel_core::plan::Action;
use evenkeel_core::request::{Exec, Request};

use super::MARK;
use super::hazard::{self, Setting};
use super::spec::{DatasetType, ZfsDatasetSpec};
use super::state::{PropertyState, ZfsDatasetState};
use super::wanted::{WantedProperty, WantedValue};
use crate::zfs::{INHERIT, Scalar};

pub(super) fn steps(spec: &ZfsDatasetSpec, delta: &Delta<'_, ZfsDatasetState>) -> Vec<Step> {
    match delta.action {
        Action::Create => vec![create(spec, delta.owner)],
        Action::Replace => vec![replaced(spec, delta), create(spec, delta.owner)],
        Action::Update => update(spec, delta),
        Action::NoOp | Action::Delete | Action::Forget => Vec::new(),
    }
}

/// One command with every property, so that the dataset never exists without them. Never with `-p`: a parent
/// that nobody asked for would be nobody's.
fn create(spec: &ZfsDatasetSpec, owner: &str) -> Step {
    let wanted = spec.wanted();
    let mut exec = Exec::new(["zfs", "create"]);
    if wanted.kind == DatasetType::Volume {
        exec = exec.arg("-V").arg(wanted.exactly("volsize").unwrap_or_default());
        if spec.sparse {
            exec = exec.arg("-s");
        }
        if let Some(block) = wanted.exactly("volblocksize") {
            exec = exec.arg("-b").arg(block);
        }
    }
    exec = exec.arg("-o").arg(format!("{MARK}={owner}"));
    let mut settings = Vec::new();
    for property in wanted.properties() {
        let name = property.name();
        let WantedValue::Exactly(after) = &property.value else { continue };
        // A volume that is not sparse gets `refreservation=auto` by itself, and does not take it by name.
        let by_itself = name == "refreservation" && &**after == "auto";
        if !by_itself && name != "volsize" && name != "volblocksize" {
            exec = exec.arg("-o").arg(format!("{name}={after}"));
        }
        settings.push(Setting { name, before: None, after, written: written(spec, property) });
    }
    let step = Step::new(Request::Exec(exec.arg(spec.dataset.as_str())));
    settings.into_iter().fold(step, hazard::of_value)
}

/// Properties that are mount options too. Up to 2.1, `zfs set` remounts only where the last property that it
/// sets is one of them; without a remount the mount keeps the old value, which is then shown as temporary.
const MOUNT_OPTIONS: [&str; 8] =
    ["atime", "devices", "exec", "nbmand", "readonly", "relatime", "setuid", "xattr"];

/// One `zfs set` for all values; then one `zfs inherit` for each property, because it takes only one.
fn update(spec: &ZfsDatasetSpec, delta: &Delta<'_, ZfsDatasetState>) -> Vec<Step> {
    let before =
        |name: &str| delta.before.and_then(|state| state.properties.get(name)).map(PropertyState::value);
    let (mut settings, mut inherits) = (Vec::new(), Vec::new());
    for property in changing(spec, delta) {
        let (name, written) = (property.name(), written(spec, property));
        let before = before(name);
        match &property.value {
            WantedValue::Exactly(after) => settings.push(Setting { name, before, after, written }),
            WantedValue::Inherit => {
                let becomes = delta.before.and_then(|state| state.inheritable.get(name));
                let after = becomes.map_or(INHERIT, String::as_str);
                inherits.push(Setting { name, before, after, written });
            }
        }
    }
    settings.sort_by_key(|setting| place(setting.name));
    // A volume that was read-only when the command began is not resized by it.
    let resizes = settings.iter().any(|s| s.name == "volsize");
    let (first, rest): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|s| resizes && s.name == "readonly" && s.after == "off");
    let on = |exec: Exec| Step::new(Request::Exec(exec.on([spec.dataset.as_str()])));
    let set = |settings: Vec<Setting<'_>>| {
        let words = settings.iter().map(|s| format!("{}={}", s.name, s.after));
        let set = words.fold(Exec::new(["zfs", "set"]), Exec::arg);
        settings.into_iter().fold(on(set), hazard::of_change)
    };
    let mut steps: Vec<Step> =
        [first, rest].into_iter().filter(|settings| !settings.is_empty()).map(set).collect();
    let inherit = |s: Setting<'_>| hazard::of_change(on(Exec::new(["zfs", "inherit", s.name])), s);
    steps.extend(inherits.into_iter().map(inherit));
    steps
}

/// Where a property stands in a `zfs set`. A new `volmode` takes the block device away for a moment or for good,
/// and what is then set of the device (`volsize`, `volthreading`) fails: busy in 2.1, not found in 2.3.
fn place(name: &str) -> u8 {
    if MOUNT_OPTIONS.contains(&name) { 2 } else { u8::from(name == "volmode") }
}

/// The properties to write, sorted.
fn changing<'s>(
    spec: &'s ZfsDatasetSpec,
    delta: &Delta<'_, ZfsDatasetState>,
) -> impl Iterator<Item = &'s WantedProperty> {
    let mut names: BTreeSet<&str> =
        delta.changes.iter().filter_map(|c| c.path.keys().get(1)).map(String::as_str).collect();
    if names.contains("volsize") {
        // A volume that reserves all it can need gets a new reservation with its new size, unless one is set
        // in the same command.
        names.insert("refreservation");
    }
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.into_iter().filter_map(|name| spec.wanted().get(&name))
}

/// The value as the manifest has it.
fn written<'s>(spec: &'s ZfsDatasetSpec, property: &WantedProperty) -> &'s str {
    spec.properties.get(property.written_name()).map_or("", Scalar::as_str)
}

/// What other manifests created is not ours to destroy by mode alone.
fn replaced(spec: &ZfsDatasetSpec, delta: &Delta<'_, ZfsDatasetState>) -> Step {
    let step = destroy(&spec.dataset);
    match delta.before.and_then(|state| state.owner.as_deref()) {
        Some(owner) if owner == delta.owner => step,
        other => step.hazard(
            Risk::DataLoss,
            format!("destroy {}", spec.dataset),
            format!("its mark says that `{}` created it, not `{}`", other.unwrap_or("nobody"), delta.owner),
        ),
    }
}

/// Never with `-r`: what is found below at that moment was not planned for, and makes the command fail.
pub(super) fn destroy(dataset: &str) -> Step {
    Step::new(Request::Exec(Exec::new(["zfs", "destroy", dataset]))).hazard(
        Risk::Destructive,
        format!("destroy {dataset}"),
        "everything in it is lost, and there is no snapshot to go back to",
    )
}
