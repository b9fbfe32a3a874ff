//! Where the values of a credential come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A credential that `credentialsRef` can name. Exactly one of the fields is given.
///
/// In manifests only `age`, `sops` (both without `identity`) and `vault` are taken. The others read the controller's
/// machine, and whoever can push could read it by them: they are for its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretSpec {
    /// Keys of the credential (`password`, `privateKey`, `token`, …), each with the name of an environment variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvironmentSource>,
    /// Keys of the credential, each with the path of a file that only its owner can read. A last newline is not part
    /// of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSource>,
    /// Keys of the credential, each with a program and its arguments as a list; what it prints is the value. No shell
    /// is involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandSource>,
    /// A file encrypted with age, in the repository or beside the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<AgeSource>,
    /// A YAML or JSON file encrypted with SOPS for age recipients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sops: Option<SopsSource>,
    /// A secret in Vault's (or OpenBao's) key-value store, version 2 or 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultSource>,
}

/// Keys of the credential, each with the name of an environment variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EnvironmentSource(pub BTreeMap<String, String>);

/// Keys of the credential (`password`, `privateKey`, …), each with the path of a file. A last newline is not part of
/// the value. A file that others can read is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FileSource(pub BTreeMap<String, String>);

/// Keys of the credential, each with a program and its arguments; what it prints is the value. No shell is involved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommandSource(pub BTreeMap<String, Vec<String>>);

/// A file encrypted with age: a YAML mapping of keys to values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgeSource {
    /// The file, relative to the file that this stands in.
    pub path: String,
    /// File with the identity (`AGE-SECRET-KEY-…`) on the controller's machine. Default: the controller's `ageIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// A file encrypted with SOPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SopsSource {
    /// The file, relative to the file that this stands in.
    pub path: String,
    /// File with the age identity on the controller's machine. Default: the controller's `ageIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Dotted path to the mapping inside the file that holds the keys. Default: the file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A secret in Vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultSource {
    /// The server, for instance `https://vault.example:8200`.
    pub address: String,
    /// Where the key-value store is mounted. Default: `secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// The path of the secret.
    pub path: String,
    /// 1 or 2. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u8>,
    /// The credential whose `token` is used. Default: the environment variable `VAULT_TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// File with the certificate authorities to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}
