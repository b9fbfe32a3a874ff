//! `BackupSchedule` with `pveJob`: a backup job of Proxmox VE's own, kept as configuration.
//!
//! Proxmox runs the job and prunes its copies; Evenkeel keeps the settings that a manifest names, and tells whether the
//! copies that the job is for are there. Jobs have no digest (the interface of 9.1 takes none), so what protects
//! against others' edits is that each job is read again just before it is written.

mod check;
mod cluster;
mod hazard;
mod inventory;
mod observe;
mod prune;
mod report;
mod settings;
mod spec;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Delta, Driver, Finding, Found, Marked, ObserveError, Observed, Report, Step};
use evenkeel_core::plan::Action;
use evenkeel_core::request::{ApiRequest, Method, Query, Replies, Request};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use spec::{
    Compress, Guests, JobSettings, MailNotification, Mode, NotificationMode, PveJobSchedule, Written,
};

use cluster::Copy;
use prune::Prune;
use settings::{GUESTS, Selection, find, wanted};

/// A job as far as a spec speaks of it.
#[derive(Debug, Clone, Serialize)]
pub struct PveJobState {
    /// Settings by the names that manifests have for them; one that is not set is missing.
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
    /// What the settings are judged by. It is no part of the state.
    #[serde(skip)]
    evidence: Evidence,
}

/// What there is beside a job's settings.
#[derive(Debug, Clone)]
struct Evidence {
    /// The guests that the job says, and those that it leaves out.
    selection: Option<Selection>,
    excluded: BTreeSet<u32>,
    /// The guests that this means; `None` where the login sees none.
    guests: Option<BTreeSet<u32>>,
    /// Every guest with its node.
    known: BTreeMap<u32, String>,
    /// The guests in the pool that the spec wants.
    pool: Option<BTreeSet<u32>>,
    enabled: bool,
    /// The job's own rules of retention, and those that hold where it has none: in its storage, in the one it shall have.
    own_rules: Option<Prune>,
    storage_rules: Prune,
    wanted_storage_rules: Prune,
    storage: String,
    /// The copies in its storage and in the one it shall have, or why they are not known.
    copies: Result<Vec<Copy>, String>,
    wanted_copies: Result<Vec<Copy>, String>,
    next_run: Option<Timestamp>,
    /// The nodes' time zone.
    zone: Option<String>,
}

impl Evidence {
    /// True for a parameter that chooses guests and that the job has now.
    fn sets(&self, parameter: &str) -> bool {
        if parameter == "exclude" {
            return !self.excluded.is_empty();
        }
        self.selection.as_ref().is_some_and(|selection| selection.parameter().0.0 == parameter)
    }

    fn none() -> Self {
        Evidence {
            selection: None,
            excluded: BTreeSet::new(),
            guests: None,
            known: BTreeMap::new(),
            pool: None,
            enabled: true,
            own_rules: None,
            storage_rules: Prune::default(),
            wanted_storage_rules: Prune::default(),
            storage: String::new(),
            copies: Ok(Vec::new()),
            wanted_copies: Ok(Vec::new()),
            next_run: None,
            zone: None,
        }
    }
}

/// The driver of the backend `pveJob` of the kind `BackupSchedule`.
#[derive(Debug, Clone, Copy)]
pub struct PveJob;

impl Driver for PveJob {
    const KIND: &'static str = "BackupSchedule";
    const BACKEND: Option<&'static str> = Some("pveJob");
    const EXCLUSIVE: bool = true;

    type Spec = PveJobSchedule;
    type State = PveJobState;

    fn check(&self, spec: &PveJobSchedule) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, spec: &PveJobSchedule) -> String {
        inventory::object(&spec.pve_job.id)
    }

    fn queries(&self, spec: &PveJobSchedule, so_far: &Replies) -> Vec<Query> {
        observe::queries(spec, so_far)
    }

    fn observe(
        &self,
        spec: &PveJobSchedule,
        replies: &Replies,
    ) -> Result<Observed<PveJobState>, ObserveError> {
        observe::observe(spec, replies)
    }

    fn desired(&self, spec: &PveJobSchedule, _: Option<&PveJobState>, _: Timestamp) -> Option<PveJobState> {
        Some(PveJobState { fields: wanted(spec), evidence: Evidence::none() })
    }

    /// One call, so that a job is never half changed.
    fn steps(&self, spec: &PveJobSchedule, delta: &Delta<'_, PveJobState>) -> Vec<Step> {
        let id = &spec.pve_job.id;
        let wanted = &delta.after.fields;
        let (Action::Update, Some(before)) = (delta.action, delta.before) else {
            let api = ApiRequest::new(Method::Post, "/cluster/backup").param("id", id);
            let names = wanted.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str());
            let step = Step::new(Request::Api(with_settings(api, names, spec, wanted, None)));
            return vec![hazard::of_creation(step, spec, wanted)];
        };
        let api = ApiRequest::new(Method::Put, format!("/cluster/backup/{id}"));
        let names = delta.changes.iter().filter_map(|change| match change.path.keys() {
            [name] => Some(name.as_str()),
            _ => None,
        });
        let step = Step::new(Request::Api(with_settings(api, names, spec, wanted, Some(before))));
        vec![hazard::of_change(step, spec, before, delta.changes)]
    }

    fn report(&self, spec: &PveJobSchedule, seen: Option<&PveJobState>, now: Timestamp) -> Report {
        seen.map(|seen| report::report(spec, seen, now)).unwrap_or_default()
    }

    fn inventory_queries(&self, _: &Replies) -> Vec<Query> {
        vec![cluster::jobs_query()]
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        inventory::inventory(replies)
    }

    /// A job carries no mark, so nothing is asked of the many hosts that have no such interface.
    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn marked(&self, _: &Replies) -> Result<Vec<Marked>, ObserveError> {
        Ok(Vec::new())
    }
}

/// The call with these settings as they are wanted; what must not be set goes into `delete`.
fn with_settings<'a>(
    mut api: ApiRequest,
    names: impl Iterator<Item = &'a str>,
    spec: &PveJobSchedule,
    wanted: &BTreeMap<String, Value>,
    before: Option<&PveJobState>,
) -> ApiRequest {
    let mut gone: Vec<&str> = Vec::new();
    for name in names {
        if name == GUESTS {
            let ((parameter, value), others) = Selection::of(&spec.pve_job.guests).parameter();
            api = api.param(parameter, value);
            let set_now = |other: &&&str| before.is_some_and(|before| before.evidence.sets(other));
            gone.extend(others.iter().filter(set_now));
            continue;
        }
        let Some(setting) = find(name) else { continue };
        match wanted.get(name).filter(|value| !value.is_null()) {
            Some(value) => api = api.param(setting.api, setting.parameter(value)),
            None => gone.push(setting.api),
        }
    }
    gone.retain(|name| !api.params.contains_key(*name));
    gone.sort_unstable();
    gone.dedup();
    if gone.is_empty() { api } else { api.param("delete", gone.join(",")) }
}
