//! FTP servers as stores: NASes of all ages, with and without encryption.
//!
//! [`login`] begins a session, [`control`] speaks on its control connection, [`data`] moves files, [`listing`] reads what
//! servers say of their folders.

mod control;
mod data;
mod listing;
mod login;
mod refusal;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::request::{Digest, Entry, Listing};
use evenkeel_core::transport::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use self::control::{Control, Reply};
use self::data::{Chunk, Passive};
use self::listing::{Found, Seen};
use super::{Abilities, Store, StoreError, Stored};

pub(crate) use self::login::open;

/// A goodbye waits no longer than this.
const GOODBYE: Duration = Duration::from_secs(5);

/// So often a server hears something while it waits.
const AWAKE: Duration = Duration::from_secs(30);

/// A server computes checksums at least this fast, in bytes per second.
const SLOWEST_CHECKSUM: u64 = 5 << 20;

/// A session on an FTP server.
#[derive(Debug)]
pub(crate) struct FtpStore {
    control: Control,
    passive: Passive,
    /// Where a login begins; with a `/` in front.
    home: String,
    listings: Listings,
    /// It computes SHA-256.
    hash: Option<Hash>,
}

/// How the server computes checksums.
///
/// While SHA-256 is chosen, proftpd computes it from what arrives and not from what it then keeps. So it is chosen only
/// for the question, and something else during transfers.
#[derive(Debug, Clone)]
struct Hash {
    /// What is chosen otherwise.
    usual: String,
}

/// How the server lists folders.
#[derive(Debug, Clone, Copy)]
enum Listings {
    /// By `MLSD`.
    Exact,
    /// By `LIST`; whether it then shows what begins with a dot, once that is known.
    ForPeople { shows_all: Option<bool> },
}

/// Why a folder was not entered.
enum Closed {
    Missing,
    Refused(Reply),
}

impl FtpStore {
    /// The path from the top of the server: so it never begins with `-` or a blank, which servers misunderstand.
    fn full(&self, path: &str) -> Stored<String> {
        if path.contains(char::is_control) {
            return Err(StoreError::Refused(format!(
                "FTP cannot name {path:?}: there is a control character in it"
            )));
        }
        let path = path.trim_end_matches('/');
        Ok(match (path.starts_with('/'), self.home.trim_end_matches('/')) {
            (true, _) => path.to_owned(),
            (false, home) if path.is_empty() => home.to_owned(),
            (false, home) => format!("{home}/{path}"),
        })
    }

    /// Sends `verb` with a path; what the server refuses is told by what is there.
    async fn on_path(&mut self, verb: &str, path: &str) -> Stored<Reply> {
        let full = self.full(path)?;
        let reply = self.control.ask(&format!("{verb} {full}")).await?;
        if reply.code < 400 {
            return Ok(reply);
        }
        Err(self.explain(verb, &full, &reply).await)
    }

    /// Why the server refused something about a file: its answer is the same whether that is missing or forbidden, and
    /// only what a look at the folder proves to be missing is called so.
    async fn explain(&mut self, what: &str, full: &str, reply: &Reply) -> StoreError {
        if refusal::may_be_missing(reply) {
            match self.is_missing(full).await {
                Ok(true) => return StoreError::Missing(format!("there is no {full}: {reply}")),
                Err(error @ StoreError::Failed(_)) => return error,
                // It is there; or what hides the folder hides the file.
                Ok(false) | Err(_) => {}
            }
        }
        refusal::meaning(&self.control, what, reply)
    }

    /// True where it is certain that there is nothing under this name.
    async fn is_missing(&mut self, full: &str) -> Stored<bool> {
        let Some((parent, name)) = full.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Ok(false);
        };
        match self.look(parent).await? {
            Ok(found) => Ok(!found.contains_key(name) && (self.shows_all() || !name.starts_with('.'))),
            Err(Closed::Missing) => Ok(true),
            Err(Closed::Refused(_)) => Ok(false),
        }
    }

    fn shows_all(&self) -> bool {
        matches!(self.listings, Listings::ForPeople { shows_all: Some(true) })
    }

    /// Enters a folder and lists it.
    fn look<'a>(&'a mut self, full: &'a str) -> BoxFuture<'a, Stored<Result<Found, Closed>>> {
        Box::pin(async move {
            let full = if full.is_empty() { "/" } else { full };
            let reply = self.control.ask(&format!("CWD {full}")).await?;
            if reply.is_done() {
                return self.list_here(full).await.map(Ok);
            }
            if refusal::may_be_missing(&reply) && self.is_missing(full).await? {
                return Ok(Err(Closed::Missing));
            }
            Ok(Err(Closed::Refused(reply)))
        })
    }

    /// Lists the folder that was entered. Naming it to `LIST` would be ambiguous: some servers take the name for a
    /// pattern or for options, and show an empty folder where there is none.
    async fn list_here(&mut self, full: &str) -> Stored<Found> {
        let shows_all = match self.listings {
            Listings::Exact => {
                let bytes = self.listing("MLSD", full).await??;
                return listing::exact(&bytes).map_err(|line| self.strange(full, &line));
            }
            Listings::ForPeople { shows_all: Some(known) } => known,
            Listings::ForPeople { shows_all: None } => self.find_out(full).await?,
        };
        let bytes = self.listing(if shows_all { "LIST -a" } else { "LIST" }, full).await??;
        let (found, itself) = listing::for_people(&bytes).map_err(|line| self.strange(full, &line))?;
        if shows_all && !itself {
            let message =
                format!("the server shows nothing of {full}, not even the folder itself: may it be read?");
            return Err(StoreError::Refused(message));
        }
        Ok(found)
    }

    /// Finds out whether the server shows all on demand, from where a login begins; then goes back to `full`.
    ///
    /// Names that begin with a dot are shown by some only on demand, and others take the demand for a name. With those
    /// that know it, the folder itself is always in its listing; that tells an empty one from one that may not be read,
    /// which many servers show alike.
    async fn find_out(&mut self, full: &str) -> Stored<bool> {
        let home = self.home.clone();
        let mut shows_all = false;
        if self.control.ask(&format!("CWD {home}")).await?.is_done()
            && let Ok(bytes) = self.listing("LIST -a", &home).await?
        {
            shows_all = listing::for_people(&bytes).is_ok_and(|(_, itself)| itself);
        }
        let back = self.control.ask(&format!("CWD {full}")).await?;
        if !back.is_done() {
            return Err(refusal::meaning(&self.control, &format!("CWD {full}"), &back));
        }
        self.listings = Listings::ForPeople { shows_all: Some(shows_all) };
        Ok(shows_all)
    }

    /// The bytes of a listing. The inner error is the server's refusal.
    async fn listing(&mut self, command: &str, full: &str) -> Stored<Stored<Vec<u8>>> {
        let answer = match self.passive.begin(&mut self.control, command, 0).await? {
            Ok(begun) => begun.listing(&mut self.control).await?,
            Err(reply) => Err(reply),
        };
        Ok(answer.map_err(|reply| refusal::meaning(&self.control, &format!("{command} in {full}"), &reply)))
    }

    fn strange(&self, full: &str, line: &listing::NotUnderstood) -> StoreError {
        self.control.nonsense(&format!("nobody understands this line in the listing of {full}: {:?}", line.0))
    }

    async fn list_levels(&mut self, folder: &str, depth: u8) -> Stored<Listing> {
        let top = self.full(folder)?;
        let top = top.trim_end_matches('/');
        let mut entries = BTreeMap::new();
        let mut level = vec![String::new()];
        for _ in 0..depth {
            let mut below = Vec::new();
            for within in std::mem::take(&mut level) {
                let full = if within.is_empty() { format!("{top}/") } else { format!("{top}/{within}") };
                let found = match self.look(full.trim_end_matches('/')).await? {
                    Ok(found) => found,
                    Err(Closed::Missing) if within.is_empty() => {
                        return Err(StoreError::Missing(format!("there is no folder {full}")));
                    }
                    Err(Closed::Missing) => return Err(changed(&full)),
                    Err(Closed::Refused(reply)) => {
                        return Err(refusal::meaning(&self.control, &format!("CWD {full}"), &reply));
                    }
                };
                for (name, seen) in found {
                    let entry = self.entry(&format!("{}/{name}", full.trim_end_matches('/')), seen).await?;
                    let path = if within.is_empty() { name } else { format!("{within}/{name}") };
                    if entry == Entry::Folder {
                        below.push(path.clone());
                    }
                    entries.insert(path, entry);
                }
            }
            level = below;
        }
        Ok(Listing { entries })
    }

    /// What was seen, with its size.
    async fn entry(&mut self, full: &str, seen: Seen) -> Stored<Entry> {
        if let Some(entry) = seen.entry() {
            return Ok(entry);
        }
        match self.said_size(full).await {
            Ok(Some(size)) => Ok(Entry::File(size)),
            Ok(None) => Err(self.control.nonsense("it tells no sizes of files")),
            Err(StoreError::Missing(_)) => Err(changed(full)),
            Err(error) => Err(error),
        }
    }

    /// A file's size by `SIZE`; `None` where the server does not know that.
    async fn said_size(&mut self, full: &str) -> Stored<Option<u64>> {
        let reply = self.control.ask(&format!("SIZE {full}")).await?;
        if reply.is_unknown_command() {
            return Ok(None);
        }
        if reply.code >= 400 {
            return Err(self.explain("SIZE", full, &reply).await);
        }
        let size = reply.lines.first().and_then(|text| text.trim().parse().ok());
        size.map(Some).ok_or_else(|| self.control.nonsense(&format!("SIZE: {reply}")))
    }

    /// A file's size, by listing its folder where the server does not know `SIZE`.
    async fn size_of(&mut self, path: &str) -> Stored<u64> {
        let full = self.full(path)?;
        if let Some(size) = self.said_size(&full).await? {
            return Ok(size);
        }
        let (parent, name) = full.rsplit_once('/').unwrap_or(("", &full));
        let missing = || StoreError::Missing(format!("there is no {full}"));
        let found = match self.look(parent).await? {
            Ok(found) => found,
            Err(Closed::Missing) => return Err(missing()),
            Err(Closed::Refused(reply)) => return Err(refusal::meaning(&self.control, "SIZE", &reply)),
        };
        match found.get(name).copied().ok_or_else(missing)?.entry() {
            Some(Entry::File(size)) => Ok(size),
            Some(_) => Err(StoreError::Refused(format!("{full} is no file"))),
            None => Err(self.control.nonsense("it tells no sizes of files")),
        }
    }

    async fn download(
        &mut self,
        path: &str,
        offset: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Stored<u64> {
        let full = self.full(path)?;
        let answer = match self.passive.begin(&mut self.control, &format!("RETR {full}"), offset).await? {
            Ok(begun) => begun.download(&mut self.control, into).await?,
            Err(reply) => Err(reply),
        };
        let got = match answer {
            Ok(got) => got,
            Err(reply) => return Err(self.explain("RETR", &full, &reply).await),
        };
        // The end of the data is all that says that it is whole, and what stands between can fake that.
        self.has_size(path, offset + got).await?;
        into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        Ok(got)
    }

    async fn upload(
        &mut self,
        path: &str,
        offset: u64,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Stored<u64> {
        let full = self.full(path)?;
        if offset > 0 {
            let size = self.size_of(path).await?;
            if size != offset {
                let message = format!("{path} has {size} bytes and cannot be continued at {offset}");
                return Err(StoreError::Refused(message));
            }
        }
        // A server does not wait for long on a data connection where nothing comes.
        let mut first = Chunk::new();
        self.keep_awake(first.fill(from)).await?.map_err(StoreError::OtherEnd)?;
        let command = format!("{} {full}", if offset > 0 { "APPE" } else { "STOR" });
        let mut begun = self.passive.begin(&mut self.control, &command, 0).await?;
        if let Err(reply) = &begun
            && offset == 0
            && reply.code == 550
            && self.control.ask(&format!("DELE {full}")).await?.is_done()
        {
            // Some servers write over nothing.
            begun = self.passive.begin(&mut self.control, &command, 0).await?;
        }
        if let Err(reply) = &begun
            && offset > 0
            && refusal::never_continues(reply)
        {
            // Its beginning is of no use there, and would be in the way each time.
            let removed = self.control.ask(&format!("DELE {full}")).await?.is_done();
            let now =
                if removed { "; its beginning was removed, and the next attempt begins anew" } else { "" };
            return Err(StoreError::Refused(format!("the server does not continue files: {reply}{now}")));
        }
        let answer = match begun {
            Ok(begun) => begun.upload(&mut self.control, first, from).await?,
            Err(reply) => Err(reply),
        };
        let sent = match answer {
            Ok(sent) => sent,
            Err(reply) => return Err(self.explain_upload(&full, &reply).await),
        };
        self.has_size(path, offset + sent).await?;
        Ok(sent)
    }

    /// Waits for something, perhaps for long: a guest that is being shut down gives no bytes. The server would end the
    /// session meanwhile if it heard nothing.
    async fn keep_awake<T>(&mut self, what: impl Future<Output = T>) -> Stored<T> {
        let pause = AWAKE.min(self.control.patience() / 2);
        let mut what = std::pin::pin!(what);
        loop {
            match timeout(pause, &mut what).await {
                Ok(outcome) => return Ok(outcome),
                Err(_) => drop(self.control.ask("NOOP").await?),
            }
        }
    }

    /// A file that cannot be made is not there; it is its folder that may be missing.
    async fn explain_upload(&mut self, full: &str, reply: &Reply) -> StoreError {
        let folder = full.rsplit_once('/').map_or("", |(folder, _)| folder);
        let error = self.explain("STOR", folder, reply).await;
        match error {
            StoreError::Missing(_) => StoreError::Missing(format!("there is no folder {folder}: {reply}")),
            error => error,
        }
    }

    /// Fails where the file has not this size.
    async fn has_size(&mut self, path: &str, wanted: u64) -> Stored<()> {
        let size = self.size_of(path).await?;
        if size == wanted {
            return Ok(());
        }
        Err(self.control.lost(&format!("{path} has {size} bytes there, and {wanted} were passed on")))
    }

    async fn make(&mut self, folder: &str) -> Stored<()> {
        let full = self.full(folder)?;
        let reply = self.control.ask(&format!("MKD {full}")).await?;
        if reply.is_done() {
            return Ok(());
        }
        // One that is there is refused, as is one that must not be.
        if self.control.ask(&format!("CWD {full}")).await?.is_done() {
            return Ok(());
        }
        Err(self.explain_upload(&full, &reply).await)
    }

    async fn move_to(&mut self, from: &str, to: &str) -> Stored<()> {
        let to = self.full(to)?;
        let reply = self.on_path("RNFR", from).await?;
        if !reply.wants_more() {
            return Err(refusal::meaning(&self.control, "RNFR", &reply));
        }
        let reply = self.control.ask(&format!("RNTO {to}")).await?;
        if reply.is_done() {
            return Ok(());
        }
        // Some servers look at what is to be renamed only now.
        let from = self.full(from)?;
        Err(self.explain("RNTO", &from, &reply).await)
    }

    async fn digest(&mut self, path: &str) -> Stored<Option<Digest>> {
        let bytes = self.size_of(path).await?;
        let Some(Hash { usual }) = self.hash.clone() else { return Ok(None) };
        let full = self.full(path)?;
        if !self.control.ask("OPTS HASH SHA-256").await?.is_done() {
            return Ok(None);
        }
        let patience = self.control.patience() + Duration::from_secs(bytes / SLOWEST_CHECKSUM);
        let reply = self.control.ask_within(&format!("HASH {full}"), patience).await?;
        self.control.ask(&format!("OPTS HASH {usual}")).await?;
        if !reply.is_done() {
            // It may be too large for it.
            return Ok(None);
        }
        Ok(sha256(&reply).map(|sha256| Digest { bytes, sha256 }))
    }
}

/// A listing that mixes two moments is none.
fn changed(full: &str) -> StoreError {
    StoreError::Refused(format!("{full} went away while its folder was listed: try again"))
}

/// The checksum in `213 SHA-256 0-12 1f…e0 name`.
fn sha256(reply: &Reply) -> Option<String> {
    let words: Vec<&str> = reply.lines.last()?.split_whitespace().collect();
    let at = words.iter().position(|word| word.eq_ignore_ascii_case("SHA-256"))?;
    let digits = words.get(at + 2)?;
    let whole = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| digits.to_ascii_lowercase())
}

impl Store for FtpStore {
    fn abilities(&self) -> Abilities {
        Abilities { renames: true, appends: true, shows_whole_files: false }
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(self.list_levels(folder, depth))
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.size_of(path))
    }

    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.download(path, offset, into))
    }

    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.upload(path, offset, from))
    }

    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.make(folder))
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.move_to(from, to))
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.on_path("DELE", path).await.map(drop) })
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move { self.on_path("RMD", folder).await.map(drop) })
    }

    fn checksum<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<Option<Digest>>> {
        Box::pin(self.digest(path))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.control.quit(GOODBYE))
    }
}

#[cfg(test)]
pub(crate) mod tests;
