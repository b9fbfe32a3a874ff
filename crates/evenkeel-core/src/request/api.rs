//! A call of a machine's REST interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::exec::shell_quote;

/// A call of Proxmox VE's interface. A target that is reached over HTTPS gets it as it is, one that is reached over SSH
/// as `pvesh`. The reply's standard output is the `data` of the answer as JSON. Its exit status is 0 for an answer
/// of 200 to 299, else the HTTP status (1 where `pvesh` does not tell), with the reason on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiRequest {
    /// What is done.
    pub method: Method,
    /// The path below `/api2/json`: `/cluster/backup`.
    pub path: String,
    /// The parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As `pvesh` calls it.
    pub fn pvesh(self) -> &'static str {
        match self {
            Method::Get => "get",
            Method::Post => "create",
            Method::Put => "set",
            Method::Delete => "delete",
        }
    }
}

impl ApiRequest {
    /// A call without parameters.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        ApiRequest { method, path: path.into(), params: BTreeMap::new() }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// As `pvesh` would be given it.
    pub fn display(&self) -> String {
        let mut line = format!("pvesh {} {}", self.method.pvesh(), shell_quote(&self.path));
        for (name, value) in &self.params {
            let _ = write!(line, " --{name} {}", shell_quote(value));
        }
        line
    }
}
