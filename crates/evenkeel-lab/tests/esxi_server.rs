//! An ESXi host behind the lab's SSH server, brought to a path policy by the engine over the real transport.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Policy};
use evenkeel_engine::{Engine, Pruning, Run, Scope, Silent, Stop, SystemClock, Verdict};
use evenkeel_lab::server::{Lab, LabConfig, LabTarget};
use evenkeel_lab::site;
use evenkeel_transport::credentials::{CredentialChain, Credentials};
use evenkeel_transport::{SshOptions, SshTransport};

const POLICY: Policy = Policy::allowing(Risk::Disruptive);

const MANIFEST: &str = "---
apiVersion: evenkeel.dev/v1alpha1
kind: EsxiPathPolicy
metadata: { name: svc }
spec:
  targetSelector: { matchLabels: { role: esxi, cluster: lab } }
  devices: { satp: VMW_SATP_SVC }
  pathSelectionPolicy: VMW_PSP_RR
  default: true
";

struct Running {
    lab: Lab,
    engine: Engine,
    scope: Scope,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

fn start(targets: Vec<LabTarget>) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let shim = PathBuf::from(env!("CARGO_BIN_EXE_evenkeel-lab"));
    let lab = Lab::start(LabConfig { dir: dir.path().to_owned(), shim, targets }).unwrap();
    let bytes = format!("{}{MANIFEST}", lab.manifests()).into_bytes();
    let file = SourceFile { path: "site.yaml".to_owned(), bytes };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], jiff::Timestamp::now());
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let credentials: Arc<dyn Credentials> = Arc::new(CredentialChain::new(Vec::new()));
    let transport = SshTransport::new(SshOptions::isolated(dir.path(), "root"), credentials);
    let engine = Engine::new(Arc::new(transport), Arc::new(SystemClock), Arc::new(Silent), Stop::default());
    let scope = Scope {
        targets: loaded.targets,
        beside: BTreeMap::new(),
        instances: loaded.instances,
        context: Vec::new(),
        prunable: Registry::default(),
        pruning: Pruning::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    Running { lab, engine, scope, runtime, _dir: dir }
}

impl Running {
    fn apply(&self) -> Run {
        self.runtime.block_on(self.engine.reconcile(&self.scope, POLICY))
    }

    /// How many disks have Round Robin.
    fn in_turn(&self, host: &str) -> usize {
        let count = |host: &mut evenkeel_lab::esxi::EsxHost| {
            host.devices().filter(|device| device.psp == "VMW_PSP_RR").count()
        };
        self.lab.with_esx_host(host, count).unwrap()
    }
}

#[test]
fn two_hundred_disks_are_planned_and_changed_over_ssh() {
    let running = start(vec![site::esx_host(2, 200)]);
    let plan = running.runtime.block_on(running.engine.plan(&running.scope, POLICY));
    let change = &plan.changes[0];
    assert_eq!((change.action, &change.error), (Action::Update, &None));
    let devices = change.fields.iter().filter(|field| field.change.path.is_within("devices"));
    assert_eq!(devices.count(), 200, "{:?}", change.notes);
    let asked = running.lab.commands("plum");
    assert!(asked.iter().all(|argv| !argv.iter().any(|word| word == "set")), "a plan only reads: {asked:?}");

    let run = running.apply();
    assert_eq!(run.outcomes[0].verdict, Verdict::Applied);
    assert_eq!(running.in_turn("plum"), 200, "the boot disk is left alone");
    assert_eq!(running.apply().summary.commands, 0);
}

#[test]
fn a_host_that_goes_down_in_the_middle_ends_the_run_and_is_taken_up_again() {
    let mut target = site::esx_host(1, 20);
    target.downtime = Duration::from_millis(500);
    let running = start(vec![target]);
    // The LUNs have FIXED by hand here, so that they keep it when the host comes up.
    running.lab.with_esx_host("lime", |host| host.reboot_after(7));
    let run = running.apply();
    let verdict = &run.outcomes[0].verdict;
    assert!(matches!(verdict, Verdict::Failed { .. } | Verdict::Unknown { .. }), "{verdict:?}");
    let done = running.in_turn("lime");
    assert!((1..20).contains(&done), "{done}");
    let begin = Instant::now();
    let verdict = loop {
        let verdict = running.apply().outcomes.remove(0).verdict;
        if verdict == Verdict::Applied || begin.elapsed() > Duration::from_mins(1) {
            break verdict;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!((verdict, running.in_turn("lime")), (Verdict::Applied, 20));
    assert_eq!(running.apply().summary.commands, 0);
}
