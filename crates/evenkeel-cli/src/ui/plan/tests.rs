//! Plans of fleets, as they are shown.

use std::collections::BTreeMap;

use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::driver::{Health, Proof, Report, Risk, Step, Table};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Approvable, ChangeError, Field, Gate, InstanceId, Withheld};
use evenkeel_core::request::{Exec, Request};
use serde_json::json;

use super::*;

const CHANGES: &str = "VMW_PSP_FIXED → VMW_PSP_RR";

fn change(target: &str, kind: &str, name: &str) -> Change {
    Change {
        id: InstanceId { target: target.into(), kind: kind.into(), name: name.into() },
        object: "multipathing".into(),
        location: None,
        level: 0,
        action: Action::Update,
        risk: Risk::Disruptive,
        gate: Gate::Open,
        plan: None,
        approved: None,
        suspended: false,
        busy: None,
        error: None,
        fields: vec![],
        steps: vec![],
        withheld: None,
        report: Report::default(),
        notes: vec!["path policy: I/O of disks in use moves to other paths at once".into()],
        read: BTreeMap::new(),
        seen: None,
    }
}

fn field(path: &[&str]) -> Field {
    let path = FieldPath::of(path.iter().copied());
    let (before, after) = CHANGES.split_once(" → ").unwrap();
    Field {
        change: FieldChange { path, before: Some(json!(before)), after: Some(json!(after)) },
        before_text: before.into(),
        after_text: after.into(),
    }
}

fn device(n: usize) -> String {
    format!("naa.{n:04}")
}

fn step(n: usize) -> Step {
    let exec = Exec::new(["esxcli", "device", "set", "--device", &device(n), "--psp", "VMW_PSP_RR"]);
    let proof =
        Proof { reads: vec![], counts: "working paths".into(), at_least: BTreeMap::from([(device(n), 2)]) };
    Step::new(Request::Exec(exec)).proven(proof)
}

/// A host with so many devices to change.
fn host(target: &str, devices: usize) -> Change {
    let mut change = change(target, "EsxiPathPolicy", "svc");
    change.fields = (0..devices).map(|n| field(&["devices", &device(n), "policy"])).collect();
    change.steps = (0..devices).map(step).collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    change.report.touches.insert("datastores".into(), names(&["vol1", &format!("{target}-local")]));
    change.report.touches.insert("virtual machines".into(), names(&["web"]));
    change
}

/// The last `held` of its commands wait, because of the paths of the first devices.
fn with_held(mut change: Change, held: usize) -> Change {
    let steps = change.steps.split_off(change.steps.len() - held);
    let reason = |n: usize| format!("{} (IBM Disk) has 1 working path, 2 are wanted", device(n));
    change.withheld = Some(Withheld { steps, reasons: (0..held).map(reason).collect() });
    change
}

fn shown_with(changes: Vec<Change>, instances: &[Instance], show_commands: bool, full: bool) -> String {
    let plan = Plan::of(changes);
    let targets = BTreeMap::new();
    let text = render(&plan, &PlanView { targets: &targets, instances, show_commands, full });
    anstream::adapter::strip_str(&text).to_string()
}

fn shown(changes: Vec<Change>) -> String {
    shown_with(changes, &[], false, false)
}

/// Instances of the three hosts of one cluster.
fn cluster() -> Vec<Instance> {
    let mut text = String::new();
    for name in ["lime", "olive", "plum"] {
        let _ = write!(
            text,
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\n\
             metadata: {{ name: {name}, labels: {{ cluster: lab }} }}\n\
             spec: {{ ssh: {{ host: {name}.example.net }} }}\n---\n"
        );
    }
    text += "apiVersion: evenkeel.dev/v1alpha1\nkind: ZfsDataset\nmetadata: { name: svc }\n\
             spec: { targetSelector: { matchLabels: { cluster: lab } }, dataset: a, properties: { atime: off }, rollout: {} }\n";
    let file = SourceFile { path: "a.yaml".into(), bytes: text.into_bytes() };
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], now);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let mut instances = loaded.instances;
    for instance in &mut instances {
        instance.id.kind = "EsxiPathPolicy".into();
    }
    assert_eq!(instances.len(), 3);
    instances
}

#[test]
fn many_devices_of_one_host_are_one_line() {
    let text = shown(vec![host("olive", 198)]);
    assert!(
        text.contains("devices.*.policy             VMW_PSP_FIXED → VMW_PSP_RR  (198 devices)\n"),
        "{text}"
    );
    assert_eq!(text.matches(CHANGES).count(), 1, "{text}");
    assert!(
        text.contains("touches 2 datastores (olive-local, vol1) and 1 virtual machine (web)\n"),
        "{text}"
    );
    assert!(text.contains("after each command the working paths are counted again"), "{text}");
    assert!(!text.contains("rollout"), "nobody waits for anybody: {text}");
}

#[test]
fn a_fleet_is_one_block() {
    let changes = vec![host("olive", 200), host("lime", 200), host("plum", 12)];
    let text = shown_with(changes, &cluster(), false, false);
    let expected = "3 hosts  lime, olive, plum\n\
        \x20 ~ update EsxiPathPolicy/svc  multipathing  [disruptive]\n\
        \x20     devices.*.policy             VMW_PSP_FIXED → VMW_PSP_RR  (412 devices on 3 hosts)\n\
        \x20     touches 4 datastores (lime-local, olive-local, plum-local, vol1) and 1 virtual machine (web)\n\
        \x20     rollout: 3 hosts with cluster=lab, 1 at a time, ends after 1 failure\n\
        \x20     ! path policy: I/O of disks in use moves to other paths at once\n\
        \x20     after each command the working paths are counted again; fewer end the run on that host\n\
        \n\
        Plan: 3 to update, 0 unchanged.\n";
    assert_eq!(text, expected);
}

#[test]
fn what_only_some_hosts_have_is_told_with_their_names() {
    let mut old = with_held(host("lime", 200), 2);
    old.fields.push(field(&["satps", "VMW_SATP_SVC", "defaultPolicy"]));
    old.notes.push("2 devices keep it until the host restarts".into());
    let bad = Health {
        about: "Paths".into(),
        good: false,
        reason: "TooFewPaths".into(),
        message: "2 devices have fewer than 2 working paths".into(),
        since: None,
        limit_seconds: None,
    };
    old.report.health.push(bad);
    let text = shown(vec![old, host("olive", 200), host("plum", 200)]);
    for line in [
        "satps.VMW_SATP_SVC.defaultPolicy VMW_PSP_FIXED → VMW_PSP_RR  (on lime)\n",
        "(600 devices on 3 hosts)\n",
        "! path policy: I/O of disks",
        "! lime: 2 devices keep it until the host restarts\n",
        "! lime: 2 devices have fewer than 2 working paths\n",
        "held: lime: the last 2 commands: naa.0000 (IBM Disk) has 1 working path, 2 are wanted\n",
    ] {
        assert_eq!(text.matches(line).count(), 1, "{line}\n{text}");
    }
}

#[test]
fn what_is_held_for_the_same_reason_is_told_once() {
    let text = shown(vec![with_held(host("olive", 200), 20)]);
    let held = "held: the last 20 commands: 20 devices (naa.0000, naa.0001, naa.0002, naa.0003, naa.0004, naa.0005 \
                and 14 more): naa.0000 (IBM Disk) has 1 working path, 2 are wanted\n";
    assert!(text.contains(held), "{text}");
    assert_eq!(text.matches("held:").count(), 1, "{text}");
    let hosts = ["a", "b", "c"].map(|name| with_held(host(name, 200), 10));
    let text = shown(hosts.to_vec());
    assert!(text.contains("held: the last 30 commands: 30 devices on 3 hosts (naa.0000, "), "{text}");
}

#[test]
fn a_host_that_is_held_as_a_whole_is_shown_apart() {
    let mut held = host("kiwi", 200);
    held.gate = Gate::Held { reasons: vec!["path policy is disruptive".into()], approvable: Approvable::No };
    let hosts = ["lime", "olive", "plum"].map(|name| host(name, 200));
    let text = shown([vec![held], hosts.to_vec()].concat());
    assert!(text.starts_with("3 hosts  lime, olive, plum\n"), "{text}");
    assert!(text.contains("\nkiwi \n  ~ update EsxiPathPolicy/svc"), "{text}");
    assert!(text.contains("held: path policy is disruptive\n"), "{text}");
}

#[test]
fn notes_of_single_hosts_come_to_an_end() {
    let with_note = |n: usize| {
        let mut change = host(&format!("esx{n:02}"), 200);
        change.notes.push(format!("note {n}"));
        change
    };
    let text = shown((0..31).map(with_note).collect());
    assert!(text.contains("(6200 devices on 31 hosts)"), "{text}");
    assert!(text.contains("31 hosts  esx00, esx01, esx02, esx03, esx04, esx05 and 25 more\n"), "{text}");
    assert!(text.contains("! esx05: note 5\n") && !text.contains("note 6"), "{text}");
    assert!(text.contains("! 25 more such lines about some of the hosts (--full shows all)\n"), "{text}");
    assert!(text.contains("and 26 more)"), "datastores: {text}");
}

#[test]
fn few_fields_make_a_fleet_only_where_they_are_the_same() {
    let dataset = |target: &str, name: &str, path: &str| {
        let mut change = change(target, "ZfsDataset", name);
        change.fields = vec![field(&["properties", path])];
        change
    };
    let same = ["a", "b", "c"].map(|target| dataset(target, "vm", "atime"));
    let other = dataset("d", "vm", "sync");
    let text = shown([same.to_vec(), vec![other]].concat());
    assert!(text.starts_with("3 hosts  a, b, c\n"), "{text}");
    assert!(text.contains("\nd \n  ~ update ZfsDataset/vm"), "{text}");
    // Two hosts stay as they are, and so does what is alike many times on each.
    let two = ["a", "b"].map(|target| dataset(target, "vm", "atime"));
    assert!(shown(two.to_vec()).starts_with("a \n"));
    let many = |target: &str| (0..5).map(|n| dataset(target, &format!("vm{n}"), "atime")).collect::<Vec<_>>();
    let text = shown([many("a"), many("b"), many("c")].concat());
    assert_eq!(text.matches("~ update 5 ZfsDataset").count(), 3, "{text}");
}

#[test]
fn the_same_mistake_on_every_host_is_shown_once_but_a_lost_host_by_itself() {
    let failing = |target: &str, lost: bool| {
        let mut change = change(target, "EsxiPathPolicy", "svc");
        let (message, hint) =
            ("it has no VMW_SATP_SVX".to_owned(), Some("did you mean VMW_SATP_SVC?".to_owned()));
        change.error =
            Some(ChangeError { reason: "Unfit".into(), message, hint, retryable: false, target_lost: lost });
        change
    };
    let hosts = |lost| ["a", "b", "c"].map(|target| failing(target, lost)).to_vec();
    assert_eq!(shown(hosts(false)).matches("it has no").count(), 1);
    assert_eq!(shown(hosts(true)).matches("it has no").count(), 3);
}

#[test]
fn commands_stay_with_their_host_and_are_abridged() {
    let changes = vec![host("olive", 200), host("lime", 200), with_held(host("plum", 200), 20)];
    let text = shown_with(changes.clone(), &[], true, false);
    assert!(
        text.contains("\nolive \n    $ esxcli device set --device naa.0000 --psp VMW_PSP_RR\n"),
        "{text}"
    );
    assert_eq!(text.matches("      … and 197 more like it (--full shows all)\n").count(), 2, "{text}");
    assert_eq!(text.matches("    (held) $ esxcli device set").count(), 3, "{text}");
    assert!(text.contains("      … and 17 more like it (--full shows all)\n"), "{text}");
    let text = shown_with(changes, &[], true, true);
    assert_eq!(text.matches("$ esxcli device set").count(), 600);
}

#[test]
fn what_is_sent_whatever_fails_is_marked() {
    let mut made = change("lime", "ContainerTemplate", "sl6");
    let run = |words: &[&str]| Step::new(Request::Exec(Exec::new(words.iter().copied())));
    made.steps = vec![run(&["vzctl", "start", "555"]), run(&["vzctl", "destroy", "555"]).cleanup()];
    let text = shown_with(vec![made.clone()], &[], true, false);
    assert!(text.contains("    $ vzctl start 555\n    $ vzctl destroy 555 (always)\n"), "{text}");
    made.gate = Gate::Held { reasons: vec!["555 is taken".into()], approvable: Approvable::No };
    let text = shown_with(vec![made.clone()], &[], true, false);
    assert!(text.contains("    (held) $ vzctl destroy 555 (always)\n"), "{text}");
    let json = serde_json::to_value(&made).unwrap();
    assert_eq!((&json["steps"][0]["cleanup"], &json["steps"][1]["cleanup"]), (&json!(null), &json!(true)));
}

#[test]
fn texts_of_several_lines_are_compared_line_by_line() {
    let text_field = |before: &str, after: &str| {
        let path = FieldPath::of(["recipe", "files", "/etc/motd"]);
        Field {
            change: FieldChange { path, before: Some(json!(before)), after: Some(json!(after)) },
            before_text: before.into(),
            after_text: after.into(),
        }
    };
    let mut made = change("lime", "ContainerTemplate", "sl6");
    made.fields = vec![text_field("Welcome\nto 6.4\n", "Welcome\nPlan: nothing to do\n"), field(&["policy"])];
    let text = shown(vec![made.clone()]);
    let expected = "      recipe.files./etc/motd\n          @@ -1,2 +1,2 @@\n           Welcome\n          \
                    -to 6.4\n          +Plan: nothing to do\n      policy                       VMW_PSP_FIXED → ";
    assert!(text.contains(expected), "{text}");
    let long: String = (0..40).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect();
    made.fields = vec![text_field("\n", &long)];
    let text = shown(vec![made.clone()]);
    assert!(text.contains("          +17\n          … 22 more lines (--full)\n      !"), "{text}");
    let text = shown_with(vec![made.clone()], &[], false, true);
    assert!(text.contains("          +39\n") && !text.contains("more lines"), "{text}");
    // The same on several hosts is one.
    let hosts = ["a", "b", "c"].map(|target| Change {
        fields: vec![text_field("\n", "a\n")],
        ..change(target, "ContainerTemplate", "sl6")
    });
    let text = shown(hosts.to_vec());
    assert_eq!(text.matches("recipe.files./etc/motd\n          @@ -1 +1 @@\n").count(), 1, "{text}");
    // What comes to be is no difference.
    made.action = Action::Create;
    made.fields = vec![text_field("", "a\nb\n")];
    made.fields[0].change.before = None;
    assert!(shown(vec![made]).contains("recipe.files./etc/motd       a\\nb\\n\n"));
}

#[test]
fn cmdlets_stand_one_on_a_line_and_texts_stay_whole() {
    assert_eq!(
        one_a_line("A -Notes 'it''s; so' -B; C; D 'x; y'"),
        "A -Notes 'it''s; so' -B;\n      C;\n      D 'x; y'"
    );
    assert_eq!(one_a_line("A"), "A");
}

#[test]
fn full_shows_everything_and_the_tables() {
    let mut changes = vec![host("olive", 5), host("lime", 5), host("plum", 0)];
    changes[2].action = Action::NoOp;
    changes[2].notes.clear();
    for change in &mut changes {
        let columns = vec!["DEVICE".into(), "POLICY".into()];
        let rows = vec![vec!["naa.0000".into(), "VMW_PSP_RR".into()]];
        change.report.table = Some(Table { columns, rows });
    }
    let text = shown_with(changes.clone(), &cluster(), false, true);
    assert_eq!(text.matches(CHANGES).count(), 10, "{text}");
    assert!(text.contains("      DEVICE    POLICY\n      naa.0000  VMW_PSP_RR\n"), "{text}");
    assert!(text.contains("plum \n    unchanged EsxiPathPolicy/svc"), "{text}");
    assert!(text.contains("rollout: 2 hosts with cluster=lab"), "{text}");
    assert!(!shown(changes).contains("plum"), "in order, and not asked for");
}
