//! A call of a machine's REST interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::Reply;
use super::exec::shell_quote;

/// A call of Proxmox VE's interface. A target that is reached over HTTPS gets it as it is, one that is reached over SSH
/// as `pvesh`. The reply's standard output is the `data` of the answer as JSON. Its exit status is 0 for an answer
/// of 200 to 299, else the HTTP status (1 where `pvesh` does not tell), with the reason on standard error: its first
/// line says what is wrong, and a line `field: problem` follows for each parameter that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiRequest {
    /// What is done.
    pub method: Method,
    /// The path below `/api2/json`, nothing in it encoded: `/cluster/backup`.
    pub path: String,
    /// The parameters. A value with NULs in it is a list: the parameter is given once for each of its parts.
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
        for (name, value) in self.each_param() {
            let _ = write!(line, " --{name} {}", shell_quote(value));
        }
        line
    }

    /// The parameters as they are sent: one with a list as often as that has parts.
    pub fn each_param(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().flat_map(|(name, value)| value.split('\0').map(move |part| (name.as_str(), part)))
    }

    /// The reply that an HTTP answer is: its status, the reason in its first line, and its body. `None` where that is
    /// not what Proxmox VE answers.
    pub fn reply(status: u16, reason: &str, body: &[u8]) -> Option<Reply> {
        let body = serde_json::from_slice::<Value>(body).ok();
        let field = |name: &str| body.as_ref().and_then(|body| body.get(name));
        if (200..300).contains(&status) {
            let data = serde_json::to_vec(field("data")?).ok()?;
            return Some(Reply { exit: 0, stdout: data, stderr: Vec::new() });
        }
        let message = field("message").and_then(Value::as_str).map(str::trim_end).filter(|m| !m.is_empty());
        let mut said = format!("{}\n", message.unwrap_or(reason));
        for (name, problem) in field("errors").and_then(Value::as_object).into_iter().flatten() {
            let _ = writeln!(said, "{name}: {}", problem.as_str().unwrap_or_default().trim_end());
        }
        Some(Reply { exit: i32::from(status), stdout: Vec::new(), stderr: said.into_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_shown_part_by_part() {
        let api =
            ApiRequest::new(Method::Put, "/cluster/backup/a").param("exclude-path", "/tmp/?*\0/var/tmp");
        assert_eq!(
            api.display(),
            "pvesh set /cluster/backup/a --exclude-path '/tmp/?*' --exclude-path /var/tmp"
        );
    }

    #[test]
    fn an_answer_is_its_data_and_a_refusal_its_reason() {
        let good = ApiRequest::reply(200, "OK", br#"{"data":{"a":1}}"#).unwrap();
        assert_eq!((good.exit, good.stdout.as_slice()), (0, br#"{"a":1}"#.as_slice()));
        let body = br#"{"errors":{"id":"No such job 'fix5'"},"message":"Parameter verification failed.\n","data":null}"#;
        let bad = ApiRequest::reply(400, "Parameter verification failed.", body).unwrap();
        assert_eq!(bad.exit, 400);
        assert_eq!(bad.stderr_text(), "Parameter verification failed.\nid: No such job 'fix5'");
        let old = ApiRequest::reply(403, "Permission check failed", br#"{"data":null}"#).unwrap();
        assert_eq!(old.stderr_text(), "Permission check failed");
        assert_eq!(ApiRequest::reply(401, "No ticket", b"").unwrap().stderr_text(), "No ticket");
        for strange in [b"".as_slice(), b"<html>", b"[]", b"{}"] {
            assert_eq!(ApiRequest::reply(200, "OK", strange), None);
        }
    }
}
