//! ESX(i) hosts of three generations, from `VMW_PSP_FIXED` to `VMW_PSP_RR`, and what goes wrong on the way.
//!
//! The hosts are the lab's (a stand-in that we wrote) behind a real SSH server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use evenkeel_lab::esxi::Array;
use evenkeel_tests::esx::{EsxSite, HOSTS};
use evenkeel_tests::sshd::kill;

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// How many disks of a host have a policy.
fn with_policy(site: &EsxSite, host: &str, policy: &str) -> usize {
    site.host(host, |host| host.devices().filter(|device| device.psp == policy).count())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The hosts in the order of their first write; each has all of its writes before the next begins.
fn turns(site: &EsxSite) -> Vec<String> {
    let mut turns: Vec<String> = site.writes().into_iter().map(|(host, _)| host).collect();
    turns.dedup();
    turns
}

#[test]
fn a_fleet_goes_from_fixed_to_round_robin_one_host_at_a_time() {
    let site = EsxSite::of_example("esxi-paths", 200);
    let work = &site.site.work;
    work.expect(0, &["validate"]);
    let plan = work.expect(2, &["plan"]);
    plan.says(&["600 devices", "3 hosts", "VMW_PSP_FIXED → VMW_PSP_RR", "datastore", "1 at a time"]);
    assert!(plan.stdout.lines().count() < 60, "a plan of a fleet is one page:\n{}", plan.stdout);
    assert_eq!(site.writes(), [], "a plan only reads");
    work.expect(0, &APPLY).says(&["3 applied"]);
    assert_eq!(turns(&site), HOSTS, "one after the other");
    for host in HOSTS {
        assert_eq!(with_policy(&site, host, "VMW_PSP_RR"), 200, "{host}");
        assert_eq!(with_policy(&site, host, "VMW_PSP_FIXED"), 1, "{host}: the boot disk is left alone");
    }
    let before = site.writes().len();
    work.expect(0, &APPLY).says(&["nothing was sent"]);
    assert_eq!(site.writes().len(), before);
    work.expect(0, &["status"]).says(&["InSync"]);

    // A LUN that is added later has it by the default.
    for host in HOSTS {
        site.host(host, |host| {
            host.add_lun(
                "naa.60050768018087654320000000000fff",
                Array::IbmSvc,
                &["vmhba2:C0:T0:L250", "vmhba3:C0:T0:L250"],
            );
        });
        assert_eq!(with_policy(&site, host, "VMW_PSP_RR"), 201, "{host}");
    }
    work.expect(0, &["plan"]).says(&["nothing to do"]);
}

#[test]
fn a_look_with_nothing_to_do_costs_four_commands_at_the_most() {
    let site = EsxSite::of_example("esxi-paths", 20);
    let work = &site.site.work;
    work.expect(0, &APPLY);
    let before: Vec<usize> = HOSTS.iter().map(|host| site.commands(host).len()).collect();
    work.expect(0, &["plan"]);
    for (host, before) in HOSTS.iter().zip(before) {
        let asked = &site.commands(host)[before..];
        assert!((1..=4).contains(&asked.len()), "{host}: {asked:?}");
    }
}

#[test]
fn a_path_that_is_lost_on_the_way_ends_the_run_on_that_host_and_spares_the_next() {
    let site = EsxSite::of_example("esxi-paths", 50);
    let work = &site.site.work;
    site.host("olive", |host| host.lose_path_after(20, "vmhba3"));
    let ran = work.expect(1, &APPLY);
    ran.says(&["halted", "olive", "working paths", "not begun, because 1 of the hosts", "plum"]);
    let changed = with_policy(&site, "olive", "VMW_PSP_RR");
    assert!((15..=21).contains(&changed), "it went on after the path was lost: {changed}");
    assert_eq!(with_policy(&site, "lime", "VMW_PSP_RR"), 50);
    assert_eq!(with_policy(&site, "plum", "VMW_PSP_RR"), 0);
    assert!(site.writes().iter().all(|(host, _)| host != "plum"), "the next host was not begun");

    // With all paths back it goes on from there.
    site.host("olive", |host| host.restore_path("vmhba3"));
    work.expect(0, &APPLY);
    for host in HOSTS {
        assert_eq!(with_policy(&site, host, "VMW_PSP_RR"), 50, "{host}");
    }
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

#[test]
fn a_disk_with_too_few_paths_is_held_and_the_others_go_on() {
    let site = EsxSite::of_example("esxi-paths", 8);
    let work = &site.site.work;
    let (id, path) = site.host("plum", |host| {
        let device =
            host.devices().filter(|device| device.psp == "VMW_PSP_FIXED" && device.paths.len() == 4).nth(3);
        let device = device.expect("a disk");
        (device.id.clone(), device.paths.iter().map(|path| path.name.clone()).collect::<Vec<_>>())
    });
    for path in &path[1..] {
        site.host("plum", |host| host.lose_path(path));
    }
    let plan = work.expect(2, &["plan"]);
    plan.says(&["held", &id, "working path"]);
    let ran = work.expect(2, &APPLY);
    ran.says(&["held"]);
    assert_eq!(with_policy(&site, "plum", "VMW_PSP_RR"), 7);
    assert!(
        site.writes().iter().all(|(host, command)| host != "plum" || !command.contains(&id)),
        "{id} is not touched"
    );
    work.expect(2, &APPLY).says(&["nothing was sent"]);
    work.expect(2, &["status"]).says(&["False"]);
    for path in &path[1..] {
        site.host("plum", |host| host.restore_path(path));
    }
    work.expect(0, &APPLY);
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

#[test]
fn a_host_that_restarts_in_the_middle_is_told_and_taken_up_again() {
    let site = EsxSite::of_example("esxi-paths", 30);
    let work = &site.site.work;
    site.host("lime", |host| host.reboot_after(10));
    let ran = work.expect(1, &APPLY);
    ran.says(&["lime"]);
    assert!(site.writes().iter().all(|(host, _)| host == "lime"), "the others wait for it");
    until("host that is up again", || work.run(&["plan"]).code == 2);
    work.expect(0, &APPLY);
    for host in HOSTS {
        assert_eq!(with_policy(&site, host, "VMW_PSP_RR"), 30, "{host}");
    }
    work.expect(0, &APPLY).says(&["nothing was sent"]);
}

#[test]
fn killed_or_interrupted_in_the_middle_it_goes_on_where_it_was() {
    let site = EsxSite::of_example("esxi-paths", 40);
    let work = &site.site.work;
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let before = site.writes().len();
        site.site.lab.slow_down("lime", Duration::from_millis(30));
        let mut command = work.command(&APPLY);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("a few writes", || site.writes().len() >= before + 5);
        kill(child.id(), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{}", String::from_utf8_lossy(&output.stdout));
        assert!(with_policy(&site, "lime", "VMW_PSP_FIXED") > 5, "{signal}: it did not stop");
    }
    site.site.lab.slow_down("lime", Duration::ZERO);
    work.expect(0, &APPLY);
    work.expect(0, &APPLY).says(&["nothing was sent"]);
    for host in HOSTS {
        assert_eq!(with_policy(&site, host, "VMW_PSP_RR"), 40, "{host}");
    }
}

#[test]
fn two_policies_that_meet_in_one_disk_are_both_refused() {
    let site = EsxSite::of_example("esxi-paths", 3);
    let work = &site.site.work;
    work.write(
        "other.yaml",
        "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: { name: other }\nspec:\n  target: plum\n  devices: { vendor: IBM }\n  pathSelectionPolicy: VMW_PSP_MRU\n",
    );
    let ran = work.expect(1, &["plan", "--target", "plum"]);
    ran.says(&["shall be `VMW_PSP_MRU`", "`VMW_PSP_RR`", "leave it to one of the two manifests"]);
    work.expect(1, &["apply", "--auto-approve", "--target", "plum"]);
    // One of them alone would undo what the other one wants.
    for one in ["EsxiPathPolicy/other", "EsxiPathPolicy/ibm-svc-round-robin"] {
        let ran = work.expect(1, &["apply", "--auto-approve", "--target", "plum", one]);
        ran.says(&["leave it to one of the two manifests"]);
    }
    assert_eq!(site.writes(), []);
}

#[test]
fn a_host_that_is_down_is_one_of_those_that_may_be_away() {
    let site = EsxSite::of_example("esxi-paths", 5);
    let work = &site.site.work;
    // Nobody listens at port 1.
    let targets = std::fs::read_to_string(work.path().join("targets.yaml")).unwrap();
    let port = site.site.lab.address("lime").unwrap().port().to_string();
    work.write("targets.yaml", &targets.replace(&format!("port: {port}"), "port: 1"));
    let ran = work.expect(1, &APPLY);
    ran.says(&["no more than 1 may be away, and lime does not answer", "olive, plum"]);
    assert_eq!(site.writes(), []);
    let paths = std::fs::read_to_string(work.path().join("paths.yaml")).unwrap();
    work.write("paths.yaml", &paths.replace("maxUnavailable: 1", "maxUnavailable: 2"));
    work.expect(1, &APPLY).says(&["2 applied"]);
    assert_eq!(turns(&site), ["olive", "plum"]);
}

#[test]
fn a_path_that_is_lost_while_the_default_is_set_is_seen_before_the_first_disk() {
    let site = EsxSite::of_example("esxi-paths", 5);
    let work = &site.site.work;
    // The default is the first write on olive, which is of the generation that has another.
    site.host("olive", |host| host.lose_path_after(1, "vmhba3"));
    let ran = work.expect(1, &["apply", "--auto-approve", "--target", "olive"]);
    ran.says(&["halted", "before `esxcli nmp device setpolicy"]);
    assert_eq!(with_policy(&site, "olive", "VMW_PSP_RR"), 0);
    assert_eq!(site.writes().len(), 1);
}

#[test]
fn a_machine_that_is_no_esx_host_is_told_so() {
    let site = EsxSite::of_example("esxi-paths", 1);
    let zfs = evenkeel_tests::site::Site::of_one();
    let policy = std::fs::read_to_string(site.site.work.path().join("paths.yaml")).unwrap();
    zfs.work.write("paths.yaml", &policy);
    let ran = zfs.work.expect(0, &["validate"]);
    ran.says(&["no target has these labels"]);
    zfs.work.write(
        "paths.yaml",
        "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiPathPolicy\nmetadata: { name: x }\nspec:\n  target: host\n  devices: { satp: VMW_SATP_SVC }\n  pathSelectionPolicy: VMW_PSP_RR\n",
    );
    zfs.work.expect(1, &["plan"]).says(&["esxcli", "ESX"]);
}
