//! Changes that reach other targets than their own, and changes of which a part waits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use evenkeel_core::driver::{
    Delta, Driver, Finding, ObserveError, Observed, Registry, Risk, Role, Step, Use,
};
use evenkeel_core::plan::{Action, Policy};
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_engine::{Run, Scope, Stop, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toy::{Hosts, Trouble, engine, get, scope_with};

/// A key with a copy on another host, after which an old key goes.
struct Pair;

#[derive(Deserialize, JsonSchema)]
struct PairSpec {
    key: String,
    value: String,
    copy: String,
    old: String,
}

#[derive(Serialize)]
struct PairState {
    here: Option<String>,
    there: Option<String>,
    old: Option<String>,
}

fn read(replies: &Replies, query: &Query, key: &str) -> Result<Option<String>, ObserveError> {
    let text = String::from_utf8_lossy(&replies.get(query)?.stdout).into_owned();
    let prefix = format!("{key}=");
    Ok(text.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned))
}

impl Driver for Pair {
    const KIND: &'static str = "Pair";
    const EXCLUSIVE: bool = true;
    type Spec = PairSpec;
    type State = PairState;

    fn check(&self, _: &PairSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &PairSpec) -> String {
        spec.key.clone()
    }

    fn uses(&self, spec: &PairSpec) -> Vec<Use> {
        let (path, claims) = (vec!["copy".to_owned()], Some(spec.key.clone()));
        vec![Use { path, target: spec.copy.clone(), as_a: Role::Host, claims }]
    }

    fn queries(&self, spec: &PairSpec, _: &Replies) -> Vec<Query> {
        vec![get(&spec.key), get(&spec.old), get(&spec.key).at(&spec.copy)]
    }

    fn observe(&self, spec: &PairSpec, replies: &Replies) -> Result<Observed<PairState>, ObserveError> {
        Ok(Observed::Present(PairState {
            here: read(replies, &get(&spec.key), &spec.key)?,
            there: read(replies, &get(&spec.key).at(&spec.copy), &spec.key)?,
            old: read(replies, &get(&spec.old), &spec.old)?,
        }))
    }

    fn desired(&self, spec: &PairSpec, _: Option<&PairState>, _: Timestamp) -> Option<PairState> {
        let value = Some(spec.value.clone());
        Some(PairState { here: value.clone(), there: value, old: None })
    }

    fn steps(&self, spec: &PairSpec, delta: &Delta<'_, PairState>) -> Vec<Step> {
        let set = || Request::Exec(Exec::new(["kv", "set", &spec.value]).on([&spec.key]));
        let differs = |field: &str| delta.changes.iter().any(|change| change.path.is_within(field));
        let mut steps = Vec::new();
        if differs("here") {
            steps.push(Step::new(set()));
        }
        if differs("there") {
            steps.push(Step::at(&spec.copy, set()));
        }
        if differs("old") {
            let drop = Step::new(Request::Exec(Exec::new(["kv", "drop", &spec.old])));
            steps.push(drop.hazard(Risk::DataLoss, "old", "it is the last one").may_wait());
        }
        steps
    }
}

fn pairs(text: &str) -> Scope {
    scope_with(Registry::default().with(Pair), &["h", "i", "j"], text)
}

fn pair(name: &str, copy: &str, more: &str) -> String {
    format!(
        "kind: Pair\nmetadata: {{ name: {name} }}\nspec: {{ target: h, key: {name}, value: new, copy: {copy}, old: old-{name}{more} }}\n"
    )
}

fn verdict<'a>(run: &'a Run, name: &str) -> &'a Verdict {
    &run.outcomes.iter().find(|outcome| outcome.id.name == name).unwrap().verdict
}

const ACCEPTED: &str = ", accept: { dataLoss: { of: old, reason: tests, until: 2026-11-20 } }";

#[tokio::test]
async fn what_may_wait_waits_while_the_rest_is_sent() {
    let hosts = Hosts::new(&[("h", &[("old-a", "1")]), ("i", &[])]);
    let (scope, engine) = (pairs(&pair("a", "i", "")), engine(&hosts, &Stop::default()));
    let plan = engine.plan(&scope, Policy::default()).await;
    let change = &plan.changes[0];
    assert_eq!((change.steps.len(), change.is_open(), change.is_held()), (2, true, false));
    let withheld = change.withheld.as_ref().unwrap();
    assert_eq!(withheld.steps[0].request.display(), "kv drop old-a");
    assert!(withheld.reasons[0].contains("accept: { dataLoss"), "{withheld:?}");

    let run = engine.apply(&scope, &plan, Policy::default()).await;
    assert_eq!(hosts.writes(), ["h: kv set new a", "i: kv set new a"]);
    assert_eq!(verdict(&run, "a"), &Verdict::Held { reasons: withheld.reasons.clone() });
    let again = engine.plan(&scope, Policy::default()).await;
    assert!(again.changes[0].is_held() && again.changes[0].withheld.is_none(), "only that is left");
    let run = engine.reconcile(&scope, Policy::default()).await;
    assert_eq!((hosts.writes().len(), run.summary.held), (2, 1), "and it is not sent");

    let run = engine.reconcile(&pairs(&pair("a", "i", ACCEPTED)), Policy::default()).await;
    assert_eq!((verdict(&run, "a"), hosts.value("h", "old-a")), (&Verdict::Applied, None));
}

#[tokio::test]
async fn a_step_for_another_target_goes_there_and_what_fails_ends_the_change() {
    let hosts = Hosts::new(&[("h", &[("old-a", "1")]), ("i", &[])])
        .with_fault(|command| if command == "i: kv set new a" { Trouble::Refused } else { Trouble::None });
    let engine = engine(&hosts, &Stop::default());
    let run = engine.reconcile(&pairs(&pair("a", "i", ACCEPTED)), Policy::default()).await;
    assert!(matches!(verdict(&run, "a"), Verdict::Failed { message, .. } if message == "permission denied"));
    assert_eq!(hosts.value("h", "old-a").as_deref(), Some("1"), "no copy, so the old one stays");
    assert_eq!(run.commands.iter().map(|sent| sent.target.as_str()).collect::<Vec<_>>(), ["h", "i"]);
}

#[tokio::test]
async fn another_target_that_is_lost_costs_only_those_that_need_it() {
    let lose =
        |command: &str| if command.starts_with("i: kv set") { Trouble::LostBefore } else { Trouble::None };
    let old: &[(&str, &str)] = &[("old-a", "1"), ("old-b", "1"), ("old-c", "1")];
    let hosts = Hosts::new(&[("h", old), ("i", &[]), ("j", &[])]).with_fault(lose);
    let text = [pair("a", "i", ACCEPTED), pair("b", "j", ACCEPTED), pair("c", "i", ACCEPTED)].join("---\n");
    let run = engine(&hosts, &Stop::default()).reconcile(&pairs(&text), Policy::default()).await;
    assert_eq!(verdict(&run, "b"), &Verdict::Applied, "{run:#?}");
    for lost in ["a", "c"] {
        assert!(matches!(verdict(&run, lost), Verdict::Failed { .. }), "{run:#?}");
        assert!(hosts.value("h", &format!("old-{lost}")).is_some());
    }
    let tried = hosts.writes().iter().filter(|write| write.starts_with("i: ")).count();
    assert_eq!(tried, 1, "a lost target is not tried again in one run");
}

#[tokio::test]
async fn another_target_that_does_not_answer_is_unknown_and_not_absent() {
    let hosts = Hosts::new(&[("h", &[("old-a", "1")])]);
    let plan = engine(&hosts, &Stop::default()).plan(&pairs(&pair("a", "i", "")), Policy::default()).await;
    let error = plan.changes[0].error.as_ref().unwrap();
    assert_eq!((error.reason.as_str(), plan.changes[0].action), ("Unreachable", Action::NoOp));
}
