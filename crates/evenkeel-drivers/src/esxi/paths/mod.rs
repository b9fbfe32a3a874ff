//! `EsxiPathPolicy`: how an ESX or ESXi host uses the paths to its disks.
//!
//! Every policy is about one object, the host's multipathing, so that what several of them want of one disk, one array
//! type or one rule is compared.

mod access;
mod api;
mod arrays;
mod check;
mod host;
mod notes;
mod observe;
mod report;
mod rules;
mod select;
mod spec;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::BTreeMap;

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Proof, Report, Step, Table};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies, Request};
use jiff::Timestamp;

use super::api::object_of;
use super::reply;
use rules::RuleKey;

pub use spec::{Devices, EsxiPathPolicySpec, Exclude, Latency, RoundRobin, Rule};
pub use state::PathPolicyState;

/// The object of every policy.
const OBJECT: &str = "multipathing";

/// The driver of `EsxiPathPolicy`.
#[derive(Debug, Clone, Copy)]
pub struct EsxiPathPolicy;

impl Driver for EsxiPathPolicy {
    const KIND: &'static str = "EsxiPathPolicy";
    const ROLLING: bool = true;

    type Spec = EsxiPathPolicySpec;
    type State = PathPolicyState;

    fn check(&self, spec: &EsxiPathPolicySpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, spec: &EsxiPathPolicySpec) -> String {
        object_of(spec.esxi_host.as_deref(), OBJECT)
    }

    fn queries(&self, spec: &EsxiPathPolicySpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(spec, so_far)
    }

    fn observe(
        &self,
        spec: &EsxiPathPolicySpec,
        replies: &Replies,
    ) -> Result<Observed<PathPolicyState>, ObserveError> {
        observe::observe(spec, replies)
    }

    /// The rules of this resource, where it speaks of rules.
    fn recognise(&self, seen: &mut PathPolicyState, owner: &str, id: &InstanceId) {
        let mark = rules::mark(owner, &id.name);
        let known = seen.evidence.as_ref().and_then(|evidence| evidence.own_rules());
        let ours = known.iter().flat_map(|rules| rules.iter()).filter(|rule| rules::carries(rule, &mark));
        let mut by_key: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for rule in ours {
            by_key.entry(RuleKey::seen(rule).to_string()).or_default().push(rule.clone());
        }
        for (key, rules) in &by_key {
            let give = || rules.iter().map(rules::seen).collect::<Vec<_>>().join(" and ");
            // Two that match the same: one of them is to go, whatever they give.
            if rules.len() > 1 || !seen.rules.contains_key(key) {
                seen.rules.insert(key.clone(), Some(give()));
            }
        }
        seen.ours = by_key;
    }

    fn desired(
        &self,
        spec: &EsxiPathPolicySpec,
        seen: Option<&PathPolicyState>,
        _: Timestamp,
    ) -> Option<PathPolicyState> {
        Some(wanted::desired(spec, seen))
    }

    fn steps(&self, spec: &EsxiPathPolicySpec, delta: &Delta<'_, PathPolicyState>) -> Vec<Step> {
        steps::steps(spec, delta)
    }

    fn report(&self, spec: &EsxiPathPolicySpec, seen: Option<&PathPolicyState>, _: Timestamp) -> Report {
        seen.map(|seen| report::report(spec, seen)).unwrap_or_default()
    }

    fn table(&self, _: &EsxiPathPolicySpec, seen: &PathPolicyState) -> Option<Table> {
        report::table(seen)
    }

    /// The working paths of each device.
    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        let mut counted = BTreeMap::new();
        for read in &proof.reads {
            if matches!(read, Request::Vsphere(_)) {
                counted.extend(api::working_paths(read, replies)?);
                continue;
            }
            for path in reply::paths(replies, read)?.iter() {
                *counted.entry(path.device.clone()).or_default() += u64::from(path.works());
            }
        }
        Ok(counted)
    }
}
