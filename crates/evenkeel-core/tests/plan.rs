//! Plans as data: wishes that meet on the target, steps that wait, batches with proofs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel_core::diagnostic::Severity;
use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Proof, Registry, Risk, Step};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{
    Approvable, Approval, Blueprint, Change, Decided, Gate, Plan, Policy, Rejection, batches, build,
};
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Disks whose names begin with something get a policy: which disks these are, only the target tells.
#[derive(Default)]
struct Disks {
    /// How often a State was made of what was read.
    looks: Arc<AtomicUsize>,
}

#[derive(Deserialize, JsonSchema)]
struct DisksSpec {
    prefix: String,
    policy: String,
    #[serde(default)]
    object: Option<String>,
}

#[derive(Serialize)]
struct DisksState {
    disks: BTreeMap<String, String>,
    #[serde(skip)]
    marks: BTreeMap<String, String>,
}

fn list() -> Query {
    Query::reading(Request::Exec(Exec::new(["disks"])))
}

fn set(disk: &str, policy: &str) -> Request {
    Request::Exec(Exec::new(["set", policy, disk]))
}

impl Driver for Disks {
    const KIND: &'static str = "Disks";
    type Spec = DisksSpec;
    type State = DisksState;

    fn check(&self, _: &DisksSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &DisksSpec) -> String {
        spec.object.clone().unwrap_or_else(|| "disks".to_owned())
    }

    fn queries(&self, _: &DisksSpec, _: &Replies) -> Vec<Query> {
        vec![list()]
    }

    /// One line for each disk: its name, its policy, and `held`, `risky`, `may-wait`, `proven`.
    fn observe(&self, spec: &DisksSpec, replies: &Replies) -> Result<Observed<DisksState>, ObserveError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&replies.get(&list())?.stdout).into_owned();
        if text == "busy" {
            return Ok(Observed::Busy { reason: "they are being scanned".to_owned() });
        }
        let (mut disks, mut marks) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| line.starts_with(&spec.prefix)) {
            let (name, rest) = line.split_once(' ').unwrap();
            let (policy, mark) = rest.split_once(' ').unwrap_or((rest, ""));
            disks.insert(name.to_owned(), policy.to_owned());
            marks.insert(name.to_owned(), mark.to_owned());
        }
        Ok(Observed::Present(DisksState { disks, marks }))
    }

    fn desired(&self, spec: &DisksSpec, seen: Option<&DisksState>, _: Timestamp) -> Option<DisksState> {
        let seen = seen?;
        let disks = seen.disks.keys().map(|disk| (disk.clone(), spec.policy.clone())).collect();
        Some(DisksState { disks, marks: BTreeMap::new() })
    }

    fn steps(&self, spec: &DisksSpec, delta: &Delta<'_, DisksState>) -> Vec<Step> {
        let seen = delta.before.unwrap();
        let differing = seen.disks.iter().filter(|(_, policy)| **policy != spec.policy);
        let step = |(disk, _): (&String, &String)| {
            let mut step = Step::new(set(disk, &spec.policy));
            for mark in seen.marks[disk].split(' ') {
                step = match mark {
                    "held" => step.held(format!("{disk} has 1 working path, wanted 2")),
                    "harsh" => step.hazard(Risk::Destructive, format!("policy of {disk}"), "it is cut off"),
                    "risky" => step.hazard(Risk::DataLoss, format!("policy of {disk}"), "data may go"),
                    "may-wait" => step.may_wait(),
                    "proven" => step.proven(Proof {
                        reads: vec![list().request().clone()],
                        counts: "working paths".to_owned(),
                        at_least: BTreeMap::from([(disk.clone(), 2)]),
                    }),
                    _ => step,
                };
            }
            step
        };
        differing.map(step).collect()
    }
}

fn now() -> Timestamp {
    "2026-11-20T00:00:00Z".parse().unwrap()
}

/// `NAME: PREFIX POLICY MORE` on the target `olive`.
fn disks(name: &str, prefix: &str, policy: &str, more: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Disks\nmetadata: {{ name: {name} }}\nspec: {{ target: olive, prefix: {prefix}, policy: {policy}{more} }}\n"
    )
}

/// The plan for `olive`, which says this.
fn planned(driver: Disks, resources: &[String], said: Option<&str>) -> Plan {
    planned_at(driver, resources, said, now(), &Decided::default())
}

/// The plan for `olive`, which says this, at this time, with what a person said.
fn planned_at(
    driver: Disks,
    resources: &[String],
    said: Option<&str>,
    at: Timestamp,
    decided: &Decided,
) -> Plan {
    let target =
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: olive }\nspec: { local: {} }\n";
    let text = format!("{target}{}", resources.concat());
    let file = SourceFile { path: "test.yaml".into(), bytes: text.into_bytes() };
    let loaded = load(&Registry::default().with(driver), &[file], &[], now());
    assert!(loaded.diagnostics.iter().all(|d| d.severity != Severity::Error), "{:#?}", loaded.diagnostics);
    let mut replies = Replies::default();
    if let Some(said) = said {
        let reply = Reply { exit: 0, stdout: said.as_bytes().to_vec(), stderr: Vec::new() };
        replies.insert(list(), Ok(reply));
    }
    let replies = BTreeMap::from([("olive".to_owned(), replies)]);
    let mut instances = loaded.instances;
    for instance in &mut instances {
        (instance.approval, instance.rejection) = (decided.approval.clone(), decided.rejection.clone());
    }
    build(
        &instances,
        &Blueprint {
            replies: &replies,
            policy: Policy::unattended(Risk::Safe),
            now: at,
            keep: evenkeel_core::driver::Keep::default(),
            context: &[],
        },
    )
}

fn change<'p>(plan: &'p Plan, name: &str) -> &'p Change {
    plan.changes.iter().find(|change| change.id.name == name).unwrap()
}

fn commands(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| step.request.display()).collect()
}

const SAID: &str = "naa.1 FIXED\nnaa.22 FIXED\nnaa.23 MRU\n";

#[test]
fn two_that_want_different_things_of_one_disk_are_both_refused() {
    let resources = [
        disks("all", "naa.", "RR", ""),
        disks("some", "naa.2", "MRU", ""),
        disks("agrees", "naa.22", "RR", ""),
        disks("apart", "naa.1", "RR", ""),
    ];
    let plan = planned(Disks::default(), &resources, Some(SAID));
    for (name, mine, theirs, other, line) in [
        ("all", "RR", "MRU", "some", 11),
        ("some", "MRU", "RR", "all", 6),
        // It agrees with one of the two: who of them is right is not known.
        ("agrees", "RR", "MRU", "some", 11),
    ] {
        let change = change(&plan, name);
        let error = change.error.as_ref().unwrap_or_else(|| panic!("{name}: {change:#?}"));
        assert_eq!(error.reason, "Contradiction");
        assert_eq!(
            error.message,
            format!(
                "`disks.naa.22` of disks on olive shall be `{mine}` here and `{theirs}` in Disks/{other} (test.yaml:{line}:1)"
            )
        );
        assert!(!error.retryable && !error.target_lost && error.hint.is_some());
        assert!(change.steps.is_empty() && change.withheld.is_none() && !change.is_open());
    }
    assert_eq!(commands(&change(&plan, "apart").steps), ["set RR naa.1"], "it has nothing to do with it");
    assert_eq!((plan.summary.errors, plan.has_errors()), (3, true));
}

#[test]
fn equal_wishes_and_other_disks_are_no_contradiction() {
    let resources =
        [disks("all", "naa.", "RR", ""), disks("some", "naa.2", "RR", ""), disks("none", "eui.", "MRU", "")];
    let plan = planned(Disks::default(), &resources, Some(SAID));
    assert_eq!(plan.summary.errors, 0, "{plan:#?}");
    assert_eq!(commands(&change(&plan, "some").steps), ["set RR naa.22", "set RR naa.23"]);
    assert!(change(&plan, "none").steps.is_empty());
}

#[test]
fn what_is_busy_or_unknown_contradicts_nobody() {
    let resources = [disks("all", "naa.", "RR", ""), disks("some", "naa.2", "MRU", "")];
    let busy = planned(Disks::default(), &resources, Some("busy"));
    assert!(busy.changes.iter().all(|change| change.error.is_none() && change.busy.is_some()), "{busy:#?}");
    let unknown = planned(Disks::default(), &resources, None);
    let reasons: Vec<&str> =
        unknown.changes.iter().map(|c| c.error.as_ref().unwrap().reason.as_str()).collect();
    assert!(!reasons.contains(&"Contradiction"), "{reasons:?}");
}

#[test]
fn only_objects_that_are_shared_are_compared() {
    let looks = Arc::new(AtomicUsize::new(0));
    let own = |n: usize| disks(&format!("d{n}"), "naa.", "RR", &format!(", object: o{n}"));
    let apart: Vec<String> = (0..20).map(own).collect();
    planned(Disks { looks: Arc::clone(&looks) }, &apart, Some(SAID));
    assert_eq!(looks.swap(0, Ordering::Relaxed), 20, "each once");
    let shared = [apart[0].clone(), apart[1].clone(), disks("e0", "naa.", "RR", ", object: o0")];
    planned(Disks { looks: Arc::clone(&looks) }, &shared, Some(SAID));
    assert_eq!(looks.load(Ordering::Relaxed), 3 + 2, "those that share o0 once more");
}

#[test]
fn as_many_steps_go_as_stand_before_the_first_that_is_held() {
    for (said, goes, waits) in [
        ("a F may-wait\nb F may-wait\nc F may-wait held\nd F may-wait\n", 2, 2),
        ("a F may-wait\nb F may-wait risky\nc F\nd F may-wait held\n", 1, 3),
        // The first step of what is held may not be left out, though a later one may.
        ("a F\nb F held\nc F may-wait\n", 0, 0),
        ("a F may-wait held\nb F may-wait\n", 0, 0),
        // What belongs to a held step goes with it: only where one may wait is it cut.
        ("a F may-wait\nb F may-wait\nc F held\nd F may-wait\n", 1, 3),
    ] {
        let plan = planned(Disks::default(), &[disks("all", "''", "RR", "")], Some(said));
        let change = change(&plan, "all");
        if let Some(withheld) = &change.withheld {
            assert_eq!((change.steps.len(), withheld.steps.len()), (goes, waits), "{said}");
            assert!(change.is_open() && !withheld.reasons.is_empty(), "{said}");
        } else {
            assert_eq!(goes, 0, "{said}");
            assert!(matches!(change.gate, Gate::Held { .. }), "{said}");
        }
    }
}

#[test]
fn what_is_proven_is_sent_by_itself_after_what_can_be_joined() {
    let said = "a F proven\nb F proven\nc F\nd F\n";
    let resources = [
        disks("one", "a", "RR", ""),
        disks("two", "b", "RR", ""),
        disks("three", "c", "RR", ""),
        disks("four", "d", "RR", ""),
    ];
    let plan = planned(Disks::default(), &resources, Some(said));
    let batches = batches(&plan.changes);
    let proven: Vec<(String, bool, usize)> =
        batches.iter().map(|b| (b.request.display(), b.proof.is_some(), b.serves.len())).collect();
    let of = |command: &str, proof: bool| (command.to_owned(), proof, 1);
    assert_eq!(proven.len(), 4, "{proven:?}");
    assert!(
        proven[2..].contains(&of("set RR a", true)) && proven[2..].contains(&of("set RR b", true)),
        "{proven:?}"
    );
    assert!(
        proven[..2].contains(&of("set RR c", false)) && proven[..2].contains(&of("set RR d", false)),
        "{proven:?}"
    );
    // Two that want the very same step proven: each has its own, none is joined away.
    let twice = [disks("one", "a", "RR", ""), disks("two", "a", "RR", "")];
    let plan = planned(Disks::default(), &twice, Some(said));
    let of_both = evenkeel_core::plan::batches(&plan.changes);
    assert_eq!(of_both.iter().map(|batch| batch.serves.clone()).collect::<Vec<_>>(), [vec![0], vec![1]]);
}

/// What is held of `naa.1`, and its hash.
fn held(said: &str, at: Timestamp, decided: &Decided) -> Change {
    let plan = planned_at(Disks::default(), &[disks("all", "naa.", "RR", "")], Some(said), at, decided);
    change(&plan, "all").clone()
}

fn approval(plan: &str, until: &str) -> Decided {
    let approval = Approval {
        plan: plan.to_owned(),
        by: "kim".to_owned(),
        reason: "agreed".to_owned(),
        at: now(),
        until: until.parse().unwrap(),
        override_window: false,
    };
    Decided { approval: Some(Arc::new(approval)), rejection: None }
}

const HARSH: &str = "naa.1 FIXED harsh\nnaa.2 FIXED\n";

#[test]
fn an_approval_opens_exactly_the_change_that_it_speaks_of() {
    let nobody = Decided::default();
    let before = held(HARSH, now(), &nobody);
    let plan = before.plan.clone().unwrap();
    assert_eq!((plan.len(), before.approvable(), before.approved.is_none()), (64, Approvable::Yes, true));
    assert_eq!(before.approve_with().unwrap(), format!("approve it with `evenkeel approve {}`", &plan[..12]));

    let yes = approval(&plan, "2026-11-21T00:00:00Z");
    let open = held(HARSH, now(), &yes);
    assert_eq!((open.gate.clone(), open.plan.as_ref()), (Gate::Open, Some(&plan)));
    assert_eq!(open.approved.as_ref(), yes.approval.as_deref());
    assert_eq!(open.steps, before.steps, "the very commands");

    let later = held(HARSH, "2026-11-21T00:00:00Z".parse().unwrap(), &yes);
    assert!(later.is_held() && later.approved.is_none(), "it has run out");
    for other in
        ["naa.1 MRU harsh\nnaa.2 FIXED\n", "naa.1 FIXED harsh\n", "naa.1 FIXED harsh proven\nnaa.2 FIXED\n"]
    {
        let change = held(other, now(), &yes);
        assert!(change.is_held() && change.plan.as_ref() != Some(&plan), "{other}");
    }

    let rejection = Rejection { plan: plan.clone(), by: "lee".into(), reason: "no".into(), at: now() };
    let no = Decided { rejection: Some(Arc::new(rejection)), ..yes };
    let change = held(HARSH, now(), &no);
    let Gate::Held { reasons, approvable } = &change.gate else { panic!("{change:?}") };
    assert_eq!((reasons.as_slice(), *approvable), (&["rejected by lee: no".to_owned()][..], Approvable::No));
}

#[test]
fn what_a_driver_holds_or_may_lose_data_is_opened_by_no_approval() {
    for mark in ["held", "risky", "harsh held", "harsh risky"] {
        let said = format!("naa.1 FIXED {mark}\n");
        let before = held(&said, now(), &Decided::default());
        assert_eq!((before.approvable(), before.approve_with()), (Approvable::No, None), "{mark}");
        let yes = approval(before.plan.as_ref().unwrap(), "2026-11-21T00:00:00Z");
        assert!(held(&said, now(), &yes).is_held(), "{mark}");
    }
}

#[test]
fn with_an_approval_nothing_is_left_behind() {
    let said = "naa.1 FIXED\nnaa.2 FIXED may-wait harsh\n";
    let before = held(said, now(), &Decided::default());
    assert_eq!(before.withheld.as_ref().unwrap().steps.len(), 1);
    let open = held(said, now(), &approval(before.plan.as_ref().unwrap(), "2026-11-21T00:00:00Z"));
    assert!(open.withheld.is_none() && open.is_open(), "{open:?}");
    assert_eq!((open.plan, open.steps.len()), (before.plan, 2), "the hash is of all of it");
}

proptest::proptest! {
    /// The same replies give the same hash at any time; where anything differs that would be sent, another one.
    #[test]
    fn a_hash_is_of_what_would_be_sent(
        one in proptest::collection::btree_map("[1-3]", ("FIXED|MRU", "|harsh|held|may-wait|proven"), 1..4),
        other in proptest::collection::btree_map("[1-3]", ("FIXED|MRU", "|harsh|held|may-wait|proven"), 1..4),
        days in 0..400_i64,
    ) {
        let said = |disks: &BTreeMap<String, (String, String)>| -> String {
            disks.iter().map(|(disk, (policy, mark))| ["naa.", disk, " ", policy, " ", mark, "\n"].concat()).collect()
        };
        let plan = |text: &str, at| held(text, at, &Decided::default()).plan.unwrap();
        let later = now() + jiff::SignedDuration::from_hours(24 * days);
        let (one, other) = (said(&one), said(&other));
        proptest::prop_assert_eq!(plan(&one, now()), plan(&one, later));
        // Why a step is held are words about it.
        let is_same = one.replace(" held", " ") == other.replace(" held", " ");
        proptest::prop_assert_eq!(plan(&one, now()) == plan(&other, now()), is_same, "{} {}", one, other);
    }
}
