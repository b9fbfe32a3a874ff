//! A host as far as a spec speaks of it.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::manifest::did_you_mean;
use serde::Serialize;

use super::host::{DISTS, Dist, Host, VZ_CONF, conf_of};
use super::keys::{self, REQUIRED, REQUIRED_BY_VSWAP};
use super::limits::Limits;
use super::shell_file::{Odd, ShellFile};
use super::spec::{OpenvzHostSpec, Setting};

/// Hints name at most so many distributions.
const MOST_NAMES: usize = 15;

/// What is shown of a template whose file is neither a link nor another's.
const ITS_OWN: &str = "(a file of its own)";

/// The settings of a host that a spec names.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenvzHostState {
    /// What is set for the whole host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vz_conf: BTreeMap<String, String>,
    /// What is set of containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<String, BTreeMap<String, String>>,
    /// The distributions that templates use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub distributions: BTreeMap<String, String>,
    /// The limits that a container lacks, by container. It is no part of the state.
    #[serde(skip)]
    pub(super) lacks: BTreeMap<String, Vec<&'static str>>,
}

impl OpenvzHostState {
    /// What a host has of a spec; an error where something of it cannot be told, or not be changed.
    pub(super) fn of(host: &Host, spec: &OpenvzHostSpec) -> Result<Self, ObserveError> {
        let mut state = OpenvzHostState::default();
        if !spec.vz_conf.is_empty() {
            let file = host.file(VZ_CONF).ok_or_else(|| {
                let hint = "`vzctl` comes with it: install it anew, or put the file back";
                ObserveError::unfit(&["vzConf"], format!("there is no {VZ_CONF}"), hint)
            })?;
            state.vz_conf = settings(&["vzConf"], VZ_CONF, file, &spec.vz_conf)?;
        }
        for (id, wanted) in &spec.containers {
            let (path, place) = (["containers", id], conf_of(id));
            let file = host.file(&place).ok_or_else(|| {
                let hint = "make it first (`vzctl create`): settings alone would seem to be a container";
                ObserveError::unfit(&path, format!("there is no container {id}: {place} is missing"), hint)
            })?;
            let seen = settings(&path, &place, file, wanted)?;
            if !seen.is_empty() {
                state.containers.insert(id.clone(), seen);
            }
            state.lacks.insert(id.clone(), lacks(host, file));
        }
        for (template, wanted) in &spec.distributions {
            if !host.has_distribution(wanted) {
                return Err(no_distribution(host, template, wanted));
            }
            let seen = host.distribution(template, Some(wanted));
            if let Some(seen) = seen.or_else(|| host.dists.contains_key(template).then_some(ITS_OWN)) {
                state.distributions.insert(template.clone(), seen.to_owned());
            }
        }
        Ok(state)
    }

    /// What a spec wants.
    pub(super) fn wanted(spec: &OpenvzHostSpec) -> Self {
        let values = |wanted: &BTreeMap<String, Setting>| {
            wanted.iter().map(|(key, value)| (key.clone(), value.as_str().to_owned())).collect()
        };
        OpenvzHostState {
            vz_conf: values(&spec.vz_conf),
            containers: spec.containers.iter().map(|(id, wanted)| (id.clone(), values(wanted))).collect(),
            distributions: spec.distributions.clone(),
            lacks: BTreeMap::new(),
        }
    }
}

/// True for values that mean the same: `20G:22G` is `20971520:23068672`, which `vzctl` makes of it.
fn is_same(key: &str, a: &str, b: &str) -> bool {
    let limits = |text: &str| keys::unit(key).and_then(|unit| Limits::read(text, unit).ok());
    a == b || matches!((limits(a), limits(b)), (Some(a), Some(b)) if a == b)
}

fn settings(
    path: &[&str],
    place: &str,
    file: &ShellFile,
    wanted: &BTreeMap<String, Setting>,
) -> Result<BTreeMap<String, String>, ObserveError> {
    let mut seen = BTreeMap::new();
    for (key, wanted) in wanted {
        let wanted = wanted.as_str();
        let odd = |odd: Odd| {
            let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
            let message = format!("what {key} is in {place} cannot be told, or not be changed: {odd}");
            ObserveError::unfit(
                &path,
                message,
                "make it a plain line by hand: nothing is changed in this file before",
            )
        };
        let now = file.get(key).map_err(odd)?;
        // What means the same is told in the manifest's words.
        let is_met = now.is_some_and(|now| is_same(key, now, wanted));
        if !is_met {
            file.edit(key, wanted).map_err(odd)?;
        }
        seen.extend(now.map(|now| (key.clone(), if is_met { wanted } else { now }.to_owned())));
    }
    Ok(seen)
}

/// The limits that a container would not start without, and has neither of its own nor from the host.
fn lacks(host: &Host, file: &ShellFile) -> Vec<&'static str> {
    let files = || [Some(file), host.file(VZ_CONF)].into_iter().flatten();
    let memory = files().find(|file| file.sets("PHYSPAGES")).map(|file| file.get("PHYSPAGES"));
    let is_limited = match memory {
        Some(Ok(Some(value))) => {
            keys::unit("PHYSPAGES").is_some_and(|unit| Limits::read(value, unit).is_ok_and(|l| l.is_finite()))
        }
        // Whatever a shell works it out to.
        Some(_) => true,
        None => false,
    };
    let needed: &[&'static str] = if host.has_vswap && is_limited { &REQUIRED_BY_VSWAP } else { &REQUIRED };
    needed.iter().copied().filter(|key| !files().any(|file| file.sets(key))).collect()
}

fn no_distribution(host: &Host, template: &str, wanted: &str) -> ObserveError {
    let are_files = |(_, dist): &(&String, &Dist)| matches!(dist, Dist::File(_));
    let names: Vec<&str> = host.dists.iter().filter(are_files).map(|(name, _)| name.as_str()).collect();
    let meant = did_you_mean(wanted, names.iter().copied());
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    let hint = if shown.is_empty() {
        format!("there is nothing in {DISTS}: `vzctl` comes with these files")
    } else {
        format!("there are {}", shown.join(", "))
    };
    let message = format!("there is no {DISTS}/{wanted}.conf{meant}");
    ObserveError::unfit(&["distributions", template], message, hint)
}
