//! How a host is read and told: by its own commands, or over the vSphere API.

use evenkeel_core::request::Request;

use super::api::System;
use crate::esxi::dialect::Dialect;
use crate::esxi::reply::NmpDevice;

/// How a host is read and told.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// By `esxcli`.
    Commands(Dialect),
    /// Over the API, where one answer tells of devices, paths and the SCSI layer.
    Api(System),
}

impl Access {
    /// Of a host that takes commands. Array types, rules and limits are for those alone.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        match self {
            Access::Commands(dialect) => Some(*dialect),
            Access::Api(_) => None,
        }
    }

    fn ask(&self, command: impl FnOnce(Dialect) -> Request) -> Request {
        match self {
            Access::Commands(dialect) => command(*dialect),
            Access::Api(system) => system.storage().request().clone(),
        }
    }

    /// Every device of the native multipathing plugin.
    pub(super) fn device_list(&self) -> Request {
        self.ask(Dialect::device_list)
    }

    /// Every path.
    pub(super) fn path_list(&self) -> Request {
        self.ask(Dialect::path_list)
    }

    /// The paths to one device.
    pub(super) fn paths(&self, device: &str) -> Request {
        self.ask(|dialect| dialect.paths(device))
    }

    /// What the SCSI layer tells.
    pub(super) fn scsi_list(&self) -> Request {
        self.ask(Dialect::scsi_list)
    }

    /// The array types and their default policies.
    pub(super) fn satp_list(&self) -> Request {
        self.ask(Dialect::satp_list)
    }

    /// What stands on the disks.
    pub(super) fn users(&self) -> Vec<Request> {
        match self {
            Access::Commands(dialect) => vec![dialect.extent_list(), dialect.vm_list()],
            Access::Api(_) => vec![System::users().request().clone()],
        }
    }

    /// The preferred path of a device whose policy is fixed, or what is wrong with what is said of it.
    pub(super) fn preferred_path(&self, device: &NmpDevice) -> Result<Option<String>, String> {
        match self {
            Access::Commands(_) => device.preferred_path(),
            Access::Api(system) => Ok(system.preferred_path(&device.id)),
        }
    }
}
