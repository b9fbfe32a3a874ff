//! What has to be so for a call to be made, read just before.

use serde::{Deserialize, Serialize};

use super::Object;

/// What has to be so just before a call: else it is not made, and the reply's exit status is 412. What cannot be read does
/// not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Of which object. Where several are meant by it, nothing holds; where there is none, only [`Must::BeUnset`].
    pub object: Object,
    /// The path of its property, as the server's property collector takes it: `runtime.powerState`. Empty for the object
    /// as such.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What the property must be.
    pub must: Must,
}

/// What a property must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Must {
    /// This text, number or word (`poweredOff`, `false`); of a reference, its id.
    Be(String),
    /// Not set, or a list of nothing, or of an object that is not there. With an empty path: there is no such object.
    BeUnset,
    /// A list of virtual devices (`config.hardware.device`) with at least one `VirtualDisk`, where the file behind each of
    /// those (`backing.fileName`) begins with this text: `[NFS_durian] `.
    HaveDisksOn(String),
    /// A list of options (`config.extraConfig`) with this one.
    HaveExtra {
        /// Its key.
        key: String,
        /// Its whole value.
        value: String,
    },
}

impl Condition {
    /// The property is this text; of a reference, this id.
    pub fn be(object: impl Into<Object>, path: &str, text: impl Into<String>) -> Self {
        Condition { object: object.into(), path: path.to_owned(), must: Must::Be(text.into()) }
    }

    /// The property is not set, or a list of nothing.
    pub fn be_unset(object: impl Into<Object>, path: &str) -> Self {
        Condition { object: object.into(), path: path.to_owned(), must: Must::BeUnset }
    }

    /// There is no such object.
    pub fn be_gone(object: impl Into<Object>) -> Self {
        Condition::be_unset(object, "")
    }

    /// The virtual machine has disks, and all of them are on the datastore of this name.
    pub fn disks_on(vm: impl Into<Object>, datastore: &str) -> Self {
        let must = Must::HaveDisksOn(format!("[{datastore}] "));
        Condition { object: vm.into(), path: "config.hardware.device".to_owned(), must }
    }

    /// The virtual machine has disks, and all of them are in this folder: `[NFS_durian] zz_avocado2/`.
    pub fn disks_within(vm: impl Into<Object>, folder: &str) -> Self {
        let must = Must::HaveDisksOn(folder.to_owned());
        Condition { object: vm.into(), path: "config.hardware.device".to_owned(), must }
    }

    /// The virtual machine's configuration has this option.
    pub fn have_extra(vm: impl Into<Object>, key: &str, value: impl Into<String>) -> Self {
        let must = Must::HaveExtra { key: key.to_owned(), value: value.into() };
        Condition { object: vm.into(), path: "config.extraConfig".to_owned(), must }
    }
}
