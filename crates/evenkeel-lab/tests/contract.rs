//! Every registered driver keeps the contract.
//!
//! A failure prints its kind and seed; `EVENKEEL_KIND=k EVENKEEL_SEED=n` runs these alone.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::panic, clippy::expect_used)]

use evenkeel_core::driver::Registry;
use evenkeel_lab::contract::{Fixture, Stage, checks, fixtures};

fn seeds(fixture: &Fixture) -> std::ops::Range<u64> {
    match std::env::var("EVENKEEL_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("EVENKEEL_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..fixture.seeds,
    }
}

fn keeps(promise: &str) {
    let registry: Registry = evenkeel_drivers::registry();
    let check = checks().into_iter().find(|check| check.promise == promise).expect("there is such a promise");
    let kind = std::env::var("EVENKEEL_KIND").ok();
    let fixtures = fixtures().into_iter().filter(|f| kind.as_ref().is_none_or(|kind| kind == f.kind));
    // One failure of each is told: drivers that have the same fault have it at different seeds.
    let first_broken = |fixture: &Fixture| {
        seeds(fixture).find_map(|seed| {
            let problem = Stage::set(&registry, fixture, seed).and_then(|stage| (check.run)(&stage, seed)).err()?;
            let (kind, backend) = (fixture.kind, fixture.backend.unwrap_or_default());
            Some(format!(
                "{kind} {backend} breaks \"{promise}\" at seed {seed}: {problem}\nagain: EVENKEEL_KIND={kind} EVENKEEL_SEED={seed} cargo nextest run -p evenkeel-lab --test contract"
            ))
        })
    };
    let broken: Vec<String> = fixtures.filter_map(|fixture| first_broken(&fixture)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_registered_driver_has_a_fixture() {
    let fixtures = fixtures();
    let has = |kind: &str, backend| fixtures.iter().any(|f: &Fixture| f.kind == kind && f.backend == backend);
    for driver in evenkeel_drivers::registry().iter() {
        assert!(
            has(driver.kind(), driver.backend()),
            "{} {:?} is registered without a contract fixture: add one to evenkeel_lab::contract",
            driver.kind(),
            driver.backend()
        );
    }
}

#[test]
fn every_promise_is_tested_here() {
    let here = include_str!("contract.rs");
    for check in checks() {
        assert!(here.contains(&format!("keeps(\"{}\")", check.promise)), "{}", check.promise);
    }
}

#[test]
fn observing_never_writes() {
    keeps("observing never writes");
}

#[test]
fn it_converges() {
    keeps("it converges, and the second run sends nothing");
}

#[test]
fn a_plan_keeps_its_hash() {
    keeps("a plan keeps its hash while nothing changes");
}

#[test]
fn any_order() {
    keeps("updates may be sent in any order");
}

#[test]
fn any_fault() {
    keeps("after a fault at any step it converges to the same");
}

#[test]
fn drift() {
    keeps("drift by hand is found and put back");
}

#[test]
fn unknown_is_never_absent() {
    keeps("unknown is never absent");
}

#[test]
fn nothing_new_is_sent() {
    keeps("a reply gone wrong sends nothing new");
}

#[test]
fn every_field_counts() {
    keeps("every field is compared or volatile");
}

#[test]
fn no_secret() {
    keeps("no secret is ever said");
}

#[test]
fn proofs_tell_the_truth() {
    keeps("proofs tell the truth");
}

#[test]
fn guards_put_back() {
    keeps("a guard puts back what was there");
}

#[test]
fn only_ours_is_removed() {
    keeps("only what carries our mark is removed");
}

#[test]
fn asking_who_did_it_changes_nothing() {
    keeps("asking who did it changes nothing");
}
