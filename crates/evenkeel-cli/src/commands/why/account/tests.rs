//! What the audit log says is told of the right fields.

use evenkeel_core::diff::FieldChange;
use evenkeel_core::plan::InstanceId;
use evenkeel_engine::Sent;
use evenkeel_engine::store::{NewCommand, RunState};

use super::*;

fn id(name: &str) -> InstanceId {
    InstanceId { target: "durian".into(), kind: "ZfsDataset".into(), name: name.into() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn path(text: &str) -> FieldPath {
    FieldPath::of(text.split('.'))
}

/// A command of a run for these resources, with the fields that differed.
fn command(run: i64, command: &str, names: &[&str], action: Action, fields: &[&str]) -> NewAuditEntry {
    let about = |name: &&str| About {
        action: Some(action),
        intent: Some(Intent::Intentional),
        fields: fields.iter().map(|field| path(field)).collect(),
        ..About::of(id(name))
    };
    NewAuditEntry::from(NewCommand {
        run: RunId(run),
        source: "site".into(),
        target: "durian".into(),
        command: command.into(),
        at: at(run),
        revision: "abc".into(),
        trigger: Trigger::Push,
        by: None,
        about: names.iter().map(about).collect(),
    })
}

/// The end of a run: of each resource the field and its values.
fn ended(run: i64, entries: &[(&str, &str, &str, &str)], commands: &[&str]) -> NewAuditEntry {
    let entry = |(name, field, before, after): &(&str, &str, &str, &str)| RunEntry {
        id: id(name),
        object: format!("tank/{name}"),
        intent: Intent::Intentional,
        action: Action::Update,
        fields: vec![Field {
            change: FieldChange { path: path(field), before: None, after: None },
            before_text: (*before).into(),
            after_text: (*after).into(),
        }],
        approval: None,
        verdict: Verdict::Applied,
    };
    let sent = |command: &&str| Sent { target: "durian".into(), command: (*command).into(), exit: Some(0) };
    let what = Audited::RunEnded {
        state: RunState::Done,
        entries: entries.iter().map(entry).collect(),
        commands: commands.iter().map(sent).collect(),
    };
    NewAuditEntry { run: Some(RunId(run)), ..NewAuditEntry::new(at(run), what) }
}

fn account(wanted: &[&str], entries: Vec<NewAuditEntry>) -> Account {
    let location = Location { file: "vm.yaml".into(), line: 1, column: 1 };
    let wanted = wanted.iter().map(|field| Wanted {
        path: path(field),
        value: "off".into(),
        location: location.clone(),
    });
    let evidence = Evidence {
        wanted: wanted.collect(),
        entries: (1..).zip(entries).map(|(seq, entry)| AuditEntry { seq, entry }).collect(),
        ..Evidence::default()
    };
    Account::of(ResourceKey { source: "site".into(), id: id("vm") }, evidence)
}

#[test]
fn each_field_has_the_run_and_the_command_that_names_it() {
    let (atime, quota) = ("zfs set atime=off tank/vm tank/home", "zfs set quota=1G tank/vm");
    let both = ["properties.atime", "properties.quota"];
    let account = account(
        &["properties.atime", "properties.quota", "properties.exec"],
        vec![
            command(1, atime, &["home", "vm"], Action::Update, &both),
            command(1, quota, &["vm"], Action::Update, &both),
            ended(1, &[("vm", "properties.atime", "on", "off")], &[atime, quota]),
            command(2, "zfs set quota=2G tank/vm", &["vm"], Action::Update, &both[1..]),
            command(3, "zfs set atime=on tank/home", &["home"], Action::Update, &both[..1]),
        ],
    );
    let [atime_, exec, quota_] = account.fields.as_slice() else { panic!("{:#?}", account.fields) };
    let made = atime_.made.as_ref().unwrap();
    assert_eq!((made.run, &made.verdict), (RunId(1), &Some(Verdict::Applied)));
    assert_eq!((made.before.as_deref(), made.after.as_deref()), (Some("on"), Some("off")));
    assert_eq!(made.commands, [Line { target: "durian".into(), command: atime.into(), exit: Some(0) }]);
    assert_eq!((&exec.made, exec.earlier.len()), (&None, 0), "nothing was ever sent for it");
    // Nobody saw the end of the second run.
    let made = quota_.made.as_ref().unwrap();
    assert_eq!((made.run, &made.verdict, made.commands[0].exit), (RunId(2), &None, None));
    assert_eq!(quota_.earlier[0].run, RunId(1));
    assert!(account.other.is_empty());
}

#[test]
fn what_was_created_is_so_in_every_field_and_a_removal_in_none() {
    let create = "zfs create -o atime=off tank/vm";
    let account = account(
        &["properties.atime", "properties.quota"],
        vec![
            command(1, create, &["vm"], Action::Create, &[]),
            command(2, "zfs destroy tank/vm", &["vm"], Action::Delete, &[]),
        ],
    );
    for field in &account.fields {
        assert_eq!(field.made.as_ref().map(|made| made.run), Some(RunId(1)), "{}", field.path);
    }
    assert_eq!(account.other.iter().map(|deed| deed.run).collect::<Vec<_>>(), [RunId(2)]);
}

#[test]
fn a_field_is_meant_by_its_path_or_the_end_of_it() {
    let all = || account(&["properties.atime", "properties.quota", "atime"], Vec::new());
    let paths = |name: &str| -> Vec<String> {
        all().only(name).unwrap().fields.iter().map(|field| field.path.to_string()).collect()
    };
    assert_eq!(paths("properties.atime"), ["properties.atime"]);
    assert_eq!(paths("properties").len(), 2);
    assert_eq!(paths("quota"), ["properties.quota"]);
    assert_eq!(paths("atime"), ["atime"], "a whole path before the end of another one");
    let error = all().only("properties.atme").unwrap_err().to_string();
    assert!(error.contains("did you mean `properties.atime`?"), "{error}");
}
