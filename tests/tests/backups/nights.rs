//! Night after night, in a clock that the test owns: the engine over the real transports.

use std::fs;
use std::sync::{Arc, Mutex};

use evenkeel_core::driver::Health;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Change, Policy};
use evenkeel_engine::{Clock, Engine, Run, Scope, Silent, Stop, Verdict};
use evenkeel_tests::backups::{BackupSite, DUMPS, is_dump};
use evenkeel_tests::ftpd;
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{LocalTransport, Router, SshOptions, SshTransport};
use jiff::{SignedDuration, Timestamp};

/// A clock that stands still until it is set.
struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A site whose nights are played.
pub(crate) struct Nights {
    pub(crate) site: BackupSite,
    clock: Arc<Hand>,
    engine: Engine,
}

/// Half past two in the morning of day 0, in Tokyo: half an hour after the slot.
fn first() -> Timestamp {
    "2026-11-01T02:30:00+09:00".parse().unwrap()
}

impl Nights {
    pub(crate) fn of(site: BackupSite) -> Self {
        let variables = [("EVENKEEL_CRED_LINKSTATION_PASSWORD".to_owned(), ftpd::PASSWORD.to_owned())];
        let credentials = Arc::new(EnvironmentCredentials::new(variables));
        let mut options = SshOptions::from_env();
        options.config_files = vec![site.ssh_config()];
        options.agent_socket = None;
        let ssh = Arc::new(SshTransport::new(options, Arc::clone(&credentials) as _));
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials) as _));
        let router = Arc::new(Router::new(&ssh, local, credentials as _));
        let clock = Arc::new(Hand(Mutex::new(first())));
        let engine = Engine::new(router, Arc::clone(&clock) as _, Arc::new(Silent), Stop::default());
        Nights { site, clock, engine }
    }

    pub(crate) fn set(&self, day: i64, hours: i64) {
        let at = first() + SignedDuration::from_hours(24 * day + hours);
        *self.clock.0.lock().unwrap() = at;
    }

    fn scope(&self) -> Scope {
        let work = self.site.site.work.path();
        let read = |name: &str| {
            let path = work.join(name);
            SourceFile { path: name.to_owned(), bytes: fs::read(path).unwrap() }
        };
        let manifests = [read("targets.yaml"), read("backup.yaml")];
        let registry = evenkeel_drivers::registry();
        let loaded = load(&registry, &manifests, &[read("values.yaml")], self.clock.now());
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        Scope { targets: loaded.targets, instances: loaded.instances, ..Scope::default() }
    }

    /// One look and what follows from it.
    pub(crate) async fn reconcile(&self) -> Run {
        self.engine.reconcile(&self.scope(), Policy::default()).await
    }

    /// What a plan would be.
    pub(crate) async fn look(&self) -> Change {
        self.engine.plan(&self.scope(), Policy::default()).await.changes.remove(0)
    }

    /// A night: as many tries as a controller would make, and a look in the morning.
    pub(crate) async fn night(&self, day: i64) -> Change {
        self.set(day, 0);
        for _ in 0..12 {
            let run = self.reconcile().await;
            if matches!(run.outcomes[0].verdict, Verdict::Unchanged | Verdict::Applied) {
                break;
            }
        }
        self.look().await
    }

    /// The days of the nights in the NAS's folders, by folder.
    pub(crate) fn kept(&self) -> Vec<(String, String)> {
        let folder = self.site.nas(DUMPS);
        let slot = |name: &String| {
            let text = fs::read_to_string(folder.join(name).join("evenkeel.json")).ok()?;
            let record: serde_json::Value = serde_json::from_str(&text).unwrap();
            Some((name.clone(), record["slot"].as_str().unwrap().to_owned()))
        };
        BackupSite::names(&folder).iter().filter_map(slot).collect()
    }

    pub(crate) fn slots(&self) -> Vec<String> {
        let mut slots: Vec<String> = self.kept().into_iter().map(|(_, slot)| slot).collect();
        slots.sort();
        slots
    }
}

pub(crate) fn trouble(change: &Change) -> Option<&Health> {
    change.report.trouble()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nights_of_failing_dumps_leave_ten_good_ones_and_a_loud_condition() {
    let nights = Nights::of(BackupSite::of_example("backup-vzdump"));
    for day in 0..12 {
        let morning = nights.night(day).await;
        assert!(trouble(&morning).is_none(), "day {day}: {:?}", trouble(&morning));
    }
    let names: Vec<String> = nights.kept().into_iter().map(|(name, _)| name).collect();
    let expected: Vec<String> = (0..10).map(|n| format!("daily.{n}")).collect();
    assert_eq!(names, expected, "ten are kept, daily.0 is the newest");
    let good = nights.slots();
    assert_eq!(nights.kept()[0].1, good[9]);

    for (guest, how) in [(101, "error"), (102, "dies"), (103, "error")] {
        nights.site.fail("pve1", guest, Some(how));
    }
    let mut messages = Vec::new();
    for day in 12..22 {
        let morning = nights.night(day).await;
        let health = trouble(&morning).unwrap_or_else(|| panic!("day {day} is quiet: {morning:#?}"));
        messages.push(health.message.clone());
        assert_eq!(nights.slots(), good, "day {day}");
    }
    let loud = messages.last().unwrap();
    assert!(messages.iter().any(|m| m.contains("newest verified")), "{messages:#?}");
    assert!(loud.contains("10d") || loud.contains("1w3d") || loud.contains("240"), "{loud}");

    for guest in [101, 102, 103] {
        nights.site.fail("pve1", guest, None);
    }
    let morning = nights.night(22).await;
    assert!(trouble(&morning).is_none(), "{:?}", trouble(&morning));
    let slots = nights.slots();
    assert_eq!(slots.len(), 10);
    assert_eq!(slots[..9], good[1..], "the oldest made room for the new one");
    let leftovers = BackupSite::names(&nights.site.nas(DUMPS));
    assert_eq!(leftovers.len(), 10, "nothing else is left: {leftovers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_guest_that_fails_costs_the_others_nothing() {
    let nights = Nights::of(BackupSite::of_example("backup-vzdump"));
    nights.night(0).await;
    nights.site.fail("pve1", 102, Some("error"));
    for day in 1..13 {
        let morning = nights.night(day).await;
        let health = trouble(&morning).expect("it is told");
        assert!(health.message.contains("102"), "{}", health.message);
    }
    let of = |guest: &str| {
        let folder = nights.site.nas(DUMPS);
        let count = |name: &String| {
            let names = BackupSite::names(&folder.join(name));
            names.iter().filter(|n| is_dump(n) && n.contains(&format!("-{guest}-"))).count()
        };
        BackupSite::names(&folder).iter().map(count).sum::<usize>()
    };
    assert_eq!((of("101"), of("102"), of("103")), (10, 1, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_go_elsewhere_and_catch_up_after_an_outage() {
    let mut nights = Nights::of(BackupSite::of_example("backup-offsite"));
    nights.night(0).await;
    let elsewhere = nights.site.elsewhere("backup/pve1");
    assert_eq!(BackupSite::names(&elsewhere), nights.slots().iter().map(String::as_str).collect::<Vec<_>>());

    nights.site.offsite.stop();
    for day in 1..3 {
        let morning = nights.night(day).await;
        let health = trouble(&morning).expect("the other place does not answer");
        assert!(health.about.ends_with("/offsite"), "{health:?}");
    }
    assert_eq!(nights.slots().len(), 3, "the nights went on");
    nights.site.offsite.start_again();
    let morning = nights.night(3).await;
    assert!(trouble(&morning).is_none(), "{:?}", trouble(&morning));
    assert_eq!(BackupSite::names(&elsewhere), nights.slots());
    for slot in nights.slots() {
        let (here, there) = (nights.site.nas(DUMPS).join(&slot), elsewhere.join(&slot));
        let archives = |names: Vec<String>| names.into_iter().filter(|n| is_dump(n)).collect::<Vec<_>>();
        let names = archives(BackupSite::names(&here));
        assert_eq!(names.len(), 3);
        assert_eq!(names, archives(BackupSite::names(&there)));
        for name in names {
            assert_eq!(fs::read(here.join(&name)).unwrap(), fs::read(there.join(&name)).unwrap(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folders_of_an_older_script_are_carried_along_and_never_removed() {
    let nights = Nights::of(BackupSite::of_example("backup-vzdump"));
    for n in 0..3 {
        let folder = nights.site.nas(DUMPS).join(format!("daily.{n}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("vzdump-101.tar"), format!("by the script {n}")).unwrap();
    }
    world_may_write(&nights.site.nas("disk1"));
    for day in 0..14 {
        nights.night(day).await;
    }
    assert_eq!(nights.slots().len(), 10);
    let folder = nights.site.nas(DUMPS);
    let old: Vec<String> = BackupSite::names(&folder)
        .iter()
        .filter_map(|name| fs::read_to_string(folder.join(name).join("vzdump-101.tar")).ok())
        .collect();
    assert_eq!(old, ["by the script 0", "by the script 1", "by the script 2"], "in their order, whole");
}

/// The FTP server's user is not the one who made the folders.
fn world_may_write(folder: &std::path::Path) {
    let status = std::process::Command::new("chmod").args(["-R", "a+rwX"]).arg(folder).status().unwrap();
    assert!(status.success());
}
