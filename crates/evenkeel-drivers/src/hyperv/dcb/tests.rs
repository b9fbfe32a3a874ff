//! Laws of the whole: traffic classes are changed in an order that a host takes, whatever there is and whatever is wanted.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::classes::calls;
use super::*;
use crate::hyperv::host::TrafficClass;

/// Classes that can be beside each other: each priority is in at most one, and the shares are 100 together at most.
fn classes() -> impl Strategy<Value = BTreeMap<String, TrafficClassSpec>> {
    (proptest::collection::vec(0_usize..5, 8), proptest::collection::vec(1_u64..=25, 4)).prop_map(
        |(of, shares)| {
            let mut classes = BTreeMap::new();
            for (nth, share) in shares.into_iter().enumerate() {
                let priorities: BTreeSet<u8> =
                    (0_u8..8).zip(&of).filter(|(_, of)| **of == nth).map(|(p, _)| p).collect();
                if !priorities.is_empty() {
                    let class = TrafficClassSpec {
                        priorities,
                        bandwidth: Some(share * 2),
                        algorithm: Algorithm::Ets,
                    };
                    classes.insert(format!("Class{nth}"), class);
                }
            }
            while classes.values().filter_map(|class: &TrafficClassSpec| class.bandwidth).sum::<u64>() > 100 {
                classes.pop_last();
            }
            classes
        },
    )
}

fn seen(classes: &BTreeMap<String, TrafficClassSpec>) -> Vec<TrafficClass> {
    let one = |(name, class): (&String, &TrafficClassSpec)| TrafficClass {
        name: name.to_uppercase(),
        algorithm: "ETS".to_owned(),
        bandwidth: class.bandwidth,
        priorities: class.priorities.iter().copied().collect(),
    };
    classes.iter().map(one).collect()
}

proptest! {
    #[test]
    fn no_call_leaves_classes_that_a_host_refuses(there in classes(), wanted in classes()) {
        // Those that are not wanted may not be in the way: that was refused before.
        let there: BTreeMap<_, _> = there.into_iter().filter(|(name, _)| wanted.contains_key(name)).collect();
        let all: Vec<_> = wanted.iter().map(|(name, class)| (name.as_str(), class)).collect();
        let mut model: BTreeMap<String, (BTreeSet<u64>, u64)> = seen(&there)
            .into_iter()
            .map(|class| {
                let priorities = class.priorities.iter().map(|p| u64::from(*p)).collect();
                (class.name.to_lowercase(), (priorities, class.bandwidth.unwrap()))
            })
            .collect();
        for call in calls(&seen(&there), &all) {
            let call = call.to_json();
            let given = &call["parameters"];
            let name = given["Name"].as_str().unwrap().to_lowercase();
            if call["cmdlet"] == "Remove-NetQosTrafficClass" {
                prop_assert!(model.remove(&name).is_some());
                continue;
            }
            prop_assert_eq!(call["cmdlet"] == "Set-NetQosTrafficClass", model.contains_key(&name));
            let priorities = given["Priority"].as_array().unwrap().iter().map(|p| p.as_u64().unwrap()).collect();
            model.insert(name, (priorities, given["BandwidthPercentage"].as_u64().unwrap()));
            prop_assert!(model.values().map(|(_, share)| share).sum::<u64>() <= 100);
            let count: usize = model.values().map(|(priorities, _)| priorities.len()).sum();
            let different: BTreeSet<u64> = model.values().flat_map(|(priorities, _)| priorities.clone()).collect();
            prop_assert_eq!(count, different.len());
        }
        let end: BTreeMap<String, (BTreeSet<u64>, u64)> = wanted
            .iter()
            .map(|(name, class)| {
                let priorities = class.priorities.iter().map(|p| u64::from(*p)).collect();
                (name.to_lowercase(), (priorities, class.bandwidth.unwrap()))
            })
            .collect();
        prop_assert_eq!(model, end);
    }
}
