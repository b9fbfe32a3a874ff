//! What no single plan shows: many nights, runs that are cut short, what is not ours, what it costs, and coming back.

mod restore;
mod world;

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Request, VsphereRequest};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::VmCloneScheduleSpec;
use crate::vsphere::mark::{CLONE, SEALED};
use world::{STORE, World};

fn spec(vms: &[&str], keep_last: u32) -> VmCloneScheduleSpec {
    let mut spec = VmCloneScheduleSpec::default();
    spec.schedule.cron = Some("30 2 * * *".to_owned());
    spec.schedule.time_zone = Some("Asia/Tokyo".to_owned());
    spec.retention.keep_last = Some(keep_last);
    spec.vm_clone.vms = vms.iter().map(|&vm| vm.to_owned()).collect();
    spec.vm_clone.datastore = STORE.to_owned();
    spec.vm_clone.folder = "backup".to_owned();
    spec
}

/// Eleven minutes after the slot of that night.
fn night(nth: i64) -> Timestamp {
    let first: Timestamp = "2019-09-15T17:41:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * nth)
}

fn is_call(step: &Step, method: &str) -> bool {
    let Request::Vsphere(request) = &step.request else { return false };
    match &**request {
        VsphereRequest::Call(call) => call.method == method,
        VsphereRequest::Together { calls, .. } => calls.iter().all(|call| call.method == method),
        _ => false,
    }
}

/// A run as the engine does it: one that fails ends it but for what cleans up. Steps behind the first `until` are never sent.
fn run(world: &mut World, steps: &[Step], until: usize) -> bool {
    let (mut begun, mut failed) = (false, false);
    for step in steps.iter().take(until) {
        if failed && !(step.cleanup && begun) {
            continue;
        }
        match world.perform(step) {
            Ok(()) => begun |= step.begins,
            Err(_) if step.cleanup && failed => {}
            Err(_) => failed = true,
        }
    }
    !failed && until >= steps.len()
}

#[test]
fn ten_nights_leave_three_of_each_and_no_snapshot() {
    let six = ["avocado2", "avocado3", "avocado5", "papaya3", "support_private", "vcenter"];
    let (spec, mut world) = (spec(&six, 3), World::with(&six));
    for nth in 0..10 {
        let (steps, _) = world.plan(&spec, night(nth));
        let last_seal = steps.iter().rposition(|step| is_call(step, "ReconfigVM_Task")).unwrap();
        let first_removal = steps.iter().position(|step| is_call(step, "Destroy_Task"));
        assert!(first_removal.is_none_or(|removal| removal > last_seal), "night {nth}");
        assert!(run(&mut world, &steps, steps.len()), "night {nth}");
        let each = usize::try_from(nth + 1).unwrap().min(3);
        assert_eq!((world.sealed(), world.snapshots()), (6 * each, 0), "night {nth}");
        let (again, report) = world.plan(&spec, night(nth));
        assert!(again.is_empty(), "night {nth}");
        assert!(report.health.iter().all(|health| health.good), "{:?}", report.health);
    }
    let clones = world.clones();
    assert_eq!(clones.len(), 18);
    let of_one: Vec<&str> = clones.keys().copied().filter(|name| name.contains("avocado2")).collect();
    // Four numbers go round, of which one is free at rest.
    assert_eq!(
        of_one,
        ["zz_avocado2-01-201909240230", "zz_avocado2-02-201909250230", "zz_avocado2-04-201909230230"]
    );
    assert!(clones.values().all(|clone| clone.store == STORE && !clone.is_on));
}

#[test]
fn two_hundred_machines_are_planned_at_once() {
    let names: Vec<String> = (0..200).map(|nth| format!("vm{nth:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut spec, mut world) = (spec(&names, 3), World::with(&names));
    spec.vm_clone.concurrency = Some(4);
    for nth in 0..600 {
        world.add(&format!("other{nth}"), "group-v3", "LocalDS_0", true);
    }
    for nth in 0..3 {
        let (steps, _) = world.plan(&spec, night(nth));
        assert!(run(&mut world, &steps, steps.len()));
    }
    let (steps, report) = world.plan(&spec, night(3));
    let count = |method: &str| steps.iter().filter(|step| is_call(step, method)).count();
    let counts =
        ["CreateSnapshot_Task", "CloneVM_Task", "ReconfigVM_Task", "RemoveSnapshot_Task", "Destroy_Task"];
    assert_eq!(counts.map(count), [200, 50, 50, 200, 200]);
    assert_eq!(report.generations.len(), 600);
}

#[test]
fn a_copy_by_hand_removes_nothing_and_pruning_makes_nothing() {
    use evenkeel_core::driver::{Demand, Driver};
    let (spec, mut world) = (spec(&["avocado2"], 1), World::with(&["avocado2"]));
    for nth in 0..2 {
        let at = night(nth);
        let by_hand = super::VmCloneSchedule.on_demand(&spec, Demand::Run(at)).unwrap();
        let (steps, _) = world.plan(&by_hand, at);
        assert!(steps.iter().all(|step| !is_call(step, "Destroy_Task")));
        assert!(run(&mut world, &steps, steps.len()));
    }
    assert_eq!(world.sealed(), 2);
    // As of the second night there is the one that was made by hand after it.
    let (steps, _) = world.plan(&super::VmCloneSchedule.on_demand(&spec, Demand::Prune).unwrap(), night(1));
    assert!(!steps.is_empty() && steps.iter().all(|step| is_call(step, "Destroy_Task")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn wherever_runs_are_cut_short_the_good_ones_stay(
        cuts in prop::collection::vec((0_usize..26, 0_usize..26), 5),
        keep_last in 1_u32..4,
        concurrency in 1_u32..3,
    ) {
        let names = ["avocado2", "papaya3"];
        let (mut spec, mut world) = (spec(&names, keep_last), World::with(&names));
        spec.vm_clone.concurrency = Some(concurrency);
        let keep = usize::try_from(keep_last).unwrap();
        for (nth, (first, second)) in (0_i64..).zip(cuts) {
            let before = world.sealed();
            for until in [first, second, usize::MAX] {
                let (steps, _) = world.plan(&spec, night(nth));
                run(&mut world, &steps, until);
                prop_assert!(world.sealed() >= before, "night {}: {} of {}", nth, world.sealed(), before);
            }
            let full = usize::try_from(nth + 1).unwrap().min(keep);
            prop_assert_eq!((world.sealed(), world.clones().len(), world.snapshots()), (2 * full, 2 * full, 0));
            prop_assert!(world.plan(&spec, night(nth)).0.is_empty());
        }
    }

    #[test]
    fn a_name_alone_never_makes_anything_ours(
        others in prop::collection::vec((1_u32..6, 15_u32..28, any::<bool>()), 0..8),
        keep_last in 1_u32..3,
    ) {
        let (spec, mut world) = (spec(&["avocado2"], keep_last), World::with(&["avocado2"]));
        let (steps, _) = world.plan(&spec, night(0));
        prop_assert!(run(&mut world, &steps, usize::MAX));
        let original = world.clones().values().next().map(|clone| (*clone).clone()).unwrap();
        let mut strangers = Vec::new();
        for (number, day, is_copy) in others {
            let name = format!("zz_avocado2-{number:02}-201909{day}0230");
            let id = world.add(&name, &original.folder, STORE, false);
            if is_copy {
                // A person's copy of a clone has all of its options.
                world.vms.get_mut(&id).unwrap().extra = original.extra.clone();
            }
            strangers.push(id);
        }
        for nth in 1..6 {
            let (steps, _) = world.plan(&spec, night(nth));
            run(&mut world, &steps, usize::MAX);
            prop_assert!(strangers.iter().all(|id| world.vms.contains_key(id)));
        }
    }

    #[test]
    fn the_newest_good_one_is_never_removed(
        damage in prop::collection::vec(0_u8..5, 6),
        keep_last in 1_u32..4,
    ) {
        let (spec, mut world) = (spec(&["avocado2"], keep_last), World::with(&["avocado2"]));
        for (nth, damage) in (0_i64..).zip(damage) {
            let (steps, _) = world.plan(&spec, night(nth));
            run(&mut world, &steps, usize::MAX);
            let newest = world.vms.values_mut().filter(|vm| vm.extra.contains_key(CLONE)).max_by_key(|vm| {
                vm.name.rsplit('-').next().unwrap_or_default().to_owned()
            });
            let newest = newest.unwrap();
            match damage {
                1 => newest.is_on = true,
                2 => "LocalDS_0".clone_into(&mut newest.store),
                3 => newest.disks = vec![1],
                4 => drop(newest.extra.remove(SEALED)),
                _ => {}
            }
            let good = |world: &World| {
                let is_good = |vm: &&world::Machine| {
                    vm.extra.get(SEALED) == Some(&vm.uuid) && !vm.is_on && vm.store == STORE && vm.disks == [20 << 20]
                };
                let names = world.vms.values().filter(is_good).map(|vm| vm.name.rsplit('-').next().unwrap().to_owned());
                names.max()
            };
            let before = good(&world);
            let (steps, _) = world.plan(&spec, night(nth));
            run(&mut world, &steps, usize::MAX);
            prop_assert!(good(&world) >= before);
        }
    }
}
