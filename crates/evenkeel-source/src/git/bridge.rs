//! A port on the loopback interface that libgit2 talks to, and that leads to the server.
//!
//! Other users of the machine can reach such a port; they cannot know the token that its URLs begin with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// How long is waited for word of what went wrong, once something did.
const PATIENCE: Duration = Duration::from_secs(2);

/// An open way to a server. It closes when it is dropped, and what waits on it fails.
#[derive(Debug)]
pub(super) struct Bridge {
    /// What libgit2 is to fetch from.
    pub(super) url: String,
    trouble: Trouble,
    task: JoinHandle<()>,
}

impl Bridge {
    pub(super) fn new(url: String, trouble: Trouble, task: JoinHandle<()>) -> Self {
        Bridge { url, trouble, task }
    }

    /// What went wrong behind it, if anything did.
    pub(super) async fn trouble(self, deadline: Instant) -> Option<SourceError> {
        let deadline = deadline.min(Instant::now() + PATIENCE);
        loop {
            if let Some(error) = self.trouble.take() {
                return Some(error);
            }
            // The server's last words may still be on their way.
            let waiting = self.trouble.0.sessions.load(Ordering::SeqCst) > 0;
            if !waiting || timeout_at(deadline, self.trouble.0.news.notified()).await.is_err() {
                return self.trouble.take();
            }
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What went wrong on the far side. The first trouble is the cause of the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    first: Mutex<Option<SourceError>>,
    sessions: AtomicUsize,
    news: Notify,
}

impl Trouble {
    pub(super) fn note(&self, error: SourceError) {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.0.news.notify_one();
    }

    /// While the value lives, word of trouble may come.
    pub(super) fn session(&self) -> Session {
        self.0.sessions.fetch_add(1, Ordering::SeqCst);
        Session(self.clone())
    }

    fn take(&self) -> Option<SourceError> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Something is under way.
pub(super) struct Session(Trouble);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.0.sessions.fetch_sub(1, Ordering::SeqCst);
        self.0.0.news.notify_one();
    }
}

/// What nobody guesses.
pub(super) fn token() -> Result<String, SourceError> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| SourceError::new(SourceErrorKind::Failed, "the system gives no random numbers"))?;
    Ok(hex::encode(bytes))
}

/// The loopback interface gives no port.
pub(super) fn no_port(error: &std::io::Error) -> SourceError {
    let message = format!("cannot listen on the loopback interface: {error}");
    SourceError::new(SourceErrorKind::Failed, message)
        .hint("repositories behind ssh and https are fetched through a port on 127.0.0.1")
}
