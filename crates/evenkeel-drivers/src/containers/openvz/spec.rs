//! What people write of a template that is built by OpenVZ.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::containers::spec::{Output, Provision, Refresh, yes};

/// A container template of an OpenVZ host: built from another in a scratch container, packed as `.tar.gz`, checked, and put
/// into the folder that `vzctl create` and Proxmox VE take templates from.
///
/// Its record, `<archive>.json`, tells of what it was made. Where the recipe, the base and the period of `refresh` are those
/// of the newest version there is nothing to do; else a new version is built beside it. A template that Evenkeel did not make
/// is never overwritten.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenvzTemplateSpec {
    /// What, of what, and how.
    pub openvz: OpenvzSettings,
}

/// What is built, of what, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenvzSettings {
    /// The template that it is made of, as `vzctl create --ostemplate` takes it: `scientific-6-standard_6.0_i386`.
    pub base: String,
    /// What it is called.
    pub output: Output,
    /// The scratch container that it is built in.
    pub build: Build,
    /// The file of `/etc/vz/dists` that the base and all versions lead to by a link, without `.conf`: `gentoo`. For
    /// distributions that vzctl does not know: their containers start without a network otherwise. Default: no link is made.
    #[serde(default)]
    pub distribution_config: Option<String>,
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
    /// The OpenVZ hosts that the newest version is sent to, by the names of their targets.
    #[serde(default)]
    pub publish: Vec<String>,
    /// The folder of templates. Default: `cache` in what `TEMPLATE` of the host's vz.conf says.
    #[serde(default)]
    pub template_dir: Option<String>,
}

/// The scratch container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Build {
    /// Its id, which no other container has; at least 101.
    pub ctid: u32,
    /// Its address, or a list of them. Without one it has no network.
    #[serde(default)]
    pub address: Words,
    /// Its name server, or a list of them.
    #[serde(default)]
    pub nameserver: Words,
    /// What it may take of the host.
    #[serde(default)]
    pub limits: Limits,
}

/// Limits of the scratch container, each as `BARRIER:LIMIT`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// Its disk space: `20G:22G`. Default: as the host's vz.conf says.
    pub diskspace: Option<String>,
    /// The number of its files and folders: `4000000:4400000`. Default: as the host's vz.conf says. Not every vzctl takes it
    /// when a container is made; write it into vz.conf then, by a resource of kind `OpenvzHost`.
    pub diskinodes: Option<String>,
    /// Its user beancounters, by name as `vzctl set` takes them: `kmemsize: "465M:512M"`.
    pub ubc: BTreeMap<String, String>,
}

/// A word, or a list of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Words {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Words::Many(Vec::new())
    }
}

impl Words {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Words::One(word) => std::slice::from_ref(word),
            Words::Many(words) => words,
        }
    }
}
