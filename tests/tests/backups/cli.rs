//! As a user would: the program, the examples, and what it prints.

use std::fs;

use evenkeel_tests::backups::{BackupSite, DUMPS, is_dump};
use evenkeel_tests::ftpd::{FtpServer, Tls};

#[test]
fn the_seeds_rotation_from_its_example() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    work.expect(0, &["validate"]);
    let plan = work.expect(2, &["plan", "--show-commands"]);
    plan.says(&["BackupSchedule/openvz-nightly", "vzdump", "linkstation: put", "seal", "mv"]);
    assert_eq!(BackupSite::names(&place.nas(DUMPS)), [""; 0], "a plan writes nothing");
    work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);

    let newest = place.nas(DUMPS).join("daily.0");
    let names = BackupSite::names(&newest);
    for guest in ["101", "102", "103"] {
        let of_guest: Vec<&String> = names.iter().filter(|n| n.contains(&format!("-{guest}-"))).collect();
        assert_eq!(of_guest.len(), 3, "dump, log and record of {guest}: {names:?}");
    }
    assert!(names.contains(&"evenkeel.json".to_owned()) && names.len() == 11, "{names:?}");
    assert_eq!(BackupSite::names(&place.nas(DUMPS)), ["daily.0"]);

    let list = work.expect(0, &["backup", "list"]);
    list.says(&[
        "BackupSchedule/openvz-nightly on pve1",
        "101",
        "yes",
        "kept: last 1",
        "daily.0/vzdump-openvz-101-",
    ]);
    let json = work.expect(0, &["backup", "list", "--output", "json", "--item", "102"]).json();
    let generations = json["schedules"][0]["generations"].as_array().unwrap();
    assert_eq!((generations.len(), generations[0]["verified"].as_bool()), (1, Some(true)));
    work.expect(0, &["status"]).says(&["True", "InSync"]);
    work.expect(0, &["backup", "preview"]).says(&["nothing to do"]);
}

#[test]
fn a_copy_that_rotted_is_found_and_named() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    work.expect(0, &["apply", "--auto-approve"]);
    work.expect(0, &["backup", "verify"]).says(&["good", "3 copies read, all as they were made"]);
    let newest = place.nas(DUMPS).join("daily.0");
    let name = BackupSite::names(&newest).into_iter().find(|n| n.contains("-102-") && is_dump(n)).unwrap();
    let mut bytes = fs::read(newest.join(&name)).unwrap();
    bytes[1000] ^= 1;
    fs::write(newest.join(&name), bytes).unwrap();
    let ran = work.expect(1, &["backup", "verify"]);
    ran.says(&["BAD", &name, "SHA-256 differs", "3 copies read, 1 not as made"]);
    let json = work.expect(1, &["backup", "verify", "--item", "102", "--output", "json"]).json();
    assert!(json["copies"][0]["problem"].as_str().unwrap().contains("SHA-256"));
    work.expect(0, &["backup", "verify", "--item", "101"]);
}

#[test]
fn a_guest_comes_back_as_another_one() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    work.expect(0, &["apply", "--auto-approve"]);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let name = "BackupSchedule/openvz-nightly";
    let restore = ["backup", "restore", name, "--item", "101", "--to", "900", "--folder", folder];
    let printed = work.expect(0, &[&restore[..], &["--auto-approve"]].concat());
    printed.says(&["Fetched and checked", "vzrestore", "900"]);
    let exists =
        |id: u32| place.site.lab.with_dump_host("pve1", |host| host.guests.contains_key(&id)).unwrap();
    assert!(!exists(900), "printed, not run");
    let ran = work.expect(0, &[&restore[..], &["--run", "--auto-approve"]].concat());
    ran.says(&["Restored"]);
    assert!(exists(900));
    // What is there is not overwritten.
    let refused = work.expect(1, &["backup", "restore", name, "--item", "101", "--run", "--auto-approve"]);
    refused.says(&["101", "--to"]);
    let unknown = work.expect(1, &["backup", "restore", name, "--item", "999", "--auto-approve"]);
    unknown.says(&["999", "hint:"]);
}

#[test]
fn a_copy_now_and_then_only_pruning() {
    let place = BackupSite::of_example("backup-vzdump");
    let work = &place.site.work;
    let text = fs::read_to_string(work.path().join("backup.yaml")).unwrap();
    work.write("backup.yaml", &text.replace("keepLast: 10", "keepLast: 1"));
    let name = "BackupSchedule/openvz-nightly";
    work.expect(0, &["backup", "run", name, "--auto-approve"]).says(&["applied"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    work.expect(0, &["backup", "run", name, "--auto-approve"]).says(&["applied"]);
    let folders = || BackupSite::names(&place.nas(DUMPS));
    assert_eq!(folders(), ["daily.0", "daily.1"], "nothing is removed by a copy now");
    work.expect(2, &["backup", "preview"]);
    work.expect(0, &["backup", "prune", name, "--auto-approve"]).says(&["applied"]);
    assert_eq!(folders(), ["daily.0"]);
}

#[test]
fn todays_proxmox_over_encrypted_ftp_with_a_pinned_certificate() {
    let place = BackupSite::with("backup-vzdump", |root| FtpServer::proftpd(root, Tls::Explicit));
    let work = &place.site.work;
    let targets = fs::read_to_string(work.path().join("targets.yaml")).unwrap();
    let pinned = format!("tls: explicit\n    certificateFingerprint: \"{}\" #", place.ftp.fingerprint());
    work.write("targets.yaml", &targets.replace("tls: none #", &pinned).replace("pve1", "pve2"));
    let backup = fs::read_to_string(work.path().join("backup.yaml")).unwrap();
    work.write("backup.yaml", &backup.replace("pve1", "pve2"));
    work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    work.expect(0, &["apply", "--auto-approve"]).says(&["nothing was sent"]);
    let names = BackupSite::names(&place.nas(DUMPS).join("daily.0"));
    assert!(names.iter().any(|n| n.starts_with("vzdump-lxc-101-") && n.ends_with(".tar.zst")), "{names:?}");

    let wrong = targets.replace(
        "tls: none #",
        &format!("tls: explicit\n    certificateFingerprint: \"{}\" #", "ab".repeat(32)),
    );
    work.write("targets.yaml", &wrong.replace("pve1", "pve2"));
    work.expect(1, &["plan"]).says(&["certificate", "linkstation"]);
}

#[test]
fn when_the_nas_is_gone_the_copies_elsewhere_are_told_read_and_restored() {
    let mut place = BackupSite::of_example("backup-offsite");
    place.site.work.expect(0, &["apply", "--auto-approve"]).says(&["applied"]);
    place.ftp.stop();
    let work = &place.site.work;
    let listed = work.expect(1, &["backup", "list"]);
    listed.says(&["offsite:", "not everything could be read", "vzdump-openvz-101"]);
    assert!(!listed.stdout.contains("no copies"), "{}", listed.stdout);
    let read = work.expect(1, &["backup", "verify"]);
    read.says(&["3 copies read, all as they were made; 1 store could not be read", "linkstation"]);
    let folder = tempfile::tempdir().unwrap();
    let name = work.expect(1, &["backup", "list", "--output", "json"]).json()["schedules"][0]["name"].clone();
    let name = format!("BackupSchedule/{}", name.as_str().unwrap());
    let restore = [
        "backup",
        "restore",
        &name,
        "--item",
        "101",
        "--to",
        "900",
        "--folder",
        folder.path().to_str().unwrap(),
        "--run",
        "--auto-approve",
    ];
    work.expect(0, &restore).says(&["Restored", "this store could not be read", "linkstation"]);
    let exists = place.site.lab.with_dump_host("pve1", |host| host.guests.contains_key(&900)).unwrap();
    assert!(exists);
}
