//! Listing what there is, for `import`.

use std::sync::Arc;

use evenkeel_core::driver::{ErasedDriver, Found, ObserveError};
use evenkeel_core::target::Target;

use crate::observe::Survey;
use crate::progress::Event;
use crate::reconcile::{Engine, Scope};

impl Engine {
    /// Every object of `driver`'s kind on `target`, as the manifests that leave it as it is; and what a person should know
    /// besides, a line each. Sends queries only.
    pub async fn inventory(
        &self,
        target: &Arc<Target>,
        driver: &Arc<dyn ErasedDriver>,
    ) -> Result<(Vec<Found>, Vec<String>), ObserveError> {
        self.progress.on(&Event::Observing { target: &target.name, instances: 0 });
        let inventory = vec![Arc::clone(driver)];
        let scope = Scope::default();
        let survey = Survey {
            target,
            scope: &scope,
            instances: Vec::new(),
            context: Vec::new(),
            inventory,
            marked: Vec::new(),
        };
        let replies = self.observe_target(&survey).await;
        self.progress.on(&Event::Observed { target: &target.name });
        Ok((driver.inventory(&replies)?, driver.remarks(&replies)))
    }
}
