//! `BackupSchedule` with `zfsSnapshot`: snapshots on a schedule, and copies of them on another host.
//!
//! A snapshot is the schedule's own where its name is prefix and slot and its user properties say the same: all others
//! are never touched nor counted. What is kept is decided for each dataset by itself, so that datasets may come and go
//! below the root.

mod destroy;
mod listing;
mod observe;
mod report;
mod restore;
mod send;
mod side;
mod spec;
mod state;
mod steps;
mod wanted;

pub use spec::{ZfsSend, ZfsSnapshotSpec, ZfsSnapshots};
pub use state::{Generations, ReplicaState, ZfsSnapshotState};

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::{
    Delta, Demand, Driver, Finding, ObserveError, Observed, Report, Restoration, Role, Step, Use,
    Verifications, Wish,
};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde_json::Value;

/// The driver of the kind `BackupSchedule` with `zfsSnapshot`.
#[derive(Debug, Clone, Copy)]
pub struct ZfsSnapshotSchedule;

impl Driver for ZfsSnapshotSchedule {
    const KIND: &'static str = "BackupSchedule";
    const BACKEND: Option<&'static str> = Some("zfsSnapshot");
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = ZfsSnapshotSpec;
    type State = ZfsSnapshotState;

    fn check(&self, spec: &ZfsSnapshotSpec) -> Vec<Finding> {
        spec::check(spec)
    }

    fn object(&self, spec: &ZfsSnapshotSpec) -> String {
        wanted::object(spec)
    }

    fn queries(&self, spec: &ZfsSnapshotSpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(spec, so_far)
    }

    fn observe(
        &self,
        spec: &ZfsSnapshotSpec,
        replies: &Replies,
    ) -> Result<Observed<ZfsSnapshotState>, ObserveError> {
        observe::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &ZfsSnapshotSpec,
        seen: Option<&ZfsSnapshotState>,
        now: Timestamp,
    ) -> Option<ZfsSnapshotState> {
        wanted::wanted(spec, seen, now)
    }

    fn steps(&self, spec: &ZfsSnapshotSpec, delta: &Delta<'_, ZfsSnapshotState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn uses(&self, spec: &ZfsSnapshotSpec) -> Vec<Use> {
        let used = spec.send().map(|send| Use {
            path: ["zfsSnapshot", "send", "target"].map(str::to_owned).into(),
            target: send.target.clone(),
            as_a: Role::Host,
            claims: Some(send.dataset.clone()),
        });
        used.into_iter().collect()
    }

    fn takes_long(&self, spec: &ZfsSnapshotSpec) -> bool {
        spec.send().is_some()
    }

    fn report(&self, spec: &ZfsSnapshotSpec, seen: Option<&ZfsSnapshotState>, now: Timestamp) -> Report {
        report::report(spec, seen, now)
    }

    fn on_demand(&self, spec: &ZfsSnapshotSpec, demand: Demand) -> Option<ZfsSnapshotSpec> {
        Some(ZfsSnapshotSpec { schedule: spec.schedule.on_demand(demand), ..spec.clone() })
    }

    fn verifications(
        &self,
        spec: &ZfsSnapshotSpec,
        replies: &Replies,
        now: Timestamp,
    ) -> Result<Verifications, ObserveError> {
        let Observed::Present(seen) = self.observe(spec, replies)? else {
            return Ok(Verifications::default());
        };
        Ok(restore::verifications(spec, &seen, now))
    }

    fn restoration(
        &self,
        spec: &ZfsSnapshotSpec,
        replies: &Replies,
        wish: &Wish,
        _: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError> {
        Ok(match self.observe(spec, replies)? {
            Observed::Present(seen) => restore::restoration(spec, &seen, wish),
            Observed::Absent { .. } | Observed::Busy { .. } => {
                Err(format!("there is no copy of {}", self.object(spec)))
            }
        })
    }

    fn show(&self, _: &FieldPath, value: &Value) -> Option<String> {
        match value.as_array().map(Vec::as_slice)? {
            [] => None,
            [one] if one == "." => Some("there".to_owned()),
            [one] => Some(format!("on {} only", one.as_str()?)),
            all => Some(format!("on {} datasets", all.len())),
        }
    }
}

#[cfg(test)]
mod tests;
