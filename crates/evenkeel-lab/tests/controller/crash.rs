//! Killed at any moment and started again: nothing is lost, nothing is done twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::config::PushLimit;
use evenkeel_core::plan::Action;
use evenkeel_engine::store::{About, Audited, Chain, NewAuditEntry, RunId, RunState};
use evenkeel_lab::random::Random;

use crate::bench::Bench;
use crate::origin::{dataset, target};
use crate::store::Memory;

/// How many seeds; each kills a few times.
const SEEDS: u64 = 150;

fn manifests(resources: &[String]) -> String {
    format!("{}{}{}", target("kiwi", "prune: true"), target("lime", ""), resources.concat())
}

fn first() -> String {
    manifests(&[
        dataset("kiwi", "tank/a", "properties: { atime: off }"),
        dataset("kiwi", "tank/gone", "properties: { atime: off }"),
        dataset("lime", "tank/b", "dependsOn: [ZfsDataset/kiwi-tank-a]\nproperties: { atime: off }"),
        dataset("kiwi", "tank", "properties: { atime: off }"),
    ])
}

fn second() -> String {
    manifests(&[
        dataset("kiwi", "tank/a", "properties: { atime: off, compression: zstd }"),
        dataset("lime", "tank/b", "dependsOn: [ZfsDataset/kiwi-tank-a]\nproperties: { atime: off }"),
        dataset("lime", "tank/c", "properties: { atime: off }"),
        dataset("kiwi", "tank", "properties: { atime: off }"),
    ])
}

async fn run(bench: &mut Bench) {
    bench.start().await;
    bench.until("quiet or the kill", Bench::is_quiet).await;
}

/// Lets it run, and kills it at some exchange with the world.
async fn killed(bench: &mut Bench, random: &mut Random) {
    bench.kill.after(random.below(40), random.one_in(2));
    let kill = Arc::clone(&bench.kill);
    tokio::select! {
        () = run(bench) => {}
        () = kill.rung.notified() => {}
    }
    bench.kill().await;
}

async fn play(seed: u64) {
    let mut random = Random::derive(seed, 40);
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.origin.commit(&first());
    for _ in 0..=random.below(3) {
        killed(&mut bench, &mut random).await;
    }
    let last = bench.origin.commit(&second());
    for _ in 0..random.below(3) {
        killed(&mut bench, &mut random).await;
        bench.by_hand("kiwi", "zfs set atime=on tank");
    }
    bench.start().await;
    bench.until("the last", |b| b.is_in_force(&last)).await;
    bench.until("quiet", Bench::is_quiet).await;
    bench.run_for(45).await;
    bench.until("quiet", Bench::is_quiet).await;
    check(&mut bench, seed);
}

fn check(bench: &mut Bench, seed: u64) {
    let story = bench.story();
    let writes = bench.writes();
    assert_eq!(bench.objects("kiwi"), ["tank", "tank/a"], "seed {seed}\n{story}\n{writes:#?}");
    assert_eq!(bench.objects("lime"), ["tank", "tank/b", "tank/c"], "seed {seed}\n{story}");
    assert_eq!(bench.ask("kiwi", "zfs get -Ho value compression tank/a"), "zstd", "seed {seed}\n{story}");
    assert_eq!(bench.ask("kiwi", "zfs get -Ho value atime tank"), "off", "seed {seed}\n{story}");
    let creates: Vec<&String> = writes.iter().filter(|w| w.contains("create")).collect();
    let distinct: BTreeSet<&&String> = creates.iter().collect();
    assert_eq!(creates.len(), distinct.len(), "seed {seed}: created twice: {creates:#?}");
    let runs = bench.runs();
    let memory = bench.store.memory();
    for run in &runs {
        assert_ne!(run.state, RunState::Running, "seed {seed}: {run:?}");
        let said =
            memory.events.iter().filter(|e| e.what.reason == "RunInterrupted" && e.what.run == Some(run.id));
        let expected = usize::from(run.state == RunState::Interrupted);
        assert_eq!(said.count(), expected, "seed {seed}: an interrupted run is said once: {run:?}");
    }
    // Whatever changed a host was written down before.
    let journaled: usize = memory.runs.values().map(|(_, journal)| journal.len()).sum();
    assert!(journaled >= writes.len(), "seed {seed}: {journaled} of {}", writes.len());
    let managed: Vec<&str> = memory.inventory.values().map(|entry| entry.object.as_str()).collect();
    assert_eq!(managed, ["tank", "tank/a", "tank/b", "tank/c"], "seed {seed}\n{story}");
    assert!(memory.resources.values().all(|s| s.conditions[0].reason == "InSync"), "seed {seed}\n{story}");
    assert_eq!(memory.resources.len(), 4, "seed {seed}");
    check_audit(&memory, seed);
}

/// However often it was killed: the audit log holds, and has every command and the end of every run once.
fn check_audit(memory: &Memory, seed: u64) {
    let mut chain = Chain::whole(None);
    memory.audit.iter().for_each(|line| chain.add(line).unwrap());
    let entries: Vec<NewAuditEntry> = memory.audit.iter().map(|line| line.entry().unwrap().entry).collect();
    for (id, (_, journal)) in &memory.runs {
        let of_run = || entries.iter().filter(|entry| entry.run == Some(RunId(*id)));
        let mut commands = Vec::new();
        for entry in of_run() {
            let Audited::Command { command } = &entry.what else { continue };
            commands.push(command);
            let is_told = |about: &About| about.location.is_some() || about.action == Some(Action::Delete);
            assert!(!entry.about.is_empty() && entry.about.iter().all(is_told), "seed {seed}: {entry:?}");
        }
        let journaled: Vec<&String> = journal.iter().map(|line| &line.command).collect();
        assert_eq!(commands, journaled, "seed {seed}, run {id}");
        let ends = of_run().filter(|entry| matches!(entry.what, Audited::RunEnded { .. }));
        assert_eq!(ends.count(), 1, "seed {seed}, run {id}");
    }
}

#[test]
fn killed_at_any_moment_it_ends_well() {
    let only = std::env::var("EVENKEEL_SEED").ok().map(|seed| seed.parse::<u64>().expect("a number"));
    for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(seed));
    }
}
