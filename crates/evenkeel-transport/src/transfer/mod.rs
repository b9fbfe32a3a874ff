//! Moving bytes from one place to another: as they come, in constant memory, counted, hashed, and checked where they
//! arrive.
//!
//! [`origin`] fills a [`pipe`] and says that its end is an end, once the command has ended well or the file is what its
//! record says; [`goal`] empties it. A file gets its final name only after that, and after it was checked.

mod flow;
mod goal;
mod hashing;
mod notes;
mod origin;
mod pipe;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::request::{Check, Digest, Exec, Goal, Moved, Origin, Reply, Transfer};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind, Watch};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::machine::{Lane, Machine, Words};
use crate::stores::{Store, Stored, paths};

pub(crate) use flow::{Cut, Flow, PATIENCE};
use goal::{Taken, Writing};
use origin::{Poured, Source};
pub(crate) use pipe::{Inlet, pipe};
use trouble::{Failure, Trouble};

/// Opens what is at either end.
pub(crate) trait Ends: Send + Sync {
    /// The store of a target.
    fn store<'a>(&'a self, target: &'a Target, lane: Lane) -> BoxFuture<'a, Stored<Box<dyn Store>>>;

    /// The machine of a target; why there is none.
    fn machine(&self, target: &Target, lane: Lane) -> Result<Machine, TransportError>;
}

/// Whoever is told to end has this long to do so in good order.
const GRACE: Duration = Duration::from_secs(20);

/// One transfer, and everything that it needs to know.
pub(crate) struct Mover<'a> {
    pub(crate) ends: &'a dyn Ends,
    pub(crate) from: &'a Target,
    pub(crate) to: &'a Target,
    pub(crate) transfer: &'a Transfer,
    pub(crate) watch: &'a dyn Watch,
}

impl Mover<'_> {
    /// Does it; see [`evenkeel_core::transport::Transport::transfer`].
    pub(crate) async fn run(&self) -> Result<Reply, TransportError> {
        let configuration = |problem| TransportError::new(TransportErrorKind::Configuration, problem);
        self.check().map_err(configuration)?;
        let patience = self.transfer.patience.map_or(PATIENCE, Duration::from_secs);
        let flow = Arc::new(Flow::default());
        let mut words = self.words();
        let work = Box::pin(self.work(&flow, &mut words));
        let done = match flow.watched(work, Some(self.watch), patience).await {
            Ok(done) => done,
            Err(Cut::Stopped) => Err(Failure::Stopped),
            Err(Cut::Silent) if flow.is_origin_awaited() => {
                Err(Failure::Origin(Self::silent(&self.from.name, patience)))
            }
            Err(Cut::Silent) => Err(Failure::Goal(Self::silent(&self.to.name, patience))),
        };
        let failure = match done {
            Ok(moved) => return Self::reply(&moved, &words),
            Err(failure) => failure,
        };
        let unwritten = timeout(GRACE, self.note_failure(&failure, &words)).await;
        let unwritten = match unwritten {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_elapsed) => Some(format!("{} does not answer", self.to.name)),
        };
        failure.told(unwritten.as_deref(), self.transfer)
    }

    /// Refuses what cannot be meant.
    fn check(&self) -> Result<(), String> {
        // The streams are the transfer's own.
        let streams = |exec: &Exec| {
            let taken = match (&exec.stdin, &exec.input, &exec.log) {
                (Some(secret), ..) => {
                    format!("its standard input is the secret {}/{}", secret.name, secret.key)
                }
                (_, Some(script), _) => format!("its standard input is {}", script.name),
                (.., Some(log)) => format!("its outputs go to {log}"),
                (None, None, None) => return Ok(()),
            };
            Err(format!("`{}` cannot be part of a transfer: {taken}", exec.display()))
        };
        let path = |path: &String| paths::check(path).map_err(|e| e.to_string());
        match &self.transfer.from {
            Origin::Output { exec, .. } => streams(exec)?,
            Origin::File { path: from, .. } => path(from)?,
        }
        match &self.transfer.to {
            Goal::Input { exec, .. } => streams(exec),
            Goal::File { path: to, log, .. } => {
                path(to)?;
                log.as_ref().map_or(Ok(()), path)
            }
        }
    }

    fn words(&self) -> Words {
        match &self.transfer.from {
            Origin::Output { must_say, must_not_say, .. } => {
                Words::listening(must_say.iter().chain(must_not_say))
            }
            Origin::File { .. } => Words::default(),
        }
    }

    fn silent(whose: &str, patience: Duration) -> Trouble {
        let seconds = patience.as_secs();
        let message = format!("{whose} was silent for {seconds} s: not one byte moved, and it was given up");
        Trouble::Broken(TransportError::new(TransportErrorKind::Timeout, message))
    }

    fn reply(moved: &Moved, words: &Words) -> Result<Reply, TransportError> {
        let stdout = serde_json::to_vec(moved).map_err(|e| {
            TransportError::new(TransportErrorKind::Protocol, format!("what was moved is no JSON: {e}"))
        })?;
        Ok(Reply { exit: 0, stdout, stderr: words.told().into_bytes() })
    }

    async fn work(&self, flow: &Arc<Flow>, words: &mut Words) -> Result<Moved, Failure> {
        let began = Timestamp::now();
        match &self.transfer.to {
            Goal::Input { exec, .. } => {
                let machine = self.ends.machine(self.to, Lane::To).map_err(Failure::goal)?;
                let source = Source::open(self, flow).await?;
                let taking = goal::Feeding { machine, exec };
                let digest = self.pass(source, flow, words, 0, |outlet| taking.take(outlet)).await?;
                let Digest { bytes, sha256 } = digest;
                Ok(Moved { bytes, sha256, checked: "none".to_owned(), began, ended: Timestamp::now() })
            }
            Goal::File { path, check, .. } => {
                let store = self.ends.store(self.to, Lane::To).await.map_err(|e| Failure::Goal(e.into()))?;
                let mut writing = Writing::new(store, path, &self.to.name);
                let moved = self.write(&mut writing, *check, flow, words, began).await;
                if moved.is_ok() || !matches!(moved, Err(Failure::Goal(Trouble::Broken(_)))) {
                    let _ = timeout(GRACE, writing.store.close()).await;
                }
                moved
            }
        }
    }

    async fn write(
        &self,
        writing: &mut Writing<'_>,
        check: Check,
        flow: &Arc<Flow>,
        words: &mut Words,
        began: Timestamp,
    ) -> Result<Moved, Failure> {
        let source = Source::open(self, flow).await?;
        let there = match &source {
            Source::File { bytes, .. } if check != Check::Size => writing.there(*bytes).await?,
            _ => 0,
        };
        let has_record = matches!(&self.transfer.to, Goal::File { record: Some(_), .. });
        if has_record && writing.is_direct() {
            writing.forget_record().await?;
        }
        let digest = self.pass(source, flow, words, there, |outlet| writing.take(there, outlet)).await?;
        let checked = writing.verify(check, &digest, there > 0, flow).await?;
        self.keep_log(writing, words).await?;
        if has_record && !writing.is_direct() {
            writing.forget_record().await?;
        }
        writing.give_name().await?;
        let Digest { bytes, sha256 } = digest;
        let moved = Moved { bytes, sha256, checked: checked.to_owned(), began, ended: Timestamp::now() };
        self.keep_record(writing, &moved).await?;
        Ok(moved)
    }

    /// Lets the bytes flow, until both ends are done.
    async fn pass<'b, T>(
        &self,
        source: Source<'b>,
        flow: &'b Arc<Flow>,
        words: &'b mut Words,
        skip: u64,
        taking: impl FnOnce(pipe::Outlet) -> T,
    ) -> Result<Digest, Failure>
    where
        T: Future<Output = Result<u64, Taken>>,
    {
        let (inlet, outlet) = pipe(flow, skip, self.transfer.rate);
        let pouring = source.pour(inlet, words);
        let (mut pouring, mut taking) = (std::pin::pin!(pouring), std::pin::pin!(taking(outlet)));
        tokio::select! {
            poured = &mut pouring => match poured {
                Ok(digest) => match taking.await {
                    Ok(taken) => self.same(digest, skip, taken),
                    Err(taken) => Err(taken.into_failure(&self.to.name)),
                },
                Err(Poured::Failed(trouble)) => {
                    // It is told by the end of the pipe, and ends what it began.
                    let taken = timeout(GRACE, taking).await;
                    let also = match taken {
                        Ok(Err(Taken::Failed(also))) => Some(also),
                        _ => None,
                    };
                    Err(Failure::Origin(trouble.and(also.as_ref())))
                }
                Err(Poured::NotTaken) => match taking.await {
                    Err(taken) => Err(taken.into_failure(&self.to.name)),
                    Ok(_) => Err(Failure::Goal(trouble::early(&self.to.name))),
                },
            },
            taken = &mut taking => match (taken, pouring) {
                (Ok(taken), pouring) => match pouring.await {
                    Ok(digest) => self.same(digest, skip, taken),
                    Err(Poured::Failed(trouble)) => Err(Failure::Origin(trouble)),
                    Err(Poured::NotTaken) => Err(Failure::Goal(trouble::early(&self.to.name))),
                },
                (Err(Taken::NotGiven), pouring) => match timeout(GRACE, pouring).await {
                    Ok(Err(Poured::Failed(trouble))) => Err(Failure::Origin(trouble)),
                    _ => Err(Failure::Goal(trouble::early(&self.to.name))),
                },
                (Err(Taken::Failed(trouble)), _) => Err(Failure::Goal(trouble)),
            },
        }
    }

    /// What went in must have come out.
    fn same(&self, digest: Digest, skip: u64, taken: u64) -> Result<Digest, Failure> {
        if digest.bytes == skip + taken {
            return Ok(digest);
        }
        let to = &self.to.name;
        let words = format!("{to} says that it took {taken} bytes of {}", digest.bytes.saturating_sub(skip));
        Err(Failure::Goal(Trouble::refused(words)))
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
