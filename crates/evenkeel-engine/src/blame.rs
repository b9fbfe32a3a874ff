//! Asking a target who made a difference.

use std::collections::BTreeMap;

use evenkeel_core::diff::FieldChange;
use evenkeel_core::driver::{Attribution, Drift};
use evenkeel_core::plan::{Change, Instance, InstanceId};
use evenkeel_core::request::{Replies, join_queries};

use crate::observe::Survey;
use crate::reconcile::{Engine, Scope};

impl Engine {
    /// Who made each of these differences on one target, as far as it tells: one exchange, queries only. What could not be found
    /// out is left out, whatever the reason.
    pub(crate) async fn blame(
        &self,
        scope: &Scope,
        target: &str,
        drifted: &[&Change],
    ) -> BTreeMap<InstanceId, Vec<Attribution>> {
        let Some(target) = scope.targets.get(target) else { return BTreeMap::new() };
        let instance = |change: &Change| scope.instances.iter().find(|one| one.id == change.id);
        let fields = |change: &Change| change.fields.iter().map(|field| field.change.clone()).collect();
        let all = drifted.iter().filter_map(|change| Some((instance(change)?, *change, fields(change))));
        let all: Vec<(&Instance, &Change, Vec<FieldChange>)> = all.collect();
        let drifts = || {
            let drift = |change: &Change, changes| Drift { action: change.action, changes };
            all.iter().map(move |(one, change, changes)| (*one, drift(change, changes)))
        };
        let queries = drifts().flat_map(|(one, drift)| one.driver.blame_queries(&one.spec, &drift));
        let queries = join_queries(queries);
        let mut replies = Replies::of(target.way());
        if !queries.is_empty() {
            let survey = Survey {
                target,
                scope,
                instances: Vec::new(),
                context: Vec::new(),
                inventory: Vec::new(),
                marked: Vec::new(),
            };
            for (query, answer) in self.ask(&survey, queries).await {
                replies.insert(query, answer);
            }
        }
        drifts().map(|(one, drift)| (one.id.clone(), one.driver.blame(&one.spec, &drift, &replies))).collect()
    }
}
