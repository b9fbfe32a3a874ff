//! What stands in the rack: disks, datastores and virtual machines, put there without a command.

use super::array::Array;
use super::device::{Device, Limits, Origin};
use super::rules::{claiming, limits_of};
use super::{EsxHost, Release};

/// A VMFS datastore on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Datastore {
    /// Its name.
    pub name: String,
    /// Its UUID, as in paths below `/vmfs/volumes`.
    pub uuid: String,
    /// The disk that it lies on.
    pub device: String,
}

/// An NFS datastore.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NfsMount {
    /// Its name.
    pub name: String,
    /// The servers; one of them but for NFS 4.1.
    pub hosts: Vec<String>,
    /// What they share.
    pub share: String,
    /// Nothing can be written to it.
    pub read_only: bool,
    /// It is NFS 4.1, and not 3.
    pub is_v41: bool,
    /// The server answers.
    pub is_accessible: bool,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vm {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// The name of the datastore that it lies on.
    pub datastore: String,
    /// It runs.
    pub is_running: bool,
}

impl EsxHost {
    /// A disk comes up with these paths (`vmhba2:C0:T1:L4`); the first leads to the controller that owns it, and so do
    /// those with the same target. It is claimed by rules and defaults as they are now.
    pub fn add_lun(&mut self, id: &str, array: Array, paths: &[&str]) {
        self.devices.insert(id.to_owned(), Device::new(id, array, paths));
        self.claim(id, true);
    }

    /// Adds `count` disks with `paths_each` paths each, over two adapters in turn and as many targets as that takes.
    /// Gives their names.
    pub fn add_luns(&mut self, array: Array, count: usize, paths_each: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let lun = self.devices.len();
            let prefix = array.id_prefix();
            let rest = 36_usize.saturating_sub(prefix.len());
            let id = format!("{prefix}{lun:0rest$x}");
            let path = |at: usize| match array {
                Array::Local => format!("vmhba0:C0:T{at}:L{lun}"),
                _ => format!("vmhba{}:C0:T{}:L{lun}", 2 + at % 2, at / 2),
            };
            let paths: Vec<String> = (0..paths_each).map(path).collect();
            self.add_lun(&id, array, &paths.iter().map(String::as_str).collect::<Vec<_>>());
            ids.push(id);
        }
        ids
    }

    /// Takes a disk away.
    pub fn remove_lun(&mut self, id: &str) {
        self.devices.remove(id);
        self.datastores.retain(|datastore| datastore.device != id);
    }

    /// Sets the policy of a device, as somebody does by hand.
    pub fn set_policy(&mut self, id: &str, psp: &str) {
        self.attach(id, psp);
    }

    /// The host boots from this device.
    pub fn set_boot(&mut self, id: &str) {
        for device in self.devices.values_mut() {
            device.is_boot = device.id == id;
        }
    }

    /// The device cannot be claimed anew.
    pub fn make_busy(&mut self, id: &str) {
        if let Some(device) = self.devices.get_mut(id) {
            device.is_busy = true;
        }
    }

    /// The device can be claimed anew.
    pub fn make_idle(&mut self, id: &str) {
        if let Some(device) = self.devices.get_mut(id) {
            device.is_busy = false;
        }
    }

    /// Makes a VMFS datastore on a disk; a further part where there is one of this name.
    pub fn add_datastore(&mut self, name: &str, id: &str) {
        let known = self.datastores.iter().find(|datastore| datastore.name == name);
        let uuid = known.map_or_else(|| made_uuid(name), |datastore| datastore.uuid.clone());
        self.datastores.push(Datastore { name: name.to_owned(), uuid, device: id.to_owned() });
    }

    /// Mounts a share of an NFS server, version 3, that can be written to.
    pub fn mount_nfs(&mut self, name: &str, host: &str, share: &str) {
        let mount = NfsMount {
            name: name.to_owned(),
            hosts: vec![host.to_owned()],
            share: share.to_owned(),
            read_only: false,
            is_v41: false,
            is_accessible: true,
        };
        self.nfs.insert(name.to_owned(), mount);
    }

    /// The server of an NFS datastore stops to answer, or answers again.
    pub fn set_nfs_accessible(&mut self, name: &str, is_accessible: bool) {
        if let Some(mount) = self.nfs.get_mut(name) {
            mount.is_accessible = is_accessible;
        }
    }

    /// The server denies every mount from now on, or takes them again.
    pub fn set_nfs_server(&mut self, host: &str, takes_mounts: bool) {
        if takes_mounts {
            self.deaf_servers.remove(host);
        } else {
            self.deaf_servers.insert(host.to_owned());
        }
    }

    /// Starts a virtual machine on a datastore; registers it first where it is not.
    pub fn run_vm(&mut self, name: &str, datastore: &str) {
        self.register_vm(name, datastore);
        for vm in self.vms.iter_mut().filter(|vm| vm.name == name) {
            vm.is_running = true;
        }
    }

    /// Registers a virtual machine that lies on a datastore.
    pub fn register_vm(&mut self, name: &str, datastore: &str) {
        if self.vms.iter().any(|vm| vm.name == name) {
            return;
        }
        let id = self.vms.iter().map(|vm| vm.id).max().unwrap_or_default() + 1;
        let (name, datastore) = (name.to_owned(), datastore.to_owned());
        self.vms.push(Vm { id, name, datastore, is_running: false });
    }

    /// Takes a virtual machine off the host.
    pub fn unregister_vm(&mut self, name: &str) {
        self.vms.retain(|vm| vm.name != name);
    }

    /// A device; `None` where there is none of this name.
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.get(id)
    }

    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// The default policy of an array type; `None` where the host does not have it.
    pub fn default_psp(&self, satp: &str) -> Option<&str> {
        self.defaults.get(satp).map(String::as_str)
    }

    /// The claim rules.
    pub fn rules(&self) -> &[super::Rule] {
        &self.rules
    }

    /// The NFS datastores.
    pub fn nfs_mounts(&self) -> impl Iterator<Item = &NfsMount> {
        self.nfs.values()
    }

    /// The virtual machines.
    pub fn vms(&self) -> &[Vm] {
        &self.vms
    }

    /// Claims a device by rules and defaults as they are now. `is_boot`: as the host does when it comes up, where a
    /// release may have forgotten something.
    pub(super) fn claim(&mut self, id: &str, is_boot: bool) {
        let Some(device) = self.devices.get_mut(id) else { return };
        let rule = claiming(&self.rules, id, device.array);
        let satp = rule.map_or("VMW_SATP_DEFAULT_AA", |rule| rule.satp.as_str());
        satp.clone_into(&mut device.satp);
        let of_rule = rule.map(|rule| rule.psp.as_str()).filter(|psp| !psp.is_empty());
        let by_default = of_rule.or(self.defaults.get(satp).map(String::as_str)).unwrap_or("VMW_PSP_FIXED");
        if !device.overridden {
            by_default.clone_into(&mut device.psp);
        }
        let options = rule.map_or("", |rule| rule.psp_options.as_str());
        let from_rule = limits_of(options, self.release).filter(|_| device.psp == by_default);
        let forgets = is_boot && self.release == Release::Esx41;
        match (device.limits_from, from_rule) {
            (Origin::Own, Some(limits)) if forgets => {
                (device.limits, device.limits_from) = (limits, Origin::Claim);
            }
            // A known fault of 4.x: the number of I/Os is whatever stood in memory.
            (Origin::Own, None) if forgets => device.limits.iops = 1_449_662_136,
            (Origin::Own, _) => {}
            (Origin::Claim, limits) => device.limits = limits.unwrap_or_default(),
        }
        device.recent = None;
        device.settle();
    }

    /// Gives a device a policy of its own.
    pub(super) fn attach(&mut self, id: &str, psp: &str) {
        let Some(device) = self.devices.get_mut(id) else { return };
        device.overridden = true;
        if device.psp != psp {
            psp.clone_into(&mut device.psp);
            (device.limits, device.limits_from) = (Limits::default(), Origin::Claim);
        }
        device.settle();
    }

    /// Gives a device back to its rule or array type.
    pub(super) fn give_back(&mut self, id: &str) {
        let Some(device) = self.devices.get_mut(id) else { return };
        device.overridden = false;
        let before = device.psp.clone();
        self.claim(id, false);
        if let Some(device) = self.devices.get_mut(id).filter(|device| device.psp != before) {
            device.limits_from = Origin::Claim;
            self.claim(id, false);
        }
    }
}

/// A UUID that a name fixes, of the shape that VMFS gives them.
pub(super) fn made_uuid(name: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let hex = format!("{hash:016x}");
    let (first, second) = hex.split_at(8);
    format!("5{}-{second}-a1b2-001b21a0c3d4", first.get(1..).unwrap_or_default())
}
