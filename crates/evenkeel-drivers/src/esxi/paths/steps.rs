//! The writes that close the difference, what they risk, and what must be so after each.
//!
//! They come in units: a rule, a default, a device. Those that may go come first: what is held, and what a person has
//! to accept, holds up nothing else.

use std::collections::{BTreeMap, HashMap};

use evenkeel_core::diff::FieldChange;
use evenkeel_core::driver::{Delta, Proof, Risk, Step};

use super::PathPolicyState;
use super::access::Access;
use super::arrays::{Misfit, misfit};
use super::host::{Host, name_some};
use super::rules::{self, RuleKey};
use super::spec::{EsxiPathPolicySpec, RoundRobin};
use super::state::{DeviceState, Evidence};
use super::wanted::Wishes;
use crate::esxi::reply::{NmpDevice, NmpPath};

/// What is counted after each change of a device.
pub(super) const WORKING_PATHS: &str = "working paths";

/// Steps that belong together.
struct Unit<'a> {
    steps: Vec<Step>,
    /// The device that they change.
    device: Option<&'a NmpDevice>,
}

/// How late a unit comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Nothing is in its way but the mode.
    Open,
    /// A person has to accept what it risks.
    Accepted,
    /// Nothing opens it as things are.
    Held,
}

impl Unit<'_> {
    fn turn(&self) -> Turn {
        if self.steps.iter().any(|step| step.held.is_some()) {
            Turn::Held
        } else if self.steps.iter().any(|step| step.risk() == Risk::DataLoss) {
            Turn::Accepted
        } else {
            Turn::Open
        }
    }
}

pub(super) fn steps(spec: &EsxiPathPolicySpec, delta: &Delta<'_, PathPolicyState>) -> Vec<Step> {
    let Some(evidence) = delta.before.and_then(|before| before.evidence.clone()) else { return Vec::new() };
    let mut units = rule_units(spec, delta, &evidence);
    units.extend(default_units(delta, &evidence));
    units.extend(device_units(spec, delta, &evidence));
    units.sort_by_key(Unit::turn);
    prove(&mut units, &evidence.host);
    let waiting = units.into_iter().map(|unit| {
        let mut steps = unit.steps;
        if let Some(first) = steps.first_mut() {
            first.may_wait = true;
        }
        steps
    });
    waiting.flatten().collect()
}

/// The second keys of the changes below `top`: ids, array types, rules.
fn keys<'a>(changes: &'a [FieldChange], top: &'a str) -> impl Iterator<Item = &'a str> {
    changes.iter().filter_map(move |change| match change.path.keys() {
        [first, second, ..] if first == top => Some(second.as_str()),
        _ => None,
    })
}

/// What is written first, then what is not any more. A rule of ours that one with another match takes the place of goes
/// after that was added, and stays where that is held.
fn rule_units(
    spec: &EsxiPathPolicySpec,
    delta: &Delta<'_, PathPolicyState>,
    evidence: &Evidence,
) -> Vec<Unit<'static>> {
    let host = &evidence.host;
    let Some(dialect) = host.access.dialect() else { return Vec::new() };
    let known = host.rules.as_ref().map(|rules| rules.as_slice()).unwrap_or_default();
    let mark = rules::mark(delta.owner, &delta.id.name);
    let ours = |key: &str| delta.before.and_then(|before| before.ours.get(key));
    let (mut new, mut others, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys(delta.changes, "rules") {
        let written = spec.rules.iter().flatten().find(|rule| RuleKey::of(rule).to_string() == key);
        if let Some(rule) = written {
            let unit = Unit { steps: rules::put(dialect, known, rule, &mark), device: None };
            if ours(key).is_none() {
                new.push((RuleKey::of(rule), unit));
            } else {
                others.push(unit);
            }
        } else {
            gone.extend(ours(key));
        }
    }
    for old in gone {
        let steps: Vec<Step> = old.iter().map(|rule| Step::new(dialect.remove_rule(rule))).collect();
        let old = old.first().map(RuleKey::seen);
        let heir = new.iter_mut().find(|(key, _)| old.as_ref().is_some_and(|old| key.resembles(old)));
        match heir {
            Some((_, unit)) => unit.steps.extend(steps),
            None => others.push(Unit { steps, device: None }),
        }
    }
    new.into_iter().map(|(_, unit)| unit).chain(others).collect()
}

fn default_units(delta: &Delta<'_, PathPolicyState>, evidence: &Evidence) -> Vec<Unit<'static>> {
    let Some(dialect) = evidence.host.access.dialect() else { return Vec::new() };
    let unit = |satp: &str| {
        let policy = &delta.after.satps.get(satp)?.default_policy;
        let step = Step::new(dialect.set_default_psp(satp, policy));
        let steps = vec![risked(step, misfit(policy, satp, None))];
        Some(Unit { steps, device: None })
    };
    keys(delta.changes, "satps").filter_map(unit).collect()
}

fn risked(step: Step, misfit: Option<Misfit>) -> Step {
    match misfit {
        Some(misfit) => misfit.on(step),
        None => step,
    }
}

fn device_units<'a>(
    spec: &EsxiPathPolicySpec,
    delta: &Delta<'_, PathPolicyState>,
    evidence: &'a Evidence,
) -> Vec<Unit<'a>> {
    let host = &evidence.host;
    let fields = changed_fields(delta.changes);
    let changed: Vec<&NmpDevice> = evidence
        .selection
        .taken
        .iter()
        .filter_map(|at| host.devices.get(*at))
        .filter(|device| fields.contains_key(device.id.as_str()))
        .collect();
    let holds = Holds::of(spec, host, &changed);
    let scsi = host.scsi();
    let unit = |device: &&'a NmpDevice| {
        let wanted = delta.after.devices.get(&device.id)?;
        let fields = fields.get(device.id.as_str())?;
        let vendor =
            scsi.as_ref().and_then(|all| all.get(device.id.as_str())).map(|told| told.vendor.as_str());
        let misfit = if spec.reset_to_default { None } else { misfit(&wanted.policy, &device.satp, vendor) };
        let steps = writes(spec, host, device, wanted, fields);
        let steps = steps.into_iter().map(|request| {
            let step = Step::new(request).hazard(
                Risk::Disruptive,
                "path policy",
                "I/O of disks in use moves to other paths at once",
            );
            let step = risked(step, misfit.clone());
            match holds.why(device) {
                Some(why) => step.held(why),
                None => step,
            }
        });
        Some(Unit { steps: steps.collect(), device: Some(device) })
    };
    changed.iter().filter_map(unit).collect()
}

/// The fields that differ, by device.
fn changed_fields(changes: &[FieldChange]) -> HashMap<&str, Vec<&str>> {
    let mut found: HashMap<&str, Vec<&str>> = HashMap::new();
    for change in changes {
        if let [top, id, field] = change.path.keys()
            && top == "devices"
        {
            found.entry(id).or_default().push(field);
        }
    }
    found
}

/// The writes to one device: its policy first, for the others are settings of that.
fn writes(
    spec: &EsxiPathPolicySpec,
    host: &Host,
    device: &NmpDevice,
    wanted: &DeviceState,
    fields: &[&str],
) -> Vec<evenkeel_core::request::Request> {
    let dialect = match &host.access {
        Access::Commands(dialect) => *dialect,
        Access::Api(system) => {
            let working = host.working_paths().and_then(|mut all| all.remove(device.id.as_str()));
            return system.set_policy(device, wanted, &working.unwrap_or_default()).into_iter().collect();
        }
    };
    let id = &device.id;
    let mut writes = Vec::new();
    if fields.contains(&"policy") {
        writes.push(if spec.reset_to_default {
            dialect.give_back(id)
        } else {
            dialect.set_policy(id, &wanted.policy)
        });
    }
    if let (true, Some(limits)) =
        (fields.contains(&"limits"), spec.round_robin.as_ref().and_then(RoundRobin::limits))
    {
        writes.push(dialect.set_limits(id, &limits));
    }
    if let (true, Some(path)) = (fields.contains(&"preferredPath"), &wanted.preferred_path) {
        writes.push(dialect.set_preferred(id, path));
    }
    writes
}

/// Why devices are not changed as things are. Each reason names all that it concerns, so that it is told once.
pub(super) struct Holds<'a> {
    by_device: HashMap<&'a str, String>,
}

impl<'a> Holds<'a> {
    /// What holds back which of the devices that are to be changed.
    pub(super) fn of(spec: &EsxiPathPolicySpec, host: &Host, changed: &[&'a NmpDevice]) -> Self {
        let least = spec.min_working_paths;
        let mut by_device = HashMap::new();
        let wishes = Wishes::new(spec, host);
        let without: Vec<&NmpDevice> = changed.iter().copied().filter(|d| wishes.lacks_path(d)).collect();
        let why = format!(
            "no working path begins with {} on {}: correct `preferredPath`, or see to the path",
            spec.preferred_path.as_deref().unwrap_or_default(),
            name_some(without.iter().copied(), MOST_NAMES)
        );
        by_device.extend(without.iter().map(|device| (device.id.as_str(), why.clone())));
        let working = host.working_paths().unwrap_or_default();
        let few = too_few(changed.iter().copied(), &working, least);
        let why = format!(
            "fewer than {least} working {} (`minWorkingPaths`): {}",
            if least == 1 { "path" } else { "paths" },
            name_few(&few)
        );
        by_device.extend(few.iter().map(|(device, _)| (device.id.as_str(), why.clone())));
        Holds { by_device }
    }

    pub(super) fn why(&self, device: &NmpDevice) -> Option<String> {
        self.by_device.get(device.id.as_str()).cloned()
    }
}

/// How many devices a sentence names.
const MOST_NAMES: usize = 3;

/// The devices with fewer working paths than `least`, each with how many it has.
pub(super) fn too_few<'a>(
    devices: impl Iterator<Item = &'a NmpDevice>,
    working: &HashMap<&str, Vec<&NmpPath>>,
    least: u32,
) -> Vec<(&'a NmpDevice, usize)> {
    let least = usize::try_from(least).unwrap_or(usize::MAX);
    let count = |device: &NmpDevice| working.get(device.id.as_str()).map_or(0, Vec::len);
    devices.map(|device| (device, count(device))).filter(|(_, count)| *count < least).collect()
}

/// `naa.1 has 1, naa.2 has none and 3 more`
pub(super) fn name_few(few: &[(&NmpDevice, usize)]) -> String {
    let one = |(device, count): &(&NmpDevice, usize)| match count {
        0 => format!("{} has none", device.id),
        count => format!("{} has {count}", device.id),
    };
    let mut names: Vec<String> = few.iter().take(MOST_NAMES).map(one).collect();
    if few.len() > MOST_NAMES {
        names.push(format!("and {} more", few.len() - MOST_NAMES));
    }
    names.join(", ")
}

/// So many steps of devices come between two looks at all that was changed.
const BETWEEN_LOOKS: usize = 16;

/// After each step of a device, its working paths and those of the device that comes next are as many as before. A path
/// of a device that was changed earlier may be lost later: every [`BETWEEN_LOOKS`] steps, and at the end, all of them are
/// counted. What a person has to accept may never come, so that what goes before it has an end of its own.
fn prove(units: &mut [Unit<'_>], host: &Host) {
    let working = host.working_paths().unwrap_or_default();
    let count = |device: &NmpDevice| {
        let count = working.get(device.id.as_str()).map_or(0, Vec::len);
        (device.id.clone(), u64::try_from(count).unwrap_or(u64::MAX))
    };
    let order: Vec<(Turn, Option<&NmpDevice>)> =
        units.iter().map(|unit| (unit.turn(), unit.device)).collect();
    let mut so_far: Vec<&NmpDevice> = Vec::new();
    let mut steps = 0;
    for (at, unit) in units.iter_mut().enumerate() {
        let Some(device) = unit.device else { continue };
        let turn = unit.turn();
        // What is held is not changed next.
        let mut later = order.iter().skip(at.saturating_add(1)).take_while(|(turn, _)| *turn != Turn::Held);
        let next = later.find_map(|(turn, device)| Some((*turn, (*device)?)));
        let is_end = next.is_none_or(|(next, _)| next != turn);
        let next = next.map(|(_, device)| device);
        if turn != Turn::Held {
            so_far.push(device);
        }
        let near = || [Some(device), next].into_iter().flatten();
        let last = unit.steps.len();
        for (nth, step) in unit.steps.iter_mut().enumerate() {
            steps += usize::from(turn != Turn::Held);
            let is_due = steps % BETWEEN_LOOKS == 0 || (is_end && nth.saturating_add(1) == last);
            let looks_at_all = is_due && turn != Turn::Held && so_far.len() > 1;
            let mut reads = if looks_at_all {
                vec![host.access.path_list()]
            } else {
                near().map(|device| host.access.paths(&device.id)).collect()
            };
            reads.dedup();
            let before = so_far.iter().copied().filter(|_| looks_at_all);
            step.proof = Some(Proof {
                reads,
                counts: WORKING_PATHS.to_owned(),
                at_least: before.chain(near()).map(count).collect::<BTreeMap<_, _>>(),
            });
        }
    }
}
