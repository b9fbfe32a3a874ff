//! The threads that own connections, and how writes share a transaction.
//!
//! Writes that wait at the same time share one transaction, and hence one wait for the disk. Each stands in a savepoint of
//! its own, so that one which fails takes nothing of itself and nothing of the others with it. Nobody is answered before
//! all of it is on disk.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use evenkeel_engine::store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::fault::Fault;

/// So many pieces of work wait at most; whoever brings more waits for room.
const WAITING: usize = 1024;

/// So many writes share a transaction at most.
const GROUP: usize = 128;

/// What is told to whoever waits for a write: `None` where it is on disk.
type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

/// A write that was carried out within a transaction that is still open.
struct Carried {
    /// Why it must be taken back, where it failed.
    failed: Option<StoreError>,
    answer: Answer,
}

/// Gets the connection, or the reason why it cannot even begin.
type Write = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Carried + Send>;
type Alone = Box<dyn FnOnce(&Connection) + Send>;

enum Job {
    /// Within a transaction that it may share.
    Write(Write),
    /// With the connection to itself, outside any transaction.
    Alone(Alone),
}

type Jobs = Mutex<mpsc::Receiver<Job>>;

/// One or more threads, each with a connection, that take work from one queue.
pub(crate) struct Worker {
    queue: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    file: Arc<str>,
}

impl Worker {
    /// A thread for each of `connections`. Only a single one may write.
    pub(crate) fn start(
        name: &str,
        file: &Arc<str>,
        connections: Vec<Connection>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        let thread = |connection: Connection| {
            let (jobs, file) = (Arc::clone(&jobs), Arc::clone(file));
            let work = move || work(&connection, &jobs, &file);
            std::thread::Builder::new().name(name.to_owned()).spawn(work)
        };
        let threads = connections.into_iter().map(thread).collect::<Result<_, _>>();
        let no_thread = |e| Fault::Other(format!("no thread could be started for it: {e}")).on(file);
        Ok(Worker { queue: Some(queue), threads: threads.map_err(no_thread)?, file: Arc::clone(file) })
    }

    /// Does `work` in a transaction and answers once that is on disk. What fails is taken back whole. Whoever gives up
    /// waiting does not stop it.
    pub(crate) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let file = Arc::clone(&self.file);
        let write = move |connection: Result<&Connection, StoreError>| {
            let done = connection.and_then(|c| work(c).map_err(|fault| fault.on(&file)));
            let failed = done.as_ref().err().cloned();
            let answer = move |lost: Option<StoreError>| {
                // Nobody may be waiting any more.
                let _ = tell.send(match lost {
                    Some(error) if done.is_ok() => Err(error),
                    _ => done,
                });
            };
            Carried { failed, answer: Box::new(answer) }
        };
        self.put(Job::Write(Box::new(write))).await?;
        told.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Does `work` outside any transaction.
    pub(crate) async fn alone<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let file = Arc::clone(&self.file);
        let alone = move |connection: &Connection| {
            let _ = tell.send(work(connection).map_err(|fault| fault.on(&file)));
        };
        self.put(Job::Alone(Box::new(alone))).await?;
        told.await.unwrap_or_else(|_| Err(self.ended()))
    }

    async fn put(&self, job: Job) -> Result<(), StoreError> {
        match &self.queue {
            Some(queue) => queue.send(job).await.map_err(|_| self.ended()),
            None => Err(self.ended()),
        }
    }

    fn ended(&self) -> StoreError {
        Fault::Other("the thread that works on it has ended".to_owned()).on(&self.file)
    }
}

impl Drop for Worker {
    /// Waits for what was begun, so that the file is closed afterwards.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(connection: &Connection, jobs: &Jobs, file: &str) {
    let mut next = None;
    loop {
        let Some(job) = next.take().or_else(|| lock(jobs).blocking_recv()) else { return };
        match job {
            Job::Alone(alone) => alone(connection),
            Job::Write(write) => {
                let (group, other) = gather(write, jobs);
                next = other;
                write_all(connection, group, file);
            }
        }
    }
}

fn lock(jobs: &Jobs) -> std::sync::MutexGuard<'_, mpsc::Receiver<Job>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writes that wait behind `first`, and what comes after them where that is no write.
fn gather(first: Write, jobs: &Jobs) -> (VecDeque<Write>, Option<Job>) {
    let mut group = VecDeque::from([first]);
    let mut jobs = lock(jobs);
    while group.len() < GROUP {
        match jobs.try_recv() {
            Ok(Job::Write(write)) => group.push_back(write),
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

/// Carries out all writes of `group`, in one transaction unless something takes that down.
fn write_all(connection: &Connection, mut group: VecDeque<Write>, file: &str) {
    while !group.is_empty() {
        let mut carried = Vec::new();
        let lost = write_some(connection, &mut group, &mut carried).map_err(|fault| fault.on(file)).err();
        if lost.is_some() && !connection.is_autocommit() {
            // Where even that fails, the next transaction cannot begin, and says why.
            let _ = connection.execute_batch("ROLLBACK");
        }
        if let (true, Some(error)) = (carried.is_empty(), &lost) {
            // It did not even begin: the others would fare no better.
            carried.extend(group.drain(..).map(|write| write(Err(error.clone()))));
        }
        for Carried { answer, .. } in carried {
            answer(lost.clone());
        }
    }
}

/// Carries out writes of `group` in one transaction and puts them into `carried`. Where it fails, none of them is written.
fn write_some(
    connection: &Connection,
    group: &mut VecDeque<Write>,
    carried: &mut Vec<Carried>,
) -> Result<(), Fault> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    while let Some(write) = group.pop_front() {
        if let Err(error) = run("SAVEPOINT one") {
            group.push_front(write);
            return Err(error.into());
        }
        let one = write(Ok(connection));
        let failed = one.failed.clone();
        carried.push(one);
        if let Some(error) = failed {
            if connection.is_autocommit() {
                // A full disk and the like make SQLite take back the whole transaction.
                return Err(error.into());
            }
            run("ROLLBACK TO one")?;
        }
        run("RELEASE one")?;
    }
    run("COMMIT")?;
    Ok(())
}
