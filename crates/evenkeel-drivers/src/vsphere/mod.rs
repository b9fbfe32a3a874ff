//! vSphere: what is done, and read, over the API of a vCenter or a host.

mod clone;
pub mod inventory;
mod mark;
mod name;
pub mod releases;
pub(crate) mod reply;
mod view;

pub use clone::{
    CloneState, Clones, DiskFormat, ForeignSnapshots, Quiesce, VmCloneSchedule, VmCloneScheduleSpec,
    VmCloneSpec, VmCloneState,
};
