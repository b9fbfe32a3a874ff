//! What people write of an OpenVZ host.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// What containers on an OpenVZ host need to be made and to start: the host's own settings, limits of single containers, and
/// which distribution's scripts a template's containers are set up with.
///
/// The files are changed line by line: their order, comments and quotes stay, and keys that are not named here are left
/// alone, as is what leaves the manifest. A running container takes its limits when it is started again.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenvzHostSpec {
    /// Settings in `/etc/vz/vz.conf`, by key: `DISKSPACE: "20G:22G"` and `DISKINODES: "4000000:4400000"` are what `vzctl
    /// create` needs where a container has none of its own ("diskspace quota not set").
    #[serde(default)]
    pub vz_conf: BTreeMap<String, Setting>,
    /// Settings of containers in `/etc/vz/conf/CTID.conf`, by container and key: `"555": { KMEMSIZE: "465M:512M" }`. The
    /// containers must be there.
    #[serde(default)]
    pub containers: BTreeMap<String, BTreeMap<String, Setting>>,
    /// The distribution whose file in `/etc/vz/dists` a template uses, by the template's name:
    /// `sabayon-5-SpinBase_5.4-1_i386: gentoo`. The template's own file is made a link to it. Without one that fits,
    /// containers start with wrong scripts, and mostly without network.
    #[serde(default)]
    pub distributions: BTreeMap<String, String>,
}

/// A value in a file of settings: a text, exactly as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting(String);

impl Setting {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Setting(text.to_owned())
    }
}

struct SettingVisitor;

impl Visitor<'_> for SettingVisitor {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Setting, E> {
        Ok(Setting(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Setting {
    /// Asks for a text, so that `yes` and `010` stay what they are.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SettingVisitor)
    }
}

impl JsonSchema for Setting {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Setting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
