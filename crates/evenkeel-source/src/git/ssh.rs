//! The bridge to an SSH server: what libgit2 says goes to `git-upload-pack` there, and the answers come back.

use std::io;
use std::sync::Arc;

use evenkeel_core::config::GitSourceSpec;
use evenkeel_core::target::{HostKeyChecking, SshSpec};
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use evenkeel_transport::{Running, SshClient};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::GitOptions;
use super::bridge::{Bridge, Trouble, no_port, token};
use super::place::SshPlace;

/// The user that forges take, where neither the URL nor `ssh_config` names one.
const USER: &str = "git";

/// The first line that libgit2 sends is short.
const MAX_COMMAND: usize = 1024;

/// Opens the way to the repository, on the connection that is kept or a new one.
pub(super) async fn open(
    place: &SshPlace,
    spec: &GitSourceSpec,
    options: &GitOptions,
) -> Result<Bridge, SourceError> {
    let client = Arc::clone(&options.ssh);
    let served = Served { client, server: server(place, spec, options), place: place.clone() };
    // At once, so that it is told without detours why there is no way.
    let mut ready = Some(served.start().await?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| no_port(&e))?;
    let address = listener.local_addr().map_err(|e| no_port(&e))?;
    let (token, trouble) = (token()?, Trouble::default());
    let url = format!("git://{address}/{token}");
    let noted = trouble.clone();
    let task = tokio::spawn(async move {
        // One connection after the other: libgit2 opens no two at once.
        while let Ok((mut stream, _)) = listener.accept().await {
            // Whoever does not know the token gets nothing, and libgit2 may go away at any time.
            if stream.set_nodelay(true).is_err() || !knows(&token, &mut stream).await.unwrap_or(false) {
                continue;
            }
            let _session = noted.session();
            if let Err(error) = served.serve(stream, ready.take()).await {
                noted.note(error);
            }
        }
    });
    Ok(Bridge::new(url, trouble, task))
}

/// What the URL and the settings say of the server; the rest is for `ssh_config` to say.
fn server(place: &SshPlace, spec: &GitSourceSpec, options: &GitOptions) -> SshSpec {
    let known_hosts = spec.known_hosts.as_deref().map(|file| options.file(file).display().to_string());
    SshSpec {
        host: place.host.clone(),
        port: place.port,
        user: place.user.clone(),
        credentials_ref: spec.credentials_ref.clone(),
        known_hosts,
        // Nothing is learnt by itself.
        host_key_checking: Some(HostKeyChecking::Strict),
        identity: None,
        agent: None,
        proxy_jump: None,
        become_: None,
        connect_timeout_seconds: None,
        command_timeout_seconds: None,
        keepalive_seconds: None,
        legacy_algorithms: false,
        powershell: None,
    }
}

struct Served {
    client: Arc<SshClient>,
    server: SshSpec,
    place: SshPlace,
}

impl Served {
    async fn start(&self) -> Result<Running, SourceError> {
        let started = self.client.run(&self.server, USER, &command(&self.place.path)).await;
        started.map_err(|error| failed(error, &self.client))
    }

    /// Joins libgit2 with `git-upload-pack`: with the one that is `ready`, or a new one.
    async fn serve(&self, local: TcpStream, ready: Option<Running>) -> Result<(), SourceError> {
        let running = match ready {
            Some(running) => running,
            None => self.start().await?,
        };
        let server = running.server();
        match running.pass(local).await {
            // libgit2 has all it wants.
            None => Ok(()),
            Some(ended) if ended.status == Some(0) => Ok(()),
            Some(ended) if ended.lost => {
                let message = format!("the connection to {server} broke while it was fetched from");
                Err(SourceError::new(SourceErrorKind::Unreachable, message))
            }
            Some(ended) => Err(self.refused(&server, &ended.stderr, ended.status)),
        }
    }

    fn refused(&self, server: &str, words: &[u8], status: Option<i32>) -> SourceError {
        let SshPlace { host, path, .. } = &self.place;
        let words = String::from_utf8_lossy(words);
        let lines = words.lines().map(|line| line.trim().trim_start_matches("remote:").trim());
        // Forges frame their messages.
        let said: Vec<&str> = lines.filter(|line| line.chars().any(char::is_alphanumeric)).take(3).collect();
        let said = said.join(" ");
        let low = said.to_ascii_lowercase();
        let is = |signs: &[&str]| signs.iter().any(|sign| low.contains(sign));
        if is(&[
            "does not appear to be a git repo",
            "not found",
            "could not be found",
            "does not exist",
            "no such",
        ]) {
            let message = format!("there is no repository {path} on {host}: {said}");
            return SourceError::new(SourceErrorKind::NotFound, message)
                .hint("check the path in the `url`; forges also say so where the key may not see it");
        }
        if is(&["permission denied", "access denied", "not authorized", "unauthorized"]) {
            let message = format!("{server} does not let us read {path}: {said}");
            return SourceError::new(SourceErrorKind::AuthenticationFailed, message)
                .hint("let the key read this repository (a deploy key will do)");
        }
        let status = status.map_or("without a status".to_owned(), |status| format!("with status {status}"));
        let colon = if said.is_empty() { "" } else { ": " };
        let message = format!("`git-upload-pack` on {host} ended {status}{colon}{said}");
        SourceError::new(SourceErrorKind::Failed, message)
    }
}

/// Reads libgit2's first line: its length in hexadecimal, the command, and `/` with the token.
async fn knows(token: &str, local: &mut TcpStream) -> io::Result<bool> {
    let mut length = [0; 4];
    local.read_exact(&mut length).await?;
    let length = std::str::from_utf8(&length).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
    let Some(length) = length.and_then(|l| l.checked_sub(4)).filter(|l| *l <= MAX_COMMAND) else {
        return Ok(false);
    };
    let mut line = vec![0; length];
    local.read_exact(&mut line).await?;
    Ok(line.starts_with(format!("git-upload-pack /{token}\0").as_bytes()))
}

/// Quoted for the server's shell.
fn command(path: &str) -> String {
    format!("git-upload-pack '{}'", path.replace('\'', "'\\''").replace('!', "'\\!'"))
}

/// Why there is no way to the server.
fn failed(error: TransportError, client: &SshClient) -> SourceError {
    let TransportError { kind, message, hint } = error;
    let (kind, advice) = match kind {
        // It has the command that adds or removes the key.
        TransportErrorKind::HostKeyUnknown | TransportErrorKind::HostKeyChanged => {
            (SourceErrorKind::Untrusted, hint.into_iter().collect())
        }
        TransportErrorKind::AuthenticationFailed => {
            let advice = "register the public key there (a deploy key that may read will do), or give the source \
                          another `credentialsRef`";
            (SourceErrorKind::AuthenticationFailed, also(advice, client))
        }
        TransportErrorKind::Credentials => {
            let advice = "ssh takes `privateKey` (and `passphrase`); tokens and passwords are for https";
            (SourceErrorKind::Configuration, hint.into_iter().chain([advice.to_owned()]).collect())
        }
        TransportErrorKind::Configuration => {
            let advice = "sources are reached as `ssh_config` says, where `ProxyJump` is understood and \
                          `ProxyCommand` is not";
            (SourceErrorKind::Configuration, vec![advice.to_owned()])
        }
        _ => {
            let advice = "check the host and port in the `url` of the source, and that the server is up";
            (SourceErrorKind::Unreachable, also(advice, client))
        }
    };
    let advice: Vec<String> = advice;
    let error = SourceError::new(kind, message);
    if advice.is_empty() { error } else { error.hint(advice.join("; ")) }
}

/// With what is not respected of the `ssh_config` files: that may be what is missing.
fn also(advice: &str, client: &SshClient) -> Vec<String> {
    std::iter::once(advice.to_owned()).chain(client.warnings()).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(command("/srv/it's"), r"git-upload-pack '/srv/it'\''s'");
        assert_eq!(command("$(x) `y` !z"), r"git-upload-pack '$(x) `y` '\!'z'");
    }

    #[tokio::test]
    async fn who_does_not_know_the_token_is_not_let_through() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (line, expected) in [
            ("0029git-upload-pack /secret\0host=127.0.0.1\0", true),
            ("0029git-upload-pack /guessd\0host=127.0.0.1\0", false),
            ("0029git-upload-pack /secretx\0ost=127.0.0.1\0", false),
            ("0000", false),
            ("ffffgit", false),
            ("GET /secret HTTP/1.1", false),
        ] {
            let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            near.write_all(line.as_bytes()).await.unwrap();
            near.shutdown().await.unwrap();
            assert_eq!(knows("secret", &mut far).await.unwrap_or(false), expected, "{line}");
        }
    }
}
