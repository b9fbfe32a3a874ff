//! The writes: what an earlier run left is put in order, then machine after machine is cloned, and only then anything goes.

use std::collections::BTreeMap;

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::{Delta, Risk, Step};
use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat as Format, Object, RelocateSpec, VsphereCall,
};
use evenkeel_core::request::{Request, VsphereRequest};
use jiff::Timestamp;
use jiff::fmt::strtime;

use super::spec::{DiskFormat, Quiesce, VmCloneScheduleSpec};
use super::state::{Cloned, Left, Machine, Seen, Source, VmCloneState};
use super::wanted::{Job, Todo};
use crate::vsphere::mark::{CLONE, Mark, Purpose, SEALED, SnapshotMark};
use crate::vsphere::view::{FOLDER, VM};

/// The risk that `accept.dataLoss.of` names.
const RETENTION: &str = "retention";
/// A clone may take so long.
const CLONE_SECONDS: u64 = 7 * 86_400;
/// Putting the disks together again after a snapshot, and removing files, take their time.
const SECONDS: u64 = 86_400;

pub(super) fn steps(spec: &VmCloneScheduleSpec, delta: &Delta<'_, VmCloneState>) -> Vec<Step> {
    let Some(seen) = &delta.after.seen else { return Vec::new() };
    let (todo, object) = (&delta.after.todo, spec.object());
    let resource = format!("{}/{}", delta.id.kind, delta.id.name);
    let maker = Maker { spec, seen, owner: delta.owner, resource: &resource, object: &object };
    let made: Vec<Making<'_>> = todo.jobs.iter().filter_map(|job| maker.making(job)).collect();
    let groups: Vec<&[Making<'_>]> = made.chunks(spec.concurrency()).collect();
    let parts = Parts::of(&groups);
    // It is for all of them, and nothing of one keeps it from being made.
    let mut steps: Vec<Step> = if made.is_empty() { Vec::new() } else { maker.folders() };
    let strays = todo.strays.iter().filter_map(|at| seen.left.get(*at));
    steps.extend(strays.map(|left| one(remove_snapshot(left)).part(parts.name(item_of(seen, left)))));
    let clones = |all: &[usize]| all.iter().filter_map(|at| seen.clones.get(*at)).collect::<Vec<_>>();
    let seals = clones(&todo.seals).into_iter().map(|clone| {
        // A person's copy carries the same mark, so that one that is there is named by its reference.
        let vm = clone.vm.reference();
        let call = maker.seal(Object::Is(vm.clone()), &clone.mark, &clone.vm.name);
        one(call.only_if(Condition::have_extra(vm, CLONE, &clone.text))).part(parts.name(&clone.item))
    });
    steps.extend(seals);
    let halves = clones(&todo.halves).into_iter();
    steps.extend(halves.map(|half| one(destroy(half)).part(parts.name(&half.item))));
    for group in groups {
        let items = group.first().map(|making| parts.name(making.item)).unwrap_or_default();
        steps.extend(maker.group(group).into_iter().map(|step| step.part(items)));
    }
    steps.extend(maker.removals(todo, &made, &parts));
    steps
}

/// What belongs together in a run: where one machine's clone fails, those of the others are made all the same.
struct Parts<'s>(BTreeMap<&'s str, String>);

impl<'s> Parts<'s> {
    /// Those that are cloned at the same time are one part.
    fn of(groups: &[&[Making<'s>]]) -> Self {
        let mut parts = BTreeMap::new();
        for group in groups {
            let all = group.iter().map(|making| making.item).collect::<Vec<_>>().join(", ");
            parts.extend(group.iter().map(|making| (making.item, all.clone())));
        }
        Parts(parts)
    }

    /// The part that a machine is in; one that is not cloned in this run is one by itself.
    fn name<'a>(&'a self, item: &'a str) -> &'a str {
        self.0.get(item).map_or(item, String::as_str)
    }
}

/// The machine that a snapshot is of, as the manifest names it where it does.
fn item_of<'s>(seen: &'s Seen, left: &'s Left) -> &'s str {
    let is_of = |source: &&Source| source.machine.as_ref().is_ok_and(|machine| machine.vm.id == left.vm.id);
    seen.sources.iter().find(is_of).map_or(&left.path, |source| &source.item)
}

fn one(call: VsphereCall) -> Step {
    Step::new(Request::Vsphere(Box::new(VsphereRequest::Call(call))))
}

/// One call for each of a group: together, where they are several.
fn together(mut calls: Vec<VsphereCall>) -> Option<Step> {
    let request = match (calls.pop(), calls.is_empty()) {
        (Some(only), true) => VsphereRequest::Call(only),
        (Some(last), false) => {
            calls.push(last);
            VsphereRequest::Together { at_once: u32::try_from(calls.len()).unwrap_or(u32::MAX), calls }
        }
        (None, _) => return None,
    };
    Some(Step::new(Request::Vsphere(Box::new(request))))
}

/// Who makes clones, of what, and where.
struct Maker<'s> {
    spec: &'s VmCloneScheduleSpec,
    seen: &'s Seen,
    owner: &'s str,
    resource: &'s str,
    object: &'s str,
}

/// A clone that is to be made.
struct Making<'s> {
    job: &'s Job,
    item: &'s str,
    machine: &'s Machine,
    mark: Mark,
    /// The mark as it is written.
    text: String,
    /// The snapshot that it is made of.
    snapshot: Object,
    /// What is written on that.
    description: String,
}

impl Making<'_> {
    fn vm(&self) -> Object {
        Object::Is(self.machine.vm.reference())
    }
}

/// The virtual machine with this mark.
fn marked(text: &str) -> Object {
    Object::Marked { key: CLONE.to_owned(), value: text.to_owned() }
}

impl<'s> Maker<'s> {
    fn making(&self, job: &'s Job) -> Option<Making<'s>> {
        let source = self.seen.sources.get(job.source)?;
        let machine = source.machine.as_ref().ok()?;
        let slot = slot_name(job.slot);
        let held = machine.detail.disks.iter().filter(|disk| !disk.is_independent);
        let purpose = Purpose {
            owner: self.owner,
            resource: self.resource,
            object: self.object,
            vm: &source.item,
            vm_uuid: &machine.uuid,
            vmx: machine.vm.vmx.as_deref().unwrap_or_default(),
            slot: &slot,
            number: job.number,
            attempt: job.attempt,
        };
        let mark = Mark::new(purpose, held.map(|disk| disk.capacity).collect());
        let description = SnapshotMark::new(self.owner, self.object, &slot).text();
        let (vm, name) = (machine.vm.reference(), self.spec.snapshot_name().to_owned());
        let snapshot = Object::Snapshot { vm, name, description: description.clone() };
        Some(Making { job, item: &source.item, machine, text: mark.text(), mark, snapshot, description })
    }

    /// Makes the folder, and what it is in.
    fn folders(&self) -> Vec<Step> {
        let folder = &self.seen.folder;
        let base = Object::Is(folder.base.clone());
        let (mut within, mut steps) = (base.clone(), Vec::new());
        for name in &folder.missing {
            let path = self.seen.view.folder_path(&folder.base.id);
            let call = VsphereCall::create_folder(within.clone(), name).called(&base, path);
            within = Object::named(FOLDER, name, within);
            steps.push(one(call.only_if(Condition::be_gone(within.clone()))));
        }
        steps
    }

    /// Clones some machines at the same time. Their snapshots are taken and removed one by one: where one fails, it is known
    /// which there are.
    fn group(&self, group: &[Making<'_>]) -> Vec<Step> {
        let snapshots = group.iter().map(|making| one(self.snapshot(making)).begins());
        let clones = together(group.iter().map(|making| self.clone_vm(making)).collect());
        let seals =
            group.iter().map(|making| self.seal(marked(&making.text), &making.mark, &making.job.name));
        let seals = together(seals.collect());
        let cleanups = group.iter().map(|making| {
            let call = VsphereCall::remove_snapshot(making.snapshot.clone()).within(SECONDS);
            one(call.called(&making.vm(), &making.machine.vm.name)).cleanup()
        });
        snapshots.chain(clones).chain(seals).chain(cleanups).collect()
    }

    fn snapshot(&self, making: &Making<'_>) -> VsphereCall {
        let quiesce = match self.spec.vm_clone.quiesce {
            Quiesce::Always => true,
            Quiesce::Never => false,
            Quiesce::Try => making.machine.detail.has_tools && making.machine.vm.power == "poweredOn",
        };
        let (vm, name) = (making.vm(), self.spec.snapshot_name());
        let call = VsphereCall::create_snapshot(vm.clone(), name, &making.description, quiesce);
        let call = call.called(&vm, &making.machine.vm.name);
        call.only_if(Condition::be_gone(making.snapshot.clone()))
    }

    fn clone_vm(&self, making: &Making<'_>) -> VsphereCall {
        let (vm, name, folder) = (making.vm(), making.job.name.as_str(), self.seen.folder.object());
        let format = match self.spec.vm_clone.disk_format {
            DiskFormat::Sparse => Format::Sparse,
            DiskFormat::Same => Format::Same,
            DiskFormat::Thin => {
                Format::Thin(making.machine.detail.disks.iter().map(|disk| disk.key).collect())
            }
        };
        let datastore = self.seen.store.reference.clone();
        // A machine that came back from a clone may still carry that one's seal, and a clone takes it over.
        let seal = making.machine.vm.sealed.as_ref().map(|_| (SEALED.to_owned(), String::new()));
        let extra = std::iter::once((CLONE.to_owned(), making.text.clone())).chain(seal).collect();
        let clone = CloneSpec {
            name: name.to_owned(),
            folder: folder.clone(),
            location: RelocateSpec { datastore: datastore.clone(), pool: None, host: None, format },
            config: ConfigSpec {
                instance_uuid: Some(making.mark.uuid.clone()),
                annotation: Some(self.annotation(&making.mark)),
                extra,
                ..ConfigSpec::default()
            },
            snapshot: Some(making.snapshot.clone()),
        };
        let call = VsphereCall::clone_vm(vm.clone(), clone).within(CLONE_SECONDS);
        call.called(&vm, &making.machine.vm.name)
            .called(&Object::Is(datastore.clone()), &self.seen.store.name)
            .called(
                &Object::Is(self.seen.folder.base.clone()),
                self.seen.view.folder_path(&self.seen.folder.base.id),
            )
            .only_if(Condition::be_gone(Object::named(VM, name, folder)))
            .only_if(Condition::be_gone(marked(&making.text)))
            .only_if(Condition::be(datastore, "summary.accessible", "true"))
    }

    /// Says of a clone that it is whole, where it is: only the one that was made for the mark, off, with all its disks there.
    fn seal(&self, clone: Object, mark: &Mark, name: &str) -> VsphereCall {
        let extra = vec![(SEALED.to_owned(), mark.uuid.clone())];
        let to = ConfigSpec { annotation: Some(self.annotation(mark)), extra, ..ConfigSpec::default() };
        VsphereCall::reconfigure_vm(clone.clone(), to)
            .called(&clone, name)
            .only_if(Condition::be(clone.clone(), "config.instanceUuid", &mark.uuid))
            .only_if(Condition::be(clone.clone(), "runtime.powerState", "poweredOff"))
            .only_if(Condition::be(clone.clone(), "config.template", "false"))
            .only_if(Condition::disks_on(clone, &self.seen.store.name))
    }

    /// What people read on it.
    fn annotation(&self, mark: &Mark) -> String {
        let slot = mark.at().unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.seen.zone.zone.clone());
        let slot = strtime::format("%Y-%m-%d %H:%M %Z", &slot).unwrap_or_default();
        format!(
            "Copy of {} of {slot}, made by Evenkeel ({}). Not to be powered on: restore it with `evenkeel backup restore`",
            mark.vm, mark.resource
        )
    }

    /// What goes, and last what a person has to look at first: where nothing waits for it.
    fn removals(&self, todo: &Todo, made: &[Making<'_>], parts: &Parts<'_>) -> Vec<Step> {
        let made: BTreeMap<&str, &Making<'_>> = made.iter().map(|making| (making.item, making)).collect();
        let expired = todo.verdict.remove.iter().filter_map(|at| self.seen.clones.get(*at));
        let expired = expired.map(|clone| {
            let removal = self.removal(clone, todo, made.get(clone.item.as_str()).copied());
            removal.part(parts.name(&clone.item))
        });
        let foreign = todo.foreign.iter().filter_map(|at| self.seen.foreign.get(*at));
        let foreign = foreign.map(|left| {
            let says = format!("the snapshot `{}` of {} is not ours", left.snapshot.name, left.path);
            let removal = one(remove_snapshot(left)).part(parts.name(item_of(self.seen, left)));
            removal.hazard(Risk::Destructive, "foreignSnapshots", says)
        });
        let (doubtful, plain): (Vec<Step>, Vec<Step>) =
            expired.chain(foreign).partition(|step| !step.hazards.is_empty());
        let may_wait = doubtful.is_empty();
        let plain = plain.into_iter().map(|step| if may_wait { step.may_wait() } else { step });
        plain.chain(doubtful.into_iter().map(Step::may_wait)).collect()
    }

    /// Removes a clone that no rule keeps; where its machine is cloned in this run, only once that clone is sealed.
    fn removal(&self, clone: &Cloned, todo: &Todo, newer: Option<&Making<'_>>) -> Step {
        let vm = clone.vm.reference();
        let mut call = destroy(clone).only_if(Condition::have_extra(vm.clone(), SEALED, &clone.mark.uuid));
        if let Some(folder) = clone.vm.folder_of_files() {
            call = call.only_if(Condition::disks_within(vm, folder));
        }
        if let Some(newer) = newer {
            call = call.only_if(Condition::have_extra(marked(&newer.text), SEALED, &newer.mark.uuid));
        }
        let mut step = one(call);
        if let Some(alarm) = todo.verdict.alarms.get(&clone.item) {
            step = step.hazard(Risk::DataLoss, RETENTION, format!("{alarm}: {}", clone.vm.name));
        }
        if clone.mark.owner != self.owner {
            let says = format!(
                "the mark on {} says that `{}` made it, not `{}`",
                clone.vm.name, clone.mark.owner, self.owner
            );
            step = step.hazard(Risk::DataLoss, RETENTION, says);
        }
        step
    }
}

/// Removes a clone with its files: only the one that the mark was made for, and only where it is off.
fn destroy(clone: &Cloned) -> VsphereCall {
    let vm = clone.vm.reference();
    VsphereCall::destroy(vm.clone())
        .called(&Object::Is(vm.clone()), &clone.vm.name)
        .within(SECONDS)
        .only_if(Condition::have_extra(vm.clone(), CLONE, &clone.text))
        .only_if(Condition::be(
            vm.clone(),
            "config.instanceUuid",
            clone.vm.uuid.as_deref().unwrap_or_default(),
        ))
        .only_if(Condition::be(vm, "runtime.powerState", "poweredOff"))
}

fn remove_snapshot(left: &Left) -> VsphereCall {
    let (vm, snapshot) = (left.vm.reference(), &left.snapshot);
    let (name, description) = (snapshot.name.clone(), snapshot.description.clone());
    let object = if left.has_twin {
        Object::Is(snapshot.reference.clone())
    } else {
        Object::Snapshot { vm: vm.clone(), name, description }
    };
    let call = VsphereCall::remove_snapshot(object).within(SECONDS);
    call.called(&Object::Is(vm), &left.vm.name)
        .called(&Object::Is(snapshot.reference.clone()), &snapshot.name)
}
