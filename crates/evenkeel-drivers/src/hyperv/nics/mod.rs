//! `NicSettings`: what the NICs of a Windows host are set to.
//!
//! Every resource is about one object, the host's NICs, so that what several of them want of one NIC is compared.

mod check;
mod inventory;
mod names;
mod pick;
mod report;
mod spec;
mod state;
mod steps;
pub(super) mod team;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evenkeel_core::driver::{
    Delta, Driver, Finding, Found, Marked, ObserveError, Observed, Proof, Report, Step, Table,
};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;

use super::host::Host;
use super::scripts::observe;

pub use spec::{NetworkDirect, NicSelector, NicSettingsSpec, Off, PropertyValue};
pub use state::NicSettingsState;

/// The object of every resource.
const OBJECT: &str = "nics";

/// The driver of `NicSettings`.
#[derive(Debug, Clone, Copy)]
pub struct NicSettings;

impl Driver for NicSettings {
    const KIND: &'static str = "NicSettings";
    const ROLLING: bool = true;

    type Spec = NicSettingsSpec;
    type State = NicSettingsState;

    fn check(&self, spec: &NicSettingsSpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, _: &NicSettingsSpec) -> String {
        OBJECT.to_owned()
    }

    fn queries(&self, _: &NicSettingsSpec, _: &Replies) -> Vec<Query> {
        vec![observe()]
    }

    fn observe(
        &self,
        spec: &NicSettingsSpec,
        replies: &Replies,
    ) -> Result<Observed<NicSettingsState>, ObserveError> {
        state::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &NicSettingsSpec,
        seen: Option<&NicSettingsState>,
        _: Timestamp,
    ) -> Option<NicSettingsState> {
        Some(state::desired(spec, seen))
    }

    fn steps(&self, spec: &NicSettingsSpec, delta: &Delta<'_, NicSettingsState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn report(&self, spec: &NicSettingsSpec, seen: Option<&NicSettingsState>, _: Timestamp) -> Report {
        seen.map(|seen| report::report(spec, seen)).unwrap_or_default()
    }

    fn table(&self, _: &NicSettingsSpec, seen: &NicSettingsState) -> Option<Table> {
        report::table(seen)
    }

    /// The uplinks of each switch that are up.
    fn measure(&self, _: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        team::measure(&*Host::read(replies)?)
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![observe()]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::inventory(&*Host::read(replies)?)
    }

    /// Nothing carries a mark, so nothing is asked.
    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn marked(&self, _: &Replies) -> Result<Vec<Marked>, ObserveError> {
        Ok(Vec::new())
    }
}
