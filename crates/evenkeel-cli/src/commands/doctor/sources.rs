//! The sources: whether they can be fetched, and what they say. Nothing of it is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::manifest::load;
use evenkeel_core::target::Target;
use evenkeel_engine::source::{Fetched, Snapshot};
use evenkeel_engine::{Clock as _, SystemClock};
use futures_util::future::join_all;

use super::Finding;
use crate::commands::serve::pieces::Ways;
use crate::commands::serve::secrets;
use crate::controller::Configuration;
use crate::ui;

/// A target, and whether it is a Windows machine.
pub(super) struct Aim {
    pub(super) target: Arc<Target>,
    pub(super) is_windows: bool,
}

/// Fetches all. Gives what was found, and the targets that their manifests name.
pub(super) async fn look(configuration: &Configuration, ways: &Ways) -> (Vec<Finding>, Vec<Aim>) {
    let fetched = configuration.sources.iter().map(|(name, spec)| async move {
        let about = format!("source {name}");
        let source = match ways.source(name.clone(), spec.clone()) {
            Ok(found) => found.source,
            Err(error) => {
                let mend = error.advice().unwrap_or("see docs/controller.md").to_owned();
                return (Finding::problem(about, error.sentence(), mend), None);
            }
        };
        match source.fetch(None).await {
            Ok(Fetched::New(snapshot)) => {
                let subject =
                    snapshot.revision.subject.as_deref().map(|s| format!(" ({s})")).unwrap_or_default();
                let message = format!("{}{subject} can be fetched", snapshot.revision.short());
                (Finding::ok(about, message), Some(snapshot))
            }
            Ok(Fetched::Unchanged) => (Finding::ok(about, "can be fetched"), None),
            Err(error) => {
                let mend = error.hint.clone().unwrap_or_else(|| "see docs/controller.md, Sources".to_owned());
                (Finding::problem(about, error.message, mend), None)
            }
        }
    });
    let fetched = join_all(fetched).await;
    let (mut findings, mut targets) = (Vec::new(), BTreeMap::new());
    for ((name, spec), (finding, snapshot)) in configuration.sources.iter().zip(fetched) {
        findings.push(finding);
        if let Some(snapshot) = snapshot {
            let (finding, found) = manifests(name, spec.reconcile().allow_local, &snapshot);
            findings.push(finding);
            secrets::take(&ways.declared, name, &snapshot);
            targets.extend(found);
        }
    }
    (findings, targets.into_values().collect())
}

/// What the manifests of a source say. Only what would come into force names targets that are asked.
fn manifests(source: &str, allow_local: bool, snapshot: &Snapshot) -> (Finding, BTreeMap<String, Aim>) {
    let about = format!("manifests of {source}");
    let registry = evenkeel_drivers::registry();
    let loaded = load(&registry, &snapshot.manifests, &snapshot.values, SystemClock.now());
    let forbidden = if allow_local { None } else { loaded.on_this_machine.first() };
    let wrong = loaded.diagnostics.iter().find(|d| d.severity == Severity::Error);
    if let Some(wrong) = wrong.or(forbidden) {
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).count().max(1);
        let message = format!("{}, first: {}", ui::count(errors, "error"), shown(wrong));
        let mend = "mend them in the repository; `evenkeel validate` shows all";
        return (Finding::problem(about, message, mend), BTreeMap::new());
    }
    let (resources, targets) = (loaded.instances.len(), loaded.targets.len());
    let message = format!("{} on {}", ui::count(resources, "resource"), ui::count(targets, "target"));
    let is_windows = |target: &Target| {
        target.spec.ssh.as_ref().is_some_and(|ssh| ssh.powershell.is_some())
            || loaded.instances.iter().any(|i| i.id.target == target.name && i.id.kind.starts_with("Hyperv"))
    };
    let aims = loaded.targets.iter().map(|(name, target)| {
        (name.clone(), Aim { is_windows: is_windows(target), target: Arc::clone(target) })
    });
    (Finding::ok(about, message), aims.collect())
}

fn shown(problem: &Diagnostic) -> String {
    let place = problem.location.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
    format!("{place}{}", problem.message)
}
