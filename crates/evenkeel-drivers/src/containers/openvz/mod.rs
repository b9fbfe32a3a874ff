//! Templates that are built by OpenVZ's own `vzctl`: a `ContainerTemplate` with `openvz:`.
//!
//! Each thing that a person would type is a step of its own. Nothing that vzctl prints is parsed, since its words change from
//! version to version: what there is, is seen in its files.

mod check;
mod host;
mod inventory;
mod notes;
mod observe;
mod scripts;
mod spec;
mod steps;

pub use scripts::{BEGIN, DISCARD, LOOK};
pub use spec::{Build, Limits, OpenvzSettings, OpenvzTemplateSpec, Words};

use evenkeel_core::driver::{
    Delta, Driver, Finding, Found, Marked, ObserveError, Observed, Report, Step, Table, Use,
};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde::Serialize;

use super::decide::{self, Decision, Wish, decide};
use super::host::uses;
use super::recipe::recipe;
use super::spec::KEEP;
use super::state::TemplateState;
use super::{name, report};
use observe::Known;

/// How the archives end that vzctl takes in every version.
const ENDING: &str = ".tar.gz";

/// A template as it is, or as it shall be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OpenvzTemplateState {
    /// What is compared.
    #[serde(flatten)]
    shared: TemplateState,
    /// All that was read. It is no part of the form: what is planned follows from it.
    #[serde(skip)]
    known: Option<Known>,
    /// What is to do, where this is what is wanted.
    #[serde(skip)]
    decision: Option<Decision>,
}

/// The driver of the kind `ContainerTemplate` with `openvz`.
#[derive(Debug, Clone, Copy)]
pub struct OpenvzTemplate;

impl Driver for OpenvzTemplate {
    const KIND: &'static str = "ContainerTemplate";
    const BACKEND: Option<&'static str> = Some("openvz");
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = OpenvzTemplateSpec;
    type State = OpenvzTemplateState;

    fn check(&self, spec: &OpenvzTemplateSpec) -> Vec<Finding> {
        check::check(&spec.openvz)
    }

    fn object(&self, spec: &OpenvzTemplateSpec) -> String {
        name::name(&spec.openvz.output)
    }

    fn queries(&self, spec: &OpenvzTemplateSpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(&spec.openvz, so_far)
    }

    fn observe(
        &self,
        spec: &OpenvzTemplateSpec,
        replies: &Replies,
    ) -> Result<Observed<OpenvzTemplateState>, ObserveError> {
        observe::observe(&spec.openvz, replies)
    }

    fn recognise(&self, seen: &mut OpenvzTemplateState, owner: &str, id: &InstanceId) {
        observe::recognise(seen, owner, id);
    }

    fn desired(
        &self,
        spec: &OpenvzTemplateSpec,
        seen: Option<&OpenvzTemplateState>,
        now: Timestamp,
    ) -> Option<OpenvzTemplateState> {
        // What is wanted depends on what is there, and on whose it is.
        let before = seen?;
        let (seen, mine) = (before.shared.seen.as_deref()?, before.shared.mine.as_ref()?);
        let wish = wish(&spec.openvz);
        let decision = decide(&wish, seen, mine, now)?;
        let mut shared = decide::desired(&before.shared, &wish, &decision);
        if let Some(config) = &spec.openvz.distribution_config {
            let there = shared.versions.iter().filter(|(_, digest)| digest.is_some());
            for name in steps::names(&spec.openvz, there.map(|(name, _)| name.as_str())) {
                shared.distribution_config.insert(name.to_owned(), Some(config.clone()));
            }
        }
        Some(OpenvzTemplateState { shared, known: before.known.clone(), decision: Some(decision) })
    }

    fn steps(&self, spec: &OpenvzTemplateSpec, delta: &Delta<'_, OpenvzTemplateState>) -> Vec<Step> {
        delta.before.map(|before| steps::steps(&spec.openvz, before, delta.after)).unwrap_or_default()
    }

    fn uses(&self, spec: &OpenvzTemplateSpec) -> Vec<Use> {
        uses("openvz", &spec.openvz.publish)
    }

    fn report(
        &self,
        spec: &OpenvzTemplateSpec,
        seen: Option<&OpenvzTemplateState>,
        now: Timestamp,
    ) -> Report {
        let mut report = report::report(&wish(&spec.openvz), seen.map(|seen| &seen.shared), now);
        if let Some(known) = seen.and_then(|seen| seen.known.as_ref()) {
            notes::add(&mut report, &spec.openvz, known);
        }
        report
    }

    fn table(&self, _: &OpenvzTemplateSpec, seen: &OpenvzTemplateState) -> Option<Table> {
        let folder = &seen.known.as_ref()?.folders.look.folder;
        report::table(&seen.shared, folder)
    }

    fn takes_long(&self, _: &OpenvzTemplateSpec) -> bool {
        true
    }

    fn inventory_queries(&self, so_far: &Replies) -> Vec<Query> {
        inventory::queries(so_far)
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::found(replies)
    }

    fn remarks(&self, replies: &Replies) -> Vec<String> {
        inventory::remarks(replies)
    }

    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
        inventory::marked(replies)
    }

    fn removal(&self, object: &str, _: &[&str], replies: &Replies) -> Result<Vec<Step>, String> {
        inventory::removal(object, replies)
    }
}

fn wish(spec: &OpenvzSettings) -> Wish<'_> {
    Wish {
        recipe: recipe(&spec.base, &spec.provision, spec.cleanup),
        name: format!("{}{ENDING}", name::name(&spec.output)),
        refresh: spec.refresh.as_ref(),
        keep: spec.keep.unwrap_or(KEEP),
        publish: &spec.publish,
    }
}

#[cfg(test)]
mod tests;
