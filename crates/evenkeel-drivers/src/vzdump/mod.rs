//! Dumps of guests by the host's own `vzdump`: a `BackupSchedule` with `vzdump:`.
//!
//! Two dialects are known, and asked of the host: that of OpenVZ's days (`vzlist`; exits with 0 when it failed; removes older dumps
//! unless told otherwise) and today's of Proxmox VE (`pct`, `qm`).

mod dump;
mod host;
mod observe;
mod plan;
mod report;
mod restore;
mod scripts;
mod spec;

pub use scripts::{DUMP, FACTS};
pub use spec::{Compress, Guests, Mode, Stream, VzdumpScheduleSpec, VzdumpSpec};

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{
    Delta, Demand, Driver, Finding, ObserveError, Observed, Report, Restoration, Step, Use, Verifications,
    Wish,
};
use evenkeel_core::request::{FileRequest, Goal, Query, Replies, Request};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::backup::{StoreState, project, without};
use observe::{Seen, host_folder};

/// What is there: the generations of each store, and what should not be there.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VzdumpScheduleState {
    /// By the store's target and folder.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, StoreState>,
    /// Folders of dumps that lie on the host, by path, and what they are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub on_host: BTreeMap<String, Option<String>>,
    /// All that was read. It is no part of the form: what is planned follows from it.
    #[serde(skip)]
    seen: Option<Arc<Seen>>,
    /// The steps, where this is what is wanted.
    #[serde(skip)]
    steps: Vec<Step>,
}

/// The driver of the kind `BackupSchedule` with `vzdump`.
#[derive(Debug, Clone, Copy)]
pub struct VzdumpSchedule;

impl Driver for VzdumpSchedule {
    const KIND: &'static str = "BackupSchedule";
    const BACKEND: Option<&'static str> = Some("vzdump");
    // They are compared, but differ from night to night: a plan is stale where its steps would be others.
    const VOLATILE: &'static [&'static str] = &["stores", "onHost"];
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = VzdumpScheduleSpec;
    type State = VzdumpScheduleState;

    fn check(&self, spec: &VzdumpScheduleSpec) -> Vec<Finding> {
        spec.check()
    }

    fn object(&self, spec: &VzdumpScheduleSpec) -> String {
        plan::object(spec)
    }

    fn queries(&self, spec: &VzdumpScheduleSpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(spec, so_far)
    }

    fn observe(
        &self,
        spec: &VzdumpScheduleSpec,
        replies: &Replies,
    ) -> Result<Observed<VzdumpScheduleState>, ObserveError> {
        let seen = observe::observe(spec, replies)?;
        let mut stores = BTreeMap::from([(spec.vzdump.store.label(), project(&seen.store))]);
        for (copy, known) in spec.vzdump.copies.iter().zip(&seen.copies) {
            let state = match known {
                Ok(picture) => project(picture),
                Err(why) => StoreState { unknown: Some(why.clone()), ..StoreState::default() },
            };
            stores.insert(copy.store().label(), state);
        }
        let slots = seen.on_host.as_ref().map(|host| host.slots()).unwrap_or_default();
        let folder = host_folder(spec);
        let on_host =
            slots.into_iter().map(|slot| (format!("{folder}/{slot}"), Some("dumps".to_owned()))).collect();
        Ok(Observed::Present(VzdumpScheduleState {
            stores,
            on_host,
            seen: Some(Arc::new(seen)),
            steps: Vec::new(),
        }))
    }

    fn desired(
        &self,
        spec: &VzdumpScheduleSpec,
        seen: Option<&VzdumpScheduleState>,
        now: Timestamp,
    ) -> Option<VzdumpScheduleState> {
        // What is wanted depends on what is there.
        let before = seen?;
        let known = before.seen.as_ref()?;
        let planned = plan::plan(spec, known, now);
        let mut after = before.clone();
        if planned.steps.is_empty() {
            return Some(after);
        }
        let pictures = planned.copies.iter().flatten().map(|(desk, _)| desk).chain([&planned.store]);
        for desk in pictures {
            let label = desk.store.label();
            if let Some(old) = before.stores.get(&label) {
                after.stores.insert(label, without(project(&desk.picture), old));
            }
        }
        let folder = host_folder(spec);
        let is_removed = |path: &String| {
            planned.steps.iter().any(|step| {
                step.request.as_exec().is_some_and(|exec| {
                    let words = exec.words();
                    words.first().is_some_and(|word| word == "rm") && words.last() == Some(path)
                })
            })
        };
        for stray in &planned.stray {
            after.on_host.insert(format!("{folder}/{stray}"), None);
        }
        for (path, value) in &mut after.on_host {
            if is_removed(path) {
                *value = None;
            }
        }
        after.steps = planned.steps;
        Some(after)
    }

    fn steps(&self, _: &VzdumpScheduleSpec, delta: &Delta<'_, VzdumpScheduleState>) -> Vec<Step> {
        let resource = format!("{}/{}", delta.id.kind, delta.id.name);
        let who = [("source", delta.id.target.as_str()), ("resource", &resource), ("owner", delta.owner)];
        let mut steps = delta.after.steps.clone();
        for step in &mut steps {
            sign(step, &who);
        }
        steps
    }

    fn uses(&self, spec: &VzdumpScheduleSpec) -> Vec<Use> {
        let first = spec.vzdump.store.used(&["vzdump", "store"]);
        let copies = spec.vzdump.copies.iter().enumerate();
        let copies = copies.map(|(nth, copy)| copy.store().used(&["vzdump", "copies", &nth.to_string()]));
        std::iter::once(first).chain(copies).collect()
    }

    fn takes_long(&self, _: &VzdumpScheduleSpec) -> bool {
        true
    }

    fn report(
        &self,
        spec: &VzdumpScheduleSpec,
        seen: Option<&VzdumpScheduleState>,
        now: Timestamp,
    ) -> Report {
        let known = seen.and_then(|seen| seen.seen.as_ref());
        known.map_or_else(Report::default, |known| report::report(spec, known, now))
    }

    fn on_demand(&self, spec: &VzdumpScheduleSpec, demand: Demand) -> Option<VzdumpScheduleSpec> {
        Some(VzdumpScheduleSpec { schedule: spec.schedule.on_demand(demand), ..spec.clone() })
    }

    fn remnant(&self, spec: &VzdumpScheduleSpec, replies: &Replies) -> Report {
        Report { generations: restore::Holdings::of(spec, replies).generations(), ..Report::default() }
    }

    fn verifications(
        &self,
        spec: &VzdumpScheduleSpec,
        replies: &Replies,
        _: Timestamp,
    ) -> Result<Verifications, ObserveError> {
        Ok(restore::Holdings::of(spec, replies).verifications())
    }

    fn restoration(
        &self,
        spec: &VzdumpScheduleSpec,
        replies: &Replies,
        wish: &Wish,
        _: Timestamp,
    ) -> Result<Result<Restoration, String>, ObserveError> {
        let guests = observe::guests(replies)?;
        Ok(restore::restoration(spec, &restore::Holdings::of(spec, replies), &guests, wish))
    }
}

/// Writes into seals and records who it is that makes them: the plan of the stores does not know.
fn sign(step: &mut Step, who: &[(&str, &str)]) {
    let fill = |fields: &mut Map<String, Value>| {
        for (field, value) in who {
            if fields.get(*field).is_some_and(|known| known == "") {
                fields.insert((*field).to_owned(), Value::String((*value).to_owned()));
            }
        }
    };
    match &mut step.request {
        Request::Files(FileRequest::Seal { fields, .. }) => fill(fields),
        Request::Transfer(transfer) => {
            if let Goal::File { record: Some(fields), .. } = &mut transfer.to {
                fill(fields);
            }
        }
        _ => {}
    }
}
