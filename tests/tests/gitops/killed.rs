//! kill -9 in the middle of runs: nothing is lost and nothing is done twice.

use std::time::Duration;

use evenkeel_tests::gitops::wait_until;
use evenkeel_tests::site::Site;

use crate::Scene;

/// Datasets that are created one by one: each is a step.
const DATASETS: usize = 12;

#[test]
fn killed_after_any_step_it_goes_on_and_does_nothing_twice() {
    let scene = Scene::new("");
    let text: String = (0..DATASETS)
        .map(|n| {
            Site::dataset(&format!("d{n:02}"), &format!("tank/d{n:02}"), &format!("quota: {}M", n + 100))
        })
        .collect();
    scene.repository().write("all.yaml", &text);
    scene.repository().push("all");
    let created = || {
        let all = scene.site.writes("host");
        all.iter()
            .filter(|command| command.starts_with("zfs create") && command.contains("tank/d"))
            .cloned()
            .collect::<Vec<_>>()
    };
    scene.site.lab.slow_down("host", Duration::from_millis(150));
    for steps in 1..DATASETS {
        let mut serving = scene.serve();
        wait_until("a step", || created().len() >= steps);
        serving.signal("KILL");
        assert_eq!(serving.ended(), None);
    }
    scene.site.lab.slow_down("host", Duration::ZERO);
    let mut serving = scene.serve();
    wait_until("all are there", || {
        let status = scene.site.work.run(&["status", "--config", "evenkeel.yaml", "--output", "json"]);
        status.code == 0 && status.json()["resources"].as_array().is_some_and(|all| all.len() == DATASETS)
    });
    let mut all = created();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((count, all.len()), (DATASETS, DATASETS), "each was created once: {all:#?}");
    let events = scene.site.work.expect(0, &["events", "--config", "evenkeel.yaml"]);
    events.says(&["RunInterrupted", "may or may not have happened"]);
    let before = scene.writes();
    scene.site.work.expect(0, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    assert_eq!(scene.writes(), before, "a second look sends nothing");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}
