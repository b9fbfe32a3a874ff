//! What people write of an NFS datastore.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::esxi::names::Names;

/// An NFS datastore of an ESX or ESXi host.
///
/// Nothing of a datastore can be changed while it is mounted: where its host, share, version or `readOnly` differ, it is
/// unmounted and mounted again. That is never done while virtual machines are registered on it. A datastore that its
/// server does not answer for is told of, and never mounted again for that. Evenkeel never removes a datastore that left
/// the manifests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EsxiNfsDatastoreSpec {
    /// Which ESXi host, where the target is a vCenter with several: its name as the vCenter shows it. Only for targets
    /// with `vsphere`.
    #[serde(default)]
    pub esxi_host: Option<String>,
    /// The datastore's name on the host, at most 42 characters.
    pub name: String,
    /// The server: a name or an address. With version 4.1 a list of them, for several ways to one server. Every host
    /// should have it written the same way, since vCenter tells datastores apart by it.
    pub host: Names,
    /// What the server exports: `/POOL1/nfs`.
    pub share: String,
    /// Mount it for reading only. ESX and ESXi 4.x cannot.
    #[serde(default)]
    pub read_only: bool,
    /// The version of NFS: `3` or `4.1` (ESXi 6.0 or later). A server should offer a share in one of them only.
    #[serde(default)]
    pub version: NfsVersion,
}

impl EsxiNfsDatastoreSpec {
    /// The server's names, each once. Names of hosts do not differ in case.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        self.host.iter().map(str::to_ascii_lowercase).collect()
    }
}

/// A version of NFS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NfsVersion {
    /// NFS 3.
    #[default]
    #[serde(rename = "3")]
    V3,
    /// NFS 4.1.
    #[serde(rename = "4.1")]
    V41,
}

/// Written with or without quotes.
impl JsonSchema for NfsVersion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NfsVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [3, "3", 4.1, "4.1"] })
    }
}
