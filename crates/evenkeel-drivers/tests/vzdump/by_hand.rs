//! What a person asks for: a copy now, a check, a restore.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{Demand, Restoration, Wish};
use evenkeel_core::plan::Instance;
use evenkeel_core::request::{Digest, FileRequest, Request};
use jiff::Timestamp;

use crate::run::{ask, carry_out, instance, look};
use crate::world::{Cut, World};

const SPEC: &str = "  schedule: { cron: \"0 2 * * *\", timeZone: Asia/Tokyo }
  retention: { keepLast: 1 }
  vzdump:
    guests: running
    store: { target: nas, directory: /dump, layout: \"daily.{n}\" }
    copies: [{ target: away, directory: copy }]
";

fn now() -> Timestamp {
    "2026-11-20T12:00:00.5Z".parse().unwrap()
}

/// A night was made of 101 and 102.
fn after_a_night(is_openvz: bool) -> (World, Instance) {
    let instance = instance(SPEC);
    let guests = BTreeMap::from([(101, true), (102, true), (103, false)]);
    let mut world = World { guests, is_openvz, ..World::default() };
    let found = look(&mut world, &instance, now()).unwrap();
    carry_out(&mut world, &found.steps, found.steps.len(), Cut::Whole).unwrap();
    assert!(look(&mut world, &instance, now()).unwrap().steps.is_empty());
    (world, instance)
}

fn restore(world: &mut World, instance: &Instance, wish: &Wish) -> Result<Restoration, String> {
    let (replies, _) = ask(world, instance);
    instance.driver.restoration(&instance.spec, &replies, wish, now()).unwrap()
}

fn wish(item: &str, to: Option<&str>) -> Wish {
    Wish { item: Some(item.to_owned()), to: to.map(str::to_owned), ..Wish::default() }
}

#[test]
fn a_copy_by_hand_removes_nothing_and_settles() {
    let (mut world, mut instance) = after_a_night(false);
    instance.spec = instance.driver.on_demand(&instance.spec, Demand::Run(now())).unwrap();
    let found = look(&mut world, &instance, now()).unwrap();
    let removals = found.steps.iter().filter(|step| step.may_wait);
    assert_eq!(removals.count(), 0, "only one is kept, and still nothing goes");
    carry_out(&mut world, &found.steps, found.steps.len(), Cut::Whole).unwrap();
    let found = look(&mut world, &instance, now()).unwrap();
    assert!(found.steps.is_empty(), "{:#?}", found.steps);
    assert_eq!(found.report.generations.len(), 8, "two slots of two guests in two stores");
}

/// Guest 102 was tried for the night, by a folder of the host, and failed.
fn after_a_failed_try() -> (World, Instance, &'static str) {
    let nightly = instance(&SPEC.replace("guests: running", "guests: running\n    stream: never"));
    let mut world = World { guests: BTreeMap::from([(101, true), (102, true)]), ..World::default() };
    world.failing = BTreeSet::from([102]);
    let found = look(&mut world, &nightly, now()).unwrap();
    carry_out(&mut world, &found.steps, found.steps.len(), Cut::Whole).unwrap_err();
    let mark = "/var/lib/vz/dump/evenkeel/nas__dump/20261119T170000Z/102/failed.1";
    assert!(world.trees["host"].contains_key(mark), "{:#?}", world.trees["host"]);
    (world, nightly, mark)
}

#[test]
fn a_copy_by_hand_leaves_the_tries_of_the_night_on_the_host() {
    let (mut world, mut instance, mark) = after_a_failed_try();
    world.failing.clear();
    instance.spec = instance.driver.on_demand(&instance.spec, Demand::Run(now())).unwrap();
    let found = look(&mut world, &instance, now()).unwrap();
    assert!(!found.steps.is_empty());
    carry_out(&mut world, &found.steps, found.steps.len(), Cut::Whole).unwrap();
    assert!(look(&mut world, &instance, now()).unwrap().steps.is_empty());
    assert!(world.trees["host"].contains_key(mark));
}

#[test]
fn two_schedules_of_a_host_leave_each_others_dumps_alone() {
    let (mut world, _, mark) = after_a_failed_try();
    world.failing.clear();
    let spec = SPEC.replace("guests: running", "guests: running\n    stream: never");
    let spec = spec.replace("0 2 * * *", "0 5 * * *");
    let other = instance(&spec.replace("/dump", "/other").replace("directory: copy", "directory: copy2"));
    for time in [now(), "2026-11-20T18:00:00Z".parse().unwrap()] {
        let found = look(&mut world, &other, time).unwrap();
        carry_out(&mut world, &found.steps, found.steps.len(), Cut::Whole).unwrap();
        assert!(look(&mut world, &other, time).unwrap().steps.is_empty());
    }
    assert!(world.trees["host"].contains_key(mark));
}

#[test]
fn pruning_by_hand_makes_nothing_and_leaves_what_is_begun() {
    let (mut world, instance) = after_a_night(true);
    let tomorrow = "2026-11-20T17:00:01Z".parse().unwrap();
    world.failing = BTreeSet::from([102]);
    let begun = look(&mut world, &instance, tomorrow).unwrap();
    carry_out(&mut world, &begun.steps, begun.steps.len(), Cut::Whole).unwrap_err();
    let mut pruning = instance.clone();
    pruning.spec = instance.driver.on_demand(&instance.spec, Demand::Prune).unwrap();
    let found = look(&mut world, &pruning, tomorrow).unwrap();
    assert!(found.steps.is_empty(), "{:#?}", found.steps);
}

#[test]
fn every_archive_is_checked_against_its_record() {
    let (mut world, instance) = after_a_night(false);
    let (replies, _) = ask(&mut world, &instance);
    let all = instance.driver.verifications(&instance.spec, &replies, now()).unwrap().copies;
    assert_eq!(all.len(), 4);
    for one in all {
        let Request::Files(FileRequest::Digest { path }) = one.query.request() else { panic!("{one:?}") };
        let target = one.query.target().unwrap();
        assert_eq!(one.generation.store.split(':').next(), Some(target));
        let bytes = world.trees[target][path].as_ref().unwrap();
        let Some(Digest { bytes: size, .. }) = one.expected else { panic!("{path}") };
        assert_eq!(size, bytes.len() as u64);
    }
}

#[test]
fn a_restore_puts_the_archive_where_the_hosts_tool_wants_it() {
    let archive = "/var/lib/vz/dump/vzdump-openvz-101-2026_11_20-02_00_00.tgz";
    let (mut world, instance) = after_a_night(true);
    let found = restore(&mut world, &instance, &wish("101", Some("900"))).unwrap();
    assert_eq!(found.command(), format!("vzrestore {archive} 900"));
    assert_eq!(found.generation.store, "nas:/dump");
    world.trees.entry("host".to_owned()).or_default().insert("/var/lib/vz/dump".to_owned(), None);
    carry_out(&mut world, &found.fetch, found.fetch.len(), Cut::Whole).unwrap();
    assert!(world.trees["host"][archive].as_ref().unwrap().contains("of 101"));

    let (mut world, instance) = after_a_night(false);
    let options = BTreeMap::from([("storage".to_owned(), "local".to_owned())]);
    let found = restore(&mut world, &instance, &Wish { options, ..wish("102", Some("900")) }).unwrap();
    let archive = "/var/lib/vz/dump/vzdump-lxc-102-2026_11_20-02_00_00.tar.zst";
    assert_eq!(found.command(), format!("pct restore 900 {archive} --storage local"));
    // The first store is gone: the copy serves.
    let away = Wish { store: Some("away".to_owned()), ..wish("102", Some("900")) };
    assert_eq!(restore(&mut world, &instance, &away).unwrap().generation.store, "away:copy");
}

#[test]
fn a_restore_never_overwrites_and_says_what_there_is() {
    let (mut world, instance) = after_a_night(true);
    let mut refused = |wish: &Wish| restore(&mut world, &instance, wish).unwrap_err();
    assert!(refused(&wish("101", None)).contains("guest 101 is there"));
    assert!(refused(&wish("101", Some("103"))).contains("guest 103 is there"));
    assert!(refused(&wish("101", Some("web"))).contains("no guest's id"));
    assert!(refused(&wish("103", Some("900"))).contains("there are some of 101, 102"));
    assert!(refused(&Wish::default()).contains("--item with one of 101, 102"));
    assert!(
        refused(&Wish { store: Some("x".to_owned()), ..wish("101", Some("900")) })
            .contains("nas:/dump, away:copy")
    );
    world.guests.remove(&101);
    let found = restore(&mut world, &instance, &wish("101", None)).unwrap();
    assert!(found.command().ends_with(" 101"), "its old id is free again");
}
