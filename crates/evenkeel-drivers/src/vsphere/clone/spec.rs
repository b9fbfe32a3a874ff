//! What people write for clones of virtual machines on a schedule.

use evenkeel_core::backup::{Retention, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::vsphere::name::{Fault, Pattern};

/// What clones are called unless the manifest says it.
const NAME: &str = "zz_{vm}-{slot}-{yyyyMMddHHmm}";
/// What the snapshots are called that clones are made of, unless the manifest says it.
const SNAPSHOT_NAME: &str = "Clone Snapshot";
/// So many hundredths of the datastore stay free unless the manifest says it.
const RESERVE: u64 = 10;

/// Clones of virtual machines on another datastore of a vCenter, on a schedule.
///
/// For every slot there shall be a clone of each machine, made of a snapshot that is there only while it is made. A clone that
/// is whole is sealed: it is off, has all disks, and all of them on the datastore. Only those count for what is kept, which is
/// decided for each machine by itself, and nothing is removed before the new one is sealed. What makes a clone one of the
/// schedule's own is a mark in its configuration, whatever it is called. Clones are never powered on.
///
/// The target is a vCenter (`vsphere`): a host by itself does not clone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VmCloneScheduleSpec {
    /// When. `timeZone` has to be given: a vCenter tells none.
    pub schedule: Schedule,
    /// Which clones of each machine are kept. Default: all.
    #[serde(default)]
    pub retention: Retention,
    /// Of what, and where to.
    pub vm_clone: VmCloneSpec,
}

/// What is cloned, how, and where to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VmCloneSpec {
    /// The machines, by name; by path (`/DC0/vm/web/avocado2`) where several have that name. They are cloned in this order,
    /// those that failed lately after the others.
    pub vms: Vec<String>,
    /// The datastore that the clones are put on, by name; by path (`/DC0/datastore/NFS_durian`) where several have that name.
    pub datastore: String,
    /// The folder of virtual machines that the clones are put into, below that of the datastore's datacenter (`backup`,
    /// `backup/nightly`). It is made where it is missing.
    pub folder: String,
    /// What the disks of clones are: `sparse`, `thin` or `same` as those of the machine. Default: `sparse`.
    #[serde(default)]
    pub disk_format: DiskFormat,
    /// What clones are called: `{vm}` is the machine's name, `{slot}` a number of two digits, the smallest that no clone of
    /// that machine has, and `{yyyyMMddHHmm}` when the slot began. Default: `zz_{vm}-{slot}-{yyyyMMddHHmm}`.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether the guest is asked to bring its file systems to rest for the snapshot: `true`, `false`, or `try`: where its
    /// tools run. Default: `try`.
    #[serde(default)]
    pub quiesce: Quiesce,
    /// How many are cloned at the same time. Their snapshots stay until the slowest of them is done. Default: 1.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// How much of the datastore stays free: a machine whose clone would take of it waits. Default: `10%`.
    #[serde(default)]
    pub reserve: Option<String>,
    /// What the snapshots are called that clones are made of. Default: `Clone Snapshot`.
    #[serde(default)]
    pub snapshot_name: Option<String>,
    /// What becomes of snapshots of that name that are not ours, as an earlier script may have left them: `report` or
    /// `remove`. Default: `report`.
    #[serde(default)]
    pub foreign_snapshots: ForeignSnapshots,
}

/// What the disks of clones are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DiskFormat {
    /// As the server makes them sparse: they take what is written on them.
    #[default]
    Sparse,
    /// Thin, each of them: they take what is written on them.
    Thin,
    /// What those of the machine are.
    Same,
}

/// Whether the guest is asked to bring its file systems to rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "QuiesceForm")]
pub enum Quiesce {
    /// Always: where it cannot, there is no clone.
    Always,
    /// Never.
    Never,
    /// Where its tools run.
    #[default]
    Try,
}

/// The ways to write it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum QuiesceForm {
    /// Always or never.
    Is(bool),
    /// Where it can.
    Word(QuiesceWord),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum QuiesceWord {
    Try,
}

impl<'de> Deserialize<'de> for Quiesce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = QuiesceForm::deserialize(deserializer)
            .map_err(|_| serde::de::Error::custom("expected `true`, `false` or `try`"))?;
        Ok(match form {
            QuiesceForm::Is(true) => Quiesce::Always,
            QuiesceForm::Is(false) => Quiesce::Never,
            QuiesceForm::Word(QuiesceWord::Try) => Quiesce::Try,
        })
    }
}

/// What becomes of snapshots that have the name of ours, and are not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForeignSnapshots {
    /// They are told.
    #[default]
    Report,
    /// They are removed.
    Remove,
}

impl VmCloneScheduleSpec {
    /// What clones are called.
    pub(super) fn pattern(&self) -> Result<Pattern, Fault> {
        Pattern::read(self.pattern_text())
    }

    /// The same as it is written.
    pub(super) fn pattern_text(&self) -> &str {
        self.vm_clone.name.as_deref().unwrap_or(NAME)
    }

    /// What the snapshots are called.
    pub(super) fn snapshot_name(&self) -> &str {
        self.vm_clone.snapshot_name.as_deref().unwrap_or(SNAPSHOT_NAME)
    }

    /// The parts of the folder's path.
    pub(super) fn folder(&self) -> impl Iterator<Item = &str> {
        self.vm_clone.folder.trim_matches('/').split('/')
    }

    /// So many hundredths of the datastore stay free. `None`: it says nothing that means that.
    pub(super) fn reserve(&self) -> Option<u64> {
        let Some(text) = &self.vm_clone.reserve else { return Some(RESERVE) };
        text.strip_suffix('%')?.trim().parse().ok().filter(|percent| *percent < 100)
    }

    /// So many are cloned at the same time.
    pub(super) fn concurrency(&self) -> usize {
        usize::try_from(self.vm_clone.concurrency.unwrap_or(1)).unwrap_or(1).max(1)
    }

    /// How often each is tried for one slot.
    pub(super) fn attempts(&self) -> u32 {
        self.schedule.attempts.unwrap_or(3)
    }

    /// The clones of one schedule: datastore, folder and names. Two schedules of a vCenter differ in one of them.
    pub(super) fn object(&self) -> String {
        let folder = self.folder().collect::<Vec<_>>().join("/");
        format!("{}:{folder}/{}", self.vm_clone.datastore, self.pattern_text())
    }
}

/// The name in an entry of `vms`: of a path its last part.
pub(super) fn last_part(entry: &str) -> &str {
    match entry.strip_prefix('/') {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => entry,
    }
}
