//! A whole switch, as it is made: the new one of a spec, and the one that was there.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::Call;

use super::calls;
use super::fits::makes_own;
use super::observe::{load_balancing, on_switch, resolve, settings};
use super::spec::{HyperVSwitchSpec, MinimumBandwidthMode};
use super::state::HostAdapterState;
use super::wanted::host_adapter;
use crate::hyperv::host::{Address, Host, HostAdapter, Switch};
use crate::hyperv::way::{Way, is_side_of, same};

/// Everything that a switch is made with.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) name: String,
    pub(super) uplinks: Vec<String>,
    pub(super) embedded_teaming: bool,
    load_balancing: Option<String>,
    bandwidth_mode: Option<String>,
    iov: bool,
    packet_direct: bool,
    notes: Option<String>,
    /// The host adapter that gets the uplinks' addresses; `None` where none is made with the switch.
    pub(super) takes_over: Option<String>,
    /// The host adapters with their settings, by name.
    pub(super) adapters: BTreeMap<String, HostAdapterState>,
    /// The addresses that somebody set at those that are there, by name.
    pub(super) addresses: BTreeMap<String, Vec<Address>>,
    /// What somebody called the host's side of those that are there, by name.
    pub(super) renamed: BTreeMap<String, String>,
    /// Virtual machine and adapter of what is connected.
    guests: Vec<(String, String)>,
}

impl Build {
    /// The switch that a spec wants on a host that has none of its name.
    pub(super) fn wanted(spec: &HyperVSwitchSpec, host: &Host) -> Result<Self, ObserveError> {
        let adapter = |(name, written)| (String::clone(name), host_adapter(spec, Some(host), name, written));
        let own = makes_own(spec).then(|| spec.name.clone());
        Ok(Build {
            name: spec.name.clone(),
            uplinks: resolve(spec, host)?,
            embedded_teaming: spec.embedded_teaming,
            load_balancing: spec.wanted_load_balancing().map(|wanted| wanted.word().to_owned()),
            bandwidth_mode: spec.minimum_bandwidth_mode.map(|mode| mode.word().to_owned()),
            iov: spec.iov == Some(true),
            packet_direct: spec.packet_direct == Some(true),
            notes: spec.notes.clone().filter(|notes| !notes.is_empty()),
            takes_over: spec.taking_over().map(str::to_owned).or(own),
            adapters: spec.present().map(adapter).collect(),
            addresses: BTreeMap::new(),
            renamed: BTreeMap::new(),
            guests: Vec::new(),
        })
    }

    /// The switch that is there.
    pub(super) fn seen(host: &Host, switch: &Switch) -> Result<Self, ObserveError> {
        let (mut adapters, mut addresses, mut renamed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for found in on_switch(host, switch)? {
            adapters.insert(found.name.clone(), settings(host, found)?);
            addresses.insert(found.name.clone(), set_addresses(host, found)?);
            let side = host.adapters()?.iter().find(|adapter| is_side_of(adapter, found));
            if let Some(side) = side.filter(|side| !same(&side.name, &new_alias(&found.name))) {
                renamed.insert(found.name.clone(), side.name.clone());
            }
        }
        let mut guests: Vec<(String, String)> = Vec::new();
        for guest in connected(host, switch)? {
            let one = (guest.vm.clone(), guest.adapter.clone());
            if !guests.contains(&one) {
                guests.push(one);
            }
        }
        // What comes by it is to come by it again; else the first on the switch's own network.
        let ours = match host.way() {
            Way::HostAdapter { name, .. } => adapters.keys().find(|one| same(one, &name)).cloned(),
            Way::Nic(_) | Way::Unknown => None,
        };
        let is_plain = |state: &HostAdapterState| state.vlan.as_deref() == Some("untagged");
        let plain = adapters.iter().find(|(_, state)| is_plain(state)).map(|(name, _)| name.clone());
        let takes_over = ours.or(plain).or_else(|| adapters.keys().next().cloned());
        let known = |name: &String| host.adapters().is_ok_and(|all| all.iter().any(|one| one.name == *name));
        Ok(Build {
            name: switch.name.clone(),
            uplinks: host.uplinks(switch)?.into_iter().filter(known).collect(),
            embedded_teaming: switch.embedded_teaming,
            load_balancing: load_balancing(host, switch)?,
            bandwidth_mode: Some(switch.bandwidth_mode.clone()).filter(|mode| !mode.is_empty()),
            iov: switch.iov,
            packet_direct: switch.packet_direct,
            notes: Some(switch.notes.clone()).filter(|notes| !notes.is_empty()),
            takes_over,
            adapters,
            addresses,
            renamed,
            guests,
        })
    }

    /// The switch that a spec wants in the place of the one that is there: what the spec does not say stays.
    pub(super) fn instead(
        spec: &HyperVSwitchSpec,
        host: &Host,
        switch: &Switch,
    ) -> Result<Self, ObserveError> {
        let (old, new) = (Build::seen(host, switch)?, Build::wanted(spec, host)?);
        let mut adapters = old.adapters;
        adapters.retain(|name, _| {
            let written = spec.host_adapters.iter().find(|(one, _)| same(one, name));
            !written.is_some_and(|(_, adapter)| adapter.absent) && spec.allow_management_os != Some(false)
        });
        for (name, wanted) in new.adapters {
            let there = adapters.iter().find(|(one, _)| same(one, &name)).map(|(one, _)| one.clone());
            let old = there.and_then(|there| adapters.remove(&there)).unwrap_or_default();
            let both = HostAdapterState {
                vlan: wanted.vlan.or(old.vlan),
                uplink: wanted.uplink.or(old.uplink),
                rdma: wanted.rdma.or(old.rdma),
                ieee_priority_tag: wanted.ieee_priority_tag.or(old.ieee_priority_tag),
            };
            adapters.insert(name, both);
        }
        let stays = |name: &String| adapters.keys().any(|one| same(one, name));
        // With SR-IOV the host has another default.
        let default_mode = Some(MinimumBandwidthMode::Default.word().to_owned());
        let kept_mode =
            if spec.iov.is_some_and(|iov| iov != old.iov) { default_mode } else { old.bandwidth_mode };
        Ok(Build {
            name: old.name,
            uplinks: new.uplinks,
            embedded_teaming: new.embedded_teaming,
            load_balancing: new.load_balancing,
            bandwidth_mode: new.bandwidth_mode.or(kept_mode),
            iov: spec.iov.unwrap_or(old.iov),
            packet_direct: spec.packet_direct.unwrap_or(old.packet_direct),
            notes: spec.notes.clone().or(old.notes).filter(|notes| !notes.is_empty()),
            takes_over: old.takes_over.filter(stays).or(new.takes_over),
            adapters,
            addresses: BTreeMap::new(),
            renamed: old.renamed,
            guests: old.guests,
        })
    }

    /// Makes the switch, with the host adapter that takes the addresses over: without it the host may not be reached.
    pub(super) fn first_calls(&self) -> Vec<Call> {
        let mut make = Call::new("New-VMSwitch")
            .with("Name", self.name.as_str())
            .with("NetAdapterName", self.uplinks.clone())
            .with("EnableEmbeddedTeaming", self.embedded_teaming)
            .with("AllowManagementOS", self.takes_over.is_some());
        if self.iov {
            make = make.with("EnableIov", true);
        }
        if self.packet_direct {
            make = make.with("EnablePacketDirect", true);
        }
        if let Some(mode) = &self.bandwidth_mode {
            make = make.with("MinimumBandwidthMode", mode.as_str());
        }
        let mut all = vec![make];
        all.extend(self.load_balancing.iter().map(|how| calls::set_load_balancing(&self.name, how)));
        all.extend(self.notes.iter().map(|notes| calls::set_notes(&self.name, notes)));
        if let Some(first) = &self.takes_over {
            if *first != self.name {
                all.push(calls::rename(&self.name, first));
            }
            all.extend(self.given_name(first));
            all.extend(self.settings_of(first));
        }
        all
    }

    /// Makes it with all of its host adapters.
    pub(super) fn made_calls(&self) -> Vec<Call> {
        let mut all = self.first_calls();
        for name in self.others() {
            all.extend(self.add_calls(name));
        }
        all
    }

    /// Connects who was connected.
    pub(super) fn connect_calls(&self) -> Vec<Call> {
        self.guests.iter().map(|(vm, adapter)| calls::connect(vm, adapter, &self.name)).collect()
    }

    /// Disconnects who is connected: a host does not remove a switch that a running guest is on.
    pub(super) fn disconnect_calls(&self) -> Vec<Call> {
        self.guests.iter().map(|(vm, adapter)| calls::disconnect(vm, adapter)).collect()
    }

    /// The host adapters but the one that is made with the switch.
    pub(super) fn others(&self) -> impl Iterator<Item = &String> {
        let first = self.takes_over.as_ref();
        self.adapters.keys().filter(move |name| !first.is_some_and(|first| same(first, name)))
    }

    /// Adds one host adapter with its settings.
    pub(super) fn add_calls(&self, name: &str) -> Vec<Call> {
        let mut all = vec![calls::add(&self.name, name)];
        all.extend(self.given_name(name));
        all.extend(self.settings_of(name));
        all
    }

    /// What the host's side of a host adapter is called in the end.
    pub(super) fn alias(&self, name: &str) -> String {
        let renamed = self.renamed.iter().find(|(one, _)| same(one, name));
        renamed.map_or_else(|| new_alias(name), |(_, alias)| alias.clone())
    }

    /// Before its settings: they, and the addresses that a guard puts back, find it by the name that it had.
    fn given_name(&self, name: &str) -> Option<Call> {
        let alias = self.alias(name);
        (alias != new_alias(name)).then(|| calls::rename_connection(name, &alias))
    }

    fn settings_of(&self, name: &str) -> Vec<Call> {
        let Some((_, wanted)) = self.adapters.iter().find(|(one, _)| same(one, name)) else {
            return Vec::new();
        };
        let mut wanted = wanted.clone();
        // Without a team there is nothing to choose from.
        wanted.uplink = wanted.uplink.filter(|_| self.embedded_teaming);
        calls::settings(&self.name, name, &self.alias(name), &wanted)
    }
}

/// The addresses that somebody set at a host adapter.
fn set_addresses(host: &Host, found: &HostAdapter) -> Result<Vec<Address>, ObserveError> {
    let sides = host.adapters()?.iter().filter(|adapter| is_side_of(adapter, found));
    let sides: Vec<u32> = sides.map(|adapter| adapter.index).collect();
    let is_its = |one: &&Address| one.origin == "Manual" && sides.contains(&one.index);
    Ok(host.addresses()?.iter().filter(is_its).cloned().collect())
}

/// What Windows calls the host's side of a host adapter that was just made.
pub(super) fn new_alias(name: &str) -> String {
    format!("vEthernet ({name})")
}

/// The guests' adapters that are connected to a switch.
pub(super) fn connected<'a>(
    host: &'a Host,
    switch: &'a Switch,
) -> Result<impl Iterator<Item = &'a crate::hyperv::host::Guest>, ObserveError> {
    let is_there = |name: &String| same(name, &switch.name);
    Ok(host.guests()?.iter().filter(move |guest| guest.switch.as_ref().is_some_and(is_there)))
}
