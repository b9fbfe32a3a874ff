//! Hosts and specs that laws are tried on.

use super::*;

fn uplinks(least: usize) -> impl Strategy<Value = BTreeSet<String>> {
    let names: Vec<String> = NICS.iter().map(|name| (*name).to_owned()).collect();
    prop::sample::subsequence(names, least..=4).prop_map(|all| all.into_iter().collect())
}

fn adapter(nics: BTreeSet<String>) -> impl Strategy<Value = Adapter> {
    let uplink = prop::option::of(prop::sample::select(nics.into_iter().collect::<Vec<_>>()));
    (0_u64..3, uplink, any::<[bool; 3]>()).prop_map(|(vlan, uplink, [rdma, tag, renamed])| Adapter {
        vlan,
        uplink,
        rdma,
        tag,
        renamed,
    })
}

fn switch() -> impl Strategy<Value = Switch> {
    (uplinks(1), any::<bool>()).prop_flat_map(|(uplinks, teaming)| {
        let uplinks: BTreeSet<String> = if teaming { uplinks } else { uplinks.into_iter().take(1).collect() };
        let adapters =
            prop::collection::btree_map(prop::sample::select(NAMES.to_vec()), adapter(uplinks.clone()), 0..4);
        let words = (
            prop::sample::select(vec!["HyperVPort", "Dynamic"]),
            prop::sample::select(vec!["Weight", "None"]),
        );
        (adapters, words, any::<bool>(), any::<bool>(), "[a-z]{0,2}").prop_map(
            move |(adapters, words, iov, pd, notes)| {
                let adapters = adapters.into_iter().map(|(name, mut adapter): (&str, Adapter)| {
                    adapter.uplink = adapter.uplink.filter(|_| teaming);
                    (name.to_owned(), adapter)
                });
                Switch {
                    uplinks: uplinks.clone(),
                    teaming,
                    load_balancing: if teaming { words.0 } else { "Dynamic" }.to_owned(),
                    mode: words.1.to_owned(),
                    iov,
                    packet_direct: pd,
                    notes,
                    adapters: adapters.collect(),
                }
            },
        )
    })
}

pub(super) fn model() -> impl Strategy<Value = Model> {
    let guests =
        prop::collection::btree_set(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]), 0..3);
    (prop::option::weighted(0.8, switch()), guests).prop_map(|(switch, guests)| {
        let guests = if switch.is_some() { guests } else { BTreeSet::new() };
        Model { switch, guests, address: None, falls: 0 }
    })
}

/// A spec that wants some of what `wanted` is.
pub(super) fn spec() -> impl Strategy<Value = HyperVSwitchSpec> {
    (switch(), prop::collection::vec(any::<bool>(), 12), 0_usize..4).prop_map(|(wanted, says, absent)| {
        let mut spec = json!({ "name": "SET", "uplinks": wanted.uplinks, "embeddedTeaming": wanted.teaming });
        let mut write = |nth: usize, field: &str, value: Value| {
            if says[nth] {
                spec[field] = value;
            }
        };
        write(0, "minimumBandwidthMode", json!(wanted.mode));
        write(1, "iov", json!(wanted.iov));
        let is_at_odds = wanted.packet_direct && wanted.teaming && wanted.load_balancing == "Dynamic";
        if !is_at_odds {
            write(2, "packetDirect", json!(wanted.packet_direct));
        }
        write(3, "notes", json!(wanted.notes));
        if wanted.teaming {
            write(4, "loadBalancing", json!(wanted.load_balancing));
        }
        let mut adapters = json!({});
        for (name, adapter) in &wanted.adapters {
            let mut written = json!({});
            if says[5] {
                written["vlan"] = if adapter.vlan == 0 { json!("untagged") } else { json!(adapter.vlan) };
            }
            if says[6] && wanted.teaming {
                written["uplink"] = json!(adapter.uplink.as_deref().unwrap_or("none"));
            }
            if says[7] {
                written["rdma"] = json!(adapter.rdma);
            }
            if says[8] {
                written["ieeePriorityTag"] = json!(adapter.tag);
            }
            adapters[name] = written;
        }
        if let Some(name) = NAMES.get(absent).filter(|name| !wanted.adapters.contains_key(**name)) {
            adapters[*name] = json!({ "absent": true });
        }
        spec["hostAdapters"] = adapters;
        if says[9] {
            spec["allowManagementOS"] = json!(!wanted.adapters.is_empty());
        }
        serde_json::from_value(spec).unwrap()
    })
}
