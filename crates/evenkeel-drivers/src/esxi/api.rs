//! ESXi hosts over the vSphere API: one by itself, or those of a vCenter.

use std::sync::Arc;

use evenkeel_core::driver::{Finding, ObserveError};
use evenkeel_core::request::vsphere::{Reference, exit_status};
use evenkeel_core::request::{Query, Replies, Reply, Request, VsphereRequest};
use evenkeel_core::target::Way;

use super::reply::failure::unparsable;
use crate::vsphere::reply::{Fields, Raw, Retrieved};

/// The field of a spec that names the host.
pub(super) const FIELD: &str = "esxiHost";
const HOST: &str = "HostSystem";
const DATASTORES: &str = "configManager.datastoreSystem";
const STORAGE: &str = "configManager.storageSystem";
/// Unset while a host cannot be reached.
const VERSION: &str = "config.product.version";

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiHost {
    pub(super) reference: Reference,
    pub(super) name: String,
    /// `8.0.2`
    version: String,
    /// `connected`; else what the vCenter shows of it is old.
    connection: String,
    storage: Option<Reference>,
    datastores: Option<Reference>,
}

impl ApiHost {
    /// False where it is known to be older than this major version.
    pub(super) fn is_at_least(&self, major: u32) -> bool {
        let told = self.version.split('.').next().and_then(|number| number.parse::<u32>().ok());
        told.is_none_or(|told| told >= major)
    }

    /// Its `HostStorageSystem`.
    pub(super) fn storage(&self) -> Result<Reference, ObserveError> {
        self.system(self.storage.as_ref(), STORAGE)
    }

    /// Its `HostDatastoreSystem`.
    pub(super) fn datastores(&self) -> Result<Reference, ObserveError> {
        self.system(self.datastores.as_ref(), DATASTORES)
    }

    fn system(&self, system: Option<&Reference>, path: &str) -> Result<Reference, ObserveError> {
        let none = || unparsable(hosts_query().request(), format!("{} has no `{path}`", self.name));
        system.cloned().ok_or_else(none)
    }
}

/// A question to the API.
pub(super) fn reading(request: VsphereRequest) -> Query {
    Query::reading(Request::Vsphere(Box::new(request)))
}

/// All hosts. Who is served by the API asks for them first.
pub(super) fn hosts_query() -> Query {
    reading(VsphereRequest::retrieve_all([(
        HOST,
        &[VERSION, DATASTORES, STORAGE, "name", "runtime.connectionState"],
    )]))
}

/// All hosts, as the server tells of them.
pub(super) fn hosts(replies: &Replies) -> Result<Arc<Vec<ApiHost>>, ObserveError> {
    replies.parsed(&hosts_query(), parse)
}

fn parse(request: &Request, reply: &Reply) -> Result<Vec<ApiHost>, ObserveError> {
    let read = Retrieved::parse(request, reply)?;
    let host = |object: &Raw| {
        let fields = whole(request, object)?;
        Ok(ApiHost {
            reference: Reference::new(object.kind.as_str(), object.id.as_str()),
            name: need(request, object, "name")?.to_owned(),
            version: fields.text(VERSION).to_owned(),
            connection: need(request, object, "runtime.connectionState")?.to_owned(),
            storage: fields.reference(STORAGE),
            datastores: fields.reference(DATASTORES),
        })
    };
    read.objects.iter().map(host).collect()
}

/// The host that a spec is about, by its name where that is written.
pub(super) fn host(wanted: Option<&str>, replies: &Replies) -> Result<ApiHost, ObserveError> {
    let hosts = hosts(replies)?;
    let names = || {
        let mut names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        names.sort_unstable();
        names.join(", ")
    };
    let fits = |host: &&ApiHost| wanted.is_none_or(|wanted| host.name.eq_ignore_ascii_case(wanted));
    let fitting: Vec<&ApiHost> = hosts.iter().filter(fits).collect();
    let unfit = |message: String, hint: String| Err(ObserveError::unfit(&[FIELD], message, hint));
    let found = match (fitting.as_slice(), wanted) {
        ([one], _) => *one,
        ([], _) if hosts.is_empty() => {
            let hint = "the user needs at least the role `Read-only` on the host";
            return unfit("the server shows no host".to_owned(), hint.to_owned());
        }
        ([], _) => {
            let message = format!("the server has no host {}", wanted.unwrap_or_default());
            return unfit(message, format!("it has: {}", names()));
        }
        (several, None) => {
            let message = format!("the server has {} hosts, and none of them is named", several.len());
            return unfit(message, format!("write `{FIELD}` with one of: {}", names()));
        }
        (several, Some(wanted)) => {
            let message = format!("the server has {} hosts {wanted}", several.len());
            return unfit(message, "give them different names in the vCenter".to_owned());
        }
    };
    if found.connection != "connected" {
        let said =
            format!("the vCenter calls {} {}, and shows what was last known", found.name, found.connection);
        return Err(failed(hosts_query().request(), 500, said, Some("connect the host to the vCenter")));
    }
    Ok(found.clone())
}

/// The error where a spec names a host of a vCenter, and the target is a host itself.
pub(super) fn is_of_a_server(wanted: Option<&str>, replies: &Replies) -> Result<(), ObserveError> {
    match wanted {
        Some(_) if replies.way() != Way::Vsphere => Err(ObserveError::unfit(
            &[FIELD],
            "the target is a host itself, and reached by its commands",
            format!("take `{FIELD}` away, or use a `vsphere` target"),
        )),
        _ => Ok(()),
    }
}

/// What is wrong with the name of a host.
pub(super) fn check(wanted: Option<&str>) -> Option<Finding> {
    let name = wanted?;
    let is_odd = name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
    is_odd.then(|| {
        let message = format!("`{}` is no name of a host", name.escape_debug());
        Finding::error([FIELD], message).hint("write it as the vCenter shows it: `papaya.teppi.net`")
    })
}

/// The name of an object of a host: as such where a target is one host, and behind the host's where that is named.
pub(super) fn object_of(host: Option<&str>, object: &str) -> String {
    match host {
        Some(host) => format!("{}/{object}", host.to_ascii_lowercase()),
        None => object.to_owned(),
    }
}

/// The properties of an object, of which all that was asked for could be read.
pub(super) fn whole<'a>(request: &Request, object: &'a Raw) -> Result<Fields<'a>, ObserveError> {
    match object.missing.iter().next() {
        None => Ok(Fields(&object.properties)),
        Some((path, why)) => {
            let said = format!("`{path}` of {} {} could not be read: {why}", object.kind, object.id);
            let exit = exit_status(why);
            let hint = (exit == 403).then_some("the user needs at least the role `Read-only` on it");
            Err(failed(request, exit, said, hint))
        }
    }
}

/// A text of an object that is never empty.
pub(super) fn need<'a>(request: &Request, object: &'a Raw, path: &str) -> Result<&'a str, ObserveError> {
    match whole(request, object)?.text(path) {
        "" => Err(unparsable(request, format!("{} {} has no `{path}`", object.kind, object.id))),
        text => Ok(text),
    }
}

fn failed(request: &Request, exit: i32, stderr: String, hint: Option<&str>) -> ObserveError {
    ObserveError::Command { command: request.display(), exit, stderr, hint: hint.map(str::to_owned) }
}
