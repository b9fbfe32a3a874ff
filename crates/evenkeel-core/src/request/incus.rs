//! What can be asked of an Incus server over its REST interface.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Script;
use super::api::Method;
use super::exec::shell_quote;

/// Where the aliases of images are.
const ALIASES: &str = "/1.0/images/aliases";

/// One request to an Incus server (or LXD 5, which answers to all of this alike).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum IncusRequest {
    /// Calls the interface. What the server does in the background is waited for. The reply's standard output is the
    /// `metadata` of the answer as JSON; of an operation, that of the operation as it ended. Exit status 0 for success,
    /// else the HTTP status or the operation's `status_code` (400 for a failure, 401 where it was cancelled), with the
    /// server's words on standard error. So a published image's reply is `{"fingerprint":"…","size":"…"}`, that of what
    /// tells nothing `null`.
    Call {
        /// What is done.
        method: Method,
        /// The path, nothing in it encoded: `/1.0/images/aliases/debian-12`.
        path: String,
        /// What stands behind the `?`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        query: BTreeMap<String, String>,
        /// The body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// It may take so many seconds, where that is more than the transport gives a call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
    /// Makes an alias lead to the image that another one leads to, in one step where it is there already: what an image is
    /// called by the server (its fingerprint) is known only once it was made. Exit status 0 for success, else the HTTP status.
    Retarget {
        /// The alias. It is made where it is not there.
        alias: String,
        /// The alias that leads to the image now.
        like: String,
    },
    /// Stops an instance: it is told to, and where it has not ended by itself in time, by force. Exit status 0 where it stands
    /// still, else the HTTP status or the operation's, with the server's words to the first of both on standard error.
    Stop {
        /// The instance.
        instance: String,
        /// So many seconds it has to end by itself.
        seconds: u64,
    },
    /// Removes an instance, running or not, where it carries a mark. Exit status 0 where it is gone, or was not there; 409 where
    /// it does not carry the mark and so is somebody else's; else the HTTP status.
    Discard {
        /// The instance.
        instance: String,
        /// What its configuration must say: `user.evenkeel.resource` and its value.
        marked: BTreeMap<String, String>,
    },
    /// Runs a script in an instance by `sh -c TEXT NAME ARGUMENTS…`. The reply is the script's own: its exit status and the
    /// end of its outputs (at most 64 KiB of each). Where it failed, standard error says which script that was, and has the
    /// last lines of both outputs: managers of packages tell on standard output what is wrong. Where it could not be run,
    /// the reply is that of a call: an exit status of 400 and more.
    /// It reads nothing, as root, with `LC_ALL=C.UTF-8`. One that takes too long is no longer waited for, and goes on in
    /// the instance.
    Exec {
        /// The instance.
        instance: String,
        /// The script.
        script: Script,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        arguments: Vec<String>,
        /// It may take so many seconds, where that is more than the transport gives a call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
    },
}

impl IncusRequest {
    /// A call without query and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        IncusRequest::Call { method, path: path.into(), query: BTreeMap::new(), body: None, seconds: None }
    }

    /// A call that reads, with what stands behind the `?`.
    pub fn get<'a>(path: impl Into<String>, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let query = query.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        IncusRequest::Call { method: Method::Get, path: path.into(), query, body: None, seconds: None }
    }

    /// A call with a body.
    pub fn send(method: Method, path: impl Into<String>, body: Value) -> Self {
        let (query, body) = (BTreeMap::new(), Some(body));
        IncusRequest::Call { method, path: path.into(), query, body, seconds: None }
    }

    /// It may take so many seconds.
    #[must_use]
    pub fn within(mut self, limit: u64) -> Self {
        match &mut self {
            IncusRequest::Call { seconds, .. } | IncusRequest::Exec { seconds, .. } => *seconds = Some(limit),
            IncusRequest::Retarget { .. } | IncusRequest::Stop { .. } | IncusRequest::Discard { .. } => {}
        }
        self
    }

    /// True where it changes nothing.
    pub fn reads(&self) -> bool {
        matches!(self, IncusRequest::Call { method: Method::Get, .. })
    }

    /// As it would be typed for Incus's own client.
    pub fn display(&self) -> String {
        match self {
            IncusRequest::Call { method, path, query, body, .. } => {
                let mut line = "incus query".to_owned();
                let verb = match method {
                    Method::Get => "",
                    Method::Post => " --wait -X POST",
                    Method::Put => " --wait -X PUT",
                    Method::Delete => " --wait -X DELETE",
                };
                line.push_str(verb);
                if let Some(body) = body {
                    let _ = write!(line, " -d {}", shell_quote(&body.to_string()));
                }
                let query: Vec<String> =
                    query.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let behind = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
                let _ = write!(line, " {}", shell_quote(&format!("{path}{behind}")));
                line
            }
            IncusRequest::Retarget { alias, like } => {
                let like = shell_quote(&format!("{ALIASES}/{like}"));
                let alias = shell_quote(&format!("{ALIASES}/{alias}"));
                let target = format!("{{\\\"target\\\":\\\"$(incus query {like} | jq -r .target)\\\"}}");
                format!("incus query --wait -X PUT -d \"{target}\" {alias}")
            }
            IncusRequest::Stop { instance, seconds } => {
                let instance = shell_quote(instance);
                format!("incus stop --timeout {seconds} {instance} || incus stop --force {instance}")
            }
            IncusRequest::Discard { instance, .. } => {
                format!("incus delete --force {}", shell_quote(instance))
            }
            IncusRequest::Exec { instance, script, arguments, .. } => {
                let mut line = format!("incus exec {} -- sh -s", shell_quote(instance));
                for argument in arguments {
                    let _ = write!(line, " {}", shell_quote(argument));
                }
                let _ = write!(line, " < {}", script.name);
                line
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_are_shown_as_incus_own_client_takes_them() {
        let alias = IncusRequest::send(Method::Put, "/1.0/images/aliases/a b", json!({ "target": "abc" }));
        assert_eq!(
            alias.display(),
            r#"incus query --wait -X PUT -d '{"target":"abc"}' '/1.0/images/aliases/a b'"#
        );
        let images = IncusRequest::get("/1.0/images", [("recursion", "1")]);
        assert_eq!(
            (images.display().as_str(), images.reads()),
            ("incus query '/1.0/images?recursion=1'", true)
        );
        let newest = IncusRequest::Retarget { alias: "debian-12".into(), like: "debian-12/7".into() };
        assert_eq!(
            newest.display(),
            r#"incus query --wait -X PUT -d "{\"target\":\"$(incus query /1.0/images/aliases/debian-12/7 | jq -r .target)\"}" /1.0/images/aliases/debian-12"#
        );
        let exec = IncusRequest::Exec {
            instance: "evenkeel-debian".into(),
            script: Script::new("containers/packages.sh", "apt-get update"),
            arguments: vec!["install".into(), "a b".into()],
            seconds: None,
        };
        assert_eq!(
            exec.display(),
            "incus exec evenkeel-debian -- sh -s install 'a b' < containers/packages.sh"
        );
        let marked =
            BTreeMap::from([("user.evenkeel.resource".to_owned(), "ContainerTemplate/a".to_owned())]);
        let discard = IncusRequest::Discard { instance: "evenkeel-build-a".into(), marked };
        assert_eq!(
            (discard.display().as_str(), discard.reads()),
            ("incus delete --force evenkeel-build-a", false)
        );
        let stop = IncusRequest::Stop { instance: "evenkeel-build-a".into(), seconds: 120 };
        assert_eq!(
            stop.display(),
            "incus stop --timeout 120 evenkeel-build-a || incus stop --force evenkeel-build-a"
        );
        assert!(!exec.reads() && !alias.reads() && !newest.reads() && !stop.reads());
    }
}
