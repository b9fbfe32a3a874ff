//! Histories of real pools, and who is to be named for what.

use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::driver::{Attribution, Drift};
use evenkeel_core::plan::Action;
use serde_json::{Value, json};

use super::super::record::read;
use super::super::{Subject, Traits};
use super::changed;

const RECORDED: [&str; 2] = [include_str!("../recorded/2.1.txt"), include_str!("../recorded/2.3.txt")];

fn traits(property: &str) -> Traits {
    Traits {
        alias: (property == "recordsize").then_some("recsize"),
        is_switch: ["atime", "readonly", "autotrim"].contains(&property),
    }
}

fn of<'a>(dataset: impl Into<Option<&'a str>>) -> Subject<'a> {
    Subject { pool: "tank", dataset: dataset.into(), traits }
}

fn property(name: &str, before: Value) -> FieldChange {
    let before = (!before.is_null()).then_some(before);
    FieldChange { path: FieldPath::of(["properties", name]), before, after: Some(json!("as wanted")) }
}

fn who(subject: Subject<'_>, action: Action, changes: &[FieldChange], history: &str) -> Vec<Attribution> {
    changed(subject, &Drift { action, changes }, &read(history))
}

/// What is said of one field, as `BY: HOW`.
fn said(subject: Subject<'_>, name: &str, before: Value, history: &str) -> String {
    let told = who(subject, Action::Update, &[property(name, before)], history);
    let [one] = told.as_slice() else { return String::new() };
    assert_eq!((one.fields.len(), one.source.as_str(), one.at.is_some()), (1, "zpool history", true));
    format!("{}: {}", one.by.as_deref().unwrap_or("?"), one.how)
}

#[test]
fn what_real_pools_remember_is_understood() {
    let inherited = |value: &str| json!({ "value": value, "source": "inherited" });
    for history in RECORDED {
        let a = |name: &str, before: Value| said(of("tank/a"), name, before, history);
        let of_ops = "ops@zfsvm: zfs set sync=always tank/a";
        let of_root = "root@zfsvm: zfs set mountpoint=/srv/a recordsize=64K tank/a";
        let of_many =
            "root@zfsvm: zfs set atime=on compression=lz4 quota=100M com.acme:note=two words tank/a tank";
        for (told, expected) in [
            (a("sync", json!("always")), of_ops),
            (a("recordsize", json!("65536")), of_root),
            (a("mountpoint", json!("/srv/a")), of_root),
            (a("quota", json!("104857600")), of_many),
            (a("compression", json!("lz4")), of_many),
            // A user whose command failed once this was set, and a channel program.
            (a("atime", json!("off")), "?: set tank/a (79) atime=0"),
            (a("com.acme:by", json!("program")), "?: set tank/a (79) com.acme:by=program"),
            (a("com.acme:note", json!(null)), "root@zfsvm: zfs inherit com.acme:note tank/a"),
            // Set otherwise than it is now: mounted so, or by what the history does not tell.
            (a("atime", json!({ "value": "on", "source": "temporary" })), ""),
            (a("atime", json!("on")), ""),
            (a("quota", json!("1")), ""),
            (a("com.acme:by", json!("7")), ""),
            (a("mountpoint", json!("/elsewhere")), ""),
            (a("checksum", json!("sha256")), ""),
            (a("checksum", json!({ "value": "on", "source": "default" })), "root@zfsvm: zfs create tank/a"),
            (said(of("tank"), "atime", inherited("on"), history), "root@zfsvm: zfs inherit -r atime tank"),
            (said(of("tank"), "com.acme:note", json!("two words"), history), of_many),
            (
                said(of("tank/cl"), "atime", inherited("on"), history),
                "root@zfsvm: zfs clone tank/a@t tank/cl",
            ),
            (
                said(of("tank/r"), "atime", json!("off"), history),
                "root@zfsvm: zfs receive -o atime=off tank/r",
            ),
            (said(of("tank/r"), "readonly", json!("on"), history), "root@zfsvm: zfs set readonly=on tank/r"),
            (said(of(None), "autotrim", json!("on"), history), "root@zfsvm: zpool set autotrim=on tank"),
            (
                said(of(None), "comment", json!("hello world"), history),
                "root@zfsvm: zpool set comment=hello world tank",
            ),
            (said(of(None), "failmode", json!("panic"), history), ""),
            (said(of("other/a"), "sync", json!("always"), history), ""),
        ] {
            let number = told.find("tank/a (").map(|at| at + "tank/a ".len());
            let told = number.map_or(told.clone(), |at| {
                let rest = told[at..].split_once(')').unwrap().1;
                format!("{}(79){rest}", &told[..at])
            });
            assert_eq!(told, expected);
        }
    }
}

#[test]
fn what_is_gone_was_removed_or_renamed_by_somebody() {
    for history in RECORDED {
        let gone = |dataset: &str| {
            let told = who(of(dataset), Action::Create, &[property("atime", json!(null))], history);
            told.into_iter().map(|one| (one.fields.len(), one.to_string())).collect::<Vec<_>>()
        };
        let told = gone("tank/x/y");
        let [(0, said)] = told.as_slice() else { panic!("no field is named: {told:?}") };
        assert!(said.starts_with("removed by root@zfsvm at 2026-11-21T22:5"), "{said}");
        assert!(said.ends_with("(zfs destroy -r tank/x)"), "{said}");
        assert!(gone("tank/b")[0].1.ends_with("(zfs rename tank/b tank/c)"), "{:?}", gone("tank/b"));
        assert!(gone("tank/b/below")[0].1.ends_with("(zfs rename tank/b tank/c)"));
        assert_eq!(gone("tank/never"), []);
        assert_eq!(gone("tank/r"), [], "it was made, and nobody removed it");
    }
}

#[test]
fn properties_of_one_command_are_told_of_together_and_the_latest_first() {
    let changes = [
        property("quota", json!("104857600")),
        property("recordsize", json!("65536")),
        property("compression", json!("lz4")),
    ];
    for history in RECORDED {
        let told = who(of("tank/a"), Action::Update, &changes, history);
        let fields = |one: &Attribution| one.fields.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told.iter().map(fields).collect::<Vec<_>>(),
            [vec!["properties.recordsize"], vec!["properties.quota", "properties.compression"]]
        );
    }
}

#[test]
fn the_setting_that_counts_is_the_last_and_never_our_own() {
    let line = |second: u8, text: &str| format!("2026-11-21.02:13:{second:02} {text}\n");
    let root = "[user 0 (root) on pve1:linux]";
    let theirs = line(1, "[txg:1] set POOL1 (54) atime=1 [on pve1]")
        + &line(1, &format!("zfs set atime=on POOL1 {root}"));
    let ours = line(2, "[txg:2] set POOL1 (54) atime=0 [on pve1]")
        + &line(2, &format!("zfs set atime=off POOL1 {root}"));
    let said = |history: &str| said(of("POOL1"), "atime", json!("on"), history);
    let expected = "root@pve1: zfs set atime=on POOL1";
    assert_eq!(said(&theirs), expected);
    assert_eq!(said(&format!("{ours}{theirs}")), expected);
    assert_eq!(said(&format!("{theirs}{ours}")), "", "it is on for another reason than what they did");
    // The first half of a line, where the history was cut.
    assert_eq!(said(&format!("et atime=off POOL1 {root}\n{theirs}")), expected);
    assert_eq!(said(theirs.lines().next().unwrap()), "?: set POOL1 (54) atime=1");
    assert_eq!(said(theirs.lines().last().unwrap()), "", "a command without its event may have been refused");
    // A command for something else tells nothing.
    let other = line(3, &format!("zfs set atime=on POOL1/vm {root}"));
    assert_eq!(said(&format!("{}\n{other}", theirs.lines().next().unwrap())), "?: set POOL1 (54) atime=1");
}

#[test]
fn short_names_and_names_with_spaces_are_found_in_commands() {
    let history = "2026-11-21.02:13:01 [txg:1] set tank/my vm (54) recordsize=65536 [on pve1]\n\
        2026-11-21.02:13:01 zfs set recsize=64K tank/my vm [user 7 (eva) on pve1:linux]\n";
    let told = said(of("tank/my vm"), "recordsize", json!("65536"), history);
    assert_eq!(told, "eva@pve1: zfs set recsize=64K tank/my vm");
}

proptest::proptest! {
    #[test]
    fn no_history_makes_it_fail_or_tell_much(
        lines in proptest::collection::vec(
            r"2026-11-21\.02:13:0[0-9] (\[txg:[0-9]\] )?(set|inherit|create|rename|destroy|zfs set|zfs destroy) tank(/a)? ?(\([0-9]\))?( -> tank/b| atime=[01]|\PC{0,12})( \[user 0 \(\PC{0,300}\) on f\])?",
            0..40,
        ),
        gone: bool,
    ) {
        let action = if gone { Action::Create } else { Action::Update };
        let changes = [property("atime", json!("on")), property("sync", json!("always"))];
        let told = who(of("tank/a"), action, &changes, &lines.join("\n"));
        proptest::prop_assert!(told.len() <= changes.len());
    }
}
