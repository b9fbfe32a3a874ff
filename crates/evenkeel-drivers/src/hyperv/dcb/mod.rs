//! `DcbPolicy`: data center bridging of a Windows host.
//!
//! Every resource is about one object, the host's settings, so that what several of them want of one priority is compared.

mod check;
mod classes;
pub(super) mod flow;
mod inventory;
mod report;
mod spec;
mod state;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evenkeel_core::driver::{
    Delta, Driver, Finding, Found, Marked, ObserveError, Observed, Proof, Report, Step, Table,
};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;

use super::host::Host;
use super::nics::team::measure;
use super::scripts::observe;

pub use spec::{Algorithm, DcbPolicySpec, QosPolicySpec, Technology, Template, TrafficClassSpec};
pub use state::DcbPolicyState;

/// The object of every resource.
const OBJECT: &str = "dcb";

/// The driver of `DcbPolicy`.
#[derive(Debug, Clone, Copy)]
pub struct DcbPolicy;

impl Driver for DcbPolicy {
    const KIND: &'static str = "DcbPolicy";
    const ROLLING: bool = true;

    type Spec = DcbPolicySpec;
    type State = DcbPolicyState;

    fn check(&self, spec: &DcbPolicySpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, _: &DcbPolicySpec) -> String {
        OBJECT.to_owned()
    }

    fn queries(&self, _: &DcbPolicySpec, _: &Replies) -> Vec<Query> {
        vec![observe()]
    }

    fn observe(
        &self,
        spec: &DcbPolicySpec,
        replies: &Replies,
    ) -> Result<Observed<DcbPolicyState>, ObserveError> {
        state::observe(spec, replies)
    }

    fn desired(
        &self,
        spec: &DcbPolicySpec,
        seen: Option<&DcbPolicyState>,
        _: Timestamp,
    ) -> Option<DcbPolicyState> {
        Some(state::desired(spec, seen))
    }

    fn steps(&self, spec: &DcbPolicySpec, delta: &Delta<'_, DcbPolicyState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn report(&self, spec: &DcbPolicySpec, seen: Option<&DcbPolicyState>, _: Timestamp) -> Report {
        seen.map(|seen| report::report(spec, seen)).unwrap_or_default()
    }

    fn table(&self, _: &DcbPolicySpec, seen: &DcbPolicyState) -> Option<Table> {
        report::table(seen)
    }

    /// The uplinks of each switch that are up.
    fn measure(&self, _: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        measure(&*Host::read(replies)?)
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
