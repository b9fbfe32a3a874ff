//! What people write for a schedule of dumps.

use std::collections::BTreeSet;

use evenkeel_core::backup::{Retention, Schedule};
use evenkeel_core::driver::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::backup::{CopySpec, StoreSpec, check_path};

/// Where vzdump and its restoring counterparts keep dumps, unless told otherwise.
pub(super) const DUMP_DIR: &str = "/var/lib/vz/dump";

/// Dumps of the containers and virtual machines of a Proxmox or OpenVZ host, made with its own `vzdump`.
///
/// For every slot of the schedule there shall be a generation in the store: a folder with an archive of each guest, its log, a
/// record of its size and checksum, and `evenkeel.json`, which makes it a generation. Guests are dumped one after the other,
/// those that failed before after the others. What is kept is decided for each guest by its own archives: one that is stopped,
/// or is gone, keeps its last ones, and the newest good one is never removed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VzdumpScheduleSpec {
    /// When.
    pub schedule: Schedule,
    /// Which archives of each guest are kept. Default: all.
    #[serde(default)]
    pub retention: Retention,
    /// What, how, and where to.
    pub vzdump: VzdumpSpec,
}

/// What is dumped, how, and where to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VzdumpSpec {
    /// Which guests: `running`, `stopped` or `all` that there are at the time, a list of ids, `{ pool: NAME }` or
    /// `{ tags: [a, b] }` (of this host, with any of the tags). Default: `running`.
    #[serde(default)]
    pub guests: Guests,
    /// Ids of guests that are left out.
    #[serde(default)]
    pub exclude: BTreeSet<u32>,
    /// How a running guest is dumped. Default: `snapshot`.
    #[serde(default)]
    pub mode: Mode,
    /// How archives are compressed. Default: `zstd`, on hosts with OpenVZ `gzip` (which know that and `none` only).
    #[serde(default)]
    pub compress: Option<Compress>,
    /// Whether dumps go straight from vzdump's standard output into the store, and not over the host's disks. Default: `auto`.
    #[serde(default)]
    pub stream: Stream,
    /// The folder on the host for dumps that are not streamed (in a folder of ours in it), and where archives are put to be
    /// restored. Default: `/var/lib/vz/dump`.
    #[serde(default)]
    pub dump_dir: Option<String>,
    /// How many guests are dumped at the same time: 1.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// Where the generations are kept.
    pub store: StoreSpec,
    /// Where else, made from those in `store`.
    #[serde(default)]
    pub copies: Vec<CopySpec>,
}

/// Which guests.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "GuestsForm")]
pub enum Guests {
    /// Those that run.
    #[default]
    Running,
    /// Those that are stopped.
    Stopped,
    /// All.
    All,
    /// These.
    Ids(BTreeSet<u32>),
    /// Those of a pool.
    Pool(String),
    /// Those with one of these tags.
    Tags(BTreeSet<String>),
}

/// The ways to write them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum GuestsForm {
    /// By what they are doing.
    Word(Word),
    /// By their ids.
    Ids(BTreeSet<u32>),
    /// By their pool.
    Pool(Pool),
    /// By their tags.
    Tags(Tags),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Running,
    Stopped,
    All,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pool {
    pool: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tags {
    tags: BTreeSet<String>,
}

impl<'de> Deserialize<'de> for Guests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = GuestsForm::deserialize(deserializer).map_err(|_| {
            serde::de::Error::custom(
                "expected `running`, `stopped`, `all`, a list of ids such as [101, 102], { pool: NAME } or { tags: [a, b] }",
            )
        })?;
        Ok(match form {
            GuestsForm::Word(Word::Running) => Guests::Running,
            GuestsForm::Word(Word::Stopped) => Guests::Stopped,
            GuestsForm::Word(Word::All) => Guests::All,
            GuestsForm::Ids(ids) => Guests::Ids(ids),
            GuestsForm::Pool(Pool { pool }) => Guests::Pool(pool),
            GuestsForm::Tags(Tags { tags }) => Guests::Tags(tags),
        })
    }
}

/// How a running guest is dumped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// While it runs, from a snapshot. OpenVZ suspends it for a moment where the disks have no snapshots.
    #[default]
    Snapshot,
    /// Suspended for a part of the time.
    Suspend,
    /// Stopped, and started afterwards.
    Stop,
}

impl Mode {
    /// As vzdump calls it.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Snapshot => "snapshot",
            Mode::Suspend => "suspend",
            Mode::Stop => "stop",
        }
    }
}

/// How archives are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compress {
    /// Zstandard: fast and small.
    Zstd,
    /// Gzip.
    Gzip,
    /// LZO: fast.
    Lzo,
    /// Not at all.
    None,
}

/// Whether dumps are streamed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Where the host's vzdump can.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: by `dumpDir`.
    Never,
}

impl VzdumpScheduleSpec {
    /// The folder on the host for dumps.
    pub fn dump_dir(&self) -> &str {
        self.vzdump.dump_dir.as_deref().map_or(DUMP_DIR, |folder| folder.trim_end_matches('/'))
    }

    /// How often each guest is tried for one slot.
    pub fn attempts(&self) -> u32 {
        self.schedule.attempts.unwrap_or(3)
    }

    /// What is wrong with it, as far as can be seen without the host.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = within(&["schedule"], self.schedule.check());
        findings.extend(within(&["retention"], self.retention.check()));
        let spec = &self.vzdump;
        findings.extend(within(&["vzdump", "store"], spec.store.check()));
        for (nth, copy) in spec.copies.iter().enumerate() {
            let nth = nth.to_string();
            findings.extend(within(&["vzdump", "copies", &nth], copy.store().check()));
            let retention = copy.retention.as_ref().map(Retention::check).unwrap_or_default();
            findings.extend(within(&["vzdump", "copies", &nth, "retention"], retention));
        }
        if spec.concurrency.is_some_and(|many| many != 1) {
            let message = "guests are dumped one after the other: vzdump locks the host, and two dumps take longer than one";
            findings
                .push(Finding::error(["vzdump", "concurrency"], message).hint("write 1, or leave it out"));
        }
        let empty = match &spec.guests {
            Guests::Ids(ids) => ids.is_empty(),
            Guests::Tags(tags) => tags.is_empty(),
            Guests::Pool(pool) => pool.is_empty(),
            Guests::Running | Guests::Stopped | Guests::All => false,
        };
        if empty {
            let finding = Finding::error(["vzdump", "guests"], "no guest would ever be dumped");
            findings.push(finding.hint("name some, or write `running` or `all`"));
        }
        if let Some(Err(problem)) = spec.dump_dir.as_deref().map(|folder| check_path(folder, true)) {
            let folder = spec.dump_dir.as_deref().unwrap_or_default();
            findings.push(Finding::error(["vzdump", "dumpDir"], format!("`dumpDir: {folder}` {problem}")));
        }
        findings
    }
}

/// Findings whose paths begin further up.
fn within(path: &[&str], findings: Vec<Finding>) -> Vec<Finding> {
    let moved = |finding: Finding| {
        let path = path.iter().map(|key| (*key).to_owned()).chain(finding.path.clone()).collect();
        Finding { path, ..finding }
    };
    findings.into_iter().map(moved).collect()
}
