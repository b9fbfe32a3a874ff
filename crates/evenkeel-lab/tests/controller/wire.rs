//! The line to the simulated hosts: counts exchanges, takes as long as told, and can hold what passes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::sim_transport::SimTransport;
use tokio::sync::Semaphore;

use crate::kill::Kill;

pub(crate) struct Wire {
    pub(crate) hosts: SimTransport,
    exchanges: Mutex<BTreeMap<String, usize>>,
    /// How long an exchange takes.
    delay: Mutex<Duration>,
    /// What is held until it is let go: exchanges with a word in their commands.
    held: Mutex<Option<(String, Arc<Semaphore>)>>,
    refused: Mutex<Refused>,
    watched: Mutex<Watched>,
    kill: Arc<Kill>,
}

/// What never reaches a host: commands that begin like this, as `host: command`, and what is said instead.
#[derive(Default)]
struct Refused {
    start: Option<String>,
    says: String,
}

/// How many exchanges with a word in their commands there were at the same time.
#[derive(Default)]
struct Watched {
    word: Option<String>,
    now: usize,
    most: usize,
}

impl Wire {
    pub(crate) fn new(machines: BTreeMap<String, Box<dyn Machine>>, kill: Arc<Kill>) -> Arc<Self> {
        Arc::new(Wire {
            hosts: SimTransport::new(machines),
            exchanges: Mutex::default(),
            delay: Mutex::new(Duration::from_millis(10)),
            held: Mutex::default(),
            refused: Mutex::default(),
            watched: Mutex::default(),
            kill,
        })
    }

    pub(crate) fn take(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// Exchanges with a command that contains `word` wait until [`Wire::let_go`].
    pub(crate) fn hold(&self, word: &str) {
        *self.held.lock().unwrap() = Some((word.to_owned(), Arc::new(Semaphore::new(0))));
    }

    pub(crate) fn let_go(&self) {
        if let Some((_, gate)) = self.held.lock().unwrap().take() {
            gate.add_permits(1000);
        }
    }

    /// True where something waits to be let go.
    pub(crate) fn is_holding(&self) -> bool {
        // The gate is shared with whoever waits at it.
        self.held.lock().unwrap().as_ref().is_some_and(|(_, gate)| Arc::strong_count(gate) > 1)
    }

    /// Commands that begin like this (`host: command`) fail with these words; without words, they seem to succeed.
    pub(crate) fn refuse(&self, start: &str, says: &str) {
        *self.refused.lock().unwrap() = Refused { start: Some(start.to_owned()), says: says.to_owned() };
    }

    pub(crate) fn refuse_nothing(&self) {
        *self.refused.lock().unwrap() = Refused::default();
    }

    fn refuses(&self, target: &Target, request: &Request) -> Option<Reply> {
        let refused = self.refused.lock().unwrap();
        let said = format!("{}: {}", target.name, request.display());
        refused.start.as_ref().filter(|start| said.starts_with(*start))?;
        let stderr = refused.says.clone().into_bytes();
        Some(Reply { exit: i32::from(!stderr.is_empty()), stdout: Vec::new(), stderr })
    }

    /// From now on it is counted how many exchanges with `word` in their commands there are at the same time.
    pub(crate) fn watch(&self, word: &str) {
        *self.watched.lock().unwrap() = Watched { word: Some(word.to_owned()), now: 0, most: 0 };
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.watched.lock().unwrap().most
    }

    fn is_watched(&self, requests: &[Request]) -> bool {
        let watched = self.watched.lock().unwrap();
        watched.word.as_ref().is_some_and(|word| requests.iter().any(|r| r.display().contains(word)))
    }

    /// How many exchanges there were with a target.
    pub(crate) fn exchanges(&self, target: &str) -> usize {
        self.exchanges.lock().unwrap().get(target).copied().unwrap_or_default()
    }
}

impl Transport for Wire {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(async move {
            *self.exchanges.lock().unwrap().entry(target.name.clone()).or_default() += 1;
            let delay = *self.delay.lock().unwrap();
            let is_watched = self.is_watched(requests);
            if is_watched {
                let mut watched = self.watched.lock().unwrap();
                watched.now += 1;
                watched.most = watched.most.max(watched.now);
            }
            tokio::time::sleep(delay).await;
            if is_watched {
                self.watched.lock().unwrap().now -= 1;
            }
            let gate = self.held.lock().unwrap().as_ref().and_then(|(word, gate)| {
                requests.iter().any(|r| r.display().contains(word)).then(|| Arc::clone(gate))
            });
            if let Some(gate) = gate {
                let _pass = gate.acquire().await;
            }
            let refused: Vec<Option<Reply>> = requests.iter().map(|r| self.refuses(target, r)).collect();
            if refused.iter().any(Option::is_some) {
                let mut answers = Vec::new();
                for (request, refused) in requests.iter().zip(refused) {
                    answers.push(match refused {
                        Some(reply) => Ok(reply),
                        None => self.hosts.exchange(target, std::slice::from_ref(request)).await.remove(0),
                    });
                }
                return answers;
            }
            // The simulated host does its work when it is called, not when it is waited for.
            self.kill.around(|| self.hosts.exchange(target, requests)).await.await
        })
    }
}
