//! The guests of a simulated host.

use serde::{Deserialize, Serialize};

/// A container or virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Guest {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: bool,
    /// The pool that it is in.
    pub pool: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How many bytes a dump of it has.
    pub bytes: u64,
    /// What goes wrong with dumps of it.
    pub trouble: Option<Trouble>,
    /// The moment of the dump that it was restored from.
    pub restored_from: Option<String>,
}

/// What a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A container of OpenVZ.
    OpenVz,
    /// A container of today's Proxmox VE.
    Lxc,
    /// A virtual machine.
    Qemu,
}

impl Kind {
    /// As it stands in the names of dumps.
    pub fn word(self) -> &'static str {
        match self {
            Kind::OpenVz => "openvz",
            Kind::Lxc => "lxc",
            Kind::Qemu => "qemu",
        }
    }
}

/// What goes wrong with dumps of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// After half of the bytes `vzdump` says `ERROR:` and ends as it does on errors: with status 0 in the old version, 255
    /// today.
    Error,
    /// After half of the bytes `vzdump` dies with status 1 without a word.
    Dies,
}

impl Trouble {
    /// From its name, `error` or `dies`; nothing else is one.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.trim() {
            "error" => Some(Trouble::Error),
            "dies" => Some(Trouble::Dies),
            _ => None,
        }
    }
}

impl Guest {
    /// A guest that runs, with small dumps.
    pub fn new(kind: Kind, name: &str) -> Self {
        Guest {
            kind,
            name: name.to_owned(),
            running: true,
            pool: None,
            tags: Vec::new(),
            bytes: 300,
            trouble: None,
            restored_from: None,
        }
    }

    /// `running` or `stopped`
    pub(super) fn status(&self) -> &'static str {
        if self.running { "running" } else { "stopped" }
    }
}
