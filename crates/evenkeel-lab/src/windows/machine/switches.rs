//! Virtual switches, their teams, the host adapters and the guests on them.

/// All of Hyper-V's network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::windows) struct Switches {}
