//! Every external switch of a host, as the manifest that leaves it as it is.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use evenkeel_core::request::Replies;
use serde_json::{Map, Value, json};

use super::check::{NO_UPLINK, check};
use super::object;
use super::observe::{load_balancing, on_switch, settings};
use super::spec::HyperVSwitchSpec;
use crate::hyperv::host::{Host, Switch};
use crate::hyperv::way::is_pattern;

/// Empty on a host without Hyper-V.
pub(super) fn inventory(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let host = Host::read(replies)?;
    if !host.about()?.hyper_v {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for switch in host.switches()?.iter().filter(|switch| switch.kind == "External") {
        all.extend(found(&host, switch)?);
    }
    Ok(all)
}

/// `None` for one that no manifest can describe: with a name that cmdlets take for a pattern, or a NIC that is gone.
fn found(host: &Host, switch: &Switch) -> Result<Option<Found>, ObserveError> {
    let uplinks = host.uplinks(switch)?;
    let nics = host.nics()?;
    let is_named = |uplink: &String| nics.iter().any(|nic| nic.name == *uplink) && !is_pattern(uplink);
    if !uplinks.iter().all(is_named) {
        return Ok(None);
    }
    let mut spec = BTreeMap::from([
        ("name".to_owned(), json!(switch.name)),
        ("uplinks".to_owned(), json!(uplinks)),
        ("minimumBandwidthMode".to_owned(), json!(switch.bandwidth_mode)),
    ]);
    if switch.embedded_teaming {
        spec.insert("loadBalancing".to_owned(), json!(load_balancing(host, switch)?));
    } else {
        spec.insert("embeddedTeaming".to_owned(), json!(false));
    }
    for (name, on) in [("iov", switch.iov), ("packetDirect", switch.packet_direct)] {
        if on {
            spec.insert(name.to_owned(), json!(true));
        }
    }
    if !switch.notes.is_empty() {
        spec.insert("notes".to_owned(), json!(switch.notes));
    }
    let adapters = host_adapters(host, switch)?;
    if adapters.is_empty() {
        spec.insert("allowManagementOS".to_owned(), json!(switch.allow_management_os));
    } else {
        spec.insert("hostAdapters".to_owned(), Value::Object(adapters));
    }
    let as_value: Map<String, Value> = spec.clone().into_iter().collect();
    let read = serde_json::from_value::<HyperVSwitchSpec>(Value::Object(as_value));
    let is_fine = read.is_ok_and(|read| check(&read).iter().all(|finding| finding.warning));
    Ok(is_fine.then(|| Found { object: object(&switch.name), spec, owner: None }))
}

fn host_adapters(host: &Host, switch: &Switch) -> Result<Map<String, Value>, ObserveError> {
    let mut all = Map::new();
    for one in on_switch(host, switch)? {
        let state = settings(host, one)?;
        let mut written = Map::new();
        let vlan = state.vlan.unwrap_or_default();
        // A trunk is what no manifest says.
        if let Ok(number) = vlan.parse::<u64>() {
            written.insert("vlan".to_owned(), json!(number));
        } else if vlan == "untagged" {
            written.insert("vlan".to_owned(), json!(vlan));
        }
        if let Some(uplink) = state.uplink.filter(|uplink| uplink != NO_UPLINK) {
            written.insert("uplink".to_owned(), json!(uplink));
        }
        if state.rdma == Some(true) {
            written.insert("rdma".to_owned(), json!(true));
        }
        if state.ieee_priority_tag == Some(true) {
            written.insert("ieeePriorityTag".to_owned(), json!(true));
        }
        all.insert(one.name.clone(), Value::Object(written));
    }
    Ok(all)
}
