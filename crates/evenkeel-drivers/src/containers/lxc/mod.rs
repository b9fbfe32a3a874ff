//! Templates that are built by Proxmox VE's `pct`: a `ContainerTemplate` with `lxc:`.
//!
//! Each thing that a person would type is a step of its own. The scratch container is mounted to be packed; where it is an
//! unprivileged one, what packs it sees the numbers of owners that the container sees.

mod check;
mod inventory;
mod node;
mod observe;
mod scripts;
mod spec;
mod steps;

pub use scripts::{BEGIN, DISCARD, LOOK, PACK};
pub use spec::{Compression, LxcBuild, LxcSettings, LxcTemplateSpec};

use evenkeel_core::driver::{
    Delta, Driver, Finding, Found, Health, Marked, ObserveError, Observed, Report, Step, Table, Use,
};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde::Serialize;

use super::decide::{self, Decision, Wish, decide};
use super::host::uses;
use super::name::{Release, why_invisible};
use super::recipe::recipe;
use super::spec::KEEP;
use super::state::TemplateState;
use super::{name, report};
use observe::Known;

/// A template as it is, or as it shall be.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LxcTemplateState {
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

/// The driver of the kind `ContainerTemplate` with `lxc`.
#[derive(Debug, Clone, Copy)]
pub struct LxcTemplate;

impl Driver for LxcTemplate {
    const KIND: &'static str = "ContainerTemplate";
    const BACKEND: Option<&'static str> = Some("lxc");
    const EXCLUSIVE: bool = true;
    const SCHEDULED: bool = true;

    type Spec = LxcTemplateSpec;
    type State = LxcTemplateState;

    fn check(&self, spec: &LxcTemplateSpec) -> Vec<Finding> {
        check::check(&spec.lxc)
    }

    fn object(&self, spec: &LxcTemplateSpec) -> String {
        name::name(&spec.lxc.output)
    }

    fn queries(&self, spec: &LxcTemplateSpec, so_far: &Replies) -> Vec<Query> {
        observe::queries(&spec.lxc, so_far)
    }

    fn observe(
        &self,
        spec: &LxcTemplateSpec,
        replies: &Replies,
    ) -> Result<Observed<LxcTemplateState>, ObserveError> {
        observe::observe(&spec.lxc, replies)
    }

    fn recognise(&self, seen: &mut LxcTemplateState, owner: &str, id: &InstanceId) {
        observe::recognise(seen, owner, id);
    }

    fn desired(
        &self,
        spec: &LxcTemplateSpec,
        seen: Option<&LxcTemplateState>,
        now: Timestamp,
    ) -> Option<LxcTemplateState> {
        // What is wanted depends on what is there, and on whose it is.
        let before = seen?;
        let (seen, mine) = (before.shared.seen.as_deref()?, before.shared.mine.as_ref()?);
        let wish = wish(&spec.lxc, before.known.as_ref());
        let decision = decide(&wish, seen, mine, now)?;
        let shared = decide::desired(&before.shared, &wish, &decision);
        Some(LxcTemplateState { shared, known: before.known.clone(), decision: Some(decision) })
    }

    fn steps(&self, spec: &LxcTemplateSpec, delta: &Delta<'_, LxcTemplateState>) -> Vec<Step> {
        delta.before.map(|before| steps::steps(&spec.lxc, before, delta.after)).unwrap_or_default()
    }

    fn uses(&self, spec: &LxcTemplateSpec) -> Vec<Use> {
        uses("lxc", &spec.lxc.publish)
    }

    fn report(&self, spec: &LxcTemplateSpec, seen: Option<&LxcTemplateState>, now: Timestamp) -> Report {
        let known = seen.and_then(|seen| seen.known.as_ref());
        let wish = wish(&spec.lxc, known);
        let mut report = report::report(&wish, seen.map(|seen| &seen.shared), now);
        report.health.extend(known.into_iter().flat_map(|known| unlisted(&wish.name, known)));
        report
    }

    fn table(&self, _: &LxcTemplateSpec, seen: &LxcTemplateState) -> Option<Table> {
        let folder = &seen.known.as_ref()?.folders.look.folder;
        report::table(&seen.shared, folder)
    }

    fn takes_long(&self, _: &LxcTemplateSpec) -> bool {
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

fn wish<'s>(spec: &'s LxcSettings, known: Option<&Known>) -> Wish<'s> {
    let ending = known.map_or(observe::ending(spec.compression, None), |known| known.folders.ending);
    Wish {
        recipe: recipe(&spec.base, &spec.provision, spec.cleanup),
        name: format!("{}{ending}", name::name(&spec.output)),
        refresh: spec.refresh.as_ref(),
        keep: spec.keep.unwrap_or(KEEP),
        publish: &spec.publish,
    }
}

/// The nodes that it is sent to, and that do not list it.
fn unlisted<'k>(file: &'k str, known: &'k Known) -> impl Iterator<Item = Health> + 'k {
    let nodes = known.folders.elsewhere.iter();
    nodes.filter_map(move |(target, look)| {
        let release = look.proxmox.as_deref().and_then(Release::parse)?;
        let invisible = why_invisible(&file.replace(['{', '}'], ""), release)?;
        let message = format!("{target}: {file} {}: write a `compression` that it lists", invisible.why);
        Some(Health::bad(format!("Listed/{target}"), "Invisible", message))
    })
}
