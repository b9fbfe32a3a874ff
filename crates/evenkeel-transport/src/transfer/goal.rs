//! Where bytes go.

use std::sync::Arc;

use evenkeel_core::request::{Check, Digest, Exec};

use super::Flow;
use super::pipe::Outlet;
use super::trouble::{Failure, Trouble, early};
use crate::machine::{Broken, Machine, Streams, Words};
use crate::stores::{Store, StoreError, paths, requests, small};

/// Why not everything was taken.
pub(super) enum Taken {
    /// The goal failed.
    Failed(Trouble),
    /// The origin broke off.
    NotGiven,
}

impl Taken {
    /// What it is where the origin says that it did not break off.
    pub(super) fn into_failure(self, whose: &str) -> Failure {
        match self {
            Taken::Failed(trouble) => Failure::Goal(trouble),
            Taken::NotGiven => Failure::Goal(early(whose)),
        }
    }
}

/// A command that takes bytes.
pub(super) struct Feeding<'a> {
    pub(super) machine: Machine,
    pub(super) exec: &'a Exec,
}

impl Feeding<'_> {
    /// Feeds it. What it prints is told where it fails.
    pub(super) async fn take(self, mut outlet: Outlet) -> Result<u64, Taken> {
        let mut words = Words::default();
        let mut printed = tokio::io::sink();
        let mut counted = Counted { outlet: &mut outlet, bytes: 0 };
        let streams = Streams { input: Some(&mut counted), output: &mut printed, words: &mut words };
        let finished =
            self.machine.run(&self.exec.words(), streams).await.map_err(|broken| match broken {
                Broken::Input(_) => Taken::NotGiven,
                Broken::Machine(error) => Taken::Failed(Trouble::Broken(error)),
                Broken::Output(error) => Taken::Failed(Trouble::refused(error.to_string())),
            })?;
        let told = words.told();
        let said = if told.is_empty() { String::new() } else { format!(":\n{told}") };
        if finished.status != 0 {
            let exit = if finished.status < 0 { 1 } else { finished.status };
            let words = format!("it failed (exit status {}){said}", finished.status);
            return Err(Taken::Failed(Trouble::Answer { exit, words }));
        }
        if !finished.took_all {
            let words = format!("it ended before it had taken everything{said}");
            return Err(Taken::Failed(Trouble::refused(words)));
        }
        Ok(counted.bytes)
    }
}

/// A file that is being written.
pub(super) struct Writing<'a> {
    pub(super) store: Box<dyn Store>,
    path: &'a str,
    /// What it is called until it is good.
    now: String,
    whose: &'a str,
}

impl<'a> Writing<'a> {
    pub(super) fn new(store: Box<dyn Store>, path: &'a str, whose: &'a str) -> Self {
        let mut writing = Writing { store, path, now: path.to_owned(), whose };
        if !writing.is_direct() {
            writing.now = paths::part(path);
        }
        writing
    }

    /// True where it has its final name from the start, or rather once it is whole.
    pub(super) fn is_direct(&self) -> bool {
        let abilities = self.store.abilities();
        abilities.shows_whole_files || !abilities.renames
    }

    /// How much of a file of so many bytes is there already and can be continued.
    pub(super) async fn there(&mut self, of: u64) -> Result<u64, Failure> {
        if self.is_direct() || !self.store.abilities().appends {
            return Ok(0);
        }
        match self.store.size(&self.now).await {
            Ok(bytes) if bytes <= of => Ok(bytes),
            Ok(_) | Err(StoreError::Missing(_)) => Ok(0),
            Err(error) => Err(Failure::Goal(error.into())),
        }
    }

    /// Writes what comes, behind what is there.
    pub(super) async fn take(&mut self, there: u64, mut outlet: Outlet) -> Result<u64, Taken> {
        self.store.put(&self.now, there, &mut outlet).await.map_err(|error| match error {
            StoreError::OtherEnd(_) => Taken::NotGiven,
            error => Taken::Failed(error.into()),
        })
    }

    /// Makes sure that the store keeps what was sent. What it does not keep is removed.
    pub(super) async fn verify(
        &mut self,
        check: Check,
        sent: &Digest,
        continued: bool,
        flow: &Arc<Flow>,
    ) -> Result<&'static str, Failure> {
        let (kept, how) = self.look(check, sent, flow).await.map_err(|e| Failure::Goal(e.into()))?;
        let Some(differs) = kept else { return Ok(how) };
        let now = &self.now;
        let mut words = format!("{} does not keep what was sent to {now}: {differs}", self.whose);
        match small::remove(self.store.as_mut(), &self.now).await {
            Ok(()) if continued => {
                words += "; an earlier attempt had begun it, so it was removed and will be written anew";
            }
            Ok(()) => words += "; it was removed",
            Err(error) => words = format!("{words}; it could not be removed: {error}"),
        }
        Err(Failure::Goal(Trouble::refused(words)))
    }

    /// How what is kept differs, if it does, and how that was found out.
    async fn look(
        &mut self,
        check: Check,
        sent: &Digest,
        flow: &Arc<Flow>,
    ) -> Result<(Option<String>, &'static str), StoreError> {
        let bytes = self.store.size(&self.now).await?;
        if bytes != sent.bytes {
            return Ok((Some(format!("{bytes} bytes instead of {}", sent.bytes)), "size"));
        }
        if check == Check::Size {
            return Ok((None, "size"));
        }
        let mut how = "readBack";
        let mut kept = None;
        if check == Check::Checksum {
            flow.wait_for_checksum(sent.bytes);
            kept = self.store.checksum(&self.now).await?;
            flow.wait_as_usual();
        }
        let kept = match kept {
            Some(kept) => {
                how = "checksum";
                kept
            }
            None => requests::digest(self.store.as_mut(), &self.now, flow).await?,
        };
        let same = kept.bytes == sent.bytes && kept.sha256.eq_ignore_ascii_case(&sent.sha256);
        let differs = (!same).then(|| format!("its SHA-256 is {} instead of {}", kept.sha256, sent.sha256));
        Ok((differs, how))
    }

    /// Removes the record of what is to be replaced: it does not speak of what comes.
    pub(super) async fn forget_record(&mut self) -> Result<(), Failure> {
        let record = format!("{}.json", self.path);
        small::remove(self.store.as_mut(), &record).await.map_err(|e| Failure::Goal(e.into()))
    }

    /// Gives it its final name.
    pub(super) async fn give_name(&mut self) -> Result<(), Failure> {
        if self.is_direct() {
            return Ok(());
        }
        let named = small::give_name(self.store.as_mut(), &self.now, self.path).await;
        named.map_err(|e| Failure::Goal(e.into()))
    }
}

/// Counts what a command is given.
struct Counted<'a> {
    outlet: &'a mut Outlet,
    bytes: u64,
}

impl tokio::io::AsyncRead for Counted<'_> {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = into.filled().len();
        let polled = std::pin::Pin::new(&mut *self.outlet).poll_read(cx, into);
        self.bytes += (into.filled().len() - before) as u64;
        polled
    }
}
