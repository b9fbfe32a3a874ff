//! HTTPS: whom is trusted, on both sides.

use std::sync::Mutex;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::certificates::provider;

/// A certificate that signs itself.
struct Own {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
    secret: PrivateKeyDer<'static>,
}

fn own(name: &str) -> Own {
    let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    Own {
        certificate: own.cert.pem(),
        key: own.signing_key.serialize_pem(),
        der: own.cert.der().clone(),
        secret,
    }
}

/// A server that wants the certificate of `client`, and shows `auth` to whoever calls. Its certificate and port.
async fn serve(client: &Own, auth: &'static str) -> (Own, u16, Arc<Mutex<Vec<Asked>>>) {
    let server = own("127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add(client.der.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der.clone()], server.secret.clone_key())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let noted = Arc::clone(&log);
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let script = move |_: &Asked| done(&json!({ "auth": auth }));
                server::attend(stream, connection, Arc::new(script), noted).await;
            });
        }
    });
    (server, port, log)
}

fn over(port: u16, rest: &Value) -> Target {
    let mut incus = json!({ "url": format!("https://127.0.0.1:{port}"), "credentialsRef": "incus" });
    incus.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    target(&incus)
}

async fn version(client: &Own, target: &Target) -> Result<Reply, TransportError> {
    let transport = transport(&[("certificate", &client.certificate), ("privateKey", &client.key)]);
    let request = Request::Incus(Box::new(get("/1.0/images")));
    transport.exchange(target, &[request]).await.remove(0)
}

fn fingerprint(of: &Own) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, &of.der))
}

#[tokio::test]
async fn the_client_shows_its_certificate_to_the_server_that_is_meant() {
    let client = own("client");
    let (server, port, log) = serve(&client, "trusted").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, &server.certificate).unwrap();
    for rest in [json!({ "certificateFingerprint": fingerprint(&server) }), json!({ "caFile": file.path() })]
    {
        assert_eq!(version(&client, &over(port, &rest)).await.unwrap().exit, 0);
    }
    let lines: Vec<String> = log.lock().unwrap().iter().map(|asked| asked.line.clone()).collect();
    assert_eq!(lines, ["GET /1.0", "GET /1.0/images", "GET /1.0", "GET /1.0/images"]);
    let (another, kind) = (own("other"), TransportErrorKind::HostKeyChanged);
    let error =
        version(&client, &over(port, &json!({ "certificateFingerprint": fingerprint(&another) }))).await;
    assert_eq!(error.unwrap_err().kind, kind);
    std::fs::write(&file, &another.certificate).unwrap();
    let error = version(&client, &over(port, &json!({ "caFile": file.path() }))).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyUnknown);
    assert!(error.hint.unwrap().contains("certificateFingerprint: "));
    assert_eq!(log.lock().unwrap().len(), 4, "nothing is said to the wrong one");
}

#[tokio::test]
async fn who_is_not_trusted_is_told_so_and_sees_no_empty_lists() {
    let client = own("client");
    let (server, port, log) = serve(&client, "untrusted").await;
    let pin = json!({ "certificateFingerprint": fingerprint(&server) });
    let error = version(&client, &over(port, &pin)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert!(error.hint.unwrap().contains("incus config trust add-certificate"));
    assert_eq!(log.lock().unwrap().len(), 1);
    // One that even closes the connection to a stranger.
    let error = version(&own("stranger"), &over(port, &pin)).await.unwrap_err();
    assert!(error.kind.loses_target(), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_none_is_told_and_not_shown() {
    let (good, other) = (own("client"), own("client"));
    let canary = "canary-canary-canary";
    let torn = format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n");
    let target = over(1, &json!({ "certificateFingerprint": "ab".repeat(32) }));
    for (certificate, key, words) in [
        (canary, good.key.as_str(), "`certificate` of the credential `incus` is not a certificate"),
        (&good.certificate, canary, "`privateKey` of the credential `incus` is not a private key"),
        (&good.certificate, &torn, "`privateKey` of the credential `incus`"),
        (&good.certificate, &other.key, "are not a pair"),
    ] {
        let client = Own {
            certificate: certificate.into(),
            key: key.into(),
            der: good.der.clone(),
            secret: good.secret.clone_key(),
        };
        let error = version(&client, &target).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Credentials, "{error}");
        assert!(error.message.contains(words), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let missing = transport(&[]).exchange(&target, &[Request::Incus(Box::new(get("/1.0")))]).await.remove(0);
    assert_eq!(missing.unwrap_err().kind, TransportErrorKind::Credentials);
    for odd in [json!({ "url": "http://a", "credentialsRef": "c" }), json!({ "url": "https://a" })] {
        let error = ask(&super::target(&odd), get("/1.0")).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration, "{error}");
        assert!(error.hint.is_some());
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_speaks_no_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = over(port, &json!({ "certificateFingerprint": "ab".repeat(32), "timeoutSeconds": 60 }));
    let talking = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
    });
    let error = version(&own("client"), &target).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable, "{error}");
    talking.await.unwrap();
    let error = version(&own("client"), &target).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable, "{error}");
    assert!(error.hint.unwrap().contains("core.https_address"));
}
