//! What people write of a template that is built on Proxmox VE.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::containers::spec::{Output, Provision, Refresh, yes};

/// A container template of Proxmox VE: built from another in a scratch container, packed, checked, and put into the storage
/// that containers are created from.
///
/// Its record, `<archive>.json`, tells of what it was made. Where the recipe, the base and the period of `refresh` are those
/// of the newest version there is nothing to do; else a new version is built beside it. A template that Evenkeel did not make
/// is never overwritten.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LxcTemplateSpec {
    /// What, of what, and how.
    pub lxc: LxcSettings,
}

/// What is built, of what, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LxcSettings {
    /// The storage with the base, that gets the template. Default: `local`.
    #[serde(default = "local")]
    pub storage: String,
    /// The template that it is made of, a file of that storage: `debian-12-standard_12.7-1_amd64.tar.zst`.
    pub base: String,
    /// What it is called.
    pub output: Output,
    /// How it is packed. Default: what the release of Proxmox VE lists that packs best: `zst` from 7 on, else `xz`.
    #[serde(default)]
    pub compression: Option<Compression>,
    /// The scratch container that it is built in.
    pub build: LxcBuild,
    /// What is put into it.
    #[serde(default)]
    pub provision: Provision,
    /// Whether caches, identities, logs and other traces of the build are taken away before it is packed. Default: true.
    #[serde(default = "yes")]
    pub cleanup: bool,
    /// When it is built anew though its recipe is the same. Default: never.
    #[serde(default)]
    pub refresh: Option<Refresh>,
    /// How many older versions are kept besides the newest. Default: 1.
    #[serde(default)]
    pub keep: Option<u32>,
    /// The nodes that the newest version is sent to, by the names of their targets; into their storage of the same name. Not
    /// needed where the storage is a shared one: one node alone builds for all then.
    #[serde(default)]
    pub publish: Vec<String>,
}

fn local() -> String {
    "local".to_owned()
}

/// How a template is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By `zstd`.
    Zst,
    /// By `xz`.
    Xz,
    /// By `gzip`.
    Gz,
}

/// The scratch container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LxcBuild {
    /// Its id, which no other guest of the cluster has; at least 100.
    pub vmid: u32,
    /// The storage of its disk: `local-lvm`.
    pub storage: String,
    /// The size of its disk in GiB. Default: 8.
    #[serde(default = "eight")]
    pub size: u32,
    /// Its memory in MiB. Default: that of Proxmox VE, 512.
    #[serde(default)]
    pub memory: Option<u32>,
    /// How many cores it may use. Default: all.
    #[serde(default)]
    pub cores: Option<u32>,
    /// Whether its root is an unprivileged user of the node. Default: true.
    #[serde(default = "yes")]
    pub unprivileged: bool,
    /// The bridge that it is connected to: `vmbr0`. Without one it has no network.
    #[serde(default)]
    pub bridge: Option<String>,
    /// Its IPv4 address, `192.168.35.240/24`, or `dhcp`. Default with a bridge: `dhcp`.
    #[serde(default)]
    pub address: Option<String>,
    /// The gateway of a fixed address.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Its name server. Default: those of the node.
    #[serde(default)]
    pub nameserver: Option<String>,
    /// The VLAN that it is in, 1 to 4094. Default: none.
    #[serde(default)]
    pub vlan: Option<u32>,
}

fn eight() -> u32 {
    8
}
