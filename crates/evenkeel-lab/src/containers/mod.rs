//! Simulated hosts of containers that templates are built on: OpenVZ with `vzctl`, and Proxmox VE with `pct`.
//!
//! Stand-ins that we wrote. What `vzctl` and `vzlist` say is held against a transcript of the real programs; what `pct` says
//! follows its source, and descriptions. The fixed scripts of the drivers are recognised by their text and acted out.

#![allow(
    clippy::format_collect,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "small texts are put together; names of files here are in small letters"
)]

pub mod archive;
mod conf;
mod fixed;
pub mod incus;
pub mod inside;
mod lxc_scripts;
mod openvz_files;
mod openvz_scripts;
mod pct;
mod plain;
mod provision;
mod said;
mod setup;
pub mod system;
pub mod tree;
mod vzctl;
mod vzctl_set;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::{LOGGED, Reply};

pub use inside::Around;
pub use setup::VZ_CONF;
pub use system::System;
pub use tree::Tree;
pub use vzctl::REQUIRED;
pub use world::ContainerWorld;

use crate::random::Random;
use said::{Ended, Said};

/// What makes containers on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `vzctl`.
    OpenVz,
    /// `pct`, on Proxmox VE.
    Proxmox,
}

/// The names that are linked on a host of this dialect.
pub(crate) fn programs(dialect: Dialect) -> impl Iterator<Item = &'static str> {
    let others: &[&str] = match dialect {
        Dialect::OpenVz => &["pct", "pvesm", "pveversion"],
        Dialect::Proxmox => &["vzctl", "vzlist"],
    };
    PROGRAMS.into_iter().filter(move |program| !others.contains(program))
}

/// All of them.
pub(crate) const PROGRAMS: [&str; 14] = [
    "vzctl",
    "vzlist",
    "pct",
    "pvesm",
    "pveversion",
    "sh",
    "tar",
    "rm",
    "mv",
    "ln",
    "sha256sum",
    "df",
    "readlink",
    "cat",
];

/// The age of `vzctl`, as its messages tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Messages {
    /// Version 3, of 2011: `Saved parameters for CT 555`.
    Old,
    /// Version 4.
    New,
}

/// The kernel below `vzctl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// OpenVZ's own, which wants limits for everything.
    OpenVz,
    /// Any other.
    Other,
}

/// A host of containers.
#[derive(Debug, Clone)]
pub struct ContainerHost {
    /// Its name.
    pub name: String,
    dialect: Dialect,
    /// The age of its `vzctl`.
    pub messages: Messages,
    /// Its kernel.
    pub kernel: Kernel,
    /// The Proxmox VE that is installed: `9.1.99`.
    pub release: Option<String>,
    /// All its files, those of its containers included.
    pub tree: Tree,
    /// The containers that run.
    pub running: BTreeSet<u32>,
    /// The containers whose root is mounted, and that do not run.
    pub mounted: BTreeSet<u32>,
    /// The containers that run and have a network.
    pub online: BTreeSet<u32>,
    /// The newest version of each package that containers with a network can have.
    pub repository: BTreeMap<String, u32>,
    /// Containers do not start.
    pub fail_start: bool,
    /// What managers of packages say instead of doing anything.
    pub fail_packages: Option<String>,
    /// While a container is packed, others leave so many bytes free.
    pub fills_up: Option<u64>,
    /// The logs that a process of the host prints to just now.
    pub at_work: BTreeSet<String>,
}

impl ContainerHost {
    /// What programs it has.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a command, with `stdin` on its standard input.
    pub fn run(&mut self, words: &[&str], stdin: &str) -> Reply {
        let before = self.tree.work();
        let reply = Said::of(|said| self.command(words, stdin, said));
        if self.tree.work() != before {
            // What is written later is younger.
            self.tree.now += 1;
        }
        reply
    }

    /// Runs a part of a command: the machine goes down, or the process is killed, somewhere in it.
    pub fn run_in_part(&mut self, words: &[&str], stdin: &str, random: &mut Random) {
        let mut dry = self.clone();
        let before = dry.tree.work();
        dry.run(words, stdin);
        let work = usize::try_from(dry.tree.work() - before).unwrap_or(usize::MAX);
        self.tree.allow_work(Some(random.below(work) as u64));
        self.run(words, stdin);
        self.tree.allow_work(None);
    }

    fn command(&mut self, words: &[&str], stdin: &str, said: &mut Said) -> Ended {
        match (self.dialect, words) {
            (_, ["sh", "-c", script, "sh", log, words @ ..]) if *script == LOGGED => {
                self.logged(log, words, stdin, said)
            }
            (_, ["sh", "-s", arguments @ ..]) => self.fixed(stdin, arguments, said),
            (Dialect::OpenVz, ["vzctl", args @ ..]) => self.vzctl(args, stdin, said),
            (Dialect::OpenVz, ["vzlist", args @ ..]) => self.vzlist(args, said),
            (Dialect::Proxmox, ["pct", args @ ..]) => self.pct(args, stdin, said),
            (Dialect::Proxmox, ["pvesm", args @ ..]) => self.pvesm(args, said),
            (_, words) => self.plain(words, said),
        }
    }

    /// As the script does that stands around a command with a log.
    fn logged(&mut self, log: &str, words: &[&str], stdin: &str, said: &mut Said) -> Ended {
        let refuse =
            |said: &mut Said| said.fail(73, format!("the log {log} cannot be written, so nothing was run"));
        if let Some((folder, _)) = log.rsplit_once('/')
            && let Err(problem) = self.tree.make_folder(folder)
        {
            return if problem == tree::Problem::Killed { Err(problem.into()) } else { refuse(said) };
        }
        let at = jiff::Timestamp::from_second(self.tree.now).unwrap_or_default();
        let head =
            format!("== {}: {}\n", at.strftime("%Y-%m-%dT%H:%M:%SZ"), words.join(" ").replace('\n', " "));
        match self.tree.append(log, &head) {
            Err(tree::Problem::Killed) => return Err(tree::Problem::Killed.into()),
            Err(_) => return refuse(said),
            Ok(()) => {}
        }
        let reply = Said::of(|said| self.command(words, stdin, said));
        let printed =
            format!("{}{}", String::from_utf8_lossy(&reply.stdout), String::from_utf8_lossy(&reply.stderr));
        // A disk that is full takes the end of its own log, too.
        let _ = self.tree.append(log, &printed);
        if reply.exit == 0 {
            return Ok(());
        }
        let lines: Vec<&str> = printed.lines().collect();
        for line in lines.get(lines.len().saturating_sub(20)..).unwrap_or_default() {
            said.err(line);
        }
        Err(said::Exit(reply.exit))
    }

    /// What a container has from the world around it.
    fn around(&self, id: u32) -> Around {
        Around {
            repository: self.repository.clone(),
            network: self.online.contains(&id),
            fail_packages: self.fail_packages.clone(),
            host_name: self.name.clone(),
        }
    }

    /// A number that is equal for equal hosts.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.tree.fingerprint(), &self.running, &self.mounted, &self.online, &self.at_work)
            .hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
