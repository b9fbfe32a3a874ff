//! Path policies over the vSphere API: what it has, and how a device is told.
//!
//! `SetMultipathLunPolicy` knows the policy of a device and, where that is `VMW_PSP_FIXED`, the path that it prefers. The API
//! has nothing for the limits of round robin, the defaults of array types, and rules.

mod storage;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::{Object, Reference, VsphereCall};
use evenkeel_core::request::{Query, Replies, Request, VsphereRequest};

use super::arrays::FIXED;
use super::host::Host;
use super::spec::EsxiPathPolicySpec;
use super::state::DeviceState;
use super::wanted::best_of;
use crate::esxi::api::{self, ApiHost};
use crate::esxi::reply::{NmpDevice, NmpPath};

pub(super) use crate::esxi::api::hosts_query;
use storage::Lun;
pub(super) use storage::Storage;

/// The policies that the API takes.
const POLICIES: [&str; 3] = ["VMW_PSP_RR", FIXED, "VMW_PSP_MRU"];

/// A host's `HostStorageSystem`.
#[derive(Debug, Clone)]
pub(super) struct System {
    reference: Reference,
    /// The host's name.
    host: String,
    /// What the API calls devices and paths, by the ids of the devices.
    luns: Arc<BTreeMap<String, Lun>>,
}

impl System {
    /// Everything that it tells of devices and paths.
    pub(super) fn storage(&self) -> Query {
        storage::query(&self.reference)
    }

    /// What stands on disks, and runs there.
    pub(super) fn users() -> Query {
        users::query()
    }

    pub(super) fn preferred_path(&self, device: &str) -> Option<String> {
        self.luns.get(device)?.preferred.clone()
    }

    /// Gives a device the policy, and the path that it shall prefer. `VMW_PSP_FIXED` wants one in any case: where none is
    /// written, the path in use, or the best of those that work.
    pub(super) fn set_policy(
        &self,
        device: &NmpDevice,
        wanted: &DeviceState,
        working: &[&NmpPath],
    ) -> Option<Request> {
        let lun = self.luns.get(&device.id)?;
        let in_use = || working.iter().copied().filter(|path| device.paths_in_use.contains(&path.name));
        let best = || best_of(in_use()).or_else(|| best_of(working.iter().copied()));
        let path = wanted.preferred_path.clone().or_else(|| Some(best()?.name.clone()));
        let path = path.filter(|_| wanted.policy == FIXED);
        let path = path.map(|path| lun.names.get(&path).cloned().unwrap_or(path));
        let call = VsphereCall::set_multipath_lun_policy(
            self.reference.clone(),
            &lun.id,
            &wanted.policy,
            path.as_deref(),
        );
        let call = call.called(&Object::Is(self.reference.clone()), &self.host).of_disk(&device.id);
        Some(Request::Vsphere(Box::new(VsphereRequest::Call(call))))
    }
}

/// What to ask while the devices are not known yet.
pub(super) fn first_queries(spec: &EsxiPathPolicySpec, so_far: &Replies) -> Vec<Query> {
    let hosts = hosts_query();
    if !so_far.has(&hosts) {
        return vec![hosts];
    }
    let system = api::host(spec.esxi_host.as_deref(), so_far).and_then(|host| host.storage());
    system.iter().map(storage::query).collect()
}

/// Puts together what was answered. `Ok(None)`: not even the devices were asked.
pub(super) fn read(spec: &EsxiPathPolicySpec, replies: &Replies) -> Result<Option<Host>, ObserveError> {
    fits(spec)?;
    if !replies.has(&hosts_query()) {
        return Ok(None);
    }
    let host = api::host(spec.esxi_host.as_deref(), replies)?;
    let reference = host.storage()?;
    let query = storage::query(&reference);
    if !replies.has(&query) {
        return Ok(None);
    }
    let storage = replies.parsed(&query, storage::parse)?;
    let ApiHost { reference: of, name, .. } = &host;
    let system = System { reference, host: name.clone(), luns: Arc::clone(&storage.luns) };
    let users = replies.has(&users::query()).then(|| users::read(of, replies).map_err(|why| why.to_string()));
    Ok(Some(Host::of_api(system, &storage, users)))
}

/// The working paths of each device, counted in the answer to [`System::storage`].
pub(super) fn working_paths(
    request: &Request,
    replies: &Replies,
) -> Result<BTreeMap<String, u64>, ObserveError> {
    let storage = replies.parsed(&Query::reading(request.clone()), storage::parse)?;
    let mut counted: BTreeMap<String, u64> =
        storage.devices.iter().map(|device| (device.id.clone(), 0)).collect();
    for path in storage.paths.iter().filter(|path| path.works()) {
        *counted.entry(path.device.clone()).or_default() += 1;
    }
    Ok(counted)
}

/// The error where a spec wants what the API does not have.
fn fits(spec: &EsxiPathPolicySpec) -> Result<(), ObserveError> {
    let beyond = [
        ("roundRobin", spec.round_robin.is_some(), "the limits of round robin"),
        ("default", spec.default, "the defaults of array types"),
        ("rules", spec.rules.is_some(), "rules of array types"),
        ("resetToDefault", spec.reset_to_default, "giving a policy back"),
    ];
    if let Some((field, _, what)) = beyond.into_iter().find(|(_, written, _)| *written) {
        return Err(ObserveError::unfit(
            &[field],
            format!("the vSphere API has no way for {what}"),
            format!("use an `ssh` target for `{field}`, or take it away"),
        ));
    }
    match &spec.path_selection_policy {
        Some(policy) if !POLICIES.contains(&policy.as_str()) => Err(ObserveError::unfit(
            &["pathSelectionPolicy"],
            format!("the vSphere API does not take {policy}"),
            format!("use an `ssh` target for it, or write one of {}", POLICIES.join(", ")),
        )),
        _ => Ok(()),
    }
}
