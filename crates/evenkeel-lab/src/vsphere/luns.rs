//! Disks with several paths, as a host's `HostStorageSystem` tells of them, and their policies.

use evenkeel_core::request::vsphere::VsphereCall;
use serde_json::{Value, json};

use super::Vcenter;
use super::calls::text;
use super::fault::Refusal;

const FIXED: &str = "VMW_PSP_FIXED";
const POLICIES: [&str; 3] = [FIXED, "VMW_PSP_RR", "VMW_PSP_MRU"];

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lun {
    /// `naa.6005…`
    pub id: String,
    /// The SCSI vendor.
    pub vendor: String,
    /// The SCSI model.
    pub model: String,
    /// The array type; `None` where another plugin has claimed it.
    pub satp: Option<String>,
    /// The path selection policy.
    pub policy: String,
    /// The name of the path that `VMW_PSP_FIXED` prefers.
    pub prefer: Option<String>,
    /// Its paths.
    pub paths: Vec<Path>,
    /// It is in the host itself.
    pub is_local: bool,
}

/// A path to a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// `vmhba2:C0:T1:L11`
    pub runtime: String,
    /// `active`, `standby`, `disabled`, `dead` or `unknown`.
    pub state: String,
}

impl Path {
    /// Its name, which is another than the runtime name.
    fn name(&self, disk: &str) -> String {
        format!("fc.{}-{disk}", self.runtime.replace(':', "."))
    }

    fn works(&self) -> bool {
        ["active", "standby"].contains(&self.state.as_str())
    }

    fn part(&self, number: usize) -> &str {
        self.runtime.split(':').nth(number).unwrap_or_default()
    }
}

impl Lun {
    /// A disk of an array of this type, with all of these paths active, and the first one preferred.
    pub fn new(id: &str, satp: &str, paths: &[String]) -> Self {
        let path = |runtime: &String| Path { runtime: runtime.clone(), state: "active".to_owned() };
        let paths: Vec<Path> = paths.iter().map(path).collect();
        Lun {
            id: id.to_owned(),
            vendor: "IBM".to_owned(),
            model: "2145".to_owned(),
            satp: Some(satp.to_owned()),
            policy: FIXED.to_owned(),
            prefer: paths.first().map(|path| path.name(id)),
            paths,
            is_local: false,
        }
    }

    /// Gives it a policy by hand. `VMW_PSP_FIXED` prefers the first path.
    pub fn set_by_hand(&mut self, policy: &str) {
        policy.clone_into(&mut self.policy);
        let first = self.paths.first().map(|path| path.name(&self.id));
        self.prefer = first.filter(|_| policy == FIXED);
    }

    /// What the API calls it.
    fn lun_id(&self) -> String {
        format!("0200{}", self.id.replace("naa.", ""))
    }

    /// The paths that are in use.
    fn in_use(&self) -> Vec<&Path> {
        let mut working: Vec<&Path> = self.paths.iter().filter(|path| path.works()).collect();
        if self.policy != "VMW_PSP_RR" {
            working.truncate(1);
        }
        working
    }

    fn disk(&self) -> Value {
        json!({
            "_type": "HostScsiDisk",
            "key": format!("key-vim.host.ScsiDisk-{}", self.lun_id()),
            "uuid": self.lun_id(),
            "canonicalName": self.id,
            "displayName": format!("{} Fibre Channel Disk ({})", self.vendor, self.id),
            "lunType": "disk",
            "vendor": format!("{:8}", self.vendor),
            "model": format!("{:16}", self.model),
            "localDisk": self.is_local.to_string(),
            "operationalState": ["ok"],
        })
    }

    fn unit(&self) -> Value {
        let in_use = self.in_use();
        let path = |path: &Path| {
            json!({
                "key": format!("key-vim.host.MultipathInfo.Path-{}", path.name(&self.id)),
                "name": path.name(&self.id),
                "pathState": path.state,
                "state": path.state,
                "isWorkingPath": in_use.contains(&path).to_string(),
                "adapter": format!("key-vim.host.FibreChannelHba-{}", path.part(0)),
            })
        };
        let mut policy = json!({ "policy": self.policy });
        if let (Some(prefer), Some(fields)) = (&self.prefer, policy.as_object_mut()) {
            fields.insert("_type".to_owned(), json!("HostMultipathInfoFixedLogicalUnitPolicy"));
            fields.insert("prefer".to_owned(), json!(prefer));
        }
        let mut unit = json!({
            "key": format!("key-vim.host.MultipathInfo.LogicalUnit-{}", self.lun_id()),
            "id": self.lun_id(),
            "lun": format!("key-vim.host.ScsiDisk-{}", self.lun_id()),
            "path": self.paths.iter().map(path).collect::<Vec<_>>(),
            "policy": policy,
        });
        if let (Some(satp), Some(fields)) = (&self.satp, unit.as_object_mut()) {
            fields.insert("storageArrayTypePolicy".to_owned(), json!({ "policy": satp }));
        }
        unit
    }

    /// Its paths in the topology.
    fn topology(&self) -> impl Iterator<Item = Value> {
        self.paths.iter().map(|path| {
            json!({
                "key": format!("key-vim.host.PlugStoreTopology.Path-{}", path.name(&self.id)),
                "name": path.name(&self.id),
                "adapter": format!("key-vim.host.PlugStoreTopology.Adapter-{}", path.part(0)),
                "channelNumber": path.part(1).trim_start_matches('C'),
                "targetNumber": path.part(2).trim_start_matches('T'),
                "lunNumber": path.part(3).trim_start_matches('L'),
            })
        })
    }
}

impl Vcenter {
    /// A property of a host's `HostStorageSystem`.
    pub(super) fn of_storage(&self, system: &str, path: &str) -> Option<Value> {
        let host = self.host_of(system)?;
        let luns = self.luns.get(&host).map(Vec::as_slice).unwrap_or_default();
        let mut adapters: Vec<&str> =
            luns.iter().flat_map(|lun| &lun.paths).map(|path| path.part(0)).collect();
        adapters.sort_unstable();
        adapters.dedup();
        let adapter = |name: &&str| {
            let key = format!("key-vim.host.FibreChannelHba-{name}");
            json!({ "_type": "HostFibreChannelHba", "key": key, "device": name })
        };
        let plugged = |name: &&str| {
            json!({
                "key": format!("key-vim.host.PlugStoreTopology.Adapter-{name}"),
                "adapter": format!("key-vim.host.FibreChannelHba-{name}"),
            })
        };
        Some(match path {
            "storageDeviceInfo.hostBusAdapter" => adapters.iter().map(adapter).collect(),
            "storageDeviceInfo.scsiLun" => luns.iter().map(Lun::disk).collect(),
            "storageDeviceInfo.multipathInfo" => json!({
                "_type": "HostMultipathInfo",
                "lun": luns.iter().map(Lun::unit).collect::<Vec<_>>(),
            }),
            "storageDeviceInfo.plugStoreTopology" => json!({
                "_type": "HostPlugStoreTopology",
                "adapter": adapters.iter().map(plugged).collect::<Vec<_>>(),
                "path": luns.iter().flat_map(Lun::topology).collect::<Vec<_>>(),
            }),
            _ => return None,
        })
    }

    pub(super) fn set_lun_policy(&mut self, system: &str, call: &VsphereCall) -> Result<(), Refusal> {
        let (id, policy) = (text(call, &["lunId"]), text(call, &["policy", "policy"]));
        let luns = self.host_of(system).and_then(|host| self.luns.get_mut(&host));
        let lun = luns.into_iter().flatten().find(|lun| lun.lun_id() == id);
        let lun = lun.ok_or_else(|| Refusal::fault("NotFound", "There is no such logical unit"))?;
        let invalid = |field: &str| {
            Refusal::about(
                "InvalidArgument",
                "A parameter is not correct",
                &json!({ "invalidProperty": field }),
            )
        };
        if !POLICIES.contains(&policy) {
            return Err(invalid("policy.policy"));
        }
        let prefer =
            call.argument(&["policy", "prefer"]).map(|_| text(call, &["policy", "prefer"]).to_owned());
        let is_path = |name: &String| lun.paths.iter().any(|path| path.name(&lun.id) == *name);
        // What fixed prefers has to be one of its paths, and nothing else prefers any.
        if prefer.is_some() != (policy == FIXED) || !prefer.iter().all(is_path) {
            return Err(invalid("policy.prefer"));
        }
        if lun.is_local && policy == "VMW_PSP_RR" {
            return Err(Refusal::fault("HostConfigFault", "The policy is not supported for the device"));
        }
        policy.clone_into(&mut lun.policy);
        lun.prefer = prefer;
        Ok(())
    }
}
