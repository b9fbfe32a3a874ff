//! A night's work on each kind of store: a folder, an archive with its record and log, the seal, a copy elsewhere, and
//! the end of it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use evenkeel_core::request::{Check, FileRequest, Goal, Listing, Origin};
use evenkeel_core::target::Target;
use evenkeel_tests::ftpd::{FtpServer, PASSWORD, Tls};
use evenkeel_tests::objects::{AZURE_ACCOUNT, AZURE_KEY, DAV_PASSWORD, DAV_USER, Server};
use evenkeel_tests::sshd::TestSshd;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rig::{Rig, output, target, transfer};

const BYTES: usize = 3_000_000;

/// Does it, below `folder`.
async fn night(spec: Value, secrets: &[(&str, &str)], folder: &str, how: &str) {
    let home = tempfile::tempdir().unwrap();
    let rig = Rig::new(home.path(), secrets);
    let (here, store) = (target("here", json!({ "local": {} })), target("nas", spec));
    let generation = format!("{folder}/a new/20261120T023000Z");
    let archive = format!("{generation}/vz dump-101.tar");
    let fields = json!({ "guest": "101" }).as_object().unwrap().clone();
    rig.ask(&store, vec![FileRequest::MakeFolder { folder: generation.clone() }]).await;
    let goal = Goal::File {
        target: None,
        path: archive.clone(),
        check: Check::Checksum,
        record: Some(fields.clone()),
        log: Some(format!("{generation}/vz dump-101.log")),
    };
    let command = output(&format!("head -c {BYTES} /dev/zero | tr '\\0' e; echo INFO: well >&2"));
    for _ in 0..2 {
        let moved = rig.moved(&here, &store, &transfer(command.clone(), goal.clone())).await;
        assert_eq!((moved.bytes, moved.checked.as_str()), (BYTES as u64, how));
    }
    failing(&rig, &here, &store, &generation).await;
    let members = vec!["vz dump-101.tar".to_owned()];
    let seal =
        FileRequest::Seal { folder: generation.clone(), into: "evenkeel.json".into(), fields, members };
    let read = |name: &str| FileRequest::Read { path: format!("{generation}/{name}") };
    let list = FileRequest::List { folder: format!("{folder}/a new"), depth: 2 };
    let said = rig.ask(&store, vec![seal, read("evenkeel.json"), read("vz dump-101.log"), list]).await;
    let sealed: Value = serde_json::from_str(&said[1]).unwrap();
    assert_eq!(sealed["archives"]["vz dump-101.tar"]["bytes"], BYTES);
    assert_eq!(said[2], "INFO: well\n");
    let Listing { entries } = serde_json::from_str(&said[3]).unwrap();
    assert_eq!(entries.len(), 5, "{entries:?}");

    let copy = home.path().join("copy.tar");
    let goal = Goal::File {
        target: None,
        path: copy.display().to_string(),
        check: Check::Checksum,
        record: None,
        log: None,
    };
    let from = Origin::File { target: None, path: archive };
    rig.moved(&store, &here, &transfer(from, goal)).await;
    assert!(std::fs::read(copy).unwrap() == vec![b'e'; BYTES]);

    let archive = "vz dump-101";
    let only = ["tar", "tar.json", "log"].map(|end| format!("{archive}.{end}")).into_iter();
    let only = only.chain(["evenkeel.json".to_owned()]).collect();
    let remove = FileRequest::RemoveFolder { folder: generation, last: "evenkeel.removing".to_owned(), only };
    let list = FileRequest::List { folder: folder.to_owned(), depth: 9 };
    let said = rig.ask(&store, vec![remove.clone(), remove, list]).await;
    assert!(!said[2].contains("vz dump"), "{}", said[2]);
}

/// A dump that fails leaves a note, and nothing under its name.
async fn failing(rig: &Rig, here: &Target, store: &Target, generation: &str) {
    let goal = Goal::File {
        target: None,
        path: format!("{generation}/bad.tar"),
        check: Check::Checksum,
        record: Some(serde_json::Map::new()),
        log: None,
    };
    let command = output("head -c 500000 /dev/zero; echo ERROR: no space >&2; exit 3");
    let reply = rig.transfer(here, store, &transfer(command, goal)).await.unwrap();
    assert_eq!(reply.exit, 3, "{}", reply.stderr_text());
    let list = FileRequest::List { folder: generation.to_owned(), depth: 1 };
    let Listing { entries } = serde_json::from_str(&rig.ask(store, vec![list]).await[0]).unwrap();
    let bad: Vec<&str> = entries.keys().map(String::as_str).filter(|name| name.starts_with("bad")).collect();
    assert_eq!(bad, ["bad.tar.failed.json"]);
    let path = format!("{generation}/bad.tar.failed.json");
    rig.ask(store, vec![FileRequest::Remove { path }]).await;
}

/// A folder that everybody may enter.
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
    root
}

#[tokio::test]
async fn a_folder_of_this_machine_and_one_behind_ssh() {
    let root = root();
    let folder = root.path().display().to_string();
    night(json!({ "local": {} }), &[], &folder, "checksum").await;
    let sshd = TestSshd::start();
    night(json!({ "ssh": sshd.spec() }), &[], &folder, "checksum").await;
}

#[tokio::test]
async fn sftp() {
    let root = root();
    let sshd = TestSshd::with(&["Subsystem sftp internal-sftp"]);
    night(json!({ "sftp": sshd.spec() }), &[], &root.path().display().to_string(), "readBack").await;
}

#[tokio::test]
async fn ftp() {
    for tls in [Tls::None, Tls::Explicit] {
        let root = root();
        let server = FtpServer::vsftpd(root.path(), tls);
        let folder = root.path().display().to_string();
        night(json!({ "ftp": server.spec("nas") }), &[("password", PASSWORD)], &folder, "readBack").await;
        let server = FtpServer::proftpd(root.path(), tls);
        night(json!({ "ftp": server.spec("nas") }), &[("password", PASSWORD)], &folder, "checksum").await;
    }
}

#[tokio::test]
async fn s3() {
    let server = Server::s3();
    let spec = json!({ "s3": {
        "bucket": "backup", "endpoint": format!("http://127.0.0.1:{}", server.port()), "credentialsRef": "nas",
    } });
    let secrets = [("accessKeyId", "id"), ("secretAccessKey", "key")];
    night(spec, &secrets, "hosts/pve1", "readBack").await;
}

#[tokio::test]
async fn azblob() {
    let server = Server::azurite();
    let endpoint = format!("http://127.0.0.1:{}/{AZURE_ACCOUNT}", server.port());
    let spec = json!({ "azblob": {
        "account": AZURE_ACCOUNT, "container": "backup", "endpoint": endpoint, "credentialsRef": "nas",
    } });
    night(spec, &[("accountKey", AZURE_KEY)], "hosts/pve1", "readBack").await;
}

#[tokio::test]
async fn webdav() {
    let server = Server::webdav();
    let url = format!("http://127.0.0.1:{}/dav/", server.port());
    let spec = json!({ "webdav": { "url": url, "user": DAV_USER, "credentialsRef": "nas" } });
    night(spec, &[("password", DAV_PASSWORD)], "hosts/pve1", "readBack").await;
}
