//! Versions that follow a calendar, in a clock that the test owns.

use std::sync::{Arc, Mutex};

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::Policy;
use evenkeel_engine::{Clock, Engine, Run, Scope, Silent, Stop};
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{LocalTransport, Router, SshOptions, SshTransport};
use jiff::Timestamp;

use super::rig::{Rig, target, template};

/// A clock that stands still until it is set.
struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What reconciles the manifests of a server at a time.
struct Desk {
    clock: Arc<Hand>,
    engine: Engine,
    manifests: String,
}

impl Desk {
    fn new(rig: &Rig, more: &str) -> Self {
        let clock = Arc::new(Hand(Mutex::new(Timestamp::UNIX_EPOCH)));
        let credentials = Arc::new(EnvironmentCredentials::new(Vec::<(String, String)>::new()));
        let options = SshOptions::isolated(rig.work.path(), "root");
        let ssh = SshTransport::new(options, Arc::clone(&credentials) as _);
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials) as _));
        let router = Arc::new(Router::new(&Arc::new(ssh), local, credentials as _));
        let engine = Engine::new(router as _, Arc::clone(&clock) as _, Arc::new(Silent), Stop::default());
        let target = target(&format!("socket: {}", rig.incus.socket().display()));
        Desk { clock, engine, manifests: target + "---\n" + &template("busybox", more) }
    }

    /// Reconciles at a time; all must go well.
    async fn at(&self, time: &str) -> Run {
        *self.clock.0.lock().unwrap() = time.parse().unwrap();
        let registry: Registry = evenkeel_drivers::registry();
        let file = SourceFile { path: "s.yaml".to_owned(), bytes: self.manifests.clone().into_bytes() };
        let loaded = load(&registry, &[file], &[], self.clock.now());
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        let scope = Scope { targets: loaded.targets, instances: loaded.instances, ..Scope::default() };
        let run = self.engine.reconcile(&scope, Policy::default()).await;
        assert!(run.is_complete(), "at {time}: {run:#?}");
        run
    }
}

/// The day of the alias of each version, the newest first.
fn days(rig: &Rig) -> Vec<String> {
    let images = rig.images();
    let aliases = images.iter().flat_map(|image| &image.aliases);
    aliases.filter_map(|alias| alias.strip_prefix("web/1-")).map(str::to_owned).collect()
}

#[test]
fn it_is_built_anew_once_a_day_and_three_older_days_are_kept() {
    let rig = Rig::new();
    let desk = Desk::new(
        &rig,
        "output: { alias: web, version: \"1-{yyyyMMdd}\", compression: none }\nrefresh: { every: 1d }\nkeep: 3\n",
    );
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        desk.at("2026-11-20T09:00:00Z").await;
        let first = rig.images();
        assert_eq!(days(&rig), ["20261120"]);
        let again = desk.at("2026-11-20T23:59:59Z").await;
        assert_eq!((again.commands.len(), rig.images()), (0, first), "not before the day is over");
        for day in 21..=26 {
            desk.at(&format!("2026-11-{day}T00:00:01Z")).await;
        }
        assert_eq!(days(&rig), ["20261126", "20261125", "20261124", "20261123"]);
        // Days on which nobody looked are not made up for.
        desk.at("2026-12-24T12:00:00Z").await;
        assert_eq!(days(&rig), ["20261224", "20261126", "20261125", "20261124"]);
        assert_eq!(rig.alias("web").as_ref(), Some(&rig.images()[0].fingerprint));
    });
}
