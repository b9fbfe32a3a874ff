//! A simulated vCenter under a manifest, with an engine that may be killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Plan, Policy};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_lab::machine::Machine;
use evenkeel_lab::shared::Shared;
use evenkeel_lab::sim_transport::SimTransport;
use evenkeel_lab::vsphere::{VM_FOLDER, Vcenter};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ledger::Ledger;

const POLICY: Policy = Policy::allowing(Risk::Destructive);
pub(crate) const STORE: &str = "NFS_durian";
const TARGET: &str = "olive";
/// The six machines of the old script's list.
pub(crate) const VMS: [&str; 6] = ["avocado2", "banana", "cherry", "date", "elderberry", "fig"];
/// The night's clones are begun at 02:30 in Tokyo; a minute later somebody looks.
const FIRST: &str = "2019-09-24T17:31:00Z";
const DAY: i64 = 86_400;

/// A clock that a test sets.
struct Wound(AtomicI64);

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A vCenter under a manifest.
pub(crate) struct Rig {
    pub(crate) vcenter: Shared<Vcenter>,
    pub(crate) line: Arc<SimTransport>,
    pub(crate) ledger: Ledger,
    clock: Arc<Wound>,
    manifests: String,
}

impl Rig {
    /// The six machines on a datastore of their own, before the first night.
    pub(crate) fn new(more: &Value) -> Self {
        let first: Timestamp = FIRST.parse().unwrap();
        let mut vcenter = Vcenter::new(first);
        vcenter.add_store("LocalDS_0", 1_000);
        vcenter.add_store(STORE, 1_000);
        vcenter.add_folder("backup", VM_FOLDER);
        for name in VMS {
            vcenter.add_vm(name, "LocalDS_0", 20);
        }
        let mut clone = json!({ "vms": VMS, "datastore": STORE, "folder": "backup" });
        clone.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = json!({
            "target": TARGET,
            // A machine may break off a clone on every one of some runs.
            "schedule": { "cron": "30 2 * * *", "timeZone": "Asia/Tokyo", "attempts": 50 },
            "retention": { "keepLast": 3 },
            "vmClone": clone,
        });
        let target = json!({ "vsphere": { "host": TARGET, "credentialsRef": "vcenter" } });
        let manifests = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {TARGET} }}\nspec: {target}\n---\napiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: olive-vm-clones }}\nspec: {spec}\n"
        );
        let ledger = Ledger::of(&vcenter);
        Rig::around(vcenter, ledger, first.as_second(), manifests)
    }

    fn around(vcenter: Vcenter, ledger: Ledger, now: i64, manifests: String) -> Self {
        let vcenter = Shared::new(vcenter);
        let machine: Box<dyn Machine> = Box::new(vcenter.clone());
        let line = Arc::new(SimTransport::new(BTreeMap::from([(TARGET.to_owned(), machine)])));
        Rig { vcenter, line, ledger, clock: Arc::new(Wound(AtomicI64::new(now))), manifests }
    }

    /// Another one in the same state.
    pub(crate) fn copy(&self) -> Self {
        let vcenter = self.vcenter.lock().clone();
        Rig::around(vcenter, self.ledger.clone(), self.now(), self.manifests.clone())
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// The next night comes. On the day before it people worked on all machines.
    pub(crate) fn next_night(&mut self) {
        let now = self.now() + DAY;
        self.clock.0.store(now, Ordering::Relaxed);
        let mut vcenter = self.vcenter.lock();
        vcenter.now = vcenter.now.max(now);
        let ids: Vec<String> = VMS
            .iter()
            .flat_map(|name| vcenter.named(name).map(|(id, _)| id.to_owned()).collect::<Vec<_>>())
            .collect();
        for id in &ids {
            vcenter.write_by_hand(id);
        }
        self.ledger.evening(&vcenter);
    }

    fn scope(&self) -> Scope {
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: self.manifests.clone().into_bytes() };
        let loaded = load(&evenkeel_drivers::registry(), &[file], &[], self.clock.now());
        assert!(!loaded.has_errors(), "{:#?}\n{}", loaded.diagnostics, self.manifests);
        Scope {
            targets: loaded.targets,
            beside: BTreeMap::new(),
            instances: loaded.instances,
            context: Vec::new(),
            prunable: Registry::default(),
            pruning: Pruning::default(),
        }
    }

    fn engine(&self) -> Engine {
        Engine::new(self.line.clone(), self.clock.clone(), Arc::new(Silent), Stop::default())
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.engine().plan(&self.scope(), POLICY).await
    }

    /// A run; `None` where it was killed within the request number `after`.
    pub(crate) async fn reconcile(&self, after: Option<usize>) -> Option<Run> {
        self.line.kill_after(after);
        let (engine, scope) = (self.engine(), self.scope());
        let run = tokio::select! {
            biased;
            run = engine.reconcile(&scope, POLICY) => Some(run),
            () = self.line.killed() => None,
        };
        self.line.kill_after(None);
        run
    }

    /// So much time goes by that what the server still does comes to its end.
    pub(crate) fn pass(&self) {
        self.line.with_machine(TARGET, |machine| machine.pass());
    }

    /// Runs until nothing is left to do: the last run sent nothing.
    pub(crate) async fn settles(&self, told: &str) -> Run {
        for _ in 0..8 {
            self.pass();
            let run = self.reconcile(None).await.unwrap();
            if run.summary.commands == 0 {
                return run;
            }
            self.ledger.expect_safe(&self.vcenter.lock(), told);
        }
        panic!("{told}: it does not settle: {:#?}", self.plan().await);
    }

    /// How many requests a run sends that nothing happens to.
    pub(crate) async fn requests(&self) -> usize {
        let copy = self.copy();
        copy.reconcile(None).await.unwrap();
        copy.line.take_log().len()
    }
}
