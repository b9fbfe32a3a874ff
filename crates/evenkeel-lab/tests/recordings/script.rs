//! A second script, of mistakes and corner cases: `tests/data/zfs/script/RELEASE.txt` holds each command (`$`) with
//! the lines that the real program printed (`>` on standard output, `!` on standard error) and its exit status (`=`).

use std::fmt::Write as _;

use evenkeel_lab::zfs::{Version, ZfsHost};

/// What `zpool create` made of the disk that the script was recorded on.
const POOL_SIZE: u64 = 503_316_480;

/// One command of the script, with everything that follows it.
fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => blocks.push((command, String::new())),
            None => {
                let (_, said) = blocks.last_mut().unwrap();
                said.push_str(line.trim_end());
                said.push('\n');
            }
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

/// How a difference is shown: the first lines of both.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let kept = lines.iter().take(6).chain(lines.last()).copied();
    kept.collect::<Vec<_>>().join("\n      ")
}

#[test]
fn it_makes_the_same_of_mistakes_and_corner_cases() {
    let recordings = [
        (Version::V2_1, include_str!("../data/zfs/script/2.1.11.txt")),
        (Version::V2_3, include_str!("../data/zfs/script/2.3.2.txt")),
    ];
    let mut different = Vec::new();
    for (version, text) in recordings {
        let mut host = ZfsHost::new(version);
        host.add_pool("tank", POOL_SIZE);
        for (command, recorded) in blocks(text) {
            let said = said(&mut host, command);
            if said != recorded {
                different.push(format!(
                    "{version:?} $ {command}\n  simulated:\n      {}\n  real:\n      {}",
                    shortened(&said),
                    shortened(&recorded)
                ));
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}
