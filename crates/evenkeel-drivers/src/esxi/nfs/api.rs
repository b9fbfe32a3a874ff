//! NFS datastores of a host over the vSphere API.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::{Condition, NasVersion, NasVolume, Object, Reference, VsphereCall};
use evenkeel_core::request::{Query, Replies, Reply, Request, VsphereRequest};

use super::listing::Mount;
use super::registered::Registered;
use super::spec::{EsxiNfsDatastoreSpec, NfsVersion};
use crate::esxi::api::{self, ApiHost};
use crate::esxi::reply::failure::{quote, unparsable};
use crate::vsphere::reply::{Fields, Raw, Retrieved};

const STORE: &str = "Datastore";
const PLACE: &str = "config.files.vmPathName";

/// A host with its datastores.
#[derive(Debug)]
pub(super) struct System {
    host: ApiHost,
    /// Its `HostDatastoreSystem`.
    reference: Reference,
    stores: Vec<Store>,
}

/// A datastore that the host has.
#[derive(Debug, Clone)]
struct Store {
    reference: Reference,
    name: String,
    /// `None`: it is no NFS datastore.
    nas: Option<Mount>,
    /// By host.
    hosts: BTreeMap<String, OnHost>,
    /// Virtual machines with files on it, those of all hosts.
    vms: BTreeSet<String>,
}

/// What a host tells of a datastore of its.
#[derive(Debug, Clone)]
struct OnHost {
    read_only: Option<bool>,
    mounted: Option<bool>,
    accessible: Option<bool>,
}

/// Hosts and datastores.
pub(super) fn queries() -> Vec<Query> {
    vec![api::hosts_query(), stores_query()]
}

fn stores_query() -> Query {
    api::reading(VsphereRequest::retrieve_all([(STORE, &["host", "info", "name", "vm"])]))
}

/// Virtual machines, and where they are.
pub(super) fn vms_query() -> Query {
    api::reading(VsphereRequest::retrieve_all([("VirtualMachine", &[PLACE, "name", "runtime.host"])]))
}

impl System {
    /// The host of this name, where one is written, with its datastores.
    pub(super) fn read(host: Option<&str>, replies: &Replies) -> Result<Self, ObserveError> {
        let host = api::host(host, replies)?;
        let all = replies.parsed(&stores_query(), parse)?;
        let is_there = |store: &&Store| store.hosts.contains_key(&host.reference.id);
        let stores: Vec<Store> = all.iter().filter(is_there).cloned().collect();
        let mut names = BTreeSet::new();
        if let Some(twice) = stores.iter().find(|store| !names.insert(store.name.as_str())) {
            let problem = format!("{} has `{}` twice", host.name, quote(&twice.name));
            return Err(unparsable(stores_query().request(), problem));
        }
        Ok(System { reference: host.datastores()?, host, stores })
    }

    /// Whether the host knows NFS 4.1, as far as it tells what it is.
    pub(super) fn knows_41(&self) -> bool {
        self.host.is_at_least(6)
    }

    /// Its NFS datastores.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        let mount = |store: &Store| {
            let here = store.hosts.get(&self.host.reference.id)?;
            let OnHost { read_only, mounted, accessible } = here.clone();
            Some(Mount { read_only, mounted, accessible, ..store.nas.clone()? })
        };
        self.stores.iter().filter_map(mount).collect()
    }

    /// True where the host has a datastore of this name that is no NFS datastore.
    pub(super) fn has_other(&self, name: &str) -> bool {
        self.stores.iter().any(|store| store.name == name && store.nas.is_none())
    }

    pub(super) fn mount(&self, spec: &EsxiNfsDatastoreSpec) -> Request {
        let version = match spec.version {
            NfsVersion::V3 => NasVersion::V3,
            NfsVersion::V41 => NasVersion::V41,
        };
        let volume = NasVolume {
            name: spec.name.clone(),
            hosts: spec.hosts().into_iter().collect(),
            path: spec.share.clone(),
            read_only: spec.read_only,
            version,
        };
        self.call(VsphereCall::create_nas_datastore(self.reference.clone(), volume))
    }

    /// Where nobody is on it, it is unmounted only as long as that is so.
    pub(super) fn unmount(&self, name: &str) -> Option<Request> {
        let store = self.stores.iter().find(|store| store.name == name)?;
        let object = Object::Is(store.reference.clone());
        let call = VsphereCall::remove_datastore(self.reference.clone(), store.reference.clone());
        let call = call.called(&object, name);
        let call = if store.vms.is_empty() { call.only_if(Condition::be_unset(object, "vm")) } else { call };
        Some(self.call(call))
    }

    fn call(&self, call: VsphereCall) -> Request {
        let call = call.called(&Object::Is(self.reference.clone()), &self.host.name);
        Request::Vsphere(Box::new(VsphereRequest::Call(call)))
    }

    /// The virtual machines of this host with anything on the datastore, be it a disk or an ISO.
    pub(super) fn registered(&self, name: &str, replies: &Replies) -> Result<Registered, ObserveError> {
        let query = vms_query();
        let request = query.request();
        let read =
            replies.parsed(&query, |request: &Request, reply: &Reply| Retrieved::parse(request, reply))?;
        let on_it: BTreeSet<&String> =
            self.stores.iter().filter(|store| store.name == name).flat_map(|store| &store.vms).collect();
        let mut found = Registered::default();
        for object in &read.objects {
            let fields = api::whole(request, object)?;
            let is_here = fields.reference("runtime.host").is_none_or(|host| host == self.host.reference);
            let lies_on_it = fields.text(PLACE).starts_with(&format!("[{name}] "));
            if is_here && (lies_on_it || on_it.contains(&object.id)) {
                found.names.push(api::need(request, object, "name")?.to_owned());
            }
        }
        let is_known = |id: &&&String| !read.objects.iter().any(|object| object.id == ***id);
        if let Some(unknown) = on_it.iter().find(is_known) {
            let problem = format!("the virtual machine {} on {name} is missing in it", quote(unknown));
            return Err(unparsable(request, problem));
        }
        Ok(found)
    }
}

fn parse(request: &Request, reply: &Reply) -> Result<Vec<Store>, ObserveError> {
    let read = Retrieved::parse(request, reply)?;
    read.objects.iter().map(|object| store(request, object)).collect()
}

fn store(request: &Request, object: &Raw) -> Result<Store, ObserveError> {
    let fields = api::whole(request, object)?;
    let name = api::need(request, object, "name")?.to_owned();
    let info = fields.map("info");
    let info =
        info.ok_or_else(|| unparsable(request, format!("{} tells nothing of itself", quote(&name))))?;
    let nas = info.map("nas").map(|nas| volume(request, &name, nas)).transpose()?;
    let host = |mount: Fields<'_>| {
        // A list to who does not know the type.
        let told = mount.map("mountInfo").or_else(|| mount.each("mountInfo").next());
        let flag = |field: &str| told.and_then(|told| told.text(field).parse::<bool>().ok());
        let mode = told.map(|told| told.text("accessMode")).unwrap_or_default();
        let read_only = ["readOnly", "readWrite"].contains(&mode).then_some(mode == "readOnly");
        let mounted = OnHost { read_only, mounted: flag("mounted"), accessible: flag("accessible") };
        Some((mount.reference("key")?.id, mounted))
    };
    Ok(Store {
        reference: Reference::new(STORE, object.id.as_str()),
        nas: nas.flatten(),
        hosts: fields.each("host").filter_map(host).collect(),
        vms: fields.each("vm").map(|vm| vm.text("id").to_owned()).collect(),
        name,
    })
}

/// What is mounted; `None` for what is no NFS.
fn volume(request: &Request, name: &str, nas: Fields<'_>) -> Result<Option<Mount>, ObserveError> {
    let need = |field: &str| match nas.text(field) {
        "" => Err(unparsable(request, format!("{} has no `{field}`", quote(name)))),
        text => Ok(text),
    };
    let version = match need("type")? {
        "NFS" => NfsVersion::V3,
        "NFS41" => NfsVersion::V41,
        _ => return Ok(None),
    };
    let mut hosts: BTreeSet<String> = nas.texts("remoteHostNames").map(str::to_ascii_lowercase).collect();
    if hosts.is_empty() {
        hosts = need("remoteHost")?.split(',').map(|host| host.trim().to_ascii_lowercase()).collect();
    }
    Ok(Some(Mount {
        name: name.to_owned(),
        hosts,
        share: need("remotePath")?.to_owned(),
        version,
        read_only: None,
        mounted: None,
        accessible: None,
        security: Some(nas.text("securityType").to_owned()).filter(|security| !security.is_empty()),
    }))
}
