//! Steps that clean up: sent also where an earlier step of the same change failed, or the run shall stop.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use std::sync::{Arc, Mutex};

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Registry, Step};
use evenkeel_core::plan::{Change, Policy};
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::{Journal, Run, Scope, Stop, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toy::{Hosts, Kv, Trouble, engine, get, kv, scope_with};

/// A key that is made by way of another one, which is there for that time only.
struct Made;

#[derive(Deserialize, JsonSchema)]
struct MadeSpec {
    key: String,
    scratch: String,
}

#[derive(Serialize)]
struct MadeState {
    value: Option<String>,
    scratch: Option<String>,
}

fn value(replies: &Replies, key: &str) -> Result<Option<String>, ObserveError> {
    let text = String::from_utf8_lossy(&replies.get(&get(key))?.stdout).into_owned();
    let prefix = format!("{key}=");
    Ok(text.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned))
}

fn run(words: &[&str]) -> Step {
    Step::new(Request::Exec(Exec::new(words.iter().copied())))
}

impl Driver for Made {
    const KIND: &'static str = "Made";
    type Spec = MadeSpec;
    type State = MadeState;

    fn check(&self, _: &MadeSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &MadeSpec) -> String {
        spec.key.clone()
    }

    fn queries(&self, spec: &MadeSpec, _: &Replies) -> Vec<Query> {
        vec![get(&spec.key), get(&spec.scratch)]
    }

    fn observe(&self, spec: &MadeSpec, replies: &Replies) -> Result<Observed<MadeState>, ObserveError> {
        let seen = MadeState { value: value(replies, &spec.key)?, scratch: value(replies, &spec.scratch)? };
        let is_absent = seen.value.is_none() && seen.scratch.is_none();
        Ok(if is_absent { Observed::Absent { lacks: None } } else { Observed::Present(seen) })
    }

    fn desired(&self, _: &MadeSpec, _: Option<&MadeState>, _: Timestamp) -> Option<MadeState> {
        Some(MadeState { value: Some("1".to_owned()), scratch: None })
    }

    fn steps(&self, spec: &MadeSpec, _: &Delta<'_, MadeState>) -> Vec<Step> {
        let (key, scratch) = (spec.key.as_str(), spec.scratch.as_str());
        vec![
            run(&["kv", "set", "begun", scratch]).begins(),
            run(&["kv", "set", "done", scratch]),
            run(&["kv", "set", "1", key]),
            run(&["kv", "drop", scratch]).cleanup(),
        ]
    }
}

fn made(name: &str) -> String {
    format!(
        "kind: Made\nmetadata: {{ name: {name} }}\nspec: {{ target: h, key: {name}, scratch: {name}-s }}\n"
    )
}

fn site(resources: &[String]) -> Scope {
    scope_with(Registry::default().with(Made).with(Kv), &["h"], &resources.join("---\n"))
}

fn one() -> Scope {
    site(&[made("m")])
}

fn hosts() -> Arc<Hosts> {
    Hosts::new(&[("h", &[])])
}

/// A host where `command` meets `trouble`.
fn with(command: &'static str, trouble: Trouble) -> Arc<Hosts> {
    hosts().with_fault(move |said| if said == command { trouble } else { Trouble::None })
}

async fn apply(hosts: &Arc<Hosts>) -> Run {
    engine(hosts, &Stop::default()).reconcile(&one(), Policy::default()).await
}

/// What a run does that shall stop while `command` is in flight.
async fn stopped_at(hosts: &Arc<Hosts>, scope: &Scope, command: &'static str) -> Run {
    let stop = Stop::default();
    let asked = stop.clone();
    let hosts = Arc::clone(hosts).with_fault(move |said| {
        if said == command {
            asked.request();
        }
        Trouble::None
    });
    let plan = engine(&hosts, &Stop::default()).plan(scope, Policy::default()).await;
    let run = engine(&hosts, &stop).apply(scope, &plan, Policy::default()).await;
    assert!(run.stopped && !run.is_complete(), "{run:#?}");
    run
}

fn verdict<'r>(run: &'r Run, name: &str) -> &'r Verdict {
    &run.outcomes.iter().find(|o| o.id.name == name).unwrap().verdict
}

const BEGUN: &str = "h: kv set begun m-s";
const DONE: &str = "h: kv set done m-s";
const MADE: &str = "h: kv set 1 m";
const CLEANUP: &str = "h: kv drop m-s";

#[tokio::test]
async fn where_nothing_fails_it_is_the_last_step() {
    let hosts = hosts();
    let run = apply(&hosts).await;
    assert_eq!(verdict(&run, "m"), &Verdict::Applied, "{run:#?}");
    assert_eq!(hosts.writes(), [BEGUN, DONE, MADE, CLEANUP]);
    assert_eq!(apply(&hosts).await.summary.commands, 0);
}

#[tokio::test]
async fn a_failed_step_leaves_out_the_next_ones_and_is_cleaned_up_after() {
    for (failing, sent) in [(DONE, &[BEGUN, DONE, CLEANUP][..]), (MADE, &[BEGUN, DONE, MADE, CLEANUP])] {
        let hosts = with(failing, Trouble::Refused);
        let run = apply(&hosts).await;
        let failed = Verdict::Failed { message: "permission denied".into(), hint: None };
        assert_eq!(verdict(&run, "m"), &failed, "{failing}");
        assert_eq!(hosts.writes(), sent, "{failing}");
        assert_eq!(hosts.value("h", "m-s"), None);
        assert_eq!(run.outcomes[0].sent.len(), sent.len(), "what cleaned up is told as well");
    }
}

/// What is there then is that of another run, which is at work.
#[tokio::test]
async fn what_was_refused_to_begin_is_not_cleaned_up() {
    let hosts = with(BEGUN, Trouble::Refused);
    let run = apply(&hosts).await;
    let failed = Verdict::Failed { message: "permission denied".into(), hint: None };
    assert_eq!(verdict(&run, "m"), &failed);
    assert_eq!(hosts.writes(), [BEGUN]);
}

#[tokio::test]
async fn a_cleanup_that_fails_too_is_told_after_what_failed_first() {
    let hosts = hosts().with_fault(|said| match said {
        DONE => Trouble::RefusedFor("m-s"),
        CLEANUP => Trouble::Refused,
        _ => Trouble::None,
    });
    let run = apply(&hosts).await;
    let Verdict::Failed { message, .. } = verdict(&run, "m") else { panic!("{run:#?}") };
    assert_eq!(message, "cannot set 'm-s': denied; then, while cleaning up: permission denied");
    assert_eq!(hosts.writes(), [BEGUN, DONE, CLEANUP]);
    // What was left there is seen, and goes the next time.
    let hosts = hosts.with_fault(|_| Trouble::None);
    let run = apply(&hosts).await;
    assert_eq!((verdict(&run, "m"), hosts.value("h", "m-s")), (&Verdict::Applied, None));
}

#[tokio::test]
async fn a_cleanup_that_fails_alone_is_a_failure() {
    let hosts = with(CLEANUP, Trouble::Refused);
    let run = apply(&hosts).await;
    assert_eq!(verdict(&run, "m"), &Verdict::Failed { message: "permission denied".into(), hint: None });
    assert_eq!(hosts.value("h", "m").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_run_that_shall_stop_cleans_up_what_it_began() {
    let hosts = hosts();
    let run = stopped_at(&hosts, &one(), BEGUN).await;
    assert_eq!(hosts.writes(), [BEGUN, CLEANUP]);
    let Verdict::Failed { message, hint } = verdict(&run, "m") else { panic!("{run:#?}") };
    assert!(message.starts_with("stopped midway: "), "{message}");
    assert_eq!(hint.as_deref(), Some("run apply again to finish"));
}

#[tokio::test]
async fn a_run_that_shall_stop_before_anything_was_begun_sends_nothing() {
    let hosts = hosts();
    let first = kv("first", "h", "a", "1", "");
    let run = stopped_at(&hosts, &site(&[first, made("m")]), "h: kv set 1 a").await;
    assert_eq!(hosts.writes(), ["h: kv set 1 a"]);
    assert_eq!((verdict(&run, "first"), verdict(&run, "m")), (&Verdict::Applied, &Verdict::NotStarted));
}

#[tokio::test]
async fn what_was_not_begun_is_not_cleaned_up_beside_what_was() {
    let hosts = hosts();
    let run = stopped_at(&hosts, &site(&[made("m"), made("n")]), DONE).await;
    assert_eq!(hosts.writes(), [BEGUN, DONE, CLEANUP]);
    assert_eq!(verdict(&run, "n"), &Verdict::NotStarted);
}

#[tokio::test]
async fn a_lost_target_is_not_asked_to_clean_up() {
    for (trouble, left) in [(Trouble::LostBefore, "begun"), (Trouble::LostAfter, "done")] {
        let hosts = with(DONE, trouble);
        let run = apply(&hosts).await;
        assert_eq!(hosts.writes(), [BEGUN, DONE]);
        let Verdict::Failed { message, .. } = verdict(&run, "m") else { panic!("{run:#?}") };
        assert_eq!(message, "connection lost");
        assert_eq!(hosts.value("h", "m-s").as_deref(), Some(left));
    }
}

#[tokio::test]
async fn what_fails_costs_only_itself() {
    let hosts = with(DONE, Trouble::Refused);
    let scope = site(&[made("m"), made("n")]);
    let run = engine(&hosts, &Stop::default()).reconcile(&scope, Policy::default()).await;
    assert!(matches!(verdict(&run, "m"), Verdict::Failed { .. }), "{run:#?}");
    assert_eq!(verdict(&run, "n"), &Verdict::Applied);
    assert_eq!(hosts.writes().iter().filter(|line| line.starts_with("h: kv drop")).count(), 2);
}

/// Keys that are made each by way of another one, and do not need each other.
struct Several;

#[derive(Deserialize, JsonSchema)]
struct SeveralSpec {
    keys: Vec<String>,
}

#[derive(Serialize)]
struct SeveralState {
    missing: std::collections::BTreeSet<String>,
}

impl Driver for Several {
    const KIND: &'static str = "Several";
    type Spec = SeveralSpec;
    type State = SeveralState;

    fn check(&self, _: &SeveralSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &SeveralSpec) -> String {
        spec.keys.join("+")
    }

    fn queries(&self, spec: &SeveralSpec, _: &Replies) -> Vec<Query> {
        spec.keys.iter().map(|key| get(key)).collect()
    }

    fn observe(&self, spec: &SeveralSpec, replies: &Replies) -> Result<Observed<SeveralState>, ObserveError> {
        let mut missing = std::collections::BTreeSet::new();
        for key in &spec.keys {
            if value(replies, key)?.is_none() {
                missing.insert(key.clone());
            }
        }
        Ok(Observed::Present(SeveralState { missing }))
    }

    fn desired(&self, _: &SeveralSpec, _: Option<&SeveralState>, _: Timestamp) -> Option<SeveralState> {
        Some(SeveralState { missing: std::collections::BTreeSet::new() })
    }

    fn steps(&self, _: &SeveralSpec, delta: &Delta<'_, SeveralState>) -> Vec<Step> {
        let of = |key: &String| {
            let scratch = format!("{key}-s");
            let begin = run(&["kv", "set", "begun", &scratch]).begins().part(key);
            let clean = run(&["kv", "drop", &scratch]).cleanup().part(key);
            [begin, run(&["kv", "set", "1", key]).part(key), clean]
        };
        let steps = delta.before.unwrap().missing.iter().flat_map(of);
        steps.chain([run(&["kv", "set", "all", "done"])]).collect()
    }
}

async fn apply_several(hosts: &Arc<Hosts>) -> Run {
    let text = "kind: Several\nmetadata: { name: m }\nspec: { target: h, keys: [a, b, c] }\n";
    let scope = scope_with(Registry::default().with(Several), &["h"], text);
    engine(hosts, &Stop::default()).reconcile(&scope, Policy::default()).await
}

#[tokio::test]
async fn a_part_that_fails_costs_only_itself_and_what_is_for_all() {
    let of = |key: &str| {
        [format!("h: kv set begun {key}-s"), format!("h: kv set 1 {key}"), format!("h: kv drop {key}-s")]
    };
    let hosts = hosts().with_fault(|said| match said {
        "h: kv set begun a-s" | "h: kv set 1 b" => Trouble::Refused,
        _ => Trouble::None,
    });
    let run = apply_several(&hosts).await;
    let message = "a: permission denied; b: permission denied".to_owned();
    assert_eq!(verdict(&run, "m"), &Verdict::Failed { message, hint: None });
    let sent: Vec<String> = of("a").into_iter().take(1).chain(of("b")).chain(of("c")).collect();
    assert_eq!(hosts.writes(), sent);
    let hosts = hosts.with_fault(|_| Trouble::None);
    assert_eq!(verdict(&apply_several(&hosts).await, "m"), &Verdict::Applied);
    assert_eq!(hosts.value("h", "done").as_deref(), Some("all"));
}

/// Writes down what it hears, but for one command.
#[derive(Default)]
struct Pages {
    written: Mutex<Vec<String>>,
    without: Option<&'static str>,
}

impl Journal for Pages {
    fn about_to_send<'a>(
        &'a self,
        target: &'a str,
        command: &'a str,
        changes: &'a [&'a Change],
    ) -> BoxFuture<'a, Result<(), String>> {
        assert!(!changes.is_empty(), "{command} is for something");
        let line = format!("{target}: {command}");
        let full = self.without == Some(line.as_str());
        if !full {
            self.written.lock().unwrap().push(line);
        }
        Box::pin(std::future::ready(if full { Err("the disk is full".to_owned()) } else { Ok(()) }))
    }
}

#[tokio::test]
async fn it_is_written_down_before_it_is_sent() {
    let hosts = with(DONE, Trouble::Refused);
    let pages = Arc::new(Pages::default());
    let engine_ = engine(&hosts, &Stop::default()).with_journal(Arc::clone(&pages) as _);
    engine_.reconcile(&one(), Policy::default()).await;
    assert_eq!(*pages.written.lock().unwrap(), [BEGUN, DONE, CLEANUP]);

    // What cannot be written down is not sent, and nothing after it.
    for without in [DONE, CLEANUP] {
        let hosts = self::hosts();
        let pages = Arc::new(Pages { without: Some(without), ..Pages::default() });
        let engine_ = engine(&hosts, &Stop::default()).with_journal(Arc::clone(&pages) as _);
        let run = engine_.reconcile(&one(), Policy::default()).await;
        let Verdict::Failed { message, .. } = verdict(&run, "m") else { panic!("{run:#?}") };
        assert!(message.contains("the disk is full"), "{message}");
        assert_eq!(*pages.written.lock().unwrap(), hosts.writes());
        assert!(!hosts.writes().contains(&CLEANUP.to_owned()));
    }
}
