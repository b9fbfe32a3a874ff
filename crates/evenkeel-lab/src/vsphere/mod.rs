//! A simulated vCenter: places, datastores, virtual machines, snapshots and tasks in memory, behind the requests of the
//! vSphere API as a transport takes them.
//!
//! A stand-in that we wrote. It refuses what a vCenter refuses and the simulator of the Go library `govmomi` lets pass: a name
//! that is taken, a snapshot that is gone, arguments in another order than the schema's, more bytes than there is room for.

mod calls;
mod clone;
mod conditions;
mod drift;
mod fault;
mod luns;
mod machine;
mod nas;
mod resolve;
mod retrieve;
mod schema;
mod tasks;
mod vm;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::vsphere::Reference;
use jiff::Timestamp;

pub use luns::{Lun, Path};
pub use nas::{Mount, Nas};
use tasks::Task;
pub use vm::{Disk, Nic, Power, Snapshot, Vm};

/// The root folder.
const ROOT: &str = "group-d1";
/// The datacenter.
const DATACENTER: &str = "datacenter-2";
/// The folder of all virtual machines.
pub const VM_FOLDER: &str = "group-v3";
const HOST_FOLDER: &str = "group-h4";
const STORE_FOLDER: &str = "group-s5";
/// The resource pool that everything runs in.
pub const POOL: &str = "resgroup-8";
/// The host that everything runs on.
pub const HOST: &str = "host-9";

const GIB: u64 = 1 << 30;

/// Something that others stand in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its type: `Folder`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What it stands in; the root folder in nothing.
    pub parent: Option<String>,
}

/// A datastore.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Store {
    /// Its name.
    pub name: String,
    /// In bytes.
    pub capacity: u64,
    /// In bytes: what others than virtual machines have put there.
    pub others: u64,
    /// Its server answers.
    pub is_accessible: bool,
    /// `VMFS`, `NFS` or `NFS41`.
    pub kind: String,
    /// What is mounted, of an NFS datastore.
    pub nas: Option<Nas>,
    /// The hosts that have it.
    pub mounts: BTreeMap<String, Mount>,
}

/// A vCenter, or a host that none manages. All of it may be looked at and changed by hand.
#[derive(Debug, Clone)]
pub struct Vcenter {
    /// A host by itself: it makes no clones, and has no folders.
    pub is_host: bool,
    /// Folders, datacenters, hosts and what else others stand in, by id.
    pub places: BTreeMap<String, Place>,
    /// Datastores, by id.
    pub stores: BTreeMap<String, Store>,
    /// Virtual machines, by id.
    pub vms: BTreeMap<String, Vm>,
    /// Those that were taken out of the inventory with their files left, by the path of their configuration file.
    pub unregistered: BTreeMap<String, Vm>,
    /// Disks with their paths, by host.
    pub luns: BTreeMap<String, Vec<Lun>>,
    /// The shares that servers let nobody mount.
    pub refused: BTreeSet<String>,
    /// The next task of this method fails so: the method, and the type of the fault.
    pub fails_next: Option<(String, String)>,
    /// In seconds since 1970.
    pub now: i64,
    tasks: Vec<Task>,
    /// So many things were made: ids come of it.
    made: u64,
}

impl Vcenter {
    /// One with a datacenter `DC0` and a host, and nothing on it.
    pub fn new(now: Timestamp) -> Self {
        let place = |kind: &str, name: &str, parent: Option<&str>| Place {
            kind: kind.to_owned(),
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
        };
        let places = [
            (ROOT, place("Folder", "Datacenters", None)),
            (DATACENTER, place("Datacenter", "DC0", Some(ROOT))),
            (VM_FOLDER, place("Folder", "vm", Some(DATACENTER))),
            (HOST_FOLDER, place("Folder", "host", Some(DATACENTER))),
            (STORE_FOLDER, place("Folder", "datastore", Some(DATACENTER))),
            ("domain-s7", place("ComputeResource", "papaya", Some(HOST_FOLDER))),
            (POOL, place("ResourcePool", "Resources", Some("domain-s7"))),
            (HOST, place("HostSystem", "papaya", Some("domain-s7"))),
        ];
        Vcenter {
            is_host: false,
            places: places.map(|(id, place)| (id.to_owned(), place)).into(),
            stores: BTreeMap::new(),
            vms: BTreeMap::new(),
            unregistered: BTreeMap::new(),
            luns: BTreeMap::new(),
            refused: BTreeSet::new(),
            fails_next: None,
            now: now.as_second(),
            tasks: Vec::new(),
            made: 100,
        }
    }

    /// Adds a host. Its id.
    pub fn add_host(&mut self, name: &str) -> String {
        let id = self.next_id("host");
        let parent = Some("domain-s7".to_owned());
        self.places
            .insert(id.clone(), Place { kind: "HostSystem".to_owned(), name: name.to_owned(), parent });
        id
    }

    /// Adds a datastore of so many GiB to the first host. Its id.
    pub fn add_store(&mut self, name: &str, gib: u64) -> String {
        let id = self.next_id("datastore");
        let kind = if name.starts_with("NFS") { "NFS" } else { "VMFS" };
        let store = Store {
            name: name.to_owned(),
            capacity: gib * GIB,
            others: 0,
            is_accessible: true,
            kind: kind.to_owned(),
            nas: (kind == "NFS").then(|| Nas::of("durian.teppi.net", &format!("/mnt/POOL1/{name}"))),
            mounts: [(HOST.to_owned(), Mount::default())].into(),
        };
        self.stores.insert(id.clone(), store);
        id
    }

    /// Adds a folder of virtual machines. Its id.
    pub fn add_folder(&mut self, name: &str, parent: &str) -> String {
        let id = self.next_id("group-v");
        let parent = Some(parent.to_owned());
        self.places.insert(id.clone(), Place { kind: "Folder".to_owned(), name: name.to_owned(), parent });
        id
    }

    /// Adds a virtual machine that is on, with a disk of so many GiB of which a half is written. Its id.
    pub fn add_vm(&mut self, name: &str, store: &str, gib: u64) -> String {
        let id = self.next_id("vm");
        let mut vm = Vm::new(name, VM_FOLDER, self.next_uuid());
        vm.vmx = format!("[{store}] {name}/{name}.vmx");
        vm.add_disk(gib << 20, gib * GIB / 2);
        vm.nics.push(Nic {
            key: 4_000,
            kind: "VirtualVmxnet3".to_owned(),
            mac: self.next_mac(),
            connects: true,
        });
        vm.extra.insert("svga.present".to_owned(), "TRUE".to_owned());
        vm.content = self.made;
        self.vms.insert(id.clone(), vm);
        id
    }

    /// The virtual machines of this name, with their ids.
    pub fn named<'v>(&'v self, name: &'v str) -> impl Iterator<Item = (&'v str, &'v Vm)> {
        self.vms.iter().filter(move |(_, vm)| vm.name == name).map(|(id, vm)| (id.as_str(), vm))
    }

    /// Where something stands, from its datacenter down: `/DC0/vm/backup`. The root folder has no path.
    pub fn path(&self, place: &str) -> String {
        match self.places.get(place) {
            Some(Place { name, parent: Some(parent), .. }) => format!("{}/{name}", self.path(parent)),
            _ => String::new(),
        }
    }

    /// So many bytes of a datastore are free.
    pub fn free(&self, store: &Store) -> u64 {
        let disks = self.vms.values().chain(self.unregistered.values()).flat_map(|vm| &vm.disks);
        let taken: u64 = disks.filter(|disk| disk.store() == store.name).map(Disk::taken).sum();
        store.capacity.saturating_sub(taken + store.others)
    }

    fn store(&self, name: &str) -> Option<(&String, &Store)> {
        self.stores.iter().find(|(_, store)| store.name == name)
    }

    /// True for the folder of all virtual machines, and those in it.
    fn is_vm_folder(&self, id: &str) -> bool {
        let parent = || self.places.get(id)?.parent.as_deref();
        id == VM_FOLDER || parent().is_some_and(|parent| self.is_vm_folder(parent))
    }

    /// True where there is such an object.
    fn has(&self, object: &Reference) -> bool {
        let id = &object.id;
        match object.kind.as_str() {
            "VirtualMachine" => self.vms.contains_key(id),
            "VirtualMachineSnapshot" => self.snapshot(id).is_some(),
            "Datastore" => self.stores.contains_key(id),
            "Task" => self.tasks.iter().any(|task| task.id == *id),
            "TaskManager" => true,
            "HostStorageSystem" | "HostDatastoreSystem" => self.host_of(id).is_some(),
            kind => self.places.get(id).is_some_and(|place| place.kind == kind),
        }
    }

    /// The host that one of its systems is of: of `storageSystem-9`, `host-9`.
    fn host_of(&self, system: &str) -> Option<String> {
        let (_, number) = system.split_once("System-")?;
        Some(format!("host-{number}")).filter(|host| self.places.contains_key(host))
    }

    /// The virtual machine that a snapshot is of, and the snapshot.
    fn snapshot(&self, id: &str) -> Option<(&String, &Snapshot)> {
        let is_it = |snapshot: &&Snapshot| snapshot.id == id;
        self.vms.iter().find_map(|(vm, of)| Some((vm, of.snapshots.iter().find(is_it)?)))
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.made += 1;
        let hyphen = if kind.ends_with("-v") { "" } else { "-" };
        format!("{kind}{hyphen}{}", self.made)
    }

    fn next_uuid(&mut self) -> String {
        self.made += 1;
        format!("50200000-0000-4000-8000-{:012}", self.made)
    }

    fn next_mac(&mut self) -> String {
        self.made += 1;
        format!("00:50:56:00:{:02x}:{:02x}", self.made / 256 % 256, self.made % 256)
    }
}
