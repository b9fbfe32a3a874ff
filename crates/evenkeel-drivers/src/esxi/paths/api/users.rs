//! What stands on disks: datastores that a host has, and virtual machines that run on it.

use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Query, Replies, Reply, Request, VsphereRequest};

use crate::esxi::api;
use crate::esxi::paths::host::Users;
use crate::esxi::reply::failure::unparsable;
use crate::esxi::reply::{Extent, RunningVm};
use crate::vsphere::reply::{Fields, Raw, Retrieved};

const PLACE: &str = "config.files.vmPathName";

pub(super) fn query() -> Query {
    api::reading(VsphereRequest::retrieve_all([
        ("Datastore", &["host", "info", "name"]),
        ("VirtualMachine", &[PLACE, "name", "runtime.host", "runtime.powerState"]),
    ]))
}

pub(super) fn read(host: &Reference, replies: &Replies) -> Result<Users, ObserveError> {
    let (query, mut extents, mut vms) = (query(), Vec::new(), Vec::new());
    let read = replies.parsed(&query, |request: &Request, reply: &Reply| Retrieved::parse(request, reply))?;
    for object in &read.objects {
        let fields = api::whole(query.request(), object)?;
        if object.kind == "Datastore" {
            extents.extend(extents_of(host, fields));
        } else if fields.reference("runtime.host").is_none_or(|on| on == *host)
            && fields.text("runtime.powerState") != "poweredOff"
        {
            vms.push(running(query.request(), object, fields)?);
        }
    }
    Ok(Users { extents: Arc::new(extents), vms: Arc::new(vms) })
}

/// The disks of a VMFS datastore that the host has.
fn extents_of(host: &Reference, fields: Fields<'_>) -> Vec<Extent> {
    let is_there = fields.each("host").any(|mount| mount.reference("key").as_ref() == Some(host));
    let volume = fields.map("info").and_then(|info| info.map("vmfs"));
    let Some(volume) = volume.filter(|_| is_there) else { return Vec::new() };
    let extent = |of: Fields<'_>| Extent {
        datastore: fields.text("name").to_owned(),
        uuid: volume.text("uuid").to_owned(),
        device: of.text("diskName").to_owned(),
    };
    volume.each("extent").map(extent).collect()
}

fn running(request: &Request, object: &Raw, fields: Fields<'_>) -> Result<RunningVm, ObserveError> {
    let name = api::need(request, object, "name")?.to_owned();
    // `[NFS_durian] avocado2/avocado2.vmx`
    let place = fields.text(PLACE).strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let (datastore, path) =
        place.ok_or_else(|| unparsable(request, format!("it does not tell where {name} lies")))?;
    Ok(RunningVm { config_file: format!("/vmfs/volumes/{datastore}/{path}"), name })
}
