//! Proxmox's own backup jobs, from manifests to a node: the simulated one of the lab, over HTTPS with an API token, and
//! over a real SSH server as `pvesh`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use evenkeel_lab::pve::PveHost;
use evenkeel_lab::pve::PveServer;
use evenkeel_tests::evenkeel::{Ran, Workdir, program};
use evenkeel_tests::sshd::TestSshd;
use serde_json::json;

const TOKEN: &str = "evenkeel@pve!jobs";
const SECRET: &str = "d41d8cd9-8f00-b204-e980-0998ecf8427e";

/// A node, and a folder of manifests for it.
struct Site {
    server: PveServer,
    work: Workdir,
    folder: tempfile::TempDir,
}

impl Site {
    /// The node of the example, which it reaches over HTTPS.
    fn new() -> Self {
        let now = jiff::Timestamp::now();
        let mut host = PveHost::recorded(now);
        host.pools.insert("web".to_owned(), [201].into());
        host.add_storage("nas", "keep-all=1");
        host.add_copy("nas", 201, now - jiff::SignedDuration::from_hours(3));
        let folder = tempfile::tempdir().unwrap();
        let server = PveServer::start(host, TOKEN, SECRET, folder.path()).unwrap();
        let work = Workdir::new();
        let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/pve-jobs/jobs.yaml");
        work.write("jobs.yaml", &fs::read_to_string(jobs).unwrap());
        let site = Site { server, work, folder };
        site.target(&json!({ "certificateFingerprint": site.server.fingerprint() }));
        site
    }

    /// Writes the target's manifest, with these settings besides those that always hold.
    fn target(&self, more: &serde_json::Value) {
        let mut proxmox = json!({
            "host": "127.0.0.1", "port": self.server.address().port(), "token": TOKEN, "credentialsRef": "pve",
        });
        proxmox.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.spec(&json!({ "proxmox": proxmox }));
    }

    fn spec(&self, spec: &serde_json::Value) {
        let manifest = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: pve }}\nspec: {spec}\n"
        );
        self.work.write("target.yaml", &manifest);
    }

    fn run_with(&self, secret: &str, args: &[&str]) -> Ran {
        let output = self.work.command(args).env("EVENKEEL_CRED_PVE_SECRET", secret).output().unwrap();
        let ran = Ran::of(&output);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(SECRET), "the secret was said");
        ran
    }

    fn expect(&self, code: i32, args: &[&str]) -> Ran {
        let ran = self.run_with(SECRET, args);
        assert_eq!(ran.code, code, "{args:?}\n--- stdout\n{}\n--- stderr\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// What was written to the node so far.
    fn writes(&self) -> Vec<String> {
        let reads = |call: &String| call.starts_with("GET ") || call.starts_with("pvesh get ");
        self.server.calls().into_iter().filter(|call| !reads(call)).collect()
    }

    fn job(&self, id: &str) -> serde_json::Value {
        self.server.with_host(|host| json!(host.jobs.get(id)))
    }

    /// Changes a job by hand.
    fn by_hand(&self, id: &str, name: &str, value: serde_json::Value) {
        self.server.with_host(|host| host.jobs.get_mut(id).unwrap().insert(name.to_owned(), value));
    }
}

const APPLY: [&str; 5] = ["apply", "--auto-approve", "--allow", "disruptive", "."];

/// From nothing to what the manifests say, and back there after somebody changed it.
fn keeps_the_jobs(site: &Site) {
    site.expect(0, &["validate", "."]);
    site.expect(2, &["plan", "."]).says(&["create", "keep-last=3,keep-weekly=4"]);
    assert_eq!(site.writes(), Vec::<String>::new(), "a plan writes nothing");
    site.expect(0, &APPLY).says(&["applied"]);
    let nightly = site.job("nightly");
    assert_eq!(nightly["exclude"], json!("202"));
    assert_eq!(nightly["prune-backups"], json!({ "keep-last": "3", "keep-weekly": "4" }));
    assert_eq!(nightly["notes-template"], json!("{{guestname}} on {{node}}"));
    assert_eq!(site.job("web-hourly")["pool"], json!("web"));
    let wrote = site.writes().len();
    assert_eq!(wrote, 2);
    site.expect(0, &APPLY).says(&["nothing was sent"]);
    assert_eq!(site.writes().len(), wrote, "the second apply sends nothing");

    site.by_hand("nightly", "enabled", json!(0));
    site.by_hand("nightly", "mode", json!("stop"));
    // Not in the manifest, so not ours.
    site.by_hand("nightly", "zstd", json!(4));
    site.expect(2, &["plan", "."]).says(&["enabled", "mode"]);
    site.expect(0, &APPLY);
    let nightly = site.job("nightly");
    assert_eq!(
        (&nightly["enabled"], &nightly["mode"], &nightly["zstd"]),
        (&json!(1), &json!("snapshot"), &json!(4))
    );
}

#[test]
fn jobs_are_kept_over_https() {
    keeps_the_jobs(&Site::new());
}

#[test]
fn jobs_are_kept_over_ssh_as_pvesh() {
    let site = Site::new();
    let programs = site.folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    let pvesh = programs.join("pvesh");
    let (lab, dir) = (program("evenkeel-lab"), site.folder.path().display());
    fs::write(&pvesh, format!("#!/bin/sh\nexec '{}' run --dir '{dir}' pve pvesh \"$@\"\n", lab.display()))
        .unwrap();
    fs::set_permissions(&pvesh, fs::Permissions::from_mode(0o755)).unwrap();
    // The first `SetEnv` counts, so that it repeats what the others say.
    let path = format!("SetEnv PATH={}:/usr/bin:/bin HOME={{folder}}", programs.display());
    let sshd = TestSshd::with(&[&path]);
    site.spec(&json!({ "ssh": sshd.spec() }));
    keeps_the_jobs(&site);
    assert!(site.writes().iter().all(|call| call.starts_with("pvesh ")), "{:?}", site.writes());
}

#[test]
fn a_plan_of_many_jobs_asks_once_for_all_of_them() {
    let site = Site::new();
    site.expect(0, &APPLY);
    let before = site.server.calls().len();
    site.expect(0, &["plan", "."]);
    let calls = site.server.calls();
    let asked = |path: &str| calls[before..].iter().filter(|call| call.as_str() == path).count();
    assert_eq!(asked("GET /cluster/backup"), 1, "{calls:#?}");
    assert_eq!(asked("GET /cluster/resources"), 1);
    assert_eq!(asked("GET /storage"), 1);
}

#[test]
fn only_the_node_that_is_meant_is_told_the_secret() {
    let site = Site::new();
    site.target(&json!({ "certificateFingerprint": "ab".repeat(32) }));
    site.expect(1, &["plan", "."]).says(&[
        "another certificate",
        site.server.fingerprint(),
        "pvenode cert info",
    ]);
    // Its own certificate is no authority that this machine trusts.
    site.target(&json!({}));
    site.expect(1, &["plan", "."]).says(&[
        "is not trusted",
        "certificateFingerprint",
        site.server.fingerprint(),
    ]);
    assert_eq!(site.server.calls(), Vec::<String>::new());
    let ca = site.work.write("pve-root-ca.pem", site.server.certificate());
    site.target(&json!({ "caFile": ca }));
    site.expect(2, &["plan", "."]);
}

#[test]
fn a_wrong_secret_is_told_as_such() {
    let site = Site::new();
    let ran = site.run_with("wrong-secret", &["plan", "."]);
    assert_eq!(ran.code, 1);
    ran.says(&["does not take the API token evenkeel@pve!jobs", "pveum user token list"]);
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("wrong-secret"));
}

#[test]
fn a_node_that_is_down_and_a_line_that_is_cut_lose_nothing() {
    let site = Site::new();
    site.server.cut_next_write();
    // It was carried out all the same, which looking again shows; what comes after it waits.
    site.expect(1, &APPLY).says(&["1 applied, 1 not sent"]);
    site.expect(0, &APPLY);
    assert_eq!(site.writes().len(), 2, "each job was made once: {:?}", site.writes());
    let Site { server, work, folder: _folder } = site;
    let address = server.address();
    drop(server);
    let output = work.command(&["plan", "."]).env("EVENKEEL_CRED_PVE_SECRET", SECRET).output().unwrap();
    let ran = Ran::of(&output);
    assert_eq!(ran.code, 1);
    ran.says(&["cannot be reached", &address.port().to_string()]);
}

#[test]
fn how_fresh_the_copies_are_is_told_and_who_may_not_look_is_told_too() {
    let site = Site::new();
    site.expect(0, &APPLY);
    let fresh = site.expect(0, &["plan", "."]);
    fresh.says(&["there is no copy of 201 in local, wanted one <", "next run: "]);
    assert!(!fresh.stdout.contains("201 in nas"), "{}", fresh.stdout);
    let old = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(100);
    site.server.with_host(|host| host.copies.clear());
    site.server.with_host(|host| host.add_copy("nas", 201, old));
    site.expect(0, &["plan", "."]).says(&["the newest copy of 201 in nas is 4d4h old, wanted < "]);
    site.server.with_host(|host| host.denied.insert("/nodes/pve1/storage/nas".to_owned()));
    site.expect(0, &["plan", "."]).says(&["is not known", "Permission check failed"]);
    site.server.with_host(|host| host.denied.insert("/cluster/backup".to_owned()));
    site.expect(1, &["plan", "."]).says(&["Permission check failed", "Sys.Modify"]);
}
