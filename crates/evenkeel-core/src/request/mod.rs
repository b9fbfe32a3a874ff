//! The request vocabulary: everything a driver can ask a transport to do, as plain data.
//!
//! A driver that seems to need I/O lacks a word here: add the word.

mod exec;
mod join;
mod replies;

pub use exec::{Arg, Exec, SecretRef};
pub use join::{JoinedSteps, MAX_COMMAND_BYTES, join_queries, join_steps};
pub use replies::{Answer, Replies, Reply};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One thing to do on a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// Run a program.
    Exec(Exec),
}

impl Request {
    /// The request as a person would type it, secrets replaced by their names.
    pub fn display(&self) -> String {
        match self {
            Request::Exec(exec) => exec.display(),
        }
    }
}

/// A request that only reads. Cheap to clone: the rounds of a survey ask for the same again and again.
///
/// Plan mode sends queries and nothing else; the contract suite proves for each driver that its queries
/// leave the target as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Query(Arc<Request>);

impl Query {
    /// Declares that `request` only reads.
    pub fn reading(request: Request) -> Self {
        Query(Arc::new(request))
    }

    /// The request to send.
    pub fn request(&self) -> &Request {
        &self.0
    }
}
