//! How a host is made, and what happens to it from outside.

use std::collections::BTreeMap;

use super::adapters::{Hardware, Software, guid, numbered};
use super::{
    Adapter, Address, Addresses, Fault, Intent, Management, Model, Offload, Origin, Port, Qos, Registry,
    Release, Route, Switches, WindowsHost,
};
use crate::windows::shell::{self, Edition};
use crate::windows::value::ErrorRecord;

/// The clock of a new host: a Friday evening in November 2026.
const START: i64 = 1_795_201_200;

/// The gateway of the management network.
const GATEWAY: &str = "192.168.1.1";

impl WindowsHost {
    /// A host with Hyper-V and without any NIC, data center bridging or switch. Network ATC is not there.
    pub fn new(name: &str, release: Release, edition: Edition) -> Self {
        WindowsHost {
            name: name.to_owned(),
            release,
            edition,
            hyper_v: true,
            dcb: false,
            adapters: Vec::new(),
            next_index: 4,
            addresses: Addresses::default(),
            qos: Qos::default(),
            offload: Offload { network_direct: true, across_subnets: false },
            multichannel: true,
            registry: Registry::default(),
            tasks: Vec::new(),
            intents: None,
            switches: Switches::default(),
            management: None,
            clock: START,
            session: super::processes::Session::default(),
            waiting: super::processes::Waiting::default(),
            processes: 0,
            mutexes: BTreeMap::new(),
            faults: Vec::new(),
            slow: Vec::new(),
            slow_for_asker: 0,
            pnp_seconds: 0,
            vmms_at: 0,
            lbfo: BTreeMap::new(),
        }
    }

    /// The role Hyper-V is not installed.
    #[must_use]
    pub fn without_hyper_v(mut self) -> Self {
        self.hyper_v = false;
        self
    }

    /// Data center bridging is installed.
    #[must_use]
    pub fn with_dcb(mut self) -> Self {
        self.dcb = true;
        self
    }

    /// Puts in a NIC that is plugged into `port`, whose switch does flow control by priority.
    #[must_use]
    pub fn add_nic(mut self, name: &str, model: Model, port: Port) -> Self {
        let index = self.take_index();
        let is_like =
            |adapter: &&Adapter| adapter.hardware.as_ref().is_some_and(|hardware| hardware.model == model);
        let others = self.adapters.iter().filter(is_like).count();
        let [_, _, high, low] = index.to_be_bytes();
        self.adapters.push(Adapter {
            name: name.to_owned(),
            description: numbered(model.description(), others),
            mac: format!("B8-59-9F-{:02X}-{high:02X}-{low:02X}", self.name.len()),
            guid: guid(&self.name, index),
            index,
            enabled: true,
            back_at: 0,
            there_at: 0,
            software: None,
            hardware: Some(Hardware {
                model,
                speed: model.speed(),
                driver: model.driver().to_owned(),
                port,
                peer_pfc: true,
            }),
            properties: super::drivers::properties(model),
        });
        self
    }

    /// The management address, `192.168.1.10/24`, on the interface of this name; we come from this VLAN, over the gateway 192.168.1.1.
    #[must_use]
    pub fn manage(self, interface: &str, address: &str, vlan: u16) -> Self {
        let mut host = self.with_address(interface, address);
        let Some(index) = host.adapter(interface).map(|adapter| adapter.index) else { return host };
        let destination = "0.0.0.0/0".to_owned();
        host.addresses.routes.push(Route {
            index,
            destination,
            hop: GATEWAY.to_owned(),
            metric: 256,
            is_persistent: true,
        });
        host.addresses.servers.insert(index, vec![GATEWAY.to_owned()]);
        let address = address.split_once('/').map_or(address, |(address, _)| address).to_owned();
        host.management = Some(Management { address, vlan });
        host
    }

    /// Somebody gave an interface an address: `10.0.0.1/24`.
    #[must_use]
    pub fn with_address(mut self, interface: &str, address: &str) -> Self {
        self.give(interface, address, Origin::Manual, true);
        self
    }

    /// A resource of a cluster has its address here, as long as it is on this node: by hand as it looks, but not persistent.
    #[must_use]
    pub fn with_cluster_address(mut self, interface: &str, address: &str) -> Self {
        self.give(interface, address, Origin::Manual, false);
        self
    }

    /// A DHCP server gave an interface an address, a default route over `gateway`, and that as its DNS server, too.
    #[must_use]
    pub fn with_lease(mut self, interface: &str, address: &str, gateway: &str) -> Self {
        let Some(index) = self.give(interface, address, Origin::Dhcp, false) else { return self };
        let (destination, hop) = ("0.0.0.0/0".to_owned(), gateway.to_owned());
        self.addresses.routes.push(Route { index, destination, hop, metric: 0, is_persistent: false });
        self.addresses.leased_servers.insert(index, vec![gateway.to_owned()]);
        self
    }

    fn give(&mut self, interface: &str, address: &str, origin: Origin, is_persistent: bool) -> Option<u32> {
        let (address, prefix) = address.split_once('/').unwrap_or((address, "24"));
        let index = self.adapter(interface)?.index;
        let (address, prefix) = (address.to_owned(), prefix.parse().unwrap_or(24));
        self.addresses.addresses.push(Address { index, address, prefix, origin, is_persistent });
        Some(index)
    }

    /// Puts in the adapter of a tunnel: it has neither a MAC address nor a version of its driver.
    #[must_use]
    pub fn add_tunnel(mut self, name: &str) -> Self {
        self.add_soft(name, Software::Tunnel);
        self
    }

    /// Somebody made an LBFO team of NICs: an adapter of its own above them.
    #[must_use]
    pub fn with_lbfo(mut self, team: &str, nics: &[&str]) -> Self {
        self.lbfo.insert(team.to_owned(), nics.iter().map(|nic| (*nic).to_owned()).collect());
        self.add_soft(team, Software::Team);
        self
    }

    fn add_soft(&mut self, name: &str, software: Software) {
        let index = self.take_index();
        self.adapters.push(Adapter {
            name: name.to_owned(),
            description: software.description().to_owned(),
            mac: if software == Software::Team { "B8-59-9F-FF-00-01".to_owned() } else { String::new() },
            guid: guid(&self.name, index),
            index,
            enabled: true,
            back_at: 0,
            there_at: 0,
            software: Some(software),
            hardware: None,
            properties: Vec::new(),
        });
    }

    /// This cmdlet takes so many seconds from now on before it does anything; `*` is every cmdlet of the machine.
    pub fn slow(&mut self, cmdlet: &str, seconds: u64) {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.slow.retain(|(slow, _)| !slow.eq_ignore_ascii_case(cmdlet));
        self.slow.push((cmdlet.to_owned(), seconds));
    }

    /// From now on a new adapter, or one with a new name, is there for others to see only after so many seconds.
    pub fn set_pnp_delay(&mut self, seconds: u64) {
        self.pnp_seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    }

    /// Somebody pulls the cable of a NIC.
    pub fn unplug(&mut self, nic: &str) {
        self.hardware_mut(nic, |hardware| hardware.port.connected = false);
    }

    /// Somebody puts it back.
    pub fn plug(&mut self, nic: &str) {
        self.hardware_mut(nic, |hardware| hardware.port.connected = true);
    }

    /// The port of the physical switch does no flow control by priority.
    pub fn break_pfc(&mut self, nic: &str) {
        self.hardware_mut(nic, |hardware| hardware.peer_pfc = false);
    }

    /// The link runs at another speed, in bits per second.
    pub fn set_speed(&mut self, nic: &str, bits: u64) {
        self.hardware_mut(nic, |hardware| hardware.speed = bits);
    }

    /// Another version of the driver.
    pub fn set_driver(&mut self, nic: &str, version: &str) {
        self.hardware_mut(nic, |hardware| version.clone_into(&mut hardware.driver));
    }

    fn hardware_mut(&mut self, nic: &str, change: impl FnOnce(&mut Hardware)) {
        if let Some(hardware) = self.adapter_mut(nic).and_then(|adapter| adapter.hardware.as_mut()) {
            change(hardware);
        }
    }

    /// Network ATC is there, and has these NICs.
    pub fn set_intent(&mut self, name: &str, nics: &[&str]) {
        let adapters = nics.iter().map(|nic| (*nic).to_owned()).collect();
        self.intents.get_or_insert_default().push(Intent { name: name.to_owned(), adapters });
    }

    /// Every call of this cmdlet fails with `text`.
    pub fn fail(&mut self, cmdlet: &str, text: &str) {
        self.fail_after(0, cmdlet, text);
    }

    /// The next `calls` calls of this cmdlet work, all later ones fail with `text`.
    pub fn fail_after(&mut self, calls: usize, cmdlet: &str, text: &str) {
        self.faults.push(Fault { cmdlet: cmdlet.to_owned(), text: text.to_owned(), after: calls });
    }

    /// This cmdlet works again.
    pub fn heal(&mut self, cmdlet: &str) {
        self.faults.retain(|fault| !fault.cmdlet.eq_ignore_ascii_case(cmdlet));
    }

    /// Somebody who sits at the host types a line of PowerShell. The last value that it gives, as JSON.
    pub fn by_hand(&mut self, line: &str) -> Result<serde_json::Value, ErrorRecord> {
        shell::run_script(self, line, &serde_json::json!({}))
    }
}
