//! A vCenter in memory, as small as the driver can be shown with: it answers what is asked, and does what a step says.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Delta, Driver, Observed, Report, Step};
use evenkeel_core::plan::{Action, InstanceId};
use evenkeel_core::request::vsphere::{Condition, Must, Object, Reference, Value, VsphereCall};
use evenkeel_core::request::{Query, Replies, Reply, Request, VsphereRequest};
use jiff::Timestamp;
use serde_json::{Map, json};

use crate::vsphere::clone::{VmCloneSchedule, VmCloneScheduleSpec, VmCloneState};
use crate::vsphere::mark::{CLONE, SEALED};

pub(super) const STORE: &str = "NFS_durian";
const VM_FOLDER: &str = "group-v3";

/// A virtual machine.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) uuid: String,
    pub(super) store: String,
    pub(super) is_on: bool,
    pub(super) disks: Vec<u64>,
    pub(super) extra: BTreeMap<String, String>,
    /// Name and description by reference.
    pub(super) snapshots: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) vms: BTreeMap<String, Machine>,
    /// Names by id; all of them are in the datacenter's folder.
    folders: BTreeMap<String, String>,
    made: u32,
}

/// Why a step was not done: the exit status.
pub(super) type Refused = i32;

impl World {
    pub(super) fn with(names: &[&str]) -> Self {
        let mut world = World::default();
        for name in names {
            world.add(name, VM_FOLDER, "LocalDS_0", true);
        }
        world
    }

    /// Adds a virtual machine that is nobody's clone.
    pub(super) fn add(&mut self, name: &str, folder: &str, store: &str, is_on: bool) -> String {
        let uuid = format!("00000000-0000-5000-8000-{:012}", self.made);
        let (extra, snapshots) = (BTreeMap::new(), BTreeMap::new());
        let (folder, store) = (folder.to_owned(), store.to_owned());
        self.put(Machine {
            name: name.to_owned(),
            folder,
            uuid,
            store,
            is_on,
            disks: vec![20 << 20],
            extra,
            snapshots,
        })
    }

    pub(super) fn put(&mut self, machine: Machine) -> String {
        let id = self.next("vm");
        self.vms.insert(id.clone(), machine);
        id
    }

    fn next(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    /// Those with our mark, by name.
    pub(super) fn clones(&self) -> BTreeMap<&str, &Machine> {
        let marked = self.vms.values().filter(|vm| vm.extra.contains_key(CLONE));
        marked.map(|vm| (vm.name.as_str(), vm)).collect()
    }

    pub(super) fn sealed(&self) -> usize {
        self.vms.values().filter(|vm| vm.extra.get(SEALED) == Some(&vm.uuid)).count()
    }

    pub(super) fn snapshots(&self) -> usize {
        self.vms.values().map(|vm| vm.snapshots.len()).sum()
    }

    fn answer(&self, query: &Query) -> Reply {
        let Request::Vsphere(request) = query.request() else { panic!("{}", query.request().display()) };
        let objects: Vec<serde_json::Value> = match &**request {
            VsphereRequest::RetrieveAll { .. } => self.all(),
            VsphereRequest::Retrieve { objects, .. } => {
                let known = objects.iter().filter_map(|of| Some((of, self.vms.get(&of.id)?)));
                known.map(|(of, vm)| object("VirtualMachine", &of.id, devices(vm))).collect()
            }
            other => panic!("{}", other.display()),
        };
        let about = json!({ "apiType": "VirtualCenter" });
        let text = json!({ "about": about, "count": objects.len(), "objects": objects }).to_string();
        Reply { exit: 0, stdout: text.into_bytes(), stderr: Vec::new() }
    }

    fn all(&self) -> Vec<serde_json::Value> {
        let summary =
            json!({ "freeSpace": "9000000000000", "capacity": "9000000000000", "accessible": "true" });
        let root = json!({ "name": "DC0", "parent": folder("group-d1"), "vmFolder": folder(VM_FOLDER) });
        let vm_folder = json!({ "name": "vm", "parent": { "type": "Datacenter", "id": "datacenter-2" } });
        let store = |name: &str| json!({ "name": name, "parent": folder("group-s5"), "summary": summary });
        let mut all = vec![
            object("Datacenter", "datacenter-2", root),
            object("Folder", VM_FOLDER, vm_folder),
            object("Datastore", "datastore-1", store("LocalDS_0")),
            object("Datastore", "datastore-2", store(STORE)),
        ];
        for (id, name) in &self.folders {
            all.push(object("Folder", id, json!({ "name": name, "parent": folder(VM_FOLDER) })));
        }
        all.extend(self.vms.iter().map(|(id, vm)| object("VirtualMachine", id, properties(vm))));
        all
    }

    pub(super) fn replies(&self, spec: &VmCloneScheduleSpec) -> Replies {
        let mut replies = Replies::default();
        for _ in 0..4 {
            for query in VmCloneSchedule.queries(spec, &replies) {
                if !replies.has(&query) {
                    replies.insert(query.clone(), Ok(self.answer(&query)));
                }
            }
        }
        replies
    }

    pub(super) fn observe(&self, spec: &VmCloneScheduleSpec) -> VmCloneState {
        match VmCloneSchedule.observe(spec, &self.replies(spec)) {
            Ok(Observed::Present(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    /// What a run would send now, and what it tells.
    pub(super) fn plan(&self, spec: &VmCloneScheduleSpec, now: Timestamp) -> (Vec<Step>, Report) {
        let (before, replies) = (self.observe(spec), self.replies(spec));
        let report = VmCloneSchedule.report(spec, Some(&before), now);
        let after = VmCloneSchedule.desired(spec, Some(&before), now).unwrap();
        let id = InstanceId {
            kind: "BackupSchedule".to_owned(),
            name: "clones".to_owned(),
            target: "vcenter".to_owned(),
        };
        let delta = Delta {
            action: Action::Update,
            before: Some(&before),
            after: &after,
            changes: &[],
            owner: "evenkeel",
            id: &id,
            replies: &replies,
        };
        (VmCloneSchedule.steps(spec, &delta), report)
    }

    /// Does what a step says, if all that has to be so before is.
    pub(super) fn perform(&mut self, step: &Step) -> Result<(), Refused> {
        let Request::Vsphere(request) = &step.request else { panic!("{}", step.request.display()) };
        match &**request {
            VsphereRequest::Call(call) => self.call(call),
            VsphereRequest::Together { calls, .. } => {
                let all: Vec<_> = calls.iter().map(|call| self.call(call)).collect();
                all.into_iter().collect()
            }
            other => panic!("{}", other.display()),
        }
    }

    fn call(&mut self, call: &VsphereCall) -> Result<(), Refused> {
        if !call.only_if.iter().all(|condition| self.holds(condition)) {
            return Err(412);
        }
        let text =
            |path: &[&str]| call.argument(path).and_then(Value::as_text).unwrap_or_default().to_owned();
        match (call.method.as_str(), &call.object) {
            ("CreateFolder", _) => {
                let id = self.next("group");
                self.folders.insert(id, text(&["name"]));
            }
            ("CreateSnapshot_Task", object) => {
                let (vm, id) = (self.find(object).ok_or(404)?, self.next("snapshot"));
                let snapshot = (text(&["name"]), text(&["description"]));
                self.vms.get_mut(&vm).ok_or(404)?.snapshots.insert(id, snapshot);
            }
            ("RemoveSnapshot_Task", object) => {
                let id = self.find(object).ok_or(404)?;
                self.vms.values_mut().for_each(|vm| drop(vm.snapshots.remove(&id)));
            }
            ("CloneVM_Task", object) => {
                let source = self.vms[&self.find(object).ok_or(404)?].clone();
                if let Some(Value::Object(snapshot)) = call.argument(&["spec", "snapshot"]) {
                    self.find(snapshot).ok_or(404)?;
                }
                let Some(Value::Object(folder)) = call.argument(&["folder"]) else { return Err(500) };
                let folder = self.find(folder).ok_or(404)?;
                let Some(Value::Object(Object::Is(on))) = call.argument(&["spec", "location", "datastore"])
                else {
                    return Err(500);
                };
                let store = if on.id == "datastore-2" { STORE } else { "LocalDS_0" }.to_owned();
                let (name, uuid) = (text(&["name"]), text(&["spec", "config", "instanceUuid"]));
                let uuid = if uuid.is_empty() { format!("clone-{}", self.made) } else { uuid };
                let mut extra = source.extra.clone();
                set(&mut extra, call.argument(&["spec", "config", "extraConfig"]));
                let (is_on, snapshots) = (false, BTreeMap::new());
                self.put(Machine { name, folder, uuid, store, is_on, extra, snapshots, ..source });
            }
            ("ReconfigVM_Task", object) => {
                let vm = self.find(object).ok_or(404)?;
                let vm = self.vms.get_mut(&vm).ok_or(404)?;
                set(&mut vm.extra, call.argument(&["spec", "extraConfig"]));
            }
            ("Destroy_Task", object) => {
                let vm = self.find(object).ok_or(404)?;
                if self.vms.remove(&vm).is_some_and(|vm| vm.is_on) {
                    return Err(409);
                }
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    /// The id of the one object that is meant.
    fn find(&self, object: &Object) -> Option<String> {
        let mut found: Vec<String> = match object {
            Object::Is(Reference { id, .. }) => vec![id.clone()],
            Object::Marked { key, value } => {
                let marked = self.vms.iter().filter(|(_, vm)| vm.extra.get(key) == Some(value));
                marked.map(|(id, _)| id.clone()).collect()
            }
            Object::Named { kind, name, within } if kind == "Folder" => {
                assert_eq!(
                    within.as_deref().and_then(|within| self.find(within)).as_deref(),
                    Some(VM_FOLDER)
                );
                self.folders.iter().filter(|(_, own)| *own == name).map(|(id, _)| id.clone()).collect()
            }
            Object::Named { name, within, .. } => {
                let folder = within.as_deref().and_then(|within| self.find(within));
                let here =
                    self.vms.iter().filter(|(_, vm)| Some(&vm.folder) == folder.as_ref() && vm.name == *name);
                here.map(|(id, _)| id.clone()).collect()
            }
            Object::Snapshot { vm, name, description } => {
                let all = self.vms.get(&vm.id).into_iter().flat_map(|vm| &vm.snapshots);
                let same = all.filter(|(_, snapshot)| (&snapshot.0, &snapshot.1) == (name, description));
                same.map(|(id, _)| id.clone()).collect()
            }
            Object::Of(_) => panic!("{object:?}"),
        };
        if found.len() == 1 { found.pop() } else { None }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let id = self.find(&condition.object);
        let vm = id.as_ref().and_then(|id| self.vms.get(id));
        match (&condition.must, condition.path.as_str()) {
            (Must::BeUnset, "") => id.is_none(),
            (Must::Be(text), "config.instanceUuid") => vm.is_some_and(|vm| vm.uuid == *text),
            (Must::Be(text), "runtime.powerState") => vm.is_some_and(|vm| power(vm) == text),
            (Must::Be(text), "config.template") => vm.is_some() && text == "false",
            (Must::Be(text), "summary.accessible") => text == "true",
            (Must::HaveDisksOn(begin), _) => {
                vm.is_some_and(|vm| format!("[{}] {}/", vm.store, vm.name).starts_with(begin.as_str()))
            }
            (Must::HaveExtra { key, value }, _) => vm.is_some_and(|vm| vm.extra.get(key) == Some(value)),
            other => panic!("{other:?}"),
        }
    }
}

fn power(vm: &Machine) -> &'static str {
    if vm.is_on { "poweredOn" } else { "poweredOff" }
}

/// Options: one that is empty goes.
fn set(extra: &mut BTreeMap<String, String>, options: Option<&Value>) {
    for option in options.map(Value::each).unwrap_or_default() {
        let text =
            |field: &str| option.field(&[field]).and_then(Value::as_text).unwrap_or_default().to_owned();
        let (key, value) = (text("key"), text("value"));
        if value.is_empty() {
            extra.remove(&key);
        } else {
            extra.insert(key, value);
        }
    }
}

fn folder(id: &str) -> serde_json::Value {
    json!({ "type": "Folder", "id": id })
}

fn object(kind: &str, id: &str, properties: impl Into<serde_json::Value>) -> serde_json::Value {
    let properties = properties.into();
    json!({ "type": kind, "id": id, "properties": properties })
}

fn properties(vm: &Machine) -> serde_json::Value {
    let extra = vm.extra.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    let snapshots = vm.snapshots.iter().map(|(id, (name, description))| {
        json!({ "snapshot": { "type": "VirtualMachineSnapshot", "id": id }, "name": name, "description": description })
    });
    let mut properties = Map::new();
    let mut put = |path: &str, value: serde_json::Value| properties.insert(path.to_owned(), value);
    put("config.extraConfig", extra.collect());
    put("config.files.vmPathName", json!(format!("[{}] {}/{}.vmx", vm.store, vm.name, vm.name)));
    put("config.instanceUuid", json!(vm.uuid));
    put("config.template", json!("false"));
    put("name", json!(vm.name));
    put("parent", folder(&vm.folder));
    put("runtime.connectionState", json!("connected"));
    put("runtime.powerState", json!(power(vm)));
    put("summary.storage", json!({ "committed": "1000" }));
    if !vm.snapshots.is_empty() {
        put("snapshot", json!({ "rootSnapshotList": snapshots.collect::<Vec<_>>() }));
    }
    properties.into()
}

fn devices(vm: &Machine) -> serde_json::Value {
    let nic = json!({ "_type": "VirtualVmxnet3", "key": "4000", "macAddress": "00:50:56:00:00:01" });
    let disks = vm.disks.iter().zip(2000..).map(|(size, key)| {
        let backing = json!({ "fileName": format!("[{}] {}/{key}.vmdk", vm.store, vm.name), "diskMode": "persistent" });
        json!({ "_type": "VirtualDisk", "key": key.to_string(), "backing": backing, "capacityInKB": size.to_string() })
    });
    json!({ "config.hardware.device": disks.chain([nic]).collect::<Vec<_>>() })
}
