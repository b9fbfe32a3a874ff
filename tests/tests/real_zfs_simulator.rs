//! The simulated ZFS host against the real one: the same commands, the same answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fmt::Write as _;

use evenkeel_lab::random::Random;
use evenkeel_lab::zfs::{Version, ZfsHost as Simulated};
use evenkeel_tests::zfs_commands::Commands;
use evenkeel_tests::zfshost::ZfsHost;

const SEEDS: [u64; 3] = [1, 2, 3];
const TREE: &str = "simulated";
const COMMANDS: usize = 130;

#[test]
fn the_simulated_2_3_answers_as_the_real_one() {
    compare("2.3", Version::V2_3);
}

#[test]
fn the_simulated_2_1_answers_as_the_real_one() {
    compare("2.1", Version::V2_1);
}

/// What is held cannot be destroyed, and would be in the way of the next script.
fn release_holds(host: &ZfsHost) {
    host.sh(&format!(
        "zfs list -H -o name -t snapshot -r tank/{TREE} 2>/dev/null | xargs -r -n1 zfs release tag 2>/dev/null; \
         udevadm settle"
    ));
}

/// The lines in order: the real one lists snapshots that are in the way as its hash table has them.
fn sorted(errors: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = errors.lines().collect();
    lines.sort_unstable();
    lines
}

fn compare(version: &str, simulated: Version) {
    let host = ZfsHost::start(version);
    let mut differing = String::new();
    for seed in SEEDS {
        release_holds(&host);
        let tree = host.tree(TREE);
        let commands: Vec<Vec<String>> =
            Commands::new(Random::derive(seed, 1), &tree, simulated).take(COMMANDS).collect();
        let mut sim = Simulated::new(simulated);
        sim.add_pool("tank", 350 << 20);
        sim.run(&["zfs", "create", &tree]);
        for (nth, (command, real)) in commands.iter().zip(host.each(&commands)).enumerate() {
            let ours = sim.run(command);
            let (stdout, stderr) =
                (String::from_utf8(ours.stdout).unwrap(), String::from_utf8(ours.stderr).unwrap());
            let same =
                (ours.exit, &stdout) == (real.code, &real.stdout) && sorted(&stderr) == sorted(&real.stderr);
            if !same {
                let command = command.join(" ");
                writeln!(
                    differing,
                    "seed {seed}, {nth}: {command}\n  real      {} {:?} {:?}\n  simulated {} {stdout:?} {stderr:?}",
                    real.code, real.stdout, real.stderr, ours.exit
                )
                .unwrap();
            }
        }
    }
    release_holds(&host);
    assert!(differing.is_empty(), "commands whose answers differ:\n{differing}");
}
