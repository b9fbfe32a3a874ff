//! What was read of a host, put together.

use std::collections::HashMap;
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies, Request};
use evenkeel_core::target::Way;

use super::access::Access;
use super::api::{self, Storage, System};
use super::spec::EsxiPathPolicySpec;
use crate::esxi::api::is_of_a_server;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::failure::{is_unknown_command, unparsable};
use crate::esxi::reply::{self, ClaimRule, Extent, NmpDevice, NmpPath, RunningVm, Satp, ScsiDevice};

/// What was read of a host. What was not asked is `None`.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) access: Access,
    /// In the order of the host's list.
    pub(super) devices: Arc<Vec<NmpDevice>>,
    pub(super) satps: Option<Arc<Vec<Satp>>>,
    pub(super) rules: Option<Arc<Vec<ClaimRule>>>,
    scsi: Option<Arc<Vec<ScsiDevice>>>,
    /// True where an old host has no command that tells, and can do without.
    lacks_scsi: bool,
    paths: Option<Arc<Vec<NmpPath>>>,
    /// Datastores on devices and virtual machines that run; or why they are not known.
    pub(super) users: Option<Result<Users, String>>,
}

/// What stands on the host's disks.
#[derive(Debug, Clone)]
pub(super) struct Users {
    pub(super) extents: Arc<Vec<Extent>>,
    pub(super) vms: Arc<Vec<RunningVm>>,
}

/// What to read in the first round, before anything is known of the host but perhaps its dialect.
pub(super) fn first_reads(spec: &EsxiPathPolicySpec, dialect: Dialect) -> Vec<Request> {
    let mut reads = vec![dialect.device_list()];
    if spec.default || spec.reset_to_default {
        reads.push(dialect.satp_list());
    }
    if spec.rules.is_some() || spec.reset_to_default {
        reads.push(dialect.rule_list());
    }
    if needs_vendors(spec) {
        reads.push(dialect.scsi_list());
    }
    reads
}

/// True where the selection depends on what the SCSI layer tells.
pub(super) fn needs_vendors(spec: &EsxiPathPolicySpec) -> bool {
    spec.devices.as_ref().is_some_and(|devices| {
        let names = [&devices.vendor, &devices.model, &devices.exclude.vendor, &devices.exclude.model];
        names.iter().any(|names| !names.is_empty())
    })
}

impl Host {
    /// Puts together what was answered. `Ok(None)`: not even its devices were asked.
    pub(super) fn read(spec: &EsxiPathPolicySpec, replies: &Replies) -> Result<Option<Self>, ObserveError> {
        if replies.way() == Way::Vsphere {
            return api::read(spec, replies);
        }
        is_of_a_server(spec.esxi_host.as_deref(), replies)?;
        let Some(dialect) = Dialect::of(replies)? else { return Ok(None) };
        let asked = |request: &Request| replies.has(&Query::reading(request.clone()));
        if !asked(&dialect.device_list()) {
            return Ok(None);
        }
        let devices = reply::devices(replies, &dialect.device_list())?;
        let wanted = first_reads(spec, dialect);
        // What another resource asked for and this one can do without may have failed.
        let needs = |request: &Request| wanted.contains(request);
        let optional = |request: Request| asked(&request).then_some(request);
        let satps = optional(dialect.satp_list()).map(|request| reply::satps(replies, &request));
        let rules =
            optional(dialect.rule_list()).filter(needs).map(|request| reply::rules(replies, &request));
        let scsi = optional(dialect.scsi_list()).map(|request| reply::scsi_devices(replies, &request));
        // ESX 4 tells of no boot device anyway. One that has the command and fails at it could tell which disks are local.
        let has_no_such =
            |request: Request| replies.get(&Query::reading(request)).is_ok_and(is_unknown_command);
        let lacks_scsi = dialect == Dialect::Four && !needs_vendors(spec) && has_no_such(dialect.scsi_list());
        let paths = optional(dialect.path_list()).map(|request| reply::paths(replies, &request));
        let users = (asked(&dialect.extent_list()) && asked(&dialect.vm_list())).then(|| {
            let extents = reply::extents(replies, &dialect.extent_list()).map_err(|e| e.to_string())?;
            let vms = reply::running_vms(replies, &dialect.vm_list()).map_err(|e| e.to_string())?;
            Ok(Users { extents, vms })
        });
        Ok(Some(Host {
            access: Access::Commands(dialect),
            devices,
            satps: satps.transpose()?,
            rules: rules.transpose()?,
            scsi: scsi.filter(|_| !lacks_scsi).transpose()?,
            lacks_scsi,
            paths: paths.transpose()?,
            users,
        }))
    }

    /// A host that was read over the API.
    pub(super) fn of_api(system: System, storage: &Storage, users: Option<Result<Users, String>>) -> Self {
        Host {
            access: Access::Api(system),
            devices: Arc::clone(&storage.devices),
            satps: None,
            rules: None,
            scsi: Some(Arc::clone(&storage.scsi)),
            lacks_scsi: false,
            paths: Some(Arc::clone(&storage.paths)),
            users,
        }
    }

    /// A host of which everything is known.
    #[cfg(test)]
    pub(super) fn of_tests(
        dialect: Dialect,
        devices: Vec<NmpDevice>,
        satps: Vec<Satp>,
        rules: Vec<ClaimRule>,
        scsi: Vec<ScsiDevice>,
        paths: Vec<NmpPath>,
    ) -> Self {
        Host {
            access: Access::Commands(dialect),
            devices: Arc::new(devices),
            satps: Some(Arc::new(satps)),
            rules: Some(Arc::new(rules)),
            scsi: Some(Arc::new(scsi)),
            lacks_scsi: false,
            paths: Some(Arc::new(paths)),
            users: None,
        }
    }

    /// True where it was asked what the SCSI layer tells: vendors, and which disks are local or booted from.
    pub(super) fn knows_scsi(&self) -> bool {
        self.scsi.is_some() || self.lacks_scsi
    }

    /// True where the SCSI layer tells from which disk the host boots. ESX 4 does not, nor does early ESXi 5.
    pub(super) fn tells_boot_disk(&self) -> bool {
        self.scsi.iter().flat_map(|all| all.iter()).any(|device| device.is_boot.is_some())
    }

    /// What the SCSI layer tells, by id; `None` where it was not asked.
    pub(super) fn scsi(&self) -> Option<HashMap<&str, &ScsiDevice>> {
        let scsi = self.scsi.as_ref()?;
        Some(scsi.iter().map(|device| (device.id.as_str(), device)).collect())
    }

    /// The error for a device of which the SCSI layer does not tell, though it tells of others.
    pub(super) fn unknown_to_scsi(&self, id: &str) -> ObserveError {
        unparsable(&self.access.scsi_list(), format!("the device {id} is missing in it"))
    }

    /// The paths that work, by device; `None` where it was not asked for them.
    pub(super) fn working_paths(&self) -> Option<HashMap<&str, Vec<&NmpPath>>> {
        let paths = self.paths.as_ref()?;
        let mut found: HashMap<&str, Vec<&NmpPath>> = HashMap::new();
        for path in paths.iter().filter(|path| path.works()) {
            found.entry(&path.device).or_default().push(path);
        }
        Some(found)
    }

    /// The policy that devices of an array type have where nothing else says one.
    pub(super) fn default_policy(&self, satp: &str) -> Option<&str> {
        let satp = self.satps.as_ref()?.iter().find(|known| known.name == satp)?;
        Some(&satp.default_psp)
    }
}

/// The display name without the id behind it: `IBM Fibre Channel Disk`.
pub(super) fn short_name(device: &NmpDevice) -> &str {
    let bare = device.display_name.strip_suffix(')').and_then(|name| name.strip_suffix(device.id.as_str()));
    bare.and_then(|name| name.strip_suffix('(')).map_or(device.display_name.as_str(), str::trim_end)
}

/// `naa.6005… (IBM Fibre Channel Disk)`, so many as can be read at a glance.
pub(super) fn name_some<'a>(devices: impl IntoIterator<Item = &'a NmpDevice>, most: usize) -> String {
    let all: Vec<&NmpDevice> = devices.into_iter().collect();
    let mut names: Vec<String> =
        all.iter().take(most).map(|device| format!("{} ({})", device.id, short_name(device))).collect();
    if all.len() > most {
        names.push(format!("and {} more", all.len() - most));
    }
    names.join(", ")
}
