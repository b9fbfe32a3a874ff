//! A simulated host of guests with `vzdump`, in two dialects: OpenVZ of 2011 (`vzlist`, `vzctl`, `vzrestore`) and today's
//! Proxmox VE (`pct`, `qm`, `pvesh`).
//!
//! A stand-in that we wrote, because neither runs here. What `vzlist` and `vzctl` say is held against a transcript of the
//! real program, and the words of today's `vzdump` against a recorded task log; the words and exit status of the old
//! `vzdump` follow descriptions: it ends with 0 whatever happened, and keeps one dump of a guest in its folder unless
//! told otherwise. Archives are no tar files, but bytes that tell their guest and moment; see [`Archive`].

mod archive;
mod command;
mod guests;
mod job;
mod openvz;
mod process;
mod scripts;
mod today;
mod world;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::Reply;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use archive::Archive;
pub(crate) use command::Planned;
pub use guests::{Guest, Kind, Trouble};
pub use job::Job;
pub(crate) use process::{PLAN, PROGRAMS, RESTORED, programs, run as run_program};
pub use world::World;

use crate::random::Random;
use crate::store::{FileStore, Personality};

/// Which programs a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Proxmox VE 1.x on OpenVZ.
    OpenVz,
    /// Proxmox VE as it is today.
    Today,
}

/// A host of guests.
#[derive(Debug, Clone)]
pub struct DumpHost {
    /// Its name among the nodes.
    pub name: String,
    dialect: Dialect,
    /// Whether `vzdump` can write to its standard output.
    pub has_stdout: bool,
    zone: String,
    /// By id.
    pub guests: BTreeMap<u32, Guest>,
    /// Its disk.
    pub files: FileStore,
}

impl DumpHost {
    /// A host without guests, whose clock shows the time of `zone`.
    pub fn new(name: impl Into<String>, dialect: Dialect, zone: impl Into<String>) -> Self {
        let mut files = FileStore::new(Personality::Posix);
        files.make_folder_by_hand("/var/lib/vz/dump");
        DumpHost {
            name: name.into(),
            dialect,
            has_stdout: true,
            zone: zone.into(),
            guests: BTreeMap::new(),
            files,
        }
    }

    /// Which programs it has.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Adds a guest that runs: a container where `kind` is not said otherwise.
    pub fn add_guest(&mut self, id: u32, name: &str) -> &mut Guest {
        let kind = match self.dialect {
            Dialect::OpenVz => Kind::OpenVz,
            Dialect::Today => Kind::Lxc,
        };
        self.guests.entry(id).or_insert_with(|| Guest::new(kind, name))
    }

    /// Runs a command at `now`.
    pub fn run(&mut self, command: &[String], now: Timestamp) -> Reply {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        match (self.dialect, words.as_slice()) {
            (_, ["vzdump", args @ ..]) => self.vzdump(args, now),
            (Dialect::OpenVz, ["vzlist", args @ ..]) => self.vzlist(args),
            (Dialect::OpenVz, ["vzctl", args @ ..]) => self.vzctl(args),
            (Dialect::OpenVz, ["vzrestore", args @ ..]) => self.restore(Kind::OpenVz, args),
            (Dialect::Today, ["pct", "restore", args @ ..]) => self.restore(Kind::Lxc, args),
            (Dialect::Today, ["qmrestore", args @ ..]) => self.restore(Kind::Qemu, args),
            (Dialect::Today, ["pct", args @ ..]) => self.tool(Kind::Lxc, args),
            (Dialect::Today, ["qm", args @ ..]) => self.tool(Kind::Qemu, args),
            (Dialect::Today, ["pvesh", args @ ..]) => self.pvesh(args),
            (Dialect::Today, ["pveversion"]) => told("pve-manager/9.1.99/14a22df314a22df3\n"),
            (_, words) => self.plain_command(words, now),
        }
    }

    /// Runs a part of a command: the machine goes down, or the process is killed, somewhere in its writing.
    pub(crate) fn run_in_part(&mut self, argv: &[String], now: Timestamp, random: &mut Random) {
        let mut dry = self.clone();
        dry.files.take_work();
        dry.run(argv, now);
        let work = dry.files.take_work();
        self.files.allow_work(Some(random.below(usize::try_from(work).unwrap_or(usize::MAX)) as u64));
        self.run(argv, now);
        self.files.allow_work(None);
    }

    /// The host's own time zone.
    pub fn time_zone(&self) -> TimeZone {
        TimeZone::get(&self.zone).unwrap_or(TimeZone::UTC)
    }

    /// A number that is equal for equal hosts.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.guests, self.files.fingerprint()).hash(&mut hasher);
        hasher.finish()
    }
}

fn told(stdout: impl Into<Vec<u8>>) -> Reply {
    Reply { exit: 0, stdout: stdout.into(), stderr: Vec::new() }
}

fn complaint(exit: i32, stderr: &str) -> Reply {
    Reply { exit, stdout: Vec::new(), stderr: format!("{stderr}\n").into_bytes() }
}

#[cfg(test)]
mod tests;
