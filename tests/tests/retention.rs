//! `evenkeel retention preview` as people and scripts use it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::io::Write as _;
use std::process::Stdio;

use evenkeel_tests::evenkeel::{Ran, Workdir};
use serde_json::json;

const TIMES: &str = r#"[
  "2026-11-20T02:00:00Z",
  "2026-11-19T02:00:00Z",
  "2026-11-18T02:00:00+09:00",
  "20261116T020000Z",
  { "at": "2026-11-15T02:00:00Z", "verified": false },
  { "at": "2026-11-14T02:00:00Z", "tags": ["release"] },
  { "at": 1763000000, "protected": "held" }
]"#;

const NOW: [&str; 4] = ["--now", "2026-11-20T18:00:00Z", "--time-zone", "UTC"];

fn preview(work: &Workdir, code: i32, args: &[&str]) -> Ran {
    work.expect(code, &[&["retention", "preview"], args, &NOW].concat())
}

#[test]
fn people_see_what_stays_and_why() {
    let work = Workdir::new();
    work.write("times.json", TIMES);
    let ran =
        preview(&work, 0, &["--policy", "keepDaily=1,keepLast=2,keepTags=release", "--input", "times.json"]);
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "TIME                     FATE    REASONS",
            "Fri 2026-11-20 02:00:00  keep    last 1",
            "Thu 2026-11-19 02:00:00  keep    last 2",
            "Tue 2026-11-17 17:00:00  keep    daily 2026-11-17",
            "Mon 2026-11-16 02:00:00  remove",
            "Sun 2026-11-15 02:00:00  remove",
            "Sat 2026-11-14 02:00:00  keep    tag release",
            "Thu 2025-11-13 02:13:20  keep    protected: held",
            "",
            "7 copies: 5 to keep, 2 to remove, as of Fri 2026-11-20 18:00:00 in UTC",
        ]
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn scripts_get_one_document() {
    let work = Workdir::new();
    work.write("times.json", r#"["2026-11-20 02:00", "2026-11-19T15:30:00Z", "2026-11-19T14:30:00Z"]"#);
    work.write("rules.yaml", "# nights\nkeepDaily: 1\nsemantics: restic\n");
    let tokyo = ["--now", "2026-11-20", "--time-zone", "asia/tokyo", "--output", "json"];
    let args = ["retention", "preview", "--policy", "rules.yaml", "--input", "times.json"];
    let document = work.expect(0, &[&args[..], &tokyo].concat()).json();
    assert_eq!(document["timeZone"], "Asia/Tokyo");
    assert_eq!(document["now"], "2026-11-19T15:00:00Z");
    assert_eq!(document["policy"]["keepDaily"], 1);
    assert_eq!(
        document["keep"],
        json!([
            { "at": "2026-11-19T14:30:00Z", "reasons": ["daily 2026-11-19"] },
            { "at": "2026-11-19T15:30:00Z", "reasons": ["in the future"] },
            { "at": "2026-11-19T17:00:00Z", "reasons": ["in the future"] },
        ])
    );
    assert_eq!(document["remove"], json!([]));
    assert!(document["alarm"].as_str().unwrap().starts_with("2 copies are in the future"));
}

#[test]
fn the_list_may_come_on_standard_input_and_a_large_removal_is_told() {
    let work = Workdir::new();
    let args = ["retention", "preview", "--policy", "keepLast=1", "--input", "-"];
    let mut child = work
        .command(&[&args[..], &NOW].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"[1763000000, 1763100000, 1763200000, 1763300000]").unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0);
    ran.says(&[
        "3 of 4 verified copies would go, and only 1 would stay",
        "would ask before",
        "1 to keep, 3 to remove",
    ]);
}

#[test]
fn what_is_wrong_is_said_with_the_place() {
    let work = Workdir::new();
    work.write("times.json", TIMES);
    work.write(
        "bad.json",
        "[\n  \"2026-11-20T02:00:00Z\",\n  \"yesterday\",\n  { \"att\": 3 },\n  true\n]\n",
    );
    work.write("empty.json", "");
    work.write("map.json", "{}");
    work.write("rules.yaml", "keepLast: 3\nkeepDayly: 2\n");
    for (policy, input, words) in [
        (
            "keepLast=1",
            "bad.json",
            &["bad.json:3:3", "`yesterday` is no time", "bad.json:4", "at", "bad.json:5:3"][..],
        ),
        ("keepLast=1", "empty.json", &["empty.json", "the file is empty"]),
        ("keepLast=1", "map.json", &["map.json:1:1"]),
        ("keepLast=1", "nowhere.json", &["cannot read nowhere.json"]),
        ("rules.yaml", "times.json", &["rules.yaml:2:1", "keepDayly", "did you mean `keepDaily`?"]),
        ("keepDayly=3", "times.json", &["--policy:1:1", "did you mean `keepDaily`?"]),
        ("keepLast=many", "times.json", &["--policy:1:11"]),
        ("keepLast=1,keepLast=2", "times.json", &["--policy:2:1", "keepLast"]),
        (
            "keepWithin=3 days",
            "times.json",
            &["`keepWithin=3 days` is no rule", "write keepLast=3,keepDaily=7"],
        ),
        ("keepWithin=0s", "times.json", &["--policy:1:13", "a time span of nothing keeps nothing"]),
        (
            "nowhere.yaml",
            "times.json",
            &["cannot read nowhere.yaml", "write rules as keepLast=3,keepDaily=7"],
        ),
    ] {
        preview(&work, 1, &["--policy", policy, "--input", input]).says(words);
    }
    let args = ["retention", "preview", "--policy", "keepLast=1", "--input", "times.json"];
    let ran = work.expect(1, &[&args[..], &["--time-zone", "Tokio"]].concat());
    ran.says(&["--time-zone: the time zone `Tokio` is not known", "did you mean `Asia/Tokyo`?"]);
    work.expect(1, &[&args[..], &["--now", "later"]].concat()).says(&["`later` is no time"]);
}
