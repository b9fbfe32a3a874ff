//! Against real servers.

pub(crate) mod contract;
mod faults;
pub(crate) mod proxy;

#[allow(dead_code, unreachable_pub, reason = "shared with the end-to-end tests, which use other parts of it")]
#[path = "../../../../../../tests/src/ftpd.rs"]
mod ftpd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use self::ftpd::{FtpServer, PASSWORD, Tls};
use evenkeel_core::target::FtpSpec;
use evenkeel_core::transport::TransportErrorKind;
use tempfile::TempDir;

use super::{FtpStore, Listings, open};
use crate::credentials::EnvironmentCredentials;
use crate::stores::{Store as _, StoreError, Stored, sshd};

/// A folder that everybody may enter.
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn spec(server: &FtpServer) -> FtpSpec {
    serde_json::from_value(server.spec("nas")).unwrap()
}

async fn log_in(spec: &FtpSpec, password: &str) -> Stored<FtpStore> {
    let secret = ("EVENKEEL_CRED_NAS_PASSWORD".to_owned(), password.to_owned());
    open("nas", spec, &EnvironmentCredentials::new([secret])).await
}

async fn session(server: &FtpServer) -> FtpStore {
    log_in(&spec(server), PASSWORD).await.unwrap_or_else(|e| panic!("{e}\n{}", server.log()))
}

fn failure(answer: Stored<FtpStore>) -> (TransportErrorKind, String) {
    match answer {
        Err(StoreError::Failed(error)) => {
            (error.kind, format!("{} ({})", error.message, error.hint.unwrap_or_default()))
        }
        other => panic!("{other:?}"),
    }
}

async fn all(start: impl Fn(&Path, Tls) -> FtpServer, tls: Tls) {
    let root = root();
    let server = start(root.path(), tls);
    let mut store = session(&server).await;
    contract::all(&mut store, root.path()).await;
}

#[tokio::test]
async fn vsftpd() {
    all(FtpServer::vsftpd, Tls::None).await;
}

#[tokio::test]
async fn vsftpd_encrypted_with_sessions_resumed() {
    all(FtpServer::vsftpd, Tls::Explicit).await;
}

#[tokio::test]
async fn vsftpd_encrypted_from_the_first_byte() {
    all(FtpServer::vsftpd, Tls::Implicit).await;
}

#[tokio::test]
async fn proftpd() {
    all(FtpServer::proftpd, Tls::None).await;
}

#[tokio::test]
async fn proftpd_encrypted() {
    all(FtpServer::proftpd, Tls::Explicit).await;
}

#[tokio::test]
async fn proftpd_that_writes_over_nothing() {
    let never = |root: &Path, tls| FtpServer::proftpd_with(root, tls, &["AllowOverwrite off"]);
    let root = root();
    let server = never(root.path(), Tls::None);
    let mut store = session(&server).await;
    contract::put(&mut store, "a", 0, b"long").await.unwrap();
    contract::put(&mut store, "a", 0, b"new").await.unwrap();
    assert_eq!(contract::get(&mut store, "a", 0).await.unwrap(), b"new");
}

#[tokio::test]
async fn proftpd_that_continues_no_file() {
    let root = root();
    let server = FtpServer::proftpd_with(root.path(), Tls::None, &["AllowStoreRestart off"]);
    let mut store = session(&server).await;
    contract::put(&mut store, "a", 0, b"abc").await.unwrap();
    let answer = contract::put(&mut store, "a", 3, b"def").await;
    assert!(matches!(&answer, Err(StoreError::Refused(text)) if text.contains("anew")), "{answer:?}");
    assert!(matches!(store.size("a").await, Err(StoreError::Missing(_))));
}

#[tokio::test]
async fn a_server_with_nothing_but_the_newest_encryption() {
    let root = root();
    let server = FtpServer::proftpd_with(root.path(), Tls::Explicit, &["TLSProtocol TLSv1.3"]);
    let mut store = session(&server).await;
    contract::put(&mut store, "a", 0, b"abc").await.unwrap();
    assert_eq!(store.size("a").await.unwrap(), 3);
}

#[tokio::test]
async fn pure_ftpd_as_somebody_who_may_not_read_a_folder() {
    let root = root();
    let server = FtpServer::pure_ftpd(root.path(), Tls::None);
    let mut store = session(&server).await;
    store.make_folder("blind").await.unwrap();
    contract::put(&mut store, "blind/a", 0, b"abc").await.unwrap();
    let blind = root.path().join("blind");
    std::fs::set_permissions(&blind, std::fs::Permissions::from_mode(0o300)).unwrap();
    for listings in [store.listings, Listings::ForPeople { shows_all: None }] {
        store.listings = listings;
        let listing = store.list("blind", 1).await;
        assert!(matches!(listing, Err(StoreError::Refused(_))), "{listing:?}");
        let missing = store.remove("blind/b").await;
        assert!(matches!(missing, Err(StoreError::Refused(_))), "{missing:?}");
    }
}

#[tokio::test]
async fn pure_ftpd() {
    all(FtpServer::pure_ftpd, Tls::None).await;
}

#[tokio::test]
async fn pure_ftpd_encrypted() {
    all(FtpServer::pure_ftpd, Tls::Explicit).await;
}

#[tokio::test]
async fn proftpd_computes_checksums() {
    let root = root();
    let server = FtpServer::proftpd(root.path(), Tls::None);
    let mut store = session(&server).await;
    let file = root.path().join("a b");
    std::fs::write(&file, "abc").unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let digest = store.checksum("a b").await.unwrap().unwrap();
    assert_eq!((digest.bytes, digest.sha256.as_str()), (3, abc));
    // It is of what the server keeps, not of what it was sent.
    for _ in 0..2 {
        contract::put(&mut store, "a b", 0, b"xyz").await.unwrap();
        let sent = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::write(&file, "abc").unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(sent).unwrap();
        assert_eq!(store.checksum("a b").await.unwrap().unwrap().sha256, abc);
        std::fs::remove_file(&file).unwrap();
    }
}

#[tokio::test]
async fn who_is_not_let_in() {
    let root = root();
    for server in [FtpServer::vsftpd(root.path(), Tls::None), FtpServer::proftpd(root.path(), Tls::Explicit)]
    {
        let (kind, text) = failure(log_in(&spec(&server), "wrong-horse-8").await);
        assert_eq!(kind, TransportErrorKind::AuthenticationFailed, "{text}");
        assert!(!text.contains("wrong-horse") && text.contains("credential `nas`"), "{text}");
    }
}

#[tokio::test]
async fn certificates() {
    let root = root();
    let server = FtpServer::proftpd(root.path(), Tls::Explicit);
    let right = spec(&server);
    let other = FtpSpec { certificate_fingerprint: Some("00".repeat(32)), ..right.clone() };
    let (kind, text) = failure(log_in(&other, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::HostKeyChanged);
    let digits = server.fingerprint();
    assert!(text.contains(&digits), "{text}");
    let unknown = FtpSpec { certificate_fingerprint: None, ..right.clone() };
    let (kind, text) = failure(log_in(&unknown, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::HostKeyUnknown);
    assert!(text.contains(&format!("certificateFingerprint: {digits}")), "{text}");
    // The device's own certificate as the only authority; and only under the name that it is for.
    let file = server.certificate().display().to_string();
    let by_file = FtpSpec { ca_file: Some(file), ..unknown };
    log_in(&by_file, PASSWORD).await.unwrap().list("", 1).await.unwrap();
    let (kind, _) =
        failure(log_in(&FtpSpec { host: "localhost".to_owned(), ..by_file.clone() }, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::HostKeyUnknown);
    let (kind, _) =
        failure(log_in(&FtpSpec { ca_file: Some("/no/such".to_owned()), ..by_file }, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::Configuration);
    let (kind, _) = failure(
        log_in(&FtpSpec { certificate_fingerprint: Some("12:34".to_owned()), ..right }, PASSWORD).await,
    );
    assert_eq!(kind, TransportErrorKind::Configuration);
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_never_sees_the_password() {
    let root = root();
    let server = FtpServer::vsftpd_with(root.path(), Tls::None, &["log_ftp_protocol=YES"]);
    let encrypted = FtpSpec { tls: evenkeel_core::target::FtpTls::Explicit, ..spec(&server) };
    let (kind, text) = failure(log_in(&encrypted, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::Configuration, "{text}");
    assert!(text.contains("does not encrypt"), "{text}");
}
