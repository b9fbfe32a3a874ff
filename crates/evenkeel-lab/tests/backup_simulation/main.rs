//! Seeded simulation of 400 days of vzdump schedules: the real driver and engine, a simulated host and simulated stores,
//! and everything that goes wrong in a year: lines cut at any byte, runs killed at any step, stores that are down or full,
//! dumps that fail, guests that come and go, clocks that jump, people who put their own files there.
//!
//! A failure prints its seed; `EVENKEEL_SEED=n` plays that seed alone, `EVENKEEL_SEEDS=n` so many.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod ledger;
mod nights;
mod site;
mod year;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many seeds, in all.
const SEEDS: u64 = 4;

/// Plays the seeds of one quarter, or the one seed that `EVENKEEL_SEED` names.
fn play_quarter(quarter: u64) {
    let registry = evenkeel_drivers::registry();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match (number("EVENKEEL_SEED"), number("EVENKEEL_SEEDS").unwrap_or(SEEDS) / 4) {
        (Some(seed), _) if quarter == 0 => seed..seed + 1,
        (Some(_), _) => 0..0,
        (None, count) => quarter * count..(quarter + 1) * count,
    };
    for seed in seeds {
        let play = AssertUnwindSafe(|| runtime.block_on(year::play(&registry, seed)));
        assert!(
            catch_unwind(play).is_ok(),
            "seed {seed} fails; again: EVENKEEL_SEED={seed} cargo nextest run -p evenkeel-lab --test backup_simulation"
        );
    }
}

// In quarters, so that they run side by side.

#[test]
fn four_hundred_days_of_backups_end_well_1() {
    play_quarter(0);
}

#[test]
fn four_hundred_days_of_backups_end_well_2() {
    play_quarter(1);
}

#[test]
fn four_hundred_days_of_backups_end_well_3() {
    play_quarter(2);
}

#[test]
fn four_hundred_days_of_backups_end_well_4() {
    play_quarter(3);
}
