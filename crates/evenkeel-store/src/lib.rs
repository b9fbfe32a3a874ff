//! Evenkeel's memory: runs, status, inventory and history in SQLite.
//!
//! One thread writes, two others read, each with a connection of its own. The file is in WAL mode with full syncs, so that
//! reading waits for no writing, also in other processes, and what was acknowledged survives a loss of power.

mod approval;
mod audit;
mod backup;
mod expire;
mod fault;
mod filter;
mod open;
mod read;
mod restore;
mod schema;
mod snapshot;
mod time;
mod worker;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::config::HistorySpec;
use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{
    Answer, ApprovalFilter, ApprovalRecord, AuditFilter, AuditLine, Batch, Event, EventFilter, Fence,
    InventoryEntry, Journaled, NewCommand, NewRun, Notified, Observation, ResourceFilter, ResourceKey,
    ResourceStatus, RunFilter, RunId, RunRecord, SourceStatus, Store, StoreError,
};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use fault::Fault;
pub use open::Mode;
pub use restore::{Restored, restore};
use worker::Worker;

/// Threads that read.
const READERS: usize = 2;

/// A store in one SQLite file. Dropping it waits for what was begun and closes the file.
///
/// Whoever gives up waiting for an answer does not stop the work: a write that was handed over is carried out.
pub struct SqliteStore {
    /// `None` in memory, where the only connection is the writer's. Dropped first: whoever closes the file last puts
    /// the write-ahead log into it, which only the writer can.
    readers: Option<Worker>,
    /// `None` where it is open to look only.
    writer: Option<Worker>,
    /// `None` in memory.
    path: Option<PathBuf>,
    file: Arc<str>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in the file `path`, and brings an older one up to date unless it is opened to look only.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none and none shall be made, [`StoreError::Newer`] for a file of a newer
    /// Evenkeel, [`StoreError::Failed`] for anything else.
    pub fn open(path: impl AsRef<Path>, mode: Mode) -> Result<Self, StoreError> {
        let file: Arc<str> = path.as_ref().display().to_string().into();
        let opened = open::open(path.as_ref(), mode, READERS)?;
        let start_writer = |connection| Worker::start("store-writer", &file, vec![connection]);
        let writer = opened.writer.map(start_writer).transpose()?;
        let readers = Some(Worker::start("store-reader", &file, opened.readers)?);
        Ok(SqliteStore { writer, readers, path: Some(opened.file), file })
    }

    /// An empty store that lives as long as this value.
    pub fn in_memory() -> Result<Self, StoreError> {
        let file: Arc<str> = "in memory".into();
        let connection = open::in_memory().map_err(|fault| fault.on(&file))?;
        let writer = Some(Worker::start("store-writer", &file, vec![connection])?);
        Ok(SqliteStore { writer, readers: None, path: None, file })
    }

    /// Looks through the whole file for damage, and changes nothing. Gives what is wrong, at most ten things.
    pub async fn damage(&self) -> Result<Vec<String>, StoreError> {
        self.read(read::damage).await
    }

    fn writer(&self) -> Result<&Worker, StoreError> {
        let reading = || Fault::Other("it is open to look only".to_owned()).on(&self.file);
        self.writer.as_ref().ok_or_else(reading)
    }

    async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.writer()?.write(work).await
    }

    /// Does `work` unless `fence` has been lost.
    async fn fenced<T, W>(&self, fence: Fence, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.write(move |connection| write::check(connection, fence).and_then(|()| work(connection))).await
    }

    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => readers.alone(work).await,
            None => self.writer()?.alone(work).await,
        }
    }

    async fn forget(&self, fence: Fence, keep: HistorySpec, now: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        let cutoff = time::before(now, keep.runs);
        loop {
            let removed = self.fenced(fence, move |c| expire::runs(c, cutoff)).await?;
            total += removed;
            if removed < usize::from(expire::RUNS) {
                break;
            }
        }
        loop {
            let removed = self.fenced(fence, move |c| expire::approvals(c, cutoff)).await?;
            total += removed;
            if removed < usize::from(expire::ROWS) {
                break;
            }
        }
        let cutoff = time::before(now, keep.events);
        loop {
            let removed = self.fenced(fence, move |c| expire::events(c, cutoff)).await?;
            total += removed;
            if removed < usize::from(expire::ROWS) {
                break;
            }
        }
        let (cutoff, at) = (time::before(now, keep.observations), time::to_column(now));
        let mut subject = 0;
        loop {
            let piece = self.fenced(fence, move |c| expire::observations(c, subject, cutoff, at)).await?;
            total += piece.removed;
            subject = piece.subject;
            if piece.done {
                break;
            }
        }
        while self.writer()?.alone(expire::shrink).await? {}
        Ok(total as u64)
    }

    async fn copy(&self, file: PathBuf) -> Result<(), StoreError> {
        let Some(path) = self.path.clone() else {
            return self.writer()?.alone(move |connection| backup::create(connection, &file)).await;
        };
        // On a thread and a connection of its own, for a large store takes a while. Nobody waits for it who gave up.
        let (tell, told) = oneshot::channel();
        let name = Arc::clone(&self.file);
        let work = move || {
            let made = open::reader(&path, &name).and_then(|connection| backup::create(&connection, &file));
            let _ = tell.send(made.map_err(|fault| fault.on(&name)));
        };
        let no_thread = |why: String| Fault::Other(format!("the backup was not made: {why}")).on(&self.file);
        let thread = std::thread::Builder::new().name("store-backup".to_owned()).spawn(work);
        thread.map_err(|e| no_thread(e.to_string()))?;
        told.await.unwrap_or_else(|_| Err(no_thread("its thread has ended".to_owned())))
    }
}

impl Store for SqliteStore {
    fn claim<'a>(&'a self, holder: &'a str, now: Timestamp, until: Timestamp) -> Answer<'a, Fence> {
        let holder = holder.to_owned();
        Box::pin(self.write(move |c| write::claim(c, &holder, now, until)))
    }

    fn release(&self, fence: Fence) -> Answer<'_, ()> {
        Box::pin(self.write(move |c| write::release(c, fence)))
    }

    fn begin_run(&self, fence: Fence, run: NewRun) -> Answer<'_, RunId> {
        Box::pin(self.fenced(fence, move |c| write::begin_run(c, run)))
    }

    fn journal(&self, fence: Fence, command: NewCommand) -> Answer<'_, ()> {
        Box::pin(self.fenced(fence, move |c| write::journal(c, command)))
    }

    fn commit(&self, fence: Fence, batch: Batch) -> Answer<'_, Vec<Event>> {
        Box::pin(self.fenced(fence, move |c| write::commit(c, batch)))
    }

    fn unfinished_runs(&self) -> Answer<'_, Vec<RunRecord>> {
        Box::pin(self.read(read::unfinished_runs))
    }

    fn sources(&self) -> Answer<'_, Vec<SourceStatus>> {
        Box::pin(self.read(read::sources))
    }

    fn snapshot<'a>(&'a self, source: &'a str) -> Answer<'a, Option<Snapshot>> {
        let source = source.to_owned();
        Box::pin(self.read(move |c| snapshot::get(c, &source)))
    }

    fn resources<'a>(&'a self, filter: &'a ResourceFilter) -> Answer<'a, Vec<ResourceStatus>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| read::resources(c, &filter)))
    }

    fn runs<'a>(&'a self, filter: &'a RunFilter) -> Answer<'a, Vec<RunRecord>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| read::runs(c, &filter)))
    }

    fn run(&self, id: RunId) -> Answer<'_, Option<(RunRecord, Vec<Journaled>)>> {
        Box::pin(self.read(move |c| read::run(c, id)))
    }

    fn events<'a>(&'a self, filter: &'a EventFilter) -> Answer<'a, Vec<Event>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| read::events(c, &filter)))
    }

    fn audit<'a>(&'a self, filter: &'a AuditFilter) -> Answer<'a, Vec<AuditLine>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| audit::lines(c, &filter)))
    }

    fn approvals<'a>(&'a self, filter: &'a ApprovalFilter) -> Answer<'a, Vec<ApprovalRecord>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| approval::get(c, &filter)))
    }

    fn inventory<'a>(&'a self, source: Option<&'a str>) -> Answer<'a, Vec<InventoryEntry>> {
        let source = source.map(str::to_owned);
        Box::pin(self.read(move |c| read::inventory(c, source.as_deref())))
    }

    fn observed_at<'a>(&'a self, filter: &'a ResourceFilter, at: Timestamp) -> Answer<'a, Vec<Observation>> {
        let filter = filter.clone();
        Box::pin(self.read(move |c| read::observed_at(c, &filter, at)))
    }

    fn observed<'a>(&'a self, key: &'a ResourceKey, limit: usize) -> Answer<'a, Vec<Observation>> {
        let key = key.clone();
        Box::pin(self.read(move |c| read::observed(c, &key, limit)))
    }

    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>> {
        let notifier = notifier.to_owned();
        Box::pin(self.read(move |c| read::notified(c, &notifier)))
    }

    fn set_notified(&self, fence: Fence, notified: Notified) -> Answer<'_, ()> {
        Box::pin(self.write(move |c| write::set_notified(c, fence, &notified)))
    }

    fn expire(&self, fence: Fence, keep: HistorySpec, now: Timestamp) -> Answer<'_, u64> {
        Box::pin(self.forget(fence, keep, now))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        Box::pin(self.copy(file.to_owned()))
    }
}
