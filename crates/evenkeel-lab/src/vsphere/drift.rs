//! What people do in a vCenter by hand.

use evenkeel_core::request::vsphere::{
    CloneSpec, ConfigSpec, DiskFormat, Object, Reference, RelocateSpec, VsphereCall,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Vcenter, Vm};
use crate::random::Random;

const MARK: &str = "evenkeel.clone";
const SEAL: &str = "evenkeel.sealed";
/// What was made within so many seconds is of the newest slot.
const DAY: i64 = 86_400;

impl Vcenter {
    /// What our mark on a virtual machine says, where it was made for that one.
    pub(super) fn mark(&self, id: &str) -> Option<Value> {
        let vm = self.vms.get(id)?;
        let mark: Value = serde_json::from_str(vm.extra.get(MARK)?).ok()?;
        (mark.get("uuid")?.as_str()? == vm.uuid).then_some(mark)
    }

    /// Clones a virtual machine as it is, under this name. The clone's id.
    pub fn clone_by_hand(&mut self, id: &str, name: &str, folder: &str, store: &str) -> Option<String> {
        let datastore = Reference::new("Datastore", self.store(store)?.0);
        let clone = CloneSpec {
            name: name.to_owned(),
            folder: Reference::new("Folder", folder).into(),
            location: RelocateSpec { datastore, pool: None, host: None, format: DiskFormat::Same },
            config: ConfigSpec::default(),
            snapshot: None,
        };
        let made = self.call(&VsphereCall::clone_vm(Reference::new("VirtualMachine", id), clone));
        Some(made.ok()??.id)
    }

    /// Takes a snapshot of a virtual machine. Its id.
    pub fn snapshot_by_hand(&mut self, id: &str, name: &str, description: &str) -> Option<String> {
        let vm: Object = Reference::new("VirtualMachine", id).into();
        let made = self.call(&VsphereCall::create_snapshot(vm, name, description, false));
        Some(made.ok()??.id)
    }

    /// Writes something on a virtual machine's disks.
    pub fn write_by_hand(&mut self, id: &str) {
        self.made += 1;
        let made = self.made;
        self.vms.entry(id.to_owned()).and_modify(|vm| vm.content = made);
    }

    /// Takes a virtual machine out of the inventory, and leaves its files.
    pub fn unregister_by_hand(&mut self, id: &str) {
        if let Some(vm) = self.vms.remove(id) {
            self.unregistered.insert(vm.vmx.clone(), vm);
        }
    }

    /// Puts so many bytes on a datastore that no virtual machine has.
    pub fn fill_by_hand(&mut self, name: &str, bytes: u64) {
        if let Some(store) = self.stores.values_mut().find(|store| store.name == name) {
            store.others = bytes;
        }
    }

    /// A random change which, as long as the schedule stays as it is, is put right or is of no account.
    pub(super) fn change_by_hand(&mut self, random: &mut Random) {
        let ids: Vec<String> = self.vms.keys().cloned().collect();
        let marked: Vec<String> = ids.iter().filter(|id| self.mark(id).is_some()).cloned().collect();
        let any = random.pick(&ids).cloned();
        let clone = random.pick(&marked).cloned();
        match (random.below(5), any, clone) {
            // The seal is gone, and the clone is whole all the same.
            (0, _, Some(clone)) => {
                self.vms.entry(clone).and_modify(|vm| drop(vm.extra.remove(SEAL)));
            }
            (1, _, Some(clone)) => self.forget_snapshot(&clone),
            (2, Some(any), _) => drop(self.snapshot_by_hand(&any, "before the upgrade", "by hand")),
            // A copy is not what the mark was made for.
            (3, _, Some(clone)) => {
                let of = self.vms.get(&clone).map(|vm| (vm.parent.clone(), vm.store().to_owned()));
                let Some((folder, store)) = of else { return };
                self.made += 1;
                let name = format!("a copy {}", self.made);
                self.clone_by_hand(&clone, &name, &folder, &store);
            }
            (4, _, Some(clone)) if self.is_made_anew(&clone) => drop(self.vms.remove(&clone)),
            _ => {}
        }
    }

    /// Leaves the snapshot that a clone was made of on its source.
    fn forget_snapshot(&mut self, clone: &str) {
        let Some(mark) = self.mark(clone) else { return };
        let source = mark.get("vmUuid").and_then(Value::as_str);
        let is_it = |vm: &Vm| Some(vm.uuid.as_str()) == source;
        let source = self.vms.iter().find(|(_, vm)| is_it(vm)).map(|(id, _)| id.clone());
        let description = json!({
            "format": 1,
            "owner": mark.get("owner"),
            "object": mark.get("object"),
            "slot": mark.get("slot"),
        });
        if let Some(source) = source {
            self.snapshot_by_hand(&source, "Clone Snapshot", &description.to_string());
        }
    }

    /// True for a clone of the newest slot that gets the same number once more.
    fn is_made_anew(&self, clone: &str) -> bool {
        let Some(mark) = self.mark(clone) else { return false };
        let number = |mark: &Value| mark.get("number").and_then(Value::as_u64);
        let others: Vec<u64> = self
            .vms
            .keys()
            .filter(|id| *id != clone)
            .filter_map(|id| self.mark(id))
            .filter(|other| other.get("vmUuid") == mark.get("vmUuid"))
            .filter_map(|other| number(&other))
            .collect();
        let smallest = (1..=u64::MAX).find(|free| !others.contains(free));
        let slot = mark.get("slot").and_then(Value::as_str).and_then(evenkeel_core::backup::slot_of);
        let is_new = |slot: Timestamp| slot.as_second() + DAY > self.now;
        slot.is_some_and(is_new) && smallest == number(&mark)
    }
}
