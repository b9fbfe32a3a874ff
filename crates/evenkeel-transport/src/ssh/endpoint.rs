//! Where a target is and how to get in: its settings, then `ssh_config`, then the defaults.

use std::path::PathBuf;
use std::time::Duration;

use evenkeel_core::target::{HostKeyChecking, SshSpec};
use evenkeel_core::transport::{TransportError, TransportErrorKind};

use super::SshOptions;
use super::config_file::{ConfigFile, HostConfig, Value};
use super::known_hosts::HostName;
use super::tokens::{Tokens, tilde};
use crate::machine::Lane;

/// Jump hosts may stand behind jump hosts this deep; deeper is taken for a loop.
const LONGEST_CHAIN: usize = 8;

/// Everything that decides about a connection. Two targets with equal endpoints share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// The name in `known_hosts`.
    pub(super) host_key_name: HostName,
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) accept_new: bool,
    pub(super) identities: IdentitySettings,
    pub(super) connect_timeout: Duration,
    pub(super) keepalive: Duration,
    pub(super) legacy_algorithms: bool,
    /// The host whose connection leads there.
    pub(super) jump: Option<Box<Endpoint>>,
    /// Which of the connections there it is.
    pub(super) lane: Lane,
}

/// Where keys are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IdentitySettings {
    /// The key file of the manifest: it must exist.
    pub(super) required: Option<PathBuf>,
    /// Key files of `ssh_config`: they are used if they exist.
    pub(super) configured: Vec<PathBuf>,
    /// Key files to try where there are no others.
    pub(super) defaults: Vec<PathBuf>,
    pub(super) agent: Option<PathBuf>,
    /// Offer no keys of the agent but those of the key files.
    pub(super) only_files: bool,
    pub(super) credentials_ref: Option<String>,
    /// Offer nothing but the key in the credential.
    pub(super) only_credential: bool,
}

/// Whom an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    Target,
    /// A server that runs a command, and who logs in there where nothing says otherwise.
    Server(&'a str),
    /// A jump host: the settings are what it inherits from the host behind it.
    Hop,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.host, self.port)
    }
}

impl Endpoint {
    /// Over a connection of its own, all the way.
    pub(super) fn in_lane(self, lane: Lane) -> Self {
        let jump = self.jump.map(|jump| Box::new(jump.in_lane(lane)));
        Endpoint { jump, lane, ..self }
    }
}

/// Works endpoints out.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    config: &'a ConfigFile,
    options: &'a SshOptions,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(config: &'a ConfigFile, options: &'a SshOptions) -> Self {
        Resolver { config, options }
    }

    /// The endpoint of a target.
    pub(super) fn resolve(&self, spec: &SshSpec) -> Result<Endpoint, TransportError> {
        self.endpoint(spec, Role::Target, 0)
    }

    /// The endpoint of a server that is no target; see [`SshClient::run`](super::SshClient::run).
    pub(super) fn resolve_server(
        &self,
        spec: &SshSpec,
        default_user: &str,
    ) -> Result<Endpoint, TransportError> {
        self.endpoint(spec, Role::Server(default_user), 0)
    }

    fn endpoint(&self, spec: &SshSpec, role: Role<'_>, depth: usize) -> Result<Endpoint, TransportError> {
        if depth > LONGEST_CHAIN {
            return Err(problem(format!("the jump hosts of {} lead in a circle", spec.host)));
        }
        let config = self.config.of(&spec.host);
        let mut tokens = Tokens {
            home: &self.options.home,
            local_user: &self.options.user,
            alias: &spec.host,
            host: &spec.host,
            port: 0,
            remote_user: "",
        };
        let host = match config.first("hostname") {
            Some(value) => expand(&tokens, &value)?,
            None => spec.host.clone(),
        };
        let port = match (spec.port, config.first("port")) {
            (Some(port), _) => port,
            (None, Some(value)) => number(&value)?,
            (None, None) => 22,
        };
        let user = match (&spec.user, config.first("user")) {
            (Some(user), _) => user.clone(),
            (None, Some(value)) => expand(&Tokens { host: &host, port, ..tokens }, &value)?,
            (None, None) => match role {
                Role::Server(default) => default.to_owned(),
                Role::Target | Role::Hop => self.options.user.clone(),
            },
        };
        tokens = Tokens { host: &host, port, remote_user: &user, ..tokens };
        let alias = config.first("hostkeyalias").map(|value| HostName::new(value.text, 22));
        Ok(Endpoint {
            host_key_name: alias.unwrap_or_else(|| HostName::new(&host, port)),
            known_hosts: self.known_hosts(spec, &config, &tokens)?,
            accept_new: accept_new(spec, &config)?,
            identities: self.identities(spec, &config, &tokens, role)?,
            connect_timeout: seconds(spec.connect_timeout_seconds, config.first("connecttimeout"))?,
            keepalive: seconds(spec.keepalive_seconds, config.first("serveraliveinterval"))?,
            legacy_algorithms: spec.legacy_algorithms && role != Role::Hop,
            jump: self.jump(spec, &config, depth)?.map(Box::new),
            lane: Lane::Shared,
            host,
            port,
            user,
        })
    }

    fn known_hosts(
        &self,
        spec: &SshSpec,
        config: &HostConfig<'_>,
        tokens: &Tokens<'_>,
    ) -> Result<Vec<PathBuf>, TransportError> {
        if let Some(file) = &spec.known_hosts {
            return Ok(vec![tilde(&self.options.home, file)]);
        }
        let mut files = match config.list("userknownhostsfile") {
            Some(values) => paths(tokens, &values)?,
            None => vec![self.options.home.join(".ssh/known_hosts")],
        };
        files.extend(match config.list("globalknownhostsfile") {
            Some(values) => paths(tokens, &values)?,
            None => self.options.global_known_hosts.clone(),
        });
        Ok(files)
    }

    fn identities(
        &self,
        spec: &SshSpec,
        config: &HostConfig<'_>,
        tokens: &Tokens<'_>,
        role: Role<'_>,
    ) -> Result<IdentitySettings, TransportError> {
        let manifest = spec.identity.as_deref().map(|path| tilde(&self.options.home, path));
        let configured = paths(tokens, &config.all("identityfile").collect::<Vec<_>>())?;
        // A jump host that ssh_config has a key for inherits none, nor the credential: so targets with credentials
        // of their own can share its connection.
        let inherits = role != Role::Hop || configured.is_empty();
        let required = manifest.filter(|_| inherits);
        let explicit = required.is_some() || !configured.is_empty();
        let default = |name: &&str| self.options.home.join(".ssh").join(name);
        let agent = match config.first("identityagent") {
            _ if spec.agent == Some(false) => None,
            Some(value) if value.text.eq_ignore_ascii_case("none") => None,
            Some(value) if value.text != "SSH_AUTH_SOCK" => Some(path(tokens, &value)?),
            _ => self.options.agent_socket.clone(),
        };
        Ok(IdentitySettings {
            required,
            configured,
            defaults: if explicit { vec![] } else { DEFAULT_KEYS.iter().map(default).collect() },
            agent,
            only_files: yes(config.first("identitiesonly"))?,
            credentials_ref: spec.credentials_ref.clone().filter(|_| inherits),
            only_credential: matches!(role, Role::Server(_)) && spec.credentials_ref.is_some(),
        })
    }

    /// The last of the jump hosts, behind the ones before it.
    fn jump(
        &self,
        spec: &SshSpec,
        config: &HostConfig<'_>,
        depth: usize,
    ) -> Result<Option<Endpoint>, TransportError> {
        let configured = config.first_of("proxyjump", "proxycommand");
        let list = match (&spec.proxy_jump, configured) {
            (Some(list), _) => list.clone(),
            (None, Some((_, value))) if value.text.eq_ignore_ascii_case("none") => return Ok(None),
            (None, Some(("proxyjump", value))) => value.text.to_owned(),
            (None, Some((_, value))) => {
                let message = format!("{}: ProxyCommand is not supported (for {})", value.at, spec.host);
                return Err(problem(message).hint("give the target `proxyJump`, or `proxyJump: none`"));
            }
            (None, None) => return Ok(None),
        };
        if list.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        let (before, nearest) = match list.rsplit_once(',') {
            Some((before, nearest)) => (Some(before.trim().to_owned()), nearest),
            None => (None, list.as_str()),
        };
        let hop = Hop::parse(nearest.trim())
            .ok_or_else(|| problem(format!("`{nearest}` is not a jump host (`[user@]host[:port]`)")))?;
        let inherited = SshSpec {
            host: hop.host,
            port: hop.port,
            user: hop.user,
            // None: the first hop's own ssh_config may name a jump host, too.
            proxy_jump: before,
            // These would only keep targets from sharing the jump host's connection.
            connect_timeout_seconds: None,
            keepalive_seconds: None,
            ..spec.clone()
        };
        self.endpoint(&inherited, Role::Hop, depth + 1).map(Some)
    }
}

const DEFAULT_KEYS: &[&str] = &["id_ed25519", "id_ecdsa", "id_rsa"];

/// A jump host as it is written: `[user@]host[:port]`, or as a URI.
#[derive(Debug, PartialEq, Eq)]
struct Hop {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Hop {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']')?;
                (host, after.strip_prefix(':'))
            }
            None => match rest.split_once(':') {
                // More than one colon: an IPv6 address without brackets.
                Some((_, port)) if port.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = port.map(|p| p.parse().ok().filter(|&p| p != 0)).map_or(Some(None), |p| p.map(Some))?;
        (!host.is_empty()).then(|| Hop { user, host: host.to_owned(), port })
    }
}

fn accept_new(spec: &SshSpec, config: &HostConfig<'_>) -> Result<bool, TransportError> {
    if let Some(checking) = spec.host_key_checking {
        return Ok(checking == HostKeyChecking::AcceptNew);
    }
    let Some(value) = config.first("stricthostkeychecking") else { return Ok(false) };
    match value.text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "ask" => Ok(false),
        // `no` lets ssh go on with a changed key; a changed key is refused here in any case.
        "accept-new" | "no" | "off" | "false" => Ok(true),
        other => Err(problem(format!("{}: StrictHostKeyChecking cannot be `{other}`", value.at))),
    }
}

/// 15 seconds, unless something says otherwise. `0`, `ssh_config`'s way to say "no limit", counts as not said.
fn seconds(given: Option<u32>, config: Option<Value<'_>>) -> Result<Duration, TransportError> {
    let configured = config.map(|value| number::<u32>(&value)).transpose()?.filter(|&s| s > 0);
    Ok(Duration::from_secs(given.or(configured).unwrap_or(15).into()))
}

fn yes(value: Option<Value<'_>>) -> Result<bool, TransportError> {
    let Some(value) = value else { return Ok(false) };
    match value.text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        other => Err(problem(format!("{}: `{other}` is neither yes nor no", value.at))),
    }
}

fn number<T: std::str::FromStr>(value: &Value<'_>) -> Result<T, TransportError> {
    value
        .text
        .parse()
        .map_err(|_| problem(format!("{}: `{}` is not a number in range", value.at, value.text)))
}

fn expand(tokens: &Tokens<'_>, value: &Value<'_>) -> Result<String, TransportError> {
    tokens.expand(value.text).map_err(|token| unknown_token(&token, value))
}

fn path(tokens: &Tokens<'_>, value: &Value<'_>) -> Result<PathBuf, TransportError> {
    tokens.path(value.text).map_err(|token| unknown_token(&token, value))
}

/// `none` stands for no file.
fn paths(tokens: &Tokens<'_>, values: &[Value<'_>]) -> Result<Vec<PathBuf>, TransportError> {
    let files = values.iter().filter(|value| !value.text.eq_ignore_ascii_case("none"));
    files.map(|value| path(tokens, value)).collect()
}

fn unknown_token(token: &str, value: &Value<'_>) -> TransportError {
    problem(format!("{}: the token `{token}` in `{}` is not supported", value.at, value.text))
}

fn problem(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::Configuration, message)
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
