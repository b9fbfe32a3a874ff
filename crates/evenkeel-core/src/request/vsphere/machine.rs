//! Changing virtual machines, and their place among the others.

use super::value::fields;
use super::{Object, Reference, Value, VsphereCall};

/// What is changed of a virtual machine's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSpec {
    /// What the server knows it by among all others, a UUID: so that a clone's is known before it is there.
    pub instance_uuid: Option<String>,
    /// What is written on it for people.
    pub annotation: Option<String>,
    /// Network adapters that shall not be connected when it is powered on.
    pub disconnect: Vec<Nic>,
    /// Options, by key. One with an empty value is taken away.
    pub extra: Vec<(String, String)>,
}

/// A network adapter of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// The type of the device, as the server tells it: `VirtualVmxnet3`.
    pub kind: String,
    /// The key of the device.
    pub key: i32,
}

impl ConfigSpec {
    pub(super) fn value(self) -> Value {
        let option = |(key, value): (String, String)| {
            Value::data(fields([("key", Some(Value::Text(key))), ("value", Some(Value::AnyText(value)))]))
        };
        let list = |all: Vec<Value>| (!all.is_empty()).then_some(Value::List(all));
        Value::data(fields([
            ("instanceUuid", self.instance_uuid.map(Value::Text)),
            ("annotation", self.annotation.map(Value::Text)),
            ("deviceChange", list(self.disconnect.iter().map(disconnected).collect())),
            ("extraConfig", list(self.extra.into_iter().map(option).collect())),
        ]))
    }
}

fn disconnected(nic: &Nic) -> Value {
    let connectable = fields([
        ("startConnected", Some(false.into())),
        ("allowGuestControl", Some(true.into())),
        ("connected", Some(false.into())),
    ]);
    let device =
        fields([("key", Some(Value::Int(nic.key.into()))), ("connectable", Some(Value::data(connectable)))]);
    Value::data(fields([
        ("operation", Some("edit".into())),
        ("device", Some(Value::of_type(&nic.kind, device))),
    ]))
}

impl VsphereCall {
    /// Changes a virtual machine's configuration.
    pub fn reconfigure_vm(vm: impl Into<Object>, to: ConfigSpec) -> Self {
        VsphereCall::new(vm, "ReconfigVM_Task", fields([("spec", Some(to.value()))]))
    }

    /// Renames a virtual machine.
    pub fn rename(vm: impl Into<Object>, name: &str) -> Self {
        VsphereCall::new(vm, "Rename_Task", fields([("newName", Some(name.into()))]))
    }

    /// Moves a virtual machine to another folder.
    pub fn move_into_folder(folder: impl Into<Object>, vm: impl Into<Object>) -> Self {
        let list = Value::List(vec![vm.into().into()]);
        VsphereCall::new(folder, "MoveIntoFolder_Task", fields([("list", Some(list))]))
    }

    /// Makes a folder. Gives it.
    pub fn create_folder(parent: impl Into<Object>, name: &str) -> Self {
        VsphereCall::new(parent, "CreateFolder", fields([("name", Some(name.into()))]))
    }

    /// Registers a virtual machine whose files are there: `[NFS_durian] avocado2/avocado2.vmx`. Gives it.
    pub fn register_vm(
        folder: impl Into<Object>,
        path: &str,
        name: &str,
        pool: Reference,
        host: Option<Reference>,
    ) -> Self {
        let arguments = fields([
            ("path", Some(path.into())),
            ("name", Some(name.into())),
            ("asTemplate", Some(false.into())),
            ("pool", Some(pool.into())),
            ("host", host.map(Value::from)),
        ]);
        VsphereCall::new(folder, "RegisterVM_Task", arguments)
    }

    /// Removes a virtual machine, and its files.
    pub fn destroy(vm: impl Into<Object>) -> Self {
        VsphereCall::new(vm, "Destroy_Task", Vec::new())
    }
}
