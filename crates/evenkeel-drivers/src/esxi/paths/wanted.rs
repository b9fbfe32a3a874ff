//! What a spec wants of a device, of array types and of rules, beside what is there.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use evenkeel_core::driver::ObserveError;

use super::PathPolicyState;
use super::arrays::{FIXED, ROUND_ROBIN};
use super::host::Host;
use super::rules::{self, RuleKey};
use super::select::Selection;
use super::spec::{EsxiPathPolicySpec, Latency, RoundRobin};
use super::state::{DeviceState, Evidence, SatpState};
use crate::esxi::reply::failure::unparsable;
use crate::esxi::reply::{Limits, NmpDevice, NmpPath, ScsiDevice};

impl RoundRobin {
    /// In the form of what hosts print; `None` where none of them is written.
    pub(super) fn limits(&self) -> Option<Limits> {
        let latency = |latency: Latency| Limits::Latency {
            sampling_ios: latency.sampling_ios,
            interval_milliseconds: latency.interval_milliseconds,
        };
        self.iops.map(Limits::Iops).or(self.bytes.map(Limits::Bytes)).or(self.latency.map(latency))
    }
}

/// What a device is, as far as the spec speaks of it.
pub(super) fn seen_device(
    spec: &EsxiPathPolicySpec,
    host: &Host,
    device: &NmpDevice,
) -> Result<DeviceState, ObserveError> {
    let odd = |problem: String| unparsable(&host.access.device_list(), problem);
    let limits = (spec.round_robin.is_some() && device.psp == ROUND_ROBIN)
        .then(|| device.limits().map(|limits| limits.to_string()))
        .transpose()
        .map_err(odd)?;
    let preferred_path = (spec.preferred_path.is_some() && device.psp == FIXED)
        .then(|| host.access.preferred_path(device))
        .transpose()
        .map_err(odd)?
        .flatten();
    Ok(DeviceState { policy: device.psp.clone(), limits, preferred_path })
}

/// Looks up what is needed again and again for what is wanted of devices.
pub(super) struct Wishes<'a> {
    spec: &'a EsxiPathPolicySpec,
    host: &'a Host,
    scsi: Option<HashMap<&'a str, &'a ScsiDevice>>,
    working: Option<HashMap<&'a str, Vec<&'a NmpPath>>>,
    /// What is wanted of every device alike, where neither its default nor its paths matter.
    alike: Option<DeviceState>,
}

impl<'a> Wishes<'a> {
    pub(super) fn new(spec: &'a EsxiPathPolicySpec, host: &'a Host) -> Self {
        // Neither is looked at otherwise.
        let scsi = spec.reset_to_default.then(|| host.scsi()).flatten();
        let working = spec.preferred_path.is_some().then(|| host.working_paths()).flatten();
        let limits = spec.round_robin.as_ref().and_then(RoundRobin::limits);
        let alike = spec.path_selection_policy.clone().map(|policy| DeviceState {
            policy,
            limits: limits.map(|limits| limits.to_string()),
            preferred_path: None,
        });
        Wishes { spec, host, scsi, working, alike }
    }

    /// What shall be of a device, given what is; `None` where nothing is wanted of it.
    pub(super) fn of(&self, device: &NmpDevice, seen: &DeviceState) -> Option<Cow<'_, DeviceState>> {
        if self.spec.reset_to_default {
            let policy = self.given_back(device)?.to_owned();
            return Some(Cow::Owned(DeviceState { policy, limits: None, preferred_path: None }));
        }
        let alike = self.alike.as_ref()?;
        let Some(wanted) = &self.spec.preferred_path else { return Some(Cow::Borrowed(alike)) };
        let stays = seen.preferred_path.as_ref().filter(|path| begins(path, wanted));
        let fits = || self.best(device, wanted).map(|path| path.name.clone());
        let path = stays.cloned().or_else(fits).unwrap_or_else(|| wanted.clone());
        Some(Cow::Owned(DeviceState { preferred_path: Some(path), ..alike.clone() }))
    }

    /// The policy that a device has once its own is given back: that of a rule or of its array type. Which rule claimed it
    /// is not told, so that of each that may have counts.
    fn given_back(&self, device: &NmpDevice) -> Option<&str> {
        let told = self.scsi.as_ref().and_then(|all| all.get(device.id.as_str()).copied());
        let rules = self.host.rules.iter().flat_map(|rules| rules.iter());
        let by_rule = rules.filter(|rule| !rule.psp.is_empty() && rules::may_claim(rule, device, told));
        let mut all: Vec<&str> = by_rule.map(|rule| rule.psp.as_str()).collect();
        all.extend(self.host.default_policy(&device.satp));
        all.iter().find(|policy| **policy == device.psp).or_else(|| all.first()).copied()
    }

    /// The working path that is taken where several begin as wanted: of the best state, the first.
    fn best(&self, device: &NmpDevice, wanted: &str) -> Option<&'a NmpPath> {
        let working = self.working.as_ref()?.get(device.id.as_str())?;
        best_of(working.iter().copied().filter(|path| begins(&path.name, wanted)))
    }

    /// True where no working path of a device begins as wanted.
    pub(super) fn lacks_path(&self, device: &NmpDevice) -> bool {
        self.spec.preferred_path.as_ref().is_some_and(|wanted| self.best(device, wanted).is_none())
    }
}

/// Of these paths the first of the best state.
pub(super) fn best_of<'p>(paths: impl Iterator<Item = &'p NmpPath>) -> Option<&'p NmpPath> {
    let rank = |path: &&NmpPath| {
        let states = ["active", "active unoptimized", "standby"];
        (states.iter().position(|state| *state == path.state), numbers(&path.name))
    };
    paths.min_by_key(rank)
}

/// True where a path is `beginning`, or begins so by whole parts.
fn begins(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// The numbers in a path's name, so that `vmhba10` comes after `vmhba2`.
fn numbers(path: &str) -> Vec<u64> {
    path.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// True where a device is not as it shall be.
pub(super) fn differs(wanted: &DeviceState, seen: &DeviceState) -> bool {
    let unmet = |wanted: &Option<String>, seen: &Option<String>| wanted.is_some() && wanted != seen;
    wanted.policy != seen.policy
        || unmet(&wanted.limits, &seen.limits)
        || unmet(&wanted.preferred_path, &seen.preferred_path)
}

/// What shall be of the devices that are taken, by id.
fn devices(
    spec: &EsxiPathPolicySpec,
    seen: &PathPolicyState,
    host: &Host,
    selection: &Selection,
) -> BTreeMap<String, DeviceState> {
    let wishes = Wishes::new(spec, host);
    let wish = |at: &usize| {
        let device = host.devices.get(*at)?;
        Some((device.id.clone(), wishes.of(device, seen.devices.get(&device.id)?)?.into_owned()))
    };
    selection.taken.iter().filter_map(wish).collect()
}

/// The devices that are not as they shall be, in order of their ids.
pub(super) fn pending<'a>(
    spec: &EsxiPathPolicySpec,
    seen: &PathPolicyState,
    evidence: &'a Evidence,
) -> Vec<&'a NmpDevice> {
    let wishes = Wishes::new(spec, &evidence.host);
    let taken = evidence.selection.taken.iter().filter_map(|at| evidence.host.devices.get(*at));
    let is_pending = |device: &&NmpDevice| {
        let seen = seen.devices.get(&device.id);
        seen.is_some_and(|seen| wishes.of(device, seen).is_some_and(|wanted| differs(&wanted, seen)))
    };
    taken.filter(is_pending).collect()
}

/// What shall be. Without `seen`, what is wanted of every host: the defaults and the rules.
pub(super) fn desired(spec: &EsxiPathPolicySpec, seen: Option<&PathPolicyState>) -> PathPolicyState {
    let mut wanted = PathPolicyState::default();
    if let Some((seen, evidence)) = seen.and_then(|seen| Some((seen, seen.evidence.as_ref()?))) {
        wanted.devices = devices(spec, seen, &evidence.host, &evidence.selection);
    }
    if let (true, Some(policy), Some(devices)) = (spec.default, &spec.path_selection_policy, &spec.devices) {
        let satp = |satp: &str| (satp.to_owned(), SatpState { default_policy: policy.clone() });
        wanted.satps = devices.satp.iter().map(satp).collect();
    }
    // A rule of ours that is not written any more shall not be.
    let gone = seen.into_iter().flat_map(|seen| seen.ours.keys()).map(|key| (key.clone(), None));
    let written = spec.rules.iter().flatten();
    let written = written.map(|rule| (RuleKey::of(rule).to_string(), Some(rules::wanted(rule))));
    wanted.rules = gone.chain(written).collect();
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_by_whole_parts() {
        for (beginning, fits) in [
            ("vmhba2", true),
            ("vmhba2:C0:T1", true),
            ("vmhba2:C0:T1:L11", true),
            ("vmhba2:C0:T1:L1", false),
            ("vmhba", false),
            ("vmhba2:C0:T10", false),
        ] {
            assert_eq!(begins("vmhba2:C0:T1:L11", beginning), fits, "{beginning}");
        }
        assert!(numbers("vmhba2:C0:T1:L9") < numbers("vmhba10:C0:T0:L9"));
    }
}
