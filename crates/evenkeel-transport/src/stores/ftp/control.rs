//! The control connection of an FTP session: a command goes out, a reply comes back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::tls::{NotEncrypted, Tls};
use super::wire::Wire;
use crate::credentials::mask;
use crate::stores::{StoreError, Stored};

/// A reply longer than this is none, in bytes.
const LONGEST_REPLY: usize = 64 << 10;

/// The control connection.
#[derive(Debug)]
pub(super) struct Control {
    wire: BufReader<Wire>,
    peer: SocketAddr,
    /// The server, as messages name it.
    server: String,
    patience: Duration,
    /// A reply is due. Where its reading was given up, nobody knows any longer which reply belongs to which command.
    owed: bool,
    /// The beginning of a line whose end was not waited for.
    begun: Vec<u8>,
    /// Taken out of whatever the server says.
    secret: Option<SecretString>,
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Its text, without the code; mostly one line.
    pub(super) lines: Vec<String>,
}

impl Control {
    /// Reads the greeting of the server behind `wire`; with implicit TLS that is encrypted already.
    pub(super) async fn greeted(wire: Wire, server: String, patience: Duration) -> Stored<Self> {
        let peer = wire.peer().map_err(|e| broken(&server, &e))?;
        let wire = BufReader::new(wire);
        let mut control =
            Control { wire, peer, server, patience, owed: true, begun: Vec::new(), secret: None };
        let greeting = loop {
            let reply = control.reply().await?;
            // 120: it will be ready in so many minutes.
            if reply.code >= 200 || reply.code == 120 {
                break reply;
            }
        };
        if greeting.is_done() {
            return Ok(control);
        }
        let message = format!("{} takes nobody now: {greeting}", control.server);
        Err(StoreError::Failed(TransportError::new(TransportErrorKind::Unreachable, message)))
    }

    /// The server, as messages name it.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// The address that the connection leads to.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How long it waits for an answer.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Sends a command and reads the reply.
    pub(super) async fn ask(&mut self, command: &str) -> Stored<Reply> {
        self.ask_within(command, self.patience).await
    }

    /// Like [`Control::ask`], with a patience of its own.
    pub(super) async fn ask_within(&mut self, command: &str, patience: Duration) -> Stored<Reply> {
        self.send(command).await?;
        self.reply_within(patience).await
    }

    /// Sends a command with a secret behind it, which no message will contain from then on.
    pub(super) async fn ask_secretly(&mut self, command: &str, secret: SecretString) -> Stored<Reply> {
        let line = Zeroizing::new(format!("{command} {}", secret.expose_secret()));
        self.secret = Some(secret);
        self.ask(&line).await
    }

    async fn send(&mut self, command: &str) -> Stored<()> {
        if command.contains(['\r', '\n', '\0']) {
            return Err(StoreError::Refused("FTP can name nothing that has a line break in it".to_owned()));
        }
        if std::mem::replace(&mut self.owed, true) {
            return Err(self.lost("something before was left in the middle"));
        }
        let line = Zeroizing::new(format!("{command}\r\n"));
        let sending = async {
            self.wire.write_all(line.as_bytes()).await?;
            self.wire.flush().await
        };
        match timeout(self.patience, sending).await {
            Ok(Ok(())) => Ok(()),
            // It may have said why before it ended the connection.
            Ok(Err(e)) => match self.reply().await {
                Ok(last) => Err(self.lost(&format!("{last} ({e})"))),
                Err(error) => Err(error),
            },
            Err(_) => Err(self.silent(self.patience)),
        }
    }

    /// The next reply, waited for as long as the settings say.
    pub(super) async fn reply(&mut self) -> Stored<Reply> {
        self.reply_within(self.patience).await
    }

    /// The next reply, waited for so long.
    pub(super) async fn reply_within(&mut self, patience: Duration) -> Stored<Reply> {
        match timeout(patience, self.next_reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(self.silent(patience)),
        }
    }

    /// The next reply, whenever it comes.
    pub(super) async fn next_reply(&mut self) -> Stored<Reply> {
        let mut reply = Reply { code: 0, lines: Vec::new() };
        let mut left = LONGEST_REPLY;
        loop {
            let line = self.line(&mut left).await?;
            let (code, rest) = match line.split_at_checked(3) {
                Some((code, rest)) => (code.parse::<u16>().ok(), rest),
                None => (None, line.as_str()),
            };
            let first = reply.lines.is_empty();
            let last = match code.filter(|code| (100..600).contains(code)) {
                Some(code) if first || code == reply.code => {
                    reply.code = code;
                    !rest.starts_with('-') && (rest.is_empty() || rest.starts_with(' '))
                }
                None if first => return Err(self.nonsense(&format!("it says {line:?}"))),
                _ => false,
            };
            let text = if last || first { rest.get(1..).unwrap_or_default() } else { &line };
            reply.lines.push(text.to_owned());
            if last {
                break;
            }
        }
        match reply.code {
            421 => return Err(self.lost(&reply.to_string())),
            200.. => self.owed = false,
            _ => {}
        }
        Ok(reply)
    }

    /// A line without its end and without the password.
    async fn line(&mut self, left: &mut usize) -> Stored<String> {
        let most = u64::try_from(*left).unwrap_or(u64::MAX);
        let read = (&mut self.wire).take(most).read_until(b'\n', &mut self.begun).await;
        let read = read.map_err(|e| broken(&self.server, &e))?;
        *left -= read.min(*left);
        let mut line = std::mem::take(&mut self.begun);
        if !line.ends_with(b"\n") {
            return Err(if *left == 0 {
                self.nonsense("its reply has no end")
            } else {
                self.lost("the server ended it")
            });
        }
        if let Some(secret) = &self.secret {
            line = mask(&line, &[secret]);
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Goes on encrypted, once the server agreed to that.
    pub(super) async fn upgrade(self, tls: &Tls) -> Result<Self, NotEncrypted> {
        // What came in the clear before must not pass for something encrypted.
        let Control { wire, peer, server, patience, owed, begun, secret } = self;
        let ahead = !wire.buffer().is_empty();
        let Wire::Plain(stream) = wire.into_inner() else {
            return Err(NotEncrypted::Failed(misspoken(&server, "it is encrypted already")));
        };
        if ahead {
            let what = "it sent something unencrypted after it was asked to encrypt";
            return Err(NotEncrypted::Failed(misspoken(&server, what)));
        }
        let wire = handshake(&server, tls, stream, patience).await?;
        Ok(Control { wire: BufReader::new(wire), peer, server, patience, owed, begun, secret })
    }

    /// Ends the session in good order, if the server takes part in that for a moment.
    pub(super) async fn quit(&mut self, patience: Duration) {
        if !self.owed {
            // The connection ends either way.
            let _ = self.ask_within("QUIT", patience).await;
        }
        let _ = timeout(patience, self.wire.shutdown()).await;
    }

    /// The connection ended too early.
    pub(super) fn lost(&self, why: &str) -> StoreError {
        let message = format!("the connection to {} is lost: {why}", self.server);
        StoreError::Failed(TransportError::new(TransportErrorKind::ConnectionLost, message))
    }

    /// Nothing came for so long.
    pub(super) fn silent(&self, patience: Duration) -> StoreError {
        let message = format!("{} did not answer within {} s", self.server, patience.as_secs());
        StoreError::Failed(TransportError::new(TransportErrorKind::Timeout, message))
    }

    /// Something came that has no place there.
    pub(super) fn nonsense(&self, what: &str) -> StoreError {
        StoreError::Failed(misspoken(&self.server, what))
    }
}

/// Begins encryption on a connection to `server`.
pub(super) async fn handshake(
    server: &str,
    tls: &Tls,
    stream: TcpStream,
    patience: Duration,
) -> Result<Wire, NotEncrypted> {
    let begun = timeout(patience, tls.connect(server, stream)).await;
    let begun = begun.unwrap_or_else(|_| {
        let message = format!("{server} did not begin to encrypt within {} s", patience.as_secs());
        Err(NotEncrypted::Failed(TransportError::new(TransportErrorKind::Timeout, message)))
    });
    begun.map(|stream| Wire::Tls(Box::new(stream)))
}

impl From<NotEncrypted> for StoreError {
    fn from(error: NotEncrypted) -> Self {
        let (NotEncrypted::Version(error) | NotEncrypted::Failed(error)) = error;
        StoreError::Failed(error)
    }
}

fn broken(server: &str, error: &io::Error) -> StoreError {
    let message = format!("the connection to {server} is lost: {error}");
    StoreError::Failed(TransportError::new(TransportErrorKind::ConnectionLost, message))
}

fn misspoken(server: &str, what: &str) -> TransportError {
    let message = format!("{server} does not speak FTP as it should: {what}");
    TransportError::new(TransportErrorKind::Protocol, message)
}

impl Reply {
    /// It did what was asked.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// It has begun.
    pub(super) fn has_begun(&self) -> bool {
        (100..200).contains(&self.code)
    }

    /// It waits for the second half of the command.
    pub(super) fn wants_more(&self) -> bool {
        (300..400).contains(&self.code)
    }

    /// It does not know the command, or not in this form.
    pub(super) fn is_unknown_command(&self) -> bool {
        matches!(self.code, 500..=504 | 522)
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        let lines = self.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
        for line in lines {
            write!(f, " {}", line.chars().filter(|c| !c.is_control()).take(300).collect::<String>())?;
        }
        Ok(())
    }
}
