//! Against servers that answer as Incus might, on a socket and over TLS.

mod calls;
mod https;
mod operations;
mod scripts;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use evenkeel_core::request::{IncusRequest, Method, Reply, Request};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport as _, TransportError, TransportErrorKind};
use serde_json::{Value, json};

use super::IncusTransport;
use crate::credentials::EnvironmentCredentials;
use crate::ssh::{SshClient, SshOptions};
use server::{Act, Asked, Server};

/// The target with these settings.
fn target(incus: &Value) -> Target {
    let spec =
        TargetSpec { incus: Some(serde_json::from_value(incus.clone()).unwrap()), ..TargetSpec::default() };
    Target { name: "box".into(), labels: BTreeMap::new(), spec }
}

/// The target at a socket, which is given up after so many seconds.
fn at(socket: &Path, seconds: u32) -> Target {
    target(&json!({ "socket": socket, "timeoutSeconds": seconds }))
}

fn transport(secrets: &[(&str, &str)]) -> IncusTransport {
    let secrets = secrets
        .iter()
        .map(|(key, value)| (format!("EVENKEEL_CRED_INCUS_{}", key.to_uppercase()), (*value).to_owned()));
    let credentials = Arc::new(EnvironmentCredentials::new(secrets));
    let client =
        SshClient::new(SshOptions::isolated("/nonexistent", "nobody"), Arc::clone(&credentials) as _);
    IncusTransport::new(Arc::new(client), credentials)
}

/// What these requests come to, asked in one exchange.
async fn exchange(target: &Target, requests: Vec<IncusRequest>) -> Vec<Result<Reply, TransportError>> {
    let requests: Vec<Request> = requests.into_iter().map(|r| Request::Incus(Box::new(r))).collect();
    transport(&[]).exchange(target, &requests).await
}

/// What one request comes to.
async fn ask(target: &Target, request: IncusRequest) -> Result<Reply, TransportError> {
    exchange(target, vec![request]).await.remove(0)
}

fn get(path: &str) -> IncusRequest {
    IncusRequest::new(Method::Get, path)
}

fn post(path: &str) -> IncusRequest {
    IncusRequest::send(Method::Post, path, json!({ "name": "x" }))
}

fn shown(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.stdout).unwrap()
}

fn done(metadata: &Value) -> Act {
    Act::json(200, &json!({ "type": "sync", "status_code": 200, "metadata": metadata }))
}

fn refused(code: u16, words: &str) -> Act {
    Act::json(code, &json!({ "type": "error", "error_code": code, "error": words, "metadata": null }))
}

/// The answer that an operation was begun.
fn begun() -> Act {
    let operation = json!({ "id": "7a", "status_code": 103, "metadata": null, "err": "" });
    Act::json(
        202,
        &json!({ "type": "async", "status_code": 100, "operation": "/1.0/operations/7a?project=ours", "metadata": operation }),
    )
}

/// An operation as its wait shows it.
fn operation(code: u16, metadata: &Value, err: &str) -> Act {
    done(&json!({ "id": "7a", "class": "task", "status_code": code, "metadata": metadata, "err": err }))
}

/// A wait for the operation.
fn is_wait(asked: &Asked) -> bool {
    asked.line.starts_with("GET /1.0/operations/7a/wait?timeout=")
}
