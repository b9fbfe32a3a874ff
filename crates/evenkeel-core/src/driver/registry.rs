//! Which drivers there are.

use std::sync::Arc;

use super::{Driver, ErasedDriver};

/// Every driver that the program was built with, in order of registration.
#[derive(Clone, Default)]
pub struct Registry {
    drivers: Vec<Arc<dyn ErasedDriver>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.drivers.iter().map(|d| (d.kind(), d.backend()))).finish()
    }
}

impl Registry {
    /// Adds a driver.
    #[must_use]
    pub fn with<D: Driver>(mut self, driver: D) -> Self {
        self.drivers.push(Arc::new(driver));
        self
    }

    /// All drivers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn ErasedDriver>> {
        self.drivers.iter()
    }

    /// The drivers of one kind: one without a backend key, or several with one each.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<dyn ErasedDriver>> {
        self.drivers.iter().filter(move |d| d.kind() == kind)
    }

    /// The kinds, sorted, each once.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.drivers.iter().map(|d| d.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}
