//! Guests: only what their networks have to do with.

use super::super::WindowsHost;
use super::super::adapters::guid;
use super::build::bare;
use super::{VirtualMachine, Vnic};
use crate::windows::value::is_name;

impl WindowsHost {
    /// A guest runs, with a network adapter (`Network Adapter`) on this switch. A further call for the same guest starts it and gives it
    /// a further adapter.
    pub fn run_vm(&mut self, name: &str, switch: &str) {
        let switch = self.switches.named(switch).map(|switch| switch.id.clone());
        let mac = self.take_mac().replace('-', "");
        let vnic = Vnic::new("Network Adapter", switch.as_deref(), &mac);
        if let Some(machine) = self.switches.machine_mut(name) {
            machine.running = true;
            machine.adapters.push(vnic);
            return;
        }
        let number = self.switches.take_number();
        let id = bare(&guid(&format!("{} guest", self.name), number));
        let machine = VirtualMachine { name: name.to_owned(), id, running: true, adapters: vec![vnic] };
        self.switches.machines.push(machine);
    }

    /// A guest is shut down.
    pub fn stop_vm(&mut self, name: &str) {
        if let Some(machine) = self.switches.machine_mut(name) {
            machine.running = false;
        }
    }
}

impl super::Switches {
    fn machine_mut(&mut self, name: &str) -> Option<&mut VirtualMachine> {
        self.machines.iter_mut().find(|machine| is_name(&machine.name, name))
    }
}
