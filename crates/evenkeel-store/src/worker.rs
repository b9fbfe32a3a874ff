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

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> Worker {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE note (text TEXT NOT NULL)").unwrap();
        Worker::start("test", &Arc::from("FILE"), vec![connection]).unwrap()
    }

    async fn count(worker: &Worker) -> i64 {
        let sql = "SELECT count(*) FROM note";
        worker.alone(move |c| Ok(c.query_row(sql, [], |row| row.get(0))?)).await.unwrap()
    }

    fn add(connection: &Connection, bytes: usize) -> Result<(), Fault> {
        connection.execute("INSERT INTO note VALUES (?1)", ["x".repeat(bytes)])?;
        Ok(())
    }

    /// So many free pages, counted from those that are used.
    async fn room(worker: &Worker, pages: i64) {
        let limit = move |connection: &Connection| {
            let used: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            connection.pragma_update_and_check(None, "max_page_count", used + pages, |_| Ok(()))?;
            Ok(())
        };
        worker.alone(limit).await.unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_work_goes_on_once_there_is_room() {
        let worker = worker();
        room(&worker, 2).await;
        let full = worker.write(|c| add(c, 1 << 20)).await.unwrap_err();
        assert_eq!(
            full.to_string(),
            "the store FILE: the disk is full; make room, then it goes on by itself"
        );
        assert_eq!(count(&worker).await, 0);
        worker.write(|c| add(c, 1)).await.unwrap();
        room(&worker, 10_000).await;
        worker.write(|c| add(c, 1 << 20)).await.unwrap();
        assert_eq!(count(&worker).await, 2);
    }

    #[tokio::test]
    async fn a_write_that_fails_takes_nothing_of_its_neighbours_with_it() {
        let worker = worker();
        // Whoever is in the same transaction: they all wait while this one has the connection.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let block = worker.alone(move |_| wait.recv().map_err(|e| Fault::Other(e.to_string())));
        let half = |c: &Connection| add(c, 1).and(Err::<(), _>(Fault::Other("no".to_owned())));
        let writes = async {
            tokio::join!(
                worker.write(|c| add(c, 1)),
                worker.write(half),
                worker.write(|c| add(c, 1)),
                async { go.send(()).unwrap() },
            )
        };
        let (blocked, (first, second, third, ())) = tokio::join!(block, writes);
        blocked.unwrap();
        assert_eq!((first, third), (Ok(()), Ok(())));
        assert_eq!(second.unwrap_err().to_string(), "the store FILE: no");
        assert_eq!(count(&worker).await, 2);
    }

    #[tokio::test]
    async fn what_takes_the_transaction_down_is_told_to_all_who_shared_it_and_to_nobody_else() {
        let worker = worker();
        room(&worker, 2).await;
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let block = worker.alone(move |_| wait.recv().map_err(|e| Fault::Other(e.to_string())));
        let writes = async {
            tokio::join!(
                worker.write(|c| add(c, 1)),
                worker.write(|c| add(c, 1 << 20)),
                worker.write(|c| add(c, 1)),
                async { go.send(()).unwrap() },
            )
        };
        let (blocked, (first, second, third, ())) = tokio::join!(block, writes);
        blocked.unwrap();
        assert!(second.unwrap_err().to_string().contains("the disk is full"));
        assert!(third.is_ok());
        // What was answered with success is there, and nothing else.
        assert_eq!(count(&worker).await, i64::from(first.is_ok()) + 1);
    }

    #[tokio::test]
    async fn a_write_is_carried_out_though_nobody_waits_for_it() {
        let worker = worker();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let block = worker.alone(move |_| wait.recv().map_err(|e| Fault::Other(e.to_string())));
        let given_up = async {
            let write = worker.write(|c| add(c, 1));
            tokio::select! { biased; _ = write => panic!("it waits"), () = async {} => {} }
            go.send(()).unwrap();
        };
        let (blocked, ()) = tokio::join!(block, given_up);
        blocked.unwrap();
        assert_eq!(count(&worker).await, 1);
    }
}
