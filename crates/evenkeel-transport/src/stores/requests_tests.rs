//! Requests against a store in memory, and what is left after each fault.

use std::collections::BTreeSet;

use serde_json::json;

use crate::stores::memory::{BUCKET, Fault, How, MemoryServer, PLAIN, digest as sum};

use super::*;

async fn ask(server: &MemoryServer, request: &FileRequest) -> Result<Reply, TransportError> {
    perform(&mut server.connect(), request, "nas").await
}

async fn fine(server: &MemoryServer, request: &FileRequest) -> Vec<u8> {
    let reply = ask(server, request).await.unwrap();
    assert_eq!(reply.exit, 0, "{}: {}", request.display(), reply.stderr_text());
    reply.stdout
}

async fn refused(server: &MemoryServer, request: &FileRequest, exit: i32) -> String {
    let reply = ask(server, request).await.unwrap();
    assert_eq!(reply.exit, exit, "{}", request.display());
    reply.stderr_text()
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn what_reads_reads() {
    let server = MemoryServer::new(PLAIN);
    server.folder("a");
    server.put("a/b c", b"hello");
    server.folder("a/d");
    let listing: Listing =
        serde_json::from_slice(&fine(&server, &FileRequest::List { folder: text("a"), depth: 1 }).await)
            .unwrap();
    assert_eq!(listing.entries["b c"], Entry::File(5));
    assert_eq!(listing.entries["d"], Entry::Folder);
    refused(&server, &FileRequest::List { folder: text("x"), depth: 1 }, MISSING).await;
    assert_eq!(fine(&server, &FileRequest::Read { path: text("a/b c") }).await, b"hello");
    refused(&server, &FileRequest::Read { path: text("a/x") }, MISSING).await;
    let digest: Digest =
        serde_json::from_slice(&fine(&server, &FileRequest::Digest { path: text("a/b c") }).await).unwrap();
    assert_eq!(digest, sum(b"hello"));
    assert_eq!(fine(&server, &FileRequest::Space { folder: text("a/x/y") }).await, b"4096", "as above it");
    server.put("a/large", &vec![0; (1 << 20) + 1]);
    let words = refused(&server, &FileRequest::Read { path: text("a/large") }, REFUSED).await;
    assert!(words.contains("more than 1 MiB"), "{words}");
    server.put("a/largest", &vec![0; 1 << 20]);
    assert_eq!(fine(&server, &FileRequest::Read { path: text("a/largest") }).await.len(), 1 << 20);
}

#[tokio::test]
async fn paths_that_lead_elsewhere_are_refused_before_anything_is_sent() {
    let server = MemoryServer::new(PLAIN);
    for path in ["", "../a", "a/../b", "a//b", "a\nb", "a\0", "a/"] {
        let path = text(path);
        for request in [
            FileRequest::Read { path: path.clone() },
            FileRequest::Remove { path: path.clone() },
            FileRequest::Write { path: path.clone(), text: text("x") },
            FileRequest::List { folder: path.clone(), depth: 1 },
            FileRequest::Rename { from: text("a"), to: path.clone() },
            removal(&path, "x"),
        ] {
            refused(&server, &request, REFUSED).await;
        }
    }
    refused(&server, &removal("a", "../x"), REFUSED).await;
    refused(&server, &removal("/", "x"), REFUSED).await;
    assert_eq!(server.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_small_file_is_written_beside_and_renamed_also_where_nothing_is_renamed_over() {
    for careful in [false, true] {
        let server = MemoryServer::new(PLAIN);
        server.0.lock().unwrap().careful = careful;
        for text in ["one", "two"] {
            fine(&server, &FileRequest::Write { path: "f".into(), text: text.into() }).await;
            assert_eq!(server.file("f").unwrap(), text.as_bytes());
            assert_eq!(server.names(), ["f"]);
        }
    }
    let bucket = MemoryServer::new(BUCKET);
    fine(&bucket, &FileRequest::Write { path: text("f"), text: text("x") }).await;
    assert_eq!(bucket.calls(), ["put f 0", "get f 0"]);
}

#[tokio::test]
async fn folders_are_made_with_those_above_and_nothing_is_renamed_over_anything() {
    let server = MemoryServer::new(PLAIN);
    fine(&server, &FileRequest::MakeFolder { folder: text("/a/b/c") }).await;
    fine(&server, &FileRequest::MakeFolder { folder: text("/a/b/c") }).await;
    assert_eq!(server.names(), ["/a", "/a/b", "/a/b/c"]);
    server.put("/a/f", b"x");
    refused(&server, &FileRequest::MakeFolder { folder: text("/a/f/g") }, REFUSED).await;
    refused(&server, &FileRequest::Rename { from: text("/a/f"), to: text("/a/b") }, REFUSED).await;
    fine(&server, &FileRequest::Rename { from: text("/a/b"), to: text("/a/z") }).await;
    assert_eq!(server.names(), ["/a", "/a/f", "/a/z", "/a/z/c"]);
    refused(&server, &FileRequest::Rename { from: text("/a/b"), to: text("/a/y") }, MISSING).await;
    server.put("f", b"x");
    server.folder("g");
    refused(&server, &FileRequest::Rename { from: text("f"), to: text("g") }, REFUSED).await;
    fine(&server, &FileRequest::Rename { from: text("f"), to: text("h") }).await;
}

/// Removes a folder of [`full`].
fn removal(folder: &str, last: &str) -> FileRequest {
    let seen = ["a", "deep", "deep/b", "deep/deeper", "deep/deeper/c", "gone", "z"];
    FileRequest::RemoveFolder { folder: text(folder), last: text(last), only: seen.map(text).into() }
}

fn full() -> MemoryServer {
    let server = MemoryServer::new(PLAIN);
    for folder in ["d", "d/0", "d/0/deep", "d/0/deep/deeper", "d/1"] {
        server.folder(folder);
    }
    for file in ["d/0/a", "d/0/evenkeel.removing", "d/0/deep/b", "d/0/deep/deeper/c", "d/0/z", "d/1/kept"] {
        server.put(file, b"x");
    }
    server
}

#[tokio::test]
async fn a_folder_goes_whole_and_its_mark_last_whatever_fails() {
    let request = removal("d/0", "evenkeel.removing");
    let server = full();
    fine(&server, &request).await;
    fine(&server, &request).await;
    assert_eq!(server.names(), ["d", "d/1", "d/1/kept"]);
    for call in 0..9 {
        for how in [How::Refused, How::Lost, How::DoneAndLost] {
            let server = full();
            server.0.lock().unwrap().fault = Some(Fault { call, after: 0, how });
            let outcome = ask(&server, &request).await;
            assert!(!outcome.is_ok_and(|reply| reply.exit == 0), "{call} {how:?}");
            let left: BTreeSet<String> =
                server.names().into_iter().filter(|n| n.starts_with("d/0/")).collect();
            assert!(left.is_empty() || left.contains("d/0/evenkeel.removing"), "{call} {how:?}: {left:?}");
            fine(&server, &request).await;
            assert_eq!(server.names(), ["d", "d/1", "d/1/kept"], "{call} {how:?}");
        }
    }
}

#[tokio::test]
async fn a_folder_stays_whole_where_something_came_in_that_nobody_saw() {
    for path in ["d/0/mine.tar", "d/0/deep/mine.tar", "d/0/deep/z"] {
        let server = full();
        server.put(path, b"x");
        let before = server.names();
        let words = refused(&server, &removal("d/0", "evenkeel.removing"), REFUSED).await;
        assert!(words.contains(&format!("{path} came in meanwhile; nothing of d/0 was removed")), "{words}");
        assert_eq!(server.names(), before);
    }
    let server = full();
    server.folder("d/0/theirs");
    refused(&server, &removal("d/0", "evenkeel.removing"), REFUSED).await;
    assert!(server.file("d/0/a").is_some());
}

#[tokio::test]
async fn a_seal_takes_the_records_and_wants_them_to_be_true() {
    let server = MemoryServer::new(PLAIN);
    server.folder("g");
    let fields = json!({"format": 1, "slot": "20261120T023000Z"}).as_object().unwrap().clone();
    let seal = FileRequest::Seal {
        folder: text("g"),
        into: text("evenkeel.json"),
        fields,
        members: vec![text("a.tar"), text("b.tar")],
    };
    server.put("g/a.tar", b"12345");
    server.put("g/a.tar.json", br#"{"bytes":5,"sha256":"00","guest":"101"}"#);
    server.put("g/b.tar", b"1234");
    let words = refused(&server, &seal, REFUSED).await;
    assert!(words.contains("g/b.tar has no record"), "{words}");
    server.put("g/b.tar.json", b"{");
    assert!(refused(&server, &seal, REFUSED).await.contains("is no record"));
    server.put("g/b.tar.json", br#"{"bytes":5}"#);
    let words = refused(&server, &seal, REFUSED).await;
    assert!(words.contains("holds 4 bytes, its record says 5 bytes"), "{words}");
    assert_eq!(server.file("g/evenkeel.json"), None);
    server.put("g/b.tar.json", br#"{"bytes":4}"#);
    fine(&server, &seal).await;
    let sealed: Value = serde_json::from_slice(&server.file("g/evenkeel.json").unwrap()).unwrap();
    assert_eq!(sealed["slot"], "20261120T023000Z");
    assert_eq!(sealed["archives"]["a.tar"]["guest"], "101");
    assert_eq!(sealed["archives"]["b.tar"]["bytes"], 4);
    for call in 0..5 {
        for how in [How::Refused, How::Lost, How::DoneAndLost] {
            server.0.lock().unwrap().content.remove("g/evenkeel.json");
            let fault = Fault { call: server.calls().len() + call, after: 10, how };
            server.0.lock().unwrap().fault = Some(fault);
            let outcome = ask(&server, &seal).await;
            assert!(!outcome.is_ok_and(|reply| reply.exit == 0), "{call} {how:?}");
            if let Some(bytes) = server.file("g/evenkeel.json") {
                serde_json::from_slice::<Value>(&bytes).unwrap();
            }
        }
    }
}
