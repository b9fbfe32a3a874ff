//! Coming back.

use evenkeel_core::driver::{Driver, Wish};
use evenkeel_core::request::Request;

use super::world::World;
use super::{VmCloneScheduleSpec, night, run, spec};
use crate::vsphere::clone::VmCloneSchedule;

/// Two machines with clones of two nights.
fn world() -> (VmCloneScheduleSpec, World) {
    let names = ["avocado2", "papaya3"];
    let (spec, mut world) = (spec(&names, 3), World::with(&names));
    for nth in 0..2 {
        let (steps, _) = world.plan(&spec, night(nth));
        assert!(run(&mut world, &steps, steps.len()));
    }
    (spec, world)
}

fn wish(options: &[(&str, &str)]) -> Wish {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Wish { item: Some("avocado2".to_owned()), options, ..Wish::default() }
}

fn restore(spec: &VmCloneScheduleSpec, world: &World, wish: &Wish) -> Result<Vec<String>, String> {
    let found = VmCloneSchedule.restoration(spec, &world.replies(spec), wish, night(1)).unwrap();
    found.map(|found| found.work.iter().map(|step| step.request.display()).collect())
}

fn power_off(world: &mut World) {
    world.vms.values_mut().for_each(|vm| vm.is_on = false);
}

#[test]
fn a_clone_comes_back_beside_what_is_there_and_is_no_clone_of_ours() {
    let (spec, mut world) = world();
    power_off(&mut world);
    let wish = wish(&[]);
    let found = VmCloneSchedule.restoration(&spec, &world.replies(&spec), &wish, night(1)).unwrap().unwrap();
    assert_eq!(found.generation.name, "zz_avocado2-02-201909170230");
    let [Request::Vsphere(_)] = [&found.work[0].request] else { panic!("{:?}", found.work) };
    assert!(
        found.command().starts_with("govc vm.clone -vm zz_avocado2-02-201909170230 -ds LocalDS_0"),
        "{}",
        found.command()
    );
    assert_eq!(found.notes.last().unwrap(), "it is not powered on: `govc vm.power -on avocado2-restored`");
    world.perform(&found.work[0]).unwrap();
    let back = world.vms.values().find(|vm| vm.name == "avocado2-restored").unwrap();
    assert_eq!((back.store.as_str(), back.is_on, back.extra.is_empty()), ("LocalDS_0", false, true));
    // A second one would be in its way.
    assert!(restore(&spec, &world, &wish).unwrap_err().contains("a restore never overwrites"));
    let other = Wish { to: Some("avocado2-again".to_owned()), ..wish };
    assert_eq!(restore(&spec, &world, &other).unwrap().len(), 1);
}

#[test]
fn nothing_comes_back_beside_an_original_that_runs() {
    let (spec, mut world) = world();
    let refused = restore(&spec, &world, &wish(&[])).unwrap_err();
    assert!(refused.contains("is not off"), "{refused}");
    let apart = restore(&spec, &world, &wish(&[("disconnected", "true")])).unwrap();
    assert!(apart[0].contains("not connected"), "{apart:?}");
    // What is gone is in nobody's way, and where it was is written on the clone.
    world.vms.retain(|_, vm| vm.name != "avocado2");
    assert!(restore(&spec, &world, &wish(&[])).unwrap()[0].contains("-ds LocalDS_0"));
}

#[test]
fn the_clone_itself_goes_back_only_where_it_is_not_the_last() {
    let (spec, mut world) = world();
    power_off(&mut world);
    let moved = restore(&spec, &world, &wish(&[("move", "true")])).unwrap();
    assert!(
        moved[0].starts_with("ReconfigVM_Task(") && moved[0].contains("instanceUuid=\"\""),
        "{}",
        moved[0]
    );
    let heads: Vec<&str> = moved[1..].iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(heads, ["object.rename", "object.mv", "vm.migrate"]);
    world.vms.retain(|_, vm| vm.name != "zz_avocado2-01-201909160230");
    let refused = restore(&spec, &world, &wish(&[("move", "true")])).unwrap_err();
    assert!(refused.contains("the only whole clone"), "{refused}");
    assert_eq!(restore(&spec, &world, &wish(&[("last", "true"), ("move", "true")])).unwrap().len(), 4);
}

#[test]
fn nothing_is_guessed() {
    let (spec, mut world) = world();
    power_off(&mut world);
    let refused = |wish: Wish, says: &str| {
        let why = restore(&spec, &world, &wish).unwrap_err();
        assert!(why.contains(says), "{why}");
    };
    refused(Wish::default(), "say which machine: --item with one of avocado2, papaya3");
    refused(Wish { item: Some("vcenter".to_owned()), ..Wish::default() }, "no whole clone of vcenter");
    refused(Wish { slot: Some(night(1)), ..wish(&[]) }, "for 20190916T174100Z");
    refused(Wish { store: Some("nas".to_owned()), ..wish(&[]) }, "the clones are on NFS_durian");
    refused(Wish { folder: Some("/tmp".to_owned()), ..wish(&[]) }, "no archive");
    refused(wish(&[("fast", "true")]), "there is no option `fast`");
    refused(wish(&[("move", "yes")]), "neither `true` nor `false`");
    refused(wish(&[("datastore", "NFS_mango")]), "no datastore `NFS_mango`");
    refused(Wish { to: Some("n".repeat(81)), ..wish(&[]) }, "is no name");
}
