//! Problems of a spec that can be seen without the node.

use std::net::{IpAddr, Ipv4Addr};

use evenkeel_core::driver::Finding;

use super::observe::ending;
use super::spec::{LxcBuild, LxcSettings};
use crate::containers::host::matches;
use crate::containers::name::Release;
use crate::containers::{check, name};

/// Ids below are not given to guests.
const FIRST_ID: u32 = 100;
const LAST_ID: u32 = 999_999_999;

/// Problems of a spec.
pub(super) fn check(spec: &LxcSettings) -> Vec<Finding> {
    let listed_by = spec.output.listed_by.as_deref().and_then(Release::parse);
    let ending = ending(spec.compression, listed_by);
    let mut findings = name::check(&spec.output, ending.trim_start_matches('.'), &["lxc", "output"]);
    findings.extend(storage(&spec.storage, &["lxc", "storage"]));
    findings.extend(base(spec));
    findings.extend(build(&spec.build));
    findings.extend(check::provision(
        (&spec.provision, spec.cleanup),
        check::LARGEST_RECIPE,
        &["lxc", "provision"],
    ));
    findings.extend(check::versions(&spec.output.version, spec.refresh.as_ref(), spec.keep, &["lxc"]));
    findings.extend(check::publish(&spec.publish, &["lxc", "publish"]));
    findings
}

fn storage(name: &str, at: &[&str]) -> Option<Finding> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_plain);
    (!is_name).then(|| {
        Finding::error(at.iter().copied(), format!("{name:?} is no name of a storage")).hint("storage: local")
    })
}

fn base(spec: &LxcSettings) -> Option<Finding> {
    let base = spec.base.as_str();
    let error = |message: String| Finding::error(["lxc", "base"], message);
    if let Some((storage, file)) = base.split_once(":vztmpl/") {
        let hint = format!("storage: {storage}, and base: {file}");
        return Some(error("the storage stands in a field of its own".to_owned()).hint(hint));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    if base.is_empty() || base.starts_with(['-', '.']) || !base.chars().all(is_plain) {
        let hint = "base: debian-12-standard_12.7-1_amd64.tar.zst";
        return Some(error(format!("{base:?} is no name of a template")).hint(hint));
    }
    let stem = [".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"]
        .iter()
        .find_map(|ending| base.strip_suffix(ending));
    let Some(stem) = stem else {
        return Some(
            error("pct takes templates by the whole name of their file".to_owned())
                .hint(format!("base: {base}.tar.zst, or how else it ends")),
        );
    };
    matches(&name::name(&spec.output), stem).then(|| {
        error("a template is not made of itself".to_owned())
            .hint("give `output.version` another value than the base has")
    })
}

fn build(build: &LxcBuild) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |field: &str, message: String, hint: &str| {
        findings.push(Finding::error(["lxc", "build", field], message).hint(hint));
    };
    if !(FIRST_ID..=LAST_ID).contains(&build.vmid) {
        let message = format!("ids are from {FIRST_ID} to {LAST_ID}");
        add("vmid", message, "vmid: 900, or another that no guest of the cluster has");
    }
    let numbers = [
        ("size", Some(build.size), 1..=16_384, "size: 8"),
        ("memory", build.memory, 16..=u32::MAX, "memory: 1024"),
        ("cores", build.cores, 1..=8_192, "cores: 2"),
        ("vlan", build.vlan, 1..=4_094, "vlan: 35"),
    ];
    for (field, number, range, hint) in numbers {
        if let Some(number) = number.filter(|number| !range.contains(number)) {
            add(field, format!("{number} is less or more than there can be"), hint);
        }
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(bridge) = &build.bridge
        && (bridge.is_empty() || !bridge.chars().all(is_plain))
    {
        add("bridge", format!("{bridge:?} is no name of a bridge"), "bridge: vmbr0");
    }
    let fields = [
        ("address", build.address.is_some()),
        ("gateway", build.gateway.is_some()),
        ("nameserver", build.nameserver.is_some()),
        ("vlan", build.vlan.is_some()),
    ];
    for (field, _) in fields.into_iter().filter(|(_, is_given)| build.bridge.is_none() && *is_given) {
        let message =
            format!("without a bridge the scratch container has no network, and `{field}` is of no use");
        add(field, message, "bridge: vmbr0, or leave it out");
    }
    let fixed = build.address.as_deref().filter(|address| *address != "dhcp");
    if let Some(address) = fixed.filter(|address| !is_fixed(address)) {
        let message = format!("{address:?} is no address with the length of its network");
        add("address", message, "address: 192.168.35.240/24, or dhcp");
    }
    if let Some(gateway) = &build.gateway {
        if gateway.parse::<Ipv4Addr>().is_err() {
            add("gateway", format!("{gateway:?} is no address"), "gateway: 192.168.35.1");
        } else if fixed.is_none() {
            let message = "a gateway is for a fixed address: with DHCP it is told".to_owned();
            add("gateway", message, "address: 192.168.35.240/24, or leave it out");
        }
    }
    if let Some(server) = build.nameserver.as_ref().filter(|server| server.parse::<IpAddr>().is_err()) {
        add("nameserver", format!("{server:?} is no address"), "nameserver: 192.168.35.1");
    }
    findings.extend(storage(&build.storage, &["lxc", "build", "storage"]));
    findings
}

/// `ADDRESS/BITS`
fn is_fixed(address: &str) -> bool {
    let parts = address.split_once('/');
    parts.is_some_and(|(address, bits)| {
        address.parse::<Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| (1..=32).contains(&bits))
    })
}
