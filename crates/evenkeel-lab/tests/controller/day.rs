//! A day with a thousand hosts that die and return, drift and pushes, in simulated time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use evenkeel_core::driver::{Delta, Driver, Finding, ObserveError, Observed, Step};
use evenkeel_core::period::Period;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::random::Random;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::origin::target;

const HOSTS: usize = 1000;
const SLOTS: usize = 3;
const HOURS: usize = 24;

/// A machine with a few switches: cheap, so that the controller is what takes the time.
#[derive(Clone, Hash)]
struct Switches([u32; SLOTS]);

impl Machine for Switches {
    fn run(&mut self, argv: &[String]) -> Reply {
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut stdout = String::new();
        match words.as_slice() {
            ["slot", "get"] => {
                for value in self.0 {
                    let _ = writeln!(stdout, "{value}");
                }
            }
            ["slot", "set", slot, value] => {
                self.0[slot.parse::<usize>().unwrap()] = value.parse().unwrap();
            }
            _ => panic!("{words:?}"),
        }
        Reply { exit: 0, stdout: stdout.into_bytes(), stderr: Vec::new() }
    }

    fn fingerprint(&self) -> u64 {
        self.0.iter().fold(0, |sum, value| sum << 20 | u64::from(*value))
    }

    fn drift(&mut self, random: &mut Random) {
        self.0[random.below(SLOTS)] = 999;
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::new()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

struct Slot;

#[derive(Deserialize, JsonSchema)]
struct SlotSpec {
    slot: usize,
    value: u32,
}

#[derive(Serialize)]
struct SlotState {
    value: u32,
}

impl Driver for Slot {
    const KIND: &'static str = "Slot";
    type Spec = SlotSpec;
    type State = SlotState;

    fn check(&self, _: &SlotSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &SlotSpec) -> String {
        spec.slot.to_string()
    }

    fn queries(&self, _: &SlotSpec, _: &Replies) -> Vec<Query> {
        vec![get()]
    }

    fn observe(&self, spec: &SlotSpec, replies: &Replies) -> Result<Observed<SlotState>, ObserveError> {
        let text = String::from_utf8_lossy(&replies.get(&get())?.stdout).into_owned();
        let value = text.lines().nth(spec.slot).unwrap().parse().unwrap();
        Ok(Observed::Present(SlotState { value }))
    }

    fn desired(&self, spec: &SlotSpec, _: Option<&SlotState>, _: Timestamp) -> Option<SlotState> {
        Some(SlotState { value: spec.value })
    }

    fn steps(&self, spec: &SlotSpec, _: &Delta<'_, SlotState>) -> Vec<Step> {
        let (slot, value) = (spec.slot.to_string(), spec.value.to_string());
        vec![Step::new(Request::Exec(Exec::new(["slot", "set", &slot, &value])))]
    }
}

fn get() -> Query {
    Query::reading(Request::Exec(Exec::new(["slot", "get"])))
}

fn name(host: usize) -> String {
    format!("host{host:04}")
}

/// The manifests: what each host's switches shall be.
fn manifests(values: &[u32]) -> String {
    let mut text = String::new();
    for (host, value) in values.iter().enumerate() {
        let name = name(host);
        text.push_str(&target(&name, ""));
        for slot in 0..SLOTS {
            let _ = writeln!(
                text,
                "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Slot\nmetadata: {{ name: {name}-{slot} }}\nspec: {{ target: {name}, slot: {slot}, value: {value} }}"
            );
        }
    }
    text
}

/// One hour: hosts die and return, somebody changes things, somebody pushes.
async fn hour(bench: &Bench, random: &mut Random, values: &mut [u32], down: &mut [bool]) {
    for quarter in 0..4 {
        for (host, is_down) in down.iter_mut().enumerate() {
            // Dead ones come back after an hour or so.
            let turns = if *is_down { 4 } else { 200 };
            if random.one_in(turns) {
                *is_down = !*is_down;
                bench.wire.hosts.set_down(&name(host), *is_down);
            }
        }
        for _ in 0..10 {
            bench.wire.hosts.with_machine(&name(random.below(HOSTS)), |machine| machine.drift(random));
        }
        if quarter == 0 {
            values[random.below(HOSTS)] += 1;
            bench.push(&manifests(values)).await;
        }
        tokio::time::sleep(Duration::from_mins(15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_with_a_thousand_hosts() {
    let machine = |host| (name(host), Box::new(Switches([0; SLOTS])) as Box<dyn Machine>);
    let mut bench = Bench::with_machines((0..HOSTS).map(machine).collect());
    bench.registry = bench.registry.with(Slot);
    bench.terms.drift.every = Some(Period::minutes(30));
    let (mut values, mut down) = (vec![1_u32; HOSTS], vec![false; HOSTS]);
    let mut bench = bench.begun(&manifests(&values)).await;
    let mut random = Random::derive(1, 50);
    let before = bench.handle().metrics().looks;
    for _ in 0..HOURS {
        hour(&bench, &mut random, &mut values, &mut down).await;
    }
    let looks = bench.handle().metrics().looks - before;
    let fair = u64::try_from(HOSTS * HOURS * 2).unwrap();
    assert!((fair * 9 / 10..fair * 13 / 10).contains(&looks), "{looks} looks, about {fair} are fair");
    for host in 0..HOSTS {
        bench.wire.hosts.set_down(&name(host), false);
    }
    bench.run_for(60).await;
    for (host, value) in values.iter().enumerate() {
        let found = bench.ask(&name(host), "slot get");
        let fought = bench.store.memory().events.iter().any(|e| e.what.reason == "Fight");
        assert!(fought || found == format!("{value}\n{value}\n{value}"), "{host}: {found}, not {value}");
    }
    let metrics = bench.handle().metrics();
    assert_eq!(metrics.resources["InSync"], (HOSTS * SLOTS) as u64, "{}", bench.story());
    assert_eq!((metrics.queued, metrics.unreachable), (0, 0));
    let events = bench.events().len();
    assert!(events < 4000, "{events} events: storms");
}
