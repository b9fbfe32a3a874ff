//! What is known from the outside: what was on which machine in which night, and which clones of it there were before.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_lab::vsphere::{Power, Vcenter, Vm};
use serde_json::Value;

use crate::rig::{STORE, VMS};

/// The manifest keeps so many.
const KEPT: usize = 3;

/// The ledger.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// What was on each machine, by night, the oldest first.
    contents: BTreeMap<String, Vec<u64>>,
    /// What was in the good clones of each machine in the evening.
    before: BTreeMap<String, BTreeSet<u64>>,
    /// The machines as they were in the evening, by id: nothing of them may change but snapshots.
    sources: BTreeMap<String, Vm>,
}

impl Ledger {
    pub(crate) fn of(vcenter: &Vcenter) -> Self {
        let mut ledger = Ledger::default();
        ledger.evening(vcenter);
        ledger
    }

    /// Notes what there is before a night.
    pub(crate) fn evening(&mut self, vcenter: &Vcenter) {
        self.before = good(vcenter);
        self.sources.clear();
        for name in VMS {
            for (id, vm) in vcenter.named(name) {
                self.contents.entry(name.to_owned()).or_default().push(vm.content);
                self.sources.insert(id.to_owned(), bare(vm));
            }
        }
    }

    /// At any moment: as many good clones as in the evening, or the three that are kept; the newest of those are still there;
    /// every good one holds what was on its machine in some night; and the machines are as they were.
    pub(crate) fn expect_safe(&self, vcenter: &Vcenter, told: &str) {
        let now = good(vcenter);
        for name in VMS {
            let (before, now) = (of(&self.before, name), of(&now, name));
            let contents = self.contents.get(name).cloned().unwrap_or_default();
            assert!(
                now.iter().all(|content| contents.contains(content)),
                "{told}: {name} has {now:?}, and was {contents:?}"
            );
            let is_fewer = now.len() < before.len().min(KEPT);
            assert!(!is_fewer, "{told}: of {name} there were {before:?}, and now there are {now:?}");
            let newest: Vec<&u64> = before.iter().rev().take(KEPT - 1).collect();
            assert!(
                newest.iter().all(|content| now.contains(content)),
                "{told}: of {name} {newest:?} have to be there: {now:?}"
            );
        }
        for (id, before) in &self.sources {
            assert_eq!(vcenter.vms.get(id).map(bare).as_ref(), Some(before), "{told}");
        }
    }

    /// Of so many machines there is a good clone of this night.
    pub(crate) fn fresh(&self, vcenter: &Vcenter) -> usize {
        let good = good(vcenter);
        let is_fresh = |name: &&&str| {
            let tonight = self.contents.get(**name).and_then(|nights| nights.last());
            tonight.is_some_and(|tonight| of(&good, name).contains(tonight))
        };
        VMS.iter().filter(is_fresh).count()
    }

    /// In the end: of each machine the clones of the last nights, three at most, each as it should be, and nothing else.
    pub(crate) fn expect_done(&self, vcenter: &Vcenter, told: &str) {
        self.expect_safe(vcenter, told);
        let good = good(vcenter);
        let mut names = BTreeSet::new();
        for name in VMS {
            let contents = self.contents.get(name).cloned().unwrap_or_default();
            let last: BTreeSet<u64> = contents.into_iter().rev().take(KEPT).collect();
            assert_eq!(of(&good, name), last, "{told}: {name}");
        }
        let count: usize = good.values().map(BTreeSet::len).sum();
        assert_eq!(vcenter.vms.len(), VMS.len() + count, "{told}: nothing else is there");
        for vm in vcenter.vms.values() {
            assert!(vm.snapshots.is_empty(), "{told}: {} has snapshots", vm.name);
            if vm.power == Power::Off {
                assert!(names.insert(vm.name.clone()), "{told}: {} is there twice", vm.name);
                assert!(vm.name.starts_with("zz_"), "{told}: {}", vm.name);
                assert_eq!(vcenter.path(&vm.parent), "/DC0/vm/backup", "{told}: {}", vm.name);
                assert!(vm.annotation.starts_with("Copy of "), "{told}: {}", vm.annotation);
            }
        }
    }
}

fn of(all: &BTreeMap<String, BTreeSet<u64>>, name: &str) -> BTreeSet<u64> {
    all.get(name).cloned().unwrap_or_default()
}

/// A machine without its snapshots.
fn bare(vm: &Vm) -> Vm {
    Vm { snapshots: Vec::new(), current: None, ..vm.clone() }
}

/// What is in the good clones of each machine: whole, off, where they should be, and sealed as what they are.
fn good(vcenter: &Vcenter) -> BTreeMap<String, BTreeSet<u64>> {
    let mut good: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for vm in vcenter.vms.values() {
        let Some(mark) = vm.extra.get("evenkeel.clone") else { continue };
        let mark: Value = serde_json::from_str(mark).unwrap();
        let is_whole = vm.disks.len() == 1 && vm.disks.iter().all(|disk| disk.store() == STORE);
        let is_sealed = vm.extra.get("evenkeel.sealed") == Some(&vm.uuid) && mark["uuid"] == vm.uuid.as_str();
        if is_whole && is_sealed && vm.power == Power::Off && !vm.is_template {
            let of = mark["vm"].as_str().unwrap().to_owned();
            assert!(
                good.entry(of).or_default().insert(vm.content),
                "two good clones of one night: {}",
                vm.name
            );
        }
    }
    good
}
