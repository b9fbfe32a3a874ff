//! Plans as data: wishes that meet on the target, steps that wait, batches with proofs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evenkeel_core::diagnostic::Severity;
use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Proof, Registry, Risk, Step};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Blueprint, Change, Gate, Plan, Policy, batches, build};
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
    build(
        &loaded.instances,
        &Blueprint {
            replies: &replies,
            policy: Policy::default(),
            now: now(),
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
