//! OpenZFS, by its own `zfs` and `zpool` commands.
//!
//! Known to versions 2.1 and 2.3 on Linux; what a host's version knows beyond or below the tables here is
//! asked of the host itself.

mod command;
mod dataset;
mod history;
mod name;
mod pool;
mod reply;
mod scalar;
mod size;
mod snapshot;
mod suggest;
mod value;
mod written;

pub use dataset::{DatasetType, PropertyState, ZfsDataset, ZfsDatasetSpec, ZfsDatasetState};
pub use history::HISTORY;
pub use pool::{ZfsPool, ZfsPoolSpec, ZfsPoolState};
pub use scalar::Scalar;
pub use snapshot::{
    Generations, ReplicaState, ZfsSend, ZfsSnapshotSchedule, ZfsSnapshotSpec, ZfsSnapshotState, ZfsSnapshots,
};
pub use written::WrittenProperties;

/// The word for a property that shall have no value of its own.
const INHERIT: &str = "inherit";
