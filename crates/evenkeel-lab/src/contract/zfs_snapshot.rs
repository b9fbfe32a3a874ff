//! `BackupSchedule` with `zfsSnapshot`: schedules over random datasets, some of them sent to a second machine.

use std::collections::BTreeMap;

use evenkeel_core::backup::slot_name;
use evenkeel_core::request::{Exec, Goal, Origin, Reply, Request, Transfer};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::machine::Machine;
use crate::random::Random;
use crate::zfs::{Version, ZfsHost};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "BackupSchedule",
    backend: Some("zfsSnapshot"),
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

/// How the second machine is called, behind the first one's name.
const BESIDE: &str = "offsite";
const PREFIX: &str = "evenkeel-";

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 40);
    let version = if random.one_in(2) { Version::V2_1 } else { Version::V2_3 };
    let mut source = ZfsHost::seeded(version, seed);
    let names: Vec<String> = source.filesystems().map(str::to_owned).collect();
    let root = random.pick(&names).cloned().unwrap_or_else(|| "tank".to_owned());
    let recursive = random.one_in(2);
    past(&mut source, &root, recursive, &mut random);
    let exclude = if recursive && random.one_in(3) { json!(["a"]) } else { json!([]) };
    let mut offsite = ZfsHost::new(version);
    offsite.add_pool("back", 64 << 30);
    let mut spec = Map::new();
    spec.insert("dataset".to_owned(), json!(root));
    spec.insert("recursive".to_owned(), json!(recursive));
    spec.insert("exclude".to_owned(), exclude);
    if random.one_in(2) {
        let beside = format!("{TARGET}-{BESIDE}");
        let copy = json!({ "target": beside, "dataset": "back/copy", "retention": { "keepLast": 2 } });
        spec.insert("send".to_owned(), copy);
    }
    let rules = [json!({ "keepLast": 1 }), json!({ "keepLast": 3 }), json!({ "keepWithin": "2h" })];
    let retention = random.pick(&rules).cloned().unwrap_or(Value::Null);
    let manifest = json!({
        "target": TARGET,
        "schedule": { "every": "30m", "timeZone": "UTC" },
        "retention": retention,
        "zfsSnapshot": spec,
        "accept": { "dataLoss": { "of": "retention", "reason": "a test", "until": "2099-12-31" } },
    });
    let manifests = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {TARGET}-{BESIDE} }}\n\
         spec: {{ ssh: {{ host: offsite.test }} }}\n---\n\
         apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: s }}\nspec: {manifest}\n"
    );
    Scenario { machine: Box::new(Pair { source, offsite }), manifests, secrets: Vec::new() }
}

/// The slot so many half hours ago.
fn slot(ago: i64) -> String {
    slot_name(now() - SignedDuration::from_mins(30 * ago))
}

/// Snapshots of the last hours: ours, some that are only called so, holds, and clones.
fn past(host: &mut ZfsHost, root: &str, recursive: bool, random: &mut Random) {
    let steps = i64::try_from(random.below(9)).unwrap_or(0);
    for ago in (1..=steps).rev() {
        let name = format!("{root}@{PREFIX}{}", slot(ago));
        let marks = ["dev.evenkeel:managed-by=evenkeel".to_owned(), format!("dev.evenkeel:slot={name}")];
        let mut command = vec!["zfs", "snapshot"];
        command.extend(recursive.then_some("-r"));
        if random.one_in(5) {
            command.push(&name);
            host.run(&command);
            continue;
        }
        for mark in &marks {
            command.extend(["-o", mark.as_str()]);
        }
        command.push(&name);
        host.run(&command);
        let places: Vec<String> = host.datasets().keys().cloned().collect();
        let Some(place) = random.pick(&places) else { continue };
        let snapshot = format!("{place}@{PREFIX}{}", slot(ago));
        match random.below(12) {
            0 => drop(host.run(&["zfs", "hold", "keep", &snapshot])),
            1 => drop(host.run(&["zfs", "clone", &snapshot, &format!("tank/clone{ago}")])),
            2 => drop(host.run(&["zfs", "destroy", &snapshot])),
            3 => drop(host.run(&["zfs", "snapshot", &format!("{place}@by-hand{ago}")])),
            _ => {}
        }
    }
}

/// Two machines, of which one sends to the other.
#[derive(Clone)]
struct Pair {
    source: ZfsHost,
    offsite: ZfsHost,
}

impl Pair {
    fn host(&mut self, target: &str) -> &mut ZfsHost {
        if target.ends_with(BESIDE) { &mut self.offsite } else { &mut self.source }
    }

    /// Sends from one to the other; only the beginning where not `whole`.
    fn transfer(&mut self, transfer: &Transfer, whole: bool) -> Reply {
        let own = |target: &Option<String>| target.clone().unwrap_or_else(|| TARGET.to_owned());
        let (Origin::Output { target: from, exec: send, .. }, Goal::Input { target: to, exec: receive }) =
            (&transfer.from, &transfer.to)
        else {
            return Reply { exit: 127, stdout: Vec::new(), stderr: b"there are no files here\n".to_vec() };
        };
        match self.host(&own(from)).send(&send.words()) {
            Ok(stream) => self.host(&own(to)).receive(&receive.words(), &stream, whole),
            Err(refused) => refused,
        }
    }
}

impl Machine for Pair {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.source.run(argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Transfer(transfer) => self.transfer(transfer, true),
            _ => self.host(target).run(&request.as_exec().map(Exec::words).unwrap_or_default()),
        }
    }

    fn answer_in_part(&mut self, _: &str, request: &Request, _: &mut Random) {
        if let Request::Transfer(transfer) = request {
            self.transfer(transfer, false);
        }
    }

    fn beside(&self) -> Vec<String> {
        vec![BESIDE.to_owned()]
    }

    fn fingerprint(&self) -> u64 {
        self.source.fingerprint() ^ self.offsite.fingerprint().rotate_left(1)
    }

    /// What people do, as far as it can be put back: look-alikes, holds, a lost snapshot, a lost bookmark, an hour's work.
    fn drift(&mut self, random: &mut Random) {
        let sends = !self.offsite.datasets().contains_key("back/copy");
        let datasets: Vec<String> = self.source.datasets().keys().cloned().collect();
        let Some(place) = random.pick(&datasets) else { return };
        let current = format!("{PREFIX}{}", slot(0));
        match random.below(6) {
            0 => drop(self.source.run(&["zfs", "snapshot", &format!("{place}@{PREFIX}20200101T000000Z")])),
            1 => drop(self.source.run(&["zfs", "hold", "keep", &format!("{place}@{current}")])),
            2 if sends => drop(self.source.run(&["zfs", "destroy", &format!("{place}@{current}")])),
            3 => drop(self.source.run(&["zfs", "destroy", &format!("{place}#{current}")])),
            4 => drop(self.offsite.run(&["zfs", "snapshot", "back@by-hand"])),
            _ => self.source.drift(random),
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.source.objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::twin::{converge, look, send, writes};
    use crate::contract::{Stage, fixtures};

    fn stages(seeds: std::ops::Range<u64>) -> impl Iterator<Item = (u64, Stage)> {
        let registry = evenkeel_drivers::registry();
        let fixture = fixtures().into_iter().find(|f| f.backend == FIXTURE.backend).unwrap();
        seeds.map(move |seed| (seed, Stage::set(&registry, &fixture, seed).unwrap()))
    }

    /// Every snapshot with its id and whether it carries our mark.
    fn snapshots(stage: &Stage) -> Vec<String> {
        let mut copy = stage.machine.copy();
        let argv = "zfs list -Hp -t snapshot -o guid,name,dev.evenkeel:slot".split(' ').map(str::to_owned);
        let reply = copy.run(&argv.collect::<Vec<_>>());
        String::from_utf8(reply.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_others_made_survives_whatever_is_done() {
        for (seed, mut stage) in stages(0..300) {
            let foreign = |line: &String| line.ends_with("\t-");
            let before: Vec<String> = snapshots(&stage).into_iter().filter(foreign).collect();
            converge(stage.machine.as_mut(), &stage.instances).unwrap();
            let after = snapshots(&stage);
            let lost: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
            assert!(lost.is_empty(), "seed {seed}: {lost:?} is gone");
        }
    }

    #[test]
    fn a_send_that_breaks_off_anywhere_is_made_up_for() {
        let mut cut = 0;
        for (seed, stage) in stages(0..120) {
            let steps = writes(&look(stage.machine.copy().as_mut(), &stage.instances));
            let sends = steps.iter().enumerate().filter(|(_, w)| matches!(w.request, Request::Transfer(_)));
            for (at, write) in sends {
                let mut machine = stage.machine.copy();
                send(machine.as_mut(), &steps[..at]);
                machine.answer_in_part(&write.target, &write.request, &mut Random::new(seed));
                let ended = converge(machine.as_mut(), &stage.instances);
                assert!(ended.is_ok(), "seed {seed}, cut at {at}: {ended:?}");
                cut += 1;
            }
        }
        assert!(cut > 50, "only {cut} sends were cut");
    }

    #[test]
    fn kinds_of_the_simulator_are_told_apart() {
        let mut host = ZfsHost::new(Version::V2_3);
        host.add_pool("tank", 64 << 30);
        host.run(&["zfs", "snapshot", "tank@a"]);
        host.run(&["zfs", "bookmark", "tank@a", "tank#a"]);
        let reply = host.run(&["zfs", "list", "-Hp", "-t", "bookmark", "-o", "name,type", "-r", "tank"]);
        assert_eq!(reply.stdout, b"tank#a\tbookmark\n");
    }
}
