//! The vCenter as one of the lab's machines: faults, changes by hand, and what is on it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::{Reply, Request, VsphereRequest};
use evenkeel_core::target::Way;

use super::Vcenter;
use crate::machine::Machine;
use crate::random::Random;

impl Vcenter {
    /// Does what a transport is asked for, as that would.
    pub fn request(&mut self, request: &VsphereRequest) -> Reply {
        let read = match request {
            VsphereRequest::RetrieveAll { what } => self.retrieve_all(what),
            VsphereRequest::Retrieve { objects, paths } => self.retrieve(objects, paths),
            VsphereRequest::Call(call) => return self.called(call),
            VsphereRequest::Together { calls, .. } => return self.called_together(calls),
        };
        read.unwrap_or_else(|refusal| refusal.reply())
    }
}

impl Machine for Vcenter {
    fn run(&mut self, argv: &[String]) -> Reply {
        let program = argv.first().map(String::as_str).unwrap_or_default();
        Reply { exit: 127, stdout: Vec::new(), stderr: format!("sh: {program}: not found\n").into_bytes() }
    }

    fn way(&self) -> Way {
        Way::Vsphere
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Vsphere(request) => self.request(request),
            other => {
                let stderr = format!("{target} is a vCenter and has no answer to `{}`\n", other.display());
                Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
            }
        }
    }

    /// What the server was told to do goes on, whoever waits for it. Of several calls the first ones were made, and the last
    /// of those in part.
    fn answer_in_part(&mut self, _: &str, request: &Request, random: &mut Random) {
        let Request::Vsphere(request) = request else { return };
        match &**request {
            VsphereRequest::Call(call) => self.call_in_part(call, random),
            VsphereRequest::Together { calls, .. } => {
                let made = random.below(calls.len());
                for call in calls.iter().take(made) {
                    drop(self.call(call));
                }
                if let Some(call) = calls.get(made) {
                    self.call_in_part(call, random);
                }
            }
            VsphereRequest::RetrieveAll { .. } | VsphereRequest::Retrieve { .. } => {}
        }
    }

    /// Ten minutes: all tasks come to their end.
    fn pass(&mut self) {
        self.end_tasks();
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.places, &self.stores, &self.vms, &self.unregistered, &self.luns).hash(&mut hasher);
        self.running().for_each(|task| task.hash(&mut hasher));
        hasher.finish()
    }

    fn drift(&mut self, random: &mut Random) {
        self.change_by_hand(random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let owner = |id: &str| Some(self.mark(id)?.get("owner")?.as_str()?.to_owned());
        let name = |id: &str, parent: &str, name: &str| format!("{}/{name} ({id})", self.path(parent));
        let vms = self.vms.iter().map(|(id, vm)| (name(id, &vm.parent, &vm.name), owner(id)));
        let folders = self
            .places
            .iter()
            .map(|(id, place)| (name(id, place.parent.as_deref().unwrap_or_default(), &place.name), None));
        let stores = self.stores.values().flat_map(|store| {
            let on = |host: &String| (format!("{} on {host}", store.name), None);
            store.mounts.keys().map(on)
        });
        vms.chain(folders).chain(stores).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
