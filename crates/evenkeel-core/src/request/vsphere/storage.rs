//! Datastores and paths of a host.

use super::value::fields;
use super::{Object, Reference, Value, VsphereCall};

/// An NFS datastore of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NasVolume {
    /// The datastore's name.
    pub name: String,
    /// The servers' names: one, or with version 4.1 one for each way to the server.
    pub hosts: Vec<String>,
    /// What the server exports.
    pub path: String,
    /// It is mounted for reading only.
    pub read_only: bool,
    /// The version of NFS.
    pub version: NasVersion,
}

/// A version of NFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NasVersion {
    /// NFS 3.
    V3,
    /// NFS 4.1.
    V41,
}

impl VsphereCall {
    /// Mounts an NFS datastore, by the host's `HostDatastoreSystem`. Gives the datastore.
    pub fn create_nas_datastore(system: impl Into<Object>, volume: NasVolume) -> Self {
        let is_v41 = volume.version == NasVersion::V41;
        let names = volume.hosts.iter().map(|name| name.as_str().into()).collect();
        let spec = fields([
            ("remoteHost", volume.hosts.first().map(|name| name.as_str().into())),
            ("remotePath", Some(Value::Text(volume.path))),
            ("localPath", Some(Value::Text(volume.name))),
            ("accessMode", Some(if volume.read_only { "readOnly" } else { "readWrite" }.into())),
            ("type", Some(if is_v41 { "NFS41" } else { "NFS" }.into())),
            ("remoteHostNames", is_v41.then_some(Value::List(names))),
        ]);
        VsphereCall::new(system, "CreateNasDatastore", fields([("spec", Some(Value::data(spec)))]))
    }

    /// Unmounts a datastore of a host, by the host's `HostDatastoreSystem`.
    pub fn remove_datastore(system: impl Into<Object>, datastore: Reference) -> Self {
        VsphereCall::new(system, "RemoveDatastore", fields([("datastore", Some(datastore.into()))]))
    }

    /// Sets which paths to a LUN are used, by the host's `HostStorageSystem`: `lun` is the `id` in its
    /// `multipathInfo.lun`, `policy` a path selection policy (`VMW_PSP_RR`), and `prefer` the path that
    /// `VMW_PSP_FIXED` shall use.
    pub fn set_multipath_lun_policy(
        system: impl Into<Object>,
        lun: &str,
        policy: &str,
        prefer: Option<&str>,
    ) -> Self {
        let of = fields([("policy", Some(policy.into())), ("prefer", prefer.map(Value::from))]);
        let policy = match prefer {
            Some(_) => Value::of_type("HostMultipathInfoFixedLogicalUnitPolicy", of),
            None => Value::data(of),
        };
        let arguments = fields([("lunId", Some(lun.into())), ("policy", Some(policy))]);
        VsphereCall::new(system, "SetMultipathLunPolicy", arguments)
    }

    /// The LUN whose policy it sets is called so: `naa.6005…`.
    #[must_use]
    pub fn of_disk(mut self, name: &str) -> Self {
        if let Some(lun) = self.argument(&["lunId"]).and_then(Value::as_text).map(str::to_owned) {
            self.names.insert(lun, name.to_owned());
        }
        self
    }
}
