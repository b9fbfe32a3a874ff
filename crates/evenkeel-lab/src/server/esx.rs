//! An ESX(i) host while it is served, and what the network sees of its restarts.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::request::Reply;
use tokio::sync::watch;

use crate::esxi::EsxHost;
use crate::wire::Call;

pub(super) struct Esx {
    machine: Mutex<Machine>,
    /// How long nobody can reach it when it restarts.
    downtime: Duration,
    /// How often it went down; connections do not outlive that.
    falls: watch::Sender<u64>,
}

struct Machine {
    host: EsxHost,
    /// When it comes up again, while it is down.
    up_at: Option<Instant>,
}

impl Esx {
    pub(super) fn new(host: EsxHost, downtime: Duration) -> Self {
        let machine = Mutex::new(Machine { host, up_at: None });
        Esx { machine, downtime, falls: watch::Sender::new(0) }
    }

    pub(super) fn reply(&self, call: &Call) -> Reply {
        self.act(|host| host.run_as(call.rights, &call.argv))
    }

    /// Looks at or changes it. Where it goes down in that, everybody is thrown out.
    pub(super) fn act<R>(&self, act: impl FnOnce(&mut EsxHost) -> R) -> R {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if machine.up_at.is_some_and(|up_at| up_at <= now) {
            machine.host.come_up();
        }
        let result = act(&mut machine.host);
        match (machine.host.is_down(), machine.up_at) {
            (true, None) => {
                machine.up_at = Some(now + self.downtime);
                self.falls.send_modify(|falls| *falls += 1);
            }
            (true, Some(_)) => {}
            (false, _) => machine.up_at = None,
        }
        result
    }

    pub(super) fn is_down(&self) -> bool {
        self.act(|host| host.is_down())
    }

    /// Tells whenever it goes down from now on.
    pub(super) fn falls(&self) -> watch::Receiver<u64> {
        self.falls.subscribe()
    }
}
