//! The dump host behind the lab's SSH server, tried with the OpenSSH client: real dumps, and the same words as in memory.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use evenkeel_drivers::vzdump::{DUMP, FACTS};
use evenkeel_lab::server::{Lab, LabConfig};
use evenkeel_lab::site;
use evenkeel_lab::vzdump::{Archive, DumpHost, Trouble};

struct Running {
    lab: Lab,
    dir: tempfile::TempDir,
}

fn start() -> Running {
    let dir = tempfile::tempdir().unwrap();
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_evenkeel-lab"));
    let targets = vec![site::dump_host(0, 100_000), site::dump_host(1, 100_000)];
    let config = LabConfig { dir: dir.path().to_owned(), shim, targets };
    Running { lab: Lab::start(config).unwrap(), dir }
}

impl Running {
    fn ssh(&self, target: &str, command: &str) -> Output {
        Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "IdentityAgent=none", "-o", "ConnectTimeout=60"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.lab.known_hosts().display()))
            .arg("-i")
            .arg(self.lab.client_key())
            .args(["-p", &self.lab.address(target).unwrap().port().to_string()])
            .args(["root@127.0.0.1", command])
            .stdin(Stdio::null())
            .output()
            .expect("the OpenSSH client is missing: apt-get install openssh-client")
    }

    fn switch(&self, target: &str, file: &str, text: &str) {
        fs::write(self.lab.state(target).join(file), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_dump_streams_to_standard_output_and_comes_back_as_a_guest() {
    let running = start();
    running.switch("pve1", "size/102", "5000000");
    let file = running.path("db1.tar");
    for (target, dump, back) in [
        ("pve1", "vzdump --stdout --snapshot 102", format!("vzrestore {file} 900")),
        (
            "pve2",
            "vzdump 102 --mode snapshot --compress zstd --stdout 1",
            format!("pct restore 900 {file} --storage local"),
        ),
    ] {
        let dumped = running.ssh(target, dump);
        assert!(
            dumped.status.success() && text(&dumped.stderr).contains("Finished Backup of VM 102 ("),
            "{dumped:?}"
        );
        assert_eq!(dumped.stdout.len(), if target == "pve1" { 5_000_000 } else { 100_000 });
        assert_eq!(Archive::read(dumped.stdout.as_slice()).unwrap().name, "db1");
        fs::write(&file, &dumped.stdout).unwrap();
        let restored = running.ssh(target, &back);
        assert!(restored.status.success(), "{restored:?}");
        let again = running.ssh(target, &back);
        assert!(!again.status.success() && text(&again.stderr).contains("already exists"), "{again:?}");
        let name = running.lab.with_dump_host(target, |host| host.guests[&900].name.clone());
        assert_eq!(name.as_deref(), Some("db1"));
        fs::write(&file, &dumped.stdout[..4000]).unwrap();
        assert!(!running.ssh(target, &back.replace("900", "901")).status.success(), "half a dump is none");
    }
}

#[test]
fn a_failing_dump_is_switched_on_by_a_file() {
    let running = start();
    for (target, dump, exit) in [("pve1", "vzdump --stdout 101", 0), ("pve2", "vzdump 101 --stdout 1", 255)] {
        running.switch(target, "fail/101", "error\n");
        let failed = running.ssh(target, dump);
        assert_eq!(failed.status.code(), Some(exit), "{target}");
        assert!(
            text(&failed.stderr).contains("ERROR: Backup of VM 101 failed") && failed.stdout.len() == 50_000
        );
        running.switch(target, "fail/101", "dies");
        let died = running.ssh(target, dump);
        assert_eq!((died.status.code(), died.stdout.len()), (Some(1), 50_000));
        fs::remove_file(running.lab.state(target).join("fail/101")).unwrap();
        assert!(text(&running.ssh(target, dump).stderr).contains("Finished Backup of VM 101 ("));
    }
}

#[test]
fn a_dump_into_a_folder_is_a_file_and_the_old_version_removes_the_one_before() {
    let running = start();
    let folder = running.path("work");
    fs::create_dir(&folder).unwrap();
    let earlier = format!("{folder}/vzdump-openvz-101-2026_01_01-02_00_00.tar");
    fs::write(&earlier, "older").unwrap();
    let kept = running.ssh("pve1", &format!("vzdump --dumpdir {folder} --maxfiles 1000 --snapshot 101"));
    assert!(kept.status.success() && fs::exists(&earlier).unwrap(), "{kept:?}");
    let names = || -> Vec<String> {
        fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    assert!(
        names().iter().any(|name| name.strip_suffix(".log").is_some()) && names().len() == 3,
        "{:?}",
        names()
    );
    running.ssh("pve1", &format!("vzdump --dumpdir {folder} --snapshot 101"));
    assert!(!fs::exists(&earlier).unwrap(), "{:?}", names());
    let dumps: Vec<String> = names().into_iter().filter(|name| name.strip_suffix(".tar").is_some()).collect();
    assert_eq!(dumps.len(), 1, "{dumps:?}");
    Archive::read(fs::read(format!("{folder}/{}", dumps[0])).unwrap().as_slice()).unwrap();
    let missing = running.ssh("pve1", "vzdump --dumpdir /nonexistent/dumps 101");
    assert!(text(&missing.stderr).contains("ERROR: "), "{missing:?}");
}

#[test]
fn guests_come_and_go_by_hand() {
    let running = start();
    let listed = |target: &str, command: &str| text(&running.ssh(target, command).stdout);
    assert_eq!(listed("pve1", "vzlist -1"), "       101\n       102\n       103\n");
    assert!(running.ssh("pve1", "vzctl start 104 && vzctl stop 101").status.success());
    assert_eq!(listed("pve1", "vzlist -1"), "       102\n       103\n       104\n");
    assert!(listed("pve2", "pct list").contains("\n104        stopped                 test1"));
    assert!(
        listed("pve2", "pvesh get /cluster/resources --type vm --output-format json")
            .contains("\"vmid\":104")
    );
    assert_eq!(running.ssh("pve2", "vzlist").status.code(), Some(127));
}

/// The scripts that the driver sends, in a real shell behind SSH and acted out in memory: the same answers and files.
#[test]
fn the_real_shell_and_the_simulated_one_agree() {
    let running = start();
    let work = running.path("work");
    fs::create_dir(&work).unwrap();
    for target in ["pve1", "pve2"] {
        let mut host = running.lab.with_dump_host(target, |host| host.clone()).unwrap();
        host.files.make_folder_by_hand(&work);
        let vzdump = |folder: &str| match target {
            "pve1" => format!("vzdump --dumpdir {folder}/new --maxfiles 1000 --snapshot 101"),
            _ => format!("vzdump 101 --dumpdir {folder}/new --mode snapshot --compress zstd --remove 0"),
        };
        let folder = format!("{work}/evenkeel/{target}/101");
        let dump = format!("{folder} archive 2 101 {}", vzdump(&folder));
        let run = |host: &mut DumpHost, script: &str, words: &str| {
            let quoted = script.replace('\'', "'\\''");
            let name = if words.is_empty() { "" } else { "evenkeel-dump" };
            let real = running.ssh(target, &format!("sh -c '{quoted}' {name} {words}"));
            let words = words.split(' ').filter(|word| !word.is_empty());
            let name = (!name.is_empty()).then_some(name);
            let command = ["sh", "-c", script].into_iter().chain(name).chain(words).map(str::to_owned);
            let simulated = host.run(&command.collect::<Vec<_>>(), jiff::Timestamp::now());
            assert_eq!(real.status.code(), Some(simulated.exit), "{target}: {real:?} {simulated:?}");
            assert_eq!(text(&real.stdout), text(&simulated.stdout), "{target}");
        };
        let files = |host: &DumpHost| {
            let real: BTreeSet<String> = fs::read_dir(&folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            let simulated: BTreeSet<String> = host
                .files
                .files(&folder)
                .iter()
                .map(|path| path.strip_prefix(&format!("{folder}/")).unwrap().to_owned())
                .collect();
            assert_eq!(real, simulated, "{target}");
            real
        };
        run(&mut host, FACTS, "");
        for (trouble, word, left) in [
            (None, "", ["archive", "out.log"]),
            (Some(Trouble::Error), "error", ["failed.2", "out.log"]),
            (Some(Trouble::Dies), "dies", ["failed.2", "out.log"]),
        ] {
            running.switch(target, "fail/101", word);
            host.guests.get_mut(&101).unwrap().trouble = trouble;
            run(&mut host, DUMP, &dump);
            assert_eq!(files(&host), BTreeSet::from(left.map(str::to_owned)));
        }
        running.switch(target, "fail/101", "");
        host.guests.get_mut(&101).unwrap().trouble = None;
        run(&mut host, DUMP, &dump);
        let archive = Archive::read(fs::read(format!("{folder}/archive")).unwrap().as_slice()).unwrap();
        assert_eq!((archive.id, archive.len()), (101, 100_000));
    }
}
