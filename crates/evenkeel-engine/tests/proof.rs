//! Steps that are proven: the target is read in the same exchange, and what has fallen ends the run there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Proof, Registry, Step};
use evenkeel_core::plan::Policy;
use evenkeel_core::request::{Exec, Query, Replies, Request};
use evenkeel_engine::{Run, Scope, Stop, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toy::{Hosts, Kv, Trouble, engine, kv, scope_with};

/// Disks with paths: `a` is a key with the policy, `a:paths` one with their number.
struct Disks;

#[derive(Deserialize, JsonSchema)]
struct DisksSpec {
    disks: Vec<String>,
    value: String,
}

#[derive(Serialize)]
struct DisksState {
    disks: BTreeMap<String, String>,
    paths: BTreeMap<String, u64>,
}

fn read(keys: &[String]) -> Request {
    Request::Exec(Exec::new(["kv", "get"]).on(keys.iter().map(String::as_str)))
}

fn paths_of(disks: &[String]) -> Request {
    read(&disks.iter().map(|disk| format!("{disk}:paths")).collect::<Vec<_>>())
}

fn values(request: &Request, replies: &Replies) -> Result<BTreeMap<String, String>, ObserveError> {
    let reply = replies.get(&Query::reading(request.clone()))?;
    if reply.exit != 0 {
        return Err(ObserveError::Unparsable { command: request.display(), problem: reply.stderr_text() });
    }
    let text = String::from_utf8_lossy(&reply.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect())
}

fn counts(request: &Request, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
    let count = |(key, value): (String, String)| (key.replace(":paths", ""), value.parse().unwrap());
    Ok(values(request, replies)?.into_iter().map(count).collect())
}

impl Driver for Disks {
    const KIND: &'static str = "Disks";
    const VOLATILE: &'static [&'static str] = &["paths"];
    type Spec = DisksSpec;
    type State = DisksState;

    fn check(&self, _: &DisksSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, _: &DisksSpec) -> String {
        "disks".to_owned()
    }

    fn queries(&self, spec: &DisksSpec, _: &Replies) -> Vec<Query> {
        vec![Query::reading(read(&spec.disks)), Query::reading(paths_of(&spec.disks))]
    }

    fn observe(&self, spec: &DisksSpec, replies: &Replies) -> Result<Observed<DisksState>, ObserveError> {
        let (mut disks, paths) =
            (values(&read(&spec.disks), replies)?, counts(&paths_of(&spec.disks), replies)?);
        // The answer is one to all that was asked together.
        disks.retain(|disk, _| spec.disks.contains(disk));
        Ok(Observed::Present(DisksState { disks, paths }))
    }

    fn desired(&self, spec: &DisksSpec, seen: Option<&DisksState>, _: Timestamp) -> Option<DisksState> {
        let disks = spec.disks.iter().map(|disk| (disk.clone(), spec.value.clone())).collect();
        Some(DisksState { disks, paths: seen?.paths.clone() })
    }

    fn steps(&self, spec: &DisksSpec, delta: &Delta<'_, DisksState>) -> Vec<Step> {
        let seen = delta.before.unwrap();
        let left: Vec<String> =
            spec.disks.iter().filter(|disk| seen.disks[*disk] != spec.value).cloned().collect();
        let step = |nth: usize| {
            let concerned = &left[nth..left.len().min(nth + 2)];
            let at_least = concerned.iter().map(|disk| (disk.clone(), seen.paths[disk])).collect();
            let proof = Proof { reads: vec![paths_of(concerned)], counts: "paths".to_owned(), at_least };
            Step::new(Request::Exec(Exec::new(["kv", "set", &spec.value, &left[nth]]))).proven(proof)
        };
        (0..left.len()).map(step).collect()
    }

    fn measure(&self, proof: &Proof, replies: &Replies) -> Result<BTreeMap<String, u64>, ObserveError> {
        counts(&proof.reads[0], replies)
    }
}

const KEYS: &[(&str, &str)] =
    &[("a", "0"), ("b", "0"), ("c", "0"), ("a:paths", "4"), ("b:paths", "2"), ("c:paths", "2"), ("k", "0")];

fn disks(target: &str) -> String {
    format!(
        "kind: Disks\nmetadata: {{ name: disks-{target} }}\nspec: {{ target: {target}, disks: [a, b, c], value: '1' }}\n"
    )
}

/// The disks of `h` and of `i`, a key of `h`, and another that comes later.
fn site() -> Scope {
    let after = kv("after", "h", "z", "1", ", dependsOn: [Kv/key]");
    let text = [disks("h"), disks("i"), kv("key", "h", "k", "1", ""), after].join("---\n");
    scope_with(Registry::default().with(Disks).with(Kv), &["h", "i"], &text)
}

fn hosts() -> Arc<Hosts> {
    Hosts::new(&[("h", KEYS), ("i", KEYS)])
}

async fn apply(hosts: &Arc<Hosts>) -> Run {
    engine(hosts, &Stop::default()).reconcile(&site(), Policy::default()).await
}

fn verdict<'r>(run: &'r Run, name: &str) -> &'r Verdict {
    &run.outcomes.iter().find(|o| o.id.name == name).unwrap().verdict
}

fn writes_to(hosts: &Hosts, host: &str) -> Vec<String> {
    let prefix = format!("{host}: kv set ");
    hosts.writes().into_iter().filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).collect()
}

/// What happens on `host` when `command` is sent to it: before it is done, a key gets another value.
fn when(hosts: &Arc<Hosts>, command: &'static str, key: &'static str, value: &'static str) -> Arc<Hosts> {
    let there = Arc::clone(hosts);
    Arc::clone(hosts).with_fault(move |said| {
        if said == command {
            there.state.lock().unwrap().get_mut(&command[..1]).unwrap().insert(key.into(), value.into());
        }
        Trouble::None
    })
}

#[tokio::test]
async fn what_holds_goes_on_and_is_read_after_each_step() {
    let hosts = hosts();
    let run = apply(&hosts).await;
    assert!(run.is_complete() && run.summary.applied == 4, "{run:#?}");
    let log = hosts.log.lock().unwrap().clone();
    let from = log.iter().position(|line| line == "h: kv set 1 k").unwrap();
    let of_disks: Vec<&str> =
        log[from..].iter().filter(|l| l.starts_with("h: ")).map(|l| &l[3..]).take(7).collect();
    assert_eq!(
        of_disks,
        [
            "kv set 1 k",
            "kv get a:paths b:paths",
            "kv set 1 a",
            "kv get a:paths b:paths",
            "kv set 1 b",
            "kv get b:paths c:paths",
            "kv set 1 c"
        ],
        "read before the first step, and after each"
    );
    let again = apply(&hosts).await;
    assert_eq!(again.summary.commands, 0);
}

#[tokio::test]
async fn what_has_fallen_halts_the_host_and_no_other() {
    let hosts = when(&hosts(), "h: kv set 1 a", "b:paths", "1");
    let run = apply(&hosts).await;
    let Verdict::Halted { message, hint } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert_eq!(message, "b has 1 paths, it had 2, after `kv set 1 a`: nothing more was sent to h");
    assert!(hint.as_deref().unwrap().contains("another apply goes on from there"), "{hint:?}");
    assert_eq!(
        writes_to(&hosts, "h"),
        ["1 k", "1 a"],
        "neither the other disks nor what else was to be done there"
    );
    assert_eq!((verdict(&run, "after"), writes_to(&hosts, "i").len()), (&Verdict::NotStarted, 3));
    assert_eq!(verdict(&run, "disks-i"), &Verdict::Applied);
    assert!(!run.is_complete());
    assert_eq!((run.summary.failed, run.summary.not_started), (1, 1), "{run:#?}");
    let json = serde_json::to_value(verdict(&run, "disks-h")).unwrap();
    assert_eq!(json["state"], "halted");
    // The paths are back: the next one goes on where this one ended.
    hosts.state.lock().unwrap().get_mut("h").unwrap().insert("b:paths".into(), "2".into());
    let again = apply(&hosts).await;
    assert!(again.is_complete(), "{again:#?}");
    assert_eq!(writes_to(&hosts, "h").iter().filter(|write| *write == "1 a").count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_halted_host_at_a_later_level_either() {
    let hosts = when(&hosts(), "h: kv set 1 a", "a:paths", "3");
    let text =
        [disks("h"), kv("first", "i", "k", "1", ""), kv("then", "h", "z", "1", ", dependsOn: [Kv/first]")];
    let scope = scope_with(Registry::default().with(Disks).with(Kv), &["h", "i"], &text.join("---\n"));
    let run = engine(&hosts, &Stop::default()).reconcile(&scope, Policy::default()).await;
    assert!(matches!(verdict(&run, "disks-h"), Verdict::Halted { .. }), "{run:#?}");
    assert_eq!((verdict(&run, "first"), verdict(&run, "then")), (&Verdict::Applied, &Verdict::NotStarted));
    assert_eq!(writes_to(&hosts, "h"), ["1 a"]);
}

#[tokio::test]
async fn what_cannot_be_counted_halts_as_well() {
    let begun = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let refuse = move |said: &str| {
        let is_read = said == "h: kv get a:paths b:paths";
        begun.fetch_or(said == "h: kv set 1 a", std::sync::atomic::Ordering::SeqCst);
        if is_read && begun.load(std::sync::atomic::Ordering::SeqCst) {
            Trouble::Refused
        } else {
            Trouble::None
        }
    };
    let hosts = hosts().with_fault(refuse);
    let run = apply(&hosts).await;
    let Verdict::Halted { message, .. } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert!(
        message.contains("the paths could not be counted") && message.contains("permission denied"),
        "{message}"
    );
    assert_eq!(writes_to(&hosts, "h"), ["1 k", "1 a"]);

    // The disk itself is gone.
    let hosts = self::hosts();
    let there = Arc::clone(&hosts);
    let hosts = hosts.with_fault(move |said| {
        if said == "h: kv set 1 a" {
            there.state.lock().unwrap().get_mut("h").unwrap().remove("b:paths");
        }
        Trouble::None
    });
    let run = apply(&hosts).await;
    let Verdict::Halted { message, .. } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert!(message.contains("the paths of b could not be counted, there were 2"), "{message}");
}

#[tokio::test]
async fn an_answer_that_is_lost_ends_it_too() {
    let lose = |said: &str| if said == "h: kv set 1 a" { Trouble::LostAfter } else { Trouble::None };
    let hosts = hosts().with_fault(lose);
    let run = apply(&hosts).await;
    let Verdict::Failed { message, .. } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert_eq!(message, "connection lost");
    // What comes later comes after a new look.
    assert_eq!(writes_to(&hosts, "h"), ["1 k", "1 a", "1 z"]);
}

#[tokio::test]
async fn a_refused_step_is_its_own_failure_and_halts_nothing_else() {
    let refuse = |said: &str| if said == "h: kv set 1 b" { Trouble::Refused } else { Trouble::None };
    let hosts = hosts().with_fault(refuse);
    let run = apply(&hosts).await;
    assert_eq!(
        verdict(&run, "disks-h"),
        &Verdict::Failed { message: "permission denied".into(), hint: None }
    );
    assert_eq!(writes_to(&hosts, "h"), ["1 k", "1 a", "1 b", "1 z"], "c is not begun, the rest goes on");
}

#[tokio::test]
async fn a_refused_step_halts_where_something_fell_meanwhile() {
    let hosts = hosts();
    let there = Arc::clone(&hosts);
    let hosts = hosts.with_fault(move |said| {
        if said == "h: kv set 1 b" {
            there.state.lock().unwrap().get_mut("h").unwrap().insert("c:paths".into(), "1".into());
            return Trouble::Refused;
        }
        Trouble::None
    });
    let run = apply(&hosts).await;
    let Verdict::Halted { message, .. } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert!(
        message.contains("c has 1 paths, it had 2") && message.contains("permission denied"),
        "{message}"
    );
    assert_eq!(writes_to(&hosts, "h"), ["1 k", "1 a", "1 b"], "nothing else either");
}

#[tokio::test]
async fn what_fell_before_the_first_step_is_seen_before_it() {
    // While the key is written, which has no proof of its own.
    let hosts = when(&hosts(), "h: kv set 1 k", "a:paths", "1");
    let run = apply(&hosts).await;
    let Verdict::Halted { message, .. } = verdict(&run, "disks-h") else { panic!("{run:#?}") };
    assert_eq!(message, "before `kv set 1 a` a has 1 paths, it had 4: nothing more was sent to h");
    assert_eq!(writes_to(&hosts, "h"), ["1 k"]);
}

#[tokio::test]
async fn two_of_one_host_prove_each_for_itself() {
    // The first disk of the other one falls while the last of this one is written.
    let hosts = Hosts::new(&[("h", &[KEYS, &[("d", "0"), ("d:paths", "2")]].concat()[..])]);
    let there = Arc::clone(&hosts);
    let hosts = hosts.with_fault(move |said| {
        if said == "h: kv set 1 c" {
            there.state.lock().unwrap().get_mut("h").unwrap().insert("d:paths".into(), "1".into());
        }
        Trouble::None
    });
    let other = "kind: Disks\nmetadata: { name: other }\nspec: { target: h, disks: [d], value: '1' }\n";
    let text = [disks("h"), other.to_owned()].join("---\n");
    let scope = scope_with(Registry::default().with(Disks), &["h"], &text);
    let run = engine(&hosts, &Stop::default()).reconcile(&scope, Policy::default()).await;
    assert_eq!(verdict(&run, "disks-h"), &Verdict::Applied);
    assert!(matches!(verdict(&run, "other"), Verdict::Halted { .. }), "{run:#?}");
    assert_eq!(writes_to(&hosts, "h"), ["1 a", "1 b", "1 c"]);
}
