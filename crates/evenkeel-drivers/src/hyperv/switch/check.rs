//! What can be seen of a spec without the host.

use std::collections::BTreeSet;

use evenkeel_core::driver::Finding;

use super::spec::{HostAdapterSpec, HyperVSwitchSpec, LoadBalancing, VlanId};
use crate::hyperv::ground::check_confirm;
use crate::hyperv::way::{is_mac, is_pattern, same};

/// The most NICs of a team.
pub(super) const MOST_UPLINKS: usize = 8;
/// VLANs that packets can carry.
const VLANS: std::ops::RangeInclusive<u64> = 1..=4094;

pub(super) fn check(spec: &HyperVSwitchSpec) -> Vec<Finding> {
    let mut found: Vec<Finding> = bad_name(&["name"], &spec.name, "a switch").into_iter().collect();
    found.extend(uplinks(spec));
    found.extend(team(spec));
    found.extend(host_adapters(spec));
    if spec.notes.as_ref().is_some_and(|notes| notes.contains('\0')) {
        found.push(Finding::error(["notes"], "has a character 0 in it").hint("write plain text"));
    }
    found.extend(check_confirm(spec.confirm_within));
    found
}

fn bad_name(path: &[&str], name: &str, what: &str) -> Option<Finding> {
    let is_name = !name.is_empty() && name.trim() == name && !name.contains(|c: char| c.is_control());
    (!is_name || is_pattern(name)).then(|| {
        let message = format!("`{}` is no name of {what} that cmdlets take", name.escape_debug());
        let hint = "write one line without blanks at its ends, and without * ? [ ]";
        Finding::error(path.iter().copied(), message).hint(hint)
    })
}

fn uplinks(spec: &HyperVSwitchSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut finding =
        |message: String, hint: &str| found.push(Finding::error(["uplinks"], message).hint(hint));
    let count = spec.uplinks.len();
    if count == 0 {
        finding(
            "an external switch needs a NIC".to_owned(),
            "write one to eight NICs: `uplinks: [NIC1, NIC2]`",
        );
    }
    if count > MOST_UPLINKS {
        finding(
            format!("a team has at most {MOST_UPLINKS} NICs, here are {count}"),
            "make two switches of them",
        );
    }
    if !spec.embedded_teaming && count > 1 {
        finding(
            format!("without embedded teaming a switch has one NIC, here are {count}"),
            "leave `embeddedTeaming: false` out, or keep one of them",
        );
    }
    let mut known = BTreeSet::new();
    for (nth, uplink) in spec.uplinks.iter().enumerate() {
        let path = ["uplinks".to_owned(), nth.to_string()];
        if uplink.trim() != uplink || uplink.is_empty() {
            let message = format!("`{}` is no NIC", uplink.escape_debug());
            let hint = "write its name, MAC or interface description, as `Get-NetAdapter` shows them";
            found.push(Finding::error(path, message).hint(hint));
        } else if !known.insert(uplink.to_lowercase()) {
            found.push(Finding::error(path, format!("{uplink} is listed twice")).hint("write each NIC once"));
        }
    }
    found
}

fn team(spec: &HyperVSwitchSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    if !spec.embedded_teaming && spec.load_balancing.is_some() {
        let message = "a switch without embedded teaming has nothing to spread traffic over";
        found.push(
            Finding::error(["loadBalancing"], message).hint("leave it out, or `embeddedTeaming: false`"),
        );
    }
    if spec.packet_direct == Some(true) && spec.wanted_load_balancing() == Some(LoadBalancing::Dynamic) {
        let message = "Packet Direct needs HyperVPort";
        found.push(Finding::error(["loadBalancing"], message).hint("write `loadBalancing: HyperVPort`"));
    }
    if spec.iov == Some(true) && spec.embedded_teaming {
        let message =
            "SR-IOV goes past a team: whether Switch Embedded Teaming works with it depends on the NIC";
        let hint = "leave `iov` out, unless the NIC's maker says that it does; it cannot be changed later";
        found.push(Finding::warning(["iov"], message).hint(hint));
    }
    found
}

fn host_adapters(spec: &HyperVSwitchSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    if spec.allow_management_os == Some(false) && spec.present().next().is_some() {
        let message = "without it the host has no virtual NICs on the switch, and `hostAdapters` has some";
        let hint = "leave `allowManagementOS` out, or mark them `absent: true`";
        found.push(Finding::error(["allowManagementOS"], message).hint(hint));
    }
    let mut takers = spec.host_adapters.iter().filter(|(_, adapter)| adapter.takes_over == Some(true));
    if let (Some((first, _)), Some((second, _))) = (takers.next(), takers.next()) {
        let message = format!("{first} takes the uplinks' addresses over already");
        let finding = Finding::error(["hostAdapters", second, "takesOver"], message);
        found.push(finding.hint("write `takesOver: true` at one of them"));
    }
    let mut known: Vec<&String> = Vec::new();
    for (name, adapter) in &spec.host_adapters {
        if let Some(twin) = known.iter().find(|one| same(one, name)) {
            let message = format!("Windows takes it for {twin}: names do not differ by case");
            found.push(Finding::error(["hostAdapters", name], message).hint("keep one of them"));
        }
        known.push(name);
        found.extend(bad_name(&["hostAdapters", name], name, "a host adapter"));
        found.extend(host_adapter(spec, name, adapter));
    }
    found
}

fn host_adapter(spec: &HyperVSwitchSpec, name: &str, adapter: &HostAdapterSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    let at = |field: &'static str| ["hostAdapters", name, field].map(str::to_owned);
    let says_more = *adapter != HostAdapterSpec { absent: true, ..HostAdapterSpec::default() };
    if adapter.absent {
        if says_more {
            let message = "what shall not be has no settings";
            found.push(
                Finding::error(at("absent"), message).hint("keep `absent: true` alone, or take it away"),
            );
        }
        return found;
    }
    if let Some(VlanId::Tagged(vlan)) = adapter.vlan
        && !VLANS.contains(&vlan)
    {
        let message = format!("there is no VLAN {vlan}");
        found
            .push(Finding::error(at("vlan"), message).hint("VLANs are 1 to 4094; write `untagged` for none"));
    }
    let has_vlan = matches!(adapter.vlan, Some(VlanId::Tagged(_)));
    if adapter.rdma == Some(true) && !has_vlan {
        let message = "RDMA without a VLAN: packets without a tag carry no priority, so that flow control may pass them over";
        found.push(Finding::warning(at("rdma"), message).hint("write a `vlan`, as Microsoft recommends"));
    }
    if let Some(uplink) = adapter.uplink.as_deref().filter(|uplink| *uplink != NO_UPLINK) {
        if !spec.embedded_teaming {
            let message = "only a team has several uplinks to choose from";
            found.push(Finding::error(at("uplink"), message).hint("leave it out"));
        } else if are_plain(spec, uplink) && !spec.uplinks.iter().any(|one| same(one, uplink)) {
            let message = format!("{uplink} is not among `uplinks`");
            let hint = format!("one of: {}, or `none`", spec.uplinks.join(", "));
            found.push(Finding::error(at("uplink"), message).hint(hint));
        }
    }
    found
}

/// The word for no mapping.
pub(super) const NO_UPLINK: &str = "none";

/// True where the uplink and the switch's are written as names, which can be compared. A description has blanks.
fn are_plain(spec: &HyperVSwitchSpec, uplink: &str) -> bool {
    let is_plain = |text: &str| !is_mac(text) && !text.contains(' ');
    is_plain(uplink) && spec.uplinks.iter().all(|one| is_plain(one))
}
