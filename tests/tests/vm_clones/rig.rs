//! A vCenter under a manifest, behind a proxy, with an engine and a transport that may be killed at any call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::{Registry, Risk};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Plan, Policy};
use evenkeel_engine::{Clock, Engine, Pruning, Run, Scope, Silent, Stop};
use evenkeel_tests::soap_proxy::{Moment, SoapProxy, Then};
use evenkeel_tests::vcsim::{PASSWORD, USER, Vcsim};
use evenkeel_transport::VsphereTransport;
use evenkeel_transport::credentials::EnvironmentCredentials;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::catalog::Catalog;
use super::points::{Place, Trail, is_write};

/// The machines that the seed's host keeps running; the vCenter is one of them.
pub(super) const VMS: [&str; 6] =
    ["avocado2", "avocado3", "avocado5", "papaya3", "support_private", "vcenter"];
pub(super) const STORE: &str = "NFS_durian";
pub(super) const RESOURCE: &str = "BackupSchedule/olive-vm-clones";

/// The clones are begun at 02:30 in Tokyo; somebody looks a minute later. This is the first night.
const FIRST: &str = "2019-09-24T17:31:00Z";
const DAY: i64 = 86_400;
/// What runs unattended every night: it removes nothing that a person has to agree to.
const POLICY: Policy = Policy::unattended(Risk::Safe);

/// A clock that a test sets.
struct Wound(AtomicI64);

impl Clock for Wound {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A vCenter under a manifest.
pub(super) struct Rig {
    pub(super) vcsim: Vcsim,
    pub(super) proxy: SoapProxy,
    clock: Arc<Wound>,
    pub(super) manifests: String,
}

impl Rig {
    /// The six machines, before the first night; `flags` are further ones of the simulator, `more` is what else the manifest
    /// says of clones.
    pub(super) fn new(flags: &[&str], more: &Value) -> Self {
        Rig::with(&json!({}), flags, more)
    }

    /// The same; `way` is what else the target's `vsphere` says.
    pub(super) fn with(way: &Value, flags: &[&str], more: &Value) -> Self {
        let vms = VMS.join(",");
        // More than a run of these tests begins and the simulator keeps: each has room for what is cloned at once.
        let own = ["-vms", &vms, "-nas", STORE, "-folders", "backup", "-free", "400"];
        let vcsim = Vcsim::start(&[&own, flags].concat());
        let proxy = SoapProxy::start(&vcsim);
        let mut clone = json!({ "vms": VMS, "datastore": STORE, "folder": "backup" });
        clone.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec = json!({
            "target": "vcenter",
            "schedule": { "cron": "30 2 * * *", "timeZone": "Asia/Tokyo" },
            "retention": { "keepLast": 3 },
            "vmClone": clone,
        });
        let mut settings = proxy.spec("vcenter");
        settings.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
        let target = json!({ "vsphere": settings });
        let manifests = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: vcenter }}\nspec: {target}\n---\n\
             apiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: olive-vm-clones }}\nspec: {spec}\n"
        );
        let first: Timestamp = FIRST.parse().unwrap();
        Rig { vcsim, proxy, clock: Arc::new(Wound(AtomicI64::new(first.as_second()))), manifests }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn next_night(&self) {
        self.pass(DAY);
    }

    /// So many seconds go by.
    pub(super) fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    fn scope(&self) -> Scope {
        let file = SourceFile { path: "site.yaml".to_owned(), bytes: self.manifests.clone().into_bytes() };
        let loaded = load(&evenkeel_drivers::registry(), &[file], &[], self.now());
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

    /// An engine with a transport of its own: nothing is left of an earlier one's session.
    fn engine(&self) -> Engine {
        let secrets = [("USERNAME", USER), ("PASSWORD", PASSWORD)];
        let secrets = secrets.map(|(key, value)| (format!("EVENKEEL_CRED_VCENTER_{key}"), value.to_owned()));
        let transport = VsphereTransport::new(Arc::new(EnvironmentCredentials::new(secrets)));
        Engine::new(Arc::new(transport), self.clock.clone(), Arc::new(Silent), Stop::default())
    }

    pub(super) async fn plan(&self) -> Plan {
        let engine = self.engine();
        let plan = engine.plan(&self.scope(), POLICY).await;
        engine.close().await;
        plan
    }

    /// What there is to tell of the schedule, in notes and in what is not well.
    pub(super) async fn told(&self) -> Vec<String> {
        let report = self.plan().await.changes.remove(0).report;
        let bad = report.health.into_iter().filter(|health| !health.good);
        bad.map(|health| format!("{}: {}", health.about, health.message)).chain(report.notes).collect()
    }

    /// What is waited for.
    pub(super) async fn waits(&self) -> Vec<String> {
        self.told().await.into_iter().filter(|told| told.starts_with("waits until")).collect()
    }

    /// A run from its login to its logout.
    pub(super) async fn run(&self) -> Run {
        let engine = self.engine();
        let run = engine.reconcile(&self.scope(), POLICY).await;
        engine.close().await;
        run
    }

    /// The places that a run comes by to which nothing happens. `there` is what is there before it.
    pub(super) async fn places(&self, there: &Catalog) -> (Run, Vec<Place>) {
        let places = Arc::new(Mutex::new(Vec::new()));
        let (noted, trail) = (Arc::clone(&places), Mutex::new(Trail::new(there.of())));
        self.proxy.hook(move |call, moment| {
            if moment == Moment::Before {
                noted.lock().unwrap().push(trail.lock().unwrap().at(call));
            }
            Then::GoOn
        });
        let run = self.run().await;
        self.proxy.unhook();
        let places = places.lock().unwrap().clone();
        (run, places)
    }

    /// Asks `then` what is to be done at these places. `there` is what is there before the run.
    pub(super) fn at(
        &self,
        places: &[Place],
        moment: Moment,
        there: &Catalog,
        then: impl Fn(&Place) -> Then + Send + Sync + 'static,
    ) {
        let (wanted, progress) = (places.to_vec(), Mutex::new((Trail::new(there.of()), None)));
        self.proxy.hook(move |call, now| {
            let place = {
                let (trail, here) = &mut *progress.lock().unwrap();
                if now == Moment::Before {
                    *here = Some(trail.at(call));
                }
                here.clone().filter(|here| now == moment && wanted.contains(here))
            };
            place.map_or(Then::GoOn, |place| then(&place))
        });
    }

    /// A run that is killed at the first of these places that it comes by, and at which: engine and transport are gone, and
    /// the session with them. Else how it ended. `there` is what is there before it.
    pub(super) async fn killed_at(
        &self,
        places: &[Place],
        moment: Moment,
        there: &Catalog,
    ) -> Result<Run, Place> {
        let (tell, mut told) = mpsc::unbounded_channel();
        self.at(places, moment, there, move |place| {
            let _ = tell.send(place.clone());
            Then::Hang
        });
        let run = tokio::select! {
            biased;
            place = told.recv() => Err(place.unwrap()),
            run = self.run() => Ok(run),
        };
        self.proxy.unhook();
        run
    }

    /// A run during which people do something: at one place, for which all calls wait.
    pub(super) async fn run_while(
        &self,
        (place, moment): (&Place, Moment),
        there: &Catalog,
        hands: impl Future<Output = ()>,
    ) -> Run {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (done, wait) = std::sync::mpsc::channel();
        let wait = Mutex::new(wait);
        self.at(std::slice::from_ref(place), moment, there, move |_| {
            let _ = tell.send(());
            let _ = wait.lock().unwrap().recv();
            Then::GoOn
        });
        let run = async {
            let run = self.run().await;
            self.proxy.unhook();
            run
        };
        let hands = async {
            told.recv().await.unwrap_or_else(|| panic!("the run did not come by {place}"));
            hands.await;
            done.send(()).unwrap();
        };
        tokio::join!(run, hands).0
    }

    /// Calls so far since the proxy forgot that change something, logging in and out apart.
    pub(super) fn writes(&self) -> Vec<String> {
        let calls = self.proxy.calls().into_iter();
        calls.filter(|method| is_write(method)).collect()
    }

    /// A further run of the night has nothing to send.
    pub(super) async fn expect_idle(&self, told: &str) -> Run {
        self.proxy.forget();
        let run = self.run().await;
        assert_eq!(run.summary.commands, 0, "{told}: {run:#?}");
        assert_eq!(self.writes(), Vec::<String>::new(), "{told}");
        run
    }
}
