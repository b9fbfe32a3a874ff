//! What people write of a Proxmox VE backup job.

use std::fmt;

use evenkeel_core::backup::{Retention, Schedule};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A backup job that Proxmox VE itself carries out (Datacenter, Backup), kept as it is written here.
///
/// Fields that are not written are left as they are on the cluster; a field that is `null` must not be set there.
/// Evenkeel never removes a job. Two people who change one job at the same moment are not told apart by Proxmox, whose
/// jobs have no digest; each job is read again just before it is written.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PveJobSchedule {
    /// When Proxmox makes the copies, in its nodes' own time zone; a `timeZone` must name that one.
    pub schedule: Schedule,
    /// Which copies Proxmox keeps of each guest in the storage, also of those that others made there; protected ones
    /// always stay. `null`: the storage's own rules hold. Proxmox knows the rules `keepLast` to `keepYearly`.
    #[serde(default)]
    pub retention: Written<Retention>,
    /// The job.
    pub pve_job: JobSettings,
}

/// The job's settings.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSettings {
    /// The job's id: letters, digits, `-` and `_`.
    pub id: String,
    /// The guests: `all`, a list of ids, or `{ pool: NAME }`.
    pub guests: Guests,
    /// With `guests: all`: those that are left out.
    #[serde(default)]
    pub exclude: Written<Vec<u32>>,
    /// The storage that takes the copies.
    pub storage: String,
    /// What happens to a guest meanwhile. Not written or `null`: as the node's vzdump.conf says.
    #[serde(default)]
    pub mode: Written<Mode>,
    /// How archives are compressed.
    #[serde(default)]
    pub compress: Written<Compress>,
    /// Notes on each copy, with `{{guestname}}`, `{{vmid}}`, `{{node}}` and `{{cluster}}` filled in.
    #[serde(default)]
    pub notes_template: Written<String>,
    /// The job's description.
    #[serde(default)]
    pub comment: Written<String>,
    /// Whether the job runs.
    #[serde(default)]
    pub enabled: Written<bool>,
    /// Only the guests on this node.
    #[serde(default)]
    pub node: Written<String>,
    /// Whether a run that was missed is made up for when the node is back.
    #[serde(default)]
    pub repeat_missed: Written<bool>,
    /// Whether the copies are protected: neither counted nor removed by any rule.
    #[serde(default)]
    pub protected: Written<bool>,
    /// At most so many KiB/s; 0 is as fast as it goes.
    #[serde(default)]
    pub bandwidth_limit: Written<u32>,
    /// Threads of zstd; 0 is half of the cores.
    #[serde(default)]
    pub zstd_threads: Written<u32>,
    /// Files of containers that are left out, as shell patterns without spaces, commas and semicolons.
    #[serde(default)]
    pub exclude_paths: Written<Vec<String>>,
    /// Who gets mail.
    #[serde(default)]
    pub mailto: Written<Vec<String>>,
    /// When there is mail.
    #[serde(default)]
    pub mail_notification: Written<MailNotification>,
    /// How news is sent.
    #[serde(default)]
    pub notification_mode: Written<NotificationMode>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
        pub enum $name { $($(#[$about])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// As it is written.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

words! {
    /// What happens to a guest while it is copied.
    Mode {
        /// It runs on.
        Snapshot = "snapshot",
        /// It pauses.
        Suspend = "suspend",
        /// It is stopped, and started again.
        Stop = "stop",
    }
}

words! {
    /// How an archive is compressed.
    Compress {
        /// Not at all.
        None = "none",
        /// Fast.
        Lzo = "lzo",
        /// Slow.
        Gzip = "gzip",
        /// Well and fast.
        Zstd = "zstd",
    }
}

words! {
    /// When there is mail.
    MailNotification {
        /// After each run.
        Always = "always",
        /// After a run that failed.
        Failure = "failure",
    }
}

words! {
    /// How news is sent.
    NotificationMode {
        /// By mail where `mailto` is set, else by Proxmox's notification system.
        Auto = "auto",
        /// By mail.
        LegacySendmail = "legacy-sendmail",
        /// By Proxmox's notification system.
        NotificationSystem = "notification-system",
    }
}

/// A field that may be left out (not ours), `null` (must not be set) or have a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Written<T> {
    /// Not written.
    #[default]
    NotOurs,
    /// `null`.
    Nothing,
    /// Written.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Written::Nothing, Written::Value))
    }
}

impl<T: JsonSchema> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

/// Which guests a job is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guests {
    /// All that there are, and all that will be.
    All,
    /// These, in the order in which they are written.
    Ids(Vec<u32>),
    /// Those in a pool.
    Pool(String),
}

impl<'de> Deserialize<'de> for Guests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GuestsVisitor)
    }
}

struct GuestsVisitor;

impl<'de> Visitor<'de> for GuestsVisitor {
    type Value = Guests;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all`, a list of guests' ids, or `{ pool: NAME }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Guests, E> {
        if text == "all" { Ok(Guests::All) } else { Err(E::invalid_value(de::Unexpected::Str(text), &self)) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Guests, A::Error> {
        let mut ids = Vec::new();
        while let Some(id) = items.next_element()? {
            ids.push(id);
        }
        Ok(Guests::Ids(ids))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Guests, A::Error> {
        let mut pool = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "pool" {
                return Err(de::Error::unknown_field(&key, &["pool"]));
            }
            pool = Some(map.next_value()?);
        }
        pool.map(Guests::Pool).ok_or_else(|| de::Error::missing_field("pool"))
    }
}

impl JsonSchema for Guests {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Guests".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "const": "all" },
                { "type": "array", "items": { "type": "integer", "minimum": 100, "maximum": 999_999_999 }, "minItems": 1 },
                {
                    "type": "object",
                    "properties": { "pool": { "type": "string" } },
                    "required": ["pool"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
