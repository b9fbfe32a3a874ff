//! What a driver wants that depends on what is there: more may be wanted by the time that it is read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use std::sync::Arc;

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Registry, Step};
use evenkeel_core::plan::Policy;
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_engine::{Run, Scope, Stop, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toy::{Hosts, Trouble, engine, get, scope_with};

/// Wants the key `first`, and once that is there `second`, too.
struct Chain<const IS_SCHEDULED: bool>;

#[derive(Deserialize, JsonSchema)]
struct ChainSpec {}

#[derive(Serialize)]
struct ChainState {
    first: Option<String>,
    second: Option<String>,
}

fn value(replies: &Replies, key: &str) -> Result<Option<String>, ObserveError> {
    let text = String::from_utf8_lossy(&replies.get(&get(key))?.stdout).into_owned();
    let prefix = format!("{key}=");
    Ok(text.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned))
}

fn set(key: &str) -> Step {
    Step::new(Request::Exec(Exec::new(["kv", "set", "1", key])))
}

impl<const IS_SCHEDULED: bool> Driver for Chain<IS_SCHEDULED> {
    const KIND: &'static str = "Chain";
    const SCHEDULED: bool = IS_SCHEDULED;
    type Spec = ChainSpec;
    type State = ChainState;

    fn check(&self, _: &ChainSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, _: &ChainSpec) -> String {
        "chain".to_owned()
    }

    fn queries(&self, _: &ChainSpec, _: &Replies) -> Vec<Query> {
        vec![get("first"), get("second")]
    }

    fn observe(&self, _: &ChainSpec, replies: &Replies) -> Result<Observed<ChainState>, ObserveError> {
        let (first, second) = (value(replies, "first")?, value(replies, "second")?);
        Ok(Observed::Present(ChainState { first, second }))
    }

    fn desired(&self, _: &ChainSpec, seen: Option<&ChainState>, _: Timestamp) -> Option<ChainState> {
        let one = || Some("1".to_owned());
        Some(ChainState { first: one(), second: seen?.first.as_ref().and_then(|_| one()) })
    }

    fn steps(&self, _: &ChainSpec, delta: &Delta<'_, ChainState>) -> Vec<Step> {
        vec![set(if delta.after.second.is_some() { "second" } else { "first" })]
    }
}

fn scope<const IS_SCHEDULED: bool>() -> Scope {
    let registry = Registry::default().with(Chain::<IS_SCHEDULED>);
    scope_with(registry, &["h"], "kind: Chain\nmetadata: { name: c }\nspec: { target: h }\n")
}

async fn run(hosts: &Arc<Hosts>, scope: &Scope) -> Run {
    engine(hosts, &Stop::default()).reconcile(scope, Policy::default()).await
}

#[tokio::test]
async fn with_a_schedule_what_has_come_up_since_is_for_the_next_run() {
    let (hosts, scope) = (Hosts::new(&[("h", &[])]), scope::<true>());
    for verdict in [Verdict::Applied, Verdict::Applied, Verdict::Unchanged] {
        let run = run(&hosts, &scope).await;
        assert_eq!(run.outcomes[0].verdict, verdict, "{run:#?}");
    }
}

#[tokio::test]
async fn without_one_it_is_a_failure() {
    let run = run(&Hosts::new(&[("h", &[])]), &scope::<false>()).await;
    let Verdict::Failed { message, .. } = &run.outcomes[0].verdict else { panic!("{run:#?}") };
    assert!(message.ends_with("read back it still differs: second is (absent)"), "{message}");
}

#[tokio::test]
async fn what_was_planned_and_is_not_so_is_a_failure_with_a_schedule_too() {
    let hosts = Hosts::new(&[("h", &[])])
        .with_fault(|said| if said == "h: kv set 1 first" { Trouble::Lies } else { Trouble::None });
    let run = run(&hosts, &scope::<true>()).await;
    let Verdict::Failed { message, .. } = &run.outcomes[0].verdict else { panic!("{run:#?}") };
    assert!(message.ends_with("read back it still differs: first is (absent)"), "{message}");
}
