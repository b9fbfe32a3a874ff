//! SIGHUP: the configuration is read anew, and nothing that is being done is lost.

use std::time::Duration;

use evenkeel_tests::gitops::{Serving, wait_until};
use evenkeel_tests::site::Site;

use crate::{Scene, address, status};

const ARGS: [&str; 2] = ["--config", "evenkeel.yaml"];

#[test]
fn a_token_and_a_source_come_into_force_while_a_run_is_on() {
    let scene = Scene::new();
    let names: Vec<String> = (0..8).map(|n| format!("d{n}")).collect();
    for name in &names {
        scene.want(name, "atime: off");
    }
    scene.site.lab.slow_down("host", Duration::from_millis(150));
    let mut serving = Serving::start(&scene.site.work, &ARGS);
    let at = address(&serving);
    let created = || scene.site.writes("host").iter().filter(|w| w.starts_with("zfs create")).count();
    let before = created();
    wait_until("a step of the run", || created() > before);
    scene.token("second", "a-token-of-the-second-kind");
    let more = Site::dataset("more", "tank/more", "atime: off");
    scene.site.work.write("others/targets.yaml", &scene.site.lab.manifests());
    scene.site.work.write("others/more.yaml", &more);
    scene.configure("state", "second", &["manifests", "others"]);
    serving.signal("HUP");
    serving.wait_for("reloaded: it serves 2 sources");
    scene.site.lab.slow_down("host", Duration::ZERO);
    assert_eq!(address(&serving), at, "the address stays open");
    assert_eq!(status(at, "a-token-of-the-first-kind"), 401);
    assert_eq!(status(at, "a-token-of-the-second-kind"), 200);
    wait_until("all are there", || {
        let all = names.iter().map(String::as_str).chain(["more"]);
        all.map(|name| scene.value(&format!("tank/{name}"), "atime")).all(|value| value == "off")
    });
    let commands: Vec<String> =
        scene.site.writes("host").into_iter().filter(|write| write.starts_with("zfs create")).collect();
    let mut distinct = commands.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(commands.len(), distinct.len(), "nothing is sent twice: {commands:#?}");
    scene.site.work.expect(0, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    let writes = scene.site.writes("host").len();
    scene.site.work.expect(0, &["reconcile", "--now", "--wait", "--config", "evenkeel.yaml"]);
    assert_eq!(scene.site.writes("host").len(), writes, "a second look sends nothing");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn a_configuration_with_errors_is_told_of_and_leaves_the_old_one_in_force() {
    let scene = Scene::new();
    let mut serving = Serving::start(&scene.site.work, &ARGS);
    serving.wait_for("Applied host ZfsDataset/vm");
    let good = std::fs::read_to_string(scene.site.work.path().join("evenkeel.yaml")).unwrap();
    scene.site.work.write("evenkeel.yaml", &good.replace("interval: 1h", "intervall: 1h"));
    serving.signal("HUP");
    let place = serving.wait_for("evenkeel.yaml:");
    assert!(place.contains("evenkeel.yaml:1"), "{place}");
    serving.wait_for("not reloaded: the configuration in force stays");
    assert_eq!(status(address(&serving), "a-token-of-the-first-kind"), 200);

    scene.configure("elsewhere", "first", &["manifests"]);
    serving.signal("HUP");
    serving.wait_for("cannot change, from state to elsewhere");
    serving.wait_for("not reloaded");

    // A secret that is not there is found before anything is given up.
    scene.configure("state", "missing", &["manifests"]);
    serving.signal("HUP");
    serving.wait_for("the token ci");
    serving.wait_for("not reloaded");
    scene.want("vm", "atime: off, compression: zstd");
    scene.site.work.write("evenkeel.yaml", &good);
    scene.site.work.expect(0, &["notify", "--config", "evenkeel.yaml"]);
    wait_until("it goes on as before", || scene.value("tank/vm", "compression") == "zstd");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
}

#[test]
fn it_ends_where_that_is_wished_for_while_it_reloads() {
    let scene = Scene::new();
    for n in 0..6 {
        scene.want(&format!("d{n}"), "atime: off");
    }
    scene.site.lab.slow_down("host", Duration::from_millis(200));
    let mut serving = Serving::start(&scene.site.work, &ARGS);
    wait_until("a step", || !scene.site.writes("host").is_empty());
    serving.signal("HUP");
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0));
    assert!(serving.said().contains("stopped; nothing is left half-done"), "{}", serving.said());
}
