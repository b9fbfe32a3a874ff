//! The writes that close the difference, what they interrupt, and what the host puts back where one cuts it off.
//!
//! Those that everybody can live with come first, those that remove something last: what is held holds up nothing else.

use std::collections::BTreeSet;

use evenkeel_core::driver::{Delta, ObserveError, Risk, Step};
use evenkeel_core::plan::Action;
use evenkeel_core::request::Call;

use super::adapters::{adapter_steps, new_adapters, removed_adapters};
use super::build::{Build, connected, new_alias};
use super::calls;
use super::check::MOST_UPLINKS;
use super::fits::given_addresses;
use super::replace::replace;
use super::spec::HyperVSwitchSpec;
use super::state::HyperVSwitchState;
use crate::hyperv::ground::{seconds, unfinished};
use crate::hyperv::guard::{self, Back, Undo};
use crate::hyperv::host::{Adapter, Host, Switch};
use crate::hyperv::way::{Touch, Way, same};

/// The hazard of what moves a switch's traffic.
const UPLINKS: &str = "uplinks";
/// Sentences name at most so many virtual machines.
const MOST_NAMES: usize = 3;

/// What steps of one switch are made from.
pub(super) struct Site<'a> {
    pub(super) spec: &'a HyperVSwitchSpec,
    pub(super) host: &'a Host,
    pub(super) switch: &'a Switch,
}

impl Site<'_> {
    /// A step that is tried out where it may cut our connection: then the host calls `back`, which puts back what
    /// `restores` says, unless a new connection comes.
    pub(super) fn step(
        &self,
        calls: &[Call],
        up: &[String],
        touch: Touch<'_>,
        (back, restores): (Vec<Call>, String),
    ) -> Step {
        let undo = self.host.may_cut(touch).then(|| undo(self.spec, back, restores));
        guard::step(calls, &texts(up), undo.as_ref())
    }
}

fn undo(spec: &HyperVSwitchSpec, calls: Vec<Call>, restores: String) -> Undo {
    Undo {
        calls: calls.into_iter().map(Back::from).collect(),
        absent: None,
        restores,
        seconds: seconds(spec.confirm_within),
    }
}

/// A step that nobody notices, and that cuts nothing.
pub(super) fn plain(calls: &[Call]) -> Step {
    guard::step(calls, &[], None)
}

pub(super) fn steps(spec: &HyperVSwitchSpec, delta: &Delta<'_, HyperVSwitchState>) -> Vec<Step> {
    let host = match delta.before {
        Some(before) => before.seen.clone(),
        None => Host::read(delta.replies).ok(),
    };
    let Some(host) = host else { return Vec::new() };
    let switch = host.find_switch(&spec.name).ok().flatten();
    let made = match (delta.action, switch) {
        (Action::Create, _) | (_, None) => create(spec, &host),
        (Action::Replace, Some(switch)) => replace(&Site { spec, host: &host, switch }),
        (_, Some(switch)) => update(&Site { spec, host: &host, switch }, delta),
    };
    // What could not be read was an error when the object was observed, and there were no steps to ask for.
    made.unwrap_or_default()
}

pub(super) type Steps = Result<Vec<Step>, ObserveError>;

fn create(spec: &HyperVSwitchSpec, host: &Host) -> Steps {
    let build = Build::wanted(spec, host)?;
    let nics: Vec<&Adapter> =
        host.nics()?.into_iter().filter(|nic| build.uplinks.contains(&nic.name)).collect();
    let mut up: Vec<String> =
        nics.iter().filter(|nic| nic.status == "Up").map(|nic| nic.name.clone()).collect();
    if !up.is_empty() {
        up.extend(build.takes_over.as_deref().map(new_alias));
    }
    // Also where it is not our way: half a switch would keep addresses where they do not belong.
    let moves = !given_addresses(host, &nics)?.is_empty()
        || build.uplinks.iter().any(|uplink| host.may_cut(Touch::Nic(uplink)));
    let back = vec![calls::remove_switch(&build.name)];
    let restores = format!("{} without the switch {}", build.uplinks.join(", "), build.name);
    let undo = moves.then(|| Undo { absent: Some(build.name.clone()), ..undo(spec, back, restores) });
    let mut first = guard::step(&build.first_calls(), &texts(&up), undo.as_ref());
    if moves {
        let says =
            format!("the traffic of {} stops until the switch has taken it over", build.uplinks.join(", "));
        first = first.hazard(Risk::Disruptive, UPLINKS, says);
    }
    // A switch that is not there has no health to tell it by.
    if let Some(unfinished) = unfinished(host) {
        first = first.hazard(Risk::Safe, "guard", unfinished);
    }
    let mut all = vec![first];
    for name in build.others() {
        all.push(add(host, &build, name)?);
    }
    Ok(all)
}

/// Adds a host adapter. One that RDMA restarts is done once its link is up again, where it can be.
pub(super) fn add(host: &Host, build: &Build, name: &str) -> Result<Step, ObserveError> {
    let calls = build.add_calls(name);
    let restarts = calls.iter().any(|call| call.cmdlet() == "Restart-NetAdapter");
    let can_be_up = restarts && !names_up(host, &build.uplinks)?.is_empty();
    let alias = new_alias(name);
    let up: &[&str] = if can_be_up { &[&alias] } else { &[] };
    Ok(guard::step(&calls, up, None))
}

/// Why nothing is tried that would surely cut our connection.
pub(super) fn cuts_ours(adapter: &str) -> String {
    format!("our own connection comes by {adapter}: reach the host by another address first")
}

fn update(site: &Site<'_>, delta: &Delta<'_, HyperVSwitchState>) -> Steps {
    let is_changed = |top: &str| delta.changes.iter().any(|change| change.path.is_within(top));
    let name = &site.switch.name;
    let mut steps = Vec::new();
    if let (true, Some(notes)) = (is_changed("notes"), &delta.after.notes) {
        steps.push(plain(&[calls::set_notes(name, notes)]));
    }
    let (new, gone) =
        if is_changed("uplinks") { uplinks(site, &delta.after.uplinks)? } else { <_>::default() };
    steps.extend(new);
    steps.extend(new_adapters(site, delta)?);
    let adds = delta.after.host_adapters.iter().any(|(_, adapter)| adapter.is_some());
    if is_changed("allowManagementOS") && site.spec.allow_management_os == Some(true) && !adds {
        steps.push(plain(&[calls::allow_management_os(name, true)]));
    }
    if let (true, Some(how)) = (is_changed("loadBalancing"), &delta.after.load_balancing) {
        steps.extend(spread(site, how)?);
    }
    steps.extend(adapter_steps(site, delta)?);
    steps.extend(gone);
    steps.extend(removed_adapters(site, delta)?);
    for step in &mut steps {
        step.may_wait = true;
    }
    Ok(steps)
}

fn spread(site: &Site<'_>, how: &str) -> Steps {
    let name = &site.switch.name;
    let says = format!("traffic of {name} moves to other NICs of the team{}", of_vms(site)?);
    let old = super::observe::load_balancing(site.host, site.switch)?.unwrap_or_default();
    let back = vec![calls::set_load_balancing(name, &old)];
    let call = [calls::set_load_balancing(name, how)];
    let step = site.step(&call, &[], Touch::Switch(name), (back, format!("{name} with {old}")));
    Ok(vec![step.hazard(Risk::Disruptive, "load balancing", says)])
}

/// First the new ones, each its step, then the old ones are left out one by one: none of them, where the last cannot go.
fn uplinks(site: &Site<'_>, wanted: &BTreeSet<String>) -> Result<(Vec<Step>, Vec<Step>), ObserveError> {
    let Site { host, switch, .. } = *site;
    let seen = host.uplinks(switch)?;
    // One that is not among the host's adapters has no name that a cmdlet takes: it falls away with the first change.
    let adapters = host.adapters()?;
    let here = |name: &&String| adapters.iter().any(|adapter| adapter.name == **name);
    let mut members: BTreeSet<String> = seen.iter().filter(here).cloned().collect();
    if !switch.embedded_teaming {
        let back: Vec<Call> = members.iter().map(|old| calls::set_uplink(&switch.name, old)).collect();
        let call = wanted.iter().map(|nic| calls::set_uplink(&switch.name, nic)).collect::<Vec<_>>();
        let step = team_step(site, &call, wanted, &seen, back)?;
        let why = stranded(site, &members, wanted)?;
        return Ok((vec![why.into_iter().fold(step, Step::held)], Vec::new()));
    }
    let missing: Vec<&String> = wanted.difference(&seen).collect();
    let mut extra: Vec<String> = members.difference(wanted).cloned().collect();
    let kept = stranded(site, &members, wanted)?;
    let hold = |step: Step| kept.iter().fold(step, Step::held);
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    for nic in missing {
        let is_full = members.len() >= MOST_UPLINKS;
        if let Some(first) = is_full.then(|| extra.pop()).flatten() {
            let without = members.iter().filter(|one| **one != first).cloned().collect();
            new.push(hold(member_step(site, &mut members, without)?));
        }
        let with = members.iter().chain([nic]).cloned().collect();
        let step = member_step(site, &mut members, with)?;
        new.push(if is_full { hold(step) } else { step });
    }
    if new.is_empty() && extra.is_empty() {
        let same = members.clone();
        new.push(member_step(site, &mut members, same)?);
    }
    for nic in extra {
        let without = members.iter().filter(|one| **one != nic).cloned().collect();
        gone.push(hold(member_step(site, &mut members, without)?));
    }
    Ok((new, gone))
}

/// One change of a team's members, to `next`.
fn member_step(
    site: &Site<'_>,
    members: &mut BTreeSet<String>,
    next: BTreeSet<String>,
) -> Result<Step, ObserveError> {
    let name = &site.switch.name;
    let set = |members: &BTreeSet<String>| {
        let all: Vec<String> = members.iter().cloned().collect();
        calls::set_team(name, &all)
    };
    let back: Vec<Call> = if members.is_empty() { Vec::new() } else { vec![set(members)] };
    let why = stranded(site, members, &next)?;
    let before = std::mem::replace(members, next);
    let step = team_step(site, &[set(members)], members, &before, back)?;
    Ok(match why {
        Some(why) => step.held(why),
        None => step,
    })
}

/// Why members that work do not make room for others: none of `next` is up.
fn stranded(
    site: &Site<'_>,
    members: &BTreeSet<String>,
    next: &BTreeSet<String>,
) -> Result<Option<String>, ObserveError> {
    if names_up(site.host, members)?.is_empty() || !names_up(site.host, next)?.is_empty() {
        return Ok(None);
    }
    let left = site.host.nics()?.into_iter().filter(|nic| next.contains(&nic.name));
    let left: Vec<String> = left.map(|nic| format!("{} is {}", nic.name, nic.status)).collect();
    let or = if site.switch.embedded_teaming { "leave another uplink in" } else { "write another NIC" };
    Ok(Some(format!(
        "{}, and nothing else would be left of {}: see to the link, or {or}",
        left.join(", "),
        site.switch.name
    )))
}

fn team_step(
    site: &Site<'_>,
    change: &[Call],
    members: &BTreeSet<String>,
    old: &BTreeSet<String>,
    back: Vec<Call>,
) -> Result<Step, ObserveError> {
    let name = &site.switch.name;
    let up = names_up(site.host, members)?;
    let says = format!("traffic of {name} moves to other NICs{}", of_vms(site)?);
    let cuts = std::iter::once(Touch::Switch(name)).chain(members.iter().map(|nic| Touch::Nic(nic)));
    let cut = cuts.into_iter().find(|touch| site.host.may_cut(*touch)).unwrap_or(Touch::Switch(name));
    let restores = format!("the uplinks of {name} ({})", old.iter().cloned().collect::<Vec<_>>().join(", "));
    let step = site.step(change, &up, cut, (back, restores));
    Ok(step.hazard(Risk::Disruptive, UPLINKS, says))
}

/// Those of `names` that are Up.
pub(super) fn names_up<'a>(
    host: &Host,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<String>, ObserveError> {
    let adapters = host.adapters()?;
    let is_up = |name: &&String| adapters.iter().any(|one| one.name == **name && one.status == "Up");
    Ok(names.into_iter().filter(is_up).cloned().collect())
}

pub(super) fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The running virtual machines that have their network by the switch.
pub(super) fn vms(host: &Host, switch: &Switch) -> Result<BTreeSet<String>, ObserveError> {
    let running = host.running()?;
    let runs = |vm: &&str| running.iter().any(|one| one.vm == **vm);
    Ok(connected(host, switch)?.map(|guest| guest.vm.as_str()).filter(runs).map(str::to_owned).collect())
}

/// `: VM1, VM2 and 3 more have their network there`, or nothing.
fn of_vms(site: &Site<'_>) -> Result<String, ObserveError> {
    let vms = vms(site.host, site.switch)?;
    Ok(some(&vms).map(|vms| format!("; it is the network of {vms}")).unwrap_or_default())
}

pub(super) fn some(names: &BTreeSet<String>) -> Option<String> {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| format!("{}{more}", shown.join(", ")))
}

/// True where our connection comes by this host adapter.
pub(super) fn is_ours(host: &Host, adapter: &str) -> bool {
    matches!(host.way(), Way::HostAdapter { name, .. } if same(&name, adapter))
}
