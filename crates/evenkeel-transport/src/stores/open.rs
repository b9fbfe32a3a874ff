//! Reaching the store, or the machine, of a target.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};

use super::folder::FolderFiles;
use super::{Store, StoreError, Stored, ftp, objects, sftp, webdav};
use crate::DEFAULT_COMMAND_TIMEOUT_SECONDS;
use crate::credentials::Credentials;
use crate::machine::{Lane, Machine};
use crate::ssh::SshClient;
use crate::transfer::Ends;

/// Reaches all of them.
pub(crate) struct Stores {
    client: Arc<SshClient>,
    credentials: Arc<dyn Credentials>,
}

impl Stores {
    pub(crate) fn new(client: Arc<SshClient>, credentials: Arc<dyn Credentials>) -> Self {
        Stores { client, credentials }
    }

    async fn open(&self, target: &Target, lane: Lane) -> Stored<Box<dyn Store>> {
        let (name, credentials) = (target.name.as_str(), self.credentials.as_ref());
        let spec = &target.spec;
        if let Some(spec) = &spec.ftp {
            return Ok(Box::new(ftp::open(name, spec, credentials).await?));
        }
        if let Some(spec) = &spec.sftp {
            return Ok(Box::new(sftp::open(&self.client, spec, lane).await?));
        }
        if let Some(spec) = &spec.s3 {
            return Ok(Box::new(objects::open_s3(name, spec, credentials)?));
        }
        if let Some(spec) = &spec.azblob {
            return Ok(Box::new(objects::open_azblob(name, spec, credentials)?));
        }
        if let Some(spec) = &spec.webdav {
            return Ok(Box::new(webdav::open(name, spec, credentials)?));
        }
        let machine = self.machine(target, lane).map_err(StoreError::Failed)?;
        Ok(Box::new(FolderFiles::new(machine, patience(target))))
    }
}

/// How long a command may take on a machine.
fn patience(target: &Target) -> Duration {
    let ssh = target.spec.ssh.as_ref().and_then(|spec| spec.command_timeout_seconds);
    let local = target.spec.local.as_ref().and_then(|spec| spec.command_timeout_seconds);
    Duration::from_secs(ssh.or(local).unwrap_or(DEFAULT_COMMAND_TIMEOUT_SECONDS).into())
}

impl Ends for Stores {
    fn store<'a>(&'a self, target: &'a Target, lane: Lane) -> BoxFuture<'a, Stored<Box<dyn Store>>> {
        Box::pin(self.open(target, lane))
    }

    fn machine(&self, target: &Target, lane: Lane) -> Result<Machine, TransportError> {
        Machine::of(target, &self.client, &self.credentials, lane).ok_or_else(|| {
            let message = format!("target `{}` runs no commands", target.name);
            let error = TransportError::new(TransportErrorKind::Configuration, message);
            error.hint("only targets with `ssh` or `local` do")
        })
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}
