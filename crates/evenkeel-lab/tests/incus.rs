//! The simulated Incus server, held against a recording of the real one (6.0.4), call by call over its socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use evenkeel_lab::containers::System;
use evenkeel_lab::containers::incus::{IncusHost, IncusServer};
use jiff::Timestamp;
use serde_json::{Map, Value};

const RECORDED: &str = include_str!("data/incus/recorded.json");

/// Sends a request, and reads the status and what is answered.
fn call(socket: &Path, method: &str, path: &str, body: Option<&str>) -> (u64, Value) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let body = body.unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Takes out what is another from run to run: fingerprints, ids, times and sizes, and what the server notes for itself.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, _)| !key.starts_with("volatile."));
            let field = |(key, value): (&String, &Value)| {
                let masked = ["size", "speed", "create_instance_from_image_unpack_progress", "config_source"];
                let value = if masked.contains(&key.as_str()) { Value::from("…") } else { plain(value) };
                (key.clone(), value)
            };
            Value::Object(kept.map(field).collect::<Map<_, _>>())
        }
        Value::Array(all) => {
            let mut all: Vec<Value> = all.iter().map(plain).collect();
            all.sort_by_key(ToString::to_string);
            Value::Array(all)
        }
        Value::String(text) => {
            let word = |word: &str| {
                let bare = word.strip_prefix("exec_").unwrap_or(word);
                let bare = bare.split('.').next().unwrap_or(bare);
                let is_id = bare.len() >= 8 && bare.split('-').all(is_hex);
                if is_id { "ID".to_owned() } else { word.to_owned() }
            };
            let is_time = text.parse::<Timestamp>().is_ok() && !text.starts_with("0001");
            let words: Vec<String> = text.split('/').map(word).collect();
            Value::from(if is_time { "TIME".to_owned() } else { words.join("/") })
        }
        other => other.clone(),
    }
}

/// What the real server calls something, and what the simulated one does.
struct Names(Vec<(String, String)>);

impl Names {
    /// Learns from two answers that tell the same.
    fn learn(&mut self, real: &Value, lab: &Value) {
        match (real, lab) {
            (Value::Object(real), Value::Object(lab)) => {
                real.iter()
                    .filter_map(|(key, value)| Some((value, lab.get(key)?)))
                    .for_each(|(r, l)| self.learn(r, l));
            }
            (Value::String(real), Value::String(lab)) if real != lab => {
                self.0.push((real.clone(), lab.clone()));
            }
            _ => {}
        }
    }

    fn translate(&self, text: &str) -> String {
        let mut all: Vec<_> = self.0.iter().filter(|(real, _)| real.len() > 20).collect();
        all.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
        all.into_iter().fold(text.to_owned(), |text, (real, lab)| text.replace(real, lab))
    }
}

#[test]
fn it_answers_as_the_real_server_did() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = IncusHost::new("2026-11-21T12:00:00Z".parse().unwrap());
    let busybox = host.add_image("busybox", "BusyBox", "1.35", System::Debian12);
    let debian = host.add_image("debian", "Debian", "12", System::Debian12);
    let server = IncusServer::start(host, &dir.path().join("unix.socket")).unwrap();
    let recorded: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    let mut names = Names(Vec::new());
    for image in recorded[0]["answer"]["metadata"].as_array().unwrap() {
        let lab = if image["filename"] == "busybox.tar" { &busybox } else { &debian };
        names.0.push((image["fingerprint"].as_str().unwrap().to_owned(), lab.clone()));
    }
    let mut checked = 0;
    for record in &recorded {
        let text = |key: &str| record[key].as_str().unwrap_or_default();
        let (method, path) = (text("method"), names.translate(text("path")));
        let body = record.get("body").map(|body| names.translate(&body.to_string()));
        let (status, answer) = call(server.socket(), method, &path, body.as_deref());
        let told = format!("{method} {path} {}", body.unwrap_or_default());
        assert_eq!(plain(&record["answer"]), plain(&answer), "{told}");
        assert_eq!(record["status"].as_u64(), Some(status), "{told}");
        names.learn(&record["answer"], &answer);
        if let Some(wait) = record.get("wait") {
            let operation = answer["operation"].as_str().unwrap();
            let (status, answer) =
                call(server.socket(), "GET", &format!("{operation}/wait?timeout=60"), None);
            assert_eq!(plain(&wait["answer"]), plain(&answer), "{told}");
            assert_eq!(wait["status"].as_u64(), Some(status), "{told}");
            names.learn(&wait["answer"], &answer);
        }
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
}
