//! Taking and removing snapshots.

use super::value::fields;
use super::{Object, VsphereCall};

impl VsphereCall {
    /// Takes a snapshot of a virtual machine, without its memory. Gives the snapshot.
    pub fn create_snapshot(vm: impl Into<Object>, name: &str, description: &str, quiesce: bool) -> Self {
        let arguments = fields([
            ("name", Some(name.into())),
            ("description", Some(description.into())),
            ("memory", Some(false.into())),
            ("quiesce", Some(quiesce.into())),
        ]);
        VsphereCall::new(vm, "CreateSnapshot_Task", arguments)
    }

    /// Removes a snapshot and puts its disks together again. Those below it stay.
    pub fn remove_snapshot(snapshot: impl Into<Object>) -> Self {
        let arguments = fields([("removeChildren", Some(false.into())), ("consolidate", Some(true.into()))]);
        VsphereCall::new(snapshot, "RemoveSnapshot_Task", arguments)
    }
}
