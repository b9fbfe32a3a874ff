//! A run of `vzdump` for one guest: what it will write and say, and carrying that out.
//!
//! Apart from carrying it out, so that the same can be done in memory and by a real process.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use evenkeel_core::request::Reply;

use super::{Archive, DumpHost, Trouble};
use crate::store::Cut;

/// What one run of `vzdump` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What is dumped.
    pub archive: Archive,
    /// How many of its bytes are written before something goes wrong; all where nothing does.
    pub written: u64,
    /// Where to; `None`: to standard output.
    pub into: Option<Into>,
    /// What is said before the dump, on standard error.
    pub before: Vec<String>,
    /// What is said after it.
    pub after: Vec<String>,
    /// The exit status.
    pub exit: i32,
    /// What is said instead where the dump cannot be written, and the exit status then.
    pub unwritten: (Vec<String>, i32),
}

/// A folder that is dumped into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Into {
    /// The folder.
    pub folder: String,
    /// The name of the dump without its ending: `vzdump-openvz-101-2026_11_20-02_00_00`.
    pub stem: String,
    /// Its ending: `tar`, `vma.zst`.
    pub ending: String,
    /// How many dumps of the guest are kept there; 0: all.
    pub keep: usize,
}

impl Into {
    /// The path of the dump with another ending.
    pub fn path(&self, ending: &str) -> String {
        format!("{}/{}.{ending}", self.folder, self.stem)
    }

    /// Of the names in the folder, those of dumps of the guest that are not kept, the newest included.
    pub fn surplus(&self, mut names: Vec<String>) -> Vec<String> {
        let guest =
            self.stem.get(..self.stem.len().saturating_sub("2026_11_20-02_00_00".len())).unwrap_or("-");
        let ends = [".log", ".dat", ".tmp", ".notes", ".protected"];
        names.retain(|name| name.starts_with(guest) && !ends.iter().any(|end| name.ends_with(end)));
        names.sort();
        let kept = if self.keep == 0 { names.len() } else { self.keep };
        names.truncate(names.len().saturating_sub(kept));
        names
    }
}

/// What the command line of `vzdump` asked for, whatever the dialect.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) ids: Vec<u32>,
    pub(super) stdout: bool,
    pub(super) folder: Option<String>,
    pub(super) mode: String,
    /// `""`, `gzip`, `lzo` or `zstd`
    pub(super) compress: String,
    pub(super) keep: usize,
}

impl DumpHost {
    /// What this run does; or what it says where it does nothing.
    pub(super) fn plan_dump(&self, asked: &Asked, now: Timestamp, tells_errors: i32) -> Result<Job, Reply> {
        let line = format!("INFO: starting new backup job: vzdump {}", asked.line);
        let moment = local(now, &self.time_zone(), "%Y-%m-%d %H:%M:%S");
        let failed = |id: u32, why: &str| {
            vec![
                format!("ERROR: Backup of VM {id} failed - {why}"),
                format!("INFO: Failed at {moment}"),
                "INFO: Backup job finished with errors".to_owned(),
                "job errors".to_owned(),
            ]
        };
        let [id] = *asked.ids.as_slice() else {
            let why =
                if asked.stdout { "you can only backup a single VM with option --stdout" } else { "no VM" };
            return Err(super::complaint(255, why));
        };
        let Some(guest) = self.guests.get(&id) else {
            let mut lines = vec![line];
            lines.extend(failed(id, &format!("unable to find VM '{id}'")));
            return Err(super::complaint(tells_errors, &lines.join("\n")));
        };
        let archive = Archive {
            id,
            kind: guest.kind,
            name: guest.name.clone(),
            at: now.to_string(),
            bytes: guest.bytes,
        };
        let stamp = local(now, &self.time_zone(), "%Y_%m_%d-%H_%M_%S");
        let into = asked.folder.clone().filter(|_| !asked.stdout).map(|folder| Into {
            folder,
            stem: format!("vzdump-{}-{id}-{stamp}", guest.kind.word()),
            ending: ending(guest.kind, &asked.compress).to_owned(),
            keep: asked.keep,
        });
        let place = into.as_ref().map(|into| into.path(&into.ending));
        let before = vec![
            line,
            format!("INFO: Starting Backup of VM {id} ({})", guest.kind.word()),
            format!("INFO: Backup started at {moment}"),
            format!("INFO: status = {}", guest.status()),
            format!("INFO: backup mode: {}", asked.mode),
            "INFO: ionice priority: 7".to_owned(),
            format!("INFO: CT Name: {}", guest.name),
            place.map_or_else(
                || "INFO: sending archive to stdout".to_owned(),
                |path| format!("INFO: creating vzdump archive '{path}'"),
            ),
        ];
        let all = archive.len();
        let (written, after, exit) = match guest.trouble {
            Some(Trouble::Error) => {
                (all / 2, failed(id, "command 'tar cpf -' failed: exit code 2"), tells_errors)
            }
            Some(Trouble::Dies) => (all / 2, Vec::new(), 1),
            None => (all, finished(id, all, &moment), 0),
        };
        let unwritten = (failed(id, "write error: No space left on device"), tells_errors);
        Ok(Job { archive, written, into, before, after, exit, unwritten })
    }

    /// Carries a job out, in memory.
    pub(super) fn dump(&mut self, job: &Job) -> Reply {
        let bytes = job.archive.bytes(job.written);
        let mut lines = job.before.clone();
        let (mut stdout, mut exit) = (Vec::new(), job.exit);
        let written = match &job.into {
            None => {
                stdout = bytes;
                Ok(Vec::new())
            }
            Some(into) => self.dump_into(into, job, &bytes),
        };
        if let Ok(said) = written {
            lines.extend(said.into_iter().chain(job.after.iter().cloned()));
        } else {
            lines.extend(job.unwritten.0.iter().cloned());
            exit = job.unwritten.1;
        }
        Reply { exit, stdout, stderr: format!("{}\n", lines.join("\n")).into_bytes() }
    }

    fn dump_into(&mut self, into: &Into, job: &Job, bytes: &[u8]) -> Result<Vec<String>, Cut> {
        let unfinished = into.path("dat");
        self.files.write_here(&unfinished, bytes)?;
        if job.dies() {
            return Ok(Vec::new());
        }
        // A log that does not fit is no reason to fail.
        let _ = self.files.write_here(&into.path("log"), job.log().as_bytes());
        if !job.is_whole() {
            self.files.remove_here(&unfinished);
            return Ok(Vec::new());
        }
        self.files.rename_here(&unfinished, &into.path(&into.ending));
        let names = self.files.files(&into.folder);
        let names = names.iter().filter_map(|path| path.strip_prefix(&format!("{}/", into.folder)));
        let surplus = into.surplus(names.filter(|name| !name.contains('/')).map(str::to_owned).collect());
        let mut said = Vec::new();
        for name in surplus {
            let path = format!("{}/{name}", into.folder);
            self.files.remove_here(&path);
            said.push(format!("INFO: delete old backup '{path}'"));
        }
        Ok(said)
    }
}

impl Job {
    /// True where all bytes are written.
    pub(super) fn is_whole(&self) -> bool {
        self.written == self.archive.len()
    }

    /// True where it ends without a word.
    pub(super) fn dies(&self) -> bool {
        !self.is_whole() && self.after.is_empty()
    }

    /// What stands in the log beside the dump.
    pub(super) fn log(&self) -> String {
        let lines = [self.before.as_slice(), &self.after].concat();
        format!("{}\n", lines.join("\n"))
    }
}

fn finished(id: u32, bytes: u64, moment: &str) -> Vec<String> {
    vec![
        format!("INFO: Total bytes written: {bytes} ({bytes}B, 11MiB/s)"),
        format!("INFO: archive file size: {}MB", bytes >> 20),
        format!("INFO: Finished Backup of VM {id} (00:00:01)"),
        format!("INFO: Backup finished at {moment}"),
        "INFO: Backup job finished successfully".to_owned(),
    ]
}

fn ending(kind: super::Kind, compress: &str) -> &'static str {
    match (kind, compress) {
        (super::Kind::OpenVz, "") => "tar",
        (super::Kind::OpenVz, _) => "tgz",
        (super::Kind::Lxc, "zstd") => "tar.zst",
        (super::Kind::Lxc, "gzip") => "tar.gz",
        (super::Kind::Lxc, "lzo") => "tar.lzo",
        (super::Kind::Lxc, _) => "tar",
        (super::Kind::Qemu, "zstd") => "vma.zst",
        (super::Kind::Qemu, "gzip") => "vma.gz",
        (super::Kind::Qemu, "lzo") => "vma.lzo",
        (super::Kind::Qemu, _) => "vma",
    }
}

/// The time of the host's clock.
fn local(now: Timestamp, zone: &TimeZone, form: &str) -> String {
    jiff::fmt::strtime::format(form, &now.to_zoned(zone.clone())).unwrap_or_default()
}
