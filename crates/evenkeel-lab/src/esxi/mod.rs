//! A simulated ESX or ESXi host: its multipathing, its datastores, and the texts of its `esxcli`.

use std::collections::BTreeMap;

use evenkeel_core::request::Reply;

use crate::machine::Machine;
use crate::random::Random;

/// The programs that it answers to.
pub const PROGRAMS: [&str; 6] = ["esxcli", "vmware", "vim-cmd", "esxcfg-nas", "esxcfg-scsidevs", "esxlab"];

/// A release whose commands and texts it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// ESX 4.1: `esxcli nmp`.
    Esx41,
    /// ESXi 5.5: `esxcli storage nmp`.
    Esxi55,
    /// ESXi 6.7.
    Esxi67,
    /// ESXi 8.0.
    Esxi80,
}

/// A host.
#[derive(Debug, Clone)]
pub struct EsxHost {
    /// Its name.
    pub name: String,
    /// Its release.
    pub release: Release,
}

impl EsxHost {
    /// A host without any storage.
    pub fn new(name: impl Into<String>, release: Release) -> Self {
        EsxHost { name: name.into(), release }
    }

    /// Runs a command as root.
    pub fn run<S: AsRef<str>>(&mut self, argv: &[S]) -> Reply {
        let stderr = format!("{}: not found\n", argv.first().map_or("", AsRef::as_ref));
        Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
    }
}

impl Machine for EsxHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        EsxHost::run(self, argv)
    }

    fn fingerprint(&self) -> u64 {
        0
    }

    fn drift(&mut self, _: &mut Random) {}

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::new()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
