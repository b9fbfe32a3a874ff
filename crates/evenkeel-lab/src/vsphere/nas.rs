//! NFS datastores, which each host mounts for itself: one export is one datastore, whoever has it.

use std::collections::BTreeSet;

use evenkeel_core::request::vsphere::{Reference, Value as Argument, VsphereCall};
use serde_json::{Value, json};

use super::calls::{Made, reference, text};
use super::fault::{Refusal, refer, shown};
use super::vm::{Disk, Vm};
use super::{GIB, HOST, Store, Vcenter};

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nas {
    /// The servers' names; one of NFS 3.
    pub servers: Vec<String>,
    /// What they export.
    pub path: String,
    /// `AUTH_SYS` or another; of NFS 4.1 only.
    pub security: Option<String>,
}

impl Nas {
    /// One of a server that speaks NFS 3.
    pub fn of(server: &str, path: &str) -> Self {
        Nas { servers: vec![server.to_owned()], path: path.to_owned(), security: None }
    }

    fn meets(&self, other: &Nas) -> bool {
        self.path == other.path && self.servers.iter().any(|server| other.servers.contains(server))
    }
}

/// How a host has a datastore.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mount {
    /// For reading only.
    pub read_only: bool,
    /// Its server answers this host.
    pub is_accessible: bool,
}

impl Default for Mount {
    fn default() -> Self {
        Mount { read_only: false, is_accessible: true }
    }
}

impl Store {
    /// The hosts that have it. A transport, which does not know the type, takes `mountInfo` for a list.
    pub(super) fn hosts(&self) -> Value {
        let mount = |(host, mount): (&String, &Mount)| {
            json!({
                "key": refer("HostSystem", host),
                "mountInfo": [{
                    "path": format!("/vmfs/volumes/{}", self.name),
                    "accessMode": if mount.read_only { "readOnly" } else { "readWrite" },
                    "mounted": "true",
                    "accessible": mount.is_accessible.to_string(),
                }],
            })
        };
        self.mounts.iter().map(mount).collect()
    }

    /// What it is.
    pub(super) fn info(&self) -> Value {
        let Some(nas) = &self.nas else {
            let extent = json!([{ "diskName": self.name.replace("vol", "naa."), "partition": "1" }]);
            let volume =
                json!({ "_type": "HostVmfsVolume", "name": self.name, "uuid": "5d1", "extent": extent });
            return json!({ "_type": "VmfsDatastoreInfo", "name": self.name, "vmfs": volume });
        };
        let mut volume = json!({
            "_type": "HostNasVolume",
            "type": self.kind,
            "name": self.name,
            "capacity": self.capacity.to_string(),
            "remoteHost": nas.servers.first(),
            "remotePath": nas.path,
        });
        if let (true, Some(fields)) = (self.kind == "NFS41", volume.as_object_mut()) {
            fields.insert("remoteHostNames".to_owned(), json!(nas.servers));
            fields.insert("securityType".to_owned(), json!(nas.security));
        }
        json!({ "_type": "NasDatastoreInfo", "name": self.name, "nas": volume })
    }
}

impl Vcenter {
    /// The virtual machines with any file on a datastore.
    pub(super) fn on_store<'v>(&'v self, store: &'v Store) -> impl Iterator<Item = (&'v String, &'v Vm)> {
        let lies =
            |vm: &Vm| vm.store() == store.name || vm.disks.iter().map(Disk::store).any(|on| on == store.name);
        self.vms.iter().filter(move |(_, vm)| lies(vm))
    }

    /// Mounts an export, as `CreateNasDatastore` does.
    pub(super) fn mount(&mut self, system: &str, call: &VsphereCall) -> Made {
        let host = self.host_of(system).unwrap_or_default();
        let spec = |field: &str| text(call, &["spec", field]).to_owned();
        let names = call.argument(&["spec", "remoteHostNames"]).map(Argument::each).unwrap_or_default();
        let names: BTreeSet<String> =
            names.iter().filter_map(|name| Some(name.as_text()?.to_owned())).collect();
        let is_41 = spec("type") == "NFS41";
        let servers = if is_41 { names.into_iter().collect() } else { vec![spec("remoteHost")] };
        let security = is_41.then(|| "AUTH_SYS".to_owned());
        let nas = Nas { servers, path: spec("remotePath"), security };
        if self.refused.contains(&nas.path) {
            let text = "NFS has reached the server, which denied the mount request";
            return Err(Refusal::about("PlatformConfigFault", "Operation failed", &json!({ "text": text })));
        }
        let name = spec("localPath");
        for (id, store) in self.stores.iter().filter(|(_, store)| store.mounts.contains_key(&host)) {
            if store.name == name {
                let fields =
                    json!({ "name": name, "object": shown(&Reference::new("Datastore", id.as_str())) });
                let message = format!("The name '{name}' already exists");
                return Err(Refusal::about("DuplicateName", message, &fields));
            }
            if store.nas.as_ref().is_some_and(|other| other.meets(&nas)) {
                let message = "The specified key, name, or identifier already exists";
                return Err(Refusal::about("AlreadyExists", message, &json!({ "name": store.name })));
            }
        }
        let mount = Mount { read_only: spec("accessMode") == "readOnly", is_accessible: true };
        let known = self.stores.iter_mut().find(|(_, store)| store.nas.as_ref() == Some(&nas));
        if let Some((id, store)) = known {
            store.mounts.insert(host, mount);
            return Ok(Some(Reference::new("Datastore", id.as_str())));
        }
        let id = self.next_id("datastore");
        let store = Store {
            name,
            capacity: 1_000 * GIB,
            others: 0,
            is_accessible: true,
            kind: spec("type"),
            nas: Some(nas),
            mounts: [(host, mount)].into(),
        };
        self.stores.insert(id.clone(), store);
        Ok(Some(Reference::new("Datastore", id)))
    }

    /// Unmounts a datastore of the first host, as a person may where no virtual machine is on it.
    pub fn unmount_by_hand(&mut self, id: &str) {
        let is_in_use = |store: &Store| self.on_store(store).next().is_some();
        if self.stores.get(id).is_none_or(is_in_use) {
            return;
        }
        if let Some(store) = self.stores.get_mut(id) {
            store.mounts.remove(HOST);
        }
        self.stores.retain(|_, store| !store.mounts.is_empty());
    }

    /// Unmounts a datastore, as `RemoveDatastore` does.
    pub(super) fn unmount(&mut self, system: &str, call: &VsphereCall) -> Result<(), Refusal> {
        let host = self.host_of(system).unwrap_or_default();
        let id = reference(call.argument(&["datastore"])).id;
        let store = self.stores.get(&id).filter(|store| store.mounts.contains_key(&host));
        let store = store.ok_or_else(|| Refusal::fault("NotFound", "The host does not have it"))?;
        // All machines run on the first host.
        if host == HOST && self.on_store(store).next().is_some() {
            let fields = json!({ "type": "Datastore", "name": store.name });
            return Err(Refusal::about("ResourceInUse", "The resource is in use", &fields));
        }
        if let Some(store) = self.stores.get_mut(&id) {
            store.mounts.remove(&host);
        }
        self.stores.retain(|_, store| !store.mounts.is_empty());
        Ok(())
    }
}
