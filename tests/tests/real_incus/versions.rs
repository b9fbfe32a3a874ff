//! Versions of one template: a changed recipe, how many are kept, and what was made of older ones.

use super::rig::{APPLY, Rig, of_motd};

#[test]
fn a_changed_line_is_shown_and_makes_a_new_version_beside_the_old_one() {
    let rig = Rig::new();
    rig.small(&of_motd("one\ntwo\nthree\n"));
    rig.apply().says(&["1 applied"]);
    let first = rig.images().remove(0);
    rig.incus.launch("web", "made-of-it");

    rig.small(&of_motd("one\n2\nthree\n"));
    rig.work.expect(2, &["plan"]).says(&["-two", "+2", " three"]);
    assert_eq!(rig.alias("web").as_ref(), Some(&first.fingerprint));
    rig.apply().says(&["1 applied"]);
    let images = rig.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    assert_eq!(rig.alias("web").as_ref(), Some(&images[0].fingerprint));
    assert_eq!(images[1].fingerprint, first.fingerprint, "the older version stays");
    assert_eq!(images[1].aliases.len(), 1, "by a name of its own: {images:#?}");
    assert_eq!(rig.launched("new", "/etc/motd").as_deref(), Some("one\n2\nthree\n"));
    // What was made of the older one goes on as it was.
    assert_eq!(rig.incus.sh("made-of-it", "cat /etc/motd"), "one\ntwo\nthree\n");
    rig.incus.incus(&["restart", "--force", "made-of-it"]);
    assert_eq!(rig.incus.sh("made-of-it", "cat /etc/motd"), "one\ntwo\nthree\n");

    // Of another order and other words in the manifest, nothing.
    rig.small(
        &(of_motd("one\n2\nthree\n")
            + "build: { name: evenkeel-elsewhere, limits: { memory: 256MiB } }\nkeep: 1\n"),
    );
    rig.apply().says(&["nothing was sent"]);
    assert_eq!(rig.images(), images);
}

#[test]
fn three_older_versions_are_kept() {
    let rig = Rig::new();
    let mut built = Vec::new();
    for at in 1..=6 {
        rig.small(&(of_motd(&format!("version {at}\n")) + "keep: 3\n"));
        rig.apply();
        built.insert(0, rig.alias("web").unwrap());
        let kept: Vec<_> = rig.images().into_iter().map(|image| image.fingerprint).collect();
        assert_eq!(kept, built[..at.min(4)], "after {at}");
    }
    rig.small(&(of_motd("version 6\n") + "keep: 1\n"));
    rig.apply();
    let kept: Vec<_> = rig.images().into_iter().map(|image| image.fingerprint).collect();
    assert_eq!(kept, built[..2]);
    rig.apply().says(&["nothing was sent"]);
}

#[test]
fn what_others_have_is_not_touched() {
    let rig = Rig::new();
    // An alias that leads to somebody's image, and an instance that has the name of the scratch container.
    rig.incus.incus(&["image", "alias", "create", "web", &rig.alias("debian").unwrap()]);
    rig.small(&of_motd("x\n"));
    rig.work.run(&APPLY);
    assert_eq!(rig.alias("web"), rig.alias("debian"));
    assert_eq!(rig.instances(), [""; 0]);
    rig.incus.incus(&["image", "alias", "delete", "web"]);

    rig.incus.launch("busybox", "evenkeel-build-web");
    rig.work.expect(2, &["plan"]).says(&["evenkeel-build-web"]);
    rig.work.run(&APPLY);
    assert_eq!(rig.instances(), ["evenkeel-build-web"]);
    assert_eq!((rig.images(), rig.alias("web")), (vec![], None));
    rig.incus.incus(&["delete", "--force", "evenkeel-build-web"]);
    rig.apply().says(&["1 applied"]);
}
