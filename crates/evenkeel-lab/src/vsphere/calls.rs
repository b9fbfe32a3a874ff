//! Methods: what they refuse, and what they do.

use evenkeel_core::request::Reply;
use evenkeel_core::request::vsphere::{Object, Reference, Value as Argument, VsphereCall};
use serde_json::{Value, json};

use super::fault::{Refusal, shown};
use super::vm::{Power, Snapshot};
use super::{Place, Vcenter, schema};

/// Names have so many characters at most.
const LONGEST: usize = 80;
/// Snapshots stand on each other so deep at most.
const DEEPEST: usize = 32;

/// What came of a method: what it made.
pub(super) type Made = Result<Option<Reference>, Refusal>;

impl Vcenter {
    /// The reply to a call.
    pub(super) fn called(&mut self, call: &VsphereCall) -> Reply {
        match self.call(call) {
            Ok(made) => said(0, &json!({ "result": made.as_ref().map(shown) }), String::new()),
            Err(refusal) => refusal.reply(),
        }
    }

    /// The reply to several calls.
    pub(super) fn called_together(&mut self, calls: &[VsphereCall]) -> Reply {
        let (mut first, mut words, mut all) = (0, Vec::new(), Vec::new());
        for call in calls {
            all.push(match self.call(call) {
                Ok(made) => json!({ "exit": 0, "result": made.as_ref().map(shown) }),
                Err(refusal) => {
                    words.push(format!("{} of {}: {}", call.method, told(call), refusal.message));
                    first = if first == 0 { refusal.exit } else { first };
                    let mut shown = refusal.json();
                    shown.insert("exit".to_owned(), json!(refusal.exit));
                    Value::Object(shown)
                }
            });
        }
        said(first, &Value::Array(all), words.join("\n"))
    }

    /// The call with all objects looked up, where it may be made.
    pub(super) fn prepared(&self, call: &VsphereCall) -> Result<VsphereCall, Refusal> {
        self.check(&call.only_if)?;
        let object = self.one(&call.object)?;
        let arguments = self.all_settled(&call.arguments)?;
        let settled = VsphereCall {
            object: Object::Is(object.clone()),
            arguments,
            only_if: Vec::new(),
            ..call.clone()
        };
        if !self.has(&object) {
            return Err(Refusal::gone(&object));
        }
        if self.is_host
            && matches!(call.method.as_str(), "CloneVM_Task" | "CreateFolder" | "MoveIntoFolder_Task")
        {
            return Err(Refusal::fault("NotSupported", "The operation is not supported on the object"));
        }
        schema::check(&settled, &object)?;
        for (_, value) in &settled.arguments {
            self.all_there(value)?;
        }
        let entity = self.entity(&settled);
        if let Some(task) = self.running().find(|task| call.is_task() && task.entity == entity) {
            let fields = json!({ "task": shown(&Reference::new("Task", task.id.clone())) });
            return Err(Refusal::about(
                "TaskInProgress",
                "The operation is not allowed in the current state",
                &fields,
            ));
        }
        Ok(settled)
    }

    fn all_there(&self, value: &Argument) -> Result<(), Refusal> {
        match value {
            Argument::Object(Object::Is(object)) if !self.has(object) => Err(Refusal::gone(object)),
            Argument::Struct { fields, .. } => fields.iter().try_for_each(|(_, value)| self.all_there(value)),
            Argument::List(values) => values.iter().try_for_each(|value| self.all_there(value)),
            _ => Ok(()),
        }
    }

    /// What a call, in which all objects are references, is done to: of a snapshot its virtual machine.
    pub(super) fn entity(&self, call: &VsphereCall) -> Reference {
        let object = object_of(call);
        match self.snapshot(&object.id) {
            Some((vm, _)) => Reference::new("VirtualMachine", vm),
            None => object,
        }
    }

    /// Does what a call says, in which all objects are references and which was held against the schema.
    pub(super) fn perform(&mut self, call: &VsphereCall) -> Made {
        let object = object_of(call);
        if !self.has(&object) {
            return Err(Refusal::gone(&object));
        }
        if let Some(cloned) = self.cloned(call) {
            let vm = cloned?;
            let id = self.next_id("vm");
            self.vms.insert(id.clone(), vm);
            return Ok(Some(Reference::new("VirtualMachine", id)));
        }
        match call.method.as_str() {
            "CreateSnapshot_Task" => self.create_snapshot(&object.id, call),
            "RemoveSnapshot_Task" => {
                let with_children = is_true(call, &["removeChildren"]);
                let vm = self.snapshot(&object.id).map(|(vm, _)| vm.clone());
                if let Some(vm) = vm.and_then(|vm| self.vms.get_mut(&vm)) {
                    vm.remove_snapshot(&object.id, with_children);
                }
                Ok(None)
            }
            "ReconfigVM_Task" => self.reconfigure(&object.id, call.argument(&["spec"])).map(|()| None),
            "RelocateVM_Task" => self.relocate(&object.id, call).map(|()| None),
            "Rename_Task" => {
                let parent = self.vms.get(&object.id).map(|vm| vm.parent.clone()).unwrap_or_default();
                let name = self.free_name(&parent, text(call, &["newName"]), Some(&object.id))?;
                self.vms.entry(object.id).and_modify(|vm| vm.name = name);
                Ok(None)
            }
            "MoveIntoFolder_Task" => self.move_into(&object.id, call).map(|()| None),
            "CreateFolder" => {
                self.expect_vm_folder(&object)?;
                let name = self.free_name(&object.id, text(call, &["name"]), None)?;
                let id = self.add_folder(&name, &object.id);
                Ok(Some(Reference::new("Folder", id)))
            }
            "RegisterVM_Task" => self.register(&object, call),
            "SetMultipathLunPolicy" => self.set_lun_policy(&object.id, call).map(|()| None),
            "CreateNasDatastore" => self.mount(&object.id, call),
            "RemoveDatastore" => self.unmount(&object.id, call).map(|()| None),
            _ => self.destroy(&object.id).map(|()| None),
        }
    }

    fn create_snapshot(&mut self, id: &str, call: &VsphereCall) -> Made {
        let (name, description) = (text(call, &["name"]).to_owned(), text(call, &["description"]).to_owned());
        if name.is_empty() || name.chars().count() > LONGEST {
            return Err(Refusal::about("InvalidName", "The name is not valid", &json!({ "name": name })));
        }
        let quiesce = is_true(call, &["quiesce"]);
        let snapshot = self.next_id("snapshot");
        let is_full = self
            .vms
            .get(id)
            .and_then(|vm| self.store(vm.store()))
            .is_some_and(|(_, store)| self.free(store) == 0);
        let created = self.now;
        let Some(vm) = self.vms.get_mut(id) else { return Ok(None) };
        if vm.is_template {
            return Err(Refusal::fault("NotSupported", "The operation is not supported on a template"));
        }
        if is_full {
            let fields = json!({ "datastore": vm.store() });
            return Err(Refusal::about(
                "NoDiskSpace",
                "There is not enough space on the file system",
                &fields,
            ));
        }
        if quiesce && vm.power == Power::On && !(vm.has_tools && vm.quiesces) {
            return Err(Refusal::fault("ApplicationQuiesceFault", "The guest did not come to rest"));
        }
        let mut depth = 0;
        let mut next = vm.current.as_deref();
        while let Some(on) = next {
            depth += 1;
            next = vm.snapshots.iter().find(|one| one.id == on).and_then(|one| one.parent.as_deref());
        }
        if depth >= DEEPEST {
            return Err(Refusal::fault("TooManySnapshotLevels", "Snapshots stand on each other too deep"));
        }
        let parent = vm.current.replace(snapshot.clone());
        vm.snapshots.push(Snapshot {
            id: snapshot.clone(),
            name,
            description,
            parent,
            created,
            is_quiesced: quiesce && vm.power == Power::On,
            content: vm.content,
        });
        Ok(Some(Reference::new("VirtualMachineSnapshot", snapshot)))
    }

    /// Changes what a `VirtualMachineConfigSpec` says.
    fn reconfigure(&mut self, id: &str, spec: Option<&Argument>) -> Result<(), Refusal> {
        let (Some(spec), Some(there)) = (spec, self.vms.get(id)) else { return Ok(()) };
        let vm = self.configured(there.clone(), Some(id), spec)?;
        self.vms.insert(id.to_owned(), vm);
        Ok(())
    }

    fn move_into(&mut self, folder: &str, call: &VsphereCall) -> Result<(), Refusal> {
        self.expect_vm_folder(&Reference::new("Folder", folder))?;
        for value in call.argument(&["list"]).map(Argument::each).unwrap_or_default() {
            let id = reference(Some(value)).id;
            let Some(name) = self.vms.get(&id).map(|vm| vm.name.clone()) else { continue };
            self.free_name(folder, &name, Some(&id))?;
            self.vms.entry(id).and_modify(|vm| folder.clone_into(&mut vm.parent));
        }
        Ok(())
    }

    fn register(&mut self, folder: &Reference, call: &VsphereCall) -> Made {
        self.expect_vm_folder(folder)?;
        let path = text(call, &["path"]).to_owned();
        if self.vms.values().any(|vm| vm.vmx == path) {
            return Err(Refusal::about("AlreadyExists", "It is registered", &json!({ "name": path })));
        }
        let Some(vm) = self.unregistered.get(&path) else {
            return Err(Refusal::about("NotFound", "There is no such file", &json!({ "file": path })));
        };
        let wanted = Some(text(call, &["name"])).filter(|name| !name.is_empty()).unwrap_or(&vm.name);
        let name = self.free_name(&folder.id, wanted, None)?;
        let id = self.next_id("vm");
        if let Some(mut vm) = self.unregistered.remove(&path) {
            vm.name = name;
            vm.parent.clone_from(&folder.id);
            vm.is_template = is_true(call, &["asTemplate"]);
            self.vms.insert(id.clone(), vm);
        }
        Ok(Some(Reference::new("VirtualMachine", id)))
    }

    fn destroy(&mut self, id: &str) -> Result<(), Refusal> {
        if let Some(vm) = self.vms.get(id).filter(|vm| vm.power != Power::Off) {
            let fields = json!({ "requestedState": "poweredOff", "existingState": vm.power.word() });
            let message = "The attempted operation cannot be performed in the current state";
            return Err(Refusal::about("InvalidPowerState", message, &fields));
        }
        self.vms.remove(id);
        Ok(())
    }

    /// The name as it is written, where nothing else in the place has it.
    pub(super) fn free_name(&self, parent: &str, name: &str, but: Option<&str>) -> Result<String, Refusal> {
        if name.is_empty() || name.chars().count() > LONGEST {
            return Err(Refusal::about("InvalidName", "The name is not valid", &json!({ "name": name })));
        }
        let name = name.replace('/', "%2f").replace('\\', "%5c");
        for kind in ["VirtualMachine", "Folder"] {
            let there = self.named_in(kind, &name, Some(parent));
            if let Some(id) = there.into_iter().find(|id| Some(id.as_str()) != but) {
                let fields = json!({ "name": name, "object": shown(&Reference::new(kind, id)) });
                return Err(Refusal::about(
                    "DuplicateName",
                    format!("The name '{name}' already exists"),
                    &fields,
                ));
            }
        }
        Ok(name)
    }

    pub(super) fn expect_vm_folder(&self, folder: &Reference) -> Result<(), Refusal> {
        match self.places.get(&folder.id) {
            Some(Place { kind, .. }) if kind == "Folder" && self.is_vm_folder(&folder.id) => Ok(()),
            Some(_) => Err(Refusal::fault("InvalidFolder", "It is no folder of virtual machines")),
            None => Err(Refusal::gone(folder)),
        }
    }
}

fn said(exit: i32, stdout: &Value, stderr: String) -> Reply {
    Reply { exit, stdout: stdout.to_string().into_bytes(), stderr: stderr.into_bytes() }
}

/// What a call is about, for people.
fn told(call: &VsphereCall) -> &str {
    let key = match &call.object {
        Object::Is(is) => &is.id,
        Object::Of(key) | Object::Marked { value: key, .. } | Object::Named { name: key, .. } => key,
        Object::Snapshot { vm, .. } => &vm.id,
    };
    call.names.get(key).unwrap_or(key)
}

/// The object that a call is made on, in which all objects are references.
pub(super) fn object_of(call: &VsphereCall) -> Reference {
    reference_of(&call.object)
}

/// A text among the arguments; empty where it is not there.
pub(super) fn text<'c>(call: &'c VsphereCall, path: &[&str]) -> &'c str {
    call.argument(path).and_then(Argument::as_text).unwrap_or_default()
}

pub(super) fn is_true(call: &VsphereCall, path: &[&str]) -> bool {
    call.argument(path) == Some(&Argument::Bool(true))
}

/// The reference that a value is; an empty one where it is none.
pub(super) fn reference(value: Option<&Argument>) -> Reference {
    value.and_then(Argument::as_object).map_or_else(|| Reference::new("", ""), reference_of)
}

fn reference_of(object: &Object) -> Reference {
    match object {
        Object::Is(is) => is.clone(),
        _ => Reference::new("", ""),
    }
}
