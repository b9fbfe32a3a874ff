//! Two more scripts, one of mistakes and corner cases and one of random settings. `tests/data/zfs/*/RELEASE.txt` hold
//! each command (`$`) with the lines that the real program printed (`>` on standard output, `!` on standard error)
//! and its exit status (`=`).

use std::fmt::Write as _;

use evenkeel_lab::zfs::{Version, ZfsHost};

/// What `zpool create` made of the disk that the script was recorded on.
const POOL_SIZE: u64 = 503_316_480;

/// One command of the script, with everything that follows it.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            blocks.push((command, String::new()));
        } else {
            let (_, said) = blocks.last_mut().unwrap();
            said.push_str(line.trim_end());
            said.push('\n');
        }
    }
    blocks
}

fn said(host: &mut ZfsHost, command: &str) -> String {
    let reply = host.run(&command.split(' ').collect::<Vec<_>>());
    let mut text = String::new();
    for (mark, output) in [('>', &reply.stdout), ('!', &reply.stderr)] {
        for line in String::from_utf8_lossy(output).lines() {
            let _ = writeln!(text, "{}", format!("{mark} {line}").trim_end());
        }
    }
    let _ = writeln!(text, "= {}", reply.exit);
    text
}

/// The real program prints user properties in an order that changes from run to run.
fn is_same(said: &str, recorded: &str) -> bool {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    said == recorded || (recorded.contains("com.acme:") && sorted(said) == sorted(recorded))
}

/// The first lines that one has and the other has not.
fn only_in(text: &str, other: &str) -> String {
    let lines = text.lines().filter(|line| !other.lines().any(|o| o == *line));
    lines.take(8).collect::<Vec<_>>().join("\n      ")
}

fn replay(recordings: [(Version, &str); 2]) {
    let mut different = Vec::new();
    for (version, text) in recordings {
        let mut host = ZfsHost::new(version);
        host.add_pool("tank", POOL_SIZE);
        for (command, recorded) in blocks(text) {
            let said = said(&mut host, command);
            if !is_same(&said, &recorded) {
                different.push(format!(
                    "{version:?} $ {command}\n  simulated:\n      {}\n  real:\n      {}",
                    only_in(&said, &recorded),
                    only_in(&recorded, &said)
                ));
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn it_makes_the_same_of_mistakes_and_corner_cases() {
    replay([
        (Version::V2_1, include_str!("../data/zfs/mistakes/2.1.11.txt")),
        (Version::V2_3, include_str!("../data/zfs/mistakes/2.3.2.txt")),
    ]);
}

#[test]
fn it_makes_the_same_of_random_settings() {
    replay([
        (Version::V2_1, include_str!("../data/zfs/random/2.1.11.txt")),
        (Version::V2_3, include_str!("../data/zfs/random/2.3.2.txt")),
    ]);
}
