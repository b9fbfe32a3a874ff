//! Snapshots on a schedule, and their copies, against real OpenZFS hosts: in a clock that the test owns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Change, Policy};
use evenkeel_engine::{Clock, Engine, Run, Scope, Silent, Stop, Verdict};
use evenkeel_tests::on_each_version;
use evenkeel_tests::zfshost::ZfsHost;
use evenkeel_transport::credentials::EnvironmentCredentials;
use evenkeel_transport::{LocalTransport, Router, SshOptions, SshTransport};
use jiff::Timestamp;

/// A clock that stands still until it is set.
struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A controller without its loop.
struct Desk {
    clock: Arc<Hand>,
    router: Arc<Router>,
    manifests: String,
    home: tempfile::TempDir,
}

impl Desk {
    fn new(manifests: String) -> Self {
        let home = tempfile::tempdir().unwrap();
        let credentials = Arc::new(EnvironmentCredentials::new(Vec::<(String, String)>::new()));
        let ssh = SshTransport::new(SshOptions::isolated(home.path(), "root"), Arc::clone(&credentials) as _);
        let local = Arc::new(LocalTransport::new(Arc::clone(&credentials) as _));
        let router = Arc::new(Router::new(&Arc::new(ssh), local, credentials as _));
        let clock = Arc::new(Hand(Mutex::new(Timestamp::UNIX_EPOCH)));
        Desk { clock, router, manifests, home }
    }

    fn set(&self, time: &str) {
        *self.clock.0.lock().unwrap() = format!("2026-11-20T{time}:10Z").parse().unwrap();
    }

    fn scope(&self) -> Scope {
        let registry: Registry = evenkeel_drivers::registry();
        assert!(self.home.path().exists());
        let file = SourceFile { path: "s.yaml".to_owned(), bytes: self.manifests.clone().into_bytes() };
        let loaded = load(&registry, &[file], &[], self.clock.now());
        assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
        Scope { targets: loaded.targets, instances: loaded.instances, ..Scope::default() }
    }

    fn engine(&self, stop: &Stop) -> Engine {
        Engine::new(
            Arc::clone(&self.router) as _,
            Arc::clone(&self.clock) as _,
            Arc::new(Silent),
            stop.clone(),
        )
    }

    async fn reconcile(&self, time: &str) -> Run {
        self.set(time);
        self.engine(&Stop::default()).reconcile(&self.scope(), Policy::default()).await
    }

    /// Reconciles; all must go well, and nothing be left to do.
    async fn settle(&self, time: &str) -> Run {
        let run = self.reconcile(time).await;
        assert!(run.is_complete(), "at {time}: {run:#?}");
        for again in self.changes().await {
            assert!(
                !again.is_pending(),
                "at {time} there is still to do: {again:#?}\nafter {:#?}",
                run.commands
            );
        }
        run
    }

    async fn changes(&self) -> Vec<Change> {
        self.engine(&Stop::default()).plan(&self.scope(), Policy::default()).await.changes
    }

    async fn look(&self) -> Change {
        self.changes().await.remove(0)
    }
}

fn schedule(keep: &str, of: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: BackupSchedule\nmetadata: {{ name: snapshots }}\nspec:\n  target: host\n  \
         schedule: {{ every: 30m, timeZone: UTC }}\n  retention: {keep}\n  zfsSnapshot: {of}\n"
    )
}

fn snapshots(host: &ZfsHost, tree: &str) -> Vec<String> {
    let all = host.sh(&format!("zfs list -Hp -o name -t snapshot -r {tree}"));
    all.lines().map(|name| name.trim_start_matches(tree).to_owned()).collect()
}

fn slot(time: &str) -> String {
    format!("evenkeel-20261120T{}00Z", time.replace(':', ""))
}

fn commands(run: &Run) -> Vec<&str> {
    run.commands.iter().map(|sent| sent.command.as_str()).collect()
}

/// Everything that the lives of several tests would do at once, in one runtime.
fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

on_each_version!(
    half_a_day_of_slots_leaves_what_the_rules_keep_and_what_others_made,
    what_is_sent_to_another_pool_is_whole_unmounted_and_goes_on_from_a_bookmark,
    a_send_between_two_machines_that_is_cut_midway_goes_on_where_it_was,
    encrypted_datasets_are_sent_as_they_are,
    the_example_runs_as_it_is_written,
);

fn half_a_day_of_slots_leaves_what_the_rules_keep_and_what_others_made(version: &str) {
    let host = ZfsHost::start(version);
    // What an earlier run held would keep its tree from being made anew.
    host.sh("for s in $(zfs list -H -o name -t snapshot -r tank/day 2>/dev/null); do zfs release keep $s 2>/dev/null; done; true");
    let tree = host.tree("day");
    host.sh(&format!(
        "zfs create {tree}/vm; zfs create -V 8M {tree}/vol; zfs set dev.evenkeel:managed-by=evenkeel {tree}"
    ));
    let of = format!("{{ dataset: {tree}, recursive: true, exclude: [scratch] }}");
    let desk = Desk::new(host.target("host", "root", "") + &schedule("{ keepLast: 3, keepHourly: 2 }", &of));
    run(async {
        desk.settle("00:00").await;
        // Called as ours are, but nobody marked it; what it inherits from its dataset is no mark.
        host.sh(&format!("zfs snapshot -r {tree}@evenkeel-20261119T120000Z; zfs snapshot {tree}/vm@by-hand"));
        desk.settle("00:30").await;
        host.sh(&format!("zfs hold keep {tree}/vm@{}", slot("00:30")));
        host.sh(&format!("zfs clone {tree}/vm@{} {tree}/scratch", slot("00:00")));
        for time in ["01:00", "01:30", "02:00"] {
            desk.settle(time).await;
        }
        host.sh(&format!("zfs create {tree}/late; zfs destroy {tree}/vol@{}", slot("02:00")));
        let healed = desk.settle("02:05").await;
        assert_eq!(healed.commands.len(), 1, "{:?}", commands(&healed));
        for time in ["02:30", "03:00", "03:30", "04:00", "04:30"] {
            desk.settle(time).await;
        }
        // Proxmox's rules stack: three last ones, then one of each hour that has none yet.
        let ours = ["01:30", "02:30", "03:30", "04:00", "04:30"].map(slot);
        let there = snapshots(&host, &tree);
        let has = |name: String| there.contains(&name);
        let of_root: Vec<&str> = there.iter().filter_map(|name| name.strip_prefix('@')).skip(1).collect();
        assert_eq!(of_root, ours);
        assert!(ours.iter().all(|name| has(format!("/vol@{name}"))), "{there:?}");
        assert!(ours[1..].iter().all(|name| has(format!("/late@{name}"))), "{there:?}");
        assert!(has(format!("/vm@{}", slot("00:30"))) && has(format!("/vm@{}", slot("00:00"))), "{there:?}");
        assert!(has("/vm@by-hand".to_owned()) && !has(format!("@{}", slot("00:30"))), "{there:?}");
        let foreign = there.iter().filter(|name| name.ends_with("@evenkeel-20261119T120000Z")).count();
        assert_eq!(foreign, 3, "{there:?}");
        assert!(!there.iter().any(|name| name.starts_with("/scratch")), "{there:?}");
        let change = desk.look().await;
        assert!(change.report.trouble().is_none(), "{:#?}", change.report.health);
        assert!(
            change.notes.iter().any(|note| note.contains("3 snapshots are called")),
            "{:?}",
            change.notes
        );
    });
}

fn what_is_sent_to_another_pool_is_whole_unmounted_and_goes_on_from_a_bookmark(version: &str) {
    let host = ZfsHost::start(version);
    let (tree, back) = (host.tree("sent"), host.second_tree("sent"));
    host.sh(&format!("zfs create {tree}/vm; zfs create -V 8M {tree}/vol; echo one > /{tree}/vm/file"));
    let of = format!(
        "{{ dataset: {tree}, recursive: true, send: {{ target: other, dataset: {back}/copy, retention: {{ keepLast: 3 }} }} }}"
    );
    let targets = host.target("host", "root", "") + "---\n" + &host.target("other", "root", "");
    let desk = Desk::new(targets + &schedule("{ keepLast: 2 }", &of));
    run(async {
        desk.settle("00:00").await;
        host.sh(&format!("echo two > /{tree}/vm/file"));
        desk.settle("00:30").await;
        desk.settle("01:00").await;
        // The copy goes on from the bookmark where the snapshot is gone.
        host.sh(&format!("zfs destroy -r {tree}@{}", slot("01:00")));
        host.sh(&format!("echo three > /{tree}/vm/file"));
        let sent = desk.settle("01:30").await;
        assert!(commands(&sent).iter().any(|c| c.contains("zfs send") && c.contains('#')), "{sent:#?}");
        let change = desk.look().await;
        assert!(change.report.trouble().is_none(), "{:#?}", change.report.health);
        let copy = format!("{back}/copy");
        let kept = ["00:30", "01:00", "01:30"].map(slot);
        let expected: Vec<String> = ["", "/vm", "/vol"]
            .iter()
            .flat_map(|below| kept.iter().map(move |name| format!("{below}@{name}")))
            .collect();
        assert_eq!(snapshots(&host, &copy), expected);
        let state = host.sh(&format!("zfs get -Hp -o value readonly,mounted,canmount {copy}/vm"));
        assert_eq!(state, "on\nno\nnoauto\n");
        host.sh(&format!("zfs mount {copy}/vm"));
        assert_eq!(host.sh(&format!("cat /{copy}/vm/file")), "three\n");
        let bookmarks = host.sh(&format!("zfs list -Hp -o name -t bookmark -r {tree}"));
        assert_eq!(bookmarks.lines().count(), 3, "one for each dataset: {bookmarks}");
        // Somebody snapshots the copy: it is not rolled back, and said.
        host.sh(&format!("zfs snapshot {copy}@by-hand"));
        desk.settle("02:00").await;
        let change = desk.look().await;
        let trouble = change.report.trouble().expect("it is blocked");
        assert!(trouble.message.contains("by-hand"), "{trouble:?}");
        assert!(snapshots(&host, &copy).contains(&"@by-hand".to_owned()));
    });
}

/// Waits until `is_so`, a minute at most.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited a minute until {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn a_send_between_two_machines_that_is_cut_midway_goes_on_where_it_was(version: &str) {
    let (host, other) = (ZfsHost::start(version), ZfsHost::start_second(version));
    let (tree, back) = (host.tree("cut"), other.tree("cut"));
    host.sh(&format!("head -c 12000000 /dev/urandom > /{tree}/file; zpool sync tank"));
    let of = |limit: &str| {
        format!("{{ dataset: {tree}, send: {{ target: other, dataset: {back}/copy{limit} }} }}")
    };
    let targets = host.target("host", "root", "") + "---\n" + &other.target("other", "root", "");
    let keep = "{ keepLast: 2 }";
    let slow = Desk::new(targets.clone() + &schedule(keep, &of(", bandwidthLimit: 1M")));
    let fast = Desk::new(targets + &schedule(keep, &of("")));
    run(async {
        slow.set("00:00");
        let stop = Stop::default();
        let (engine, scope) = (slow.engine(&stop), slow.scope());
        let sending = tokio::spawn(async move { engine.reconcile(&scope, Policy::default()).await });
        let arriving = format!("zfs get -Hp -o value used {back}/copy 2>/dev/null || echo 0");
        let used = || other.sh(&arriving).trim().parse::<u64>().unwrap_or(0);
        tokio::task::block_in_place(|| wait_until("some of it has arrived", || used() > 1_000_000));
        stop.request();
        let cut = sending.await.unwrap();
        assert!(!cut.is_complete() && cut.stopped, "{cut:#?}");
        let token = format!("zfs get -Hp -o value receive_resume_token {back}/copy");
        wait_until("the receive has ended", || other.sh(&token).starts_with("1-"));
        // Half of it is no copy, and what it was made from stays although the rules would let it go.
        for time in ["00:30", "01:00", "01:30"] {
            host.sh(&format!(
                "zfs snapshot -o dev.evenkeel:managed-by=evenkeel -o dev.evenkeel:slot={tree}@{0} {tree}@{0}",
                slot(time)
            ));
        }
        let done = fast.settle("01:30").await;
        assert!(commands(&done).iter().any(|c| c.contains("zfs send -t 1-")), "{done:#?}");
        assert_eq!(done.outcomes[0].verdict, Verdict::Applied);
        assert!(fast.look().await.report.trouble().is_none());
        other.sh(&format!("zfs mount {back}/copy"));
        let sum = "sha256sum < ";
        assert_eq!(host.sh(&format!("{sum}/{tree}/file")), other.sh(&format!("{sum}/{back}/copy/file")));
        // A receive whose origin is gone is given up.
        host.sh(&format!(
            "head -c 6000000 /dev/urandom > /{tree}/more; zfs snapshot {tree}@{}",
            slot("02:00")
        ));
        let file = host.sh(&format!(
            "zfs send -i @{} {tree}@{} | head -c 3000000 | base64 -w0",
            slot("01:30"),
            slot("02:00")
        ));
        other.sh(&format!("echo {} | base64 -d | (zfs receive -s -u {back}/copy || true)", &file[..100_000]));
        let half = other.sh(&token);
        host.sh(&format!("zfs destroy {tree}@{}", slot("02:00")));
        let given_up = fast.settle("02:00").await;
        if half.starts_with("1-") {
            assert!(commands(&given_up).iter().any(|c| c.contains("zfs receive -A")), "{given_up:#?}");
        }
    });
}

fn encrypted_datasets_are_sent_as_they_are(version: &str) {
    let host = ZfsHost::start(version);
    let (tree, back) = (host.tree("secret"), host.second_tree("secret"));
    host.sh(&format!(
        "echo correct-horse | zfs create -o encryption=on -o keyformat=passphrase {tree}/safe; zfs create {tree}/safe/in"
    ));
    let of =
        format!("{{ dataset: {tree}, recursive: true, send: {{ target: other, dataset: {back}/copy }} }}");
    let targets = host.target("host", "root", "") + "---\n" + &host.target("other", "root", "");
    let desk = Desk::new(targets + &schedule("{ keepLast: 2 }", &of));
    run(async {
        desk.settle("00:00").await;
        host.sh(&format!("echo secret > /{tree}/safe/in/file"));
        desk.settle("00:30").await;
        assert!(desk.look().await.report.trouble().is_none());
        let keys = host.sh(&format!("zfs get -Hp -o value keystatus {tree}/safe {back}/copy/safe"));
        // In order of their names.
        assert_eq!(keys, "unavailable\navailable\n");
    });
}

/// Only where its hosts and pools are is another matter here.
fn the_example_runs_as_it_is_written(version: &str) {
    let host = ZfsHost::start(version);
    let (tree, back) = (host.tree("example"), host.second_tree("example"));
    host.sh(&format!("zfs create {tree}/vm; zfs create {tree}/vm/one"));
    let written = include_str!("../../examples/zfs-snapshots/snapshots.yaml");
    let here = written.replace("POOL1", &tree).replace("back/durian-vm", &format!("{back}/vm"));
    let targets = host.target("durian", "root", "") + "---\n" + &host.target("offsite", "root", "");
    let desk = Desk::new(format!("{targets}---\n{here}"));
    run(async {
        desk.settle("05:00").await;
        desk.settle("05:30").await;
        let changes = desk.changes().await;
        assert!(changes.iter().all(|change| change.report.trouble().is_none()), "{changes:#?}");
        // A quarter past three in Tokyo was a quarter past six in the evening of the day before here.
        let mut all = snapshots(&host, &tree);
        all.sort();
        assert_eq!(
            all,
            [
                "/vm/one@auto-20261120T050000Z",
                "/vm/one@auto-20261120T053000Z",
                "/vm/one@daily-20261119T181500Z",
                "/vm@auto-20261120T050000Z",
                "/vm@auto-20261120T053000Z",
                "/vm@daily-20261119T181500Z",
                "@auto-20261120T050000Z",
                "@auto-20261120T053000Z",
            ]
        );
        assert_eq!(
            snapshots(&host, &format!("{back}/vm")),
            ["@daily-20261119T181500Z", "/one@daily-20261119T181500Z"]
        );
    });
}
