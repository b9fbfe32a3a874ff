//! Repositories behind HTTP, served by the real `git http-backend`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of the peers")]

mod peers;

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use evenkeel_engine::source::{Fetched, Source, SourceErrorKind};
use peers::http::{HttpServer, Manner};
use peers::sshd::keygen;
use peers::{Site, failure, fetch, files};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// `x-access-token:canary` and `ann:canary`, as HTTP writes them.
const TOKEN: &str = "Basic eC1hY2Nlc3MtdG9rZW46Y2FuYXJ5";
const PASSWORD: &str = "Basic YW5uOmNhbmFyeQ==";

const WITH_TOKEN: &str = r#"{"credentialsRef": "forge"}"#;

fn serve(site: &Site, manner: Manner) -> HttpServer {
    HttpServer::start(site.folder.path().to_owned(), manner)
}

fn wants(authorization: &str) -> Manner {
    Manner { authorization: Some(authorization.to_owned()), ..Manner::default() }
}

#[tokio::test]
async fn a_push_is_fetched_and_no_push_is_one_request() {
    let site = Site::new();
    let server = serve(&site, Manner::default());
    let source = site.source(&server.url("site.git"), "{}");
    let first = fetch(&source).await;
    assert_eq!(files(&first.manifests), [("a.yaml", "a: 1\n")]);
    let before = server.asked().len();
    assert_eq!(source.fetch(Some(&first.revision.id)).await, Ok(Fetched::Unchanged));
    assert_eq!(server.asked().len() - before, 1);
    assert_eq!(server.asked()[before].headers["user-agent"], "evenkeel-test");
    let id = site.commit(&[("a.yaml", "a: 2\n")]);
    let second = fetch(&source).await;
    assert_eq!(second.revision.id, id);
    assert_eq!(files(&second.manifests), [("a.yaml", "a: 2\n")]);
    assert!(site.path("state/clones/site/shallow").exists());
    let first = first.revision.id;
    let pinned = site.source(&server.url("site.git"), &format!(r#"{{"ref": {{"commit": "{first}"}}}}"#));
    assert_eq!(fetch(&pinned).await.revision.id, first);
}

#[tokio::test]
async fn tokens_and_passwords_come_from_the_credential_or_the_url_and_are_told_nowhere() {
    let site = Site::new();
    let secret = |key: &'static str, value: &str| (key, value.to_owned());
    let by_token = serve(&site, wants(TOKEN));
    let by_password = serve(&site, wants(PASSWORD));
    fetch(&site.source_with(&by_token.url("site.git"), WITH_TOKEN, &[secret("token", "canary")])).await;
    let login = [secret("username", "ann"), secret("password", "canary")];
    fetch(&site.source_with(&by_password.url("site.git"), WITH_TOKEN, &login)).await;
    let in_url = |server: &HttpServer, login: &str| {
        server.url("site.git").replace("http://", &format!("http://{login}@"))
    };
    fetch(&site.source(&in_url(&by_password, "ann:canary"), "{}")).await;
    fetch(&site.source(&in_url(&by_token, "canary"), "{}")).await;
    let wrong = site.source_with(&by_token.url("site.git"), WITH_TOKEN, &[secret("token", "canary2")]);
    let none = site.source(&by_token.url("site.git"), "{}");
    let wrong_in_url = site.source(&in_url(&by_password, "bob:canary"), "{}");
    for (source, expected) in
        [(wrong, "does not accept"), (none, "wants a login"), (wrong_in_url, "does not accept")]
    {
        let error = failure(&source).await;
        assert_eq!(error.kind, SourceErrorKind::AuthenticationFailed, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?} {source:?}").contains("canary"), "{error:?} {source:?}");
    }
    let error = failure(&site.source_with(&by_token.url("site.git"), WITH_TOKEN, &[])).await;
    assert!(error.to_string().contains("neither `token`, nor"), "{error}");
    let mut kept = String::new();
    for entry in ["config", "evenkeel-origin", "HEAD", "FETCH_HEAD"] {
        kept += &fs::read_to_string(site.path("state/clones/site").join(entry)).unwrap_or_default();
    }
    assert!(!kept.contains("canary") && !kept.is_empty(), "{kept}");
}

#[tokio::test]
async fn credentials_go_along_within_a_server_only() {
    let site = Site::new();
    let elsewhere = serve(&site, Manner::default());
    let to = |server: &str| Manner { moved_to: Some(server.to_owned()), ..wants(TOKEN) };
    let secrets = [("token", "canary".to_owned())];
    let within = serve(&site, to("/"));
    let moved = site.source_with(&within.url("moved/site.git"), WITH_TOKEN, &secrets);
    assert_eq!(files(&fetch(&moved).await.manifests), [("a.yaml", "a: 1\n")]);
    let away = serve(&site, to(&elsewhere.url("")));
    let error = failure(&site.source_with(&away.url("moved/site.git"), WITH_TOKEN, &secrets)).await;
    assert_eq!(error.kind, SourceErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains(&format!("has moved to {}", elsewhere.url("site.git"))), "{error}");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn answers_that_are_none_of_a_repository_are_told() {
    let site = Site::new();
    let server = serve(&site, Manner::default());
    let answering = |answer: &str| {
        serve(&site, Manner { answer: Some(answer.to_owned()), ..Manner::default() }).url("site.git")
    };
    for (url, kind, expected) in [
        (server.url("none.git"), SourceErrorKind::NotFound, "there is no repository"),
        (answering("200 OK"), SourceErrorKind::NotFound, "not as a git repository"),
        (answering("503 Busy"), SourceErrorKind::Unreachable, "503"),
        (answering("418 Teapot"), SourceErrorKind::Failed, "418"),
        (
            server.url("site.git").replace("http://", "https://"),
            SourceErrorKind::Unreachable,
            "cannot be reached",
        ),
        ("http://127.0.0.1:1/x".to_owned(), SourceErrorKind::Unreachable, "cannot be reached"),
    ] {
        let error = failure(&site.source(&url, "{}")).await;
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = failure(&site.source(&server.url("site.git"), r#"{"caFile": "none"}"#)).await;
    assert_eq!(error.kind, SourceErrorKind::Configuration, "{error}");
    fs::write(site.path("ca"), "nonsense").unwrap();
    let error = failure(&site.source(&server.url("site.git"), r#"{"caFile": "ca"}"#)).await;
    assert!(error.to_string().contains("has no certificate"), "{error}");
}

#[tokio::test]
async fn an_empty_repository_has_no_branch() {
    let site = Site::new();
    site.git(".", &["init", "--quiet", "--bare", "--initial-branch=main", "empty.git"]);
    let server = serve(&site, Manner::default());
    let error = failure(&site.source(&server.url("empty.git"), "{}")).await;
    assert_eq!(error.kind, SourceErrorKind::NotFound, "{error}");
    assert!(error.hint.unwrap().contains("push one first"));
}

#[tokio::test]
async fn a_signed_tag_is_fetched_with_its_signature() {
    let site = Site::new();
    keygen(&site.path("ann"), "ed25519", "");
    fs::write(site.path("signers"), format!("ann {}", peers::read(&site.path("ann.pub")))).unwrap();
    site.git("work", &["config", "gpg.format", "ssh"]);
    site.git("work", &["config", "user.signingKey", &site.path("ann").display().to_string()]);
    site.git("work", &["tag", "-s", "-m", "one", "v1.0.0"]);
    site.push();
    let server = serve(&site, Manner::default());
    let settings = r#"{"ref": {"semver": "1.x"}, "verify": {"tags": ["ssh"], "allowedSigners": "signers"}}"#;
    let revision = fetch(&site.source(&server.url("site.git"), settings)).await.revision;
    assert_eq!((revision.signer.as_deref(), revision.reference.as_deref()), (Some("ann"), Some("v1.0.0")));
    // What is not verified is not handed out, also where it was fetched before.
    fs::write(site.path("signers"), "").unwrap();
    let error = failure(&site.source(&server.url("site.git"), settings)).await;
    assert_eq!(error.kind, SourceErrorKind::Unverified, "{error}");
}

#[tokio::test]
async fn ten_thousand_files_are_fetched() {
    let site = Site::new();
    site.import_ten_thousand();
    let server = serve(&site, Manner::default());
    let source = site.source(&server.url("site.git"), r#"{"timeout": "10m"}"#);
    let begin = Instant::now();
    assert_eq!(fetch(&source).await.manifests.len(), 10_001);
    println!("fetched in {:?}", begin.elapsed());
}

/// Makes an authority and a certificate of it for 127.0.0.1, in the folder of the site.
fn certify(site: &Site) {
    let run = |arguments: &str| {
        site.run("openssl", ".", &arguments.split(' ').collect::<Vec<_>>());
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"));
    run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    fs::write(site.path("extensions"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 30 -out server.pem -extfile extensions");
}

/// TLS in front of an HTTP server; the port.
async fn tls(site: &Site, to: u16) -> u16 {
    let certificates = CertificateDer::pem_file_iter(site.path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(site.path("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth();
    let config = config.with_single_cert(certificates.map(Result::unwrap).collect(), key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate goes away.
                if let Ok(mut near) = acceptor.accept(stream).await {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_system_s_or_one_s_own_authorities() {
    let site = Site::new();
    certify(&site);
    let server = serve(&site, wants(TOKEN));
    let url = format!("https://127.0.0.1:{}/site.git", tls(&site, server.port).await);
    let secrets = [("token", "canary".to_owned())];
    let error = failure(&site.source_with(&url, WITH_TOKEN, &secrets)).await;
    assert_eq!(error.kind, SourceErrorKind::Untrusted, "{error}");
    assert!(error.hint.unwrap().contains("caFile"));
    assert!(server.asked().is_empty());
    let settings = r#"{"credentialsRef": "forge", "caFile": "ca.pem"}"#;
    let snapshot = fetch(&site.source_with(&url, settings, &secrets)).await;
    assert_eq!(files(&snapshot.manifests), [("a.yaml", "a: 1\n")]);
    // It is for this address only.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let error = failure(&site.source_with(&elsewhere, settings, &secrets)).await;
    assert_eq!(error.kind, SourceErrorKind::Untrusted, "{error}");
}
