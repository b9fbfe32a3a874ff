//! `BackupSchedule` with `vmClone`: clones of a vCenter's virtual machines on a schedule.
//!
//! A clone is made of a snapshot, sealed once it is whole, and then the snapshot goes. All of it are steps by themselves; what
//! a run that was cut short leaves is seen by the next one, which goes on from there. What is ours is known by marks in the
//! configuration of virtual machines and in the descriptions of snapshots, never by names.

mod check;
mod keep;
mod observe;
mod places;
mod report;
mod restore;
mod space;
mod spec;
mod state;
mod steps;
mod wanted;

pub use spec::{DiskFormat, ForeignSnapshots, Quiesce, VmCloneScheduleSpec, VmCloneSpec};
pub use state::{CloneState, Clones, VmCloneState};

use evenkeel_core::driver::{
    Delta, Demand, Driver, Finding, ObserveError, Observed, Report, Restoration, Step, Verifications, Wish,
};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;

/// The driver of the kind `BackupSchedule` with `vmClone`.
///
/// Clones whose manifest is gone stay: a backup is nothing that goes by itself.
#[derive(Debug, Clone, Copy)]
pub struct VmCloneSchedule;

impl Driver for VmCloneSchedule {
    const KIND: &'static str = "BackupSchedule";
    const BACKEND: Option<&'static str> = Some("vmClone");
    /// Shown; what is wanted names only what changes.
    const VOLATILE: &'static [&'static str] = &["clones", "snapshots", "folder"];
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = VmCloneScheduleSpec;
    type State = VmCloneState;

    fn check(&self, spec: &VmCloneScheduleSpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, spec: &VmCloneScheduleSpec) -> String {
        spec.object()
    }

    fn queries(&self, spec: &VmCloneScheduleSpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(spec, so_far)
    }

    fn observe(
        &self,
        spec: &VmCloneScheduleSpec,
        replies: &Replies,
    ) -> Result<Observed<VmCloneState>, ObserveError> {
        observe::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &VmCloneScheduleSpec,
        seen: Option<&VmCloneState>,
        now: Timestamp,
    ) -> Option<VmCloneState> {
        // What is wanted depends on what is there.
        wanted::wanted(spec, seen?, now)
    }

    fn steps(&self, spec: &VmCloneScheduleSpec, delta: &Delta<'_, VmCloneState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn takes_long(&self, _: &VmCloneScheduleSpec) -> bool {
        true
    }

    fn report(&self, spec: &VmCloneScheduleSpec, seen: Option<&VmCloneState>, now: Timestamp) -> Report {
        report::report(spec, seen, now)
    }

    fn on_demand(&self, spec: &VmCloneScheduleSpec, demand: Demand) -> Option<VmCloneScheduleSpec> {
        Some(VmCloneScheduleSpec { schedule: spec.schedule.on_demand(demand), ..spec.clone() })
    }

    fn verifications(
        &self,
        _: &VmCloneScheduleSpec,
        _: &Replies,
        _: Timestamp,
    ) -> Result<Verifications, ObserveError> {
        let unread = "the disks of clones are not read again: `evenkeel backup list` says which are whole and as they were sealed, and a restore is what proves them".to_owned();
        Ok(Verifications { copies: Vec::new(), unread: vec![unread] })
    }

    fn restoration(
        &self,
        spec: &VmCloneScheduleSpec,
        replies: &Replies,
        wish: &Wish,
        _: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError> {
        let none = || Err(format!("there is no clone of {}", spec.object()));
        Ok(match self.observe(spec, replies)? {
            Observed::Present(state) => {
                state.seen.map_or_else(none, |seen| restore::restoration(&seen, wish))
            }
            Observed::Absent { .. } | Observed::Busy { .. } => none(),
        })
    }
}

#[cfg(test)]
mod tests;
