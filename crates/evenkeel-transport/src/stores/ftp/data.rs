//! Data connections: always opened by us, to the address that the control connection leads to.
//!
//! The server's last word on a transfer counts, not the end of the data: without it a file is not whole.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::control::{Control, Reply, handshake};
use super::tls::Tls;
use super::wire::{self, Wire};
use crate::stores::{StoreError, Stored};

/// So much is read and written at once, in bytes.
const BUFFER: usize = 256 << 10;

/// A listing longer than this is refused, in bytes.
const LONGEST_LISTING: usize = 64 << 20;

/// A server that has all data may have to write it to slow disks before it says so: it gets so many times the patience
/// for an ordinary answer.
const SETTLING: u32 = 5;

/// How data connections are opened.
#[derive(Debug)]
pub(super) struct Passive {
    tls: Option<Tls>,
    /// Whether the server knows `EPSV`; not asked yet at first.
    extended: Option<bool>,
}

/// A server that has said its last word closes the data connection this soon.
const LINGER: Duration = Duration::from_secs(1);

/// A transfer that has begun.
pub(super) struct Begun(Wire);

/// What came of a transfer: what the server said when it refused is up to whoever asked.
pub(super) type Answer<T> = Stored<Result<T, Reply>>;

impl Passive {
    pub(super) fn new(tls: Option<Tls>) -> Self {
        Passive { tls, extended: None }
    }

    /// Opens a data connection and has the server begin with `command`, from `offset` on.
    pub(super) async fn begin(&mut self, control: &mut Control, command: &str, offset: u64) -> Answer<Begun> {
        let address = self.address(control).await?;
        let stream = wire::open(address, control.patience()).await.map_err(|e| {
            let message = format!("no data connection to {address} of {}: {e}", control.server());
            let error = TransportError::new(TransportErrorKind::Unreachable, message);
            let hint = "a firewall must let the server's passive ports through";
            StoreError::Failed(error.hint(hint))
        })?;
        if offset > 0 {
            let reply = control.ask(&format!("REST {offset}")).await?;
            if !reply.wants_more() {
                return Ok(Err(reply));
            }
        }
        let reply = control.ask(command).await?;
        if !reply.has_begun() {
            return if reply.code >= 400 {
                Ok(Err(reply))
            } else {
                Err(control.nonsense(&format!("it answers {command:?} with {reply}")))
            };
        }
        let Some(tls) = &self.tls else { return Ok(Ok(Begun(Wire::Plain(stream)))) };
        match handshake(control.server(), tls, stream, control.patience()).await {
            Ok(wire) => Ok(Ok(Begun(wire))),
            // The server may have said why.
            Err(error) => match control.reply().await {
                Ok(reply) if reply.code >= 400 => Ok(Err(reply)),
                _ => Err(error.into()),
            },
        }
    }

    /// Where the server waits for a data connection. The address that it names is left aside: behind a translator of
    /// addresses it is a wrong one, and any other than its own would lead elsewhere.
    async fn address(&mut self, control: &mut Control) -> Stored<SocketAddr> {
        let peer = control.peer();
        if self.extended != Some(false) {
            let reply = control.ask("EPSV").await?;
            if reply.code == 229 {
                self.extended = Some(true);
                return extended_port(&reply)
                    .map(|port| SocketAddr::new(peer.ip(), port))
                    .ok_or_else(|| control.nonsense(&format!("EPSV: {reply}")));
            }
            if !reply.is_unknown_command() || peer.is_ipv6() {
                return Err(control.nonsense(&format!("EPSV: {reply}")));
            }
            self.extended = Some(false);
        }
        let reply = control.ask("PASV").await?;
        port(&reply)
            .map(|port| SocketAddr::new(peer.ip(), port))
            .ok_or_else(|| control.nonsense(&format!("PASV: {reply}")))
    }
}

/// The port in `229 Entering Extended Passive Mode (|||6446|)`.
fn extended_port(reply: &Reply) -> Option<u16> {
    let text = reply.lines.first()?;
    let (_, inner) = text.rsplit_once('(')?;
    let between = inner.chars().next()?;
    inner.split(between).nth(3)?.parse().ok()
}

/// The port in `227 Entering Passive Mode (127,0,0,1,25,46)`; the parentheses may be missing.
fn port(reply: &Reply) -> Option<u16> {
    let text = reply.lines.first().filter(|_| reply.code == 227)?;
    let numbers =
        text.split(|c: char| !c.is_ascii_digit() && c != ',').find(|part| part.matches(',').count() == 5)?;
    let numbers: Vec<u8> = numbers.split(',').map_while(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        [_, _, _, _, high, low] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

impl Begun {
    /// Reads all of a listing.
    pub(super) async fn listing(mut self, control: &mut Control) -> Answer<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let read = timeout(control.patience(), self.0.read_buf(&mut bytes)).await;
            match read.map_err(|_| control.silent(control.patience()))? {
                Ok(0) => break,
                Ok(_) if bytes.len() > LONGEST_LISTING => {
                    return Err(control.nonsense("its listing has no end"));
                }
                Ok(_) => {}
                Err(e) => return Err(control.lost(&format!("in the middle of a listing: {e}"))),
            }
        }
        drop(self);
        let last = control.reply().await?;
        if last.is_done() && !says_unreadable(&last) {
            return Ok(Ok(bytes));
        }
        // It says that it is done with a folder that it could not read.
        Ok(Err(if last.is_done() { Reply { code: 550, ..last } } else { last }))
    }

    /// Passes what comes on to `into`, until the server says that this was all. Gives how many bytes.
    pub(super) async fn download(
        mut self,
        control: &mut Control,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Answer<u64> {
        let patience = control.patience();
        let mut buffer = vec![0; BUFFER];
        let mut got = 0;
        loop {
            let read =
                timeout(patience, self.0.read(&mut buffer)).await.map_err(|_| control.silent(patience))?;
            let read = match read {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) => {
                    drop(self);
                    return match last_words(control).await {
                        Some(reply) => Ok(Err(reply)),
                        None => Err(control.lost(&format!("after {got} bytes of a file: {e}"))),
                    };
                }
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            if let Err(e) = into.write_all(bytes).await {
                drop(self);
                last_words(control).await;
                return Err(StoreError::OtherEnd(e.to_string()));
            }
            got += u64::try_from(read).unwrap_or(u64::MAX);
        }
        drop(self);
        let last = control.reply().await?;
        Ok(if last.is_done() { Ok(got) } else { Err(last) })
    }

    /// Sends `first` and all that comes `from`, and waits until the server says that it has it. Gives how many bytes.
    pub(super) async fn upload(
        mut self,
        control: &mut Control,
        first: Chunk,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Answer<u64> {
        let patience = control.patience();
        let ended = self.send_all(control, first, from).await;
        let sent = match ended {
            Ended::All(sent) => sent,
            Ended::Early(reply) => return reply.map(Err),
            Ended::Broke(why) => {
                drop(self);
                return match last_words(control).await {
                    Some(reply) => Ok(Err(reply)),
                    None => Err(control.lost(&why)),
                };
            }
            Ended::Silent => return Err(control.silent(patience)),
            Ended::OtherEnd(why) => {
                drop(self);
                last_words(control).await;
                return Err(StoreError::OtherEnd(why));
            }
        };
        let last = self.settle(control).await?;
        Ok(if last.is_done() { Ok(sent) } else { Err(last) })
    }

    /// Sends, and listens whether the server has had enough.
    async fn send_all(
        &mut self,
        control: &mut Control,
        mut chunk: Chunk,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Ended {
        let patience = control.patience();
        let mut early = pin!(control.next_reply());
        let mut sent = 0;
        while !chunk.is_empty() {
            let writing = timeout(patience, self.0.write_all(chunk.bytes()));
            tokio::select! {
                biased;
                written = writing => match written {
                    Ok(Ok(())) => sent += u64::try_from(chunk.bytes().len()).unwrap_or(u64::MAX),
                    Ok(Err(e)) => return Ended::Broke(format!("after {sent} bytes were sent: {e}")),
                    Err(_) => return Ended::Silent,
                },
                reply = &mut early => return Ended::Early(reply),
            }
            tokio::select! {
                biased;
                filled = chunk.fill(from) => if let Err(why) = filled {
                    return Ended::OtherEnd(why);
                },
                reply = &mut early => return Ended::Early(reply),
            }
        }
        match timeout(patience, self.0.flush()).await {
            Ok(Ok(())) => Ended::All(sent),
            Ok(Err(e)) => Ended::Broke(format!("after {sent} bytes were sent: {e}")),
            Err(_) => Ended::Silent,
        }
    }

    /// Says that this was all, and waits for the server to say that it has it. What it still sends is read: unread, it
    /// would make this side break the connection before the server has read everything.
    async fn settle(mut self, control: &mut Control) -> Stored<Reply> {
        let settling = control.patience() * SETTLING;
        // The server's word tells what came of it.
        let _ = timeout(control.patience(), self.0.shutdown()).await;
        let mut last = pin!(control.reply_within(settling));
        let mut rest = pin!(read_rest(&mut self.0));
        tokio::select! {
            reply = &mut last => {
                // It may have sent what a next connection needs to resume this one's encryption.
                let _ = timeout(LINGER, rest).await;
                reply
            }
            () = &mut rest => last.await,
        }
    }
}

/// What vsftpd and pure-ftpd say, behind the code for success, of a folder that they may not read.
fn says_unreadable(reply: &Reply) -> bool {
    let text = reply.to_string().to_lowercase();
    text.contains("failed to open") || text.contains("unable to read")
}

async fn read_rest(wire: &mut Wire) {
    let mut rest = [0; 1024];
    while matches!(wire.read(&mut rest).await, Ok(1..)) {}
}

/// How sending ended.
enum Ended {
    All(u64),
    /// The server said something before it had everything.
    Early(Stored<Reply>),
    Broke(String),
    Silent,
    OtherEnd(String),
}

/// What the server says when a transfer broke, if it says something soon.
async fn last_words(control: &mut Control) -> Option<Reply> {
    let patience = control.patience().min(Duration::from_secs(10));
    control.reply_within(patience).await.ok().filter(|reply| reply.code >= 400)
}

/// Bytes on their way.
pub(super) struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Chunk { buffer: vec![0; BUFFER], filled: 0 }
    }

    /// Takes what comes next, or nothing at the end.
    pub(super) async fn fill(&mut self, from: &mut (dyn AsyncRead + Send + Unpin)) -> Result<(), String> {
        self.filled = 0;
        self.filled = from.read(&mut self.buffer).await.map_err(|e| e.to_string())?;
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply { code, lines: vec![text.to_owned()] }
    }

    #[test]
    fn ports() {
        let extended = |text| extended_port(&reply(229, text));
        assert_eq!(extended("Entering Extended Passive Mode (|||6446|)"), Some(6446));
        assert_eq!(extended("EPSV (ok) (!!!80!)"), Some(80));
        assert_eq!(extended("Entering Extended Passive Mode (|||70000|)"), None);
        assert_eq!(extended("Entering Extended Passive Mode"), None);
        assert_eq!(port(&reply(227, "Entering Passive Mode (192,168,1,9,25,46).")), Some(25 * 256 + 46));
        assert_eq!(port(&reply(227, "Entering Passive Mode 192,168,1,9,25,46")), Some(25 * 256 + 46));
        assert_eq!(port(&reply(227, "Entering Passive Mode (192,168,1,9,25,256).")), None);
        assert_eq!(port(&reply(500, "(192,168,1,9,25,46)")), None);
    }
}
