//! `HyperVSwitch`: an external virtual switch, its team of NICs, and the host's own virtual NICs on it.
//!
//! A team is changed in place, one NIC at a time. Only what a switch is made with for good makes it anew, in one request
//! that hangs on nobody's connection.

mod adapters;
mod build;
mod calls;
mod check;
mod fits;
mod health;
mod inventory;
mod observe;
mod replace;
mod report;
mod spec;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod wanted;

use evenkeel_core::diff::FieldPath;
use evenkeel_core::driver::{Delta, Driver, Finding, Found, ObserveError, Observed, Report, Step, Table};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde_json::Value;

use super::scripts;

pub use spec::{HostAdapterSpec, HyperVSwitchSpec, LoadBalancing, MinimumBandwidthMode, VlanId};
pub use state::HyperVSwitchState;

/// Names of Windows are the same whatever their case, so two manifests for one switch must not look like two switches.
fn object(name: &str) -> String {
    name.to_lowercase()
}

/// The driver of `HyperVSwitch`.
#[derive(Debug, Clone, Copy)]
pub struct HyperVSwitch;

impl Driver for HyperVSwitch {
    const KIND: &'static str = "HyperVSwitch";
    const IMMUTABLE: &'static [&'static str] =
        &["embeddedTeaming", "minimumBandwidthMode", "iov", "packetDirect"];
    const ROLLING: bool = true;

    type Spec = HyperVSwitchSpec;
    type State = HyperVSwitchState;

    fn check(&self, spec: &HyperVSwitchSpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, spec: &HyperVSwitchSpec) -> String {
        object(&spec.name)
    }

    fn queries(&self, _: &HyperVSwitchSpec, _: &Replies) -> Vec<Query> {
        vec![scripts::observe()]
    }

    fn observe(
        &self,
        spec: &HyperVSwitchSpec,
        replies: &Replies,
    ) -> Result<Observed<HyperVSwitchState>, ObserveError> {
        observe::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &HyperVSwitchSpec,
        seen: Option<&HyperVSwitchState>,
        _: Timestamp,
    ) -> Option<HyperVSwitchState> {
        Some(wanted::desired(spec, seen))
    }

    fn steps(&self, spec: &HyperVSwitchSpec, delta: &Delta<'_, HyperVSwitchState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn report(&self, spec: &HyperVSwitchSpec, seen: Option<&HyperVSwitchState>, _: Timestamp) -> Report {
        seen.map(|seen| report::report(spec, seen)).unwrap_or_default()
    }

    fn table(&self, spec: &HyperVSwitchSpec, seen: &HyperVSwitchState) -> Option<Table> {
        report::table(spec, seen)
    }

    fn show(&self, _: &FieldPath, value: &Value) -> Option<String> {
        report::show(value)
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![scripts::observe()]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::inventory(replies)
    }

    /// A switch carries no mark of ours.
    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn marked(&self, _: &Replies) -> Result<Vec<evenkeel_core::driver::Marked>, ObserveError> {
        Ok(Vec::new())
    }
}
