//! Files in, targets and instances out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::de::short;
use super::document::{self, Document};
use super::maintenance::{self, Given, Maintenance};
use super::node::Node;
use super::problems::Problems;
use super::resource::{Driven, Resource, read_resource};
use super::rollout;
use super::selector::Selections;
use super::source::Source;
use super::suggest::{choices, did_you_mean};
use super::values::Values;
use super::written::Written;
use super::{claims, depends, target, uses, yaml};
use crate::config::{self, SecretSpec};
use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::diff::FieldPath;
use crate::driver::{ErasedDriver, Object, Registry};
use crate::plan::{Instance, InstanceId};
use crate::target::Target;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as the user named it.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What the manifests say.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The targets by name.
    pub targets: BTreeMap<String, Arc<Target>>,
    /// The secrets by name, each with the place where its manifest begins: paths in it start there.
    pub secrets: BTreeMap<String, (SecretSpec, Location)>,
    /// Every resource on every target that it is for, in the order of the files. Of use only where no
    /// diagnostic is an error.
    pub instances: Vec<Instance>,
    /// How many resources there are.
    pub resources: usize,
    /// The windows that are for many resources.
    pub maintenance: Arc<Maintenance>,
    /// What in the targets uses the machine that Evenkeel runs on, as errors for who does not let these manifests do
    /// that. They are not among `diagnostics`.
    pub on_this_machine: Vec<Diagnostic>,
    /// All problems of all files, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// True where a diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads manifests, with the values files laid over each other in this order.
///
/// `now` decides which acceptances have ended.
pub fn load(registry: &Registry, files: &[SourceFile], values: &[SourceFile], now: Timestamp) -> Loaded {
    let mut problems = Problems::default();
    let values = read_values(values, &mut problems);
    let mut reading = Reading::new(registry, values, now);
    for file in files {
        reading.file(file, &mut problems);
    }
    let Reading { targets, secrets, resources, on_this_machine, windows, .. } = reading;
    let targets: BTreeMap<String, Arc<Target>> = targets.into_iter().map(|(n, (t, _))| (n, t)).collect();
    let maintenance = windows.finish(&targets, &mut problems);
    let levels = depends::levels(&resources, &mut problems);
    let (mut instances, owners) = expand(&resources, &targets, &levels, now, &mut problems);
    give_windows(&mut instances, &targets, &maintenance);
    claims::check(&resources, &instances, &owners, now, &mut problems);
    uses::check(&resources, &owners, &targets, &mut problems);
    Loaded {
        targets,
        secrets,
        instances,
        resources: resources.len(),
        maintenance: Arc::new(maintenance),
        on_this_machine: on_this_machine.into_diagnostics(),
        diagnostics: problems.into_diagnostics(),
    }
}

pub(super) fn read_values(files: &[SourceFile], problems: &mut Problems) -> Values {
    let mut values = Values::new();
    for file in files {
        values.are_given = true;
        let Some(source) = decode(file, problems) else { continue };
        for tree in yaml::parse(&source, problems) {
            values.overlay(&source, &tree, problems);
        }
    }
    values
}

pub(super) fn decode(file: &SourceFile, problems: &mut Problems) -> Option<Arc<Source>> {
    match yaml::decode(&file.path, &file.bytes) {
        Ok(source) => Some(Arc::new(source)),
        Err(diagnostic) => {
            problems.push(*diagnostic);
            problems.unread();
            None
        }
    }
}

/// The state of reading file after file.
struct Reading {
    drivers: HashMap<&'static str, Vec<Arc<dyn ErasedDriver>>>,
    kinds: Vec<&'static str>,
    values: Values,
    now: Timestamp,
    targets: BTreeMap<String, (Arc<Target>, Location)>,
    secrets: BTreeMap<String, (SecretSpec, Location)>,
    resources: Vec<Resource>,
    /// Index of each resource by kind and name.
    known: HashMap<(&'static str, String), usize>,
    /// Every set of labels once: thousands of resources have the same.
    labels: HashSet<Arc<BTreeMap<String, String>>>,
    on_this_machine: Problems,
    windows: maintenance::Reader,
}

impl Reading {
    fn new(registry: &Registry, values: Values, now: Timestamp) -> Self {
        let mut drivers: HashMap<&'static str, Vec<Arc<dyn ErasedDriver>>> = HashMap::new();
        for driver in registry.iter() {
            drivers.entry(driver.kind()).or_default().push(Arc::clone(driver));
        }
        Reading {
            drivers,
            kinds: registry.kinds(),
            values,
            now,
            targets: BTreeMap::new(),
            secrets: BTreeMap::new(),
            resources: Vec::new(),
            known: HashMap::new(),
            labels: HashSet::new(),
            on_this_machine: Problems::default(),
            windows: maintenance::Reader::default(),
        }
    }

    fn file(&mut self, file: &SourceFile, problems: &mut Problems) {
        let Some(source) = decode(file, problems) else { return };
        for mut tree in yaml::parse(&source, problems) {
            if problems.is_full() {
                return;
            }
            self.values.fill(&source, &mut tree, problems);
            if let Some(document) = document::open(&source, tree, problems) {
                self.document(&source, document, problems);
            }
        }
    }

    fn document(&mut self, source: &Arc<Source>, document: Document, problems: &mut Problems) {
        if document.kind == target::KIND {
            self.target(source, document, problems);
            return;
        }
        if document.kind == config::SECRET {
            let written = Written::new(source, document);
            config::take_secret(&written, config::Place::Manifests, &mut self.secrets, problems);
            return;
        }
        if document.kind == maintenance::KIND {
            self.windows.take(Written::new(source, document), &self.kinds, self.now, problems);
            return;
        }
        let Some((&kind, drivers)) = self.drivers.get_key_value(document.kind.as_str()) else {
            self.unknown_kind(source, &document, problems);
            return;
        };
        let mut resource = read_resource(drivers, kind, source, document, self.now, problems);
        let key = (kind, resource.name.clone());
        if let Some(first) = self.known.get(&key).and_then(|&at| self.resources.get(at)) {
            let message = format!("there are two resources {}", resource.id());
            let hint = format!("the first one is at {}: rename one of them", first.location());
            problems.error(source, resource.name_mark, message, Some(hint));
            return;
        }
        match self.labels.get(&resource.labels) {
            Some(known) => resource.labels = Arc::clone(known),
            None => drop(self.labels.insert(Arc::clone(&resource.labels))),
        }
        self.known.insert(key, self.resources.len());
        self.resources.push(resource);
    }

    fn unknown_kind(&self, source: &Arc<Source>, document: &Document, problems: &mut Problems) {
        let (kind, mark) = (document.kind.as_str(), document.kind_mark);
        if config::KINDS.contains(&kind) {
            let message = format!("a {kind} does not stand among manifests");
            let hint =
                "it belongs in the controller's configuration: `evenkeel validate --config FILE` checks that";
            problems.error(source, mark, message, Some(hint.to_owned()));
            return;
        }
        let kinds = || self.kinds.iter().copied().chain([target::KIND, maintenance::KIND, config::SECRET]);
        let message = format!("unknown kind `{}`{}", short(kind), did_you_mean(kind, kinds()));
        problems.error(source, mark, message, choices("the kinds are", kinds()));
    }

    fn target(&mut self, source: &Arc<Source>, document: Document, problems: &mut Problems) {
        let Document { metadata, name_mark, mark, spec, .. } = document;
        let (name, labels) = (metadata.name, metadata.labels);
        let node = Node::new(Arc::clone(source), spec, &[]);
        let spec = target::read(&node, problems);
        if let Some(spec) = &spec {
            target::refuse_this_machine(spec, &node, &mut self.on_this_machine);
        }
        if let Some((_, first)) = self.targets.get(&name) {
            let message = format!("there are two targets `{}`", short(&name));
            let hint = format!("the first one is at {first}: rename one of them");
            problems.error(source, name_mark, message, Some(hint));
            return;
        }
        // A target that could not be read is still known, so that what names it is not reported too.
        let target = Target { name: name.clone(), labels, spec: spec.unwrap_or_default() };
        self.targets.insert(name, (Arc::new(target), source.location(mark)));
    }
}

/// Every resource on every one of its targets, and for each instance the index of its resource.
fn expand(
    resources: &[Resource],
    targets: &BTreeMap<String, Arc<Target>>,
    levels: &[usize],
    now: Timestamp,
    problems: &mut Problems,
) -> (Vec<Instance>, Vec<usize>) {
    let mut selections = Selections::new(targets);
    let mut instances = Vec::with_capacity(resources.len());
    let mut owners = Vec::with_capacity(resources.len());
    for (at, resource) in resources.iter().enumerate() {
        let on = places(resource, targets, &mut selections, problems);
        let Some(Driven { driver, spec }) = &resource.driven else { continue };
        let Object { name: object, claims } = driver.object(spec, now);
        check_ignored(resource, &claims, problems);
        let ignore: Arc<[String]> = resource.common.drift.ignore.as_slice().into();
        let uses = uses::names(resource, driver.uses(spec), &on, targets, problems);
        let level = levels.get(at).copied().unwrap_or_default();
        for target in on.iter() {
            owners.push(at);
            instances.push(Instance {
                id: InstanceId {
                    target: target.name.clone(),
                    kind: resource.kind.to_owned(),
                    name: resource.name.clone(),
                },
                driver: Arc::clone(driver),
                spec: Arc::clone(spec),
                object: object.clone(),
                node: Arc::clone(&resource.node),
                location: resource.location(),
                labels: Arc::clone(&resource.labels),
                level,
                depends_on: resource.common.depends_on.clone(),
                uses: Arc::clone(&uses),
                owner: target.owner().to_owned(),
                suspend: resource.common.suspend,
                accepted: resource.common.accept.data_loss.clone(),
                windows: Arc::clone(&resource.windows),
                interval: resource.common.interval,
                drift: resource.common.drift.mode,
                ignore: Arc::clone(&ignore),
                rollout: None,
                hold: None,
                approval: None,
                rejection: None,
            });
        }
    }
    rollout::assign(resources, targets, &mut instances, &owners, problems);
    (instances, owners)
}

/// Adds the windows of their targets to those of the instances.
fn give_windows(
    instances: &mut [Instance],
    targets: &BTreeMap<String, Arc<Target>>,
    maintenance: &Maintenance,
) {
    let mut given = Given::new(maintenance);
    for instance in instances {
        if let Some(target) = targets.get(&instance.id.target) {
            instance.windows = given.of(target, instance.driver.kind(), &instance.windows);
        }
    }
}

/// A field that is left alone must be one that the manifest gives: a misspelt one would be put right nevertheless.
fn check_ignored(resource: &Resource, claims: &[(FieldPath, Value)], problems: &mut Problems) {
    for (nth, field) in resource.common.drift.ignore.iter().enumerate() {
        if claims.iter().any(|(path, _)| path.is_within(field)) {
            continue;
        }
        let paths: BTreeSet<String> = claims.iter().map(|(path, _)| path.to_string()).collect();
        let near = did_you_mean(field, paths.iter().map(String::as_str));
        let message = format!("this manifest does not give `{}`{near}", short(field));
        let hint = choices("it gives", paths.iter().map(String::as_str));
        resource.problem(&["drift", "ignore", &nth.to_string()], message, hint, problems);
    }
}

/// The hint where a name is not known, and not all of the manifests are.
pub(crate) const UNREAD: &str = "it may stand in the document that could not be read";

/// The targets that a resource is for.
fn places(
    resource: &Resource,
    targets: &BTreeMap<String, Arc<Target>>,
    selections: &mut Selections<'_>,
    problems: &mut Problems,
) -> Arc<[Arc<Target>]> {
    if let Some(name) = &resource.common.target {
        if let Some(target) = targets.get(name) {
            return [Arc::clone(target)].into();
        }
        no_such_target(resource, &["target"], name, targets, problems);
    } else if let Some(selector) = &resource.common.target_selector {
        let on = selections.of(selector);
        if on.is_empty() && selector.problems().is_empty() {
            let message = "no target has these labels, so this does nothing".to_owned();
            let mark = resource.node.mark_of(&["targetSelector".to_owned()]);
            let hint = Some("label a target like this, or change the selector".to_owned());
            problems.warning(resource.node.source(), mark, message, hint);
        }
        return on;
    }
    Arc::default()
}

/// A resource names a target that there is not.
pub(super) fn no_such_target(
    resource: &Resource,
    path: &[&str],
    name: &str,
    targets: &BTreeMap<String, Arc<Target>>,
    problems: &mut Problems,
) {
    if problems.is_full() {
        return;
    }
    let near = did_you_mean(name, targets.keys().map(String::as_str));
    let message = format!("there is no target `{}`{near}", short(name));
    let hint = if problems.has_unread() {
        UNREAD.to_owned()
    } else {
        choices("the targets are", targets.keys().map(String::as_str))
            .unwrap_or_else(|| "add a manifest of kind Target".to_owned())
    };
    resource.problem(path, message, Some(hint), problems);
}
