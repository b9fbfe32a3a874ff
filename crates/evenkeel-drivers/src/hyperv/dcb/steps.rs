//! The writes, from what everything stands on to what brings it into operation.

use std::collections::BTreeSet;

use evenkeel_core::driver::{Delta, Risk, Step};
use evenkeel_core::request::Call;

use super::classes;
use super::spec::{DcbPolicySpec, QosPolicySpec};
use super::state::{DcbPolicyState, Evidence};
use crate::hyperv::ground::seconds;
use crate::hyperv::guard::{self, Undo};
use crate::hyperv::host::TrafficClass;
use crate::hyperv::nics::team::Team;
use crate::hyperv::way::{Touch, same};

pub(super) fn steps(spec: &DcbPolicySpec, delta: &Delta<'_, DcbPolicyState>) -> Vec<Step> {
    let Some((before, evidence)) = delta.before.and_then(|before| Some((before, before.evidence.as_ref()?)))
    else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    if differs(delta, "feature") {
        steps.push(one(&Call::new("Install-WindowsFeature").with("Name", "Data-Center-Bridging")));
    }
    if let Some(willing) = spec.willing.filter(|_| differs(delta, "willing")) {
        steps.push(one(&Call::new("Set-NetQosDcbxSetting").with("Willing", willing).with("Confirm", false)));
    }
    for name in below(delta, "policies") {
        if let Some(wanted) = spec.policies.get(name) {
            steps.push(policy(name, wanted, before, delta));
        }
    }
    let changed = below(delta, "trafficClasses");
    let classes: Vec<_> =
        spec.traffic_classes.iter().filter(|(name, _)| changed.contains(name.as_str())).collect();
    if !classes.is_empty() {
        let wanted: Vec<_> = classes.iter().map(|(name, class)| (name.as_str(), *class)).collect();
        let there: &[TrafficClass] =
            if before.feature { evidence.host.classes().unwrap_or_default() } else { &[] };
        let step = guard::step(&classes::calls(there, &wanted), &[], None);
        let says = "the bandwidth of all traffic of these NICs is shared anew at once";
        steps.push(step.may_wait().hazard(Risk::Disruptive, "traffic classes", says));
    }
    steps.extend(flow_control(delta));
    let adapters = below(delta, "adapters").into_iter().map(|nic| adapter(spec, evidence, nic));
    // What is held back holds back all that follows.
    let (held, open): (Vec<Step>, Vec<Step>) = adapters.partition(|step| step.held.is_some());
    steps.extend(open.into_iter().chain(held));
    steps
}

fn one(call: &Call) -> Step {
    guard::step(std::slice::from_ref(call), &[], None)
}

fn differs(delta: &Delta<'_, DcbPolicyState>, field: &str) -> bool {
    delta.changes.iter().any(|change| change.path.is_within(field))
}

/// The keys below `field` of which something differs.
fn below<'a>(delta: &Delta<'a, DcbPolicyState>, field: &str) -> BTreeSet<&'a str> {
    let key = |keys: &'a [String]| match keys {
        [top, key, ..] if top == field => Some(key.as_str()),
        _ => None,
    };
    delta.changes.iter().filter_map(|change| key(change.path.keys())).collect()
}

/// What a policy matches by cannot be taken away from it, so that it is made again where that differs.
fn policy(
    name: &str,
    wanted: &QosPolicySpec,
    before: &DcbPolicyState,
    delta: &Delta<'_, DcbPolicyState>,
) -> Step {
    let changes = delta.changes.iter().map(|change| change.path.keys());
    let is_matches = |keys: &[String]| matches!(keys, [top, key, field] if top == "policies" && key == name && field == "matches");
    let matches_differ = changes.clone().any(is_matches);
    let mut new = Call::new("New-NetQosPolicy").with("Name", name);
    if let Some(port) = wanted.network_direct_port {
        new = new.with("NetDirectPortMatchCondition", port);
    }
    if let Some(template) = wanted.template {
        new = new.switch(template.name());
    }
    let new = new.with("PriorityValue8021Action", wanted.priority);
    let says = "this traffic changes its priority at once";
    match (before.policies.contains_key(name), matches_differ) {
        (false, _) => one(&new),
        (true, false) => {
            let set = Call::new("Set-NetQosPolicy")
                .with("Name", name)
                .with("PriorityValue8021Action", wanted.priority);
            one(&set).may_wait().hazard(Risk::Disruptive, "QoS policy", says)
        }
        (true, true) => {
            let remove = Call::new("Remove-NetQosPolicy").with("Name", name).with("Confirm", false);
            let step = guard::step(&[remove, new], &[], None);
            step.may_wait().hazard(Risk::Disruptive, "QoS policy", says)
        }
    }
}

/// What shall be lossless first: frames of it are not lost in between.
fn flow_control(delta: &Delta<'_, DcbPolicyState>) -> Option<Step> {
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for priority in below(delta, "flowControl") {
        let (Some(wanted), Ok(number)) = (delta.after.flow_control.get(priority), priority.parse::<u8>())
        else {
            continue;
        };
        if *wanted { on.push(number) } else { off.push(number) }
    }
    let mut calls = Vec::new();
    for (cmdlet, priorities) in [("Enable-NetQosFlowControl", on), ("Disable-NetQosFlowControl", off)] {
        if !priorities.is_empty() {
            calls.push(Call::new(cmdlet).with("Priority", priorities));
        }
    }
    if calls.is_empty() {
        return None;
    }
    let says = "which traffic of these NICs is lossless changes at once";
    Some(guard::step(&calls, &[], None).may_wait().hazard(Risk::Disruptive, "flow control", says))
}

fn adapter(spec: &DcbPolicySpec, evidence: &Evidence, nic: &str) -> Step {
    let host = &evidence.host;
    let adapters = host.adapters().unwrap_or_default();
    let is_up = adapters.iter().any(|adapter| same(&adapter.name, nic) && adapter.status == "Up");
    let up: &[&str] = if is_up { &[nic] } else { &[] };
    let undo = host.may_cut(Touch::Nic(nic)).then(|| Undo {
        calls: vec![Call::new("Disable-NetAdapterQos").with("Name", nic).into()],
        absent: None,
        restores: format!("data center bridging of {nic}, which was off"),
        seconds: seconds(spec.confirm_within),
    });
    let enable = Call::new("Enable-NetAdapterQos").with("Name", nic);
    let mut step = guard::step(&[enable], up, undo.as_ref()).may_wait();
    let says = format!("{nic} restarts: its link is down for some seconds");
    step = step.hazard(Risk::Disruptive, "adapter restart", says);
    if let Some(team) = Team::of(host, nic) {
        step = step.proven(team.proof());
        if let Some(why) = team.last_one(nic) {
            step = step.held(why);
        }
    }
    step
}
