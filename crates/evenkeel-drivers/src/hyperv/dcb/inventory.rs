//! Data center bridging of a host, as the manifest that would leave it as it is.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Found, ObserveError};
use serde_json::{Value, json};

use super::OBJECT;
use super::check::{DEFAULT_CLASS, check};
use super::spec::{Algorithm, DcbPolicySpec, QosPolicySpec, Technology, Template, TrafficClassSpec};
use super::state::{class, policy, share};
use crate::hyperv::host::{Host, QosPolicy, TrafficClass};
use crate::hyperv::way::{is_pattern, same};

/// Nothing where the host has not got the feature, or what it has cannot be written.
pub(super) fn inventory(host: &Host) -> Result<Vec<Found>, ObserveError> {
    if !host.about()?.dcb {
        return Ok(Vec::new());
    }
    let lossless: BTreeSet<u8> =
        host.flow_control()?.iter().filter(|row| row.enabled).map(|row| row.priority).collect();
    let nics = host.qos()?.iter().filter(|row| row.enabled && !is_pattern(&row.adapter));
    let spec = DcbPolicySpec {
        willing: host.willing()?.first().map(|row| row.willing),
        technology: Technology::RoCe,
        policies: host.policies()?.iter().filter_map(written_policy).collect(),
        traffic_classes: host.classes()?.iter().filter_map(written_class).collect(),
        flow_control: Some(lossless),
        adapters: nics.map(|row| row.adapter.clone()).collect(),
        confirm_within: None,
    };
    let is_sound = |spec: &DcbPolicySpec| check(spec).iter().all(|finding| finding.warning);
    if is_sound(&spec) {
        return Ok(vec![found(&spec)]);
    }
    // Without flow control it can only be this.
    let spec = DcbPolicySpec { technology: Technology::IWarp, ..spec };
    Ok(if is_sound(&spec) { vec![found(&spec)] } else { Vec::new() })
}

/// `None` for what matches by something else.
fn written_policy(row: &QosPolicy) -> Option<(String, QosPolicySpec)> {
    let state = policy(row);
    let priority = u8::try_from(state.priority?).ok()?;
    let template = Template::ALL.into_iter().find(|template| same(template.name(), &row.template));
    let network_direct_port = row.port.filter(|port| *port != 0);
    (network_direct_port.is_some() != template.is_some())
        .then(|| (row.name.clone(), QosPolicySpec { network_direct_port, template, priority }))
}

fn written_class(row: &TrafficClass) -> Option<(String, TrafficClassSpec)> {
    let algorithm = match class(row).algorithm.as_str() {
        "ETS" => Algorithm::Ets,
        "Strict" => Algorithm::Strict,
        _ => return None,
    };
    let priorities = row.priorities.iter().copied().collect();
    let written = TrafficClassSpec { priorities, bandwidth: share(row), algorithm };
    (row.name != DEFAULT_CLASS).then(|| (row.name.clone(), written))
}

fn found(spec: &DcbPolicySpec) -> Found {
    let mut fields = BTreeMap::new();
    let mut put = |field: &str, value: Value| drop(fields.insert(field.to_owned(), value));
    if let Some(willing) = spec.willing {
        put("willing", json!(willing));
    }
    if spec.technology == Technology::IWarp {
        put("technology", json!("iWARP"));
    }
    if !spec.policies.is_empty() {
        let one = |policy: &QosPolicySpec| match (policy.network_direct_port, policy.template) {
            (Some(port), _) => json!({ "networkDirectPort": port, "priority": policy.priority }),
            (None, template) => {
                json!({ "template": template.map(Template::name), "priority": policy.priority })
            }
        };
        let policies: BTreeMap<&str, Value> =
            spec.policies.iter().map(|(name, policy)| (name.as_str(), one(policy))).collect();
        put("policies", json!(policies));
    }
    if !spec.traffic_classes.is_empty() {
        let one = |class: &TrafficClassSpec| match class.bandwidth {
            Some(share) => json!({ "priorities": class.priorities, "bandwidth": share }),
            None => json!({ "priorities": class.priorities, "algorithm": class.algorithm.name() }),
        };
        let classes: BTreeMap<&str, Value> =
            spec.traffic_classes.iter().map(|(name, class)| (name.as_str(), one(class))).collect();
        put("trafficClasses", json!(classes));
    }
    if let Some(lossless) = &spec.flow_control {
        put("flowControl", json!(lossless));
    }
    if !spec.adapters.is_empty() {
        put("adapters", json!(spec.adapters));
    }
    Found { object: OBJECT.to_owned(), spec: fields, owner: None }
}
