//! Hosts that die, a store that fails, drivers that panic, a claim that is lost.

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Step};
use evenkeel_core::request::{Query, Replies};
use evenkeel_engine::store::{ResourceFilter, StoreError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::origin::{dataset, site};
use crate::store::Fails;

fn many() -> String {
    let on = |target: &str| {
        (0..5)
            .map(|n| dataset(target, &format!("tank/d{n}"), "properties: { atime: off }"))
            .collect::<String>()
    };
    site(&[on("kiwi"), on("lime")])
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_is_said_once_and_looked_at_at_once_when_it_returns() {
    let mut bench = Bench::new().begun(&many()).await;
    bench.wire.hosts.set_down("kiwi", true);
    bench.run_for(240).await;
    assert_eq!(bench.reasons(), ["TargetUnreachable kiwi"]);
    assert_eq!(bench.handle().metrics().unreachable, 1);
    assert_eq!(bench.reason("kiwi-tank-d0").unwrap(), "Unreachable");
    assert_eq!(bench.reason("lime-tank-d0").unwrap(), "InSync");
    bench.by_hand("lime", "zfs set atime=on tank/d1");
    bench.by_hand("kiwi", "zfs set atime=on tank/d1");
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["DriftCorrected lime-tank-d1"], "others go on");
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(20).await;
    bench.until("quiet", Bench::is_quiet).await;
    assert_eq!(bench.reasons(), ["TargetAnswers kiwi", "DriftCorrected kiwi-tank-d1"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_sleeps_at_night_says_its_drift_once() {
    let mut bench = Bench::new();
    bench.terms.drift.mode = evenkeel_core::config::DriftMode::Report;
    let mut bench = bench.begun(&many()).await;
    bench.by_hand("kiwi", "zfs set atime=on tank/d1");
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["DriftFound kiwi-tank-d1"]);
    for _ in 0..3 {
        bench.wire.hosts.set_down("kiwi", true);
        bench.run_for(8 * 60).await;
        bench.wire.hosts.set_down("kiwi", false);
        bench.run_for(60).await;
        assert_eq!(bench.reasons(), ["TargetUnreachable kiwi", "TargetAnswers kiwi"]);
    }
    bench.wire.hosts.set_down("kiwi", true);
    bench.run_for(60).await;
    bench.by_hand("kiwi", "zfs set atime=off tank/d1");
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["TargetUnreachable kiwi", "TargetAnswers kiwi", "InSync kiwi-tank-d1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_store_fails_and_nothing_is_lost() {
    for fails in [Fails::Writes, Fails::Commits, Fails::Journal] {
        let mut bench = Bench::new().begun(&many()).await;
        bench.store.fail(fails);
        bench.by_hand("kiwi", "zfs set atime=on tank/d1");
        bench.run_for(120).await;
        assert_eq!(bench.writes(), [""; 0], "{fails:?}");
        if fails != Fails::Journal {
            let health = bench.handle().health();
            assert!(health.live && !health.ready, "{health:?}");
            assert!(health.reasons[0].contains("the disk is full"), "{health:?}");
        }
        bench.wire.hosts.set_down("lime", true);
        bench.run_for(120).await;
        bench.store.fail(Fails::Nothing);
        bench.run_for(30).await;
        assert!(bench.handle().health().ready, "{:?}", bench.handle().health());
        let reasons = bench.reasons();
        assert_eq!(bench.writes(), ["kiwi: zfs set atime=off tank/d1"]);
        for said in ["TargetUnreachable lime", "DriftCorrected kiwi-tank-d1"] {
            assert_eq!(reasons.iter().filter(|r| *r == said).count(), 1, "{said} of {reasons:?}");
        }
        assert_eq!(bench.reason("lime-tank-d0").unwrap(), "Unreachable");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_claim_ends_it() {
    let mut bench = Bench::new().begun(&many()).await;
    bench.wire.hold("zfs set");
    bench.by_hand("kiwi", "zfs set atime=on tank/d1");
    bench.by_hand("lime", "zfs set atime=on tank/d1");
    bench.until("a write", |b| b.wire.is_holding()).await;
    bench.store.steal();
    assert_eq!(bench.ended().await, Err(StoreError::Fenced));
    bench.wire.let_go();
    bench.run_for(120).await;
    assert_eq!(bench.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_lost_while_nothing_happens_ends_it_within_minutes() {
    let mut bench = Bench::new().begun(&many()).await;
    bench.store.steal();
    let before = bench.now();
    assert_eq!(bench.ended().await, Err(StoreError::Fenced));
    assert!(bench.now().duration_since(before).as_secs() < 120);
}

/// A driver with a mistake.
struct Trap;

#[derive(Deserialize, JsonSchema)]
struct TrapSpec {
    armed: bool,
}

#[derive(Serialize)]
struct TrapState {
    armed: bool,
}

impl Driver for Trap {
    const KIND: &'static str = "Trap";
    type Spec = TrapSpec;
    type State = TrapState;

    fn check(&self, _: &TrapSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, _: &TrapSpec) -> String {
        "trap".to_owned()
    }

    fn queries(&self, spec: &TrapSpec, _: &Replies) -> Vec<Query> {
        assert!(!spec.armed, "the trap");
        Vec::new()
    }

    fn observe(&self, spec: &TrapSpec, _: &Replies) -> Result<Observed<TrapState>, ObserveError> {
        Ok(Observed::Present(TrapState { armed: spec.armed }))
    }

    fn desired(&self, spec: &TrapSpec, _: Option<&TrapState>, _: Timestamp) -> Option<TrapState> {
        Some(TrapState { armed: spec.armed })
    }

    fn steps(&self, _: &TrapSpec, _: &Delta<'_, TrapState>) -> Vec<Step> {
        Vec::new()
    }
}

fn trapped(armed: bool) -> String {
    let trap = format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Trap\nmetadata: {{ name: trap }}\nspec: {{ target: kiwi, armed: {armed} }}\n"
    );
    format!("{}{trap}", many())
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_own_job() {
    let mut bench = Bench::new();
    bench.registry = bench.registry.with(Trap);
    let mut bench = bench.begun(&trapped(false)).await;
    bench.push(&trapped(true)).await;
    bench.run_for(240).await;
    let reasons = bench.reasons();
    assert_eq!(reasons, ["RevisionInForce", "Crashed kiwi"], "said once");
    assert_eq!(bench.reason("trap").unwrap(), "Crashed");
    assert_eq!(bench.reason("lime-tank-d0").unwrap(), "InSync");
    let looks = bench.handle().metrics().looks;
    bench.run_for(60).await;
    assert!(bench.handle().metrics().looks - looks < 20, "ever more slowly");
    bench.by_hand("lime", "zfs set atime=on tank/d1");
    bench.run_for(60).await;
    assert_eq!(bench.reasons(), ["DriftCorrected lime-tank-d1"]);
    bench.pushed(&trapped(false)).await;
    assert_eq!(bench.reason("trap").unwrap(), "InSync");
    assert!(bench.handle().health().ready);
}

#[tokio::test(start_paused = true)]
async fn who_asked_is_remembered_though_the_look_was_cut_off() {
    let bench = Bench::new().begun(&many()).await;
    bench.by_hand("kiwi", "zfs set atime=on tank/d1");
    bench.wire.hold("zfs get");
    bench.reconcile(ResourceFilter { target: Some("kiwi".into()), ..ResourceFilter::default() }).await;
    bench.until("a look", |b| b.wire.is_holding()).await;
    let changed = many().replace(
        "dataset: tank/d4\n  properties: { atime: off }",
        "dataset: tank/d4\n  properties: { atime: off, compression: lz4 }",
    );
    let id = bench.push(&changed).await;
    bench.until("it", |b| b.is_in_force(&id)).await;
    bench.wire.let_go();
    bench.until("quiet", Bench::is_quiet).await;
    let run = bench.runs().into_iter().rfind(|run| run.target == "kiwi").unwrap();
    assert_eq!(run.by.as_deref(), Some("kim"), "{}", bench.story());
}
