//! WebDAV against a real Apache.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::credentials::EnvironmentCredentials;
use crate::stores::exercise::{Failing, exercise, get, kind, most_memory, noise, put};
use crate::stores::front::Front;
use crate::stores::peers::{DAV_PASSWORD, DAV_USER, Server as Peer};

fn credentials(keys: &[(&str, &str)]) -> EnvironmentCredentials {
    let variable = |key: &str| format!("EVENKEEL_CRED_C_{}", key.to_uppercase());
    EnvironmentCredentials::new(keys.iter().map(|(key, value)| (variable(key), (*value).to_owned())))
}

fn at(url: &str, changed: &Value) -> Stored<WebdavFiles> {
    let mut spec = json!({ "url": url, "user": DAV_USER, "credentialsRef": "c" });
    spec.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    open("nas", &serde_json::from_value(spec).unwrap(), &credentials(&[("password", DAV_PASSWORD)]))
}

fn webdav(port: u16) -> WebdavFiles {
    at(&format!("http://127.0.0.1:{port}/dav"), &json!({})).unwrap()
}

#[tokio::test]
async fn a_webdav_server_is_a_store() {
    let peer = Peer::webdav();
    let mut store = webdav(peer.port());
    exercise(&mut store, "top").await;
    assert_eq!(std::fs::read_dir(peer.files()).unwrap().count(), 0, "nothing is left over");
}

#[tokio::test]
async fn a_large_file_takes_no_more_memory_than_a_small_one() {
    let peer = Peer::webdav();
    let mut store = webdav(peer.port());
    put(&mut store, "x", &noise(1 << 20)).await;
    let before = most_memory();
    let size = 200 << 20;
    let mut zeros = tokio::io::AsyncReadExt::take(tokio::io::repeat(0), size);
    assert_eq!(store.put("x", 0, &mut zeros).await, Ok(size));
    assert_eq!(store.get("x", 0, &mut tokio::io::sink()).await, Ok(size));
    let more = most_memory() - before;
    assert!(more < 32 << 20, "{more} bytes more");
}

#[tokio::test]
async fn a_folder_below_the_url_is_where_paths_begin() {
    let peer = Peer::webdav();
    webdav(peer.port()).make_folder("a b").await.unwrap();
    let mut store = at(&format!("http://127.0.0.1:{}/dav/a%20b/", peer.port()), &json!({})).unwrap();
    exercise(&mut store, "top").await;
}

#[tokio::test]
async fn a_certificate_is_signed_by_whom_the_settings_trust() {
    let peer = Peer::webdav_tls();
    let url = format!("https://127.0.0.1:{}/dav/", peer.port());
    let mut store = at(&url, &json!({ "caFile": peer.authority() })).unwrap();
    put(&mut store, "x", &noise(3 << 20)).await;
    assert!(get(&mut store, "x", 0).await == noise(3 << 20));
    let answer = at(&url, &json!({})).unwrap().size("x").await;
    assert!(format!("{answer:?}").contains("caFile"), "{answer:?}");
    assert_eq!(kind(answer), TransportErrorKind::Unreachable);
}

#[tokio::test]
async fn logins_and_urls_that_are_wrong_are_told_from_missing_files() {
    let peer = Peer::webdav();
    let url = format!("http://127.0.0.1:{}/dav", peer.port());
    let keys = credentials(&[("password", "wr0ng-wr0ng"), ("user", DAV_USER)]);
    let spec = json!({ "url": url, "credentialsRef": "c" });
    let mut store = open("nas", &serde_json::from_value(spec).unwrap(), &keys).unwrap();
    for answer in
        [store.list("", 1).await.map(drop), store.size("x").await.map(drop), store.make_folder("x").await]
    {
        assert!(!format!("{answer:?}").contains("wr0ng"), "{answer:?}");
        assert_eq!(kind(answer), TransportErrorKind::AuthenticationFailed);
    }
    let mut store = at(&format!("{url}/nowhere"), &json!({})).unwrap();
    assert_eq!(kind(store.list("", 1).await), TransportErrorKind::Configuration);
    assert_eq!(kind(store.size("x").await), TransportErrorKind::Configuration);
    // A web server that is none of WebDAV.
    let mut store = at(&format!("http://127.0.0.1:{}/", peer.port()), &json!({})).unwrap();
    assert!(matches!(store.list("", 1).await, Err(StoreError::Refused(_) | StoreError::Failed(_))));
}

#[tokio::test]
async fn failures_on_the_way_are_told_and_nothing_passes_for_whole() {
    let peer = Peer::webdav();
    let front = Front::before(peer.port()).await;
    let mut store = webdav(front.port());
    store.server.patience = Duration::from_secs(20);
    let bytes = noise(3 << 20);
    for cut in [0, 100, 1 << 20, 3 << 20] {
        front.cut_after(cut);
        let answer = store.put("cut", 0, &mut bytes.as_slice()).await;
        assert!(matches!(&answer, Err(StoreError::Failed(_))), "{cut}: {answer:?}");
        front.cut_after(usize::MAX);
        assert!(matches!(store.size("cut").await, Err(StoreError::Missing(_))), "{cut}");
    }
    assert!(store.put("cut", 0, &mut Failing(1 << 20)).await.is_err());
    // Whoever gives up in the middle leaves no end of a file behind either.
    let (mut near, mut far) = tokio::io::duplex(1 << 20);
    tokio::io::AsyncWriteExt::write_all(&mut near, &bytes[..1 << 20]).await.unwrap();
    let given_up = timeout(Duration::from_secs(1), store.put("cut", 0, &mut far)).await;
    assert!(given_up.is_err());
    drop(near);
    assert!(matches!(store.size("cut").await, Err(StoreError::Missing(_))));
    front.answer_next(1, "503 Service Unavailable");
    assert_eq!(kind(store.size("x").await), TransportErrorKind::Unreachable);
    front.answer_next(1, "507 Insufficient Storage");
    let full = store.put("y", 0, &mut bytes.as_slice()).await;
    assert!(matches!(&full, Err(StoreError::Refused(text)) if text.contains("full")), "{full:?}");
    front.answer_next(1, "302 Found");
    assert_eq!(kind(store.list("", 1).await), TransportErrorKind::Configuration);
    front.answer_next(1, "207 Multi-Status");
    assert_eq!(kind(store.list("", 1).await), TransportErrorKind::Protocol);
    front.answer_next(1, "404 Not Found");
    assert!(matches!(store.list("", 1).await, Err(StoreError::Missing(_))));
}

#[tokio::test]
async fn a_silent_or_absent_server_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut store = webdav(port);
    store.server.patience = Duration::from_millis(200);
    assert_eq!(kind(store.size("x").await), TransportErrorKind::Timeout);
    let bytes = noise(20 << 20);
    assert_eq!(kind(store.put("x", 0, &mut bytes.as_slice()).await), TransportErrorKind::Timeout);
    drop(listener);
    assert_eq!(kind(store.list("", 1).await), TransportErrorKind::Unreachable);
}

#[test]
fn a_password_is_not_sent_where_others_read_it() {
    let error = at("http://nas.example.org/dav", &json!({})).map(drop).unwrap_err().to_string();
    assert!(error.contains("plain http") && !error.contains(DAV_PASSWORD), "{error}");
    assert!(at("https://nas.example.org/dav", &json!({})).is_ok());
    let spec = json!({ "url": "http://nas.example.org/dav" });
    assert!(open("nas", &serde_json::from_value(spec).unwrap(), &credentials(&[])).is_ok());
}
