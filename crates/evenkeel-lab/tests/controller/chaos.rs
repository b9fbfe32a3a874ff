//! A day on which everything happens at once: hosts die, people change things by hand, push, approve and reject, and the
//! controller is killed. Whatever was sent is in the audit log, and what was risky was approved before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::DriftMode;
use evenkeel_core::period::Period;
use evenkeel_engine::controller::{Decision, Word};
use evenkeel_engine::store::{ApprovalState, AuditEntry, Audited, Chain, ResourceFilter};
use evenkeel_lab::random::Random;
use jiff::Timestamp;

use crate::bench::Bench;
use crate::origin::{dataset, target};

/// How many days, each with a seed of its own.
const SEEDS: u64 = 12;

const HOSTS: [&str; 4] = ["kiwi", "lime", "pear", "plum"];
const DATASETS: [&str; 3] = ["tank", "tank/a", "tank/b"];

/// What a day has in ten-minute turns.
const TURNS: usize = 24 * 6;

/// How one dataset shall be; `None`: it is not in the manifests.
type Wish = Option<(bool, bool)>;
type Wishes = BTreeMap<(usize, usize), Wish>;

/// `compression` is safe to set, `readonly=on` interrupts who writes, and taking a dataset away destroys it.
fn manifests(wishes: &Wishes) -> String {
    let mut text: String = HOSTS.iter().map(|host| target(host, "prune: true")).collect();
    for ((host, nth), wish) in wishes {
        let Some((compressed, readonly)) = wish else { continue };
        let mut properties = format!("compression: {}", if *compressed { "zstd" } else { "lz4" });
        let _ = write!(properties, ", readonly: {}", if *readonly { "on" } else { "off" });
        text += &dataset(HOSTS[*host], DATASETS[*nth], &format!("properties: {{ {properties} }}"));
    }
    text
}

fn all(wish: Wish) -> Wishes {
    (0..HOSTS.len()).flat_map(|host| (0..DATASETS.len()).map(move |nth| ((host, nth), wish))).collect()
}

/// Somebody wants something else.
fn push(bench: &Bench, random: &mut Random, wishes: &mut Wishes) {
    let at = (random.below(HOSTS.len()), random.below(DATASETS.len()));
    // The pool's own dataset cannot be destroyed.
    let stays = at.1 == 0 || !random.one_in(4);
    wishes.insert(at, stays.then(|| (random.one_in(2), random.one_in(2))));
    bench.origin.commit(&manifests(wishes));
}

/// Somebody types on a host; where that cannot be done, he shrugs.
fn by_hand(bench: &Bench, random: &mut Random) {
    let (host, of) = (HOSTS[random.below(HOSTS.len())], DATASETS[random.below(DATASETS.len())]);
    let what = ["compression=off", "readonly=on", "readonly=off"][random.below(3)];
    let argv = ["zfs", "set", what, of].map(str::to_owned);
    bench.wire.hosts.with_machine(host, |machine| machine.run(&argv));
}

/// Somebody decides about what waits, now and then twice or about what is no longer there.
async fn decide(bench: &Bench, random: &mut Random, known: &mut Vec<String>) {
    let live: Vec<String> = bench
        .store
        .memory()
        .approvals
        .iter()
        .filter(|record| record.state == ApprovalState::Waiting)
        .map(|record| record.plan.clone())
        .collect();
    known.extend(live);
    for _ in 0..3 {
        let Some(plan) = known.get(random.below(known.len().max(1))).cloned() else { return };
        let word = if random.one_in(4) {
            Word::Reject
        } else {
            Word::Approve { within: Period::minutes(30), override_window: random.one_in(2) }
        };
        let by = ["ann", "kim"][random.below(2)].to_owned();
        // Whether it is taken is what the log is checked for.
        drop(bench.handle().decide(Decision { plan, by, reason: "chaos".to_owned(), word }).await);
    }
}

/// Ten minutes; the program may be killed in the midst of them.
async fn turn(bench: &mut Bench, random: &mut Random, wishes: &mut Wishes, known: &mut Vec<String>) {
    if random.one_in(12) {
        bench.kill.after(random.below(30), random.one_in(2));
    }
    let kill = Arc::clone(&bench.kill);
    let act = async {
        if random.one_in(5) {
            push(bench, random, wishes);
        }
        if random.one_in(3) {
            by_hand(bench, random);
        }
        for host in HOSTS {
            if random.one_in(20) {
                bench.wire.hosts.set_down(host, random.one_in(2));
            }
        }
        decide(bench, random, known).await;
        tokio::time::sleep(Duration::from_mins(10)).await;
    };
    tokio::select! {
        () = act => {}
        () = kill.rung.notified() => bench.restart().await,
    }
}

/// Plays a day. Gives how many changes were approved in it.
async fn play(seed: u64) -> usize {
    let mut random = Random::derive(seed, 60);
    let mut bench = Bench::with_hosts(HOSTS);
    bench.terms.drift.mode = DriftMode::Correct;
    bench.terms.prune = true;
    let mut wishes = all(Some((true, false)));
    let mut bench = bench.begun(&manifests(&wishes)).await;
    let mut known = Vec::new();
    for _ in 0..TURNS {
        turn(&mut bench, &mut random, &mut wishes, &mut known).await;
    }
    let log = check(&mut bench, seed);
    let approved = log.iter().filter(|entry| matches!(entry.entry.what, Audited::Approved { .. })).count();
    calm(&mut bench, &wishes, seed).await;
    approved
}

/// The log holds, and says of every write who wanted it; what was risky was approved, exactly so, and in time.
fn check(bench: &mut Bench, seed: u64) -> Vec<AuditEntry> {
    let writes = bench.writes();
    let memory = bench.store.memory();
    let mut chain = Chain::whole(None);
    for line in &memory.audit {
        chain.add(line).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
    chain.end().unwrap();
    let log: Vec<AuditEntry> = memory.audit.iter().map(|line| line.entry().unwrap()).collect();
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    let mut approved: BTreeMap<String, Timestamp> = BTreeMap::new();
    for AuditEntry { entry, .. } in &log {
        match &entry.what {
            Audited::Approved { approval } => {
                approved.insert(approval.plan.clone(), approval.until);
            }
            Audited::Rejected { plan } => drop(approved.remove(plan)),
            Audited::Command { command } => {
                let target = entry.target.clone().unwrap_or_default();
                *written.entry(format!("{target}: {command}")).or_default() += 1;
                assert!(entry.revision.is_some() && !entry.about.is_empty(), "seed {seed}: {entry:?}");
                let interrupts = command.starts_with("zfs set") && command.contains("readonly=on");
                if !interrupts && !command.contains("destroy") {
                    continue;
                }
                for about in entry.about.iter().filter(|about| about.action.is_some()) {
                    let given = about.approval.as_ref();
                    let Some(given) = given else { panic!("seed {seed}: sent without a word: {entry:?}") };
                    let until = approved.get(&given.plan);
                    assert!(until.is_some_and(|until| entry.at < *until), "seed {seed}: {entry:?}");
                }
            }
            _ => {}
        }
    }
    for write in &writes {
        let left = written.get_mut(write).unwrap_or_else(|| panic!("seed {seed}: not in the log: {write}"));
        assert!(*left > 0, "seed {seed}: more often than in the log: {write}");
        *left -= 1;
    }
    log
}

/// Everybody goes home, but for one who says yes to everything: all is as the manifests say.
async fn calm(bench: &mut Bench, wishes: &Wishes, seed: u64) {
    for host in HOSTS {
        bench.wire.hosts.set_down(host, false);
    }
    let last = bench.origin.commit(&manifests(wishes));
    bench.until("the last revision", |b| b.is_in_force(&last)).await;
    for _ in 0..12 {
        // Whoever was stopped because others kept setting it back goes on.
        bench.reconcile(ResourceFilter::default()).await;
        let waiting: Vec<String> = bench
            .store
            .memory()
            .approvals
            .iter()
            .filter(|record| matches!(record.state, ApprovalState::Waiting))
            .map(|record| record.plan.clone())
            .collect();
        for plan in waiting {
            let word = Word::Approve { within: Period::days(1), override_window: true };
            let decision = Decision { plan, by: "ann".into(), reason: "the end".into(), word };
            bench.handle().decide(decision).await.unwrap_or_else(|refused| panic!("seed {seed}: {refused}"));
        }
        bench.run_for(35).await;
    }
    let rejected: BTreeSet<(String, String)> = bench
        .store
        .memory()
        .approvals
        .iter()
        .filter(|record| record.state == ApprovalState::Rejected)
        .map(|record| (record.key.id.target.clone(), record.change.object.clone()))
        .collect();
    for ((host, nth), wish) in wishes {
        let (host, of) = (HOSTS[*host], DATASETS[*nth]);
        if rejected.contains(&(host.to_owned(), of.to_owned())) {
            continue;
        }
        let found = bench.objects(host).iter().any(|object| object == of).then(|| {
            let value = |what: &str| bench.ask(host, &format!("zfs get -Ho value {what} {of}"));
            (value("compression") == "zstd", value("readonly") == "on")
        });
        assert_eq!(found, *wish, "seed {seed}: {host} {of}\n{}", bench.story());
    }
    check(bench, seed);
}

#[test]
fn a_day_of_chaos() {
    let only = std::env::var("EVENKEEL_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    let mut approved = 0;
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        approved += runtime.block_on(play(seed));
    }
    assert!(only.is_some() || approved > 60, "{approved} approvals are no chaos");
}
