//! A host of containers while it is served.

use std::sync::{Mutex, MutexGuard};

use evenkeel_core::request::Reply;
use jiff::Timestamp;

use super::locked;
use crate::containers::{ContainerHost, Dialect, programs};
use crate::wire::Call;
use crate::zfs::Rights;

/// The name of the folder with a dialect's shims.
pub(super) fn folder(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenVz => "bin-vzctl",
        Dialect::Proxmox => "bin-pct",
    }
}

/// The programs that are linked there.
pub(super) fn linked(dialect: Dialect) -> Vec<&'static str> {
    programs(dialect).collect()
}

pub(super) struct Containers(Mutex<ContainerHost>);

impl Containers {
    pub(super) fn new(host: ContainerHost) -> Self {
        Containers(Mutex::new(host))
    }

    pub(super) fn host(&self) -> MutexGuard<'_, ContainerHost> {
        locked(&self.0)
    }

    pub(super) fn reply(&self, call: &Call) -> Reply {
        if call.rights != Rights::Root {
            return Reply { exit: 255, stdout: Vec::new(), stderr: b"please run as root\n".to_vec() };
        }
        let words: Vec<&str> = call.argv.iter().map(String::as_str).collect();
        let mut host = self.host();
        host.tree.now = host.tree.now.max(Timestamp::now().as_second());
        host.run(&words, &call.stdin)
    }
}
