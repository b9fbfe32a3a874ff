//! What a vCenter tells of itself, typed: its virtual machines, datastores, folders and tasks, read in one exchange that all
//! instances of a target share, and the devices of those virtual machines that one of them is about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Query, Reply, Request, VsphereRequest};
use jiff::Timestamp;

use super::mark::{CLONE, Mark, SEALED};
use super::reply::{Fields, Retrieved};

/// What is read of every virtual machine. What one has a lot of is not among it.
const OF_VM: [&str; 10] = [
    "config.extraConfig",
    "config.files.vmPathName",
    "config.instanceUuid",
    "config.template",
    "name",
    "parent",
    "runtime.connectionState",
    "runtime.powerState",
    "snapshot",
    "summary.storage",
];
/// What is read of those that a schedule is about.
const OF_CHOSEN: [&str; 2] = [DEVICES, "guest.toolsRunningStatus"];
const DEVICES: &str = "config.hardware.device";
/// The type of virtual machines.
pub(super) const VM: &str = "VirtualMachine";
/// The type of folders.
pub(super) const FOLDER: &str = "Folder";
/// No folder stands deeper; what seems to is in a circle.
const DEEPEST: usize = 100;

/// The one exchange.
pub(super) fn everything() -> Query {
    reading(VsphereRequest::retrieve_all([
        ("Datacenter", &["name", "parent", "vmFolder"]),
        ("Datastore", &["name", "parent", "summary"]),
        (FOLDER, &["name", "parent"]),
        ("Task", &["info.descriptionId", "info.entity", "info.state"]),
        (VM, &OF_VM),
    ]))
}

/// What there is to know of some virtual machines besides.
pub(super) fn details(objects: BTreeSet<Reference>) -> Query {
    let paths = OF_CHOSEN.iter().map(|&path| path.to_owned()).collect();
    reading(VsphereRequest::Retrieve { objects, paths })
}

pub(super) fn reading(request: VsphereRequest) -> Query {
    Query::reading(Request::Vsphere(Box::new(request)))
}

/// A vCenter, or a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct View {
    /// `VirtualCenter`, or `HostAgent` of a host.
    pub(super) api_type: String,
    pub(super) vms: Vec<Vm>,
    pub(super) stores: Vec<Store>,
    /// Folders and datacenters, by id.
    places: BTreeMap<String, Place>,
    /// What the server does, or did not long ago, by the ids of what it is done to.
    tasks: HashMap<String, Vec<Task>>,
    /// Where in `vms` those of a name are.
    by_name: HashMap<String, Vec<usize>>,
}

/// A virtual machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Vm {
    pub(super) id: String,
    /// As the server writes it.
    pub(super) name: String,
    /// The folder that it is in.
    pub(super) parent: Option<String>,
    /// `poweredOn`, `poweredOff` or `suspended`.
    pub(super) power: String,
    /// `connected`; else its host or its files cannot be reached.
    pub(super) connection: String,
    pub(super) is_template: bool,
    /// Its identity in this vCenter. `None`: its configuration could not be read.
    pub(super) uuid: Option<String>,
    /// The path of its configuration file.
    pub(super) vmx: Option<String>,
    pub(super) snapshots: Vec<Snapshot>,
    /// Bytes that its files take.
    pub(super) committed: u64,
    /// Whose clone it says that it is.
    pub(super) mark: Option<Written>,
    /// What it says of having been whole.
    pub(super) sealed: Option<String>,
    /// Why its configuration could not be read.
    pub(super) unread: Option<String>,
}

/// A mark as it stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) mark: Result<Mark, String>,
}

/// A snapshot of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) reference: Reference,
    pub(super) name: String,
    pub(super) description: String,
    /// When it was taken.
    pub(super) taken: Option<Timestamp>,
}

/// A datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) reference: Reference,
    pub(super) name: String,
    pub(super) parent: Option<String>,
    pub(super) free: u64,
    pub(super) capacity: u64,
    /// False also where it may not be read.
    pub(super) accessible: bool,
}

/// A folder, or a datacenter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    parent: Option<String>,
    /// Of a datacenter: the folder of its virtual machines.
    vm_folder: Option<String>,
}

/// What is done, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    /// `VirtualMachine.clone`
    what: String,
    state: String,
}

/// What there is to know of one virtual machine besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) disks: Vec<Disk>,
    /// The guest's tools run.
    pub(super) has_tools: bool,
    /// Its network adapters: the types of the devices with their keys.
    pub(super) nics: Vec<(String, i32)>,
}

/// A disk of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) key: i32,
    /// Its file: `[LocalDS_0] avocado2/avocado2.vmdk`.
    pub(super) file: String,
    /// KiB
    pub(super) capacity: u64,
    /// No snapshot holds what is on it.
    pub(super) is_independent: bool,
}

impl Disk {
    /// The datastore that its file is on.
    pub(super) fn store(&self) -> Option<&str> {
        self.file.strip_prefix('[')?.split_once(']').map(|(store, _)| store)
    }
}

/// What is known of the chosen ones, by id. One that is not there was gone by then, or could not be read.
pub(super) type Details = BTreeMap<String, Detail>;

impl View {
    /// Reads the answer to [`everything`]. One that is cut short or makes no sense is an error as a whole.
    pub(super) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        Retrieved::parse(request, reply).map(|read| View::of(&read))
    }

    /// What was read, typed.
    pub(super) fn of(read: &Retrieved) -> Self {
        let mut view = View { api_type: read.about.text("apiType").to_owned(), ..View::default() };
        for object in &read.objects {
            let fields = Fields(&object.properties);
            match object.kind.as_str() {
                VM => view.vms.push(vm(object.id.clone(), fields, &object.missing)),
                "Datastore" => view.stores.push(store(object.id.clone(), fields)),
                FOLDER | "Datacenter" => {
                    let place = Place {
                        name: fields.text("name").to_owned(),
                        parent: fields.id("parent"),
                        vm_folder: fields.id("vmFolder"),
                    };
                    view.places.insert(object.id.clone(), place);
                }
                "Task" => {
                    let what = fields.text("info.descriptionId").to_owned();
                    let task = Task { what, state: fields.text("info.state").to_owned() };
                    if let Some(of) = fields.id("info.entity") {
                        view.tasks.entry(of).or_default().push(task);
                    }
                }
                _ => {}
            }
        }
        for (at, vm) in view.vms.iter().enumerate() {
            view.by_name.entry(vm.name.clone()).or_default().push(at);
        }
        view
    }

    /// The virtual machines of this name, as the server writes it.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Vm> {
        self.by_name.get(name).into_iter().flatten().filter_map(|at| self.vms.get(*at))
    }

    /// Where a virtual machine stands: `/DC0/vm/avocado2`.
    pub(super) fn path(&self, vm: &Vm) -> String {
        let folder = vm.parent.as_deref().map(|parent| self.folder_path(parent)).unwrap_or_default();
        format!("{folder}/{}", vm.name)
    }

    /// The path of a folder, from the datacenter or what that is in down. The root folder has none.
    pub(super) fn folder_path(&self, id: &str) -> String {
        let mut names = Vec::new();
        let mut next = self.places.get(id);
        while let Some(place) = next.filter(|place| place.parent.is_some() && names.len() < DEEPEST) {
            names.push(place.name.as_str());
            next = place.parent.as_deref().and_then(|parent| self.places.get(parent));
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }

    /// The folder of this name directly in another.
    pub(super) fn folder_in(&self, parent: &str, name: &str) -> Option<&str> {
        let is_it = |place: &Place| place.name == name && place.parent.as_deref() == Some(parent);
        self.places.iter().find(|(_, place)| is_it(place)).map(|(id, _)| id.as_str())
    }

    /// The folders of virtual machines of every datacenter, by the datacenters' ids.
    pub(super) fn vm_folders(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().filter_map(|(id, place)| Some((id.as_str(), place.vm_folder.as_deref()?)))
    }

    /// The datacenter that something stands in.
    pub(super) fn datacenter_of(&self, parent: Option<&str>) -> Option<&str> {
        let mut next = parent;
        for _ in 0..DEEPEST {
            let place = self.places.get_key_value(next?);
            match place {
                Some((id, Place { vm_folder: Some(_), .. })) => return Some(id),
                Some((_, place)) => next = place.parent.as_deref(),
                None => return None,
            }
        }
        None
    }

    /// What is done to it now.
    pub(super) fn doing(&self, id: &str) -> Option<&str> {
        let tasks = self.tasks.get(id)?;
        let open = tasks.iter().find(|task| matches!(task.state.as_str(), "queued" | "running"));
        open.map(|task| if task.what.is_empty() { "a task" } else { task.what.as_str() })
    }

    /// True where something that was done to it failed not long ago.
    pub(super) fn failed_lately(&self, id: &str) -> bool {
        self.tasks.get(id).is_some_and(|tasks| tasks.iter().any(|task| task.state == "error"))
    }
}

impl Vm {
    /// It, for requests.
    pub(super) fn reference(&self) -> Reference {
        Reference::new(VM, self.id.clone())
    }

    /// True where it is off.
    pub(super) fn is_off(&self) -> bool {
        self.power == "poweredOff"
    }

    /// Why it, or its files, cannot be reached.
    pub(super) fn lost(&self) -> Option<&str> {
        (self.connection != "connected" && !self.connection.is_empty()).then_some(self.connection.as_str())
    }

    /// Its mark, where it is the one that the mark was made for.
    pub(super) fn own_mark(&self) -> Option<&Mark> {
        let mark = self.mark.as_ref()?.mark.as_ref().ok()?;
        self.uuid.as_deref().is_some_and(|uuid| mark.is_of(uuid)).then_some(mark)
    }

    /// True where it is a clone of ours that was found whole.
    pub(super) fn is_sealed(&self) -> bool {
        let sealed = self.own_mark().zip(self.sealed.as_deref());
        sealed.is_some_and(|(mark, sealed)| mark.is_of(sealed))
    }

    /// The folder that its files are in: `[NFS_durian] zz_avocado2/`.
    pub(super) fn folder_of_files(&self) -> Option<&str> {
        let vmx = self.vmx.as_deref()?;
        vmx.get(..=vmx.rfind('/')?)
    }

    /// True for a file that lies beside its configuration.
    pub(super) fn has_by_it(&self, file: &str) -> bool {
        self.folder_of_files().is_some_and(|folder| file.starts_with(folder))
    }

    /// The datastore of its configuration file.
    pub(super) fn store(&self) -> Option<&str> {
        self.vmx.as_deref()?.strip_prefix('[')?.split_once(']').map(|(store, _)| store)
    }
}

fn vm(id: String, fields: Fields<'_>, missing: &BTreeMap<String, String>) -> Vm {
    let extra = |key: &str| {
        let mut options = fields.each("config.extraConfig");
        options.find(|option| option.text("key") == key).map(|option| option.text("value").to_owned())
    };
    let there = |path: &str| Some(fields.text(path).to_owned()).filter(|text| !text.is_empty());
    let uuid = there("config.instanceUuid");
    let refused = missing.iter().next().map(|(path, why)| format!("{path}: {why}"));
    let unread = refused.or_else(|| uuid.is_none().then(|| "its configuration is not there".to_owned()));
    let mark = extra(CLONE).filter(|text| !text.is_empty());
    let mark = mark.map(|text| Written { mark: Mark::read(&text), text });
    let mut snapshots = Vec::new();
    if let Some(tree) = fields.map("snapshot") {
        flatten(tree, "rootSnapshotList", &mut snapshots, DEEPEST);
    }
    Vm {
        id,
        name: fields.text("name").to_owned(),
        parent: fields.id("parent"),
        power: fields.text("runtime.powerState").to_owned(),
        connection: fields.text("runtime.connectionState").to_owned(),
        is_template: fields.text("config.template") == "true",
        uuid,
        vmx: there("config.files.vmPathName"),
        snapshots,
        committed: fields.map("summary.storage").map_or(0, |storage| storage.number("committed")),
        mark,
        sealed: extra(SEALED).filter(|text| !text.is_empty()),
        unread,
    }
}

/// The snapshots of a tree, each before those that stand on it.
fn flatten(tree: Fields<'_>, list: &str, all: &mut Vec<Snapshot>, deepest: usize) {
    if deepest == 0 {
        return;
    }
    for node in tree.each(list) {
        if let Some(reference) = node.reference("snapshot") {
            let name = node.text("name").to_owned();
            let (description, taken) =
                (node.text("description").to_owned(), node.text("createTime").parse().ok());
            all.push(Snapshot { reference, name, description, taken });
        }
        flatten(node, "childSnapshotList", all, deepest - 1);
    }
}

fn store(id: String, fields: Fields<'_>) -> Store {
    let summary = fields.map("summary");
    let number = |field: &str| summary.map_or(0, |summary| summary.number(field));
    Store {
        reference: Reference::new("Datastore", id),
        name: fields.text("name").to_owned(),
        parent: fields.id("parent"),
        free: number("freeSpace"),
        capacity: number("capacity"),
        accessible: summary.is_some_and(|summary| summary.text("accessible") == "true"),
    }
}

/// Reads the answer to [`details`].
pub(super) fn parse_details(request: &Request, reply: &Reply) -> Result<Details, ObserveError> {
    let read = Retrieved::parse(request, reply)?;
    let known = read.objects.iter().filter(|object| !object.missing.contains_key(DEVICES));
    Ok(known.map(|object| (object.id.clone(), detail(Fields(&object.properties)))).collect())
}

fn detail(fields: Fields<'_>) -> Detail {
    let mut detail = Detail {
        has_tools: fields.text("guest.toolsRunningStatus") == "guestToolsRunning",
        ..Detail::default()
    };
    for device in fields.each(DEVICES) {
        let key = device.text("key").parse().unwrap_or_default();
        if device.text("_type") == "VirtualDisk" {
            detail.disks.push(disk(key, device));
        } else if !device.text("macAddress").is_empty() {
            detail.nics.push((device.text("_type").to_owned(), key));
        }
    }
    detail
}

fn disk(key: i32, device: Fields<'_>) -> Disk {
    let backing = device.map("backing");
    let text = |field: &str| backing.map(|backing| backing.text(field).to_owned()).unwrap_or_default();
    let is_raw = text("compatibilityMode") == "physicalMode";
    Disk {
        key,
        file: text("fileName"),
        capacity: device.number("capacityInKB"),
        is_independent: is_raw || text("diskMode").starts_with("independent_"),
    }
}
