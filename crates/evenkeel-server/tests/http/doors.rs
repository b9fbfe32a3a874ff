//! Which doors open, for whom, and with which certificate.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use evenkeel_core::config::{HttpSpec, TlsSpec};
use evenkeel_server::client::{Client, ClientError};
use evenkeel_server::{Bounds, ListenError, Listeners};
use secrecy::SecretString;
use serde_json::Value;

use crate::running::{PATIENCE, Request, Running, VIEWER, plain, settings, unix, wide};

async fn refused(http: &HttpSpec) -> ListenError {
    Listeners::open(Some(http), None).await.unwrap_err()
}

#[tokio::test]
async fn an_address_that_others_reach_has_to_be_asked_for_and_encrypted() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let mut http = HttpSpec { listen: listen.to_owned(), ..plain() };
        let error = refused(&http).await;
        assert!(matches!(error, ListenError::Remote { .. }), "{error}");
        assert!(error.hint().contains("allowRemote"));
        http.allow_remote = true;
        let error = refused(&http).await;
        assert!(matches!(error, ListenError::Plaintext { .. }), "{error}");
        assert!(error.hint().contains("allowPlaintext"));
    }
    let open =
        HttpSpec { listen: "0.0.0.0:0".to_owned(), allow_remote: true, allow_plaintext: true, tls: None };
    Listeners::open(Some(&open), None).await.unwrap();
    for listen in ["127.0.0.1:0", "127.8.0.1:0", "[::ffff:127.0.0.1]:0"] {
        Listeners::open(Some(&HttpSpec { listen: listen.to_owned(), ..plain() }), None).await.unwrap();
    }
    for listen in ["localhost:0", "8750", "", "127.0.0.1"] {
        let error = refused(&HttpSpec { listen: listen.to_owned(), ..plain() }).await;
        assert!(matches!(error, ListenError::Address { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_says_so() {
    let first = Listeners::open(Some(&plain()), None).await.unwrap();
    let listen = first.address().unwrap().to_string();
    let error = refused(&HttpSpec { listen: listen.clone(), ..plain() }).await;
    assert!(error.to_string().contains(&listen) && error.hint().contains("another process"), "{error}");
}

#[tokio::test]
async fn the_socket_is_its_owners_and_goes_at_the_end() {
    let server = Running::start().await;
    let found = std::fs::symlink_metadata(&server.socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let (folder, socket) = (server.folder.path().to_owned(), server.socket.clone());
    assert!(folder.exists());
    server.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_socket_that_is_left_over_is_replaced_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left over");
    let live = Listeners::open(None, Some(&path)).await.unwrap();
    let error = Listeners::open(None, Some(&path)).await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }), "{error}");
    unix(&path).await;
    drop(live);

    std::fs::write(&path, "precious").unwrap();
    let error = Listeners::open(None, Some(&path)).await.unwrap_err();
    assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

    let missing = folder.path().join("missing/control.sock");
    let error = Listeners::open(None, Some(&missing)).await.unwrap_err();
    assert!(error.hint().contains("create the state directory"), "{error} {}", error.hint());
    let long = folder.path().join("x".repeat(120));
    let error = Listeners::open(None, Some(&long)).await.unwrap_err();
    assert!(error.hint().contains("shorter"), "{error} {}", error.hint());
}

/// Writes a new certificate for 127.0.0.1 that signs itself.
fn certify(folder: &Path) -> TlsSpec {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    TlsSpec { certificate: certificate.display().to_string(), key: key.display().to_string() }
}

fn https(server: &Running, ca_file: &Path) -> Client {
    let token = SecretString::from(VIEWER);
    Client::http(&format!("https://{}", server.address), Some(token), Some(ca_file)).unwrap()
}

#[tokio::test]
async fn https_with_a_certificate_that_is_renewed_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certify(folder.path());
    let http = HttpSpec { tls: Some(tls.clone()), ..plain() };
    let bounds = Bounds { certificate: Duration::from_millis(20), ..wide() };
    let server = Running::with(settings(60).bounds(bounds), http).await;
    let authority = folder.path().join("first.crt");
    std::fs::copy(&tls.certificate, &authority).unwrap();
    let first = https(&server, &authority);
    let seen: Value = first.get_json("/api/v1/sources").await.unwrap();
    assert_eq!(seen["sources"][0]["name"], "infra");

    // What is half written does no harm.
    std::fs::write(&tls.key, "-----BEGIN PRIVATE KEY-----").unwrap();
    first.get_json::<Value>("/api/v1/sources").await.unwrap();

    certify(folder.path());
    let second = https(&server, Path::new(&tls.certificate));
    tokio::time::timeout(PATIENCE, async {
        while let Err(error) = second.get_json::<Value>("/api/v1/sources").await {
            assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the new certificate is taken");
    let error = first.get_json::<Value>("/api/v1/sources").await.unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn plain_http_at_the_door_of_https_is_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let http = HttpSpec { tls: Some(certify(folder.path())), ..plain() };
    let server = Running::with(settings(60).bounds(wide()), http).await;
    let url = format!("http://{}", server.address);
    let error = Client::http(&url, None, None).unwrap().get_json::<Value>("/healthz").await.unwrap_err();
    assert!(matches!(error, ClientError::Cut { .. }), "{error}");
    assert_eq!(server.ask_socket(&Request::get("/healthz")).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_work_says_which_file_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    std::fs::create_dir(&one).unwrap();
    std::fs::create_dir(&two).unwrap();
    let (good, other) = (certify(&one), certify(&two));
    let missing = folder.path().join("missing").display().to_string();
    let cases = [
        (TlsSpec { certificate: missing.clone(), key: good.key.clone() }, "missing cannot be read"),
        (TlsSpec { certificate: good.key.clone(), key: good.key.clone() }, "holds no certificate in PEM"),
        (
            TlsSpec { certificate: good.certificate.clone(), key: good.certificate.clone() },
            "private key in PEM",
        ),
        (TlsSpec { certificate: good.certificate.clone(), key: other.key }, "does not work with its key"),
    ];
    for (tls, expected) in cases {
        let error = refused(&HttpSpec { tls: Some(tls), ..plain() }).await;
        assert!(error.to_string().contains(expected), "{error} / {expected}");
        assert!(!error.hint().is_empty());
    }
}
