//! Hosts of one cluster take turns in an apply, and are left alone after too many that failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_core::plan::{Approvable, Objection, Policy};
use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError};
use evenkeel_engine::{Clock, Engine, Run, Scope, Silent, Stop, Verdict};
use jiff::Timestamp;
use toy::{Hosts, Trouble, kv, scope};

/// Hosts whose writes take a while, so that it shows which overlap.
struct Slow {
    hosts: Arc<Hosts>,
    writing: Mutex<BTreeSet<String>>,
    /// The hosts that were written to at the same time, whenever one more began.
    overlaps: Mutex<Vec<Vec<String>>>,
}

impl Transport for Slow {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(async move {
            let writes = requests.iter().any(|request| request.display().starts_with("kv set"));
            if writes {
                let mut writing = self.writing.lock().unwrap();
                writing.insert(target.name.clone());
                self.overlaps.lock().unwrap().push(writing.iter().cloned().collect());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            let answers = self.hosts.exchange(target, requests).await;
            if writes {
                self.writing.lock().unwrap().remove(&target.name);
            }
            answers
        })
    }
}

/// It goes with the time that the test has.
struct Going(tokio::time::Instant);

impl Clock for Going {
    fn now(&self) -> Timestamp {
        Still.now() + jiff::SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        "2026-11-20T00:00:00Z".parse().unwrap()
    }
}

/// A site of hosts `NAME: LABEL`, where an empty label is none.
struct Site {
    slow: Arc<Slow>,
    scope: Scope,
    stop: Stop,
}

fn site(hosts: &[(&str, &str)], resources: &[String]) -> Site {
    let target = |(name, label): &(&str, &str)| {
        let labels =
            if label.is_empty() { String::new() } else { format!(", labels: {{ cluster: {label} }}") };
        format!("kind: Target\nmetadata: {{ name: {name}{labels} }}\nspec: {{ local: {{}} }}\n")
    };
    let documents: Vec<String> = hosts.iter().map(target).chain(resources.iter().cloned()).collect();
    let state: Vec<(&str, &[(&str, &str)])> = hosts.iter().map(|(name, _)| (*name, &[][..])).collect();
    let (writing, overlaps) = (Mutex::default(), Mutex::default());
    let slow = Arc::new(Slow { hosts: Hosts::new(&state), writing, overlaps });
    Site { slow, scope: scope(&[], &documents.join("---\n")), stop: Stop::default() }
}

impl Site {
    fn with_fault(self, fault: impl Fn(&str) -> Trouble + Send + Sync + 'static) -> Self {
        *self.slow.hosts.fault.lock().unwrap() = Box::new(fault);
        self
    }

    async fn apply(&self) -> Run {
        let clock = Arc::new(Going(tokio::time::Instant::now()));
        let engine = Engine::new(Arc::clone(&self.slow) as _, clock, Arc::new(Silent), self.stop.clone());
        engine.reconcile(&self.scope, Policy::default()).await
    }

    /// Of these hosts, the most that were written to at the same time.
    fn at_once(&self, names: &[&str]) -> usize {
        let overlaps = self.slow.overlaps.lock().unwrap();
        let of =
            |together: &Vec<String>| together.iter().filter(|name| names.contains(&name.as_str())).count();
        overlaps.iter().map(of).max().unwrap_or(0)
    }

    /// The hosts that were written to, in order.
    fn written(&self) -> Vec<String> {
        let writes = self.slow.hosts.writes();
        writes.iter().map(|line| line.split(':').next().unwrap().to_owned()).collect()
    }
}

fn on(target: &str, name: &str, rollout: &str) -> String {
    let rollout = if rollout.is_empty() { String::new() } else { format!(", rollout: {rollout}") };
    kv(&format!("{name}-{target}"), target, name, "1", &rollout)
}

fn verdict<'r>(run: &'r Run, name: &str) -> &'r Verdict {
    &run.outcomes.iter().find(|o| o.id.name == name).unwrap().verdict
}

fn refuses(on: &'static [&'static str]) -> impl Fn(&str) -> Trouble + Send + Sync + 'static {
    let says_no = move |said: &str| on.iter().any(|start| said.starts_with(start));
    move |said| if says_no(said) { Trouble::Refused } else { Trouble::None }
}

const FOUR: [(&str, &str); 4] = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")];

fn each(hosts: &[(&str, &str)], rollout: &str) -> Vec<String> {
    hosts.iter().map(|(name, _)| on(name, "k", rollout)).collect()
}

const NOT_BEGUN: &str = "not begun, because 1 of the hosts with cluster=x failed (b)";

#[tokio::test(start_paused = true)]
async fn one_host_after_the_other_and_clusters_beside_each_other() {
    let hosts = [&FOUR[..], &[("e", "y"), ("f", "y"), ("g", ""), ("h", ""), ("free", "x")]].concat();
    let mut resources = each(&hosts[..8], "{}");
    resources.push(on("free", "k", ""));
    let site = site(&hosts, &resources);
    let run = site.apply().await;
    assert!(run.is_complete() && run.summary.applied == 9, "{run:#?}");
    assert_eq!(site.at_once(&["a", "b", "c", "d"]), 1);
    assert_eq!(
        (site.at_once(&["e", "f"]), site.at_once(&["g", "h"])),
        (1, 1),
        "those without the label, too"
    );
    assert_eq!(site.at_once(&["a", "e", "g", "free"]), 4, "what takes no turns waits for nobody");
    let order: Vec<String> =
        site.written().into_iter().filter(|name| "abcd".contains(name.as_str())).collect();
    assert_eq!(order, ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn as_many_at_once_as_is_written_and_never_all() {
    for (bears, expected) in [("1", 1), ("2", 2), ("50%", 2), ("60%", 2), ("75%", 3), ("9", 3), ("100%", 3)] {
        let site = site(&FOUR, &each(&FOUR, &format!("{{ maxUnavailable: {bears} }}")));
        assert!(site.apply().await.is_complete());
        assert_eq!(site.at_once(&["a", "b", "c", "d"]), expected, "{bears}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_strictest_of_several_resources_counts() {
    let mut resources = each(&FOUR, "{ maxUnavailable: 3 }");
    resources.push(on("b", "l", "{ maxUnavailable: 1 }"));
    let site = site(&FOUR, &resources);
    assert!(site.apply().await.is_complete());
    let overlaps = site.slow.overlaps.lock().unwrap();
    assert!(
        overlaps.iter().all(|hosts| hosts.len() == 1 || !hosts.contains(&"b".to_owned())),
        "{overlaps:?}"
    );
    assert!(overlaps.iter().any(|hosts| hosts.len() > 1), "{overlaps:?}");
}

#[tokio::test(start_paused = true)]
async fn after_one_that_failed_the_rest_is_left_alone() {
    let mut resources = each(&FOUR, "{}");
    resources.extend([on("c", "l", ""), kv("after", "c", "m", "1", ", dependsOn: [Kv/k-c]")]);
    let site = site(&FOUR, &resources).with_fault(refuses(&["b: kv set"]));
    let run = site.apply().await;
    assert_eq!(verdict(&run, "k-a"), &Verdict::Applied);
    assert!(matches!(verdict(&run, "k-b"), Verdict::Failed { .. }));
    for name in ["k-c", "k-d"] {
        assert_eq!(verdict(&run, name), &Verdict::Skipped { reason: NOT_BEGUN.into() });
    }
    assert_eq!(verdict(&run, "l-c"), &Verdict::Applied, "it takes no turns, so it has nothing to do with it");
    assert_eq!(
        verdict(&run, "after"),
        &Verdict::Skipped { reason: "waits for Kv/k-c, which is skipped".into() }
    );
    assert_eq!(site.written(), ["a", "b", "c"]);
    assert!(!run.is_complete());
}

#[tokio::test(start_paused = true)]
async fn so_many_failures_are_borne_and_another_cluster_has_its_own() {
    let hosts = [&FOUR[..], &[("e", "y"), ("f", "y")]].concat();
    let site = site(&hosts, &each(&hosts, "{ maxFailures: 2 }")).with_fault(refuses(&[
        "a: kv set",
        "b: kv set",
        "e: kv set",
    ]));
    let run = site.apply().await;
    let why = "not begun, because 2 of the hosts with cluster=x failed (a, b)";
    assert_eq!(verdict(&run, "k-c"), &Verdict::Skipped { reason: why.into() });
    assert_eq!(verdict(&run, "k-f"), &Verdict::Applied, "one failure of cluster y is borne");
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_read_any_more_counts_as_failed() {
    let asked = Arc::new(Mutex::new(0));
    let dies = move |said: &str| {
        if said.starts_with("b: ") {
            *asked.lock().unwrap() += 1;
        }
        // The plan still saw it.
        if *asked.lock().unwrap() > 1 && said.starts_with("b: ") {
            Trouble::LostBefore
        } else {
            Trouble::None
        }
    };
    let site = site(&FOUR, &each(&FOUR, "{}")).with_fault(dies);
    let run = site.apply().await;
    assert!(matches!(verdict(&run, "k-b"), Verdict::Unknown { .. }), "{run:#?}");
    assert_eq!(verdict(&run, "k-c"), &Verdict::Skipped { reason: NOT_BEGUN.into() });
    assert_eq!(site.written(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_at_one_level_counts_at_the_next() {
    let mut resources = each(&FOUR[..2], "{}");
    let later =
        |target: &str| kv(&format!("l-{target}"), target, "l", "1", ", rollout: {}, dependsOn: [Kv/k-a]");
    resources.extend(["a", "c"].map(later));
    let site = site(&FOUR, &resources).with_fault(refuses(&["b: kv set"]));
    let run = site.apply().await;
    for name in ["l-a", "l-c"] {
        assert_eq!(verdict(&run, name), &Verdict::Skipped { reason: NOT_BEGUN.into() }, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_and_takes_no_turns_stops_nobody() {
    let mut resources = each(&FOUR, "{}");
    resources.push(on("a", "l", ""));
    let site = site(&FOUR, &resources).with_fault(refuses(&["a: kv set 1 l"]));
    let run = site.apply().await;
    assert!(matches!(verdict(&run, "l-a"), Verdict::Failed { .. }), "{run:#?}");
    assert_eq!((run.summary.applied, run.summary.failed), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_those_alone_that_wait_for_their_turn() {
    let site = site(&FOUR, &each(&FOUR, "{}"));
    let stop = site.stop.clone();
    let site = site.with_fault(move |said| {
        if said.starts_with("b: kv set") {
            stop.request();
        }
        Trouble::None
    });
    let run = site.apply().await;
    assert!(run.stopped && !run.is_complete());
    assert_eq!(verdict(&run, "k-b"), &Verdict::Applied, "the step in flight is read back");
    for name in ["k-c", "k-d"] {
        assert_eq!(verdict(&run, name), &Verdict::NotStarted);
    }
    assert_eq!(site.written(), ["a", "b"]);
}

const CANARY: &str = "{ maxUnavailable: 3, maxFailures: 3, canary: { matchLabels: { name: c } } }";

fn named(hosts: &[(&'static str, &'static str)], rollout: &str) -> Site {
    let labels: Vec<(&str, String)> =
        hosts.iter().map(|(name, label)| (*name, format!("{label}, name: {name}"))).collect();
    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, label)| (*name, label.as_str())).collect();
    site(&labels, &each(hosts, rollout))
}

#[tokio::test(start_paused = true)]
async fn a_canary_goes_first_and_alone() {
    let site = named(&FOUR, CANARY);
    let run = site.apply().await;
    assert!(run.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Applied), "{run:?}");
    assert_eq!(site.written()[0], "c");
    assert_eq!((site.at_once(&["a", "b", "d"]), site.at_once(&["a", "b", "c", "d"])), (3, 3));
    assert_eq!(site.slow.overlaps.lock().unwrap()[0], ["c"], "nobody beside it");
}

#[tokio::test(start_paused = true)]
async fn where_a_canary_is_not_well_nobody_else_is_begun() {
    let site = named(&FOUR, CANARY).with_fault(refuses(&["c: kv set"]));
    let run = site.apply().await;
    assert!(matches!(verdict(&run, "k-c"), Verdict::Failed { .. }), "{run:?}");
    let reason =
        "not begun, because of the hosts with cluster=x c goes first, and is not as the manifests say yet";
    for name in ["k-a", "k-b", "k-d"] {
        assert_eq!(*verdict(&run, name), Verdict::Skipped { reason: reason.to_owned() }, "{name}");
    }
    // One that is held is not well either; one that is as it shall be is.
    let held = named(&FOUR, CANARY);
    let mut scope = held.scope.clone();
    for instance in scope.instances.iter_mut().filter(|instance| instance.id.target == "c") {
        instance.hold = Some(Objection { reason: "by somebody".into(), approvable: Approvable::No });
    }
    let run = Site { scope, ..held }.apply().await;
    assert_eq!(*verdict(&run, "k-a"), Verdict::Skipped { reason: reason.to_owned() });
    let again = named(&FOUR, CANARY);
    assert!(again.apply().await.outcomes.iter().all(|o| o.verdict == Verdict::Applied));
    assert!(again.apply().await.outcomes.iter().all(|o| o.verdict == Verdict::Unchanged));
}

#[tokio::test(start_paused = true)]
async fn hosts_rest_after_each_other_and_who_stops_need_not_wait() {
    let begun = tokio::time::Instant::now();
    let site = named(&FOUR, "{ pause: 10m }");
    let run = site.apply().await;
    assert!(run.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Applied), "{run:?}");
    let took = begun.elapsed();
    assert!(took > Duration::from_mins(30) && took < Duration::from_secs(1_900), "{took:?}");

    let site = named(&FOUR, "{ pause: 10m }");
    let (begun, stop) = (tokio::time::Instant::now(), site.stop.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(11)).await;
        stop.request();
    });
    let run = site.apply().await;
    assert!(begun.elapsed() < Duration::from_secs(665), "{:?}", begun.elapsed());
    assert_eq!(site.written().len(), 2, "{run:?}");
    assert!(run.stopped);
    assert_eq!(run.outcomes.iter().filter(|o| o.verdict == Verdict::NotStarted).count(), 2, "{run:?}");
}
