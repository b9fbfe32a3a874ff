//! Cloning virtual machines, and where what is cloned or moved comes to be.

use super::value::fields;
use super::{ConfigSpec, Object, Reference, Value, VsphereCall};

/// A clone that is to be made: never a template, never powered on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneSpec {
    /// Its name.
    pub name: String,
    /// The folder that it is put into.
    pub folder: Object,
    /// Where its files come to be.
    pub location: RelocateSpec,
    /// What is changed of the configuration that it has from its source.
    pub config: ConfigSpec,
    /// The snapshot that it is made of. `None`: the virtual machine as it is.
    pub snapshot: Option<Object>,
}

/// Where a virtual machine comes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelocateSpec {
    /// The datastore of its files.
    pub datastore: Reference,
    /// The resource pool. `None`: the one that it is in, or its source.
    pub pool: Option<Reference>,
    /// The host. `None`: the one that it is on, or its source.
    pub host: Option<Reference>,
    /// What its disks become.
    pub format: DiskFormat,
}

/// What the disks become on the new datastore. None shares a file with another disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskFormat {
    /// As the server makes them sparse; on a host's disks that is thin.
    Sparse,
    /// Thin: these disks, by the keys of their devices.
    Thin(Vec<i32>),
    /// What they are.
    Same,
}

impl VsphereCall {
    /// Clones a virtual machine. Gives the clone.
    pub fn clone_vm(vm: impl Into<Object>, clone: CloneSpec) -> Self {
        let spec = fields([
            ("location", Some(clone.location.value())),
            ("template", Some(false.into())),
            ("config", Some(clone.config.value())),
            ("powerOn", Some(false.into())),
            ("snapshot", clone.snapshot.map(Value::from)),
        ]);
        let arguments = fields([
            ("folder", Some(clone.folder.into())),
            ("name", Some(Value::Text(clone.name))),
            ("spec", Some(Value::data(spec))),
        ]);
        VsphereCall::new(vm, "CloneVM_Task", arguments)
    }

    /// Moves a virtual machine's files to another datastore, and the machine to another pool or host where they are named.
    pub fn relocate_vm(vm: impl Into<Object>, to: RelocateSpec) -> Self {
        VsphereCall::new(vm, "RelocateVM_Task", fields([("spec", Some(to.value()))]))
    }
}

impl RelocateSpec {
    fn value(self) -> Value {
        let (disks, transform) = match self.format {
            DiskFormat::Sparse => (None, Some("sparse".into())),
            DiskFormat::Same => (None, None),
            DiskFormat::Thin(keys) => {
                let disks = keys.into_iter().map(|key| thin(key, &self.datastore)).collect();
                (Some(Value::List(disks)), None)
            }
        };
        Value::data(fields([
            ("datastore", Some(self.datastore.into())),
            ("pool", self.pool.map(Value::from)),
            ("host", self.host.map(Value::from)),
            ("disk", disks),
            ("transform", transform),
        ]))
    }
}

/// A disk that becomes thin on a datastore.
fn thin(key: i32, datastore: &Reference) -> Value {
    let backing = fields([
        ("fileName", Some("".into())),
        ("diskMode", Some("persistent".into())),
        ("thinProvisioned", Some(true.into())),
    ]);
    Value::data(fields([
        ("diskId", Some(Value::Int(key.into()))),
        ("datastore", Some(datastore.clone().into())),
        ("diskMoveType", Some("moveAllDiskBackingsAndDisallowSharing".into())),
        ("diskBackingInfo", Some(Value::of_type("VirtualDiskFlatVer2BackingInfo", backing))),
    ]))
}
