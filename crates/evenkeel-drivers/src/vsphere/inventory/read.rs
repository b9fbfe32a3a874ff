//! The same over the vSphere API: all of it in one exchange, however much there is.

use std::collections::{BTreeMap, HashMap};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies, VsphereRequest};
use serde_json::Value;

use super::{CloneOf, Contents, Datastore, Host, Inventory, Machine, Server, Snapshot, Software, Told};
use crate::vsphere::mark::SnapshotMark;
use crate::vsphere::releases::Product;
use crate::vsphere::reply::{Fields, Raw, Retrieved};
use crate::vsphere::view::{FOLDER, VM, View, Vm, reading};

const HOST: &str = "HostSystem";
const STORE: &str = "Datastore";
/// Where a host says what is installed on it.
const PRODUCT: &str = "summary.config.product";

pub(super) fn everything() -> Query {
    reading(VsphereRequest::retrieve_all([
        ("Datacenter", &["name", "parent", "vmFolder"]),
        (STORE, &["name", "parent", "summary", "vm"]),
        (FOLDER, &["name", "parent"]),
        (HOST, &["name", "runtime.connectionState", "runtime.inMaintenanceMode", PRODUCT]),
        (
            VM,
            &[
                "config.extraConfig",
                "config.instanceUuid",
                "config.template",
                "datastore",
                "guest.toolsRunningStatus",
                "name",
                "parent",
                "runtime.connectionState",
                "runtime.host",
                "runtime.powerState",
                "snapshot",
            ],
        ),
    ]))
}

pub(super) fn inventory(replies: &Replies) -> Result<Inventory, ObserveError> {
    let read = replies.parsed(&everything(), Retrieved::parse)?;
    let view = View::of(&read);
    let of = |kind: &'static str| read.objects.iter().filter(move |object| object.kind == kind);
    let names = of(HOST).chain(of(STORE)).map(|object| (object.id.as_str(), shown(object)));
    let vms: HashMap<&str, &Vm> = view.vms.iter().map(|vm| (vm.id.as_str(), vm)).collect();
    let paths = of(VM).chain(of(STORE)).map(|object| (object.id.as_str(), path(&view, object)));
    let reader = Reader { names: names.collect(), paths: paths.collect(), vms };
    let mut hosts: Vec<Host> = of(HOST).map(host).collect();
    let mut contents = Contents {
        datastores: of(STORE).map(|object| reader.datastore(object)).collect(),
        machines: of(VM).map(|object| reader.machine(object)).collect(),
        snapshots: Vec::new(),
    };
    hosts.sort_by_cached_key(|host| (host.name.known().cloned(), host.id.clone()));
    contents.datastores.sort_by_cached_key(|store| (store.path.known().cloned(), store.id.clone()));
    contents.machines.sort_by_cached_key(|machine| (machine.path.known().cloned(), machine.id.clone()));
    contents.snapshots = contents.machines.iter().flat_map(|machine| reader.snapshots(&machine.id)).collect();
    Ok(Inventory { server: server(&read), hosts, contents: Some(contents) })
}

fn server(read: &Retrieved) -> Server {
    let about = |field| read.about.text(field);
    let product = if about("apiType") == "VirtualCenter" { Product::VCenter } else { Product::Host };
    Server {
        product: about("name").to_owned(),
        software: Software::of(product, about("version"), about("build")),
    }
}

/// What was said of a property, as `form` reads it.
fn told<T>(object: &Raw, property: &str, form: impl FnOnce(&Value) -> Option<T>) -> Told<T> {
    match (object.missing.get(property), object.properties.get(property)) {
        (Some(why), _) => Told::Unknown(why.clone()),
        (None, value) => value.and_then(form).map_or(Told::Unset, Told::Is),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn yes(value: &Value) -> Option<bool> {
    value.as_str().map(|text| text == "true")
}

/// What it is called; where that is not known, its reference.
fn shown(object: &Raw) -> String {
    told(object, "name", text).known().cloned().unwrap_or_else(|| object.id.clone())
}

/// Where it stands.
fn path(view: &View, object: &Raw) -> Told<String> {
    let folder = told(object, "parent", |value| Fields(value.as_object()?).id_of_itself());
    let folder = match folder {
        Told::Is(folder) => view.folder_path(&folder),
        // What is in a vApp is in no folder.
        Told::Unset => String::new(),
        Told::Unknown(why) => return Told::Unknown(why),
    };
    told(object, "name", text).map(|name| format!("{folder}/{name}"))
}

fn host(object: &Raw) -> Host {
    let software = told(object, PRODUCT, |value| {
        let product = Fields(value.as_object()?);
        Some(Software::of(Product::Host, product.text("version"), product.text("build")))
    });
    Host {
        id: Some(object.id.clone()),
        name: told(object, "name", text),
        software,
        connection: told(object, "runtime.connectionState", text),
        maintenance: told(object, "runtime.inMaintenanceMode", yes),
    }
}

/// What references mean.
struct Reader<'r> {
    /// What hosts and datastores are called.
    names: BTreeMap<&'r str, String>,
    /// Where virtual machines and datastores stand.
    paths: BTreeMap<&'r str, Told<String>>,
    vms: HashMap<&'r str, &'r Vm>,
}

impl Reader<'_> {
    fn name(&self, id: &str) -> String {
        self.names.get(id).map_or_else(|| id.to_owned(), String::clone)
    }

    fn path(&self, id: &str) -> Told<String> {
        self.paths.get(id).cloned().unwrap_or(Told::Unset)
    }

    /// What a list of references means, in order. One that is not set is empty.
    fn all(object: &Raw, property: &str, means: impl Fn(&str) -> String) -> Told<Vec<String>> {
        let list = told(object, property, |value| {
            let ids = value.as_array()?.iter().filter_map(|one| Fields(one.as_object()?).id_of_itself());
            let mut all: Vec<String> = ids.map(|id| means(&id)).collect();
            all.sort_unstable();
            Some(all)
        });
        match list {
            Told::Unset => Told::Is(Vec::new()),
            told => told,
        }
    }

    fn datastore(&self, object: &Raw) -> Datastore {
        let of_summary = |field: &str| told(object, "summary", |summary| summary.get(field).and_then(text));
        let bytes = |field: &str| {
            told(object, "summary", |summary| summary.get(field)?.as_str()?.parse::<u64>().ok())
        };
        let vm = |id: &str| self.path(id).known().cloned().unwrap_or_else(|| id.to_owned());
        Datastore {
            id: object.id.clone(),
            path: self.path(&object.id),
            kind: of_summary("type"),
            capacity: bytes("capacity"),
            free: bytes("freeSpace"),
            accessible: of_summary("accessible").map(|text| text == "true"),
            virtual_machines: Self::all(object, "vm", vm),
        }
    }

    fn machine(&self, object: &Raw) -> Machine {
        let connection = told(object, "runtime.connectionState", text);
        let count = self.vms.get(object.id.as_str()).map_or(0, |vm| vm.snapshots.len());
        let snapshots = match told(object, "snapshot", |_| Some(count)) {
            Told::Unset => Told::Is(0),
            told => told,
        };
        Machine {
            id: object.id.clone(),
            path: self.path(&object.id),
            power: told(object, "runtime.powerState", text),
            template: told(object, "config.template", yes),
            host: told(object, "runtime.host", |host| Fields(host.as_object()?).id_of_itself())
                .map(|id| self.name(&id)),
            datastores: Self::all(object, "datastore", |id| self.name(id)),
            tools: told(object, "guest.toolsRunningStatus", text),
            snapshots,
            clone_of: self.clone_of(object, &connection),
            connection,
        }
    }

    /// Whose clone it is. Without its configuration nobody knows.
    fn clone_of(&self, object: &Raw, connection: &Told<String>) -> Told<CloneOf> {
        let refused = ["config.extraConfig", "config.instanceUuid"];
        if let Some(why) = refused.into_iter().find_map(|property| object.missing.get(property)) {
            return Told::Unknown(why.clone());
        }
        let Some(vm) = self.vms.get(object.id.as_str()).filter(|vm| vm.uuid.is_some()) else {
            return Told::Unknown(connection.known().cloned().unwrap_or_else(|| "not told".to_owned()));
        };
        vm.own_mark().map_or(Told::Unset, |mark| {
            let sealed = vm.is_sealed();
            let (of, slot, resource) = (mark.vm.clone(), mark.slot.clone(), mark.resource.clone());
            Told::Is(CloneOf { vm: of, slot, resource, sealed })
        })
    }

    fn snapshots(&self, id: &str) -> impl Iterator<Item = Snapshot> {
        let machine = self.path(id);
        let all = self.vms.get(id).map(|vm| vm.snapshots.as_slice()).unwrap_or_default();
        all.iter().map(move |snapshot| Snapshot {
            id: snapshot.reference.id.clone(),
            virtual_machine: machine.clone(),
            name: snapshot.name.clone(),
            description: snapshot.description.clone(),
            taken: snapshot.taken,
            ours: SnapshotMark::read(&snapshot.description).is_some(),
        })
    }
}
