//! Hosts of containers behind the lab's SSH server, tried with the OpenSSH client: programs and scripts alike ask the lab.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use evenkeel_core::request::{LOGGED, shell_quote};
use evenkeel_drivers::containers::{host, openvz, scripts};
use evenkeel_lab::containers::VZ_CONF;
use evenkeel_lab::server::{Lab, LabConfig};
use evenkeel_lab::site;

struct Running {
    lab: Lab,
    _dir: tempfile::TempDir,
}

fn start() -> Running {
    let dir = tempfile::tempdir().unwrap();
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_evenkeel-lab"));
    let targets = vec![site::openvz_host(0), site::openvz_host(1), site::pve_host(0)];
    let config = LabConfig { dir: dir.path().to_owned(), shim, targets };
    Running { lab: Lab::start(config).unwrap(), _dir: dir }
}

impl Running {
    fn ssh(&self, target: &str, command: &str, input: &str) -> Output {
        let mut child = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "IdentityAgent=none", "-o", "ConnectTimeout=60"])
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", self.lab.known_hosts().display()))
            .arg("-i")
            .arg(self.lab.client_key())
            .args(["-p", &self.lab.address(target).unwrap().port().to_string()])
            .args(["root@127.0.0.1", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the OpenSSH client is missing: apt-get install openssh-client");
        // A command that reads nothing may have ended before.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What it printed, where it went well.
    fn out(&self, target: &str, command: &str, input: &str) -> String {
        let output = self.ssh(target, command, input);
        assert!(output.status.success(), "{command}: {output:?}");
        text(&output.stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn programs_and_scripts_are_the_labs_and_get_their_input() {
    let running = start();
    let missing = running.ssh("ovz1", "vzctl create 555 --ostemplate scientific-6-standard_6.0_i386", "");
    assert_eq!(missing.status.code(), Some(63));
    assert!(
        text(&missing.stderr).contains("Error: Not enough parameters, diskspace quota not set\n"),
        "{missing:?}"
    );
    running.lab.with_container_host("ovz1", |host| {
        host.tree.put(
            "/etc/vz/vz.conf",
            format!("{VZ_CONF}DISKSPACE=\"20G:22G\"\nDISKINODES=\"400000:440000\"\n"),
        );
    });
    let told = running.out("ovz1", "sh -s", &openvz::LOOK.text);
    assert!(told.starts_with("template /var/lib/vz/template\n") && told.ends_with("\nend\n"), "{told}");
    let told = running.out("ovz1", "sh -s /var/lib/vz/template/cache", &host::LOOK.text);
    assert!(
        told.contains(" Sabayon_Linux_SpinBase_5.4_x86_openvz.tar.gz\n")
            && told.contains("\npve 1.7-10\nend\n"),
        "{told}"
    );
    assert_eq!(running.ssh("ovz1", "pct list", "").status.code(), Some(127));
    assert!(running.out("node1", "pveversion", "").starts_with("pve-manager/9.1.99/"));
}

#[test]
fn what_is_run_in_a_container_reads_its_script_and_a_log_takes_what_it_prints() {
    let running = start();
    running.out("ovz2", "vzctl create 555 --ostemplate scientific-6-standard_6.0_i386", "");
    running.out("ovz2", "vzctl set 555 --ipadd 10.0.0.9 --save && vzctl start 555", "");
    let line = "sh -s install php";
    let log = "/var/log/evenkeel/x.log";
    let logged = format!("sh -c {} sh {log} vzctl exec2 555 {}", shell_quote(LOGGED), shell_quote(line));
    let output = running.ssh("ovz2", &logged, &scripts::PACKAGES.text);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let told = running.out("ovz2", &format!("cat {log}"), "");
    assert!(
        told.contains(": vzctl exec2 555 sh -s install php\n") && told.ends_with("php 1 is installed\n"),
        "{told}"
    );
    let failed = running.ssh("ovz2", &logged.replace("php", "phq"), &scripts::PACKAGES.text);
    assert!(text(&failed.stderr).contains("no such package: phq\n"), "{failed:?}");
    assert!(
        text(&running.ssh("ovz2", "vzlist", "").stdout).contains("       555         21 running   10.0.0.9")
    );
}
