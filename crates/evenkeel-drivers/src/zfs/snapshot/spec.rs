//! What people write for snapshots on a schedule.

use evenkeel_core::backup::{Retention, Schedule, slot_of};
use evenkeel_core::driver::Finding;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::zfs::name::check_dataset;
use crate::zfs::{Scalar, size};

/// What a snapshot's name begins with where the manifest says nothing.
const PREFIX: &str = "evenkeel-";
/// The longest name of a snapshot, dataset included, in bytes.
const MAX_NAME: usize = 255;
/// How long a slot's name is.
const SLOT_LENGTH: usize = "20261120T023000Z".len();

/// Snapshots of a ZFS dataset on a schedule, perhaps sent to another host.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsSnapshotSpec {
    /// When copies are made. With `pveJob`, in the time zone of Proxmox's nodes.
    pub schedule: Schedule,
    /// Which snapshots are kept. Decided for each dataset by itself. Default: all.
    #[serde(default)]
    pub retention: Retention,
    /// Of what.
    pub zfs_snapshot: ZfsSnapshots,
}

/// A dataset and how its snapshots are called.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsSnapshots {
    /// The dataset's name, pool first: `tank/vm`.
    pub dataset: String,
    /// With all that is below it, in one moment. Default: false.
    #[serde(default)]
    pub recursive: bool,
    /// What the snapshots' names begin with; the slot follows: `evenkeel-20261120T023000Z`. Default: `evenkeel-`.
    ///
    /// A snapshot is taken for one of the schedule's only where it carries the mark that was set when it was made. All
    /// others are left alone, whatever they are called.
    #[serde(default)]
    pub name_prefix: Option<String>,
    /// With `recursive`: datasets that are left out with all that is below them, by their names below `dataset`
    /// (`scratch`, `vm/swap`).
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Send them to another dataset, mostly on another host.
    #[serde(default)]
    pub send: Option<ZfsSend>,
}

/// Where snapshots are sent.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsSend {
    /// The target that receives: `ssh` or `local`.
    pub target: String,
    /// The dataset there that becomes the copy. It is created by the first send, read-only and not mounted; what it lies
    /// in must be there.
    pub dataset: String,
    /// Send blocks as they are on disk (`zfs send -w`), so that what is encrypted stays so and the other host needs no
    /// key. Default: for encrypted datasets.
    #[serde(default)]
    pub raw: Option<bool>,
    /// Which of the copies are kept there. Default: as here.
    #[serde(default)]
    pub retention: Option<Retention>,
    /// No faster than so many bytes per second: `50M`.
    #[serde(default)]
    pub bandwidth_limit: Option<Scalar>,
}

impl ZfsSend {
    /// Bytes per second.
    pub(super) fn rate(&self) -> Option<u64> {
        size::parse(self.bandwidth_limit.as_ref()?.as_str()).ok()
    }
}

impl ZfsSnapshotSpec {
    /// What all its snapshots' names begin with.
    pub(super) fn prefix(&self) -> &str {
        self.zfs_snapshot.name_prefix.as_deref().unwrap_or(PREFIX)
    }

    /// Where they are sent.
    pub(super) fn send(&self) -> Option<&ZfsSend> {
        self.zfs_snapshot.send.as_ref()
    }

    /// The rules for what was sent.
    pub(super) fn send_retention(&self) -> &Retention {
        self.send().and_then(|send| send.retention.as_ref()).unwrap_or(&self.retention)
    }

    /// The slot in the name of a snapshot (the part behind the `@`).
    pub(super) fn slot_in<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix(self.prefix()).filter(|slot| slot_of(slot).is_some())
    }

    /// True where the dataset of this relative name (`.` for the root) is left out.
    pub(super) fn leaves_out(&self, relative: &str) -> bool {
        let is_within = |excluded: &String| {
            relative
                .strip_prefix(excluded.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.zfs_snapshot.exclude.iter().any(is_within)
    }
}

/// What can be seen without the host.
pub(super) fn check(spec: &ZfsSnapshotSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut within = |path: &[&str], inner: Vec<Finding>| {
        findings.extend(inner.into_iter().map(|finding| Finding {
            path: path.iter().map(|key| (*key).to_owned()).chain(finding.path).collect(),
            ..finding
        }));
    };
    let of = &spec.zfs_snapshot;
    within(&["schedule"], spec.schedule.check());
    within(&["retention"], spec.retention.check());
    within(&["zfsSnapshot"], dataset(&["dataset"], &of.dataset));
    within(&["zfsSnapshot"], prefix(spec));
    within(&["zfsSnapshot"], excludes(of));
    if let Some(send) = &of.send {
        within(&["zfsSnapshot", "send"], dataset(&["dataset"], &send.dataset));
        within(
            &["zfsSnapshot", "send", "retention"],
            send.retention.iter().flat_map(Retention::check).collect(),
        );
        within(&["zfsSnapshot", "send"], limit(send));
        if !send.dataset.contains('/') && !send.dataset.is_empty() {
            let message = format!("`{}` is a pool's own dataset, which a send cannot create", send.dataset);
            let hint = format!("name a dataset in it: `{}/{}`", send.dataset, of.dataset.replace('/', "-"));
            within(&["zfsSnapshot", "send"], vec![Finding::error(["dataset"], message).hint(hint)]);
        }
    }
    findings
}

fn dataset(path: &[&str], name: &str) -> Vec<Finding> {
    let bad = check_dataset(name).err();
    let finding = bad.map(|bad| {
        Finding::error(path.iter().copied(), bad.message).hint_if_any(bad.hint.map(str::to_owned))
    });
    finding.into_iter().collect()
}

fn limit(send: &ZfsSend) -> Vec<Finding> {
    let Some(written) = send.bandwidth_limit.as_ref().map(Scalar::as_str) else { return Vec::new() };
    let problem = match size::parse(written) {
        Ok(0) => "stops everything".to_owned(),
        Ok(_) => return Vec::new(),
        Err(problem) => problem.to_string(),
    };
    let message = format!("`bandwidthLimit: {written}` {problem}");
    vec![Finding::error(["bandwidthLimit"], message).hint("write bytes per second: `50M`")]
}

fn prefix(spec: &ZfsSnapshotSpec) -> Vec<Finding> {
    let prefix = spec.prefix();
    let at = |message: String, hint: &str| vec![Finding::error(["namePrefix"], message).hint(hint)];
    if prefix.is_empty() {
        return at(
            "the prefix is empty".to_owned(),
            "write a word that tells these snapshots from others: `auto-`",
        );
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some(wrong) = prefix.chars().find(|c| !allowed(*c)) {
        return at(
            format!("`{prefix}` has the character {wrong:?}"),
            "letters, digits, `-`, `_`, `.` and `:` are allowed",
        );
    }
    let longest = spec.send().map_or(0, |send| send.dataset.len()).max(spec.zfs_snapshot.dataset.len());
    let length = longest + 1 + prefix.len() + SLOT_LENGTH;
    if length > MAX_NAME {
        let message = format!("the snapshots' names would be {length} bytes long, {MAX_NAME} are allowed");
        return at(message, "write a shorter prefix");
    }
    Vec::new()
}

fn excludes(of: &ZfsSnapshots) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (nth, name) in of.exclude.iter().enumerate() {
        let path = ["exclude".to_owned(), nth.to_string()];
        if let Some(inside) = name.strip_prefix(&format!("{}/", of.dataset)) {
            let message =
                format!("`{name}` is a full name, what is left out is named below `{}`", of.dataset);
            findings.push(Finding::error(path, message).hint(format!("write `{inside}`")));
        } else if let Err(bad) = check_dataset(&format!("{}/{name}", of.dataset)) {
            findings.push(Finding::error(path, bad.message).hint_if_any(bad.hint.map(str::to_owned)));
        }
    }
    if !of.exclude.is_empty() && !of.recursive {
        let message = "there is nothing to leave out: only the dataset itself gets snapshots";
        findings.push(Finding::error(["exclude"], message).hint("write `recursive: true`, or leave it out"));
    }
    findings
}
