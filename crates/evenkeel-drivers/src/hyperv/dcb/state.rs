//! The State of data center bridging, as far as a spec speaks of it, and how it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::Replies;
use serde::Serialize;

use super::check::{DEFAULT_CLASS, WHOLE};
use super::flow::ranges;
use super::spec::{DcbPolicySpec, QosPolicySpec, Template, TrafficClassSpec};
use crate::hyperv::ground::{Ground, look, nic, refuse_ruled};
use crate::hyperv::host::{Host, QosPolicy, TrafficClass};
use crate::hyperv::nics::team::known;
use crate::hyperv::way::same;

/// Data center bridging of a host, as far as a spec speaks of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DcbPolicyState {
    /// Whether Windows can do it at all.
    pub(super) feature: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) willing: Option<bool>,
    /// By name, as the manifest writes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) policies: BTreeMap<String, PolicyState>,
    /// By name, as the manifest writes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) traffic_classes: BTreeMap<String, ClassState>,
    /// By priority, all eight of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) flow_control: BTreeMap<String, bool>,
    /// By the NIC's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) adapters: BTreeMap<String, bool>,
    /// What else was read, and no part of the state. `None` in what is wanted.
    #[serde(skip)]
    pub(super) evidence: Option<Arc<Evidence>>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyState {
    /// `port 445`, `template Cluster`, or `something else`.
    pub(super) matches: String,
    /// `None` where it sets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<i64>,
}

/// A traffic class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClassState {
    /// `3`, `0-2,4`
    pub(super) priorities: String,
    /// In percent; `None` in a strict class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bandwidth: Option<u64>,
    pub(super) algorithm: String,
}

/// What a state is judged by.
#[derive(Debug, PartialEq)]
pub(super) struct Evidence {
    pub(super) host: Arc<Host>,
    /// The NICs that are meant.
    pub(super) adapters: BTreeSet<String>,
}

pub(super) fn observe(
    spec: &DcbPolicySpec,
    replies: &Replies,
) -> Result<Observed<DcbPolicyState>, ObserveError> {
    match look(replies, false)? {
        Ground::Busy(reason) => Ok(Observed::Busy { reason }),
        Ground::Free(host) => Ok(Observed::Present(state(spec, host)?)),
    }
}

/// What a host is as far as a spec speaks of it.
pub(super) fn state(spec: &DcbPolicySpec, host: Arc<Host>) -> Result<DcbPolicyState, ObserveError> {
    let adapters = adapters(spec, &host)?;
    if !adapters.is_empty() {
        known(&host)?;
    }
    let mut state = DcbPolicyState { feature: host.about()?.dcb, ..DcbPolicyState::default() };
    if state.feature {
        read(spec, &host, &adapters, &mut state)?;
    }
    state.evidence = Some(Arc::new(Evidence { host, adapters }));
    Ok(state)
}

/// The names of the NICs that are meant.
fn adapters(spec: &DcbPolicySpec, host: &Host) -> Result<BTreeSet<String>, ObserveError> {
    let mut adapters = BTreeSet::new();
    for (nth, reference) in spec.adapters.iter().enumerate() {
        let nth = nth.to_string();
        let path = ["adapters", nth.as_str()];
        let found = nic(host, &path, reference)?;
        refuse_ruled(host, &path, [found.name.as_str()])?;
        if host.about()?.dcb && !host.qos()?.iter().any(|row| same(&row.adapter, &found.name)) {
            let message = format!("{} cannot do data center bridging", found.name);
            let hint = "`Get-NetAdapterQos` there lists those that can; the driver may be the one that came with Windows";
            return Err(ObserveError::unfit(&path, message, hint));
        }
        adapters.insert(found.name.clone());
    }
    Ok(adapters)
}

fn read(
    spec: &DcbPolicySpec,
    host: &Host,
    adapters: &BTreeSet<String>,
    state: &mut DcbPolicyState,
) -> Result<(), ObserveError> {
    if spec.willing.is_some() {
        state.willing = host.willing()?.first().map(|row| row.willing);
    }
    for name in spec.policies.keys() {
        if let Some(row) = host.policies()?.iter().find(|row| same(&row.name, name)) {
            state.policies.insert(name.clone(), policy(row));
        }
    }
    if !spec.traffic_classes.is_empty() {
        beside_others(spec, host.classes()?)?;
    }
    for name in spec.traffic_classes.keys() {
        if let Some(row) = host.classes()?.iter().find(|row| same(&row.name, name)) {
            state.traffic_classes.insert(name.clone(), class(row));
        }
    }
    if spec.flow_control.is_some() {
        let rows = host.flow_control()?.iter();
        state.flow_control = rows.map(|row| (row.priority.to_string(), row.enabled)).collect();
    }
    for name in adapters {
        let row = host.qos()?.iter().find(|row| same(&row.adapter, name));
        state.adapters.extend(row.map(|row| (name.clone(), row.enabled)));
    }
    Ok(())
}

/// Classes that the manifest does not write stay as they are, and those that it writes must fit beside them.
fn beside_others(spec: &DcbPolicySpec, classes: &[TrafficClass]) -> Result<(), ObserveError> {
    let is_ours = |class: &&TrafficClass| {
        class.name == DEFAULT_CLASS || spec.traffic_classes.keys().any(|name| same(name, &class.name))
    };
    let others: Vec<&TrafficClass> = classes.iter().filter(|class| !is_ours(class)).collect();
    for (name, wanted) in &spec.traffic_classes {
        for other in &others {
            let shared: BTreeSet<u8> =
                other.priorities.iter().copied().filter(|p| wanted.priorities.contains(p)).collect();
            if !shared.is_empty() {
                let message = format!(
                    "priority {} is in the host's class {}, which is not written here",
                    ranges(&shared),
                    other.name
                );
                let hint = format!(
                    "write that class here, or remove it there: `Remove-NetQosTrafficClass -Name '{}'`",
                    other.name
                );
                return Err(ObserveError::unfit(&["trafficClasses", name, "priorities"], message, hint));
            }
        }
    }
    let ours = spec.traffic_classes.values().filter_map(|class| class.bandwidth).fold(0, u64::saturating_add);
    let theirs = others.iter().filter_map(|class| share(class)).fold(0, u64::saturating_add);
    if ours.saturating_add(theirs) > WHOLE {
        let named: Vec<String> = others
            .iter()
            .filter_map(|class| Some(format!("{} has {} %", class.name, share(class)?)))
            .collect();
        let message = format!(
            "the classes written here have {ours} % together, and the host has others with {theirs} %: {}",
            named.join(", ")
        );
        let hint = "write those here, or remove them there (`Remove-NetQosTrafficClass`), or take less";
        return Err(ObserveError::unfit(&["trafficClasses"], message, hint));
    }
    Ok(())
}

/// A class's share; `None` for a strict one.
pub(super) fn share(class: &TrafficClass) -> Option<u64> {
    class.bandwidth.filter(|_| same(&class.algorithm, "ETS"))
}

pub(super) fn policy(row: &QosPolicy) -> PolicyState {
    let template = Template::ALL.into_iter().find(|template| same(template.name(), &row.template));
    let matches = match (row.port.filter(|port| *port != 0), template) {
        (Some(port), None) => format!("port {port}"),
        (None, Some(template)) => format!("template {}", template.name()),
        _ => "something else".to_owned(),
    };
    PolicyState { matches, priority: row.priority.filter(|priority| (0..8).contains(priority)) }
}

pub(super) fn class(row: &TrafficClass) -> ClassState {
    let algorithm = ["ETS", "Strict"].into_iter().find(|known| same(known, &row.algorithm));
    ClassState {
        priorities: ranges(&row.priorities.iter().copied().collect()),
        bandwidth: share(row),
        algorithm: algorithm.unwrap_or(&row.algorithm).to_owned(),
    }
}

/// What shall be.
pub(super) fn desired(spec: &DcbPolicySpec, seen: Option<&DcbPolicyState>) -> DcbPolicyState {
    let flow_control = |lossless: &BTreeSet<u8>| -> BTreeMap<String, bool> {
        (0..8).map(|priority: u8| (priority.to_string(), lossless.contains(&priority))).collect()
    };
    let adapters = seen.and_then(|seen| seen.evidence.as_ref()).map(|evidence| &evidence.adapters);
    DcbPolicyState {
        feature: true,
        willing: spec.willing,
        policies: spec.policies.iter().map(|(name, one)| (name.clone(), wanted_policy(one))).collect(),
        traffic_classes: spec
            .traffic_classes
            .iter()
            .map(|(name, one)| (name.clone(), wanted_class(one)))
            .collect(),
        flow_control: spec.flow_control.as_ref().map(flow_control).unwrap_or_default(),
        adapters: adapters.into_iter().flatten().map(|name| (name.clone(), true)).collect(),
        evidence: None,
    }
}

fn wanted_policy(policy: &QosPolicySpec) -> PolicyState {
    let of_template = || policy.template.map(|template| format!("template {}", template.name()));
    let matches = policy.network_direct_port.map(|port| format!("port {port}")).or_else(of_template);
    PolicyState { matches: matches.unwrap_or_default(), priority: Some(i64::from(policy.priority)) }
}

fn wanted_class(class: &TrafficClassSpec) -> ClassState {
    ClassState {
        priorities: ranges(&class.priorities),
        bandwidth: class.bandwidth,
        algorithm: class.algorithm.name().to_owned(),
    }
}
