//! What shall be: a sealed clone of each machine for the slot that is due, and nothing that no rule keeps. Each machine is
//! decided by itself, so that one of which nothing can be made keeps none of the others from theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::backup::{Due, slot_name, slot_of};
use jiff::Timestamp;

use super::keep::{Verdict, judge, own, would_stay};
use super::observe::put;
use super::space::{Room, needed};
use super::spec::VmCloneScheduleSpec;
use super::state::{CloneState, Cloned, Machine, Seen, Source, Standing, VmCloneState};
use crate::vsphere::name::{LONGEST, Pattern};

/// What is to be done. Numbers say where something is among what was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Todo {
    pub(super) due: Due,
    /// Snapshots of ours that are of no use any more.
    pub(super) strays: Vec<usize>,
    /// Snapshots of others that have the name of ours, where those are to go.
    pub(super) foreign: Vec<usize>,
    /// Clones that are whole, to be sealed.
    pub(super) seals: Vec<usize>,
    /// Clones that are not whole, to be removed.
    pub(super) halves: Vec<usize>,
    /// Clones to make.
    pub(super) jobs: Vec<Job>,
    /// What becomes of those that are there.
    pub(super) verdict: Verdict,
    /// Machines of which nothing can be made, and why.
    pub(super) troubles: BTreeMap<String, String>,
    /// Machines that wait for a task, and for which.
    pub(super) waits: BTreeMap<String, String>,
    /// Machines for whose clone there is no room.
    pub(super) holds: BTreeMap<String, String>,
    /// Machines that are not tried any more for this slot.
    pub(super) given_up: BTreeMap<String, String>,
}

/// A clone to make.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The machine: where it is among the sources.
    pub(super) source: usize,
    pub(super) slot: Timestamp,
    pub(super) number: u32,
    pub(super) attempt: u32,
    pub(super) name: String,
}

pub(super) fn wanted(
    spec: &VmCloneScheduleSpec,
    state: &VmCloneState,
    now: Timestamp,
) -> Option<VmCloneState> {
    let seen = state.seen.as_ref()?;
    let todo = todo(spec, seen, now);
    let mut wanted = VmCloneState { seen: Some(Arc::clone(seen)), ..VmCloneState::default() };
    let clone = |at: &usize| seen.clones.get(*at);
    for clone in todo.halves.iter().chain(&todo.verdict.remove).filter_map(clone) {
        put(&mut wanted.clones, &clone.item, &clone.key, None);
    }
    for clone in todo.seals.iter().filter_map(clone) {
        let sealed = CloneState { name: clone.vm.name.clone(), sealed: true };
        put(&mut wanted.clones, &clone.item, &clone.key, Some(sealed));
    }
    for job in &todo.jobs {
        let Some(source) = seen.sources.get(job.source) else { continue };
        let coming = CloneState { name: job.name.clone(), sealed: true };
        put(&mut wanted.clones, &source.item, &slot_name(job.slot), Some(coming));
    }
    for left in todo.strays.iter().filter_map(|at| seen.left.get(*at)) {
        let of_vm = wanted.snapshots.entry(left.path.clone()).or_default();
        of_vm.insert(left.snapshot.reference.id.clone(), None);
    }
    for left in todo.foreign.iter().filter_map(|at| seen.foreign.get(*at)) {
        let of_vm = wanted.snapshots.entry(left.path.clone()).or_default();
        of_vm.insert(left.snapshot.reference.id.clone(), None);
    }
    wanted.folder = (!todo.jobs.is_empty()).then_some(true);
    wanted.todo = todo;
    Some(wanted)
}

/// What is to be done.
pub(super) fn todo(spec: &VmCloneScheduleSpec, seen: &Seen, now: Timestamp) -> Todo {
    let mut due = spec.schedule.due(now, &seen.zone.zone, &spec.object());
    // Slots are whole seconds, as their names are.
    due.slot = due.slot.and_then(|slot| slot_of(&slot_name(slot)));
    let mut todo = Todo { due, ..Todo::default() };
    let own = own(seen);
    let busy: BTreeMap<&str, &str> = seen
        .sources
        .iter()
        .filter_map(|source| Some((source.item.as_str(), source.busy.as_deref()?)))
        .collect();
    tidy(spec, seen, &busy, &mut todo);
    let mut room = Room::of(&seen.store, spec.reserve().unwrap_or_default());
    for at in order(seen) {
        let Some(source) = seen.sources.get(at) else { continue };
        match (&source.machine, &source.busy) {
            (Err(why), _) => drop(todo.troubles.insert(source.item.clone(), why.clone())),
            (Ok(_), Some(what)) => drop(todo.waits.insert(source.item.clone(), what.clone())),
            (Ok(machine), None) => {
                let own = own.get(source.item.as_str()).map(Vec::as_slice).unwrap_or_default();
                let wish = Wish { spec, seen, source, machine, own };
                wish.fill(at, &mut room, &mut todo, now);
            }
        }
    }
    let mut coming: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for job in &todo.jobs {
        coming.extend(seen.sources.get(job.source).map(|source| (source.item.as_str(), job.slot)));
    }
    let untouched: BTreeSet<&str> = busy.keys().copied().collect();
    todo.verdict = judge(spec, seen, &coming, &untouched, now);
    if spec.schedule.once.is_some() {
        // Somebody asked for one more copy, not for fewer.
        todo.verdict.remove.clear();
        todo.verdict.alarms.clear();
    }
    todo
}

/// What an earlier run left: whole clones are sealed, halves and snapshots go. Nothing of a machine to which something is done.
fn tidy(spec: &VmCloneScheduleSpec, seen: &Seen, busy: &BTreeMap<&str, &str>, todo: &mut Todo) {
    let is_free = |id: &str| seen.view.doing(id).is_none();
    let strays = seen.left.iter().enumerate().filter(|(_, left)| is_free(&left.vm.id));
    todo.strays = strays.map(|(at, _)| at).collect();
    if spec.vm_clone.foreign_snapshots == super::spec::ForeignSnapshots::Remove {
        let foreign = seen.foreign.iter().enumerate().filter(|(_, left)| is_free(&left.vm.id));
        todo.foreign = foreign.map(|(at, _)| at).collect();
    }
    if spec.schedule.paused {
        return;
    }
    for (at, clone) in seen.clones.iter().enumerate() {
        // A copy by hand has a slot of its own, and is not asked for to clear away others.
        let is_old = todo.due.slot != Some(clone.slot) && spec.schedule.once.is_none();
        match &clone.standing {
            _ if busy.contains_key(clone.item.as_str()) => {}
            Standing::Finished => todo.seals.push(at),
            Standing::Half(_) if is_old => todo.halves.push(at),
            Standing::Half(_) | Standing::Sealed | Standing::Changed(_) | Standing::Busy => {}
        }
    }
}

/// The sources, those that failed not long ago last: what fails ends a run.
fn order(seen: &Seen) -> Vec<usize> {
    let has_failed = |source: &Source| source.machine.as_ref().is_ok_and(|machine| machine.has_failed);
    let (last, first): (Vec<_>, Vec<_>) =
        seen.sources.iter().enumerate().partition(|(_, source)| has_failed(source));
    first.into_iter().chain(last).map(|(at, _)| at).collect()
}

/// One machine that can be cloned, with what there is of it.
struct Wish<'s> {
    spec: &'s VmCloneScheduleSpec,
    seen: &'s Seen,
    source: &'s Source,
    machine: &'s Machine,
    own: &'s [usize],
}

impl Wish<'_> {
    fn clones(&self) -> impl Iterator<Item = (usize, &Cloned)> {
        self.own.iter().filter_map(|at| Some((*at, self.seen.clones.get(*at)?)))
    }

    /// Plans the clone for the slot that is due, where there is none.
    fn fill(&self, source: usize, room: &mut Room, todo: &mut Todo, now: Timestamp) {
        let Some(slot) = todo.due.slot else { return };
        let of_slot = || self.clones().filter(move |(_, clone)| clone.slot == slot);
        if of_slot().any(|(_, clone)| !matches!(clone.standing, Standing::Half(_))) {
            return;
        }
        let item = || self.source.item.clone();
        let tried = of_slot().map(|(_, clone)| clone.mark.attempt).max().unwrap_or(0);
        let copied = self.copied(slot);
        if tried.max(copied) >= self.spec.attempts() {
            let why = of_slot().find_map(|(_, clone)| match &clone.standing {
                Standing::Half(why) => Some(format!("{}: {why}", clone.vm.name)),
                _ => None,
            });
            let why = why.unwrap_or_else(|| {
                "the clones for the slot have not the identity they were given".to_owned()
            });
            let why = format!("tried {} times; {why}", tried.max(copied));
            todo.given_up.insert(item(), why);
            return;
        }
        if !would_stay(self.spec, self.seen, self.own, slot, now) {
            return;
        }
        let halves: Vec<usize> = of_slot().map(|(at, _)| at).collect();
        let number = self.number(&halves);
        let name = match self.name(number, slot) {
            Ok(name) => name,
            Err(why) => return drop(todo.troubles.insert(item(), why)),
        };
        if let Some(why) = self.taken(&name, &halves) {
            return drop(todo.troubles.insert(item(), why));
        }
        if let Err(why) = room.take(needed(self.machine, self.spec.vm_clone.disk_format)) {
            return drop(todo.holds.insert(item(), why));
        }
        todo.halves.extend(halves);
        todo.jobs.push(Job { source, slot, number, attempt: tried.max(copied) + 1, name });
    }

    /// The last try for the slot that somebody has a copy of: that carries its mark, and the next one has to be another.
    fn copied(&self, slot: Timestamp) -> u32 {
        let marks = self.seen.copied.iter().filter(|mark| mark.at() == Some(slot));
        let of_it = marks.filter(|mark| mark.vm_uuid == self.machine.uuid || mark.vm == self.source.item);
        of_it.map(|mark| mark.attempt).max().unwrap_or(0)
    }

    /// The smallest number that no clone of the machine has, but for those that go before.
    fn number(&self, going: &[usize]) -> u32 {
        let used: BTreeSet<u32> =
            self.clones().filter(|(at, _)| !going.contains(at)).map(|(_, clone)| clone.mark.number).collect();
        (1..=u32::MAX).find(|number| !used.contains(number)).unwrap_or(u32::MAX)
    }

    fn name(&self, number: u32, slot: Timestamp) -> Result<String, String> {
        let pattern: Pattern = self.spec.pattern().map_err(|(message, _)| message)?;
        let name = pattern.name(&self.machine.vm.name, number, &slot.to_zoned(self.seen.zone.zone.clone()));
        let length = name.chars().count();
        if length > LONGEST {
            return Err(format!(
                "its clone would be called {name}, which are {length} characters, and {LONGEST} are allowed"
            ));
        }
        Ok(name)
    }

    /// Who else has the name in the folder.
    fn taken(&self, name: &str, going: &[usize]) -> Option<String> {
        let folder = self.seen.folder.id()?;
        let goes = |id: &str| {
            going.iter().any(|at| self.seen.clones.get(*at).is_some_and(|clone| clone.vm.id == id))
        };
        let mut there = self.seen.view.named(name).filter(|vm| vm.parent.as_deref() == Some(folder));
        let other = there.find(|vm| !goes(&vm.id))?;
        Some(format!(
            "its clone would be called {}, and that is there and not ours: rename it or move it away",
            self.seen.view.path(other)
        ))
    }
}
