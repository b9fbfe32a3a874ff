//! Tasks: what was done, and what is still done though nobody waits for it.

use evenkeel_core::request::vsphere::{Reference, VsphereCall};

use super::fault::Refusal;
use super::{Vcenter, Vm};
use crate::random::Random;

/// Tasks are recent for so many seconds.
const RECENT: i64 = 600;

/// A task.
#[derive(Debug, Clone, Hash)]
pub(super) struct Task {
    pub(super) id: String,
    /// What it is: `VirtualMachine.clone`.
    pub(super) description: String,
    /// What it is done to.
    pub(super) entity: Reference,
    how: How,
    /// In seconds since 1970.
    ended: i64,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum How {
    Succeeded,
    Failed,
    /// It is done at its end.
    Goes(Goal),
}

/// What a task that goes on will have done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Goal {
    /// This call, in which all objects are references.
    Call(Box<VsphereCall>),
    /// This virtual machine has all that it should, which is there already as far as it is made.
    Whole(String, Box<Vm>),
}

impl Task {
    pub(super) fn state(&self) -> &'static str {
        match self.how {
            How::Succeeded => "success",
            How::Failed => "error",
            How::Goes(_) => "running",
        }
    }

    /// In hundredths, while it goes on.
    pub(super) fn progress(&self) -> Option<String> {
        matches!(self.how, How::Goes(_)).then(|| "42".to_owned())
    }
}

impl Vcenter {
    /// Those that go on, and those that ended not long ago.
    pub(super) fn recent_tasks(&self) -> impl Iterator<Item = &Task> {
        let is_recent = move |task: &&Task| task.progress().is_some() || task.ended + RECENT > self.now;
        self.tasks.iter().filter(is_recent)
    }

    /// Those that go on.
    pub(super) fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.progress().is_some())
    }

    /// Makes a call, and waits for its task.
    pub(super) fn call(&mut self, call: &VsphereCall) -> Result<Option<Reference>, Refusal> {
        let call = self.prepared(call)?;
        let outcome = self.planned_failure(&call).map_or_else(|| self.perform(&call), Err);
        if call.is_task() {
            let how = if outcome.is_ok() { How::Succeeded } else { How::Failed };
            self.log(&call, how);
        }
        outcome
    }

    /// Fails as somebody wants it to.
    fn planned_failure(&mut self, call: &VsphereCall) -> Option<Refusal> {
        let (_, kind) = self.fails_next.take_if(|(method, _)| *method == call.method)?;
        Some(Refusal::fault(&kind, "as the lab was told to"))
    }

    /// Makes a call of which nobody hears the end: nothing is done; all is done; a task goes on with it; or a clone breaks
    /// off, and stays as far as it was made.
    pub(super) fn call_in_part(&mut self, call: &VsphereCall, random: &mut Random) {
        match random.below(9) {
            0 | 1 => {}
            2..=4 => drop(self.call(call)),
            5..=7 => self.begin(call, random.one_in(2)),
            _ => self.break_off(call),
        }
    }

    /// Begins a task that goes on. What it makes is there from the beginning, or from the end.
    pub(super) fn begin(&mut self, call: &VsphereCall, is_seen: bool) {
        let Ok(call) = self.prepared(call) else { return };
        if !call.is_task() {
            drop(self.perform(&call));
            return;
        }
        let goal = match self.cloned(&call) {
            Some(Ok(vm)) if is_seen => {
                let id = self.next_id("vm");
                self.vms.insert(id.clone(), Vm { disks: Vec::new(), ..vm.clone() });
                Goal::Whole(id, Box::new(vm))
            }
            Some(Err(_)) => return self.log(&call, How::Failed),
            Some(Ok(_)) | None => Goal::Call(Box::new(call.clone())),
        };
        self.log(&call, How::Goes(goal));
    }

    /// A clone that is never made to its end: its last disk is missing. Any other call is not made at all.
    pub(super) fn break_off(&mut self, call: &VsphereCall) {
        let Ok(call) = self.prepared(call) else { return };
        if let Some(Ok(mut vm)) = self.cloned(&call) {
            vm.disks.pop();
            let id = self.next_id("vm");
            self.vms.insert(id, vm);
            self.log(&call, How::Failed);
        }
    }

    fn log(&mut self, call: &VsphereCall, how: How) {
        let entity = self.entity(call);
        let description = match call.method.strip_suffix("_Task").unwrap_or_default() {
            "CloneVM" => "VirtualMachine.clone",
            "CreateSnapshot" => "VirtualMachine.createSnapshot",
            "RemoveSnapshot" => "vm.Snapshot.remove",
            "ReconfigVM" => "VirtualMachine.reconfigure",
            "RelocateVM" => "VirtualMachine.relocate",
            "Rename" => "VirtualMachine.rename",
            "Destroy" => "VirtualMachine.destroy",
            "MoveIntoFolder" => "Folder.moveInto",
            _ => "Folder.registerVm",
        };
        let id = self.next_id("task");
        let now = self.now;
        self.tasks.retain(|task| task.progress().is_some() || task.ended + RECENT > now);
        self.tasks.push(Task { id, description: description.to_owned(), entity, how, ended: now });
    }

    /// Ten minutes go by, in which all that goes on comes to its end.
    pub(super) fn end_tasks(&mut self) {
        self.now += RECENT;
        for mut task in std::mem::take(&mut self.tasks) {
            if let How::Goes(goal) = task.how {
                task.ended = self.now;
                let is_done = match goal {
                    Goal::Call(call) => self.perform(&call).is_ok(),
                    // Somebody may have removed what it was at.
                    Goal::Whole(id, vm) => self.vms.get_mut(&id).map(|there| *there = *vm).is_some(),
                };
                task.how = if is_done { How::Succeeded } else { How::Failed };
            }
            self.tasks.push(task);
        }
    }
}
