//! Maintenance windows with a manifest of their own: which targets and kinds they are for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::de::short;
use super::problems::Problems;
use super::read_spec;
use super::selector::Selector;
use super::suggest::{choices, did_you_mean};
use super::written::Written;
use crate::period::Period;
use crate::plan::{AppliesTo, Effect, Origin, Window, WindowSpec};
use crate::target::Target;

/// The kind of these manifests.
pub(super) const KIND: &str = "MaintenanceWindow";

/// The fields of which one says when a window opens.
pub(super) const OPENINGS: [&str; 3] = ["cron", "calendar", "every"];

/// More is not read by anybody who waits for a change.
const REASON_CHARACTERS: usize = 500;

/// When changes may be sent, or may not, for all resources of some targets and kinds. Exactly one of `cron`, `calendar`
/// and `every` is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MaintenanceWindowSpec {
    /// Whether changes may be sent while it is open (`Allow`: while none is open they wait), or may not (`Deny`, whatever
    /// other windows say). Default: `Allow`.
    #[serde(default)]
    effect: Effect,
    /// Whether it is for changes that interrupt or are riskier (`Disruptive`), or for safe ones as well (`All`).
    /// Default: `Disruptive`.
    #[serde(default)]
    applies_to: AppliesTo,
    /// The targets that it is for, by their labels. Default: all targets of these manifests.
    #[serde(default)]
    target_selector: Selector,
    /// The kinds of resources that it is for. Default: all.
    #[serde(default)]
    kinds: Vec<String>,
    /// It opens at these times, five fields as in crontab: `0 22 * * sat`.
    #[serde(default)]
    cron: Option<String>,
    /// It opens at these times, as Proxmox and systemd write them: `sat 22:00`, `2026-12-24 18:00`.
    #[serde(default)]
    calendar: Option<String>,
    /// It opens at equal distances, counted from midnight, for days from a Monday: `1d`, `1w`.
    #[serde(default)]
    every: Option<Period>,
    /// The time zone of these times, such as `Asia/Tokyo` or `UTC`.
    time_zone: String,
    /// How long it stays open, as clocks on the wall show it: `4h`. What was begun by then is ended.
    duration: Period,
    /// What is told of it where it holds something: `no changes over New Year`.
    #[serde(default)]
    reason: Option<String>,
}

/// The windows of some manifests that are for many resources.
#[derive(Debug, Clone, Default)]
pub struct Maintenance {
    windows: Vec<Selecting>,
}

#[derive(Debug, Clone)]
struct Selecting {
    window: Window,
    selector: Selector,
    kinds: Vec<String>,
}

impl Selecting {
    fn is_for(&self, target: &Target, kind: &str) -> bool {
        (self.kinds.is_empty() || self.kinds.iter().any(|own| own == kind))
            && self.selector.matches(&target.labels)
    }
}

impl Maintenance {
    /// The windows for resources of a kind on a target.
    pub fn windows(&self, target: &Target, kind: &str) -> Vec<Window> {
        let meant = self.windows.iter().filter(|one| one.is_for(target, kind));
        meant.map(|one| one.window.clone()).collect()
    }
}

/// Reads these manifests, one after the other.
#[derive(Default)]
pub(super) struct Reader {
    known: BTreeMap<String, Written>,
    maintenance: Maintenance,
    /// The manifests of the windows that were read, with the conditions on their targets.
    selecting: Vec<(String, Selector)>,
}

impl Reader {
    /// Takes one. `kinds` are those of resources.
    pub(super) fn take(
        &mut self,
        written: Written,
        kinds: &[&'static str],
        now: Timestamp,
        problems: &mut Problems,
    ) {
        let spec: Option<MaintenanceWindowSpec> = read_spec(&written.node, problems);
        if let Some(first) = self.known.get(&written.name) {
            let message = format!("there are two maintenance windows `{}`", short(&written.name));
            let hint = format!("the first one is at {}: rename one of them", first.location());
            written.name_error(message, Some(hint), problems);
            return;
        }
        if let Some(spec) = spec
            && let Some(window) = window(&spec, &written, kinds, now, problems)
        {
            let MaintenanceWindowSpec { target_selector: selector, kinds, .. } = spec;
            self.selecting.push((written.name.clone(), selector.clone()));
            self.maintenance.windows.push(Selecting { window, selector, kinds });
        }
        self.known.insert(written.name.clone(), written);
    }

    /// All that were read, once all targets are known.
    pub(super) fn finish(
        self,
        targets: &BTreeMap<String, Arc<Target>>,
        problems: &mut Problems,
    ) -> Maintenance {
        for (name, selector) in &self.selecting {
            let is_odd = !selector.problems().is_empty();
            if is_odd || targets.values().any(|target| selector.matches(&target.labels)) {
                continue;
            }
            let Some(written) = self.known.get(name) else { continue };
            let message = "no target has these labels, so this window is for nothing".to_owned();
            let hint = Some("label a target like this, or change the selector".to_owned());
            problems.at_path(&written.node, &["targetSelector".to_owned()], message, hint, true);
        }
        self.maintenance
    }
}

/// The window that a spec describes, if it does.
fn window(
    spec: &MaintenanceWindowSpec,
    written: &Written,
    kinds: &[&'static str],
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Window> {
    let (window, findings) = hours(spec).read();
    for finding in findings {
        // In the list of a resource there may be several; here there is one manifest for each.
        let hint = finding.hint.map(|hint| hint.replace("are written as a list", "are several manifests"));
        problems.at_path(&written.node, &finding.path, finding.message, hint, finding.warning);
    }
    for (path, message) in spec.target_selector.problems() {
        let path: Vec<String> = std::iter::once("targetSelector".to_owned()).chain(path).collect();
        let hint = "`In` and `NotIn` compare with `values`, `Exists` and `DoesNotExist` do not";
        problems.at_path(&written.node, &path, message, Some(hint.to_owned()), false);
    }
    for (nth, kind) in spec.kinds.iter().enumerate().filter(|(_, kind)| !kinds.contains(&kind.as_str())) {
        let near = did_you_mean(kind, kinds.iter().copied());
        let message = format!("there is no kind of resource `{}`{near}", short(kind));
        let hint = choices("the kinds are", kinds.iter().copied());
        problems.at_path(&written.node, &["kinds".to_owned(), nth.to_string()], message, hint, false);
    }
    let reason = spec.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason
        .is_some_and(|reason| reason.chars().count() > REASON_CHARACTERS || reason.contains(char::is_control))
    {
        let message = format!("`reason` is one line of at most {REASON_CHARACTERS} characters");
        let hint = Some("say shortly why it is there, and the rest in a comment".to_owned());
        problems.at_path(&written.node, &["reason".to_owned()], message, hint, false);
    }
    let window = window?;
    if spec.effect == Effect::Allow && window.is_over(now) {
        let message = "this window never opens again: what it is for is held for good".to_owned();
        let hint = Some("give it times to come, or take it away".to_owned());
        problems.at_path(&written.node, &["calendar".to_owned()], message, hint, true);
    }
    let origin = Origin {
        name: written.name.clone(),
        location: written.location(),
        reason: reason.map(str::to_owned),
    };
    Some(window.from(Arc::new(origin), spec.effect, spec.applies_to))
}

fn hours(spec: &MaintenanceWindowSpec) -> WindowSpec {
    WindowSpec {
        every: spec.every,
        cron: spec.cron.clone(),
        calendar: spec.calendar.clone(),
        time_zone: spec.time_zone.clone(),
        duration: spec.duration,
    }
}

/// What instances are given: their own windows and those of their targets, each list once.
pub(super) struct Given<'m> {
    maintenance: &'m Maintenance,
    known: HashMap<(String, &'static str), Arc<[Window]>>,
}

impl<'m> Given<'m> {
    pub(super) fn new(maintenance: &'m Maintenance) -> Self {
        Given { maintenance, known: HashMap::new() }
    }

    /// The windows of a resource of a kind on a target that has `own` ones.
    pub(super) fn of(&mut self, target: &Target, kind: &'static str, own: &Arc<[Window]>) -> Arc<[Window]> {
        if self.maintenance.windows.is_empty() {
            return Arc::clone(own);
        }
        let maintenance = self.maintenance;
        let shared = self.known.entry((target.name.clone(), kind));
        let shared = shared.or_insert_with(|| maintenance.windows(target, kind).into());
        match (shared.is_empty(), own.is_empty()) {
            (true, _) => Arc::clone(own),
            (_, true) => Arc::clone(shared),
            _ => own.iter().chain(shared.iter()).cloned().collect(),
        }
    }
}
