//! Changes by hand: reported, or put right where that is asked for.

use crate::Scene;

#[test]
fn drift_is_reported_within_the_interval_and_left_as_it_is() {
    let scene = Scene::new("drift: { every: 10s, mode: Report }");
    scene.want("atime: off");
    scene.repository().push("first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    scene.site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
    let before = scene.writes();
    let line = serving.wait_for("DriftFound host ZfsDataset/vm");
    assert!(line.contains("warning") && line.contains("atime is on"), "{line}");
    scene.site.work.expect(2, &["status", "--config", "evenkeel.yaml"]).says(&["Drifted", "atime"]);
    assert_eq!(scene.writes(), before);
    scene.site.by_hand("host", &["zfs", "set", "atime=off", "tank/vm"]);
    serving.wait_for("InSync host ZfsDataset/vm");
    scene.site.work.expect(0, &["status", "--config", "evenkeel.yaml"]);
}

#[test]
fn drift_is_put_right_where_asked_as_often_as_a_person_wants() {
    let scene = Scene::new("drift: { every: 1h, mode: Correct }");
    scene.want("atime: off");
    scene.repository().push("first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    let look = ["reconcile", "--now", "--target", "host", "--config", "evenkeel.yaml"];
    for _ in 0..3 {
        scene.site.by_hand("host", &["zfs", "set", "atime=on", "tank/vm"]);
        scene.site.work.expect(0, &look);
        let line = serving.wait_for("DriftCorrected host ZfsDataset/vm");
        assert!(line.contains("atime on"), "{line}");
        assert_eq!(scene.value("atime"), "off");
    }
    scene.site.work.expect(0, &["history", "--config", "evenkeel.yaml"]).says(&["operator"]);
}

#[test]
fn drift_says_who_made_it_and_when() {
    let scene = Scene::new("drift: { every: 10s, mode: Report }");
    scene.want("atime: off");
    scene.repository().push("first");
    let mut serving = scene.serve();
    serving.wait_for("Applied host ZfsDataset/vm");
    let set = ["zfs", "set", "atime=on", "tank/vm"];
    let reply = scene.site.lab.with_host("host", |host| host.run_by("eva", &set)).unwrap();
    assert_eq!(reply.exit, 0);
    let line = serving.wait_for("DriftFound host ZfsDataset/vm");
    let (_, who) = line.split_once("atime is on, shall be off; changed by eva@host at ").expect(&line);
    assert!(who.starts_with("2026-11-") && who.contains("Z (zfs set atime=on tank/vm)"), "{line}");
    let shown = scene.site.work.expect(2, &["status", "-o", "json", "--config", "evenkeel.yaml"]);
    shown.says(&["\"attributions\"", "eva@host", "zpool history"]);
    let asked = |line: &&Vec<String>| line.get(1).is_some_and(|word| word == "history");
    assert_eq!(scene.site.lab.commands("host").iter().filter(asked).count(), 1, "once for one drift");
    scene.site.by_hand("host", &["zfs", "set", "atime=off", "tank/vm"]);
    serving.wait_for("InSync host ZfsDataset/vm");
}
