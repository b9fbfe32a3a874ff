//! How far a transfer is, and who watches over it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use evenkeel_core::transport::Watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long nothing may move where the transfer does not say.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// How often is looked whether it shall stop.
const LOOKS: Duration = Duration::from_millis(250);

/// A store that computes a checksum gets one second more for so many bytes.
const CHECKSUM_PER_SECOND: u64 = 4 << 20;

/// What moves, told by those who move it.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Bytes that the goal took.
    moved: AtomicU64,
    /// How many there will be; 0 where nobody knows.
    of: AtomicU64,
    /// Changes with everything that happens.
    signs: AtomicU64,
    /// More patience than usual, in seconds.
    more: AtomicU64,
    /// The goal has taken everything that the origin gave so far.
    waits_for_origin: AtomicBool,
}

/// Why something was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Somebody asked for that.
    Stopped,
    /// Nothing moved.
    Silent,
}

impl Flow {
    /// The goal took so many bytes more.
    pub(super) fn moved(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
        self.touch();
    }

    /// So many bytes were looked at.
    pub(super) fn looked(&self, _bytes: u64) {
        self.touch();
    }

    /// Something happened.
    pub(crate) fn touch(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// There will be so many bytes.
    pub(super) fn expect(&self, bytes: u64) {
        self.of.store(bytes, Ordering::Relaxed);
    }

    /// A store reads so many bytes for itself, without a word.
    pub(crate) fn wait_for_checksum(&self, bytes: u64) {
        self.more.store(bytes / CHECKSUM_PER_SECOND, Ordering::Relaxed);
        self.touch();
    }

    /// What happens next says a word now and then.
    pub(crate) fn wait_as_usual(&self) {
        self.more.store(0, Ordering::Relaxed);
        self.touch();
    }

    pub(super) fn waits_for_origin(&self, waits: bool) {
        self.waits_for_origin.store(waits, Ordering::Relaxed);
    }

    /// True where the goal has taken everything that the origin gave.
    pub(super) fn is_origin_awaited(&self) -> bool {
        self.waits_for_origin.load(Ordering::Relaxed)
    }

    /// Does `work` under the eyes of `watch`. What is cut short is dropped.
    pub(crate) async fn watched<T>(
        &self,
        work: impl Future<Output = T>,
        watch: Option<&dyn Watch>,
        patience: Duration,
    ) -> Result<T, Cut> {
        let mut work = std::pin::pin!(work);
        let mut looks = interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = (self.signs.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::select! {
                done = &mut work => {
                    self.tell(watch);
                    return Ok(done);
                }
                _ = looks.tick() => {}
            }
            self.tell(watch);
            if watch.is_some_and(Watch::is_stopped) {
                return Err(Cut::Stopped);
            }
            let signs = self.signs.load(Ordering::Relaxed);
            if signs != last.0 {
                last = (signs, Instant::now());
            }
            let more = Duration::from_secs(self.more.load(Ordering::Relaxed));
            if last.1.elapsed() >= patience + more {
                return Err(Cut::Silent);
            }
        }
    }

    fn tell(&self, watch: Option<&dyn Watch>) {
        let of = Some(self.of.load(Ordering::Relaxed)).filter(|of| *of > 0);
        if let Some(watch) = watch {
            watch.moved(self.moved.load(Ordering::Relaxed), of);
        }
    }
}
