//! Stores of files as targets: FTP, S3, Azure Blob, WebDAV. (SFTP is reached as SSH is; a folder on a machine is a
//! store, too.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An FTP server. Names in its answers are taken as UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FtpSpec {
    /// Host name or address.
    pub host: String,
    /// TCP port. Default: 21, with `tls: implicit` 990.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// User to log in as. Default: what the credential says under `user`, else `anonymous`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The credential that holds `password` (and perhaps `user`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// Whether the connection is encrypted. Default: `explicit`. With `none` the password and all data can be read and
    /// changed on the way.
    #[serde(default)]
    pub tls: FtpTls,
    /// SHA-256 of the server's certificate in hexadecimal, with or without colons: exactly this one is accepted, whoever
    /// signed it and whatever name it bears. For devices that sign their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// File with the certificates (PEM) that sign the server's. Default: those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A silent server is given up after this many seconds. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// How FTP is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FtpTls {
    /// The login asks for it (`AUTH TLS`); a server that does not offer it is an error.
    #[default]
    Explicit,
    /// From the first byte, on a port of its own.
    Implicit,
    /// Not at all.
    None,
}

/// A bucket that speaks S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Spec {
    /// The bucket.
    pub bucket: String,
    /// The server's URL. Default: Amazon's for the region. Over plain `http` the key signs and is not sent; a
    /// `sessionToken` is refused there unless the host is this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region. Default: `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The credential that holds `accessKeyId` and `secretAccessKey`, and perhaps `sessionToken`.
    pub credentials_ref: String,
    /// Name the bucket in the host (`https://BUCKET.host/`) and not in the path. Default: false with an `endpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_host_style: Option<bool>,
    /// File with the certificates (PEM) that sign the server's. Default: those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// A container of Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzblobSpec {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The service's URL. Default: `https://ACCOUNT.blob.core.windows.net`. Over plain `http` the account's key signs and
    /// is not sent; a `sasToken` is refused there unless the host is this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The credential that holds `accountKey` or `sasToken`.
    pub credentials_ref: String,
    /// File with the certificates (PEM) that sign the server's. Default: those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// A WebDAV server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebdavSpec {
    /// The URL of the folder that paths begin at. Plain `http` is refused with credentials unless the host is this
    /// machine.
    pub url: String,
    /// User to log in as. Default: what the credential says under `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The credential that holds `password` or `token` (and perhaps `user`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// File with the certificates (PEM) that sign the server's. Default: those that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// A Proxmox VE node or cluster, over its REST interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProxmoxSpec {
    /// Host name or address.
    pub host: String,
    /// TCP port. Default: 8006.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The API token's name: `user@realm!token`.
    pub token: String,
    /// The credential that holds the token's `secret`.
    pub credentials_ref: String,
    /// SHA-256 of the node's certificate in hexadecimal, with or without colons, as `pvenode cert info` shows it: exactly
    /// this one is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// File with the certificates (PEM) that sign the node's, such as the cluster's `pve-root-ca.pem`. Default: those
    /// that this machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// A call that takes longer than this many seconds is given up. Default: 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}
