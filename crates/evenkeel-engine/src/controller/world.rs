//! What one source says now: its instances with the hashes of their wishes, and how two revisions differ.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use evenkeel_core::config::{Caps, Reconcile};
use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{Loaded, Maintenance, load};
use evenkeel_core::plan::{Instance, InstanceId};
use evenkeel_core::target::Target;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::history::first_bytes;
use crate::reconcile::machine;
use crate::source::{Revision, Snapshot};
use crate::store::ResourceKey;

/// Fields that say how a resource is looked after, not how it shall be.
const NO_WISH: &[&str] =
    &["target", "targetSelector", "dependsOn", "suspend", "interval", "drift", "rollout"];

/// So many resources may always leave at once.
const ALWAYS_LET_THROUGH: usize = 3;

/// A resource on a target, as the revision in force wants it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) instance: Instance,
    /// A hash of what is wanted.
    pub(super) digest: String,
}

impl Wanted {
    /// True where `other` is to be looked after in another way.
    fn is_kept_otherwise(&self, other: &Wanted) -> bool {
        let (one, other) = (&self.instance, &other.instance);
        (one.interval, one.drift, one.suspend, &one.ignore, &one.depends_on, &one.rollout)
            != (other.interval, other.drift, other.suspend, &other.ignore, &other.depends_on, &other.rollout)
            || !one.windows.iter().zip(other.windows.iter()).all(|(one, other)| one.is_alike(other))
            || one.windows.len() != other.windows.len()
    }
}

/// What a source says.
#[derive(Debug)]
pub(super) struct World {
    pub(super) revision: Revision,
    /// A hash of the files that it was read from: other settings can make another of the same revision.
    pub(super) content: u64,
    pub(super) targets: BTreeMap<String, Arc<Target>>,
    pub(super) wanted: BTreeMap<InstanceId, Wanted>,
    /// The instances of each resource, by `Kind/name`.
    named: HashMap<String, Vec<InstanceId>>,
    /// The windows that are for many resources.
    pub(super) maintenance: Arc<Maintenance>,
    /// What is worth a look in the manifests.
    pub(super) warnings: Vec<Diagnostic>,
}

impl World {
    /// Reads a snapshot; with errors in its manifests, all their diagnostics.
    pub(super) fn read(
        registry: &Registry,
        snapshot: &Snapshot,
        terms: &Reconcile,
        now: Timestamp,
    ) -> Result<World, Vec<Diagnostic>> {
        let loaded = load(registry, &snapshot.manifests, &snapshot.values, now);
        if loaded.has_errors() {
            return Err(loaded.diagnostics);
        }
        if !terms.allow_local && !loaded.on_this_machine.is_empty() {
            return Err([loaded.on_this_machine, loaded.diagnostics].concat());
        }
        let Loaded { mut targets, instances, maintenance, diagnostics, .. } = loaded;
        if terms.prune {
            for target in targets.values_mut().filter(|target| target.carries_marks()) {
                Arc::make_mut(target).spec.prune = true;
            }
        }
        let mut named: HashMap<String, Vec<InstanceId>> = HashMap::new();
        for instance in &instances {
            let InstanceId { kind, name, .. } = &instance.id;
            named.entry(format!("{kind}/{name}")).or_default().push(instance.id.clone());
        }
        let wanted = instances.into_iter().map(|instance| {
            let wish = instance.node.digest(NO_WISH);
            let machine = targets.get(&instance.id.target).map(|target| machine(target)).unwrap_or_default();
            let digest = digest(&wish, &machine);
            (instance.id.clone(), Wanted { instance, digest })
        });
        let warnings = diagnostics.into_iter().filter(|d| d.severity == Severity::Warning).collect();
        let (revision, wanted, content) = (snapshot.revision.clone(), wanted.collect(), content(snapshot));
        Ok(World { revision, content, targets, wanted, named, maintenance, warnings })
    }

    /// True where this is what a snapshot says.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.revision.id == snapshot.revision.id && self.content == content(snapshot)
    }

    /// What is wanted on a target.
    pub(super) fn wanted_on(&self, target: &str) -> impl Iterator<Item = (&InstanceId, &Wanted)> {
        let first = InstanceId { target: target.to_owned(), kind: String::new(), name: String::new() };
        self.wanted.range(first..).take_while(move |(id, _)| id.target == target)
    }

    /// The names of a machine, other than `but`.
    pub(super) fn names_of(&self, machine: &str, but: Option<&str>) -> impl Iterator<Item = &str> {
        let names = self.targets.keys().map(String::as_str).filter(move |name| Some(*name) != but);
        names.filter(move |name| self.machine(name) == machine)
    }

    /// The machine behind a target, so that two names of it are known to be one.
    pub(super) fn machine(&self, target: &str) -> String {
        self.targets.get(target).map_or_else(|| target.to_owned(), |target| machine(target))
    }

    /// The targets that a target is not written to beside.
    pub(super) fn exclusion_group(&self, target: &str) -> Option<String> {
        self.targets.get(target)?.spec.exclusion_group.clone()
    }

    /// The keys of what an instance depends on.
    pub(super) fn dependencies(&self, source: &str, instance: &Instance) -> Vec<ResourceKey> {
        let ids = instance.depends_on.iter().filter_map(|name| self.named.get(name)).flatten();
        ids.map(|id| ResourceKey { source: source.to_owned(), id: id.clone() }).collect()
    }
}

/// A hash of a wish and of the machine that it is about: the same wish for another machine is another wish, which was
/// never fulfilled there.
fn digest(wish: &str, machine: &str) -> String {
    format!("{wish}-{:016x}", first_bytes(&Sha256::digest(machine.as_bytes())))
}

/// How a new revision differs from the one in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) added: Vec<InstanceId>,
    pub(super) changed: Vec<InstanceId>,
    /// As wanted as before, but looked after in another way: suspended, met with another mode, at another target.
    pub(super) retuned: Vec<InstanceId>,
    pub(super) gone: Vec<InstanceId>,
    /// How many of the changed ones leave their object behind for another one: that is pruned like what is gone.
    turned: usize,
}

impl Difference {
    /// Between what is in force (nothing at first) and what is new.
    pub(super) fn between(old: Option<&World>, new: &World) -> Self {
        let mut difference = Difference::default();
        for (id, wanted) in &new.wanted {
            match old.and_then(|old| old.wanted.get(id)) {
                None => difference.added.push(id.clone()),
                Some(before) if before.digest != wanted.digest => {
                    difference.turned += usize::from(before.instance.object != wanted.instance.object);
                    difference.changed.push(id.clone());
                }
                Some(before) => {
                    let target = |world: &World| world.targets.get(&id.target).cloned();
                    if before.is_kept_otherwise(wanted) || old.and_then(target) != target(new) {
                        difference.retuned.push(id.clone());
                    }
                }
            }
        }
        let before = old.into_iter().flat_map(|old| old.wanted.keys());
        difference.gone = before.filter(|id| !new.wanted.contains_key(id)).cloned().collect();
        difference
    }

    /// Why the new revision has to wait for a person; nothing where it need not. `known` is how many resources of the
    /// source the store knows, for where no revision is in force.
    pub(super) fn objections(
        &self,
        old: Option<&World>,
        known: usize,
        new: &World,
        caps: Caps,
    ) -> Vec<String> {
        let before = old.map_or(known, |old| old.wanted.len());
        if before == 0 {
            return Vec::new();
        }
        if new.wanted.is_empty() {
            return vec![format!("it has no resources at all, and {before} are in force")];
        }
        let mut reasons = Vec::new();
        let left = self.gone.len() + self.turned;
        if left > ALWAYS_LET_THROUGH && exceeds(left, before, caps.prune_percent) {
            let percent = caps.prune_percent;
            let how = match (self.gone.len(), self.turned) {
                (_, 0) => "leave the manifests",
                (0, _) => "turn to another object and leave theirs behind",
                _ => "leave the manifests or turn to another object",
            };
            reasons.push(format!(
                "{left} of {before} resources {how}, more than caps.prunePercent ({percent} %)"
            ));
        }
        let touched = self.gone.len() + self.added.len() + self.changed.len();
        if old.is_some()
            && touched > ALWAYS_LET_THROUGH
            && caps.change_percent < 100
            && exceeds(touched, before, caps.change_percent)
        {
            let percent = caps.change_percent;
            reasons.push(format!(
                "{touched} resources leave, come or change beside {before} in force, more than caps.changePercent ({percent} %)"
            ));
        }
        reasons
    }
}

/// Equal for snapshots with equal files.
fn content(snapshot: &Snapshot) -> u64 {
    let mut hash = Sha256::new();
    for files in [&snapshot.manifests, &snapshot.values, &snapshot.attachments] {
        hash.update(files.len().to_be_bytes());
        for file in files {
            for part in [file.path.as_bytes(), &file.bytes] {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
        }
    }
    first_bytes(&hash.finalize())
}

fn exceeds(part: usize, whole: usize, percent: u8) -> bool {
    part * 100 > whole * usize::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(gone: usize, changed: usize) -> Difference {
        let id = |n: usize| InstanceId { target: "t".into(), kind: "K".into(), name: n.to_string() };
        Difference {
            changed: (0..changed).map(id).collect(),
            gone: (0..gone).map(id).collect(),
            ..Difference::default()
        }
    }

    #[test]
    fn a_percentage_is_of_what_is_in_force() {
        assert!(!exceeds(20, 100, 20) && exceeds(21, 100, 20) && exceeds(1, 1, 99) && !exceeds(5, 5, 100));
        assert_eq!(difference(4, 0).gone.len(), 4);
    }
}
