//! The parts of a template's name.

use schemars::JsonSchema;
use serde::Deserialize;

/// What the template is called: `DISTRIBUTION-RELEASE-FLAVOR_VERSION_ARCH`, as Proxmox VE wants it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// The distribution in lower case: `scientific`, `debian`. No `-` and no `_` in it.
    pub distribution: String,
    /// Its release: `"6"`, `"12"`, `stable`. No `-` and no `_` in it.
    pub release: String,
    /// What it is made for: `standard`, `web`. No `_` in it.
    pub flavor: String,
    /// The template's own version, no `_` in it: `6.0-20111026`. In it stands `{yyyyMMdd}` for the day (UTC) that it is built
    /// on, and `{digest}` for the first eight digits of the digest of all that it is made of. One of these is needed where
    /// older versions are kept.
    pub version: String,
    /// The architecture: `amd64`, `i386`; Proxmox VE 1.x lists no other.
    pub arch: String,
    /// The release of Proxmox VE that shall list it, for the check of the name: `"1.7"`, `"9"`. Default: that of the target.
    #[serde(default)]
    pub listed_by: Option<String>,
}
