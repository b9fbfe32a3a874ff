//! What people write for a template on an Incus server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::spec::{Provision, Refresh, yes};

/// An image on an Incus server, made of another one and a recipe.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncusTemplateSpec {
    /// What is made, of what, and how.
    pub incus: IncusTemplate,
}

/// What is made, of what, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncusTemplate {
    /// What it is made of: an alias on the server, or the first digits of a fingerprint, at least eight. Another image under
    /// the alias makes a new template.
    pub base: String,
    /// What it is called.
    pub output: IncusOutput,
    /// The scratch container that it is made in.
    #[serde(default)]
    pub build: IncusBuild,
    /// What is put into it.
    #[serde(default)]
    pub provision: Provision,
    /// Whether what does not belong into a template is taken away at the end: caches, logs, keys. Default: true.
    #[serde(default = "yes")]
    pub cleanup: bool,
    /// When it is built anew though the recipe is the same. Default: never.
    #[serde(default)]
    pub refresh: Option<Refresh>,
    /// How many older versions are kept besides the newest. Default: 1, where the version has a name of its own.
    #[serde(default)]
    pub keep: Option<u32>,
}

/// What the image is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IncusOutput {
    /// The alias that leads to the newest version: `debian-12-web`. Each version has an alias of its own, too:
    /// `debian-12-web/20261121`.
    pub alias: String,
    /// The version. In it stands `{yyyyMMdd}` for the day (UTC) that it is built on, and `{digest}` for the first eight digits
    /// of the digest of all that it is made of. One of these is needed where older versions are kept.
    pub version: String,
    /// The image's property `os`: `Debian`. Default: that of the base.
    #[serde(default)]
    pub distribution: Option<String>,
    /// The image's property `release`: `bookworm`. Default: that of the base.
    #[serde(default)]
    pub release: Option<String>,
    /// The image's property `description`. Default: alias and version.
    #[serde(default)]
    pub description: Option<String>,
    /// How the image is compressed. Default: `gzip`.
    #[serde(default)]
    pub compression: Compression,
}

/// How an image is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Compression {
    /// By `gzip`, which every server has.
    #[default]
    Gzip,
    /// By `zstd`.
    Zstd,
    /// By `xz`.
    Xz,
    /// Not at all.
    None,
}

/// The scratch container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IncusBuild {
    /// Its name. Default: `evenkeel-build-` and the alias.
    pub name: Option<String>,
    /// The storage pool that it is in. Default: `default`.
    pub storage: String,
    /// The size of its root disk: `4GiB`. Default: as the pool has it.
    pub size: Option<String>,
    /// The network that it is put into: one of the server's, or a bridge of the machine. Default: none.
    pub network: Option<String>,
    /// Its IPv4 address, in one of the server's own networks: `10.0.0.9`. Default: as the network gives it.
    pub address: Option<String>,
    /// What it may use.
    pub limits: IncusLimits,
}

impl Default for IncusBuild {
    fn default() -> Self {
        IncusBuild {
            name: None,
            storage: "default".to_owned(),
            size: None,
            network: None,
            address: None,
            limits: IncusLimits::default(),
        }
    }
}

/// What the scratch container may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IncusLimits {
    /// Memory: `1GiB`. Default: no limit.
    pub memory: Option<String>,
    /// Processors: 2. Default: all.
    pub cpu: Option<u32>,
}

impl IncusTemplate {
    /// The name of the scratch container.
    pub(super) fn scratch(&self) -> String {
        if let Some(name) = &self.build.name {
            return name.clone();
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = format!("evenkeel-build-{}", self.output.alias).chars().map(plain).collect();
        let short: String = name.chars().take(63).collect();
        short.trim_end_matches('-').to_owned()
    }

    /// The name of a version, with what stands in braces in it not yet replaced.
    pub(super) fn version(&self) -> String {
        format!("{}/{}", self.output.alias, self.output.version)
    }
}
