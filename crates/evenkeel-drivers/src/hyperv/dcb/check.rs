//! What is wrong with a spec, as far as that shows without the host.

use std::collections::BTreeMap;

use evenkeel_core::driver::Finding;

use super::spec::{Algorithm, DcbPolicySpec, QosPolicySpec, Technology, Template, TrafficClassSpec};
use crate::hyperv::ground::{check_adapters, check_confirm};

/// The whole bandwidth, in percent.
pub(super) const WHOLE: u64 = 100;
/// Windows has eight classes, and one of them is its own.
const MOST_CLASSES: usize = 7;
/// The class that is always there.
pub(super) const DEFAULT_CLASS: &str = "[Default]";

pub(super) fn check(spec: &DcbPolicySpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let says_nothing = spec.willing.is_none()
        && spec.policies.is_empty()
        && spec.traffic_classes.is_empty()
        && spec.flow_control.is_none()
        && spec.adapters.is_empty();
    if says_nothing {
        let hint = "write `policies`, `trafficClasses`, `flowControl`, `adapters` or `willing`";
        found.push(Finding::error::<_, String>([], "says nothing").hint(hint));
    }
    found.extend(names("policies", spec.policies.keys()));
    found.extend(names("trafficClasses", spec.traffic_classes.keys()));
    found.extend(spec.policies.iter().flat_map(|(name, one)| policy(name, one)));
    found.extend(spec.traffic_classes.iter().flat_map(|(name, one)| class(name, one)));
    found.extend(together(spec));
    for priority in spec.flow_control.iter().flatten() {
        found.extend(priority_range(&["flowControl"], *priority));
    }
    found.extend(check_adapters(&spec.adapters));
    found.extend(lossless(spec));
    found.extend(cluster(spec));
    found.extend(check_confirm(spec.confirm_within));
    found
}

/// Windows knows these by their names, whatever their case, and takes some characters as patterns.
fn names<'a>(field: &str, names: impl Iterator<Item = &'a String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        let path = [field, name.as_str()];
        if name.trim().is_empty()
            || name.trim() != name
            || name.contains(|c: char| c.is_control() || "*?[]\\".contains(c))
        {
            let message = format!("`{}` is no name for it", name.escape_debug());
            found
                .push(Finding::error(path, message).hint("write words, without `*`, `?`, `[`, `]` and `\\`"));
        }
        if let Some(other) = known.insert(name.to_lowercase(), name) {
            let message = format!("is `{other}` for Windows, which does not look at the case of names");
            found.push(Finding::error(path, message).hint("write it once"));
        }
    }
    found
}

fn policy(name: &str, policy: &QosPolicySpec) -> Vec<Finding> {
    let at = |field: &str| ["policies".to_owned(), name.to_owned(), field.to_owned()];
    let whole = ["policies".to_owned(), name.to_owned()];
    let mut found = Vec::new();
    match (policy.network_direct_port, policy.template) {
        (None, None) => {
            let hint = "write `networkDirectPort: 445` (SMB Direct), or `template: Cluster`";
            found.push(Finding::error(whole, "says not which traffic").hint(hint));
        }
        (Some(_), Some(_)) => {
            let message = "stands beside `networkDirectPort`";
            found.push(Finding::error(at("template"), message).hint("a policy matches by one of the two"));
        }
        (Some(port), None) if !(1..=65_535).contains(&port) => {
            let message = format!("{port} is no port");
            found.push(Finding::error(at("networkDirectPort"), message).hint("445 is SMB Direct"));
        }
        _ => {}
    }
    let path = at("priority");
    found.extend(priority_range(&path, policy.priority));
    found
}

fn class(name: &str, class: &TrafficClassSpec) -> Vec<Finding> {
    let at = |field: &str| ["trafficClasses".to_owned(), name.to_owned(), field.to_owned()];
    let mut found = Vec::new();
    if class.priorities.is_empty() {
        let message = "a class without priorities has no traffic";
        found.push(Finding::error(at("priorities"), message).hint("write at least one, such as `[3]`"));
    }
    let path = at("priorities");
    for priority in &class.priorities {
        found.extend(priority_range(&path, *priority));
    }
    match (class.algorithm, class.bandwidth) {
        (Algorithm::Ets, None) => {
            let message = "ETS shares the bandwidth, and nothing says how much this class has";
            let whole = ["trafficClasses".to_owned(), name.to_owned()];
            found.push(Finding::error(whole, message).hint("write `bandwidth: 50` (percent)"));
        }
        (Algorithm::Ets, Some(share)) if !(1..=WHOLE).contains(&share) => {
            let message = format!("{share} is no share in percent");
            found.push(Finding::error(at("bandwidth"), message).hint("write 1 to 100"));
        }
        (Algorithm::Strict, Some(_)) => {
            let message = "a strict class goes before all others and has no share";
            found.push(
                Finding::error(at("bandwidth"), message).hint("leave it out, or write `algorithm: ETS`"),
            );
        }
        _ => {}
    }
    found
}

/// Classes beside each other.
fn together(spec: &DcbPolicySpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let sum = spec.traffic_classes.values().filter_map(|class| class.bandwidth).fold(0, u64::saturating_add);
    if sum > WHOLE {
        let message = format!("the shares of the classes are {sum} % together");
        let hint = "they may have 100 at most, and should leave something for all other traffic";
        found.push(Finding::error(["trafficClasses"], message).hint(hint));
    }
    if sum == WHOLE {
        let message = "the shares are 100 % together: nothing is left for all other traffic (`[Default]`)";
        found.push(Finding::warning(["trafficClasses"], message).hint("leave some percent, such as 48"));
    }
    if spec.traffic_classes.len() > MOST_CLASSES {
        let message = format!("{} classes are more than Windows has", spec.traffic_classes.len());
        let hint = "seven beside its own; most NICs have fewer (`Get-NetAdapterQos`: NumTCs)";
        found.push(Finding::error(["trafficClasses"], message).hint(hint));
    }
    let mut of: BTreeMap<u8, &str> = BTreeMap::new();
    for (name, class) in &spec.traffic_classes {
        for priority in &class.priorities {
            if let Some(other) = of.insert(*priority, name) {
                let message = format!("priority {priority} is in the class {other}, too");
                let path = ["trafficClasses", name.as_str(), "priorities"];
                found.push(Finding::error(path, message).hint("each priority is in one class"));
            }
        }
    }
    found
}

fn priority_range<S: AsRef<str>>(path: &[S], priority: u8) -> Option<Finding> {
    let path = path.iter().map(|key| key.as_ref().to_owned());
    let message = format!("{priority} is no priority");
    (priority > 7).then(|| Finding::error(path, message).hint("write 0 to 7; 3 is usual for SMB Direct"))
}

/// `RoCE` needs a lossless priority that has a share of its own.
fn lossless(spec: &DcbPolicySpec) -> Vec<Finding> {
    let mut found = Vec::new();
    if spec.technology == Technology::IWarp {
        return found;
    }
    for (name, policy) in &spec.policies {
        if policy.network_direct_port.is_none() || policy.priority > 7 {
            continue;
        }
        let priority = policy.priority;
        let mut wrong = |message: String, hint: String| {
            found.push(Finding::error(["policies", name.as_str(), "priority"], message).hint(hint));
        };
        if !spec.flow_control.as_ref().is_some_and(|lossless| lossless.contains(&priority)) {
            let message =
                format!("RoCE must not lose frames, and priority {priority} is not in `flowControl`");
            let mut all = spec.flow_control.clone().unwrap_or_default();
            all.insert(priority);
            let all: Vec<String> = all.iter().map(u8::to_string).collect();
            let hint =
                format!("write `flowControl: [{}]`, or `technology: iWARP` where it is that", all.join(", "));
            wrong(message, hint);
        }
        let is_shared = |class: &TrafficClassSpec| {
            class.algorithm == Algorithm::Ets && class.priorities.contains(&priority)
        };
        if !spec.traffic_classes.values().any(is_shared) {
            let message =
                format!("RoCE needs a share of its own, and priority {priority} is in no class with ETS");
            let hint = format!(
                "write `trafficClasses: {{ {name}: {{ priorities: [{priority}], bandwidth: 50 }} }}`, or `technology: iWARP` where it is that"
            );
            wrong(message, hint);
        }
    }
    found
}

/// The heartbeats of a cluster shall not wait behind a paused priority.
fn cluster(spec: &DcbPolicySpec) -> Vec<Finding> {
    let lossless = |priority: &u8| spec.flow_control.as_ref().is_some_and(|all| all.contains(priority));
    let odd = spec
        .policies
        .iter()
        .filter(|(_, policy)| policy.template == Some(Template::Cluster) && lossless(&policy.priority));
    let finding = |(name, policy): (&String, &QosPolicySpec)| {
        let message = format!(
            "priority {} of the cluster's heartbeats is in `flowControl`: they would wait whenever the switch pauses it",
            policy.priority
        );
        Finding::warning(["policies", name.as_str(), "priority"], message)
            .hint("give them a priority of their own, usually 7, without flow control")
    };
    odd.map(finding).collect()
}
