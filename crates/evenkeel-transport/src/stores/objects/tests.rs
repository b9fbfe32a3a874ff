//! S3 and Azure Blob against real servers.

use std::time::Duration;

use evenkeel_core::target::{AzblobSpec, S3Spec};
use evenkeel_core::transport::TransportErrorKind;
use serde_json::{Value, json};

use super::*;
use crate::credentials::EnvironmentCredentials;
use crate::stores::exercise::{Failing, exercise, get, kind, most_memory, noise, put};
use crate::stores::front::Front;
use crate::stores::peers::{AZURE_ACCOUNT, AZURE_KEY, Server};

const SECRET: &str = "s3cret-s3cret";

fn credentials(keys: &[(&str, &str)]) -> EnvironmentCredentials {
    let variable = |key: &str| format!("EVENKEEL_CRED_C_{}", key.to_uppercase());
    EnvironmentCredentials::new(keys.iter().map(|(key, value)| (variable(key), (*value).to_owned())))
}

fn s3_spec(port: u16, changed: &Value) -> S3Spec {
    let mut spec = json!({
        "bucket": "backup", "endpoint": format!("http://127.0.0.1:{port}"), "credentialsRef": "c",
    });
    spec.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn s3(port: u16) -> ObjectFiles {
    let keys = credentials(&[("accessKeyId", "AKIA"), ("secretAccessKey", SECRET)]);
    open_s3("offsite", &s3_spec(port, &json!({})), &keys).unwrap()
}

/// One that is not waited for as long.
fn hasty_s3(port: u16, patience: Duration) -> ObjectFiles {
    let keys = credentials(&[("accessKeyId", "AKIA"), ("secretAccessKey", SECRET)]);
    s3_within("offsite", &s3_spec(port, &json!({})), &keys, patience).unwrap()
}

fn azblob_spec(port: u16) -> AzblobSpec {
    let endpoint = format!("http://127.0.0.1:{port}/{AZURE_ACCOUNT}");
    let spec = json!({
        "account": AZURE_ACCOUNT, "container": "backup", "endpoint": endpoint, "credentialsRef": "c",
    });
    serde_json::from_value(spec).unwrap()
}

fn azblob(port: u16) -> ObjectFiles {
    open_azblob("offsite", &azblob_spec(port), &credentials(&[("accountKey", AZURE_KEY)])).unwrap()
}

/// An object of several parts, and those that are given up.
async fn large(store: &mut ObjectFiles) {
    let bytes = noise(20 << 20);
    for size in [bytes.len(), 16 << 20, (8 << 20) - 1, (8 << 20) + 1] {
        put(store, "large/x", &bytes[..size]).await;
        assert!(get(store, "large/x", 0).await == bytes[..size], "{size}");
    }
    assert!(get(store, "large/x", 7 << 20).await == bytes[7 << 20..=8 << 20]);
    // What is there stays until the new one is whole.
    assert!(store.put("large/x", 0, &mut Failing(20 << 20)).await.is_err());
    assert_eq!(store.size("large/x").await, Ok((8 << 20) + 1));
    store.remove("large/x").await.unwrap();
}

/// More objects than there are on one page of a listing.
async fn many(store: &mut ObjectFiles) {
    for number in 0..1100 {
        put(store, &format!("many/{number}"), b"").await;
    }
    assert_eq!(store.list("many", 1).await.unwrap().entries.len(), 1100);
}

#[tokio::test]
async fn an_s3_bucket_is_a_store() {
    let server = Server::s3();
    let mut store = s3(server.port());
    exercise(&mut store, "top").await;
    large(&mut store).await;
    many(&mut store).await;
}

#[tokio::test]
async fn a_large_object_takes_no_more_memory_than_a_few_parts() {
    let server = Server::azurite();
    let mut store = azblob(server.port());
    put(&mut store, "x", &noise(1 << 20)).await;
    let before = most_memory();
    let size = 200 << 20;
    let mut zeros = tokio::io::AsyncReadExt::take(tokio::io::repeat(0), size);
    assert_eq!(store.put("x", 0, &mut zeros).await, Ok(size));
    assert_eq!(store.get("x", 0, &mut tokio::io::sink()).await, Ok(size));
    let more = most_memory() - before;
    assert!(more < 40 << 20, "{more} bytes more");
}

#[tokio::test]
async fn an_azure_container_is_a_store() {
    let server = Server::azurite();
    let mut store = azblob(server.port());
    exercise(&mut store, "top").await;
    large(&mut store).await;
}

/// A failure of `store`, which says what is wrong and none of the secrets.
async fn told(store: &mut ObjectFiles, secrets: &[&str]) -> TransportErrorKind {
    let answer = store.put("x", 0, &mut b"x".as_slice()).await;
    let text = format!("{answer:?}");
    assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    assert_eq!(kind(answer), kind(store.list("", 1).await), "{text}");
    assert_eq!(kind(store.size("x").await), kind(store.list("", 1).await), "{text}");
    kind(store.list("", 1).await)
}

#[tokio::test]
async fn keys_and_buckets_that_are_wrong_are_told_from_missing_objects() {
    let strict = Server::s3_without_keys();
    assert_eq!(told(&mut s3(strict.port()), &[SECRET]).await, TransportErrorKind::AuthenticationFailed);

    let server = Server::s3();
    let keys = credentials(&[("accessKeyId", "AKIA"), ("secretAccessKey", SECRET)]);
    let spec = s3_spec(server.port(), &json!({ "bucket": "other" }));
    let mut store = open_s3("offsite", &spec, &keys).unwrap();
    assert_eq!(told(&mut store, &[SECRET]).await, TransportErrorKind::Configuration);

    let azure = Server::azurite();
    let wrong = "d3JvbmcgIHdyb25nICB3cm9uZyAgd3JvbmcgIHdyb25nISE=";
    let keys = credentials(&[("accountKey", wrong)]);
    let mut store = open_azblob("offsite", &azblob_spec(azure.port()), &keys).unwrap();
    assert_eq!(told(&mut store, &[wrong]).await, TransportErrorKind::AuthenticationFailed);

    let token = "sv=2023-11-03&ss=b&srt=sco&sp=rwdlac&se=2099-01-01&sig=d3JvbmdzZWNyZXQ%3D";
    let keys = credentials(&[("sasToken", token)]);
    let mut store = open_azblob("offsite", &azblob_spec(azure.port()), &keys).unwrap();
    let kind = told(&mut store, &["d3JvbmdzZWNyZXQ"]).await;
    assert_eq!(kind, TransportErrorKind::AuthenticationFailed);

    let spec = AzblobSpec { container: "other".to_owned(), ..azblob_spec(azure.port()) };
    let mut store = open_azblob("offsite", &spec, &credentials(&[("accountKey", AZURE_KEY)])).unwrap();
    assert_eq!(told(&mut store, &[AZURE_KEY]).await, TransportErrorKind::Configuration);
}

#[tokio::test]
async fn what_fails_in_passing_is_sent_again() {
    let server = Server::s3();
    let front = Front::before(server.port()).await;
    let mut store = s3(front.port());
    front.answer_next(2, "503 Service Unavailable");
    put(&mut store, "x", b"x").await;
    front.answer_next(1, "500 Internal Server Error");
    assert_eq!(get(&mut store, "x", 0).await, b"x");
    front.answer_next(100, "503 Service Unavailable");
    assert_eq!(kind(store.size("x").await), TransportErrorKind::Unreachable);
    front.answer_next(100, "507 Insufficient Storage");
    let full = store.put("y", 0, &mut b"y".as_slice()).await;
    assert!(matches!(&full, Err(StoreError::Refused(text)) if text.contains("507")), "{full:?}");
    front.answer_next(0, "");
    assert!(matches!(store.size("y").await, Err(StoreError::Missing(_))));
}

#[tokio::test]
async fn a_cut_connection_leaves_no_object() {
    let server = Server::s3();
    let front = Front::before(server.port()).await;
    let bytes = noise(20 << 20);
    for cut in [0, 3000, 300_000, 9 << 20] {
        let mut store = hasty_s3(front.port(), Duration::from_secs(20));
        front.cut_after(cut);
        let answer = store.put("cut", 0, &mut bytes.as_slice()).await;
        assert!(matches!(&answer, Err(StoreError::Failed(_))), "{cut}: {answer:?}");
        front.cut_after(usize::MAX);
        assert!(matches!(store.size("cut").await, Err(StoreError::Missing(_))), "{cut}");
        // What could not be taken back is seen, and can be.
        let left = store.list("", 1).await.unwrap().entries;
        let begun = cut > 0;
        assert_eq!(left.get("cut.part"), begun.then_some(&Entry::File(0)), "{cut}: {left:?}");
        assert_eq!(store.remove("cut.part").await.is_ok(), begun);
        assert!(store.list("", 1).await.unwrap().entries.is_empty());
    }
    let mut store = hasty_s3(front.port(), Duration::from_secs(20));
    put(&mut store, "whole", &bytes).await;
    assert!(get(&mut store, "whole", 0).await == bytes);
}

#[tokio::test]
async fn an_object_that_is_given_up_in_the_middle_is_forgotten() {
    let server = Server::s3();
    let mut store = s3(server.port());
    let (mut near, mut far) = tokio::io::duplex(1 << 20);
    let feeding = async {
        tokio::io::AsyncWriteExt::write_all(&mut near, &noise(12 << 20)).await.unwrap();
        let mut other = s3(server.port());
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while other.list("a", 2).await.unwrap().entries.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "no part is seen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let entries = other.list("", 3).await.unwrap().entries;
        let part = ("a/b/x.part".to_owned(), Entry::File(0));
        let above = ["a", "a/b"].map(|name| (name.to_owned(), Entry::Folder));
        assert_eq!(entries, above.into_iter().chain([part]).collect());
        assert_eq!(other.list("a", 1).await.unwrap().entries.len(), 1);
    };
    tokio::select! {
        answer = store.put("a/b/x", 0, &mut far) => panic!("{answer:?}"),
        () = feeding => {}
    }
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !store.list("", 3).await.unwrap().entries.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the parts stay");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_silent_or_absent_server_is_given_up() {
    let server = Server::s3();
    let mut store = hasty_s3(server.port(), Duration::from_millis(500));
    server.signal("STOP");
    assert_eq!(kind(store.size("x").await), TransportErrorKind::Timeout);
    server.signal("CONT");
    let port = server.port();
    drop(server);
    let mut store = hasty_s3(port, Duration::from_secs(2));
    assert_eq!(kind(store.list("", 1).await), TransportErrorKind::Unreachable);
}

#[test]
fn what_would_show_a_secret_is_refused() {
    let open = |spec: &Value, keys: &[(&str, &str)]| {
        open_s3("offsite", &s3_spec(1, spec), &credentials(keys)).map(drop).unwrap_err().to_string()
    };
    let keys = [("accessKeyId", "AKIA"), ("secretAccessKey", SECRET), ("sessionToken", "t0ken-t0ken")];
    let text = open(&json!({ "endpoint": "http://s3.example.org" }), &keys);
    assert!(text.contains("session token") && !text.contains("t0ken-t0ken"), "{text}");
    let text = open(&json!({}), &[("accessKeyId", "AK\nIA"), ("secretAccessKey", SECRET)]);
    assert!(text.contains("accessKeyId"), "{text}");
    for (field, wrong) in [("bucket", "a/b"), ("bucket", ""), ("region", "a b")] {
        let text = open(&json!({ field: wrong }), &keys);
        assert!(text.contains(field), "{text}");
    }
    let text = open(&json!({}), &keys[..1]);
    assert!(text.contains("secretAccessKey"), "{text}");
    let text = open(&json!({ "endpoint": "https://u:hunter2@s3" }), &keys);
    assert!(text.contains("`endpoint`") && !text.contains("hunter2"), "{text}");
    let sas = credentials(&[("sasToken", "sig=hunter2")]);
    let spec = AzblobSpec { endpoint: Some("http://blob.example.org".to_owned()), ..azblob_spec(1) };
    let text = open_azblob("offsite", &spec, &sas).map(drop).unwrap_err().to_string();
    assert!(text.contains("sasToken") && !text.contains("hunter2"), "{text}");
    let text = open_azblob("offsite", &spec, &credentials(&[])).map(drop).unwrap_err().to_string();
    assert!(text.contains("accountKey"), "{text}");
}
