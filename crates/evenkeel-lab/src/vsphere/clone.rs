//! Clones, and other places for what is there: which disks come of it, in which files, and whether there is room.

use evenkeel_core::request::vsphere::{Reference, Value as Argument, VsphereCall};
use serde_json::json;

use super::calls::{is_true, object_of, reference, text};
use super::fault::Refusal;
use super::vm::{Power, Vm};
use super::{Disk, Vcenter};

impl Vcenter {
    /// The clone that a call makes; `None` where it is another method. The server is as it was but for the numbers that it
    /// counts up.
    pub(super) fn cloned(&mut self, call: &VsphereCall) -> Option<Result<Vm, Refusal>> {
        (call.method == "CloneVM_Task").then(|| self.clone_vm(call))
    }

    fn clone_vm(&mut self, call: &VsphereCall) -> Result<Vm, Refusal> {
        let id = object_of(call).id;
        let folder = reference(call.argument(&["folder"]));
        self.expect_vm_folder(&folder)?;
        let name = self.free_name(&folder.id, text(call, &["name"]), None)?;
        let Some(source) = self.vms.get(&id).cloned() else {
            return Err(Refusal::gone(&Reference::new("VirtualMachine", id)));
        };
        let content = match call.argument(&["spec", "snapshot"]) {
            None => source.content,
            wanted => self.content_of(&id, &reference(wanted))?,
        };
        let mut vm = Vm {
            name: name.clone(),
            parent: folder.id,
            uuid: self.next_uuid(),
            power: Power::Off,
            is_template: is_true(call, &["spec", "template"]),
            snapshots: Vec::new(),
            current: None,
            content,
            ..source
        };
        for nic in &mut vm.nics {
            nic.mac = self.next_mac();
        }
        if is_true(call, &["spec", "powerOn"]) {
            vm.power = Power::On;
        }
        let vm = self.placed(vm, call.argument(&["spec", "location"]), &name)?;
        match call.argument(&["spec", "config"]) {
            Some(config) => self.configured(vm, None, config),
            None => Ok(vm),
        }
    }

    /// What was on the disks of a virtual machine when this snapshot of it was taken.
    fn content_of(&self, vm: &str, snapshot: &Reference) -> Result<u64, Refusal> {
        match self.snapshot(&snapshot.id) {
            Some((of, snapshot)) if of == vm => Ok(snapshot.content),
            Some(_) => Err(Refusal::about(
                "InvalidArgument",
                "The snapshot is of another virtual machine",
                &json!({ "invalidProperty": "spec.snapshot" }),
            )),
            None => Err(Refusal::gone(snapshot)),
        }
    }

    pub(super) fn relocate(&mut self, id: &str, call: &VsphereCall) -> Result<(), Refusal> {
        // What it takes where it is does not stand in its own way.
        let Some(there) = self.vms.remove(id) else { return Ok(()) };
        let placed = self.placed(there.clone(), call.argument(&["spec"]), &there.name);
        let (vm, outcome) = match placed {
            Ok(vm) => (vm, Ok(())),
            Err(refusal) => (there, Err(refusal)),
        };
        self.vms.insert(id.to_owned(), vm);
        outcome
    }

    /// The same virtual machine with its files where a `VirtualMachineRelocateSpec` says.
    fn placed(&self, mut vm: Vm, location: Option<&Argument>, name: &str) -> Result<Vm, Refusal> {
        let field = |field: &str| location.and_then(|location| location.field(&[field]));
        if let Some(wanted) = field("datastore") {
            let wanted = reference(Some(wanted));
            let store = self.stores.get(&wanted.id).ok_or_else(|| Refusal::gone(&wanted))?;
            if !store.is_accessible {
                let fields = json!({ "name": store.name });
                return Err(Refusal::about("InaccessibleDatastore", "It cannot be reached", &fields));
            }
            let vmx = self.free_path(&store.name, name);
            vm.move_files(vmx);
        } else {
            let vmx = self.free_path(vm.store(), name);
            vm.move_files(vmx);
        }
        match field("transform").and_then(Argument::as_text) {
            Some("sparse") => vm.disks.iter_mut().for_each(|disk| disk.is_thin = true),
            Some("flat") => vm.disks.iter_mut().for_each(|disk| disk.is_thin = false),
            Some(_) => return Err(invalid("spec.location.transform")),
            None => {}
        }
        for locator in field("disk").map(Argument::each).unwrap_or_default() {
            let of = |path: &[&str]| locator.field(path);
            let Some(Argument::Int(key)) = of(&["diskId"]) else { return Err(invalid("diskId")) };
            let disk = vm.disks.iter_mut().find(|disk| i64::from(disk.key) == *key);
            let disk = disk.ok_or_else(|| invalid("spec.location.disk.diskId"))?;
            if let Some(Argument::Bool(thin)) = of(&["diskBackingInfo", "thinProvisioned"]) {
                disk.is_thin = *thin;
            }
            let other = reference(of(&["datastore"])).id;
            if self.stores.get(&other).map(|store| store.name.as_str()) != Some(disk.store()) {
                return Err(invalid("spec.location.disk.datastore"));
            }
        }
        self.expect_room(&vm)?;
        Ok(vm)
    }

    fn expect_room(&self, vm: &Vm) -> Result<(), Refusal> {
        let needed: u64 = vm.disks.iter().map(Disk::taken).sum();
        let free = self.store(vm.store()).map_or(0, |(_, store)| self.free(store));
        if needed > free {
            let fields = json!({ "datastore": vm.store() });
            return Err(Refusal::about(
                "NoDiskSpace",
                "There is not enough space on the file system",
                &fields,
            ));
        }
        Ok(())
    }

    /// The path of a configuration file in a folder of a datastore that nobody has.
    fn free_path(&self, store: &str, name: &str) -> String {
        let is_taken =
            |path: &String| self.vms.values().chain(self.unregistered.values()).any(|vm| vm.vmx == *path);
        let plain = format!("[{store}] {name}/{name}.vmx");
        if !is_taken(&plain) {
            return plain;
        }
        let numbered = |number: u32| format!("[{store}] {name}_{number}/{name}.vmx");
        (1..=u32::MAX).map(numbered).find(|path| !is_taken(path)).unwrap_or(plain)
    }

    /// The same virtual machine with what a `VirtualMachineConfigSpec` says. `id`: what it is, where it is there already.
    pub(super) fn configured(&self, mut vm: Vm, id: Option<&str>, config: &Argument) -> Result<Vm, Refusal> {
        let field = |field: &str| config.field(&[field]);
        if let Some(uuid) = field("instanceUuid").and_then(Argument::as_text) {
            let is_taken = |uuid: &str| {
                self.vms.iter().any(|(other, there)| Some(other.as_str()) != id && there.uuid == uuid)
            };
            if uuid.is_empty() {
                // The server gives it another one.
                let others = (1..=u32::MAX).map(|number| format!("5020ffff-0000-4000-8000-{number:012x}"));
                vm.uuid = others.into_iter().find(|uuid| !is_taken(uuid)).unwrap_or_default();
            } else if !is_taken(uuid) {
                // Two of the same are never there: the one that a new one has then stays.
                uuid.clone_into(&mut vm.uuid);
            }
        }
        if let Some(annotation) = field("annotation").and_then(Argument::as_text) {
            annotation.clone_into(&mut vm.annotation);
        }
        for change in field("deviceChange").map(Argument::each).unwrap_or_default() {
            let of = |path: &[&str]| change.field(path);
            let (Some(Argument::Int(key)), Some("edit")) =
                (of(&["device", "key"]), of(&["operation"]).and_then(Argument::as_text))
            else {
                return Err(invalid("spec.deviceChange"));
            };
            let nic = vm.nics.iter_mut().find(|nic| i64::from(nic.key) == *key);
            let nic = nic.ok_or_else(|| invalid("spec.deviceChange.device.key"))?;
            if let Some(Argument::Bool(connects)) = of(&["device", "connectable", "startConnected"]) {
                nic.connects = *connects;
            }
        }
        for option in field("extraConfig").map(Argument::each).unwrap_or_default() {
            let text = |field: &str| option.field(&[field]).and_then(Argument::as_text).unwrap_or_default();
            let (key, value) = (text("key").to_owned(), text("value").to_owned());
            if value.is_empty() {
                vm.extra.remove(&key);
            } else {
                vm.extra.insert(key, value);
            }
        }
        Ok(vm)
    }
}

fn invalid(property: &str) -> Refusal {
    let fields = json!({ "invalidProperty": property });
    Refusal::about("InvalidArgument", format!("A specified parameter was not correct: {property}"), &fields)
}
