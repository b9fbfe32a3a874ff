//! What a real Proxmox VE 9.1 node answered about backup jobs, asked of the simulated one in the same order.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use evenkeel_core::request::Method;
use evenkeel_lab::pve::PveHost;
use serde_json::{Value, json};

/// What is not simulated, and why.
const NOT_SIMULATED: [(&str, &str); 4] = [
    ("unauth", "logins are the HTTPS server's, which tests/tests/pve.rs tries"),
    ("nextid", "ids of new guests are not asked for"),
    ("storage-local", "storages are read all at once"),
    ("job-included", "the volumes of guests are not simulated"),
];

fn records() -> Vec<Value> {
    let text = include_str!("data/pve/recordings.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all["records"].as_array().unwrap().clone()
}

/// The node as it was before the first record.
fn node() -> PveHost {
    let mut host = PveHost::recorded("2026-11-20T13:00:00Z".parse().unwrap());
    let made = |host: &mut PveHost, params: &[(&str, &str)]| {
        let params: Vec<(String, String)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(host.call(Method::Post, "/cluster/backup", &params).status, 200);
    };
    made(
        &mut host,
        &[
            ("id", "nightly"),
            ("schedule", "03:00"),
            ("storage", "local"),
            ("all", "1"),
            ("compress", "zstd"),
            ("mode", "snapshot"),
            ("comment", "nightly"),
            ("prune-backups", "keep-last=3"),
        ],
    );
    made(&mut host, &[("id", "x3"), ("schedule", "02:30"), ("storage", "nosuch"), ("all", "1")]);
    let copies = records().into_iter().find(|record| record["name"] == "content-backup").unwrap();
    let copies =
        copies["body"]["data"].as_array().unwrap().iter().map(|copy| copy.as_object().unwrap().clone());
    host.copies.insert("local".to_owned(), copies.collect());
    host
}

fn params(record: &Value) -> Vec<(String, String)> {
    let given = record["params"].as_object().into_iter().flatten();
    given
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

/// Lists come in an order that changes; the next run was computed by a stub.
fn comparable(mut body: Value) -> Value {
    if let Some(items) = body.pointer_mut("/data").and_then(Value::as_array_mut) {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(next) = item.get_mut("next-run") {
                assert!(next.as_i64().is_some_and(|at| at > 1_795_179_600), "{next}");
                *next = json!("later");
            }
            if let Some(content) = item.get("content").and_then(Value::as_str) {
                let mut words: Vec<&str> = content.split(',').collect();
                words.sort_unstable();
                let sorted = words.join(",");
                item.insert("content".to_owned(), json!(sorted));
            }
        }
        items.sort_by_key(Value::to_string);
    }
    body
}

#[test]
fn the_simulated_node_answers_as_the_real_one() {
    let mut host = node();
    let mut compared = 0;
    let mut different = Vec::new();
    for record in records() {
        let name = record["name"].as_str().unwrap();
        if NOT_SIMULATED.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let method = match record["method"].as_str().unwrap() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => panic!("{other}"),
        };
        let answer = host.call(method, record["path"].as_str().unwrap(), &params(&record));
        let said = (u64::from(answer.status), json!(answer.reason), comparable(answer.body));
        let recorded = (
            record["status"].as_u64().unwrap(),
            record["reason"].clone(),
            comparable(record["body"].clone()),
        );
        compared += 1;
        if said != recorded {
            different.push(format!("{name}:\n  simulated: {said:?}\n  real:      {recorded:?}"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(compared >= 34, "only {compared} were compared");
    for (name, reason) in NOT_SIMULATED {
        assert!(records().iter().any(|record| record["name"] == name) && reason.len() > 10, "{name}");
    }
}
