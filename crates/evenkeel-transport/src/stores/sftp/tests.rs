//! Against OpenSSH.

use std::path::Path;
use std::sync::Arc;

use evenkeel_core::target::SshSpec;
use evenkeel_core::transport::TransportErrorKind;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::{SftpStore, open};
use crate::SshOptions;
use crate::credentials::EnvironmentCredentials;
use crate::machine::Lane;
use crate::ssh::SshClient;
use crate::stores::ftp::tests::contract::{self, bytes, get, put};
use crate::stores::ftp::tests::proxy::Cutter;
use crate::stores::sshd::TestSshd;
use crate::stores::{Store as _, StoreError, Stored};

/// A server with nothing but SFTP, and where a login begins.
fn server(more: &[&str]) -> (TestSshd, TempDir) {
    let root = tempfile::tempdir().unwrap();
    let begin = format!("ForceCommand internal-sftp -d {}", root.path().display());
    let settings: Vec<&str> = [more, &[begin.as_str(), "Subsystem sftp internal-sftp"]].concat();
    (TestSshd::with(&settings), root)
}

fn client(sshd: &TestSshd) -> SshClient {
    let options = SshOptions::isolated(sshd.folder(), "nobody");
    SshClient::new(options, Arc::new(EnvironmentCredentials::new(Vec::<(String, String)>::new())))
}

fn spec(sshd: &TestSshd) -> SshSpec {
    serde_json::from_value(sshd.spec()).unwrap()
}

async fn session(sshd: &TestSshd) -> SftpStore {
    open(&client(sshd), &spec(sshd), Lane::To).await.unwrap_or_else(|e| panic!("{e}\n{}", sshd.log()))
}

fn failure<T>(answer: Stored<T>) -> (TransportErrorKind, String) {
    match answer {
        Err(StoreError::Failed(error)) => (error.kind, error.message),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it worked"),
    }
}

#[tokio::test]
async fn everything() {
    let (sshd, root) = server(&[]);
    contract::all(&mut session(&sshd).await, root.path()).await;
    assert_eq!(sshd.execs(), 0, "{}", sshd.log());
}

#[tokio::test]
async fn the_server_of_its_own_process() {
    let root = tempfile::tempdir().unwrap();
    let begin = format!("Subsystem sftp /usr/lib/openssh/sftp-server -d {}", root.path().display());
    assert!(Path::new("/usr/lib/openssh/sftp-server").exists(), "apt-get install openssh-sftp-server");
    let sshd = TestSshd::with(&[&begin]);
    contract::all(&mut session(&sshd).await, root.path()).await;
}

#[tokio::test]
async fn a_long_file_and_its_disk() {
    let (sshd, root) = server(&[]);
    let mut store = session(&sshd).await;
    // More than may be on its way at once, through a narrow pipe.
    let whole = bytes(20_000_003);
    let (mut near, mut far) = tokio::io::duplex(10_000);
    let copy = whole.clone();
    let feeding = tokio::spawn(async move { near.write_all(&copy).await });
    assert_eq!(store.put("big", 0, &mut far).await.unwrap(), whole.len() as u64);
    feeding.await.unwrap().unwrap();
    assert!(std::fs::read(root.path().join("big")).unwrap() == whole);
    assert!(get(&mut store, "big", 0).await.unwrap() == whole);
    let free = store.space("").await.unwrap().unwrap();
    assert!(free > 0, "{free}");
    let above = store.space("not yet/there").await.unwrap().unwrap();
    assert!(above > 0, "{above}");
    // Renames replace, in one step.
    put(&mut store, "small", 0, b"s").await.unwrap();
    store.rename("small", "big").await.unwrap();
    assert_eq!(get(&mut store, "big", 0).await.unwrap(), b"s");
}

#[tokio::test]
async fn where_there_is_no_sftp() {
    let sshd = TestSshd::with(&[]);
    let (kind, text) = failure(open(&client(&sshd), &spec(&sshd), Lane::To).await);
    assert_eq!(kind, TransportErrorKind::Configuration, "{text}");
    let mut sshd = sshd;
    sshd.stop();
    let (kind, text) = failure(open(&client(&sshd), &spec(&sshd), Lane::To).await);
    assert_eq!(kind, TransportErrorKind::Unreachable, "{text}");
}

#[tokio::test]
async fn a_name_in_another_encoding_is_there_and_untouchable() {
    use std::os::unix::ffi::OsStrExt as _;
    let (sshd, root) = server(&[]);
    std::fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    std::fs::write(root.path().join("line\nbreak"), "x").unwrap();
    let listing = session(&sshd).await.list("", 1).await.unwrap();
    let others: Vec<_> = listing.entries.values().copied().collect();
    assert_eq!(others, [evenkeel_core::request::Entry::Other; 2], "{listing:?}");
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_of_a_file() {
    let (sshd, root) = server(&[]);
    let whole = bytes(8_000_000);
    // During the key exchange and the login, and anywhere in the file.
    for after in [0, 500, 3_000, 100_000, 2_345_678, 7_999_999] {
        let cutter = Cutter::new(sshd.port(), after).await;
        let known = std::fs::read_to_string(sshd.known_hosts()).unwrap();
        let hosts = sshd.folder().join("known_hosts_of_the_proxy");
        std::fs::write(&hosts, known.replace(&format!(":{}", sshd.port()), &format!(":{}", cutter.port)))
            .unwrap();
        let spec = SshSpec {
            port: Some(cutter.port),
            known_hosts: Some(hosts.display().to_string()),
            ..spec(&sshd)
        };
        let client = client(&sshd);
        let outcome = async {
            let mut store = open(&client, &spec, Lane::To).await?;
            put(&mut store, "a.part", 0, &whole).await
        };
        let (kind, text) = failure(outcome.await);
        let ended = [TransportErrorKind::ConnectionLost, TransportErrorKind::Unreachable];
        assert!(ended.contains(&kind), "after {after}: {kind:?} {text}");
    }
    // What is there is a beginning of it, and can be gone on with.
    let mut store = session(&sshd).await;
    let size = store.size("a.part").await.unwrap();
    assert!(size < whole.len() as u64);
    put(&mut store, "a.part", size, &whole[usize::try_from(size).unwrap()..]).await.unwrap();
    assert!(std::fs::read(root.path().join("a.part")).unwrap() == whole);
    sshd.kill_connections();
    let (kind, _) = failure(store.size("a.part").await);
    assert_eq!(kind, TransportErrorKind::ConnectionLost);
}

#[tokio::test]
async fn what_is_forbidden_is_refused() {
    let (sshd, root) = server(&["DisableForwarding yes"]);
    let mut store = session(&sshd).await;
    // Nobody writes there, not even root.
    let answer = put(&mut store, "/proc/version", 0, b"x").await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    assert!(matches!(store.remove("/proc/version").await, Err(StoreError::Refused(_))));
    std::os::unix::fs::symlink("nowhere", root.path().join("dangling")).unwrap();
    assert!(matches!(store.list("dangling", 1).await, Err(StoreError::Refused(_))));
}
