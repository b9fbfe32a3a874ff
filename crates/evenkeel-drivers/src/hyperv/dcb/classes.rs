//! In which order traffic classes are changed: at no time two of them have a priority in common, or more than everything
//! together.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::Call;

use super::check::{DEFAULT_CLASS, WHOLE};
use super::spec::{Algorithm, TrafficClassSpec};
use super::state::share;
use crate::hyperv::host::TrafficClass;

/// What a class takes.
struct Taken {
    priorities: BTreeSet<u8>,
    share: u64,
}

/// The calls that bring `wanted` about beside what there is. Where no order does (two classes change places), one is
/// removed and made again.
pub(super) fn calls(there: &[TrafficClass], wanted: &[(&str, &TrafficClassSpec)]) -> Vec<Call> {
    let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
    for class in there.iter().filter(|class| class.name != DEFAULT_CLASS) {
        let priorities = class.priorities.iter().copied().collect();
        taken.insert(class.name.to_lowercase(), Taken { priorities, share: share(class).unwrap_or(0) });
    }
    let mut left: Vec<(&str, &TrafficClassSpec)> = wanted.to_vec();
    let mut calls = Vec::new();
    while !left.is_empty() {
        if let Some(at) = left.iter().position(|(name, class)| fits(&taken, name, class)) {
            let (name, class) = left.remove(at);
            let is_new = taken.insert(name.to_lowercase(), of(class)).is_none();
            calls.push(write(name, class, is_new));
            continue;
        }
        // One that is still there and not as it shall be is in the way of the others.
        let in_the_way = left.iter().find(|(name, _)| taken.contains_key(&name.to_lowercase()));
        let Some((name, _)) = in_the_way else { break };
        taken.remove(&name.to_lowercase());
        calls.push(Call::new("Remove-NetQosTrafficClass").with("Name", *name).with("Confirm", false));
    }
    // What does not fit however it is done: the host says why.
    calls.extend(left.iter().map(|(name, class)| write(name, class, true)));
    calls
}

fn of(class: &TrafficClassSpec) -> Taken {
    Taken { priorities: class.priorities.clone(), share: class.bandwidth.unwrap_or(0) }
}

/// True where a class can be as it shall be beside all others as they are.
fn fits(taken: &BTreeMap<String, Taken>, name: &str, class: &TrafficClassSpec) -> bool {
    let name = name.to_lowercase();
    let mut others = taken.iter().filter(|(other, _)| **other != name).map(|(_, taken)| taken);
    let share =
        others.clone().map(|other| other.share).fold(class.bandwidth.unwrap_or(0), u64::saturating_add);
    share <= WHOLE && others.all(|other| other.priorities.is_disjoint(&class.priorities))
}

fn write(name: &str, class: &TrafficClassSpec, is_new: bool) -> Call {
    let cmdlet = if is_new { "New-NetQosTrafficClass" } else { "Set-NetQosTrafficClass" };
    let priorities: Vec<u8> = class.priorities.iter().copied().collect();
    let call = Call::new(cmdlet).with("Name", name).with("Priority", priorities);
    let call = match (class.algorithm, class.bandwidth) {
        (Algorithm::Ets, Some(share)) => call.with("BandwidthPercentage", share),
        _ => call,
    };
    call.with("Algorithm", class.algorithm.name())
}
