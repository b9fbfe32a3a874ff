//! How a vCenter or an ESXi host is reached over the vSphere API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the API is unless the settings say otherwise.
const PORT: u16 = 443;

/// A vCenter, or an ESXi host that no vCenter manages, over the vSphere API (`https://host/sdk`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VsphereSpec {
    /// Host name or address, as its certificate names it.
    pub host: String,
    /// TCP port. Default: 443.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The credential that holds `password` (and perhaps `username`).
    pub credentials_ref: String,
    /// User to log in as: `backup@vsphere.local`. Default: what the credential says under `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// SHA-256 of the server's certificate in hexadecimal, with or without colons: exactly this one is accepted, whoever
    /// signed it and whatever name it bears. Not the SHA-1 thumbprint that vSphere's own tools show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// File with the certificates (PEM) that sign the server's: a vCenter offers its own for download at `https://host/`.
    /// Default: those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A call that takes longer than this many seconds is given up; a task that it began has the time that it needs.
    /// Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

impl VsphereSpec {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(PORT)
    }

    /// The server, as far as its settings tell.
    pub(super) fn address(&self) -> String {
        format!("vsphere {}:{}", self.host.to_ascii_lowercase(), self.port())
    }
}
