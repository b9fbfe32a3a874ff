//! What a `HostStorageSystem` tells of devices and paths, in the terms of `esxcli`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Query, Reply, Request, VsphereRequest};

use crate::esxi::api;
use crate::esxi::reply::failure::{quote, unparsable};
use crate::esxi::reply::{NmpDevice, NmpPath, ScsiDevice, is_path};
use crate::vsphere::reply::{Fields, Retrieved};

const ADAPTERS: &str = "storageDeviceInfo.hostBusAdapter";
const MULTIPATH: &str = "storageDeviceInfo.multipathInfo";
/// Old hosts have none; their paths have runtime names.
const TOPOLOGY: &str = "storageDeviceInfo.plugStoreTopology";
const DISKS: &str = "storageDeviceInfo.scsiLun";

/// What a host tells.
#[derive(Debug)]
pub(in crate::esxi::paths) struct Storage {
    pub(in crate::esxi::paths) devices: Arc<Vec<NmpDevice>>,
    pub(in crate::esxi::paths) scsi: Arc<Vec<ScsiDevice>>,
    pub(in crate::esxi::paths) paths: Arc<Vec<NmpPath>>,
    pub(super) luns: Arc<BTreeMap<String, Lun>>,
}

/// What the API calls a device and its paths.
#[derive(Debug, Default)]
pub(super) struct Lun {
    /// Its id for `SetMultipathLunPolicy`.
    pub(super) id: String,
    /// The path that `VMW_PSP_FIXED` prefers, by its runtime name where that is known.
    pub(super) preferred: Option<String>,
    /// The names of paths, by their runtime names.
    pub(super) names: BTreeMap<String, String>,
}

pub(super) fn query(system: &Reference) -> Query {
    let paths = [ADAPTERS, MULTIPATH, TOPOLOGY, DISKS].map(str::to_owned);
    api::reading(VsphereRequest::Retrieve { objects: BTreeSet::from([system.clone()]), paths: paths.into() })
}

pub(super) fn parse(request: &Request, reply: &Reply) -> Result<Storage, ObserveError> {
    let read = Retrieved::parse(request, reply)?;
    let odd = |problem: &str| unparsable(request, problem);
    let [object] = read.objects.as_slice() else {
        return Err(odd("the host's storage is not there any more"));
    };
    let told = api::whole(request, object)?;
    let disks = told.each(DISKS).map(|disk| (disk.text("key"), disk)).collect();
    let host = Told { request, disks, runtime: runtime_names(told) };
    let units = told.map(MULTIPATH).ok_or_else(|| odd("it tells of no multipathing"))?;
    let (mut devices, mut scsi, mut paths, mut luns) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
    for unit in units.each("lun") {
        // Another plugin than the native one has claimed it.
        let Some(satp) = unit.map("storageArrayTypePolicy") else { continue };
        let disk = host.disk(unit)?;
        let device = host.device(unit, satp, disk)?;
        let (lun, ways) = host.lun(unit, &device)?;
        if luns.insert(device.id.clone(), lun).is_some() {
            return Err(unparsable(request, format!("{} is there twice", quote(&device.id))));
        }
        paths.extend(ways);
        let text = |field: &str| disk.text(field).trim().to_owned();
        let (vendor, model, is_local) = (text("vendor"), text("model"), text("localDisk").parse().ok());
        scsi.push(ScsiDevice { id: device.id.clone(), vendor, model, is_boot: None, is_local });
        devices.push(device);
    }
    if devices.is_empty() {
        return Err(odd("no disk of it has paths"));
    }
    let (devices, scsi, paths) = (Arc::new(devices), Arc::new(scsi), Arc::new(paths));
    Ok(Storage { devices, scsi, paths, luns: Arc::new(luns) })
}

/// What is needed to read a LUN.
struct Told<'a> {
    request: &'a Request,
    /// By their keys.
    disks: BTreeMap<&'a str, Fields<'a>>,
    /// The runtime names of paths.
    runtime: BTreeMap<String, String>,
}

impl<'a> Told<'a> {
    fn need(&self, of: Fields<'a>, field: &str) -> Result<String, ObserveError> {
        match of.text(field) {
            "" => Err(unparsable(self.request, format!("something has no `{field}`"))),
            text => Ok(text.to_owned()),
        }
    }

    /// What the SCSI layer tells of a LUN.
    fn disk(&self, unit: Fields<'a>) -> Result<Fields<'a>, ObserveError> {
        let problem = || format!("the disk of {} is missing in it", quote(unit.text("id")));
        let disk = self.disks.get(unit.text("lun")).copied();
        disk.ok_or_else(|| unparsable(self.request, problem()))
    }

    fn device(
        &self,
        unit: Fields<'a>,
        satp: Fields<'a>,
        disk: Fields<'a>,
    ) -> Result<NmpDevice, ObserveError> {
        let id = self.need(disk, "canonicalName")?;
        let policy = unit.map("policy");
        let policy =
            policy.ok_or_else(|| unparsable(self.request, format!("{} has no policy", quote(&id))))?;
        let in_use = unit.each("path").filter(|path| path.text("isWorkingPath") == "true");
        Ok(NmpDevice {
            display_name: disk.text("displayName").trim().to_owned(),
            satp: self.need(satp, "policy")?,
            psp: self.need(policy, "policy")?,
            config: String::new(),
            paths_in_use: in_use.map(|path| self.runtime_name(path.text("name"))).collect(),
            id,
        })
    }

    /// What the API calls a LUN, and its paths.
    fn lun(&self, unit: Fields<'a>, device: &NmpDevice) -> Result<(Lun, Vec<NmpPath>), ObserveError> {
        let mut lun = Lun { id: self.need(unit, "id")?, ..Lun::default() };
        let mut paths = Vec::new();
        for path in unit.each("path") {
            let own = self.need(path, "name")?;
            let name = self.runtime_name(&own);
            if lun.names.insert(name.clone(), own).is_some() {
                return Err(unparsable(self.request, format!("the path {} is there twice", quote(&name))));
            }
            // The older of the two is always there.
            let state = path.text("state").to_owned();
            let state = if state.is_empty() { self.need(path, "pathState")? } else { state };
            paths.push(NmpPath { name, device: device.id.clone(), state });
        }
        let preferred = unit.map("policy").map(|policy| policy.text("prefer")).unwrap_or_default();
        lun.preferred = Some(self.runtime_name(preferred)).filter(|path| !path.is_empty());
        Ok((lun, paths))
    }

    /// The path's own name where its runtime name is not known.
    fn runtime_name(&self, path: &str) -> String {
        self.runtime.get(path).cloned().unwrap_or_else(|| path.to_owned())
    }
}

/// Runtime names of paths, such as `vmhba2:C0:T1:L11`, by their own. Those whose own name is one already are not among
/// them, nor are those of which it cannot be told.
fn runtime_names(told: Fields<'_>) -> BTreeMap<String, String> {
    let Some(topology) = told.map(TOPOLOGY) else { return BTreeMap::new() };
    let adapters: BTreeMap<&str, &str> =
        told.each(ADAPTERS).map(|adapter| (adapter.text("key"), adapter.text("device"))).collect();
    let mut devices = BTreeMap::new();
    for adapter in topology.each("adapter") {
        if let Some(device) = adapters.get(adapter.text("adapter")) {
            devices.insert(adapter.text("key"), *device);
        }
    }
    let runtime = |path: Fields<'_>| {
        let adapter = devices.get(path.text("adapter"))?;
        let numbers = ["channelNumber", "targetNumber", "lunNumber"].map(|field| path.text(field));
        let [channel, target, lun] = numbers;
        let name = format!("{adapter}:C{channel}:T{target}:L{lun}");
        is_path(&name).then(|| (path.text("name").to_owned(), name))
    };
    let all = topology.each("path").filter(|path| !is_path(path.text("name")));
    all.filter_map(runtime).collect()
}
