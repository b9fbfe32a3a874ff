//! How a host is made, and what happens to it from outside.

use super::adapters::{Hardware, guid, numbered};
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
            in_task: false,
            faults: Vec::new(),
            calls_left: None,
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
        host.addresses.routes.push(Route { index, destination, hop: GATEWAY.to_owned(), metric: 256 });
        host.addresses.servers.insert(index, vec![GATEWAY.to_owned()]);
        let address = address.split_once('/').map_or(address, |(address, _)| address).to_owned();
        host.management = Some(Management { address, vlan });
        host
    }

    /// Somebody gave an interface an address: `10.0.0.1/24`.
    #[must_use]
    pub fn with_address(mut self, interface: &str, address: &str) -> Self {
        self.give(interface, address, Origin::Manual);
        self
    }

    /// A DHCP server gave an interface an address.
    #[must_use]
    pub fn with_lease(mut self, interface: &str, address: &str) -> Self {
        self.give(interface, address, Origin::Dhcp);
        self
    }

    fn give(&mut self, interface: &str, address: &str, origin: Origin) {
        let (address, prefix) = address.split_once('/').unwrap_or((address, "24"));
        let Some(index) = self.adapter(interface).map(|adapter| adapter.index) else { return };
        let (address, prefix) = (address.to_owned(), prefix.parse().unwrap_or(24));
        self.addresses.addresses.push(Address { index, address, prefix, origin });
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
