//! Resources out of manifests: the fields common to all kinds, and the driver's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::de::{Fields, read};
use super::document::Document;
use super::node::Node;
use super::problems::Problems;
use super::selector::Selector;
use super::source::{Mark, Source};
use super::suggest::{did_you_mean, nearest};
use super::yaml::{Kind, Tree};
use crate::config::DriftMode;
use crate::diagnostic::Location;
use crate::driver::{ErasedDriver, ErasedSpec};
use crate::period::Period;
use crate::plan::{Acceptance, Order, Portion, Rollout, Window, WindowSpec};
use crate::target::Target;

/// The fields of `spec` that every kind has.
pub(super) const COMMON: &[&str] =
    &["target", "targetSelector", "dependsOn", "suspend", "interval", "drift", "rollout", "window", "accept"];

/// A resource is not looked at more often than this.
const LEAST_INTERVAL: Period = Period::seconds(1);

/// What every kind of resource can say about itself under `spec`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Common {
    /// The name of the target that it is on. Give this or `targetSelector`.
    pub(super) target: Option<String>,
    /// The targets that it is on, one instance each, by their labels. Give this or `target`.
    pub(super) target_selector: Option<Selector>,
    /// Resources (`Kind/name`) that must be as their manifests say before this one is changed.
    pub(super) depends_on: Vec<String>,
    /// Observe and report only; change nothing. Default: false.
    pub(super) suspend: bool,
    /// How often the controller looks whether it is as written, for instance `5m`. Default: what its source says.
    pub(super) interval: Option<Period>,
    /// How drift is met.
    pub(super) drift: ResourceDrift,
    /// How many hosts of a cluster are changed at once. Default: for kinds that touch what a cluster stands on
    /// (`EsxiPathPolicy`, `EsxiNfsDatastore`, `HyperVSwitch`, `NicSettings`, `DcbPolicy`) one at a time, for others all.
    pub(super) rollout: Option<RolloutSpec>,
    /// When changes that interrupt may be sent: one window or a list of them. Others are sent at any time. Default: always.
    /// Manifests of the kind `MaintenanceWindow` can say more.
    #[schemars(with = "OneOrMany<WindowSpec>")]
    pub(super) window: Vec<WindowSpec>,
    /// Risks that are wanted.
    pub(super) accept: Accept,
}

/// How many hosts of a cluster are changed at once, and when the others are left alone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RolloutSpec {
    /// How many of the hosts that belong together are changed at the same time: a number such as `1`, or a share
    /// such as `25%`, rounded down. One at the least, never all of several. Default: 1.
    pub(super) max_unavailable: Portion,
    /// After so many hosts that failed, no other of them is changed. Default: 1.
    pub(super) max_failures: u32,
    /// The label of targets whose value says which belong together; those without it belong together, too.
    /// Default: `cluster`.
    pub(super) label: String,
    /// The hosts that go first, by the labels of their targets. The others of their group are changed only while all of
    /// these are as their manifests say. Default: none.
    pub(super) canary: Option<Selector>,
    /// So long no other host of a group is begun after one was written to, for instance `10m`. Default: not at all.
    pub(super) pause: Option<Period>,
}

impl Default for RolloutSpec {
    fn default() -> Self {
        RolloutSpec {
            max_unavailable: Portion::Hosts(1),
            max_failures: 1,
            label: "cluster".to_owned(),
            canary: None,
            pause: None,
        }
    }
}

impl RolloutSpec {
    /// The hosts that `target` belongs to: `cluster=tokyo`.
    pub(super) fn group(&self, target: &Target) -> String {
        match target.labels.get(&self.label) {
            Some(value) => format!("{}={value}", self.label),
            None => format!("no label {}", self.label),
        }
    }

    /// True where `target` goes before others.
    pub(super) fn is_canary(&self, target: &Target) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.matches(&target.labels))
    }

    /// The part of it that concerns one of so many `hosts` of a group.
    pub(super) fn of(&self, group: String, hosts: usize, order: Order) -> Rollout {
        let max_failures = usize::try_from(self.max_failures.max(1)).unwrap_or(usize::MAX);
        Rollout { group, at_once: self.max_unavailable.of(hosts), max_failures, order, pause: self.pause }
    }
}

/// How drift of one resource is met.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceDrift {
    /// Report drift, or put it right. Default: what its source says.
    pub(super) mode: Option<DriftMode>,
    /// Fields (such as `properties.quota`) that are given to a new object and then left to others: what they are later
    /// is no drift, and is not changed by `apply` either.
    pub(super) ignore: Vec<String>,
}

/// Risks that are wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Accept {
    /// Settings that risk data, each with the reason and the last day of the acceptance.
    #[schemars(with = "OneOrMany<Acceptance>")]
    pub(super) data_loss: Vec<Acceptance>,
}

/// One of them or a list of them.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// A resource as far as it could be read.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) labels: Arc<BTreeMap<String, String>>,
    pub(super) node: Arc<Node>,
    /// The place of its name.
    pub(super) name_mark: Mark,
    /// The place where its document begins.
    pub(super) mark: Mark,
    pub(super) common: Common,
    /// Its windows. Of use only where no diagnostic is an error.
    pub(super) windows: Arc<[Window]>,
    /// `None` where the driver's part could not be read.
    pub(super) driven: Option<Driven>,
}

/// The driver and its part of the spec.
pub(super) struct Driven {
    pub(super) driver: Arc<dyn ErasedDriver>,
    pub(super) spec: ErasedSpec,
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driven").field("kind", &self.driver.kind()).finish_non_exhaustive()
    }
}

impl Resource {
    /// `Kind/name`
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Where its document begins.
    pub(super) fn location(&self) -> Location {
        self.node.source().location(self.mark)
    }

    /// A problem at a field of its spec.
    pub(super) fn problem(
        &self,
        path: &[&str],
        message: String,
        hint: Option<String>,
        problems: &mut Problems,
    ) {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        problems.at_path(&self.node, &path, message, hint, false);
    }
}

/// Reads a resource of a kind that `drivers` serve (at least one).
pub(super) fn read_resource(
    drivers: &[Arc<dyn ErasedDriver>],
    kind: &'static str,
    source: &Arc<Source>,
    document: Document,
    now: Timestamp,
    problems: &mut Problems,
) -> Resource {
    let Document { metadata, name_mark, mark, mut spec, .. } = document;
    for path in [&["accept", "dataLoss"][..], &["window"]] {
        make_list(&mut spec, path, source);
    }
    let is_mapping = matches!(spec.kind, Kind::Map(_));
    let common = if is_mapping { read_common(source, &spec, problems) } else { Common::default() };
    let node = Arc::new(Node::new(Arc::clone(source), spec, COMMON));
    if is_mapping {
        check(&common, &node, now, problems);
    }
    let windows = windows(&common, &node, problems);
    let driven = pick(drivers, kind, &node, problems).and_then(|driver| {
        let spec = driver.read(&node, problems)?;
        Some(Driven { driver: Arc::clone(driver), spec })
    });
    let labels = Arc::new(metadata.labels);
    Resource { kind, name: metadata.name, labels, node, name_mark, mark, common, windows, driven }
}

fn read_common(source: &Arc<Source>, spec: &Tree, problems: &mut Problems) -> Common {
    let outcome = read::<Common>(source, spec, Fields::Only(COMMON), problems);
    let common = outcome.value.unwrap_or_default();
    if outcome.whole {
        return common;
    }
    // What is incomplete is not looked into any further: one mistake, one problem.
    Common { target: common.target, depends_on: common.depends_on, ..Common::default() }
}

/// A single mapping at `path` may be written without the list around it.
fn make_list(spec: &mut Tree, path: &[&str], source: &Source) {
    let found = path.iter().try_fold(spec, |tree, key| tree.get_mut(key, source.text()));
    if let Some(tree) = found.filter(|tree| matches!(tree.kind, Kind::Map(_))) {
        let mark = tree.mark;
        let one = std::mem::replace(tree, Tree { mark, kind: Kind::List(Box::default()) });
        tree.kind = Kind::List(Box::new([one]));
    }
}

/// The driver for a spec: the kind's only one, or the one whose union key is written.
fn pick<'a>(
    drivers: &'a [Arc<dyn ErasedDriver>],
    kind: &str,
    node: &Node,
    problems: &mut Problems,
) -> Option<&'a Arc<dyn ErasedDriver>> {
    if let Some(only) = drivers.iter().find(|driver| driver.backend().is_none()) {
        return Some(only);
    }
    if !matches!(node.tree().kind, Kind::Map(_)) {
        let hint = Some(format!("write the fields of a {kind} below `spec:`"));
        problems.at_path(node, &[], "expected a mapping of fields".to_owned(), hint, false);
        return None;
    }
    let keys: Vec<&str> = drivers.iter().filter_map(|driver| driver.backend()).collect();
    let written: Vec<&str> = node.keys().filter(|key| keys.contains(key)).collect();
    let one_of =
        || format!("exactly one of {}", keys.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "));
    match written.as_slice() {
        [key] => drivers.iter().find(|driver| driver.backend() == Some(key)),
        [] => {
            let near = node
                .keys()
                .filter(|key| !COMMON.contains(key))
                .map(|key| did_you_mean(key, keys.iter().copied()))
                .find(|near| !near.is_empty());
            let message = format!("a {kind} wants {}{}", one_of(), near.unwrap_or_default());
            problems.at_path(node, &[], message, Some("add one of them below `spec:`".to_owned()), false);
            None
        }
        [first, second, ..] => {
            let message = format!("`{second}` stands beside `{first}`: a {kind} wants {}", one_of());
            let hint = Some("take one of them away".to_owned());
            problems.at_path(node, &[(*second).to_owned()], message, hint, false);
            None
        }
    }
}

fn check(common: &Common, node: &Node, now: Timestamp, problems: &mut Problems) {
    match (&common.target, &common.target_selector) {
        (Some(_), Some(_)) => {
            let message = "`target` and `targetSelector` exclude each other".to_owned();
            let hint = Some("take one of them away".to_owned());
            problems.at_path(node, &["targetSelector".to_owned()], message, hint, false);
        }
        (None, None) if !node.keys().any(means_target) => {
            let message = "the resource does not say on which target it is".to_owned();
            let hint = "write `target: NAME`, or `targetSelector` to choose targets by their labels";
            problems.at_path(node, &[], message, Some(hint.to_owned()), false);
        }
        _ => {}
    }
    if common.interval.is_some_and(|interval| interval < LEAST_INTERVAL) {
        let message = format!("`interval` must be at least {LEAST_INTERVAL}");
        let hint = Some("every look reads the target; take it away for what the source says".to_owned());
        problems.at_path(node, &["interval".to_owned()], message, hint, false);
    }
    if common.rollout.as_ref().is_some_and(|rollout| rollout.max_failures == 0) {
        let message = "`maxFailures` must be at least 1".to_owned();
        let hint = Some("1 leaves the other hosts alone after the first that failed".to_owned());
        problems.at_path(node, &["rollout".to_owned(), "maxFailures".to_owned()], message, hint, false);
    }
    let canary = common.rollout.as_ref().and_then(|rollout| rollout.canary.as_ref());
    let canary = canary.map(|canary| (&["rollout", "canary"][..], canary));
    let selectors = common.target_selector.as_ref().map(|selector| (&["targetSelector"][..], selector));
    let odd = selectors.into_iter().chain(canary).flat_map(|(at, selector)| {
        selector.problems().into_iter().map(move |(path, message)| (at, path, message))
    });
    for (at, path, message) in odd {
        let path: Vec<String> = at.iter().map(|&key| key.to_owned()).chain(path).collect();
        let hint =
            Some("`In` and `NotIn` compare with `values`, `Exists` and `DoesNotExist` do not".to_owned());
        problems.at_path(node, &path, message, hint, false);
    }
    for (nth, acceptance) in common.accept.data_loss.iter().enumerate() {
        check_acceptance(acceptance, nth, node, now, problems);
    }
}

/// The windows, and what is wrong with them.
fn windows(common: &Common, node: &Node, problems: &mut Problems) -> Arc<[Window]> {
    let mut windows = Vec::new();
    for (nth, spec) in common.window.iter().enumerate() {
        let (window, findings) = spec.read();
        windows.extend(window);
        for finding in findings {
            let path: Vec<String> =
                ["window".to_owned(), nth.to_string()].into_iter().chain(finding.path).collect();
            problems.at_path(node, &path, finding.message, finding.hint, finding.warning);
        }
    }
    windows.into()
}

/// True for `target` and `targetSelector`, even misspelt: that is reported elsewhere.
fn means_target(key: &str) -> bool {
    matches!(nearest(key, COMMON.iter().copied()), Some("target" | "targetSelector"))
}

fn check_acceptance(
    acceptance: &Acceptance,
    nth: usize,
    node: &Node,
    now: Timestamp,
    problems: &mut Problems,
) {
    let path = |field: &str| ["accept", "dataLoss", &nth.to_string(), field].map(str::to_owned);
    for (field, text) in [("of", &acceptance.of), ("reason", &acceptance.reason)] {
        if text.trim().is_empty() {
            let message = format!("an acceptance wants its `{field}`");
            let hint = if field == "of" {
                "name the setting: `sync=disabled`"
            } else {
                "say why the risk is right here"
            };
            problems.at_path(node, &path(field), message, Some(hint.to_owned()), false);
        }
    }
    if acceptance.has_expired(now) {
        let message = format!("the acceptance of {} ended on {}", acceptance.of, acceptance.until);
        let hint = "renew it, or take the setting back".to_owned();
        problems.at_path(node, &path("until"), message, Some(hint), true);
    }
}
