//! Which objects are meant that a request names by what they are: looked up just before they are needed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evenkeel_core::request::vsphere::{Object, Reference};
use evenkeel_core::transport::TransportError;
use serde_json::Value;

use super::faults::{Fault, Refusal};
use super::retrieve::{Found, Paths};
use super::session::{Content, Link, referred};

/// Types, each with the one that it extends, of those that people name.
const EXTENDED: [(&str, &str); 3] =
    [("ClusterComputeResource", "ComputeResource"), ("StoragePod", "Folder"), ("VirtualApp", "ResourcePool")];

/// Which object is meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Match {
    /// This one.
    One(Reference),
    /// There is none.
    None,
    /// So many, and so it is not clear which.
    Several(usize),
}

impl Match {
    fn of(mut all: Vec<Reference>) -> Self {
        match (all.pop(), all.len()) {
            (Some(one), 0) => Match::One(one),
            (Some(_), others) => Match::Several(others + 1),
            (None, _) => Match::None,
        }
    }

    /// The object, where there is exactly one.
    pub(super) fn one(&self, object: &Object) -> Result<Reference, Refusal> {
        match self {
            Match::One(is) => Ok(is.clone()),
            Match::None => Err(Refusal::new(404, format!("there is no {}", described(object)))),
            Match::Several(count) => {
                let message = format!("there are {count} of what should be one: {}", described(object));
                Err(Refusal::new(409, message))
            }
        }
    }
}

/// What objects were found to be.
pub(super) type Matches = HashMap<Object, Match>;

/// An object in a sentence.
pub(super) fn described(object: &Object) -> String {
    match object {
        Object::Is(is) => format!("{} {}", is.kind, is.id),
        Object::Of(field) => format!("`{field}` on this server"),
        Object::Named { kind, name, within: None } => format!("{kind} of the name `{name}`"),
        Object::Named { kind, name, within: Some(within) } => {
            format!("{kind} of the name `{name}` in the {}", described(within))
        }
        Object::Marked { key, value } => format!("VirtualMachine with {key}={value}"),
        Object::Snapshot { vm, name, description } => {
            format!("snapshot `{name}` of the VirtualMachine {} with the description `{description}`", vm.id)
        }
    }
}

impl Link<'_> {
    /// Looks up objects, all of them in at most two reads: those of the inventory, and snapshots.
    pub(super) async fn look_up<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o Object>,
    ) -> Result<Result<Matches, Fault>, TransportError> {
        let objects: Vec<&Object> = objects.into_iter().collect();
        let mut needs = Needs::default();
        for object in &objects {
            needs.add(object);
        }
        let mut picture = Picture::default();
        if !needs.what.is_empty() {
            match self.retrieve_all(&needs.what).await? {
                Ok(found) => picture.found = found,
                Err(fault) => return Ok(Err(fault)),
            }
        }
        if !needs.vms.is_empty() {
            let paths = paths("VirtualMachine", ["snapshot"]);
            match self.retrieve(&needs.vms, &paths).await? {
                Ok(found) => picture.vms = found.into_iter().map(|vm| (vm.object.clone(), vm)).collect(),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let session = self.open().await?;
        let found = objects.into_iter().map(|o| (o.clone(), picture.find(&session.content, o)));
        Ok(Ok(found.collect()))
    }
}

/// Paths of one type.
pub(super) fn paths<const N: usize>(kind: &str, all: [&str; N]) -> Paths {
    BTreeMap::from([(kind.to_owned(), all.into_iter().map(str::to_owned).collect())])
}

/// What has to be read.
#[derive(Debug, Default)]
struct Needs {
    what: Paths,
    /// Whose snapshots.
    vms: BTreeSet<Reference>,
}

impl Needs {
    fn add(&mut self, object: &Object) {
        match object {
            Object::Is(_) | Object::Of(_) => {}
            Object::Named { kind, within, .. } => {
                let of_kind = self.what.entry(kind.clone()).or_default();
                of_kind.extend(["name", "parent"].map(str::to_owned));
                if let Some(within) = within {
                    self.add(within);
                }
            }
            Object::Marked { .. } => {
                let of_vms = self.what.entry("VirtualMachine".to_owned()).or_default();
                of_vms.insert("config.extraConfig".to_owned());
            }
            Object::Snapshot { vm, .. } => {
                self.vms.insert(vm.clone());
            }
        }
    }
}

/// What was read.
#[derive(Debug, Default)]
struct Picture {
    found: Vec<Found>,
    vms: HashMap<Reference, Found>,
}

impl Picture {
    fn find(&self, content: &Content, object: &Object) -> Match {
        let all = |wanted: &dyn Fn(&Found) -> bool| {
            Match::of(
                self.found.iter().filter(|found| wanted(found)).map(|found| found.object.clone()).collect(),
            )
        };
        match object {
            Object::Is(is) => Match::One(is.clone()),
            Object::Of(field) => content.find(field).map_or(Match::None, Match::One),
            Object::Named { kind, name, within } => {
                let parent = match within.as_ref().map(|within| self.find(content, within)) {
                    None => None,
                    Some(Match::One(parent)) => Some(parent),
                    Some(other) => return other,
                };
                all(&|found| {
                    let is_within = || found.properties.get("parent").and_then(referred) == parent;
                    is_a(&found.object.kind, kind)
                        && found.text("name") == Some(name)
                        && (parent.is_none() || is_within())
                })
            }
            Object::Marked { key, value } => all(&|found| {
                let options = found.properties.get("config.extraConfig");
                found.object.kind == "VirtualMachine"
                    && options.is_some_and(|all| has_option(all, key, value))
            }),
            Object::Snapshot { vm, name, description } => {
                let root = self.vms.get(vm).and_then(|vm| vm.properties.get("snapshot"));
                let mut all = Vec::new();
                if let Some(root) = root {
                    snapshots(root, "rootSnapshotList", name, description, &mut all);
                }
                Match::of(all)
            }
        }
    }
}

fn is_a(kind: &str, wanted: &str) -> bool {
    kind == wanted || EXTENDED.contains(&(kind, wanted))
}

/// True where a list of options has this one.
pub(super) fn has_option(all: &Value, key: &str, value: &str) -> bool {
    let text = |option: &Value, field: &str, is: &str| option.get(field).and_then(Value::as_str) == Some(is);
    let mut all = all.as_array().into_iter().flatten();
    all.any(|option| text(option, "key", key) && text(option, "value", value))
}

/// The snapshots of this name and description, in a tree. A description that is not told is empty.
fn snapshots(tree: &Value, branch: &str, name: &str, description: &str, all: &mut Vec<Reference>) {
    for snapshot in tree.get(branch).and_then(Value::as_array).into_iter().flatten() {
        let text = |field: &str| snapshot.get(field).and_then(Value::as_str).unwrap_or_default();
        if text("name") == name && text("description") == description {
            all.extend(snapshot.get("snapshot").and_then(referred));
        }
        snapshots(snapshot, "childSnapshotList", name, description, all);
    }
}
