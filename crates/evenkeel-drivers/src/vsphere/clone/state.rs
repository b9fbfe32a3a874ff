//! A schedule's clones in normal form, and what was seen of the vCenter besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::backup::Zone;
use evenkeel_core::request::vsphere::{Object, Reference};
use jiff::Timestamp;
use serde::Serialize;

use super::wanted::Todo;
use crate::vsphere::mark::Mark;
use crate::vsphere::view::{Detail, FOLDER, Snapshot, Store, View, Vm};

/// The clones of one schedule.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VmCloneState {
    /// By machine and slot. `null`: it goes.
    pub clones: Clones,
    /// Snapshots that clones were made of, and others of that name, by machine and reference: their names. `null`: it goes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshots: BTreeMap<String, BTreeMap<String, Option<String>>>,
    /// Whether the folder is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<bool>,
    /// All that was read. It is no part of the form: what is planned follows from it.
    #[serde(skip)]
    pub(super) seen: Option<Arc<Seen>>,
    /// What is to be done, where this is what is wanted.
    #[serde(skip)]
    pub(super) todo: Todo,
}

/// Clones by machine and slot.
pub type Clones = BTreeMap<String, BTreeMap<String, Option<CloneState>>>;

/// A clone as it is, or as it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneState {
    /// What it is called.
    pub name: String,
    /// Whether it was whole, and is as it was then.
    pub sealed: bool,
}

/// What was seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) zone: Zone,
    pub(super) view: Arc<View>,
    /// Where clones are put.
    pub(super) store: Store,
    pub(super) folder: Folder,
    /// The machines, in the order of the manifest.
    pub(super) sources: Vec<Source>,
    /// The schedule's own, of all machines.
    pub(super) clones: Vec<Cloned>,
    /// The marks of clones that people's copies carry.
    pub(super) copied: Vec<Mark>,
    /// Snapshots for clones of the schedule.
    pub(super) left: Vec<Left>,
    /// Snapshots of that name that nobody marked.
    pub(super) foreign: Vec<Left>,
    /// What else carries our mark and is not looked after, and why.
    pub(super) notes: Vec<String>,
}

/// The folder of the clones.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// The last of its parts that is there.
    pub(super) base: Reference,
    /// Those that are missing.
    pub(super) missing: Vec<String>,
}

impl Folder {
    /// It, whether it is there or will be.
    pub(super) fn object(&self) -> Object {
        let base = Object::Is(self.base.clone());
        self.missing.iter().fold(base, |within, name| Object::named(FOLDER, name, within))
    }

    /// Its id, where it is there.
    pub(super) fn id(&self) -> Option<&str> {
        self.missing.is_empty().then_some(self.base.id.as_str())
    }
}

/// A machine that shall be cloned.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As the manifest names it.
    pub(super) item: String,
    /// Its identity, also where it cannot be cloned just now.
    pub(super) uuid: Option<String>,
    /// It; or why it cannot be cloned.
    pub(super) machine: Result<Machine, String>,
    /// What is done to it, or to a clone of it, just now.
    pub(super) busy: Option<String>,
}

/// A virtual machine that can be cloned.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) vm: Vm,
    pub(super) uuid: String,
    pub(super) detail: Detail,
    /// It was tried, and failed, not long ago.
    pub(super) has_failed: bool,
}

/// A virtual machine that the schedule made.
#[derive(Debug, Clone)]
pub(super) struct Cloned {
    pub(super) vm: Vm,
    pub(super) mark: Mark,
    /// The mark as it stands there.
    pub(super) text: String,
    /// What it is a copy of, as the manifest names that where it does.
    pub(super) item: String,
    pub(super) slot: Timestamp,
    /// Its key in the State: the slot, and its number where several have that.
    pub(super) key: String,
    pub(super) bytes: u64,
    /// Its network adapters: the types of the devices with their keys.
    pub(super) nics: Vec<(String, i32)>,
    pub(super) standing: Standing,
}

/// What a clone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Whole, and as it was when it was sealed.
    Sealed,
    /// Whole, and not sealed yet.
    Finished,
    /// Not whole, and why.
    Half(String),
    /// Not as we left it, and why. It is never touched.
    Changed(String),
    /// Something is done to it.
    Busy,
}

/// A snapshot of a machine.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) vm: Vm,
    /// Where that stands.
    pub(super) path: String,
    pub(super) snapshot: Snapshot,
    /// Another of the machine's has the same name and description.
    pub(super) has_twin: bool,
}
