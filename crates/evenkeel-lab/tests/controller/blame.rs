//! Who changed it: asked of the host once for each drift, told until it is over, and nothing is lost where it is not known.

use std::collections::BTreeMap;

use evenkeel_core::config::DriftMode;
use evenkeel_core::diff::FieldPath;
use evenkeel_lab::machine::Machine;
use evenkeel_lab::shared::Shared;
use evenkeel_lab::zfs::{Version, ZfsHost};

use crate::bench::Bench;
use crate::origin::{dataset, site};

/// A controller that looks after `atime` of `tank` on a host that a test changes as whom it likes.
struct Scene {
    bench: Bench,
    kiwi: Shared<ZfsHost>,
}

fn wanted(properties: &str) -> String {
    site(&[dataset("kiwi", "tank", &format!("properties: {{ {properties} }}"))])
}

impl Scene {
    async fn new(mode: DriftMode) -> Self {
        let mut host = ZfsHost::new(Version::V2_3);
        host.set_hostname("pve1");
        host.add_pool("tank", 1 << 40);
        let kiwi = Shared::new(host);
        let lime = Shared::new(ZfsHost::new(Version::V2_3));
        let machines = [("kiwi", &kiwi), ("lime", &lime)];
        let machines =
            machines.map(|(name, host)| (name.to_owned(), Box::new(host.clone()) as Box<dyn Machine>));
        let mut bench = Bench::with_machines(BTreeMap::from(machines));
        bench.terms.drift.mode = mode;
        Scene { bench: bench.begun(&wanted("atime: off")).await, kiwi }
    }

    fn changes_by(&self, user: &str, command: &str) {
        let argv: Vec<&str> = command.split(' ').collect();
        assert_eq!(self.kiwi.lock().run_by(user, &argv).exit, 0, "{command}");
    }

    /// How often the host was asked who did it since the last call.
    fn asked(&self) -> usize {
        let log = self.bench.wire.hosts.take_log();
        log.iter().filter(|record| record.argv == ["sh", "-s", "tank"]).count()
    }

    /// The events since the last call, as `reason: message` without times.
    fn said(&mut self) -> Vec<String> {
        let without_times = |text: &str| {
            let words = text.split(' ').filter(|word| !(word.starts_with("20") && word.ends_with('Z')));
            words.collect::<Vec<_>>().join(" ")
        };
        let said = |event: evenkeel_engine::store::NewEvent| {
            format!("{}: {}", event.reason, without_times(&event.message))
        };
        self.bench.events().into_iter().map(said).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn who_made_drift_is_asked_once_and_told_until_it_is_over() {
    let mut scene = Scene::new(DriftMode::Report).await;
    scene.changes_by("eva", "zfs set atime=on tank");
    scene.bench.run_for(180).await;
    let told = "changed by eva@pve1 at (zfs set atime=on tank)";
    assert_eq!(scene.said(), [format!("DriftFound: tank: properties.atime is on, shall be off; {told}")]);
    assert_eq!(scene.asked(), 1);
    let status = scene.bench.status("kiwi-tank");
    let [who] = status.attributions.as_slice() else { panic!("{:?}", status.attributions) };
    assert_eq!((who.by.as_deref(), who.at.is_some()), (Some("eva@pve1"), true));
    assert_eq!(who.fields, [FieldPath::of(["properties", "atime"])]);
    assert!(status.conditions[0].message.contains("(zfs set atime=on tank)"), "{:?}", status.conditions[0]);

    scene.bench.restart().await;
    scene.bench.run_for(60).await;
    assert_eq!((scene.said(), scene.asked()), (vec![], 0), "it is still the same drift");
    assert_eq!(scene.bench.status("kiwi-tank").attributions, status.attributions);

    scene.changes_by("eva", "zfs set atime=off tank");
    scene.bench.run_for(60).await;
    assert_eq!(scene.said(), ["InSync: tank is as the manifest says again"]);
    assert_eq!((scene.bench.status("kiwi-tank").attributions, scene.asked()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn drift_that_becomes_another_is_asked_for_anew() {
    let mut scene = Scene::new(DriftMode::Report).await;
    scene.bench.pushed(&wanted("atime: off, sync: standard, quota: none")).await;
    scene.bench.reconcile(evenkeel_engine::store::ResourceFilter::default()).await;
    scene.bench.run_for(5).await;
    scene.said();
    scene.asked();
    scene.changes_by("eva", "zfs set atime=on tank");
    scene.bench.run_for(60).await;
    scene.changes_by("ops", "zfs set sync=always quota=1G tank");
    scene.bench.run_for(60).await;
    assert_eq!(scene.asked(), 2);
    let said = scene.said();
    assert_eq!(said.len(), 2, "{said:?}");
    let ops = "properties.quota, properties.sync changed by ops@pve1 at (zfs set sync=always quota=1G tank)";
    let eva = "properties.atime changed by eva@pve1 at (zfs set atime=on tank)";
    assert!(said[1].ends_with(&format!("; {ops}; {eva}")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_put_right_says_whose_it_was() {
    let mut scene = Scene::new(DriftMode::Correct).await;
    for round in 1..=2 {
        scene.changes_by("eva", "zfs set atime=on tank");
        scene.bench.run_for(60).await;
        let told = "DriftCorrected: tank: properties.atime on -> off; changed by eva@pve1 at (zfs set atime=on tank)";
        assert_eq!((scene.said(), scene.asked()), (vec![told.to_owned()], 1), "round {round}");
        assert_eq!(scene.bench.status("kiwi-tank").attributions, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dataset_that_is_gone_was_removed_by_somebody() {
    let mut scene = Scene::new(DriftMode::Report).await;
    let both = site(&[
        dataset("kiwi", "tank", "properties: { atime: off }"),
        dataset("kiwi", "tank/vm", "properties: { atime: off }"),
    ]);
    scene.bench.pushed(&both).await;
    scene.said();
    scene.asked();
    scene.changes_by("eva", "zfs destroy -r tank/vm");
    scene.bench.run_for(60).await;
    assert_eq!(
        scene.said(),
        ["DriftFound: tank/vm: tank/vm is gone; removed by eva@pve1 at (zfs destroy -r tank/vm)"]
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_who_wished_for_what_the_manifest_says() {
    let mut scene = Scene::new(DriftMode::Correct).await;
    assert_eq!(scene.asked(), 0);
    scene.bench.pushed(&wanted("atime: on, sync: always")).await;
    scene.bench.run_for(60).await;
    assert_eq!(scene.bench.ask("kiwi", "zfs get -Ho value sync tank"), "always");
    assert_eq!(scene.asked(), 0, "a new wish is no drift");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_be_named_all_goes_on_as_without_it() {
    for (mode, expected) in [
        (DriftMode::Report, "DriftFound: tank: properties.atime is on, shall be off"),
        (DriftMode::Correct, "DriftCorrected: tank: properties.atime on -> off"),
    ] {
        for answer in ["sudo: a password is required", ""] {
            let mut scene = Scene::new(mode).await;
            scene.bench.wire.refuse("kiwi: sh -s", answer);
            scene.changes_by("eva", "zfs set atime=on tank");
            scene.bench.run_for(180).await;
            assert_eq!(scene.said(), [expected], "{mode:?} {answer:?}");
            assert_eq!(scene.bench.status("kiwi-tank").attributions, []);
        }
    }
}
