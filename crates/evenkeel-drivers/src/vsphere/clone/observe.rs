//! What is read, and what it means.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use evenkeel_core::backup::Zone;
use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::vsphere::Reference;
use evenkeel_core::request::{Query, Replies};

use super::places::{folder_of, store_of};
use super::spec::{VmCloneScheduleSpec, last_part};
use super::state::{CloneState, Cloned, Clones, Left, Machine, Seen, Source, Standing, VmCloneState};
use crate::vsphere::mark::{Mark, SnapshotMark};
use crate::vsphere::name::escaped;
use crate::vsphere::view::{Detail, Details, Snapshot, View, Vm, details, everything, parse_details};

/// Messages name at most so many of what they are about.
const MOST_NAMED: usize = 3;

/// Round one: the whole vCenter. Round two: the devices of those that it is about.
pub(super) fn queries(spec: &VmCloneScheduleSpec, so_far: &Replies) -> Vec<Query> {
    let mut queries = vec![everything()];
    if let Ok(view) = so_far.parsed(&everything(), View::parse) {
        queries.extend(chosen(spec, &view));
    }
    queries
}

/// The second exchange, where there is anything to be asked.
fn chosen(spec: &VmCloneScheduleSpec, view: &View) -> Option<Query> {
    let object = spec.object();
    let sources = spec.vm_clone.vms.iter().filter_map(|entry| find(view, entry).ok());
    let all: BTreeSet<Reference> = sources.chain(own(view, &object)).map(Vm::reference).collect();
    (!all.is_empty()).then(|| details(all))
}

pub(super) fn observe(
    spec: &VmCloneScheduleSpec,
    replies: &Replies,
) -> Result<Observed<VmCloneState>, ObserveError> {
    let view = replies.parsed(&everything(), View::parse)?;
    if view.api_type != "VirtualCenter" {
        let message = "clones need a vCenter, and this is a host: it has no CloneVM_Task";
        let hint = "name the vCenter that manages the host as the target";
        return Err(ObserveError::unfit(&["target"], message, hint));
    }
    let details = match chosen(spec, &view) {
        Some(query) => replies.parsed(&query, parse_details)?,
        None => Arc::new(Details::new()),
    };
    let zone = Zone::read(spec.schedule.time_zone.as_deref(), replies)?;
    let store = store_of(spec, &view)?;
    let folder = folder_of(spec, &view, &store)?;
    let mut sources = sources(spec, &view, &details);
    let clones = clones(&spec.object(), &sources, (&view, &details), &store.name);
    for source in &mut sources {
        let is_busy = |clone: &&Cloned| clone.standing == Standing::Busy && clone.item == source.item;
        let of_clone = clones.iter().find(is_busy).map(|clone| clone.vm.name.clone());
        source.busy = source.busy.take().or_else(|| of_clone.map(|name| format!("a task runs on {name}")));
    }
    let (left, foreign) = snapshots(spec, &view, &sources);
    let object = spec.object();
    let (notes, copied) = (notes(&view, &object), copied(&view, &object));
    let seen = Seen { zone, view, store, folder, sources, clones, copied, left, foreign, notes };
    Ok(Observed::Present(state(seen)))
}

fn state(seen: Seen) -> VmCloneState {
    let mut state = VmCloneState { folder: Some(seen.folder.missing.is_empty()), ..VmCloneState::default() };
    for clone in &seen.clones {
        let sealed = clone.standing == Standing::Sealed;
        let there = CloneState { name: clone.vm.name.clone(), sealed };
        put(&mut state.clones, &clone.item, &clone.key, Some(there));
    }
    for left in seen.left.iter().chain(&seen.foreign) {
        let of_vm = state.snapshots.entry(left.path.clone()).or_default();
        of_vm.insert(left.snapshot.reference.id.clone(), Some(left.snapshot.name.clone()));
    }
    VmCloneState { seen: Some(Arc::new(seen)), ..state }
}

/// Puts a clone into the form of the State.
pub(super) fn put(clones: &mut Clones, item: &str, key: &str, clone: Option<CloneState>) {
    clones.entry(item.to_owned()).or_default().insert(key.to_owned(), clone);
}

/// The virtual machines that carry the schedule's mark, and are those that it was made for.
fn own<'v>(view: &'v View, object: &'v str) -> impl Iterator<Item = &'v Vm> {
    view.vms.iter().filter(move |vm| vm.own_mark().is_some_and(|mark| mark.object == object))
}

/// The one virtual machine that an entry means; why there is none, or no one. What we made is none.
fn find<'v>(view: &'v View, entry: &str) -> Result<&'v Vm, String> {
    let name = last_part(entry);
    let other = escaped(name);
    let of_other = view.named(&other).filter(|_| other != name);
    let found = view.named(name).chain(of_other).filter(|vm| vm.own_mark().is_none());
    let found: Vec<&Vm> = found.filter(|vm| !entry.starts_with('/') || view.path(vm) == entry).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(match renamed(view, entry) {
            Some(now) => format!("{entry} is now called {}: write that name", now.name),
            None if entry.starts_with('/') => format!("there is no virtual machine {entry}"),
            None => format!("no virtual machine is called {entry}"),
        }),
        several => {
            let mut paths: Vec<String> = several.iter().map(|vm| view.path(vm)).collect();
            let count = paths.len();
            // In one order every time, whatever the server's is.
            paths.sort_unstable();
            paths.truncate(MOST_NAMED);
            Err(format!(
                "{count} virtual machines are called {entry}: write the path, {}",
                paths.join(" or ")
            ))
        }
    }
}

/// What an earlier clone was made of, under the name that it has now.
fn renamed<'v>(view: &'v View, entry: &str) -> Option<&'v Vm> {
    let marks = view.vms.iter().filter_map(Vm::own_mark).filter(|mark| mark.vm == entry);
    let uuids: BTreeSet<&str> = marks.map(|mark| mark.vm_uuid.as_str()).collect();
    if uuids.is_empty() {
        return None;
    }
    view.vms
        .iter()
        .find(|vm| vm.own_mark().is_none() && vm.uuid.as_deref().is_some_and(|uuid| uuids.contains(uuid)))
}

fn sources(spec: &VmCloneScheduleSpec, view: &View, details: &Details) -> Vec<Source> {
    let of = |entry: &String| {
        let found = find(view, entry);
        let busy = found.as_ref().ok().and_then(|vm| Some(format!("{} runs on it", view.doing(&vm.id)?)));
        let uuid = found.as_ref().ok().and_then(|vm| vm.uuid.clone());
        let machine = found.and_then(|vm| machine(view, vm, details.get(&vm.id)));
        Source { item: entry.clone(), uuid, machine, busy }
    };
    spec.vm_clone.vms.iter().map(of).collect()
}

/// A virtual machine, as far as it can be cloned; why it cannot.
fn machine(view: &View, vm: &Vm, detail: Option<&Detail>) -> Result<Machine, String> {
    let (Some(uuid), Some(detail), None) = (&vm.uuid, detail, &vm.unread) else {
        let why = vm.unread.as_deref().unwrap_or("its disks could not be read");
        return Err(format!("it cannot be read: {why}"));
    };
    if let Some(lost) = vm.lost() {
        return Err(format!("it is {lost}"));
    }
    if vm.is_template {
        return Err("it is a template".to_owned());
    }
    if detail.disks.iter().all(|disk| disk.is_independent) {
        let what = if detail.disks.is_empty() { "it has no disks" } else { "all its disks are independent" };
        return Err(format!("{what}, so that a snapshot of it holds nothing"));
    }
    let has_failed = view.failed_lately(&vm.id);
    Ok(Machine { vm: vm.clone(), uuid: uuid.clone(), detail: detail.clone(), has_failed })
}

/// The schedule's own, in order of machine, slot and number.
fn clones(object: &str, sources: &[Source], (view, details): (&View, &Details), store: &str) -> Vec<Cloned> {
    // Also of those that cannot be cloned just now: their clones are theirs all the same.
    let by_uuid: HashMap<&str, &str> =
        sources.iter().filter_map(|source| Some((source.uuid.as_deref()?, source.item.as_str()))).collect();
    // A clone that is being made is seen by the task on what it is made of, whether or not that is named any more.
    let busy: BTreeSet<&str> = view
        .vms
        .iter()
        .filter(|vm| view.doing(&vm.id).is_some())
        .filter_map(|vm| vm.uuid.as_deref())
        .collect();
    let clone = |vm: &Vm| {
        let (mark, written) = (vm.own_mark()?.clone(), vm.mark.as_ref()?);
        let detail = details.get(&vm.id);
        let sizes = detail.into_iter().flat_map(|detail| &detail.disks).map(|disk| disk.capacity);
        let is_busy =
            view.doing(&vm.id).is_some() || (!vm.is_sealed() && busy.contains(mark.vm_uuid.as_str()));
        let standing = if is_busy { Standing::Busy } else { standing(vm, detail, store) };
        let bytes = if vm.committed > 0 { vm.committed } else { sizes.sum::<u64>().saturating_mul(1024) };
        let item =
            by_uuid.get(mark.vm_uuid.as_str()).map_or_else(|| mark.vm.clone(), |&item| item.to_owned());
        let (slot, key) = (mark.at()?, mark.slot.clone());
        let (vm, text) = (vm.clone(), written.text.clone());
        let nics = detail.map(|detail| detail.nics.clone()).unwrap_or_default();
        Some(Cloned { vm, mark, text, item, slot, key, bytes, nics, standing })
    };
    let mut all: Vec<Cloned> = own(view, object).filter_map(clone).collect();
    let order = |clone: &Cloned| {
        (
            clone.item.clone(),
            clone.slot,
            clone.standing != Standing::Sealed,
            clone.mark.number,
            clone.vm.id.clone(),
        )
    };
    all.sort_by_cached_key(order);
    let mut taken: BTreeMap<(String, String), u32> = BTreeMap::new();
    for clone in &mut all {
        let count = taken.entry((clone.item.clone(), clone.key.clone())).or_default();
        *count += 1;
        if *count > 1 {
            clone.key = format!("{} ({count})", clone.key);
        }
    }
    all
}

/// What a clone is, to which nothing is done just now.
fn standing(vm: &Vm, detail: Option<&Detail>, store: &str) -> Standing {
    let changed = |why: &str| Standing::Changed(why.to_owned());
    let (Some(mark), Some(detail)) = (vm.own_mark(), detail) else {
        return changed("its disks cannot be read");
    };
    match (vm.power.as_str(), vm.lost()) {
        (_, Some(lost)) => return Standing::Changed(format!("it is {lost}")),
        ("poweredOff", None) => {}
        ("poweredOn", None) => return changed("it is powered on"),
        (other, None) => return Standing::Changed(format!("it is not off, but `{other}`")),
    }
    if vm.is_template {
        return changed("it was made a template");
    }
    // Whoever attaches another machine's disk to look at it must not lose that with the clone.
    if let Some(disk) =
        detail.disks.iter().find(|disk| disk.store() == Some(store) && !vm.has_by_it(&disk.file))
    {
        return Standing::Changed(format!("it has a disk that is not its own, {}", disk.file));
    }
    let elsewhere = detail.disks.iter().find(|disk| disk.store() != Some(store));
    let problem = match elsewhere {
        Some(disk) => Some(format!("its disk {} is not on {store}", disk.file)),
        None if mark.has_disks(detail.disks.iter().map(|disk| disk.capacity)) => None,
        None => Some("it has not all the disks, or not in their sizes".to_owned()),
    };
    match (vm.is_sealed(), problem) {
        (true, None) => Standing::Sealed,
        (true, Some(why)) => Standing::Changed(why),
        (false, None) => Standing::Finished,
        (false, Some(why)) => Standing::Half(why),
    }
}

/// Snapshots for clones of the schedule, wherever they are; and those of the machines that only have such a name.
fn snapshots(spec: &VmCloneScheduleSpec, view: &View, sources: &[Source]) -> (Vec<Left>, Vec<Left>) {
    let object = spec.object();
    let machines = sources.iter().filter_map(|source| source.machine.as_ref().ok());
    let chosen: BTreeSet<&str> = machines.map(|machine| machine.vm.id.as_str()).collect();
    let (mut left, mut foreign) = (Vec::new(), Vec::new());
    for vm in view.vms.iter().filter(|vm| !vm.snapshots.is_empty()) {
        for snapshot in &vm.snapshots {
            let is_twin = |other: &&Snapshot| {
                (&other.name, &other.description) == (&snapshot.name, &snapshot.description)
            };
            let has_twin = vm.snapshots.iter().filter(is_twin).count() > 1;
            let one = || Left { vm: vm.clone(), path: view.path(vm), snapshot: snapshot.clone(), has_twin };
            match SnapshotMark::read(&snapshot.description) {
                Some(mark) if mark.object == object => left.push(one()),
                None if snapshot.name == spec.snapshot_name() && chosen.contains(vm.id.as_str()) => {
                    foreign.push(one());
                }
                _ => {}
            }
        }
    }
    (left, foreign)
}

/// The marks of the schedule on virtual machines that they were not made for.
fn copied(view: &View, object: &str) -> Vec<Mark> {
    let copies = view.vms.iter().filter(|vm| vm.own_mark().is_none());
    let marks = copies.filter_map(|vm| vm.mark.as_ref()?.mark.as_ref().ok());
    marks.filter(|mark| mark.object == object).cloned().collect()
}

/// What carries our mark and is not looked after.
fn notes(view: &View, object: &str) -> Vec<String> {
    let note = |vm: &Vm| {
        let written = vm.mark.as_ref()?;
        let path = view.path(vm);
        match &written.mark {
            Err(why) => Some(format!("{path} carries a mark of Evenkeel, and is left alone: {why}")),
            Ok(mark) if mark.object == object && vm.own_mark().is_none() => {
                Some(format!("{path} is a copy of a clone of {}: it is left alone, and not counted", mark.vm))
            }
            Ok(_) => None,
        }
    };
    view.vms.iter().filter_map(note).collect()
}
