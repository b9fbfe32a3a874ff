//! The commands that mount and unmount a datastore.

use evenkeel_core::request::Request;

use super::joined;
use super::spec::{EsxiNfsDatastoreSpec, NfsVersion};
use crate::esxi::dialect::{Dialect, command};

/// The NFS 3 datastores. What a host answers to it tells its dialect.
pub(super) fn list() -> Request {
    command(["esxcli", "storage", "nfs", "list"])
}

/// The NFS 4.1 datastores; from 6.0 on.
pub(super) fn list_41() -> Request {
    command(["esxcli", "storage", "nfs41", "list"])
}

/// The datastores of 4.x.
pub(super) fn old_list() -> Request {
    command(["esxcfg-nas", "-l"])
}

/// The virtual machines that are registered on the host: on ESXi, and with the service console of ESX 4.x.
pub(super) fn registered() -> [Request; 2] {
    ["vim-cmd", "vmware-vim-cmd"].map(|program| command([program, "vmsvc/getallvms"]))
}

pub(super) fn mount(dialect: Dialect, spec: &EsxiNfsDatastoreSpec) -> Request {
    let hosts = joined(&spec.hosts());
    if dialect == Dialect::Four {
        return command([
            "esxcfg-nas",
            "-a",
            "-o",
            hosts.as_str(),
            "-s",
            spec.share.as_str(),
            spec.name.as_str(),
        ]);
    }
    let (namespace, option) = match spec.version {
        NfsVersion::V3 => ("nfs", "--host"),
        NfsVersion::V41 => ("nfs41", "--hosts"),
    };
    let share = spec.share.as_str();
    let options = [option, hosts.as_str(), "--share", share, "--volume-name", spec.name.as_str()];
    let read_only = spec.read_only.then_some("--readonly");
    command(["esxcli", "storage", namespace, "add"].into_iter().chain(options).chain(read_only))
}

pub(super) fn unmount(dialect: Dialect, name: &str, version: NfsVersion) -> Request {
    match (dialect, version) {
        (Dialect::Four, _) => command(["esxcfg-nas", "-d", name]),
        (Dialect::Five, NfsVersion::V3) => {
            command(["esxcli", "storage", "nfs", "remove", "--volume-name", name])
        }
        (Dialect::Five, NfsVersion::V41) => {
            command(["esxcli", "storage", "nfs41", "remove", "--volume-name", name])
        }
    }
}
