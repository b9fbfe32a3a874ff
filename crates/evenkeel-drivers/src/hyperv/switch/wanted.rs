//! What a spec wants, in the form of the State.

use super::observe::{resolve_mapping, wanted_uplinks};
use super::spec::{HostAdapterSpec, HyperVSwitchSpec, MinimumBandwidthMode};
use super::state::{HostAdapterState, HyperVSwitchState};
use crate::hyperv::host::Host;

pub(super) fn desired(spec: &HyperVSwitchSpec, seen: Option<&HyperVSwitchState>) -> HyperVSwitchState {
    let host = seen.and_then(|seen| seen.seen.as_deref());
    let mode = |wanted: MinimumBandwidthMode| match (wanted, seen) {
        // What the host chose, which it tells by its own word.
        (MinimumBandwidthMode::Default, Some(seen)) => seen.minimum_bandwidth_mode.clone(),
        (wanted, _) => Some(wanted.word().to_owned()),
    };
    let adapters = spec.host_adapters.iter().map(|(name, adapter)| {
        let state = (!adapter.absent).then(|| host_adapter(spec, host, name, adapter));
        (name.clone(), state)
    });
    HyperVSwitchState {
        embedded_teaming: spec.embedded_teaming,
        minimum_bandwidth_mode: spec.minimum_bandwidth_mode.and_then(mode),
        iov: spec.iov,
        packet_direct: spec.packet_direct,
        uplinks: wanted_uplinks(spec, host),
        load_balancing: spec.wanted_load_balancing().map(|wanted| wanted.word().to_owned()),
        allow_management_os: spec.allow_management_os,
        notes: spec.notes.clone(),
        host_adapters: adapters.collect(),
        seen: None,
    }
}

/// What is wanted of one host adapter.
pub(super) fn host_adapter(
    spec: &HyperVSwitchSpec,
    host: Option<&Host>,
    name: &str,
    adapter: &HostAdapterSpec,
) -> HostAdapterState {
    let uplink = adapter.uplink.as_ref().map(|written| {
        let resolved = host.and_then(|host| resolve_mapping(spec, host, name, written).ok());
        resolved.unwrap_or_else(|| written.clone())
    });
    HostAdapterState {
        vlan: adapter.vlan.map(|vlan| vlan.to_string()),
        uplink,
        rdma: adapter.rdma,
        ieee_priority_tag: adapter.ieee_priority_tag,
    }
}
