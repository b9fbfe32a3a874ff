//! What people write of path policies.

use schemars::JsonSchema;

use crate::esxi::Names;

/// How an ESX or ESXi host uses the paths to its disks: the path selection policy of devices, the default of array
/// types, and the rules by which array types claim devices. For native multipathing (NMP), from ESX 4 to ESXi 8.
///
/// Devices are changed one at a time. After each, the host's working paths are counted again; where they have become
/// fewer, nothing more is sent to that host.
///
/// Over the vSphere API (a target with `vsphere`) there are the policies `VMW_PSP_RR`, `VMW_PSP_FIXED` and `VMW_PSP_MRU` of
/// devices and `preferredPath`; the API has no `roundRobin`, `default`, `rules` and `resetToDefault`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EsxiPathPolicySpec {
    /// Which host, where the target is a vCenter with several: its name as the vCenter shows it. Only for targets with
    /// `vsphere`.
    #[serde(default)]
    pub esxi_host: Option<String>,
    /// Which disks. May be left out where only `rules` are wanted.
    #[serde(default)]
    pub devices: Option<Devices>,
    /// How the host chooses among the paths to each of them: `VMW_PSP_RR` (all in turn), `VMW_PSP_FIXED` (a preferred
    /// one), `VMW_PSP_MRU` (the one used last), or a policy of another vendor that the host knows.
    #[serde(default)]
    pub path_selection_policy: Option<String>,
    /// When `VMW_PSP_RR` goes on to the next path. Not written: left as it is.
    #[serde(default)]
    pub round_robin: Option<RoundRobin>,
    /// With `VMW_PSP_FIXED`: the path that is used as long as it works, as a runtime name such as `vmhba2:C0:T1:L11`, or the
    /// beginning of one by whole parts (`vmhba2`, `vmhba2:C0:T1`). Where several working paths begin so, one that is
    /// preferred already stays, else the first is taken. Not written: left as it is.
    #[serde(default)]
    pub preferred_path: Option<String>,
    /// Make `pathSelectionPolicy` the default of the array types in `devices.satp`, too, so that disks that appear
    /// later have it. It holds for every disk of such an array type, whatever its vendor; a rule is narrower. Disks that
    /// are there follow it only when they are reclaimed or the host restarts. Default: false, the default is left alone.
    #[serde(default)]
    pub default: bool,
    /// Rules by which array types claim disks that appear later. A rule is known by what it matches; one that the host
    /// has, from its maker or from anybody else, is not added again where it gives what is wanted. Rules that Evenkeel
    /// added for this resource and that are not written any more are removed (an empty list removes them all); no other rule is
    /// ever removed. Not written: rules are left alone.
    #[serde(default)]
    pub rules: Option<Vec<Rule>>,
    /// A disk with fewer working paths is not changed. Default: 2.
    #[serde(default = "two")]
    pub min_working_paths: u32,
    /// Give back the policy that was set on each of `devices`, so that it follows its array type's default and the rules
    /// again. Stands alone: without `pathSelectionPolicy`, `roundRobin`, `preferredPath`, `default` and `rules`.
    /// Default: false.
    #[serde(default)]
    pub reset_to_default: bool,
}

fn two() -> u32 {
    2
}

impl Default for EsxiPathPolicySpec {
    fn default() -> Self {
        EsxiPathPolicySpec {
            esxi_host: None,
            devices: None,
            path_selection_policy: None,
            round_robin: None,
            preferred_path: None,
            default: false,
            rules: None,
            min_working_paths: two(),
            reset_to_default: false,
        }
    }
}

/// Which disks: those that fit all of `satp`, `vendor`, `model` and `namePrefix` that are written, and those of `ids`,
/// without those of `exclude`. Local disks and the disk that the host boots from are only taken where `ids` names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    /// The storage array type that claimed the disk: `VMW_SATP_SVC`. One, or a list.
    #[serde(default)]
    pub satp: Names,
    /// The SCSI vendor: `IBM`. One, or a list.
    #[serde(default)]
    pub vendor: Names,
    /// The SCSI model: `2145`. One, or a list.
    #[serde(default)]
    pub model: Names,
    /// What the disk's id begins with: `naa.600507`. One, or a list.
    #[serde(default)]
    pub name_prefix: Names,
    /// Disks by their ids: `naa.60050768018105e9d80000000000002d`. They need not fit the others.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Disks that are left alone, even where `ids` names them.
    #[serde(default)]
    pub exclude: Exclude,
}

/// Disks that are left alone: those that fit any of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exclude {
    /// Disks by their ids.
    #[serde(default)]
    pub ids: Vec<String>,
    /// The storage array type. One, or a list.
    #[serde(default)]
    pub satp: Names,
    /// The SCSI vendor. One, or a list.
    #[serde(default)]
    pub vendor: Names,
    /// The SCSI model. One, or a list.
    #[serde(default)]
    pub model: Names,
    /// What the disk's id begins with. One, or a list.
    #[serde(default)]
    pub name_prefix: Names,
}

/// When round robin goes on to the next path: exactly one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoundRobin {
    /// After so many I/O operations: 1 to 10000.
    #[serde(default)]
    pub iops: Option<u64>,
    /// After so many bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// By how long the paths take to answer (from ESXi 6.7).
    #[serde(default)]
    pub latency: Option<Latency>,
}

/// How the latency of paths is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// How many I/O operations on each path are measured. Default: 16.
    #[serde(default = "Latency::sampling_ios")]
    pub sampling_ios: u64,
    /// How often, in milliseconds. Default: 180000.
    #[serde(default = "Latency::interval")]
    pub interval_milliseconds: u64,
}

impl Latency {
    fn sampling_ios() -> u64 {
        16
    }

    fn interval() -> u64 {
        180_000
    }
}

/// A rule by which an array type claims disks: what it matches (`vendor`, `model`, `transport`, `driver`,
/// `claimOptions`; at least one) and what it gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The array type that claims: `VMW_SATP_ALUA`.
    pub satp: String,
    /// The SCSI vendor: `PURE`.
    #[serde(default)]
    pub vendor: Option<String>,
    /// The SCSI model: `FlashArray`.
    #[serde(default)]
    pub model: Option<String>,
    /// The transport: `fc`, `iscsi`.
    #[serde(default)]
    pub transport: Option<String>,
    /// The driver of the adapter.
    #[serde(default)]
    pub driver: Option<String>,
    /// What must hold of the disk: `tpgs_on`.
    #[serde(default)]
    pub claim_options: Option<String>,
    /// Options that the array type gets: `reset_on_attempted_reserve`.
    #[serde(default)]
    pub options: Option<String>,
    /// The policy of the disks that it claims. Default: that of the array type.
    #[serde(default)]
    pub path_selection_policy: Option<String>,
    /// Options of that policy: `iops=1`.
    #[serde(default)]
    pub path_selection_options: Option<String>,
    /// Words for people. They stand in the host's list of rules, behind Evenkeel's mark.
    #[serde(default)]
    pub description: Option<String>,
}
