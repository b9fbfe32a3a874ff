//! What we write on what we make in a vCenter, so that it is known again whatever it is called by then.

use evenkeel_core::backup::slot_of;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The option of a virtual machine's `extraConfig` that says whose clone it is: a [`Mark`]. It is there from the moment that
/// the clone is.
pub(super) const CLONE: &str = "evenkeel.clone";
/// The option that says that a clone was whole: its [`Mark::uuid`].
pub(super) const SEALED: &str = "evenkeel.sealed";

/// The form of marks that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// What is written on a clone.
///
/// A clone of a clone has all of it, too; so the mark names the one virtual machine that it is for. The identity is given to
/// the clone when it is made, and a vCenter gives it to no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mark {
    format: u32,
    /// Who makes it: the owner of the marks.
    pub(super) owner: String,
    /// The resource that it is made for: `BackupSchedule/olive-vm-clones`.
    pub(super) resource: String,
    /// The object of that resource's spec: what makes it one of a schedule's own.
    pub(super) object: String,
    /// What it is a clone of, as the manifest names it.
    pub(super) vm: String,
    /// The `instanceUuid` of that.
    pub(super) vm_uuid: String,
    /// The path of that one's configuration file: `[LocalDS_0] avocado2/avocado2.vmx`.
    pub(super) vmx: String,
    /// The slot, by its name.
    pub(super) slot: String,
    /// Which of the numbers it has.
    pub(super) number: u32,
    /// The how many'th try for its slot it is, from 1.
    pub(super) attempt: u32,
    /// The clone's own `instanceUuid`.
    pub(super) uuid: String,
    /// The sizes in KiB of the disks that it has to have, in ascending order.
    pub(super) disks: Vec<u64>,
}

/// What a clone is made for: everything in its mark that does not follow from the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub(super) owner: &'a str,
    pub(super) resource: &'a str,
    pub(super) object: &'a str,
    pub(super) vm: &'a str,
    pub(super) vm_uuid: &'a str,
    pub(super) vmx: &'a str,
    pub(super) slot: &'a str,
    pub(super) number: u32,
    pub(super) attempt: u32,
}

impl Mark {
    /// The mark of a clone that is to have disks of these sizes.
    pub(super) fn new(purpose: Purpose<'_>, mut disks: Vec<u64>) -> Self {
        disks.sort_unstable();
        Mark {
            format: FORMAT,
            owner: purpose.owner.to_owned(),
            resource: purpose.resource.to_owned(),
            object: purpose.object.to_owned(),
            vm: purpose.vm.to_owned(),
            vm_uuid: purpose.vm_uuid.to_owned(),
            vmx: purpose.vmx.to_owned(),
            slot: purpose.slot.to_owned(),
            number: purpose.number,
            attempt: purpose.attempt,
            uuid: identity(purpose),
            disks,
        }
    }

    /// Reads one; why it cannot be read.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mark: Mark = serde_json::from_str(text).map_err(|error| format!("it cannot be read: {error}"))?;
        if mark.format != FORMAT {
            return Err(format!("it is of the form {}, and {FORMAT} is known", mark.format));
        }
        match slot_of(&mark.slot) {
            Some(_) => Ok(mark),
            None => Err(format!("`{}` is no slot", mark.slot)),
        }
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// When its slot began.
    pub(super) fn at(&self) -> Option<Timestamp> {
        slot_of(&self.slot)
    }

    /// True for the virtual machine with this `instanceUuid`.
    pub(super) fn is_of(&self, uuid: &str) -> bool {
        self.uuid.eq_ignore_ascii_case(uuid)
    }

    /// True where disks of these sizes are all that there have to be. More are no harm: those that no snapshot holds.
    pub(super) fn has_disks(&self, sizes: impl Iterator<Item = u64>) -> bool {
        let mut there: Vec<u64> = sizes.collect();
        let is_there = |size: &u64| {
            let at = there.iter().position(|one| one == size);
            at.map(|at| there.swap_remove(at)).is_some()
        };
        !self.disks.is_empty() && self.disks.iter().all(is_there)
    }
}

/// A UUID (version 8, of a hash) that no other clone has.
fn identity(of: Purpose<'_>) -> String {
    let number = format!("{} {}", of.number, of.attempt);
    let mut hash = Sha256::new();
    for part in [of.owner, of.object, of.vm_uuid, of.vmx, of.slot, &number] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex = hex::encode(hash.finalize());
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let [low, mid, high, variant, node] = [part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)];
    format!("{low}-{mid}-8{high}-8{variant}-{node}")
}

/// What is written on the snapshot that a clone is made of, as its description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SnapshotMark {
    format: u32,
    /// As in [`Mark`].
    pub(super) owner: String,
    /// As in [`Mark`].
    pub(super) object: String,
    /// The slot of the clone, by its name.
    pub(super) slot: String,
}

impl SnapshotMark {
    /// The mark of a snapshot for a slot.
    pub(super) fn new(owner: &str, object: &str, slot: &str) -> Self {
        SnapshotMark {
            format: FORMAT,
            owner: owner.to_owned(),
            object: object.to_owned(),
            slot: slot.to_owned(),
        }
    }

    /// The mark in a description. Of whatever form it is, it says that the snapshot is no person's.
    pub(super) fn read(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn purpose(slot: &str, number: u32, attempt: u32) -> Mark {
        let of = Purpose {
            owner: "evenkeel",
            resource: "BackupSchedule/clones",
            object: "NFS:backup/zz",
            vm: "avocado2",
            vm_uuid: "5d87a5be-a236-532f-8092-016f52d230a4",
            vmx: "[LocalDS_0] avocado2/avocado2.vmx",
            slot,
            number,
            attempt,
        };
        Mark::new(of, vec![20, 10])
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_no_other_is() {
        let mark = purpose("20190924T173000Z", 2, 1);
        assert_eq!(Mark::read(&mark.text()), Ok(mark.clone()));
        assert_eq!(mark.at(), Some("2019-09-24T17:30:00Z".parse().unwrap()));
        let newer = mark.text().replace("\"format\":1", "\"format\":2");
        assert!(Mark::read(&newer).unwrap_err().contains("of the form 2"));
        let odd = mark.text().replace("20190924T173000Z", "tonight");
        assert_eq!(Mark::read(&odd).unwrap_err(), "`tonight` is no slot");
        assert!(Mark::read("TRUE").unwrap_err().starts_with("it cannot be read"));
        let snapshot = SnapshotMark::new("evenkeel", "NFS:backup/zz", "20190924T173000Z");
        assert_eq!(SnapshotMark::read(&snapshot.text()), Some(snapshot));
        assert_eq!(SnapshotMark::read("before the upgrade"), None);
    }

    #[test]
    fn an_identity_is_a_uuid_and_that_of_one_clone_alone() {
        let uuid = purpose("20190924T173000Z", 2, 1).uuid;
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('8') && parts[3].starts_with('8'), "{uuid}");
        let others = [
            purpose("20190925T173000Z", 2, 1),
            purpose("20190924T173000Z", 3, 1),
            purpose("20190924T173000Z", 2, 2),
        ];
        assert!(others.iter().all(|other| !other.is_of(&uuid)));
        assert!(purpose("20190924T173000Z", 2, 1).is_of(&uuid.to_uppercase()));
    }

    #[test]
    fn no_disk_may_be_missing_and_each_counts_once() {
        let mark = purpose("20190924T173000Z", 2, 1);
        let has = |sizes: &[u64]| mark.has_disks(sizes.iter().copied());
        assert!(has(&[10, 20]) && has(&[20, 99, 10]));
        assert!(!has(&[10, 10]) && !has(&[20]) && !has(&[]));
        assert!(!Mark { disks: Vec::new(), ..mark.clone() }.has_disks([10].into_iter()));
    }

    proptest! {
        #[test]
        fn whatever_a_name_has_in_it_survives(vm in ".*", object in ".*") {
            let mark = Mark { object, vm, ..purpose("20190924T173000Z", 2, 1) };
            prop_assert_eq!(Mark::read(&mark.text()), Ok(mark));
        }
    }
}
