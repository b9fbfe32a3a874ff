//! What is read, as a transport tells it. What is not set is not there; a property that no such object has is refused, as a
//! vCenter does.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::Reply;
use evenkeel_core::request::vsphere::Reference;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fault::{Refusal, refer, shown};
use super::vm::{Disk, Nic, Snapshot, Vm};
use super::{HOST, Place, Power, STORE_FOLDER, Store, VM_FOLDER, Vcenter};

/// The types of which all objects can be read.
const KINDS: [&str; 8] = [
    "ComputeResource",
    "Datacenter",
    "Datastore",
    "Folder",
    "HostSystem",
    "ResourcePool",
    "Task",
    "VirtualMachine",
];

/// A property: `None` where it is not set.
type Property = Option<Value>;

impl Vcenter {
    /// All objects of these types.
    pub(super) fn retrieve_all(&self, what: &BTreeMap<String, BTreeSet<String>>) -> Result<Reply, Refusal> {
        let mut all = Vec::new();
        for (kind, paths) in what {
            if !KINDS.contains(&kind.as_str()) {
                return Err(Refusal::invalid(format!("{kind} is nothing of which all can be read")));
            }
            for id in self.ids(kind) {
                all.push(self.object(&Reference::new(kind.as_str(), id), paths)?);
            }
        }
        Ok(self.retrieved(&all))
    }

    /// These objects, but those that are gone.
    pub(super) fn retrieve(
        &self,
        objects: &BTreeSet<Reference>,
        paths: &BTreeSet<String>,
    ) -> Result<Reply, Refusal> {
        let there = objects.iter().filter(|object| self.has(object));
        let all: Vec<Value> = there.map(|object| self.object(object, paths)).collect::<Result<_, _>>()?;
        Ok(self.retrieved(&all))
    }

    fn retrieved(&self, objects: &[Value]) -> Reply {
        let (kind, name) = if self.is_host {
            ("HostAgent", "VMware ESXi")
        } else {
            ("VirtualCenter", "VMware vCenter Server")
        };
        let about = json!({
            "name": name, "fullName": format!("{name} 6.7.0 build-14367737"), "vendor": "VMware, Inc.",
            "version": "6.7.0", "build": "14367737", "apiType": kind, "apiVersion": "6.7.2",
        });
        let stdout = json!({ "about": about, "count": objects.len(), "objects": objects }).to_string();
        Reply { exit: 0, stdout: stdout.into_bytes(), stderr: Vec::new() }
    }

    fn ids(&self, kind: &str) -> Vec<&String> {
        match kind {
            "VirtualMachine" => self.vms.keys().collect(),
            "Datastore" => self.stores.keys().collect(),
            "Task" => self.recent_tasks().map(|task| &task.id).collect(),
            kind => self.places.iter().filter(|(_, place)| place.kind == kind).map(|(id, _)| id).collect(),
        }
    }

    fn object(&self, object: &Reference, paths: &BTreeSet<String>) -> Result<Value, Refusal> {
        let mut properties = Map::new();
        for path in paths {
            if let Some(value) = self.property(object, path)? {
                properties.insert(path.clone(), value);
            }
        }
        Ok(json!({ "type": object.kind, "id": object.id, "properties": properties }))
    }

    /// A property of an object that is there.
    pub(super) fn property(&self, object: &Reference, path: &str) -> Result<Property, Refusal> {
        let id = object.id.as_str();
        let found = match object.kind.as_str() {
            "VirtualMachine" => self.vms.get(id).and_then(|vm| self.of_vm(id, vm, path)),
            "VirtualMachineSnapshot" => self
                .snapshot(id)
                .and_then(|(vm, _)| (path == "vm").then(|| Some(refer("VirtualMachine", vm)))),
            "Datastore" => self.stores.get(id).and_then(|store| self.of_store(id, store, path)),
            "Task" => self.of_task(id, path),
            "HostStorageSystem" => self.of_storage(id, path).map(Some),
            _ => self.places.get(id).and_then(|place| self.of_place(id, place, path)),
        };
        found.ok_or_else(|| {
            let message = format!("`{path}` is no property of {}", object.kind);
            Refusal::about("InvalidProperty", message, &json!({ "name": path }))
        })
    }

    fn of_vm(&self, id: &str, vm: &Vm, path: &str) -> Option<Property> {
        let text = |text: &str| Some(Value::from(text));
        Some(match path {
            "name" => text(&vm.name),
            "parent" => Some(refer("Folder", &vm.parent)),
            "config.annotation" => text(&vm.annotation),
            "config.extraConfig" => Some(vm.extra.iter().map(option).collect()),
            "config.files.vmPathName" => text(&vm.vmx),
            "config.hardware.device" => Some(self.devices(vm)),
            "config.instanceUuid" => text(&vm.uuid),
            "config.template" => text(if vm.is_template { "true" } else { "false" }),
            "datastore" => {
                let stores: BTreeSet<&str> = vm.disks.iter().map(Disk::store).chain([vm.store()]).collect();
                let known = stores.into_iter().filter_map(|name| self.store(name));
                Some(known.map(|(id, _)| refer("Datastore", id)).collect())
            }
            "guest.toolsRunningStatus" => {
                let runs = vm.has_tools && vm.power == Power::On;
                text(if runs { "guestToolsRunning" } else { "guestToolsNotRunning" })
            }
            "runtime.connectionState" => text(&vm.connection),
            "runtime.host" => Some(refer("HostSystem", HOST)),
            "runtime.powerState" => text(vm.power.word()),
            "snapshot" => snapshots(id, vm),
            "summary.storage" => {
                let taken: u64 = vm.disks.iter().map(Disk::taken).sum();
                let whole: u64 = vm.disks.iter().map(|disk| disk.capacity * 1024).sum();
                Some(json!({
                    "_type": "VirtualMachineStorageSummary",
                    "committed": taken.to_string(),
                    "uncommitted": whole.saturating_sub(taken).to_string(),
                    "unshared": taken.to_string(),
                    "timestamp": time(self.now),
                }))
            }
            _ => return None,
        })
    }

    fn devices(&self, vm: &Vm) -> Value {
        let controller = json!({
            "_type": "ParaVirtualSCSIController", "key": "1000", "busNumber": "0", "device": ["2000"],
        });
        let disks = vm.disks.iter().map(|disk| self.disk(disk));
        [controller].into_iter().chain(disks).chain(vm.nics.iter().map(nic)).collect()
    }

    fn disk(&self, disk: &Disk) -> Value {
        let mut backing = json!({
            "_type": "VirtualDiskFlatVer2BackingInfo",
            "fileName": disk.file,
            "diskMode": if disk.is_independent { "independent_persistent" } else { "persistent" },
            "thinProvisioned": if disk.is_thin { "true" } else { "false" },
        });
        if let (Some((id, _)), Some(fields)) = (self.store(disk.store()), backing.as_object_mut()) {
            fields.insert("datastore".to_owned(), refer("Datastore", id));
        }
        json!({
            "_type": "VirtualDisk",
            "key": disk.key.to_string(),
            "controllerKey": "1000",
            "unitNumber": (disk.key - 2_000).to_string(),
            "capacityInKB": disk.capacity.to_string(),
            "capacityInBytes": (disk.capacity * 1024).to_string(),
            "backing": backing,
        })
    }

    fn of_store(&self, id: &str, store: &Store, path: &str) -> Option<Property> {
        let accessible = if store.is_accessible { "true" } else { "false" };
        Some(Some(match path {
            "name" => store.name.as_str().into(),
            "parent" => refer("Folder", STORE_FOLDER),
            "summary.accessible" => accessible.into(),
            "summary.freeSpace" => self.free(store).to_string().into(),
            "summary" => json!({
                "_type": "DatastoreSummary",
                "datastore": refer("Datastore", id),
                "name": store.name,
                "url": format!("ds:///vmfs/volumes/{}/", store.name),
                "capacity": store.capacity.to_string(),
                "freeSpace": self.free(store).to_string(),
                "accessible": accessible,
                "type": store.kind,
                "maintenanceMode": "normal",
            }),
            "vm" => self.on_store(store).map(|(id, _)| refer("VirtualMachine", id)).collect(),
            "host" => store.hosts(),
            "info" => store.info(),
            _ => return None,
        }))
    }

    fn of_place(&self, id: &str, place: &Place, path: &str) -> Option<Property> {
        let parent = || {
            let parent = place.parent.as_deref()?;
            Some(refer(&self.places.get(parent)?.kind, parent))
        };
        match (path, place.kind.as_str()) {
            ("name", _) => Some(Some(place.name.as_str().into())),
            ("parent", _) => Some(parent()),
            ("vmFolder", "Datacenter") => Some(Some(refer("Folder", VM_FOLDER))),
            ("datastoreFolder", "Datacenter") => Some(Some(refer("Folder", STORE_FOLDER))),
            ("configManager.storageSystem", "HostSystem") => Some(Some(system("HostStorageSystem", id))),
            ("configManager.datastoreSystem", "HostSystem") => Some(Some(system("HostDatastoreSystem", id))),
            ("config.product.version", "HostSystem") => Some(Some("6.7.0".into())),
            ("runtime.connectionState", "HostSystem") => Some(Some("connected".into())),
            ("config.product", "HostSystem") => Some(Some(json!({
                "_type": "AboutInfo", "name": "VMware ESXi", "fullName": "VMware ESXi 6.7.0 build-14320388",
                "version": "6.7.0", "build": "14320388", "apiType": "HostAgent",
            }))),
            _ => None,
        }
    }

    fn of_task(&self, id: &str, path: &str) -> Option<Property> {
        let task = self.recent_tasks().find(|task| task.id == id)?;
        Some(match path {
            "info.descriptionId" => Some(task.description.as_str().into()),
            "info.entity" => Some(shown(&task.entity)),
            "info.state" => Some(task.state().into()),
            "info.progress" => task.progress().map(Value::from),
            _ => return None,
        })
    }
}

/// A system of a host.
fn system(kind: &str, host: &str) -> Value {
    let name = if kind == "HostStorageSystem" { "storageSystem" } else { "datastoreSystem" };
    refer(kind, &host.replace("host-", &format!("{name}-")))
}

fn option((key, value): (&String, &String)) -> Value {
    json!({ "_type": "OptionValue", "key": key, "value": value })
}

fn nic(nic: &Nic) -> Value {
    let connects = if nic.connects { "true" } else { "false" };
    json!({
        "_type": nic.kind,
        "key": nic.key.to_string(),
        "macAddress": nic.mac,
        "addressType": "assigned",
        "connectable": { "startConnected": connects, "allowGuestControl": "true", "connected": connects },
    })
}

/// The tree; not set where there are none.
fn snapshots(id: &str, vm: &Vm) -> Property {
    let roots = below(id, vm, None);
    let mut tree = json!({ "_type": "VirtualMachineSnapshotInfo", "rootSnapshotList": roots.as_array()? });
    if let (Some(current), Some(fields)) = (&vm.current, tree.as_object_mut()) {
        fields.insert("currentSnapshot".to_owned(), refer("VirtualMachineSnapshot", current));
    }
    (!vm.snapshots.is_empty()).then_some(tree)
}

fn below(id: &str, vm: &Vm, parent: Option<&str>) -> Value {
    let on_it = vm.snapshots.iter().enumerate().filter(|(_, one)| one.parent.as_deref() == parent);
    on_it.map(|(number, one)| snapshot(id, vm, number, one)).collect()
}

fn snapshot(id: &str, vm: &Vm, number: usize, one: &Snapshot) -> Value {
    let mut shown = json!({
        "snapshot": refer("VirtualMachineSnapshot", &one.id),
        "vm": refer("VirtualMachine", id),
        "name": one.name,
        "description": one.description,
        "id": (number + 1).to_string(),
        "createTime": time(one.created),
        "state": "poweredOff",
        "quiesced": if one.is_quiesced { "true" } else { "false" },
        "replaySupported": "false",
    });
    let children = below(id, vm, Some(&one.id));
    if let (Some(fields), true) =
        (shown.as_object_mut(), children.as_array().is_some_and(|all| !all.is_empty()))
    {
        fields.insert("childSnapshotList".to_owned(), children);
    }
    shown
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
