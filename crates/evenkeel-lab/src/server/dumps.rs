//! A dump host while it is served: its guests here, its dumps real files, and its troubles switched on by files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use evenkeel_core::request::Reply;
use jiff::Timestamp;

use super::{LabError, locked};
use crate::vzdump::{Archive, Dialect, DumpHost, Kind, PLAN, Planned, RESTORED, Trouble};
use crate::wire::Call;
use crate::zfs::Rights;

/// The folder whose files change what a host does.
pub(super) fn state(dir: &Path, name: &str) -> PathBuf {
    dir.join("hosts").join(name)
}

/// The name of the folder with a dialect's shims.
pub(super) fn folder(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenVz => "bin-openvz",
        Dialect::Today => "bin-pve",
    }
}

pub(super) struct Dumps {
    host: Mutex<DumpHost>,
    state: PathBuf,
}

impl Dumps {
    /// Makes the folders that trouble is switched on in.
    pub(super) fn open(dir: &Path, host: DumpHost) -> Result<Self, LabError> {
        let state = state(dir, &host.name);
        for folder in ["fail", "size"] {
            let folder = state.join(folder);
            fs::create_dir_all(&folder).map_err(LabError::at(&folder))?;
        }
        Ok(Dumps { host: Mutex::new(host), state })
    }

    pub(super) fn host(&self) -> MutexGuard<'_, DumpHost> {
        locked(&self.host)
    }

    pub(super) fn reply(&self, call: &Call) -> Reply {
        if call.rights != Rights::Root {
            return failed(255, "please run as root");
        }
        let words: Vec<&str> = call.argv.iter().map(String::as_str).collect();
        match words.as_slice() {
            [PLAN, args @ ..] => self.plan(args),
            [RESTORED, kind, id, archive] => self.restored(kind, id, archive),
            ["vzdump" | "vzrestore" | "qmrestore", ..] | ["pct", "restore", ..] => {
                failed(255, "dumps are files of the host: run this over SSH")
            }
            _ => self.host().run(&call.argv, Timestamp::now()),
        }
    }

    fn plan(&self, args: &[&str]) -> Reply {
        let mut host = self.host().clone();
        for (id, guest) in &mut host.guests {
            guest.trouble = self.read(&format!("fail/{id}")).and_then(|word| Trouble::from_word(&word));
            guest.bytes = self.number(&format!("size/{id}")).unwrap_or(guest.bytes);
        }
        let planned = match host.plan_vzdump(args, Timestamp::now()) {
            Ok(job) => Planned::Dump(job, self.number("rate")),
            Err(reply) => Planned::Says(reply),
        };
        match serde_json::to_vec(&planned) {
            Ok(stdout) => Reply { exit: 0, stdout, stderr: Vec::new() },
            Err(error) => failed(127, &error.to_string()),
        }
    }

    fn restored(&self, kind: &str, id: &str, archive: &str) -> Reply {
        let kinds = [Kind::OpenVz, Kind::Lxc, Kind::Qemu];
        let kind = kinds.into_iter().find(|known| known.word() == kind);
        match (kind, id.parse(), serde_json::from_str::<Archive>(archive)) {
            (Some(kind), Ok(id), Ok(archive)) => self.host().restored(kind, id, &archive),
            _ => failed(255, &format!("{id} is no id")),
        }
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.state.join(name)).ok()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.read(name)?.trim().parse().ok()
    }
}

fn failed(exit: i32, problem: &str) -> Reply {
    Reply { exit, stdout: Vec::new(), stderr: format!("{problem}\n").into_bytes() }
}
