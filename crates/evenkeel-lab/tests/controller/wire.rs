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
    kill: Arc<Kill>,
}

impl Wire {
    pub(crate) fn new(machines: BTreeMap<String, Box<dyn Machine>>, kill: Arc<Kill>) -> Arc<Self> {
        Arc::new(Wire {
            hosts: SimTransport::new(machines),
            exchanges: Mutex::default(),
            delay: Mutex::new(Duration::from_millis(10)),
            held: Mutex::default(),
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
            tokio::time::sleep(delay).await;
            let gate = self.held.lock().unwrap().as_ref().and_then(|(word, gate)| {
                requests.iter().any(|r| r.display().contains(word)).then(|| Arc::clone(gate))
            });
            if let Some(gate) = gate {
                let _pass = gate.acquire().await;
            }
            // The simulated host does its work when it is called, not when it is waited for.
            self.kill.around(|| self.hosts.exchange(target, requests)).await.await
        })
    }
}
