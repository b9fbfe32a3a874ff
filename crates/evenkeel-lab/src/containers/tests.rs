use std::collections::BTreeMap;

use evenkeel_core::request::{Exec, Reply, Request, shell_quote};
use evenkeel_drivers::containers::scripts::{FILE, PACKAGES};

use super::*;

const TRANSCRIPT: &str = include_str!("../../tests/data/vzctl/transcript.txt");

/// The machine that the transcript was taken on.
fn recorded() -> ContainerHost {
    let mut host = ContainerHost::openvz("vm");
    let samples = ["light", "vswap-1024m", "vswap-1g", "vswap-256m", "vswap-2g", "vswap-4g", "vswap-512m"];
    for sample in samples {
        host.tree.put(&format!("/etc/vz/conf/ve-{sample}.conf-sample"), "");
    }
    host.add_template("scientific-6-standard_6.0_i386.tar.gz", System::Scientific6);
    host.add_template("weirdos-1-std_1.0_i386.tar.gz", System::Sabayon5);
    host.add_container(555, System::Debian12, &BTreeMap::from([("HOSTNAME", "web1")]));
    host.add_container(556, System::Debian12, &BTreeMap::new());
    host.add_container(
        558,
        System::Debian12,
        &BTreeMap::from([("HOSTNAME", "d12"), ("IP_ADDRESS", "10.0.0.5")]),
    );
    host.mounted.insert(555);
    host
}

fn run(host: &mut ContainerHost, line: &str) -> Reply {
    let words = inside::words(line);
    host.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), "")
}

fn said(reply: &Reply) -> String {
    format!(
        "{}{}[{}]",
        String::from_utf8_lossy(&reply.stdout),
        String::from_utf8_lossy(&reply.stderr),
        reply.exit
    )
}

#[test]
fn it_says_what_the_real_programs_said() {
    let mut host = recorded();
    let mut count = 0;
    for exchange in TRANSCRIPT.split("$ ").filter(|exchange| !exchange.trim().is_empty()) {
        let (command, answer) = exchange.split_once('\n').unwrap();
        let of = |mark: &str| -> String {
            answer
                .lines()
                .filter_map(|line| line.trim_start().strip_prefix(mark))
                .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line).trim_end()))
                .collect()
        };
        let status: i32 =
            answer.lines().find_map(|line| line.trim().strip_prefix("rc=")).unwrap().parse().unwrap();
        let reply = match command.split_once("ls inst") {
            Some((_, folder)) => {
                let names =
                    host.tree.names(folder).iter().map(|name| format!("{name}\n")).collect::<String>();
                Reply { exit: 0, stdout: names.into_bytes(), stderr: Vec::new() }
            }
            None => run(&mut host, command),
        };
        let lines = |bytes: &[u8]| -> String {
            String::from_utf8_lossy(bytes).lines().map(|line| format!("{}\n", line.trim_end())).collect()
        };
        assert_eq!(lines(&reply.stdout), of("out|"), "{command}");
        assert_eq!(lines(&reply.stderr), of("err|"), "{command}");
        assert_eq!(reply.exit, status, "{command}");
        count += 1;
    }
    assert_eq!(count, 29, "every command of the transcript");
}

/// The article of 2011 on updating a template, and what it met in 2014.
#[test]
fn the_seed_meets_its_errors_and_goes_on() {
    let mut host = ContainerHost::openvz_of_old("pve1");
    host.add_template("scientific-6-standard_6.0_i386.tar.gz", System::Scientific6);
    let create = "vzctl create 555 --ostemplate scientific-6-standard_6.0_i386";
    assert_eq!(
        said(&run(&mut host, create)),
        "Creating container private area (scientific-6-standard_6.0_i386)\nInitializing quota ...\n\
         Error: Not enough parameters, diskspace quota not set\nCreation of container private area failed\n[63]"
    );
    let conf = host.tree.file("/etc/vz/vz.conf").unwrap().text();
    host.tree.put("/etc/vz/vz.conf", format!("{conf}DISKSPACE=\"20G:22G\"\n"));
    assert!(said(&run(&mut host, create)).contains("diskinodes quota not set\n"));
    host.tree
        .put("/etc/vz/vz.conf", format!("{conf}DISKSPACE=\"20G:22G\"\nDISKINODES=\"4000000:4400000\"\n"));
    assert_eq!(
        said(&run(&mut host, create)),
        "Creating container private area (scientific-6-standard_6.0_i386)\nInitializing quota ...\n\
         Performing postcreate actions\nSaved parameters for CT 555\nContainer private area was created\n[0]"
    );
    assert_eq!(
        said(&run(&mut host, "vzctl set 555 --ipadd 192.168.35.240 --nameserver 192.168.35.1 --save")),
        "Saved parameters for CT 555\n[0]"
    );
    let refused = said(&run(&mut host, "vzctl start 555"));
    assert!(refused.starts_with(
        "Error: required UB parameter kmemsize not set\nError: required UB parameter lockedpages"
    ));
    assert!(refused.ends_with("Error: required UB parameter numiptent not set\n[28]"), "{refused}");
    assert_eq!(refused.lines().count(), 21);
    let limits: Vec<String> = REQUIRED.iter().map(|name| format!("--{name} unlimited")).collect();
    run(&mut host, &format!("vzctl set 555 {} --save", limits.join(" ")));
    assert_eq!(
        said(&run(&mut host, "vzctl start 555")),
        "Starting container ...\nContainer is mounted\nAdding IP address(es): 192.168.35.240\nSetting CPU units: 1000\n\
         File resolv.conf was modified\nContainer start in progress...\n[0]"
    );
    assert_eq!(
        host.tree.file("/var/lib/vz/private/555/etc/resolv.conf").unwrap().text(),
        "nameserver 192.168.35.1\n"
    );
    assert_eq!(
        said(&run(&mut host, "vzctl stop 555")),
        "Stopping container ...\nContainer was stopped\nContainer is unmounted\n[0]"
    );
    let packed = "/var/lib/vz/template/cache/scientific-6-standard_6.0-20111026_i386.tar.gz";
    assert_eq!(
        said(&run(&mut host, &format!("tar --numeric-owner -czf {packed} -C /var/lib/vz/private/555 ."))),
        "[0]"
    );
    assert_eq!(
        said(&run(&mut host, "vzctl destroy 555")),
        "Destroying container private area: /var/lib/vz/private/555\nContainer private area was destroyed\n[0]"
    );
    assert!(host.tree.file("/etc/vz/conf/555.conf.destroyed").is_some(), "as the article says");
    assert!(said(&run(&mut host, &create.replace("6.0_i386", "6.0-20111026_i386"))).ends_with("[0]"));
}

/// The article on a Sabayon template that starts without a network.
#[test]
fn a_distribution_that_nothing_fits_has_no_network_until_its_file_is_linked() {
    let mut host = ContainerHost::openvz("pve1").speaks_old();
    host.add_template("sabayon-5-SpinBase_5.4-1_i386.tar.gz", System::Sabayon5);
    run(&mut host, "vzctl create 101 --ostemplate sabayon-5-SpinBase_5.4-1_i386");
    run(&mut host, "vzctl set 101 --ipadd 192.168.1.5 --save");
    let started = said(&run(&mut host, "vzctl start 101"));
    assert!(started.contains(
        "Warning: configuration file for distribution sabayon-5-SpinBase_5.4-1_i386 not found, using defaults"
    ));
    assert!(started.contains("/etc/network/interfaces: No such file or directory"), "{started}");
    assert!(host.online.is_empty());
    run(&mut host, "vzctl stop 101");
    run(&mut host, "ln -s gentoo.conf /etc/vz/dists/sabayon-5-SpinBase_5.4-1_i386.conf");
    let started = said(&run(&mut host, "vzctl start 101"));
    assert!(!started.contains("Warning") && !started.contains("No such file"), "{started}");
    assert!(host.online.contains(&101));
}

#[test]
fn a_create_that_is_killed_leaves_what_the_real_one_leaves() {
    let mut host = ContainerHost::openvz("pve1");
    host.add_template("debian-12-standard_12_amd64.tar.gz", System::Debian12);
    let mut seen = [false; 3];
    for seed in 0..60 {
        let mut killed = host.clone();
        let words = ["vzctl", "create", "555", "--ostemplate", "debian-12-standard_12_amd64"];
        killed.run_in_part(&words, "", &mut Random::new(seed));
        let is_half = killed.tree.is_folder("/var/lib/vz/private/555.tmp");
        let has_conf = killed.tree.file("/etc/vz/conf/555.conf").is_some();
        seen = [seen[0] || is_half, seen[1] || (has_conf && !is_half), seen[2] || !has_conf];
        if has_conf && !killed.has_area(555) {
            assert!(said(&run(&mut killed, "vzctl start 555")).ends_with("[43]"), "there is no area yet");
        }
        run(&mut killed, "vzctl destroy 555");
        let again = said(&run(&mut killed, &words.join(" ")));
        assert!(again.ends_with("[0]") || is_half, "{again}");
    }
    assert_eq!(seen, [true; 3], "before, in the midst, and after");
}

#[test]
fn what_is_run_in_a_container_changes_it_and_says_how_it_ended() {
    let mut host = ContainerHost::openvz("pve1");
    host.add_template("debian-12-standard_12_amd64.tar.gz", System::Debian12);
    run(&mut host, "vzctl create 555 --ostemplate debian-12-standard_12_amd64 --hostname build");
    run(&mut host, "vzctl start 555");
    let exec = |host: &mut ContainerHost, line: &str, text: &str| {
        said(&host.run(&["vzctl", "exec2", "555", line], text))
    };
    assert!(exec(&mut host, "sh -s install php", &PACKAGES.text).ends_with("[100]"), "without a network");
    run(&mut host, "vzctl stop 555");
    run(&mut host, "vzctl set 555 --ipadd 10.0.0.9 --save");
    run(&mut host, "vzctl start 555");
    assert!(exec(&mut host, "sh -s install php", &PACKAGES.text).ends_with("php 1 is installed\n[0]"));
    assert!(
        exec(&mut host, "sh -s install phq", &PACKAGES.text).contains("Unable to locate package phq\n[100]")
    );
    let line = format!("sh -s line /etc/php.ini 0640 - {}", shell_quote("date.timezone = Asia/Tokyo"));
    let text = format!("{}main \"$@\" </dev/null\n", FILE.text);
    assert!(exec(&mut host, &line, &text).ends_with("[0]"));
    let ini = host.tree.file("/var/lib/vz/private/555/etc/php.ini").unwrap();
    assert_eq!((ini.text().as_str(), ini.mode), ("[Date]\ndate.timezone = Asia/Tokyo\n", 0o640));
    assert!(exec(&mut host, "exit 3", "").ends_with("[3]"));
    assert!(said(&host.run(&["vzctl", "exec", "555", "exit", "3"], "")).ends_with("[0]"));
}

#[test]
fn a_container_of_proxmox_is_locked_while_it_is_mounted_and_after_a_create_that_was_killed() {
    let mut host = ContainerHost::proxmox("pve1", "9.1.99");
    host.add_template("debian-12-standard_12.7-1_amd64.tar.zst", System::Debian12);
    let create = "pct create 900 local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst --hostname build --rootfs local-lvm:4";
    for seed in 0..40 {
        let mut killed = host.clone();
        let words = inside::words(create);
        killed.run_in_part(&words.iter().map(String::as_str).collect::<Vec<_>>(), "", &mut Random::new(seed));
        let text = killed.tree.file("/etc/pve/lxc/900.conf").map(tree::File::text);
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        if text.contains("lock: create") {
            assert!(said(&run(&mut killed, "pct destroy 900")).contains("CT is locked (create)\n[255]"));
            run(&mut killed, "pct unlock 900");
        }
        assert_eq!(said(&run(&mut killed, "pct destroy 900")), "[0]");
        assert!(said(&run(&mut killed, create)).ends_with("[0]"));
    }
    assert!(said(&run(&mut host, create)).ends_with("[0]"));
    assert!(said(&run(&mut host, create)).contains("already exists on node 'pve1'\n[255]"));
    assert_eq!(said(&run(&mut host, "pct start 900")), "[0]");
    assert!(said(&run(&mut host, "pct destroy 900")).contains("container is running\n[255]"));
    assert_eq!(said(&run(&mut host, "pct exec 900 -- cat /etc/hostname")), "build\n[0]");
    assert_eq!(said(&run(&mut host, "pct stop 900")), "[0]");
    assert_eq!(said(&run(&mut host, "pct mount 900")), "mounted CT 900 in '/var/lib/lxc/900/rootfs'\n[0]");
    assert!(host.tree.file("/var/lib/lxc/900/rootfs/etc/os-release").is_some());
    assert!(said(&run(&mut host, "pct start 900")).contains("CT is locked (mounted)\n[255]"));
    assert_eq!(said(&run(&mut host, "pct unmount 900")), "[0]");
    assert!(host.tree.file("/var/lib/lxc/900/rootfs/etc/os-release").is_none());
    assert_eq!(said(&run(&mut host, "pct destroy 900 --purge 1")), "[0]");
    assert_eq!(host.tree.names("/dev/pve"), [""; 0]);
}

#[test]
fn a_log_takes_what_is_printed_and_its_end_is_said_where_it_fails() {
    let mut world = ContainerWorld::new(ContainerHost::openvz("pve1"));
    let exec = Exec::new(["vzctl", "start", "555"]).logged("/var/log/evenkeel/x.log");
    let reply = crate::machine::Machine::answer(&mut world, "pve1", &Request::Exec(exec));
    assert_eq!(said(&reply), "Container config file does not exist\n[14]");
    let log = world.host.tree.file("/var/log/evenkeel/x.log").unwrap().text();
    assert_eq!(log, "== 2026-11-21T12:00:00Z: vzctl start 555\nContainer config file does not exist\n");
}

#[test]
fn a_disk_that_fills_up_leaves_half_an_archive() {
    let mut host = ContainerHost::openvz("pve1");
    host.add_container(555, System::Debian12, &BTreeMap::new());
    host.tree.capacity = Some(host.tree.used() + 500_000);
    let tar = said(&run(&mut host, "tar --numeric-owner -czf /tmp/x.tar.gz -C /var/lib/vz/private/555 ."));
    assert!(tar.contains("gzip: stdout: No space left on device\n") && tar.ends_with("[2]"), "{tar}");
    let half = host.tree.file("/tmp/x.tar.gz").unwrap();
    assert!(half.len() == 500_000 && archive::unpack(half, 0).is_none());
}
