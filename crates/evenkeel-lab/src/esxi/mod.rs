//! A simulated ESX or ESXi host: its multipathing, its datastores, and the texts of its `esxcli`.
//!
//! A stand-in that we wrote, because no ESXi and no foreign implementation of `esxcli storage nmp` runs here. What it
//! prints is held, byte by byte, against outputs that real hosts of each generation were seen to print
//! (`tests/recorded.rs`). Texts that were not recorded, most of them of errors, are marked as believed where they stand.
//!
//! What is easily missed: `Working Paths` of `device list` are those that the policy uses, and not those that work.
//! `VMW_PSP_FIXED` and `VMW_PSP_MRU` use one of them, Round Robin the optimized ones; `path list` tells of all.

mod array;
mod commands;
mod defaults;
mod device;
mod faults;
mod machine;
mod options;
mod rules;
mod setup;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::Reply;

pub use array::Array;
pub use device::{Device, DevicePath, LimitType, Limits, PathState};
pub use rules::{Group, Rule};
pub use setup::{Datastore, NfsMount, Vm};

use crate::zfs::Rights;

/// The programs that it answers to; which of them a host has depends on its release.
pub const PROGRAMS: [&str; 7] =
    ["esxcli", "vmware", "vim-cmd", "vmware-vim-cmd", "esxcfg-nas", "esxcfg-scsidevs", "esxlab"];

/// A release whose commands and texts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// ESX 4.1 with its service console: `esxcli nmp`, `vmware-vim-cmd`.
    Esx41,
    /// ESXi 5.5: `esxcli storage nmp`.
    Esxi55,
    /// ESXi 6.7.
    Esxi67,
    /// ESXi 8.0.
    Esxi80,
}

impl Release {
    /// All of them, the oldest first.
    pub const ALL: [Release; 4] = [Release::Esx41, Release::Esxi55, Release::Esxi67, Release::Esxi80];

    /// What `vmware -v` says.
    pub fn banner(self) -> &'static str {
        match self {
            Release::Esx41 => "VMware ESX 4.1.0 build-260247",
            Release::Esxi55 => "VMware ESXi 5.5.0 build-1331820",
            Release::Esxi67 => "VMware ESXi 6.7.0 build-14320388",
            Release::Esxi80 => "VMware ESXi 8.0.2 build-22380479",
        }
    }
}

/// A write that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Written {
    /// The command.
    pub argv: Vec<String>,
    /// The device that it named, where it named one.
    pub device: Option<String>,
    /// How many paths of that device were not dead just before.
    pub living_paths: usize,
}

/// A host.
#[derive(Debug, Clone)]
pub struct EsxHost {
    /// Its name.
    pub name: String,
    /// Its release.
    pub release: Release,
    devices: BTreeMap<String, Device>,
    rules: Vec<Rule>,
    /// The default policy of each array type.
    defaults: BTreeMap<String, String>,
    datastores: Vec<Datastore>,
    nfs: BTreeMap<String, NfsMount>,
    /// Servers of NFS that deny every mount.
    deaf_servers: BTreeSet<String>,
    vms: Vec<Vm>,
    due: Vec<faults::Due>,
    is_down: bool,
    written: Vec<Written>,
    /// Commands run, which makes the counters of Round Robin move.
    ticks: u64,
}

impl EsxHost {
    /// A host without any storage.
    pub fn new(name: impl Into<String>, release: Release) -> Self {
        EsxHost {
            name: name.into(),
            release,
            devices: BTreeMap::new(),
            rules: rules::system(release),
            defaults: defaults::defaults(release),
            datastores: Vec::new(),
            nfs: BTreeMap::new(),
            deaf_servers: BTreeSet::new(),
            vms: Vec::new(),
            due: Vec::new(),
            is_down: false,
            written: Vec::new(),
            ticks: 0,
        }
    }

    /// Runs a command as root.
    pub fn run<S: AsRef<str>>(&mut self, argv: &[S]) -> Reply {
        self.run_as(Rights::Root, argv)
    }

    /// Runs a command with these rights.
    pub fn run_as<S: AsRef<str>>(&mut self, rights: Rights, argv: &[S]) -> Reply {
        let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        self.ticks += 1;
        if self.is_down && argv.first() != Some(&"esxlab") {
            return self.gone();
        }
        commands::run(self, rights, &argv)
    }

    /// The writes that were carried out, the first of them first. Not those of `esxlab`.
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// The answer of a host that is going down.
    fn gone(&self) -> Reply {
        let stderr = format!("Connection to {} closed by remote host.\n", self.name);
        Reply { exit: 255, stdout: Vec::new(), stderr: stderr.into_bytes() }
    }

    /// A number that is equal for equal states. Commands that only read leave it as it is.
    pub fn fingerprint(&self) -> u64 {
        machine::fingerprint(self)
    }
}
