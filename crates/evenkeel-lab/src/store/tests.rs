//! The simulated store keeps what the requests promise.

use evenkeel_core::request::{Check, FileRequest, Listing, MISSING, Moved, REFUSED};
use serde_json::{Map, json};

use super::*;
use crate::random::Random;

const ALL: [Personality; 3] = [Personality::Nas, Personality::Posix, Personality::Bucket];

fn write(path: &str, text: &str) -> FileRequest {
    FileRequest::Write { path: path.to_owned(), text: text.to_owned() }
}

fn rename(from: &str, to: &str) -> FileRequest {
    FileRequest::Rename { from: from.to_owned(), to: to.to_owned() }
}

fn folder(folder: &str) -> FileRequest {
    FileRequest::MakeFolder { folder: folder.to_owned() }
}

fn listing(store: &mut FileStore, folder: &str, depth: u8) -> Vec<String> {
    let reply = store.answer(&FileRequest::List { folder: folder.to_owned(), depth });
    let listing: Listing = serde_json::from_slice(&reply.stdout).unwrap();
    listing.entries.into_keys().collect()
}

fn text(store: &FileStore, path: &str) -> Option<String> {
    store.file(path).map(|content| String::from_utf8(content.bytes().to_vec()).unwrap())
}

#[test]
fn what_is_written_is_listed_read_and_digested_on_every_store() {
    for personality in ALL {
        let mut store = FileStore::new(personality);
        let ask = FileRequest::List { folder: "/disk1".to_owned(), depth: 1 };
        assert_eq!(store.answer(&ask).exit, MISSING, "{personality:?}");
        store.answer(&folder("/disk1/dump"));
        for content in ["one", "another"] {
            assert_eq!(store.answer(&write("/disk1/dump/a.json", content)).exit, 0, "{personality:?}");
            assert_eq!(text(&store, "/disk1/dump/a.json").as_deref(), Some(content));
        }
        assert_eq!(listing(&mut store, "/disk1", 1), ["dump"]);
        assert_eq!(listing(&mut store, "/disk1", 2), ["dump", "dump/a.json"]);
        let digest = store.answer(&FileRequest::Digest { path: "/disk1/dump/a.json".to_owned() });
        let digest: evenkeel_core::request::Digest = serde_json::from_slice(&digest.stdout).unwrap();
        assert_eq!(digest.bytes, 7);
        assert_eq!(store.answer(&FileRequest::Read { path: "/disk1/no".to_owned() }).exit, MISSING);
        assert_eq!(store.answer(&write("/disk1/../etc/x", "")).exit, REFUSED);
    }
}

#[test]
fn a_rename_never_goes_over_anything_be_it_an_empty_folder() {
    for personality in [Personality::Nas, Personality::Posix] {
        let mut store = FileStore::new(personality);
        store.answer(&folder("/d/transfer"));
        store.answer(&folder("/d/daily.0"));
        store.answer(&write("/d/transfer/x", "x"));
        assert_eq!(store.answer(&rename("/d/transfer", "/d/daily.0")).exit, REFUSED);
        assert_eq!(store.answer(&rename("/d/daily.0", "/d/daily.1")).exit, 0);
        assert_eq!(store.answer(&rename("/d/transfer", "/d/daily.0")).exit, 0);
        assert_eq!(text(&store, "/d/daily.0/x").as_deref(), Some("x"));
        assert_eq!(store.answer(&rename("/d/transfer", "/d/daily.0")).exit, REFUSED);
        assert_eq!(store.answer(&rename("/d/transfer", "/d/daily.2")).exit, MISSING);
    }
    let mut bucket = FileStore::new(Personality::Bucket);
    bucket.answer(&write("d/transfer/x", "x"));
    assert_eq!(bucket.answer(&rename("d/transfer", "d/daily.0")).exit, REFUSED, "a bucket has no renames");
}

fn removal(seen: &[&str]) -> FileRequest {
    let only = seen.iter().map(|path| (*path).to_owned()).collect();
    FileRequest::RemoveFolder { folder: "/d/old".to_owned(), last: "going".to_owned(), only }
}

#[test]
fn a_folder_goes_with_its_mark_last() {
    for personality in ALL {
        let mut whole = FileStore::new(personality);
        for name in ["a", "b/c", "zz", "going"] {
            whole.put_by_hand(&format!("/d/old/{name}"), name.as_bytes());
        }
        let request = removal(&["a", "b", "b/c", "zz"]);
        let mut unseen = whole.clone();
        assert_eq!(unseen.answer(&removal(&["a", "b", "zz"])).exit, REFUSED);
        assert_eq!(unseen.nodes(), whole.nodes(), "nobody saw b/c");
        for seed in 0..40 {
            let mut store = whole.clone();
            store.answer_in_part(&request, &mut Random::new(seed));
            let left = store.files("/d/old");
            assert!(left.is_empty() || left.contains(&"/d/old/going".to_owned()), "{left:?}");
            assert_eq!(store.answer(&request).exit, 0);
            assert!(store.nodes().keys().all(|path| !path.starts_with("d/old")), "{personality:?}");
            assert_eq!(store.answer(&request).exit, 0, "what is gone is gone");
        }
    }
}

#[test]
fn a_file_that_is_written_is_the_old_or_the_new_or_stands_whole_beside_itself() {
    for personality in ALL {
        let mut before = FileStore::new(personality);
        before.put_by_hand("/d/evenkeel.json", b"old");
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut store = before.clone();
            store.answer_in_part(&write("/d/evenkeel.json", "the new one"), &mut Random::new(seed));
            let (named, part) = (text(&store, "/d/evenkeel.json"), text(&store, "/d/evenkeel.json.part"));
            assert!(named.as_deref().is_none_or(|text| text == "old" || text == "the new one"));
            assert!(named.is_some() || part.as_deref() == Some("the new one"), "{named:?} {part:?}");
            seen.insert((named, part));
        }
        assert!(seen.len() > 1 || personality == Personality::Bucket, "{personality:?}: {seen:?}");
    }
}

fn order(path: &str, fields: &Map<String, serde_json::Value>) -> (String, Map<String, serde_json::Value>) {
    (path.to_owned(), fields.clone())
}

fn supply(bytes: &[u8], failed: Option<&str>) -> Supply {
    let failed = failed.map(str::to_owned);
    Supply { bytes: bytes.to_vec(), stderr: b"INFO: x\n".to_vec(), failed, at: crate::contract::now() }
}

#[test]
fn a_received_file_has_its_name_only_when_it_is_whole() {
    let fields = Map::from_iter([("attempt".to_owned(), json!(1))]);
    let (path, record) = order("/d/s/a.tar", &fields);
    let order = Order { path: &path, check: Check::Checksum, record: Some(&record), log: Some("/d/s/a.log") };
    let bytes = [7; 500];
    for personality in ALL {
        let mut empty = FileStore::new(personality);
        empty.answer(&folder("/d/s"));
        for seed in 0..300 {
            let mut store = empty.clone();
            let mut random = Random::new(seed);
            assert!(store.receive(order, &supply(&bytes, None), Some(&mut random)).is_err());
            assert!(store.file(&path).is_none_or(|content| content.len() == 500));
            assert!(store.file("/d/s/a.tar.json").is_none() || store.file(&path).is_some());
        }
        let mut store = empty.clone();
        let reply = store.receive(order, &supply(&bytes, Some("it died")), None).unwrap();
        assert_eq!((reply.exit, reply.stderr_text().as_str()), (REFUSED, "it died"));
        assert!(store.file(&path).is_none() && store.file("/d/s/a.log").is_some());
        assert!(text(&store, "/d/s/a.tar.failed.json").unwrap().contains("it died"));

        let reply = store.receive(order, &supply(&bytes, None), None).unwrap();
        let moved: Moved = serde_json::from_slice(&reply.stdout).unwrap();
        assert_eq!((reply.exit, moved.bytes), (0, 500));
        let seal = FileRequest::Seal {
            folder: "/d/s".to_owned(),
            into: "evenkeel.json".to_owned(),
            fields: Map::new(),
            members: vec!["a.tar".to_owned()],
        };
        assert_eq!(store.answer(&seal).exit, 0);
        assert!(text(&store, "/d/s/evenkeel.json").unwrap().contains(&moved.sha256));
        store.put_by_hand("/d/s/a.tar", b"short");
        assert_eq!(store.answer(&seal).exit, REFUSED, "{personality:?}");
    }
}

#[test]
fn a_full_store_keeps_what_fitted_and_says_so() {
    for personality in ALL {
        let mut store = FileStore::new(personality);
        store.answer(&folder("/d"));
        store.set_capacity(Some(100));
        let record = Map::new();
        let order = Order { path: "/d/a", check: Check::Size, record: Some(&record), log: None };
        let reply = store.receive(order, &supply(&[1; 400], None), None).unwrap();
        assert!(reply.exit == REFUSED && reply.stderr_text().starts_with("552 "), "{reply:?}");
        assert!(store.file("/d/a").is_none());
        let kept = u64::from(personality != Personality::Bucket) * 100;
        assert_eq!(store.used(), kept);
        let space = store.answer(&FileRequest::Space { folder: "/d".to_owned() });
        assert_eq!(String::from_utf8(space.stdout).unwrap(), (100 - kept).to_string());
    }
}
