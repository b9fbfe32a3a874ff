//! The bridge to an SSH server: what libgit2 says goes to `git-upload-pack` there, and the answers come back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::GitSourceSpec;
use evenkeel_engine::source::{SourceError, SourceErrorKind};
use russh::client::{self, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{ChannelMsg, Preferred};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::GitOptions;
use super::bridge::{Bridge, Trouble, no_port, token};
use super::known_hosts::KnownHosts;
use super::login;
use super::place::SshPlace;

/// The first line that libgit2 sends is short.
const MAX_COMMAND: usize = 1024;

/// What a server says when it refuses is short.
const MAX_WORDS: usize = 4096;

/// Signs of life, so that a server that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Connects and logs in, and opens the way to the repository there.
pub(super) async fn open(
    place: &SshPlace,
    spec: &GitSourceSpec,
    options: &GitOptions,
) -> Result<Bridge, SourceError> {
    let files = match &spec.known_hosts {
        Some(file) => vec![options.file(file)],
        None => vec![options.home.join(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts".into()],
    };
    let known = KnownHosts::look_up(&place.host, place.port, files)?;
    let config = client::Config {
        preferred: Preferred { key: known.host_keys().into(), ..Preferred::DEFAULT },
        keepalive_interval: Some(KEEPALIVE),
        ..client::Config::default()
    };
    let stream =
        TcpStream::connect((place.host.as_str(), place.port)).await.map_err(|e| unreachable(place, &e))?;
    // Small packets go back and forth until the fetch begins.
    stream.set_nodelay(true).map_err(|e| unreachable(place, &e))?;
    let connecting = client::connect_stream(Arc::new(config), stream, Client { known });
    let mut handle = Box::pin(connecting).await.map_err(|failure| failed(place, failure))?;
    login::log_in(&mut handle, place, spec, options).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| no_port(&e))?;
    let address = listener.local_addr().map_err(|e| no_port(&e))?;
    let (token, trouble) = (token()?, Trouble::default());
    let url = format!("git://{address}/{token}");
    let served = Served { handle, place: place.clone(), token, trouble: trouble.clone() };
    let task = tokio::spawn(async move {
        // One connection after the other: libgit2 opens no two at once.
        while let Ok((stream, _)) = listener.accept().await {
            let _session = served.trouble.session();
            if let Err(error) = served.serve(stream).await {
                served.trouble.note(error);
            }
        }
    });
    Ok(Bridge::new(url, trouble, task))
}

struct Served {
    handle: Handle<Client>,
    place: SshPlace,
    token: String,
    trouble: Trouble,
}

impl Served {
    async fn serve(&self, mut local: TcpStream) -> Result<(), SourceError> {
        // Whoever does not know the token gets nothing, and libgit2 may go away at any time.
        if local.set_nodelay(true).is_err() || !knows(&self.token, &mut local).await.unwrap_or(false) {
            return Ok(());
        }
        let broke = |e: russh::Error| {
            let message = format!("the connection to {} broke: {e}", self.place.host);
            SourceError::new(SourceErrorKind::Unreachable, message)
        };
        let channel = self.handle.channel_open_session().await.map_err(broke)?;
        channel.exec(true, command(&self.place.path)).await.map_err(broke)?;
        let (mut from, to) = channel.split();
        let (mut reader, mut writer) = local.split();
        let sending = async {
            // Either side may be done first.
            let _ = tokio::io::copy(&mut reader, &mut to.make_writer()).await;
            let _ = to.eof().await;
        };
        let receiving = async {
            let (mut words, mut status) = (Vec::new(), None);
            while let Some(message) = from.wait().await {
                let passed = match &message {
                    ChannelMsg::Data { data } => writer.write_all(data).await,
                    ChannelMsg::Eof => writer.shutdown().await,
                    _ => Ok(()),
                };
                match message {
                    _ if passed.is_err() => break,
                    ChannelMsg::ExtendedData { data, .. } if words.len() < MAX_WORDS => {
                        words.extend_from_slice(&data);
                    }
                    ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                    ChannelMsg::Failure => status = Some(127),
                    _ => {}
                }
            }
            let _ = writer.shutdown().await;
            (words, status)
        };
        let (words, status) = tokio::select! {
            ended = receiving => ended,
            // Never ends before the other: what is sent last is answered last.
            () = async { sending.await; std::future::pending().await } => return Ok(()),
        };
        match status {
            Some(0) => Ok(()),
            _ => Err(self.refused(&words, status)),
        }
    }

    fn refused(&self, words: &[u8], status: Option<u32>) -> SourceError {
        let SshPlace { user, host, path, .. } = &self.place;
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
            let message = format!("{user}@{host} does not let us read {path}: {said}");
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

pub(super) struct Client {
    known: KnownHosts,
}

/// A failure within the protocol, or our own refusal of the host key.
#[derive(Debug)]
pub(super) enum Failure {
    Ssh(russh::Error),
    HostKey(SourceError),
}

impl From<russh::Error> for Failure {
    fn from(error: russh::Error) -> Self {
        Failure::Ssh(error)
    }
}

impl client::Handler for Client {
    type Error = Failure;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Failure> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else {
            // Certificates are not asked for.
            return Ok(false);
        };
        self.known.check(key).map_err(Failure::HostKey)?;
        Ok(true)
    }
}

fn failed(place: &SshPlace, failure: Failure) -> SourceError {
    match failure {
        Failure::HostKey(error) => error,
        Failure::Ssh(e) => {
            let message = format!("{} does not answer as an SSH server should: {e}", place.host);
            SourceError::new(SourceErrorKind::Unreachable, message)
                .hint("check the host and port in the `url` of the source")
        }
    }
}

fn unreachable(place: &SshPlace, error: &io::Error) -> SourceError {
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or(&text);
    let message = format!("{}:{} cannot be reached: {why}", place.host, place.port);
    SourceError::new(SourceErrorKind::Unreachable, message)
        .hint("check the host and port in the `url` of the source, and that the server is up")
}

#[cfg(test)]
mod tests {
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
