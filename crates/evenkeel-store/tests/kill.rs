//! What was acknowledged is there after a kill -9, and nothing is there in half.
//!
//! A child process, which is this test's own binary, writes and says on its standard error what was acknowledged. It is
//! killed at some moment, and the file is looked at; then the next one goes on with the same file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the samples are used here, the promises in promises.rs"
)]
mod contract;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use contract::sample::*;
use evenkeel_engine::store::{
    Audited, Batch, EventFilter, Fence, NewEvent, ResourceFilter, RunFilter, RunId, RunState, Store,
};
use evenkeel_store::{Mode, SqliteStore};

/// Names the file in the child.
const FILE: &str = "EVENKEEL_TEST_STORE";

/// So often it is killed.
const ROUNDS: u64 = 30;

/// Resources that each batch writes.
const RESOURCES: usize = 40;

/// Events that each batch writes.
const EVENTS: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the test below, which gives it a file"]
async fn child() {
    let Ok(file) = std::env::var(FILE) else { return };
    let store = SqliteStore::open(file, Mode::Create).unwrap();
    let fence = fence(&store).await;
    let last = store.resources(&ResourceFilter::default()).await.unwrap();
    let mut generation = last.first().map_or(0, |resource| resource.observed_generation);
    loop {
        generation += 1;
        // A look at a target while others write too, so that transactions are shared.
        tokio::join!(look(&store, fence, generation), chatter(&store, fence), chatter(&store, fence));
    }
}

fn acknowledged(what: &str) {
    // In one write, so that a kill never cuts a line. Ends the child where nobody listens any more.
    std::io::stderr().write_all(format!("acknowledged {what}\n").as_bytes()).unwrap();
}

async fn look(store: &SqliteStore, fence: Fence, generation: u64) {
    let new = new_run("s", "t", at(0));
    let id = store.begin_run(fence, new.clone()).await.unwrap();
    acknowledged(&format!("run {id}"));
    for line in 0..3 {
        store.journal(fence, command(id, &format!("zfs set x={line} tank"), at(line))).await.unwrap();
        acknowledged(&format!("line {id} {line}"));
    }
    let keys = (0..RESOURCES).map(|n| key("s", "t", "K", &format!("{n:02}")));
    let events = |n: usize| NewEvent {
        name: Some("look".into()),
        revision: Some(generation.to_string()),
        ..event(at(n.try_into().unwrap()), None)
    };
    let mut batch = Batch {
        resources: keys.clone().map(|key| resource(key, generation)).collect(),
        observations: keys.map(|key| observation(key, at(generation.try_into().unwrap()), Some(1))).collect(),
        events: (0..EVENTS).map(events).collect(),
        ..Batch::default()
    };
    batch.end(ended(begun(id, new), at(9), &[("K", "00"), ("K", "01")]));
    store.commit(fence, batch).await.unwrap();
    acknowledged(&format!("look {generation} {id}"));
}

async fn chatter(store: &SqliteStore, fence: Fence) {
    let events = vec![event(at(0), None)];
    let written = store.commit(fence, Batch { events, ..Batch::default() }).await.unwrap();
    acknowledged(&format!("event {}", written[0].seq));
}

/// What the child said, and what must be there for it.
#[derive(Default)]
struct Said {
    runs: BTreeMap<i64, Vec<String>>,
    ended: Vec<i64>,
    generation: u64,
    events: Vec<u64>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[0], "acknowledged", "the child said: {line}");
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let run = |at: usize| words[at].parse::<i64>().unwrap();
        match words[1] {
            "run" => drop(self.runs.insert(run(2), Vec::new())),
            "line" => self.runs.get_mut(&run(2)).unwrap().push(format!("zfs set x={} tank", words[3])),
            "look" => {
                self.generation = number(2);
                self.ended.push(run(3));
            }
            "event" => self.events.push(number(2)),
            other => panic!("the child said {other}"),
        }
    }
}

fn start(file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_nothing_is_there_in_half() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut said = Said::default();
    for round in 0..ROUNDS {
        let mut child = start(&file);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Each round it gets further, and is killed at another point of the same few steps.
        for _ in 0..=round * 2 + round % 7 {
            said.hear(&lines.next().expect("the child ended by itself").unwrap());
        }
        std::thread::sleep(std::time::Duration::from_micros(round * 331 % 4_000));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said between the last line that was read and its end.
        lines.for_each(|line| said.hear(&line.unwrap()));
        let mode = if round % 2 == 0 { Mode::ReadWrite } else { Mode::ReadOnly };
        check(&SqliteStore::open(&file, mode).unwrap(), &said).await;
    }
    assert!(said.generation > ROUNDS, "it came as far as {}", said.generation);
}

async fn check(store: &SqliteStore, said: &Said) {
    let resources = store.resources(&ResourceFilter::default()).await.unwrap();
    let generation = resources.first().map_or(0, |r| r.observed_generation);
    assert!(generation >= said.generation, "{generation} < {}", said.generation);
    assert!(resources.iter().all(|r| r.observed_generation == generation), "half a batch");
    assert!(resources.len() == RESOURCES || generation == 0);
    for resource in &resources {
        let seen = store.observed(&resource.key, usize::MAX).await.unwrap();
        assert_eq!(seen.len() as u64, generation, "an observation of each batch");
    }

    let events =
        store.events(&EventFilter { limit: Some(usize::MAX), ..EventFilter::default() }).await.unwrap();
    for seq in &said.events {
        assert!(events.iter().any(|e| e.seq == *seq), "event {seq} was acknowledged");
    }
    for look in 1..=generation {
        let of_it = events.iter().filter(|e| e.what.revision == Some(look.to_string()));
        assert_eq!(of_it.count(), EVENTS, "events of batch {look}");
    }

    let runs = store.runs(&RunFilter { limit: Some(usize::MAX), ..RunFilter::default() }).await.unwrap();
    let log = audit_log(store).await;
    let ends = log.iter().filter(|line| matches!(line.entry.what, Audited::RunEnded { .. }));
    assert_eq!(ends.count() as u64, generation, "the audit log has the end of each batch's run");
    let ended = runs.iter().filter(|run| run.state != RunState::Running);
    assert_eq!(ended.count() as u64, generation, "each batch ended one run");
    for (id, lines) in &said.runs {
        let (_, journal) = store.run(RunId(*id)).await.unwrap().expect("the run was acknowledged");
        let journal: Vec<String> = journal.into_iter().map(|line| line.command).collect();
        assert!(journal.starts_with(lines), "{journal:?} lacks some of {lines:?}");
        let of_run = log.iter().filter(|line| line.entry.run == Some(RunId(*id)));
        let commands = of_run.filter_map(|line| match &line.entry.what {
            Audited::Command { command } => Some(command.clone()),
            _ => None,
        });
        assert_eq!(commands.collect::<Vec<_>>(), journal, "the audit log has what the journal has");
    }
    for id in &said.ended {
        let ended = runs.iter().any(|run| run.id.0 == *id && run.entries.len() == 2);
        assert!(ended, "the end of run {id} was acknowledged");
    }
}
