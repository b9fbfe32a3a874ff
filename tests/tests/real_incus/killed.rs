//! A run that is killed at every point: what was there stays good, and the next run brings it about.

use std::process::Stdio;

use super::rig::{APPLY, Image, Rig, of_motd, until};
use evenkeel_tests::sshd::kill;

const SCRATCH: &str = "evenkeel-build-web";

fn state(rig: &Rig) -> Option<String> {
    Some(rig.incus.get(&format!("/1.0/instances/{SCRATCH}"))?["status"].as_str()?.to_owned())
}

/// When a run is killed: what to wait for, given the images that were there before.
type Point = (&'static str, fn(&Rig, &[Image]) -> bool);

/// Kills a run at each point, and has the next ones bring about what it was to do. `recipe` takes a number that tells
/// versions apart, which stands in `/etc/motd`.
fn at_each(points: &[Point], recipe: fn(usize) -> String) {
    let rig = Rig::new();
    rig.small(&recipe(0));
    rig.apply();
    let mut number = 0;
    for (point, reached) in points {
        // A run may be past the point before it is seen to be there: then the next one is killed.
        let images = loop {
            assert!(number < 100, "no run was seen at: {point}");
            let images = rig.images();
            number += 1;
            rig.small(&recipe(number));
            if is_killed(&rig, || reached(&rig, &images)) {
                break images;
            }
        };
        let good = rig.alias("web").unwrap();
        assert!(rig.images().iter().any(|image| image.fingerprint == good), "{point}");
        let is_old = images.iter().any(|image| image.fingerprint == good);
        let says = |name: &str| rig.launched(name, "/etc/motd").unwrap();
        assert_eq!(says("meanwhile"), format!("version {}\n", number - usize::from(is_old)), "{point}");

        // What the server does for the killed run may have to end first.
        until("run that brings it about", || {
            let ran = rig.work.run(&APPLY);
            ran.code == 0 && !ran.stdout.contains("skipped")
        });
        assert_eq!(rig.instances(), [""; 0], "{point}");
        assert_eq!(says("new"), format!("version {number}\n"), "{point}");
        rig.apply().says(&["nothing was sent"]);
        let images = rig.images();
        assert!(images.len() <= 2, "{point}: {images:#?}");
        let aliases: Vec<_> = images.iter().flat_map(|image| &image.aliases).collect();
        assert_eq!(aliases.len(), images.len() + 1, "one for each version, and `web`; {point}: {images:#?}");
    }
}

/// Starts a run and kills it at a point; false where it ended before.
fn is_killed(rig: &Rig, reached: impl Fn() -> bool) -> bool {
    let mut command = rig.work.command(&APPLY);
    let mut apply = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut is_there = false;
    until("end of a run", || {
        is_there = reached();
        is_there || apply.try_wait().unwrap().is_some()
    });
    kill(apply.id(), "KILL");
    is_there && apply.wait().unwrap().code().is_none()
}

#[test]
fn killed_at_every_point_the_old_version_is_good_and_the_next_run_brings_the_new_one_about() {
    let points: [Point; 7] = [
        ("container that is there", |rig, _| state(rig).is_some()),
        ("container that runs", |rig, _| state(rig).as_deref() == Some("Running")),
        ("script that runs", |rig, _| rig.incus.file(SCRATCH, "/began").is_some()),
        ("script that has ended", |rig, _| rig.incus.file(SCRATCH, "/ended").is_some()),
        ("container that has stopped", |rig, _| {
            let instance = rig.incus.get(&format!("/1.0/instances/{SCRATCH}"));
            instance.is_some_and(|instance| instance["config"]["volatile.last_state.power"] == "STOPPED")
        }),
        ("image that is there", |rig, before| rig.images().iter().any(|image| !before.contains(image))),
        ("alias that leads to it", |rig, before| {
            let alias = rig.alias("web");
            !before.iter().any(|image| alias.as_ref() == Some(&image.fingerprint))
        }),
    ];
    at_each(&points, |number| {
        let scripts = "  run:\n  - { name: one, script: 'echo yes >/began; sleep 1' }\n  - { name: two, script: 'echo yes \
                       >/ended; sleep 1' }\n";
        of_motd(&format!("version {number}\n")) + scripts
    });
}

#[test]
fn killed_while_a_version_takes_the_place_of_one_with_its_name() {
    let points: [Point; 5] = [
        ("image without a name", |rig, _| rig.alias("web/evenkeel-new").is_some()),
        ("old one with another name", |rig, _| rig.alias("web/evenkeel-old").is_some()),
        ("new one with its name", |rig, before| rig.alias("web/1").as_ref() != Some(&before[0].fingerprint)),
        ("new one that `web` leads to", |rig, before| {
            rig.alias("web").as_ref() != Some(&before[0].fingerprint)
        }),
        ("old one that is gone", |rig, before| {
            !rig.images().iter().any(|image| before[0].fingerprint == image.fingerprint)
        }),
    ];
    at_each(&points, |number| of_motd(&format!("version {number}\n")).replace("{digest}", "1"));
}
