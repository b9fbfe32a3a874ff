//! What time wants: done when it is due, whatever is done about drift; and loud where it serves no purpose any more.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use evenkeel_core::condition::Status;
use evenkeel_core::config::DriftMode;
use evenkeel_core::driver::{Delta, Driver, Finding, Health, ObserveError, Observed, Report, Step};
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use evenkeel_engine::controller::Intent;
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::origin::target;

const HALF_HOUR: i64 = 1_800;

/// A bell that knows when it was rung last; a broken one says so.
#[derive(Clone, Hash)]
struct Tower {
    rung: i64,
    broken: bool,
    times: u32,
}

impl Machine for Tower {
    fn run(&mut self, argv: &[String]) -> Reply {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let (exit, stdout) = match words.as_slice() {
            ["bell", "last"] => (0, self.rung.to_string()),
            ["bell", "count"] => (0, self.times.to_string()),
            ["bell", "break"] => {
                self.broken = true;
                (0, String::new())
            }
            ["bell", "ring", _] if self.broken => (1, String::new()),
            ["bell", "ring", slot] => {
                (self.rung, self.times) = (slot.parse().unwrap(), self.times + 1);
                (0, String::new())
            }
            _ => panic!("{words:?}"),
        };
        Reply { exit, stdout: stdout.into_bytes(), stderr: Vec::new() }
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn drift(&mut self, _: &mut Random) {}

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::new()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

/// Rings every half hour.
struct Bell;

#[derive(Deserialize, JsonSchema)]
struct BellSpec {}

#[derive(Serialize)]
struct BellState {
    rung: i64,
}

fn last() -> Query {
    Query::reading(Request::Exec(Exec::new(["bell", "last"])))
}

impl Driver for Bell {
    const KIND: &'static str = "Bell";
    const SCHEDULED: bool = true;
    type Spec = BellSpec;
    type State = BellState;

    fn check(&self, _: &BellSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, _: &BellSpec) -> String {
        "bell".to_owned()
    }

    fn queries(&self, _: &BellSpec, _: &Replies) -> Vec<Query> {
        vec![last()]
    }

    fn observe(&self, _: &BellSpec, replies: &Replies) -> Result<Observed<BellState>, ObserveError> {
        let text = String::from_utf8_lossy(&replies.get(&last())?.stdout).into_owned();
        Ok(Observed::Present(BellState { rung: text.parse().unwrap() }))
    }

    fn desired(&self, _: &BellSpec, _: Option<&BellState>, now: Timestamp) -> Option<BellState> {
        Some(BellState { rung: now.as_second() / HALF_HOUR * HALF_HOUR })
    }

    fn report(&self, _: &BellSpec, seen: Option<&BellState>, now: Timestamp) -> Report {
        let since = Timestamp::from_second(seen.unwrap().rung).unwrap();
        let good = now.duration_since(since).as_secs() < 2 * HALF_HOUR;
        let health = Health {
            about: "Fresh".into(),
            good,
            reason: if good { "Fresh" } else { "TooOld" }.into(),
            message: format!("last rung at {since}"),
            since: Some(since),
            limit_seconds: Some(3_600),
        };
        let next = Timestamp::from_second((now.as_second() / HALF_HOUR + 1) * HALF_HOUR).unwrap();
        Report { health: vec![health], next: Some(next), ..Report::default() }
    }

    fn steps(&self, _: &BellSpec, delta: &Delta<'_, BellState>) -> Vec<Step> {
        let slot = delta.after.rung.to_string();
        vec![Step::new(Request::Exec(Exec::new(["bell", "ring", &slot])))]
    }
}

async fn tower(more: &str) -> Bench {
    let machine: Box<dyn Machine> = Box::new(Tower { rung: 0, broken: false, times: 0 });
    let mut bench = Bench::with_machines(BTreeMap::from([("kiwi".to_owned(), machine)]));
    bench.registry = bench.registry.with(Bell);
    bench.terms.drift.mode = DriftMode::Report;
    // A look once a day: what is due comes by itself.
    bench.terms.drift.every = Some("1d".parse().unwrap());
    let manifest = format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Bell\nmetadata: {{ name: bell }}\nspec: {{ target: kiwi{more} }}\n"
    );
    bench.begun(&format!("{}{manifest}", target("kiwi", ""))).await
}

fn age(bench: &Bench) -> f64 {
    bench.handle().metrics().health[0].age_seconds.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_done_in_time_though_drift_is_only_reported() {
    let mut bench = tower("").await;
    bench.run_for(10).await;
    let before: u32 = bench.ask("kiwi", "bell count").parse().unwrap();
    for slot in 1..=10 {
        bench.run_for(30).await;
        let count: u32 = bench.ask("kiwi", "bell count").parse().unwrap();
        assert_eq!(count, before + slot, "{}", bench.story());
        assert!(age(&bench) < 700.0, "{} s, in the middle of a slot", age(&bench));
    }
    let run = bench.runs().pop().unwrap();
    assert_eq!(run.entries[0].intent, Intent::Intentional, "no drift was put right");
    assert!(bench.reasons().iter().all(|reason| reason.starts_with("Applied")), "nothing was found amiss");
    let looks = bench.handle().metrics().looks;
    assert!(looks < 40, "{looks} looks for 11 slots");
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_while_the_controller_was_away_is_made_up_for_once() {
    let mut bench = tower("").await;
    let before: u32 = bench.ask("kiwi", "bell count").parse().unwrap();
    bench.kill().await;
    bench.run_for(100).await;
    bench.start().await;
    bench.run_for(5).await;
    assert_eq!(bench.ask("kiwi", "bell count").parse::<u32>().unwrap(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_failing_says_how_old_the_last_good_one_is() {
    let bench = tower("").await;
    bench.by_hand("kiwi", "bell break");
    bench.run_for(120).await;
    let status = bench.status("bell");
    let ready = &status.conditions[0];
    assert_eq!((ready.status, ready.reason.as_str()), (Status::False, "Failed"));
    assert!(ready.message.contains("; last rung at 2026-11-20T00:00:00Z"), "{}", ready.message);
    assert!(!status.health[0].good && age(&bench) > 7_000.0, "{:?}", status.health);
}

#[tokio::test(start_paused = true)]
async fn the_manifest_itself_can_say_that_it_is_only_reported() {
    let bench = tower(", drift: { mode: Report }").await;
    bench.run_for(120).await;
    assert_eq!(bench.ask("kiwi", "bell count"), "0");
    assert_eq!(bench.reason("bell").as_deref(), Some("Drifted"));
}
