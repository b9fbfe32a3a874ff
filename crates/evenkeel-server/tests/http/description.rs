//! The description for programs against the routes and what they answer.

use evenkeel_server::{Access, routes};
use serde_json::{Map, Value};

use crate::running::{Request, Running};

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../docs/reference/openapi.json")).unwrap()
}

#[test]
fn every_route_is_described_with_its_role_and_no_other_is() {
    let document = document();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let role = operation["x-evenkeel-role"].as_str().map(str::to_owned);
            described.push((method.to_uppercase(), path.clone(), role));
        }
    }
    let mut there: Vec<_> = routes()
        .map(|r| {
            let role = match r.access {
                Access::Open => None,
                Access::Role(role) => serde_json::to_value(role).unwrap().as_str().map(str::to_owned),
            };
            (r.method.to_owned(), r.path.to_owned(), role)
        })
        .collect();
    described.sort();
    there.sort();
    assert_eq!(described, there);
}

#[tokio::test]
async fn answers_are_as_described() {
    let server = Running::start().await;
    server.fake.happen("vm");
    let document = document();
    let cases = [
        ("get", "/healthz", "/healthz", ""),
        ("get", "/readyz", "/readyz", ""),
        ("get", "/api/v1/openapi.json", "/api/v1/openapi.json", ""),
        ("get", "/api/v1/sources", "/api/v1/sources", ""),
        ("get", "/api/v1/resources", "/api/v1/resources", ""),
        ("get", "/api/v1/runs", "/api/v1/runs", ""),
        ("get", "/api/v1/runs/{id}", "/api/v1/runs/12", ""),
        ("get", "/api/v1/inventory", "/api/v1/inventory", ""),
        ("get", "/api/v1/events", "/api/v1/events", ""),
        ("get", "/api/v1/observations", "/api/v1/observations", ""),
        ("get", "/api/v1/audit", "/api/v1/audit", ""),
        ("get", "/api/v1/approvals", "/api/v1/approvals", ""),
        (
            "post",
            "/api/v1/approvals/{plan}/approve",
            "/api/v1/approvals/0123456789ab/approve",
            r#"{"reason":"r"}"#,
        ),
        (
            "post",
            "/api/v1/approvals/{plan}/reject",
            "/api/v1/approvals/0123456789ab/reject",
            r#"{"reason":"r"}"#,
        ),
        ("post", "/api/v1/notify", "/api/v1/notify", "{}"),
        ("post", "/api/v1/reconcile", "/api/v1/reconcile", "{}"),
        ("post", "/api/v1/sources/{name}/accept", "/api/v1/sources/infra/accept", r#"{"revision":"f"}"#),
        ("post", "/api/v1/sources/{name}/accept", "/api/v1/sources/lab/accept", r#"{"revision":"f"}"#),
    ];
    for (method, described, path, body) in cases {
        let method_name = method.to_uppercase();
        let request = Request { method: &method_name, path, headers: Vec::new(), body: body.as_bytes() };
        let reply = server.ask_socket(&request).await;
        let responses = &document["paths"][described][method]["responses"];
        let response = responses.get(reply.status.to_string()).unwrap_or(&responses["default"]);
        let kind = reply.header("content-type").unwrap();
        let schema = response["content"][kind].get("schema").unwrap_or_else(|| panic!("{path}: {kind}"));
        Check(&document).value(schema, &reply.json(), path);
    }
    server.stop().await;
}

#[test]
fn the_check_finds_what_is_not_described() {
    let document = document();
    let schema = &document["components"]["schemas"]["Journaled"];
    let check =
        |value: Value| std::panic::catch_unwind(|| Check(&document).value(schema, &value, "")).is_ok();
    let good = serde_json::json!({ "target": "t", "command": "c", "at": "2026-01-01T00:00:00Z" });
    assert!(check(good.clone()));
    for (field, value) in [("at", Value::Null), ("more", Value::from(1)), ("command", Value::from(1))] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!check(bad), "{field}");
    }
}

/// As much of JSON Schema as the document uses; a field that is not described is an error.
struct Check<'a>(&'a Value);

impl Check<'_> {
    fn value(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = self.0.pointer(reference.trim_start_matches('#'));
            return self.value(target.unwrap_or_else(|| panic!("{reference}")), value, at);
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            // Told apart by being an object or not: enough for what is there.
            let fits = |choice: &&Value| choice.get("$ref").is_some() == value.is_object();
            return self.value(choices.iter().find(fits).unwrap(), value, at);
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(kinds.contains(&kind), "{at}: {value} is no {kinds:?}");
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            assert!(words.contains(value), "{at}: {value} is none of {words:?}");
        }
        if let (Some(items), Some(all)) = (schema.get("items"), value.as_array()) {
            all.iter().enumerate().for_each(|(n, item)| self.value(items, item, &format!("{at}/{n}")));
        }
        if let Value::Object(fields) = value {
            self.fields(schema, fields, at);
        }
    }

    fn fields(&self, schema: &Value, fields: &Map<String, Value>, at: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(fields.contains_key(name), "{at}: {name} is missing");
        }
        let Some(described) = schema.get("properties") else {
            let Some(any) = schema.get("additionalProperties") else { return };
            return fields.iter().for_each(|(name, value)| self.value(any, value, &format!("{at}/{name}")));
        };
        for (name, value) in fields {
            let schema = described.get(name).unwrap_or_else(|| panic!("{at}: {name} is not described"));
            self.value(schema, value, &format!("{at}/{name}"));
        }
    }
}
