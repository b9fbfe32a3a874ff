//! Fleets of ESX(i) hosts under trouble: connections that break, hosts that restart in the middle of a run, paths that are
//! lost in it. Whatever happens, no more hosts of a cluster are written to at a time than the manifest says, no disk with
//! too few paths is touched, and it ends well.
//!
//! A failure prints its seed; `EVENKEEL_SEED=n` runs that seed alone.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod rig;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use evenkeel_engine::{Run, Verdict};
use evenkeel_lab::contract::twin::stays_held;
use evenkeel_lab::esxi::{Array, EsxHost, Release, Written};
use evenkeel_lab::random::Random;
use rig::{Fleet, Member};

const SEEDS: u64 = 300;

/// How a fleet is, and what its manifest says.
struct Scene {
    members: Vec<Member>,
    spec: String,
    /// How many hosts of a cluster may be written to at a time.
    at_once: usize,
    /// After how many failures the rest of a cluster is left alone.
    max_failures: usize,
    /// How many working paths a disk must have to be touched.
    least: usize,
}

fn scene(random: &mut Random) -> Scene {
    let members = ["apple", "date", "fig", "lime", "olive", "plum"];
    let members = members.into_iter().enumerate().map(|(at, name)| {
        // Of four hosts of a cluster, and of two.
        Member { host: host(name, random), cluster: if at < 4 { "big" } else { "small" } }
    });
    let members = members.collect();
    let (at_once, max_failures) = (1 + random.below(2), 1 + random.below(2));
    let least = 1 + random.below(2);
    let limits = if random.one_in(2) { "  roundRobin: { iops: 1 }\n" } else { "" };
    let default = if random.one_in(2) { "  default: true\n" } else { "" };
    let spec = format!(
        "  devices: {{ satp: VMW_SATP_SVC, exclude: {{ ids: [{EXCLUDED}] }} }}\n  pathSelectionPolicy: VMW_PSP_RR\n{limits}{default}  minWorkingPaths: {least}\n  rollout: {{ maxUnavailable: {at_once}, maxFailures: {max_failures} }}\n"
    );
    Scene { members, spec, at_once, max_failures, least }
}

const EXCLUDED: &str = "naa.60050768018087654300000000000000";

fn host(name: &str, random: &mut Random) -> EsxHost {
    let release = random.pick(&Release::ALL).copied().unwrap();
    let mut host = EsxHost::new(name, release);
    for id in host.add_luns(Array::Local, 1, 1) {
        host.set_boot(&id);
    }
    host.add_lun(EXCLUDED, Array::IbmSvc, &["vmhba2:C0:T0:L99", "vmhba3:C0:T0:L99"]);
    host.set_policy(EXCLUDED, "VMW_PSP_FIXED");
    let count = 2 + random.below(6);
    for id in host.add_luns(Array::IbmSvc, count, 2 + 2 * random.below(2)) {
        if !random.one_in(5) {
            host.set_policy(&id, "VMW_PSP_FIXED");
        }
    }
    if random.one_in(3) {
        host.add_luns(Array::IbmSvc, 1, 1);
        let odd: Vec<String> = host.devices().map(|device| device.id.clone()).collect();
        host.set_policy(odd.last().unwrap(), "VMW_PSP_FIXED");
    }
    host
}

/// What goes wrong with a host in the next run.
fn strike(fleet: &Fleet, random: &mut Random) {
    let names: Vec<&String> = fleet.hosts.keys().collect();
    let name = *random.pick(&names).unwrap();
    fleet.host(name, |host| {
        let after = random.below(8);
        match random.below(5) {
            0 => host.reboot_after(1 + after),
            1 => {
                let ids: Vec<String> = host.devices().map(|device| device.id.clone()).collect();
                host.fail_writes(random.pick(&ids).unwrap(), "Unable to set: Busy");
            }
            2 => host.lose_path_after(1 + after, "vmhba3"),
            3 => host.lose_path_after(1 + after, "vmhba2:C0:T0"),
            _ => {}
        }
    });
}

fn mend(fleet: &Fleet) {
    fleet.set_trouble(0, 0);
    for name in fleet.hosts.keys() {
        fleet.host(name, |host| {
            let ids: Vec<String> = host.devices().map(|device| device.id.clone()).collect();
            for id in &ids {
                host.allow_writes(id);
            }
            host.come_up();
            host.restore_path("vmhba2");
            host.restore_path("vmhba3");
        });
    }
}

/// The hosts of a cluster that were written to, each with its first and its last place in the log.
fn turns<'a>(
    fleet: &Fleet,
    log: &'a [(String, Written)],
    cluster: &str,
) -> BTreeMap<&'a str, (usize, usize)> {
    let mut turns: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, (name, _)) in log.iter().enumerate().filter(|(_, (name, _))| fleet.clusters[name] == cluster) {
        turns.entry(name).or_insert((at, at)).1 = at;
    }
    turns
}

/// How many were written to at the same time, at the most.
fn overlap(turns: &BTreeMap<&str, (usize, usize)>) -> usize {
    let during = |at: &usize| turns.values().filter(|(first, last)| first <= at && at <= last).count();
    turns.values().map(|(first, _)| during(first)).max().unwrap_or(0)
}

/// What must hold of every run.
fn judge(fleet: &Fleet, scene: &Scene, run: &Run, log: &[(String, Written)]) -> usize {
    for (name, written) in log {
        let Some(id) = &written.device else { continue };
        assert!(written.living_paths >= scene.least, "{name}: {written:?} has too few paths");
        let array = fleet.host(name, |host| host.device(id).unwrap().array);
        assert!(array == Array::IbmSvc && id != EXCLUDED, "{name}: {written:?} was not selected");
    }
    for outcome in &run.outcomes {
        match &outcome.verdict {
            Verdict::Halted { message, hint } => {
                assert!(message.contains("working paths"), "{message}");
                assert!(message.contains("nothing more was sent to"), "{message}");
                assert!(hint.is_some());
            }
            Verdict::Skipped { reason } => assert!(reason.starts_with("not begun, because "), "{reason}"),
            Verdict::Held { reasons } => {
                assert!(reasons.iter().all(|reason| reason.contains("minWorkingPaths")), "{reasons:?}");
            }
            Verdict::Stale { fields } => panic!("nobody else was there: {fields:?}"),
            _ => {}
        }
    }
    let mut most = 0;
    for cluster in ["big", "small"] {
        let turns = turns(fleet, log, cluster);
        most = most.max(overlap(&turns));
        assert!(overlap(&turns) <= scene.at_once, "in {cluster} at the same time: {turns:?}");
        // Once that many have failed, no other is begun; side by side, one may begin before a failure is known.
        let failed = |name: &&str| {
            let outcome = run.outcomes.iter().find(|outcome| outcome.id.target == **name).unwrap();
            matches!(outcome.verdict, Verdict::Failed { .. } | Verdict::Halted { .. })
        };
        let mut ends: Vec<usize> =
            turns.iter().filter(|(name, _)| failed(name)).map(|(_, (_, last))| *last).collect();
        ends.sort_unstable();
        if let Some(end) = ends.get(scene.max_failures - 1).filter(|_| scene.at_once == 1) {
            let late = turns.iter().find(|(_, (first, _))| first > end);
            assert!(late.is_none(), "{late:?} was begun after {} failures", scene.max_failures);
        }
    }
    most
}

async fn settles(fleet: &Fleet, scene: &Scene) {
    // What was to come after some writes may still come.
    for _ in 0..20 {
        mend(fleet);
        let (run, log) = fleet.reconcile().await;
        judge(fleet, scene, &run, &log);
        if log.is_empty() {
            break;
        }
    }
    let plan = fleet.plan().await;
    let left = plan.changes.iter().find(|c| c.error.is_some() || (c.is_pending() && !stays_held(c)));
    assert!(left.is_none(), "{left:#?}");
    let (again, log) = fleet.reconcile().await;
    assert_eq!((again.summary.commands, log.len()), (0, 0), "{again:#?}");
    for name in fleet.hosts.keys() {
        fleet.host(name, |host| {
            let wrong = host.devices().find(|device| {
                let is_ours = device.array == Array::IbmSvc && device.id != EXCLUDED;
                is_ours && device.paths.len() >= scene.least && device.psp != "VMW_PSP_RR"
            });
            assert!(wrong.is_none(), "{name}: {wrong:?}");
            assert_eq!(host.device(EXCLUDED).unwrap().psp, "VMW_PSP_FIXED");
        });
    }
}

async fn play(seed: u64) -> (usize, BTreeSet<String>) {
    let mut random = Random::derive(seed, 60);
    let mut drawn = scene(&mut random);
    let fleet = Fleet::new(std::mem::take(&mut drawn.members), &drawn.spec, seed);
    let (mut most, mut verdicts) = (0, BTreeSet::new());
    for attempt in 0..=random.below(3) {
        if random.one_in(3) {
            fleet.set_trouble(seed + attempt as u64, 5 + random.below(20));
        }
        for _ in 0..random.below(3) {
            strike(&fleet, &mut random);
        }
        let (run, log) = fleet.reconcile().await;
        most = most.max(judge(&fleet, &drawn, &run, &log));
        for outcome in &run.outcomes {
            let words = format!("{:?}", outcome.verdict);
            verdicts.insert(words.split([' ', '{']).next().unwrap_or_default().to_owned());
        }
        if random.one_in(2) {
            mend(&fleet);
        }
    }
    settles(&fleet, &drawn).await;
    (most, verdicts)
}

#[test]
fn whatever_happens_to_a_fleet_it_ends_well() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seeds = match std::env::var("EVENKEEL_SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("EVENKEEL_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    let is_all = seeds.end - seeds.start == SEEDS;
    let (mut most, mut verdicts) = (0, BTreeSet::new());
    for seed in seeds {
        let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(play(seed))));
        let Ok((overlap, new)) = played else {
            panic!(
                "seed {seed} fails; again: EVENKEEL_SEED={seed} cargo nextest run -p evenkeel-lab --test esxi_fleet"
            );
        };
        most = most.max(overlap);
        verdicts.extend(new);
    }
    if is_all {
        // Else it would have shown nothing.
        assert_eq!(most, 2, "two hosts of a cluster were changed side by side where that is allowed");
        for verdict in ["Applied", "Halted", "Skipped", "Held", "Failed", "Unchanged"] {
            assert!(verdicts.contains(verdict), "{verdict} never came: {verdicts:?}");
        }
    }
}
