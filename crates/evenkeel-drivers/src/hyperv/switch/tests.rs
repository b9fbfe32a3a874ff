//! Laws of the driver over a small model of a host, which makes the calls that it is sent.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Delta, Driver, ObserveError, Observed, Step};
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_core::request::{Replies, Reply, Request};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{HyperVSwitch, HyperVSwitchSpec, HyperVSwitchState, scripts};

const NICS: [&str; 4] = ["NIC1", "NIC2", "NIC3", "NIC4"];
const NAMES: [&str; 3] = ["Management", "S2D1", "管理"];

/// A host with at most one switch, `SET`.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    switch: Option<Switch>,
    /// Which guests' adapters are connected to it.
    guests: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Switch {
    uplinks: BTreeSet<String>,
    teaming: bool,
    load_balancing: String,
    mode: String,
    iov: bool,
    packet_direct: bool,
    notes: String,
    adapters: BTreeMap<String, Adapter>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Adapter {
    vlan: u64,
    uplink: Option<String>,
    rdma: bool,
    tag: bool,
}

impl Model {
    fn reply(&self) -> Reply {
        let nic = |(at, name): (usize, &&str)| {
            json!({ "name": name, "description": format!("Adapter #{at}"), "mac": format!("00-00-00-00-00-0{at}"), "index": at,
                "guid": format!("{{{at}}}"), "status": "Up", "bitsPerSecond": 1, "virtual": false, "model": "m", "driver": "1" })
        };
        let mut parts = json!({
            "host": [{ "name": "H", "powerShell": "7", "edition": "Core", "address": null, "hyperV": true, "dcb": false, "now": 0 }],
            "adapters": NICS.iter().enumerate().map(nic).collect::<Vec<_>>(),
            "addresses": [], "rdma": [], "intents": [], "switches": [], "teams": [], "hostAdapters": [], "vlans": [],
            "mappings": [], "running": [], "guard": [], "smb": [], "multichannel": [],
        });
        let mut push = |part: &str, row: Value| parts[part].as_array_mut().unwrap().push(row);
        if let Some(switch) = &self.switch {
            let at = |name: &String| NICS.iter().position(|nic| nic == name).unwrap();
            let uplinks: Vec<String> =
                switch.uplinks.iter().map(|name| format!("Adapter #{}", at(name))).collect();
            push(
                "switches",
                json!({ "name": "SET", "id": "1", "type": "External", "embeddedTeaming": switch.teaming, "iov": switch.iov,
                "packetDirect": switch.packet_direct, "bandwidthMode": switch.mode, "allowManagementOS": !switch.adapters.is_empty(),
                "notes": switch.notes, "uplinks": uplinks }),
            );
            if switch.teaming {
                push(
                    "teams",
                    json!({ "switch": "SET", "uplinks": uplinks, "mode": "SwitchIndependent",
                    "loadBalancing": switch.load_balancing }),
                );
            }
            for (name, adapter) in &switch.adapters {
                let tag = if adapter.tag { "On" } else { "Off" };
                push(
                    "hostAdapters",
                    json!({ "name": name, "switch": "SET", "device": "", "ieeePriorityTag": tag }),
                );
                let mode = if adapter.vlan == 0 { "Untagged" } else { "Access" };
                push("vlans", json!({ "adapter": name, "mode": mode, "vlan": adapter.vlan }));
                push("mappings", json!({ "adapter": name, "uplink": adapter.uplink }));
                push("rdma", json!({ "adapter": format!("vEthernet ({name})"), "enabled": adapter.rdma }));
            }
        }
        let guests = ["a", "b"].map(|vm| {
            json!({ "vm": vm, "adapter": "Network Adapter", "switch": self.guests.contains(vm).then_some("SET") })
        });
        parts["guests"] = json!(guests);
        let stdout = json!({ "parts": parts, "failed": {} }).to_string().into_bytes();
        Reply { exit: 0, stdout, stderr: Vec::new() }
    }

    fn replies(&self) -> Replies {
        let mut replies = Replies::default();
        replies.insert(scripts::observe(), Ok(self.reply()));
        replies
    }

    /// Makes one call; `None` where the host would refuse it.
    fn call(&mut self, call: &Value) -> Option<()> {
        let given = &call["parameters"];
        let text = |name: &str| given[name].as_str().map(str::to_owned);
        let cmdlet = call["cmdlet"].as_str().unwrap();
        if cmdlet == "New-VMSwitch" {
            return self.make(given);
        }
        if cmdlet == "Remove-VMSwitch" {
            return if self.guests.is_empty() { self.switch.take().map(drop) } else { None };
        }
        if cmdlet == "Disconnect-VMNetworkAdapter" {
            self.guests.remove(&text("VMName")?);
            return Some(());
        }
        let switch = self.switch.as_mut()?;
        match cmdlet {
            "Connect-VMNetworkAdapter" => {
                self.guests.insert(text("VMName")?);
            }
            "Set-VMSwitchTeam" => {
                assert!(switch.teaming);
                if !given["NetAdapterName"].is_null() {
                    switch.uplinks = names(&given["NetAdapterName"]);
                }
                switch.load_balancing =
                    text("LoadBalancingAlgorithm").unwrap_or(switch.load_balancing.clone());
            }
            "Set-VMSwitch" => {
                switch.notes = text("Notes").unwrap_or(switch.notes.clone());
                if let Some(nic) = text("NetAdapterName") {
                    assert!(!switch.teaming);
                    switch.uplinks = BTreeSet::from([nic]);
                }
                if given["AllowManagementOS"] == false {
                    switch.adapters.clear();
                } else if given["AllowManagementOS"] == true && switch.adapters.is_empty() {
                    switch.adapters.insert("SET".to_owned(), Adapter::default());
                }
            }
            "Add-VMNetworkAdapter" => {
                let name = text("Name")?;
                // A way back does not make one twice.
                if switch.adapters.contains_key(&name) {
                    return None;
                }
                switch.adapters.insert(name, Adapter::default());
            }
            "Remove-VMNetworkAdapter" => return switch.adapters.remove(&text("Name")?).map(drop),
            "Rename-VMNetworkAdapter" => {
                let adapter = switch.adapters.remove(&text("Name")?)?;
                switch.adapters.insert(text("NewName")?, adapter);
            }
            "Restart-NetAdapter" => {}
            _ => return self.set_adapter(cmdlet, given),
        }
        Some(())
    }

    fn set_adapter(&mut self, cmdlet: &str, given: &Value) -> Option<()> {
        let text = |name: &str| given[name].as_str();
        let name = text("VMNetworkAdapterName").or(text("Name"))?;
        let name = name.strip_prefix("vEthernet (").and_then(|name| name.strip_suffix(')')).unwrap_or(name);
        let adapter = self.switch.as_mut()?.adapters.get_mut(name)?;
        match cmdlet {
            "Set-VMNetworkAdapterVlan" => adapter.vlan = given["VlanId"].as_u64().unwrap_or(0),
            "Set-VMNetworkAdapterTeamMapping" => {
                adapter.uplink = text("PhysicalNetAdapterName").map(str::to_owned);
            }
            "Remove-VMNetworkAdapterTeamMapping" => return adapter.uplink.take().map(drop),
            "Set-VMNetworkAdapter" => adapter.tag = text("IeeePriorityTag")? == "On",
            "Set-NetAdapterRdma" => adapter.rdma = given["Enabled"].as_bool()?,
            other => panic!("what is {other}?"),
        }
        Some(())
    }

    fn make(&mut self, given: &Value) -> Option<()> {
        if self.switch.is_some() {
            return None;
        }
        let is = |name: &str| given[name] == true;
        let own = is("AllowManagementOS").then(|| ("SET".to_owned(), Adapter::default()));
        self.switch = Some(Switch {
            uplinks: names(&given["NetAdapterName"]),
            teaming: is("EnableEmbeddedTeaming"),
            load_balancing: "Dynamic".to_owned(),
            mode: given["MinimumBandwidthMode"].as_str().unwrap_or("Weight").replace("Default", "Weight"),
            iov: is("EnableIov"),
            packet_direct: is("EnablePacketDirect"),
            notes: String::new(),
            adapters: own.into_iter().collect(),
        });
        Some(())
    }

    fn send(&mut self, step: &Step) {
        for call in calls(&step.request) {
            let adapters = self.switch.as_ref().map_or(0, |switch| switch.adapters.len());
            // Nobody says whose addresses a NIC would get.
            assert!(call["cmdlet"] != "Remove-VMSwitch" || adapters < 2, "{adapters} adapters are on it");
            self.call(&call).unwrap_or_else(|| panic!("refused: {call}"));
        }
    }
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn calls(request: &Request) -> Vec<Value> {
    let Request::PowerShell(powershell) = request else { panic!("no PowerShell") };
    powershell.input["calls"].as_array().unwrap().clone()
}

/// The steps that close what differs.
fn plan(spec: &HyperVSwitchSpec, model: &Model) -> (Option<Action>, Vec<Step>) {
    plan_of(spec, &model.replies()).unwrap()
}

fn plan_of(spec: &HyperVSwitchSpec, replies: &Replies) -> Result<(Option<Action>, Vec<Step>), ObserveError> {
    let driver = HyperVSwitch;
    let seen: Option<HyperVSwitchState> = match driver.observe(spec, replies)? {
        Observed::Present(seen) => Some(seen),
        Observed::Absent { .. } => None,
        Observed::Busy { reason } => panic!("{reason}"),
    };
    let after = driver.desired(spec, seen.as_ref(), Timestamp::UNIX_EPOCH).unwrap();
    let before = seen.as_ref().map(|seen| serde_json::to_value(seen).unwrap());
    let changes = evenkeel_core::diff::unmet(&serde_json::to_value(&after).unwrap(), before.as_ref());
    if changes.is_empty() {
        return Ok((None, Vec::new()));
    }
    let is_for_good =
        || changes.iter().any(|change| HyperVSwitch::IMMUTABLE.iter().any(|at| change.path.is_within(at)));
    let action = match &seen {
        None => Action::Create,
        Some(_) if is_for_good() => Action::Replace,
        Some(_) => Action::Update,
    };
    let id =
        InstanceId { kind: "HyperVSwitch".to_owned(), name: "set".to_owned(), target: "host".to_owned() };
    let delta = Delta {
        action,
        before: seen.as_ref(),
        after: &after,
        changes: &changes,
        owner: "evenkeel",
        id: &id,
        replies,
    };
    Ok((Some(action), driver.steps(spec, &delta)))
}

fn uplinks(least: usize) -> impl Strategy<Value = BTreeSet<String>> {
    let names: Vec<String> = NICS.iter().map(|name| (*name).to_owned()).collect();
    prop::sample::subsequence(names, least..=4).prop_map(|all| all.into_iter().collect())
}

fn adapter(nics: BTreeSet<String>) -> impl Strategy<Value = Adapter> {
    let uplink = prop::option::of(prop::sample::select(nics.into_iter().collect::<Vec<_>>()));
    (0_u64..3, uplink, any::<bool>(), any::<bool>()).prop_map(|(vlan, uplink, rdma, tag)| Adapter {
        vlan,
        uplink,
        rdma,
        tag,
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

fn model() -> impl Strategy<Value = Model> {
    let guests =
        prop::collection::btree_set(prop::sample::select(vec!["a".to_owned(), "b".to_owned()]), 0..3);
    (prop::option::weighted(0.8, switch()), guests).prop_map(|(switch, guests)| {
        let guests = if switch.is_some() { guests } else { BTreeSet::new() };
        Model { switch, guests }
    })
}

/// A spec that wants some of what `wanted` is.
fn spec() -> impl Strategy<Value = HyperVSwitchSpec> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_second_plan_is_empty(spec in spec(), mut model in model()) {
        prop_assert!(super::check::check(&spec).iter().all(|finding| finding.warning));
        let guests = model.guests.clone();
        let was_there = model.switch.is_some();
        let (action, steps) = plan(&spec, &model);
        prop_assert_eq!(action.is_some(), !steps.is_empty(), "what differs has steps");
        for step in &steps {
            model.send(step);
        }
        prop_assert_eq!(plan(&spec, &model), (None, Vec::new()));
        if was_there {
            prop_assert_eq!(model.guests, guests, "guests stay connected");
        }
    }

    /// What is not known is told, and never looks like nothing to do.
    #[test]
    fn a_part_that_cannot_be_read_is_an_error_where_it_is_needed(spec in spec(), model in model()) {
        let whole = model.reply();
        let known: Value = serde_json::from_slice(&whole.stdout).unwrap();
        for part in known["parts"].as_object().unwrap().keys() {
            let mut less = known.clone();
            less["parts"].as_object_mut().unwrap().remove(part);
            less["failed"][part] = json!({ "cmdlet": "Get-It", "category": "NotSpecified", "target": "", "message": "no" });
            let mut replies = Replies::default();
            let reply = Reply { stdout: less.to_string().into_bytes(), ..whole.clone() };
            replies.insert(scripts::observe(), Ok(reply));
            if let Ok((action, steps)) = plan_of(&spec, &replies) {
                prop_assert_eq!(action.is_some(), !steps.is_empty(), "{} is not known", part);
            }
        }
    }

    /// Whatever the case in which somebody writes its name.
    #[test]
    fn what_is_found_is_what_a_manifest_is_about(model in model()) {
        for found in HyperVSwitch.inventory(&model.replies()).unwrap() {
            for name in ["SET", "set"] {
                let mut spec = json!(found.spec);
                spec["name"] = json!(name);
                prop_assert_eq!(HyperVSwitch.object(&serde_json::from_value(spec).unwrap()), &*found.object);
            }
        }
    }

    #[test]
    fn only_what_is_for_good_makes_a_switch_anew(spec in spec(), model in model()) {
        let (action, steps) = plan(&spec, &model);
        let all: Vec<Value> = steps.iter().flat_map(|step| calls(&step.request)).collect();
        let removes = all.iter().any(|call| call["cmdlet"] == "Remove-VMSwitch");
        prop_assert_eq!(removes, action == Some(Action::Replace));
    }

    /// Whatever of a step was done, and whatever of it failed.
    #[test]
    fn a_guard_puts_back_what_was_there(spec in spec(), mut model in model()) {
        let (_, steps) = plan(&spec, &model);
        for step in &steps {
            let forward = calls(&step.request);
            for done in 0..=forward.len() {
                let Some(guard) = &step.guard else { break };
                let mut tried = model.clone();
                for call in &forward[..done] {
                    tried.call(call).unwrap();
                }
                for begun in [done, done + 1] {
                    let mut tried = tried.clone();
                    for back in calls(&guard.arm).iter().filter(|back| back["after"].as_u64() <= Some(begun as u64)) {
                        let _ = tried.call(&back["call"]);
                    }
                    prop_assert_eq!(&tried, &model, "after {} of {}", done, step.request.display());
                }
            }
            model.send(step);
        }
    }

    /// Each step stands alone: what comes of some of them in any order is made up for by the next plan.
    #[test]
    fn any_order_comes_to_the_same(spec in spec(), model in model(), order in any::<prop::sample::Index>()) {
        let (action, steps) = plan(&spec, &model);
        if action != Some(Action::Update) {
            return Ok(());
        }
        let mut other = model;
        for at in 0..steps.len() {
            other.send(&steps[(at + order.index(steps.len())) % steps.len()]);
        }
        for step in plan(&spec, &other).1 {
            other.send(&step);
        }
        prop_assert_eq!(plan(&spec, &other), (None, Vec::new()));
    }
}
