//! The request vocabulary: everything a driver can ask a transport to do, as plain data.
//!
//! A driver that seems to need I/O lacks a word here: add the word.

mod api;
mod exec;
mod files;
mod incus;
mod join;
mod powershell;
mod replies;
mod script;
mod transfer;
pub mod vsphere;

pub use api::{ApiRequest, Method};
pub use exec::{Arg, Exec, LOGGED, SecretRef, shell_quote};
pub use files::{Digest, Entry, FileRequest, Listing, MISSING, REFUSED};
pub use incus::IncusRequest;
pub use join::{JoinedSteps, MAX_COMMAND_BYTES, join_queries, join_steps};
pub use powershell::{Call, PowerShell};
pub use replies::{Answer, Replies, Reply};
pub use script::Script;
pub use transfer::{Check, Goal, Moved, Origin, Transfer};
pub use vsphere::VsphereRequest;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::target::Way;

/// One thing to do on a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// Run a program.
    Exec(Exec),
    /// Look into or change a store of files.
    Files(FileRequest),
    /// Move bytes, perhaps from another target. Never a query.
    Transfer(Box<Transfer>),
    /// Call a REST interface.
    Api(ApiRequest),
    /// Run a script in PowerShell.
    PowerShell(Box<PowerShell>),
    /// Ask an Incus server.
    Incus(Box<IncusRequest>),
    /// Ask a vCenter or an ESXi host over the vSphere API.
    Vsphere(Box<VsphereRequest>),
}

impl Request {
    /// The request as a person would type it, secrets replaced by their names.
    pub fn display(&self) -> String {
        match self {
            Request::Exec(exec) => exec.display(),
            Request::Files(files) => files.display(),
            Request::Transfer(transfer) => transfer.display(),
            Request::Api(api) => api.display(),
            Request::PowerShell(powershell) => powershell.display(),
            Request::Incus(incus) => incus.display(),
            Request::Vsphere(vsphere) => vsphere.display(),
        }
    }

    /// The way to ask for it.
    pub fn way(&self) -> Way {
        match self {
            Request::Vsphere(_) => Way::Vsphere,
            Request::Exec(_)
            | Request::Files(_)
            | Request::Transfer(_)
            | Request::Api(_)
            | Request::PowerShell(_)
            | Request::Incus(_) => Way::Commands,
        }
    }

    /// The command, where it is one.
    pub fn as_exec(&self) -> Option<&Exec> {
        match self {
            Request::Exec(exec) => Some(exec),
            Request::Files(_)
            | Request::Transfer(_)
            | Request::Api(_)
            | Request::PowerShell(_)
            | Request::Incus(_)
            | Request::Vsphere(_) => None,
        }
    }
}

/// A request that only reads. Cheap to clone: the rounds of a survey ask for the same again and again.
///
/// Plan mode sends queries and nothing else; the contract suite proves for each driver that its queries
/// leave the target as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    target: Option<Arc<str>>,
    request: Arc<Request>,
}

impl Query {
    /// Declares that `request` only reads.
    pub fn reading(request: Request) -> Self {
        Query { target: None, request: Arc::new(request) }
    }

    /// It is asked of this target, one of those that [`crate::driver::Driver::uses`] names, and not of the instance's
    /// own.
    #[must_use]
    pub fn at(self, target: &str) -> Self {
        Query { target: Some(target.into()), ..self }
    }

    /// The target that it is asked of. `None`: the instance's own.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The request to send.
    pub fn request(&self) -> &Request {
        &self.request
    }
}
