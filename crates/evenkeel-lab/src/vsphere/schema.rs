//! What the arguments of methods have to be: which fields in which order, and of which types. A server takes no other.
//!
//! Of each type the fields that are carried out here are known, in the order of the vSphere API's schema. A field that is not
//! among them is refused: the server would do something that is not done here.

use evenkeel_core::request::vsphere::{Object, Reference, Value, VsphereCall};

use super::fault::Refusal;

/// What a field is.
enum Of {
    /// A text, or a word of an enumeration.
    Text,
    /// `anyType`, which is written with its type.
    Any,
    Bool,
    Int,
    /// A reference to an object of this type.
    Ref(&'static str),
    /// A data object of this type.
    Data(&'static str),
    /// A data object of a type that begins with this and is named.
    Typed(&'static str),
    /// A data object of the first type, or of the second, which extends it and is named.
    Either(&'static str, &'static str),
    /// Several of these, or none.
    Each(&'static Of),
}

/// A field: its name, what it is, and whether it must be there.
type Field = (&'static str, Of, bool);

const MUST: bool = true;
const MAY: bool = false;

/// Methods: the type of the object that they are called on, and their arguments.
static METHODS: [(&str, &str, &[Field]); 13] = [
    (
        "CreateSnapshot_Task",
        "VirtualMachine",
        &[
            ("name", Of::Text, MUST),
            ("description", Of::Text, MAY),
            ("memory", Of::Bool, MUST),
            ("quiesce", Of::Bool, MUST),
        ],
    ),
    (
        "RemoveSnapshot_Task",
        "VirtualMachineSnapshot",
        &[("removeChildren", Of::Bool, MUST), ("consolidate", Of::Bool, MAY)],
    ),
    (
        "CloneVM_Task",
        "VirtualMachine",
        &[
            ("folder", Of::Ref("Folder"), MUST),
            ("name", Of::Text, MUST),
            ("spec", Of::Data("VirtualMachineCloneSpec"), MUST),
        ],
    ),
    ("RelocateVM_Task", "VirtualMachine", &[("spec", Of::Data("VirtualMachineRelocateSpec"), MUST)]),
    ("ReconfigVM_Task", "VirtualMachine", &[("spec", Of::Data("VirtualMachineConfigSpec"), MUST)]),
    ("Rename_Task", "VirtualMachine", &[("newName", Of::Text, MUST)]),
    ("Destroy_Task", "VirtualMachine", &[]),
    ("MoveIntoFolder_Task", "Folder", &[("list", Of::Each(&Of::Ref("VirtualMachine")), MUST)]),
    ("CreateFolder", "Folder", &[("name", Of::Text, MUST)]),
    (
        "RegisterVM_Task",
        "Folder",
        &[
            ("path", Of::Text, MUST),
            ("name", Of::Text, MAY),
            ("asTemplate", Of::Bool, MUST),
            ("pool", Of::Ref("ResourcePool"), MAY),
            ("host", Of::Ref("HostSystem"), MAY),
        ],
    ),
    (
        "SetMultipathLunPolicy",
        "HostStorageSystem",
        &[
            ("lunId", Of::Text, MUST),
            (
                "policy",
                Of::Either("HostMultipathInfoLogicalUnitPolicy", "HostMultipathInfoFixedLogicalUnitPolicy"),
                MUST,
            ),
        ],
    ),
    ("CreateNasDatastore", "HostDatastoreSystem", &[("spec", Of::Data("HostNasVolumeSpec"), MUST)]),
    ("RemoveDatastore", "HostDatastoreSystem", &[("datastore", Of::Ref("Datastore"), MUST)]),
];

/// Data objects, by the beginnings of their types.
static TYPES: [(&str, &[Field]); 12] = [
    (
        "VirtualMachineCloneSpec",
        &[
            ("location", Of::Data("VirtualMachineRelocateSpec"), MUST),
            ("template", Of::Bool, MUST),
            ("config", Of::Data("VirtualMachineConfigSpec"), MAY),
            ("powerOn", Of::Bool, MUST),
            ("snapshot", Of::Ref("VirtualMachineSnapshot"), MAY),
        ],
    ),
    (
        "VirtualMachineRelocateSpecDiskLocator",
        &[
            ("diskId", Of::Int, MUST),
            ("datastore", Of::Ref("Datastore"), MUST),
            ("diskMoveType", Of::Text, MAY),
            ("diskBackingInfo", Of::Typed("VirtualDiskFlatVer2BackingInfo"), MAY),
        ],
    ),
    (
        "VirtualMachineRelocateSpec",
        &[
            ("datastore", Of::Ref("Datastore"), MAY),
            ("diskMoveType", Of::Text, MAY),
            ("pool", Of::Ref("ResourcePool"), MAY),
            ("host", Of::Ref("HostSystem"), MAY),
            ("disk", Of::Each(&Of::Data("VirtualMachineRelocateSpecDiskLocator")), MAY),
            ("transform", Of::Text, MAY),
        ],
    ),
    (
        "VirtualMachineConfigSpec",
        &[
            ("instanceUuid", Of::Text, MAY),
            ("annotation", Of::Text, MAY),
            ("deviceChange", Of::Each(&Of::Data("VirtualDeviceConfigSpec")), MAY),
            ("extraConfig", Of::Each(&Of::Data("OptionValue")), MAY),
        ],
    ),
    ("VirtualDeviceConfigSpec", &[("operation", Of::Text, MAY), ("device", Of::Typed("Virtual"), MUST)]),
    (
        "VirtualDeviceConnectInfo",
        &[
            ("startConnected", Of::Bool, MUST),
            ("allowGuestControl", Of::Bool, MUST),
            ("connected", Of::Bool, MUST),
        ],
    ),
    (
        "VirtualDiskFlatVer2BackingInfo",
        &[("fileName", Of::Text, MUST), ("diskMode", Of::Text, MUST), ("thinProvisioned", Of::Bool, MAY)],
    ),
    ("OptionValue", &[("key", Of::Text, MUST), ("value", Of::Any, MUST)]),
    ("HostMultipathInfoLogicalUnitPolicy", &[("policy", Of::Text, MUST)]),
    ("HostMultipathInfoFixedLogicalUnitPolicy", &[("policy", Of::Text, MUST), ("prefer", Of::Text, MUST)]),
    (
        "HostNasVolumeSpec",
        &[
            ("remoteHost", Of::Text, MUST),
            ("remotePath", Of::Text, MUST),
            ("localPath", Of::Text, MUST),
            ("accessMode", Of::Text, MUST),
            ("type", Of::Text, MAY),
            ("remoteHostNames", Of::Each(&Of::Text), MAY),
        ],
    ),
    // Devices of all kinds.
    ("Virtual", &[("key", Of::Int, MUST), ("connectable", Of::Data("VirtualDeviceConnectInfo"), MAY)]),
];

/// Holds a call, in which all objects are references, against the schema.
pub(super) fn check(call: &VsphereCall, object: &Reference) -> Result<(), Refusal> {
    let Some((method, kind, fields)) = METHODS.iter().find(|(method, ..)| *method == call.method) else {
        let message = format!("{} is no method that is known here", call.method);
        return Err(Refusal::fault("MethodNotFound", message));
    };
    if object.kind != *kind {
        return Err(Refusal::invalid(format!("{method} is a method of {kind}, not of {}", object.kind)));
    }
    in_order(method, &call.arguments, fields)
}

/// The fields are those of the type, in its order.
fn in_order(of: &str, given: &[(String, Value)], fields: &[Field]) -> Result<(), Refusal> {
    let mut open = given.iter().peekable();
    for (name, kind, must) in fields {
        match open.next_if(|(field, _)| field == name) {
            Some((_, value)) => is(&format!("{of}.{name}"), value, kind)?,
            None if *must => return Err(Refusal::invalid(format!("{of} has no {name} where it has to be"))),
            None => {}
        }
    }
    match open.next() {
        Some((field, _)) => Err(Refusal::invalid(format!("{of} has {field} where it has not to be"))),
        None => Ok(()),
    }
}

/// The value is one of that kind.
fn is(what: &str, value: &Value, kind: &Of) -> Result<(), Refusal> {
    let fits = match (kind, value) {
        (Of::Text, Value::Text(_))
        | (Of::Any, Value::AnyText(_))
        | (Of::Bool, Value::Bool(_))
        | (Of::Int, Value::Int(_)) => true,
        (Of::Ref(kind), Value::Object(Object::Is(of))) => of.kind == *kind,
        (Of::Each(kind), values) => return values.each().iter().try_for_each(|value| is(what, value, kind)),
        (Of::Data(of) | Of::Either(of, _), Value::Struct { kind: None, fields }) => {
            return in_order(of, fields, known(of));
        }
        (Of::Either(_, of), Value::Struct { kind: Some(is), fields }) if is == of => {
            return in_order(is, fields, known(is));
        }
        (Of::Typed(of), Value::Struct { kind: Some(is), fields }) if is.starts_with(of) => {
            return in_order(is, fields, known(is));
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Refusal::invalid(format!("{what} is no value of its type"))) }
}

fn known(of: &str) -> &'static [Field] {
    TYPES.iter().find(|(kind, _)| of.starts_with(kind)).map_or(&[], |(_, fields)| *fields)
}
