//! A Windows host behind the lab's SSH server, over the real transport: scripts run in its PowerShell and nowhere else, and
//! the network sees what it does to its own network.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::{Exec, PowerShell, Reply, Request, Script};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{Transport, TransportError, TransportErrorKind};
use evenkeel_lab::server::{Fault, Lab, LabConfig, LabTarget};
use evenkeel_lab::site;
use evenkeel_lab::windows::{Edition, Model, Port, Release, WindowsHost};
use evenkeel_transport::credentials::{CredentialChain, Credentials};
use evenkeel_transport::{SshOptions, SshTransport};
use serde_json::{Value, json};

const ENOUGH: Duration = Duration::from_mins(1);

struct Running {
    lab: Lab,
    transport: SshTransport,
    target: Arc<Target>,
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

fn start(target: LabTarget) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_evenkeel-lab"));
    let lab = Lab::start(LabConfig { dir: dir.path().to_owned(), shim, targets: vec![target] }).unwrap();
    let file = SourceFile { path: "site.yaml".to_owned(), bytes: lab.manifests().into_bytes() };
    let mut loaded = load(&evenkeel_drivers::registry(), &[file], &[], jiff::Timestamp::now());
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let target = loaded.targets.pop_first().map(|(_, target)| target).unwrap();
    let credentials: Arc<dyn Credentials> = Arc::new(CredentialChain::new(Vec::new()));
    let transport = SshTransport::new(SshOptions::isolated(dir.path(), "root"), credentials);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Running { lab, transport, target, runtime, dir }
}

type Answer = Result<Reply, TransportError>;

impl Running {
    fn exchange(&self, requests: &[Request]) -> Vec<Answer> {
        self.runtime.block_on(self.transport.exchange(&self.target, requests))
    }

    fn run(&self, text: &'static str, input: Value) -> Answer {
        self.exchange(&[script(text, input)]).pop().unwrap()
    }

    /// Asks until it can be reached, or cannot.
    fn await_answer(&self, is_there: bool) -> Answer {
        let begin = Instant::now();
        loop {
            self.runtime.block_on(async { self.transport.renew(&self.target).await });
            let answer = self.run("1", json!({}));
            if answer.is_ok() == is_there || begin.elapsed() > ENOUGH {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn by_hand(&self, words: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_evenkeel-lab"))
            .args(["run", "--dir", &self.dir.path().to_string_lossy(), &self.target.name, "hvlab"])
            .args(words)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

fn script(text: &'static str, input: Value) -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("test.ps1", text), input)))
}

fn told(answer: &Answer) -> Value {
    let reply = answer.as_ref().unwrap();
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
    serde_json::from_slice(&reply.stdout).unwrap()
}

fn kind(answer: &Answer) -> Option<TransportErrorKind> {
    answer.as_ref().err().map(|error| error.kind)
}

#[test]
fn scripts_run_in_its_powershell_in_any_language_and_in_order() {
    for edition in [Edition::Desktop, Edition::Core] {
        let host = WindowsHost::new("HV", Release::Ws2022, edition)
            .add_nic("イーサネット 2", Model::ConnectX5, Port::new(Some(10), []))
            .add_nic("Bob's \"NIC\"; $x", Model::ConnectX5, Port::unplugged());
        let running = start(LabTarget::windows_host("hv", host));
        let names = json!(["イーサネット 2é", "Bob's \"NIC\"; $xé"]);
        let list = "param($Wanted)\n@{ names = @(Get-NetAdapter | ForEach-Object { \"$($_.Name)$($Wanted.mark)\" }) }\n";
        let answers = running.exchange(&[
            script(list, json!({ "mark": "é" })),
            script("param($Wanted)\nthrow \"no $($Wanted.what)\"\n", json!({ "what": "管理" })),
            script(list, json!({ "mark": "" })),
        ]);
        assert_eq!(told(&answers[0]), json!({ "names": names }));
        let failed = answers[1].as_ref().unwrap();
        assert_eq!(failed.exit, 1);
        assert!(failed.stderr_text().contains("no 管理"), "{failed:?}");
        assert_eq!(told(&answers[2])["names"][0], "イーサネット 2");
        assert_eq!(running.lab.commands("hv").len(), 1, "a round is one session");
    }
}

#[test]
fn it_has_no_other_shell() {
    let running = start(site::hyperv_host(0, 1));
    let answers = running.exchange(&[Request::Exec(Exec::new(["zfs", "list"]))]);
    assert_eq!(kind(&answers[0]), Some(TransportErrorKind::NoShell), "{answers:?}");
    let (ok, said) = running.by_hand(&["dance"]);
    assert!(!ok && said.starts_with("hvlab unplug NIC | "), "{said}");
    let (ok, said) = running.by_hand(&["by-hand", "(Get-NetAdapter -Name NIC4).Status"]);
    assert_eq!((ok, said.as_str()), (true, "\"Disconnected\"\n"));
    let (ok, said) = running.by_hand(&["by-hand", "Restart-NetAdapter -Name NIC9"]);
    assert!(!ok && said.contains("NIC9"), "{said}");
}

#[test]
fn whoever_cuts_its_network_is_cut_off_and_comes_back_with_it() {
    let running = start(site::hyperv_host(1, 1));
    assert_eq!(told(&running.run("1", json!({}))), 1);
    // The answer goes the way that is not there any more.
    let cut = running.run("Disable-NetAdapter -Name NIC1 -Confirm:$false\n1", json!({}));
    assert_eq!(kind(&cut), Some(TransportErrorKind::ConnectionLost), "{cut:?}");
    let gone = running.await_answer(false);
    assert!(kind(&gone).is_some_and(TransportErrorKind::loses_target), "{gone:?}");
    let commands = running.lab.commands("hv02").len();
    assert!(running.run("1", json!({})).is_err());
    assert_eq!(running.lab.commands("hv02").len(), commands, "nobody got in");
    assert!(running.by_hand(&["by-hand", "Enable-NetAdapter -Name NIC1"]).0);
    assert_eq!(told(&running.await_answer(true)), 1);
    // A cable that is pulled cuts those who are there, too.
    assert!(running.by_hand(&["unplug", "NIC1"]).0);
    assert!(running.await_answer(false).is_err());
    assert!(running.by_hand(&["plug", "NIC1"]).0);
    assert_eq!(told(&running.await_answer(true)), 1);
}

#[test]
fn its_clock_goes_on_and_its_tasks_run_while_nobody_talks_to_it() {
    let running = start(site::hyperv_host(1, 600));
    let armed = running.run(
        "$encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes('Enable-NetAdapter -Name NIC1'))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument \"-NoProfile -NonInteractive -EncodedCommand $encoded\"
$trigger = New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds(600))
Register-ScheduledTask -TaskPath '\\Evenkeel\\' -TaskName 'Guard' -Action $action -Trigger $trigger -Force | Out-Null
Disable-NetAdapter -Name NIC1 -Confirm:$false
1",
        json!({}),
    );
    assert_eq!(kind(&armed), Some(TransportErrorKind::ConnectionLost), "{armed:?}");
    assert_eq!(told(&running.await_answer(true)), 1, "the task has put it back");
}

#[test]
fn faults_of_the_line_are_those_of_other_hosts() {
    let running = start(site::hyperv_host(0, 1));
    running.lab.inject("hv01", Fault::DropBefore);
    assert_eq!(kind(&running.run("1", json!({}))), Some(TransportErrorKind::ConnectionLost));
    running.lab.inject("hv01", Fault::DropAfter(20));
    assert_eq!(kind(&running.run("1", json!({}))), Some(TransportErrorKind::ConnectionLost));
    running.lab.inject("hv01", Fault::Garbage(b"Welcome to HV01\r\n".to_vec()));
    assert_eq!(told(&running.run("1", json!({}))), 1, "what a profile says is not the answer");
}
