//! `ContainerTemplate` with `incus`: an image on an Incus server, made of another one.
//!
//! A scratch container is made of the base, the recipe is carried out in it, and what it is then becomes an image. That has an
//! alias of its own for each version, and one that leads to the newest.

mod check;
mod observe;
mod server;
mod spec;
mod steps;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Report, Step, Table};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde::Serialize;

use super::decide::Decision;
use super::record::Mine;
use super::report;
use super::state::TemplateState;

pub use spec::{Compression, IncusBuild, IncusLimits, IncusOutput, IncusTemplate, IncusTemplateSpec};

use world::World;

/// An image as it is, or as it shall be.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncusTemplateState {
    #[serde(flatten)]
    template: TemplateState,
    /// The aliases, with the version that each leads to, or the first digits of another image's fingerprint. `null`: it goes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    aliases: BTreeMap<String, Option<String>>,
    /// All that was read. It is no part of the form: what is planned follows from it.
    #[serde(skip)]
    world: Option<Arc<World>>,
    /// What is to do, where this is what is wanted.
    #[serde(skip)]
    decision: Option<Decision>,
}

/// The driver of the backend `incus` of the kind `ContainerTemplate`. It lists nothing: what an image is made of does not say how
/// a manifest writes it. Nor is anything pruned: only machines that run commands are asked for what carries our mark.
#[derive(Debug, Clone, Copy)]
pub struct IncusTemplates;

impl Driver for IncusTemplates {
    const KIND: &'static str = "ContainerTemplate";
    const BACKEND: Option<&'static str> = Some("incus");
    // They are compared, but follow from what is there: a plan is stale where its steps would be others.
    const VOLATILE: &'static [&'static str] = &["base", "slot", "digest"];
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = IncusTemplateSpec;
    type State = IncusTemplateState;

    fn check(&self, spec: &IncusTemplateSpec) -> Vec<Finding> {
        check::check(&spec.incus)
    }

    fn object(&self, spec: &IncusTemplateSpec) -> String {
        spec.incus.output.alias.clone()
    }

    fn queries(&self, spec: &IncusTemplateSpec, _: &Replies) -> Vec<Query> {
        observe::queries(&spec.incus)
    }

    fn observe(
        &self,
        spec: &IncusTemplateSpec,
        replies: &Replies,
    ) -> Result<Observed<IncusTemplateState>, ObserveError> {
        observe::observe(&spec.incus, replies)
    }

    fn recognise(&self, seen: &mut IncusTemplateState, owner: &str, id: &InstanceId) {
        let Some(mine) = &seen.template.mine else { return };
        let resource = format!("{}/{}", id.kind, id.name);
        let mine = Mine { resource, owner: owner.to_owned(), object: mine.object.clone() };
        observe::recognise(seen, &mine);
    }

    fn desired(
        &self,
        spec: &IncusTemplateSpec,
        seen: Option<&IncusTemplateState>,
        now: Timestamp,
    ) -> Option<IncusTemplateState> {
        // What is wanted depends on what is there.
        observe::desired(&spec.incus, seen?, now)
    }

    fn steps(&self, spec: &IncusTemplateSpec, delta: &Delta<'_, IncusTemplateState>) -> Vec<Step> {
        let after = delta.after;
        let (Some(world), Some(decision)) = (&after.world, &after.decision) else { return Vec::new() };
        let Some(mine) = &after.template.mine else { return Vec::new() };
        steps::steps(&spec.incus, world, mine, decision)
    }

    fn takes_long(&self, _: &IncusTemplateSpec) -> bool {
        true
    }

    fn report(&self, spec: &IncusTemplateSpec, seen: Option<&IncusTemplateState>, now: Timestamp) -> Report {
        let mut report = report::report(&observe::wish(&spec.incus), seen.map(|seen| &seen.template), now);
        report.notes.extend(seen.into_iter().flat_map(|seen| observe::lost_aliases(&spec.incus, seen, now)));
        report
    }

    fn table(&self, _: &IncusTemplateSpec, seen: &IncusTemplateState) -> Option<Table> {
        report::table(&seen.template, "this server")
    }
}
