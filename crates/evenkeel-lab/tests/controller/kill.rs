//! The moment at which a program is killed: at one of its exchanges with the world, before or after it takes effect.

use std::sync::Mutex;

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Kill {
    /// How many exchanges are still answered, and whether the next one takes effect.
    plan: Mutex<Option<(usize, bool)>>,
    /// Rung when the moment has come.
    pub(crate) rung: Notify,
}

impl Kill {
    /// After so many more exchanges the world falls silent; the next one still takes `effect`, or does not.
    pub(crate) fn after(&self, exchanges: usize, effect: bool) {
        *self.plan.lock().unwrap() = Some((exchanges, effect));
    }

    /// The world answers again.
    pub(crate) fn over(&self) {
        *self.plan.lock().unwrap() = None;
    }

    /// Does `act`, or falls silent for ever.
    pub(crate) async fn around<T>(&self, act: impl FnOnce() -> T) -> T {
        let silent = {
            let mut plan = self.plan.lock().unwrap();
            match plan.as_mut() {
                None => None,
                Some((0, effect)) => Some(std::mem::replace(effect, false)),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
            }
        };
        match silent {
            None => return act(),
            Some(true) => drop(act()),
            Some(false) => {}
        }
        self.rung.notify_one();
        std::future::pending().await
    }
}
