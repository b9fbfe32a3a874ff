//! Runs what was run on real ZFS 2.1.11 and 2.3.2 on the simulated machine, and compares what it says.
//!
//! `tests/data/zfs/RELEASE/NNN-name.{cmd,out,err,rc}` were recorded one after another on a machine with two pools;
//! each case continues where the one before ended.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;
mod normalise;
mod script;
mod shell;

use std::fs;
use std::path::PathBuf;

use cases::{CASES, Case, Replay};
use evenkeel_lab::zfs::{Version, ZfsHost};

const RELEASES: [(Version, &str); 2] = [(Version::V2_1, "2.1.11"), (Version::V2_3, "2.3.2")];

fn folder(release: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/zfs").join(release)
}

/// What was recorded, or what the simulator said.
#[derive(Debug, PartialEq)]
struct Outcome {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn recorded(release: &str, name: &str) -> Self {
        let read = |ending: &str| {
            let path = folder(release).join(format!("{name}.{ending}"));
            fs::read_to_string(path).unwrap_or_default()
        };
        Outcome { exit: read("rc").trim().parse().unwrap(), stdout: read("out"), stderr: read("err") }
    }

    /// The lines that only one of them has, `+` for the simulator's and `-` for the real ones.
    fn differences(&self, recorded: &Self) -> String {
        let mut text = format!("exit {} and {} expected", self.exit, recorded.exit);
        for (said, recorded) in [(&self.stdout, &recorded.stdout), (&self.stderr, &recorded.stderr)] {
            let only = |mark: char, a: &str, b: &str| {
                let only_in_a = a.lines().filter(|line| !b.lines().any(|other| other == *line));
                let shortened = |line: &str| line.chars().take(160).collect::<String>();
                only_in_a
                    .flat_map(|line| ['\n'.to_string(), format!("{mark} {}", shortened(line))])
                    .collect::<String>()
            };
            text.push_str(&only('+', said, recorded));
            text.push_str(&only('-', recorded, said));
        }
        text
    }

    fn normalised(self, by: fn(&str) -> String) -> Self {
        Outcome { exit: self.exit, stdout: by(&self.stdout), stderr: by(&self.stderr) }
    }
}

fn replay(host: &mut ZfsHost, release: &str, case: &Case) -> Option<(Outcome, Outcome)> {
    let command = fs::read_to_string(folder(release).join(format!("{}.cmd", case.name))).unwrap();
    let (said, normalise): (Outcome, fn(&str) -> String) = match case.replay {
        Replay::Same => (shell::run(host, command.trim_end()), normalise::nothing),
        Replay::Like(normalise) => (shell::run(host, command.trim_end()), normalise),
        Replay::Only(version, normalise) if version == host.version() => {
            (shell::run(host, command.trim_end()), normalise)
        }
        Replay::Busy(dataset) => {
            host.set_busy(dataset, true);
            let (_, command) = command.trim_end().split_once(" && ").unwrap();
            let said = shell::run(host, command);
            host.set_busy(dataset, false);
            (said, normalise::nothing)
        }
        Replay::Instead(run, normalise) => (run(host), normalise),
        Replay::Setup(_, run) => {
            run(host);
            return None;
        }
        Replay::Only(..) | Replay::Unsupported(_) => return None,
    };
    let recorded = Outcome::recorded(release, case.name);
    Some((said.normalised(normalise), recorded.normalised(normalise)))
}

#[test]
fn the_simulated_machine_says_what_real_openzfs_says() {
    let mut different = Vec::new();
    for (version, release) in RELEASES {
        let mut host = ZfsHost::new(version);
        let mut compared = 0;
        for case in CASES {
            if let Some((said, recorded)) = replay(&mut host, release, case) {
                compared += 1;
                if said != recorded {
                    different.push(format!("{release} {}: {}", case.name, said.differences(&recorded)));
                }
            }
        }
        assert!(compared >= 69, "only {compared} cases were compared with {release}");
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn every_recording_is_replayed_or_explained() {
    for (_, release) in RELEASES {
        let mut recorded: Vec<String> = fs::read_dir(folder(release))
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".cmd").map(str::to_owned))
            .collect();
        recorded.sort();
        let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(recorded, known);
    }
    for case in CASES {
        if let Replay::Unsupported(reason) | Replay::Setup(reason, _) = case.replay {
            assert!(reason.len() > 10, "{} needs a reason", case.name);
        }
    }
}
