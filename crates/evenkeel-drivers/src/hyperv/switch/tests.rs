//! Laws of the driver over a small model of a host, which makes the calls that it is sent.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Delta, Driver, ObserveError, Observed, Step};
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_core::request::{Replies, Reply, Request};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{HyperVSwitch, HyperVSwitchSpec, HyperVSwitchState, scripts};

mod addresses;
mod strategies;

use strategies::{model, spec};

const NICS: [&str; 4] = ["NIC1", "NIC2", "NIC3", "NIC4"];
const NAMES: [&str; 3] = ["Management", "S2D1", "管理"];

/// A host with at most one switch, `SET`.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    switch: Option<Switch>,
    /// Which guests' adapters are connected to it.
    guests: BTreeSet<String>,
    /// An address that somebody set for good.
    address: Option<Place>,
    /// To which of its uplinks a switch leaves it that is removed.
    falls: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    Nic(String),
    HostAdapter(String),
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
    /// Somebody has given the host's side of it another name.
    renamed: bool,
}

impl Adapter {
    fn alias(&self, name: &str) -> String {
        if self.renamed { format!("Net {name}") } else { format!("vEthernet ({name})") }
    }
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
                let index = 10 + NAMES.iter().position(|one| one == name).unwrap_or(NAMES.len());
                let side = json!({ "name": adapter.alias(name), "description": format!("Virtual #{index}"), "mac": format!("00-00-00-00-00-{index}"),
                    "index": index, "guid": format!("{{{index}}}"), "status": "Up", "bitsPerSecond": 1, "virtual": true, "model": null, "driver": "1" });
                push("adapters", side);
                if self.address == Some(Place::HostAdapter(name.clone())) {
                    push(
                        "addresses",
                        json!({ "index": index, "address": "10.0.0.1", "prefix": 24, "origin": "Manual", "persistent": true }),
                    );
                }
                let tag = if adapter.tag { "On" } else { "Off" };
                push(
                    "hostAdapters",
                    json!({ "name": name, "switch": "SET", "device": format!("{{{index}}}"), "ieeePriorityTag": tag }),
                );
                let mode = if adapter.vlan == 0 { "Untagged" } else { "Access" };
                push("vlans", json!({ "adapter": name, "mode": mode, "vlan": adapter.vlan }));
                push("mappings", json!({ "adapter": name, "uplink": adapter.uplink }));
                push("rdma", json!({ "adapter": adapter.alias(name), "enabled": adapter.rdma }));
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
            return if self.guests.is_empty() { self.remove() } else { None };
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
            "Remove-VMNetworkAdapter" => {
                let name = text("Name")?;
                switch.adapters.remove(&name)?;
                self.address.take_if(|place| *place == Place::HostAdapter(name));
            }
            "Rename-VMNetworkAdapter" => {
                let (name, new) = (text("Name")?, text("NewName")?);
                let adapter = switch.adapters.remove(&name)?;
                switch.adapters.insert(new.clone(), adapter);
                if self.address == Some(Place::HostAdapter(name)) {
                    self.address = Some(Place::HostAdapter(new));
                }
            }
            "Restart-NetAdapter" => {}
            _ => return self.set_adapter(cmdlet, given),
        }
        Some(())
    }

    fn set_adapter(&mut self, cmdlet: &str, given: &Value) -> Option<()> {
        let text = |name: &str| given[name].as_str();
        let name = text("VMNetworkAdapterName").or(text("Name")).or(text("InterfaceAlias"))?;
        let is_net = cmdlet.contains("-Net");
        let is_meant =
            |one: &str, adapter: &Adapter| if is_net { adapter.alias(one) == name } else { one == name };
        let all = &mut self.switch.as_mut()?.adapters;
        let (name, adapter) = all.iter_mut().find(|(one, adapter)| is_meant(one, adapter))?;
        match cmdlet {
            "Rename-NetAdapter" => {
                adapter.renamed = true;
                assert_eq!(text("NewName")?, adapter.alias(name));
            }
            "New-NetIPAddress" => self.address = Some(Place::HostAdapter(name.clone())),
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

    fn remove(&mut self) -> Option<()> {
        let switch = self.switch.take()?;
        let left = switch.uplinks.iter().cycle().nth(self.falls).cloned().map(Place::Nic);
        let was_there =
            |place: &Place| switch.adapters.keys().any(|one| *place == Place::HostAdapter(one.clone()));
        if self.address.as_ref().is_some_and(was_there) {
            self.address = left;
        }
        Some(())
    }

    fn make(&mut self, given: &Value) -> Option<()> {
        if self.switch.is_some() {
            return None;
        }
        let is = |name: &str| given[name] == true;
        let nics = names(&given["NetAdapterName"]);
        if is("AllowManagementOS") && matches!(&self.address, Some(Place::Nic(nic)) if nics.contains(nic)) {
            self.address = Some(Place::HostAdapter("SET".to_owned()));
        }
        let own = is("AllowManagementOS").then(|| ("SET".to_owned(), Adapter::default()));
        self.switch = Some(Switch {
            uplinks: nics,
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
