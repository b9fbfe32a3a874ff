//! How an Incus server is reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SshSpec;

/// Where the server's socket is unless the settings say otherwise.
const SOCKET: &str = "/var/lib/incus/unix.socket";

/// Where the server listens for HTTPS unless the address says otherwise.
const PORT: u16 = 8443;

/// An Incus server: its socket on this machine or, with `ssh`, on another; or with `url` its HTTPS port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IncusSpec {
    /// The machine that the server runs on, as a target's `ssh` names it: its socket is reached through SSH, as the user
    /// that logs in, who must be allowed to use it. `become` and `commandTimeoutSeconds` mean nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshSpec>,
    /// The server's socket. Default: `/var/lib/incus/unix.socket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// The server's HTTPS address, `https://10.0.0.5`, instead of a socket. Where it names no port: 8443.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// With `url`: the credential that holds the client's `certificate` and `privateKey` (PEM), which the server trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// With `url`: SHA-256 of the server's certificate in hexadecimal, with or without colons, as `incus info` shows it:
    /// exactly this one is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_fingerprint: Option<String>,
    /// With `url`: file with the certificates (PEM) that sign the server's. Default: those that this machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The project. Default: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// A call that takes longer than this many seconds is given up. Default: 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

impl IncusSpec {
    /// The server's socket, on the machine that it runs on.
    pub fn socket(&self) -> &str {
        self.socket.as_deref().unwrap_or(SOCKET)
    }

    /// Host (IPv6 without its brackets) and port of `url`; `None` where it is not `https://host[:port]`.
    pub fn server(&self) -> Option<(&str, u16)> {
        let rest = self.url.as_deref()?.strip_prefix("https://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(PORT), |port| port.parse().ok().filter(|port| *port > 0))?;
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let is_host = !host.is_empty() && !host.starts_with('-') && host.chars().all(fits);
        is_host.then_some((host, port))
    }

    /// The machine that the server runs on, as far as its settings tell.
    pub(super) fn address(&self) -> String {
        let at = match (self.server(), &self.url, &self.ssh) {
            (Some((host, port)), _, _) => format!("{host}:{port}"),
            (None, Some(url), _) => url.clone(),
            (None, None, Some(ssh)) => ssh.host.clone(),
            (None, None, None) => return format!("incus {}", self.socket()),
        };
        format!("incus {}", at.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> IncusSpec {
        IncusSpec { url: Some(url.to_owned()), ..IncusSpec::default() }
    }

    #[test]
    fn an_address_has_a_host_and_perhaps_a_port_and_nothing_else() {
        for (url, expected) in [
            ("https://10.0.0.5", ("10.0.0.5", 8443)),
            ("https://incus.example.org:443/", ("incus.example.org", 443)),
            ("https://[fd00::5]", ("fd00::5", 8443)),
            ("https://[fd00::5]:8444", ("fd00::5", 8444)),
        ] {
            assert_eq!(at(url).server(), Some(expected), "{url}");
        }
        for url in [
            "",
            "10.0.0.5",
            "http://10.0.0.5",
            "https://",
            "https://-x",
            "https://a:0",
            "https://a:70000",
            "https://a:",
            "https://u:p@a",
            "https://a/1.0",
            "https://a?x",
            "https://fd00::5",
            "https://[fd00::5",
            "https://[fd00::5]8443",
        ] {
            assert_eq!(at(url).server(), None, "{url}");
        }
    }

    #[test]
    fn of_two_names_of_one_server_it_is_known() {
        assert_eq!(at("https://Host").address(), at("https://host:8443/").address());
        let socket = |path: Option<&str>| IncusSpec { socket: path.map(Into::into), ..IncusSpec::default() };
        assert_eq!(socket(None).address(), socket(Some(SOCKET)).address());
        assert_ne!(socket(None).address(), socket(Some("/other")).address());
    }
}
