//! Against servers that answer as a vCenter might, over TLS.

mod calls;
mod faults;
mod golden;
mod pages;
mod server;
mod sessions;
mod tasks;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_core::request::{Exec, Reply, Request, VsphereRequest};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport as _, TransportError, TransportErrorKind, Watch};
use serde_json::{Value, json};

use super::VsphereTransport;
use crate::credentials::EnvironmentCredentials;
use server::{Act, Asked, SECRET, Server, USER, fault, own, page, soap};

/// The target with these settings.
fn target(vsphere: &Value) -> Target {
    let spec = serde_json::from_value(vsphere.clone()).unwrap();
    let spec = TargetSpec { vsphere: Some(spec), ..TargetSpec::default() };
    Target { name: "vcenter".into(), labels: BTreeMap::new(), spec }
}

/// The target that is this server, whose calls are given up after so many seconds.
fn at(server: &Server, seconds: u32) -> Target {
    target(&json!({
        "host": "127.0.0.1",
        "port": server.port,
        "credentialsRef": "vc",
        "certificateFingerprint": server.certificate.fingerprint(),
        "timeoutSeconds": seconds,
    }))
}

fn transport_with(password: &str) -> VsphereTransport {
    let secrets = [("USERNAME", USER), ("PASSWORD", password)];
    let secrets =
        secrets.map(|(key, value)| (format!("EVENKEEL_CRED_VC_{key}"), value.to_owned())).into_iter();
    VsphereTransport::new(Arc::new(EnvironmentCredentials::new(secrets)))
}

fn transport() -> VsphereTransport {
    transport_with(SECRET)
}

fn request(request: VsphereRequest) -> Request {
    Request::Vsphere(Box::new(request))
}

/// What one request comes to, with a transport of its own.
async fn ask(server: &Server, request: VsphereRequest) -> Result<Reply, TransportError> {
    ask_with(&transport(), server, request).await
}

async fn ask_with(
    transport: &VsphereTransport,
    server: &Server,
    what: VsphereRequest,
) -> Result<Reply, TransportError> {
    transport.exchange(&at(server, 5), &[request(what)]).await.remove(0)
}

fn shown(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.stdout).unwrap()
}

fn names() -> VsphereRequest {
    VsphereRequest::retrieve_all([("VirtualMachine", &["name"])])
}

fn vm() -> Reference {
    Reference::new("VirtualMachine", "vm-42")
}

fn rename() -> VsphereCall {
    VsphereCall::rename(vm(), "new").called(&vm().into(), "avocado2")
}

/// Properties of an object, by their paths.
type Properties<'a> = &'a [(&'a str, &'a str)];

/// Objects as a property collector gives them: type, id, and properties as XML with their types.
fn objects(all: &[(&str, &str, Properties<'_>)]) -> String {
    all.iter().fold(String::new(), |mut out, (kind, id, properties)| {
        let _ = write!(out, "<objects><obj type=\"{kind}\">{id}</obj>");
        for (path, value) in *properties {
            let value = if value.starts_with("<val") {
                (*value).to_owned()
            } else {
                format!("<val xsi:type=\"xsd:string\">{value}</val>")
            };
            let _ = write!(out, "<propSet><name>{path}</name>{value}</propSet>");
        }
        out + "</objects>"
    })
}

/// The answer to a read.
fn found(objects: &str) -> Act {
    soap("RetrievePropertiesEx", &format!("<returnval>{objects}</returnval>"))
}

/// The answer that a task was begun.
fn begun(method: &str, task: &str) -> Act {
    soap(method, &format!("<returnval type=\"Task\">{task}</returnval>"))
}

/// A task as a read shows it, with what else is told of it.
fn task(id: &str, state: &str, more: &[(&str, &str)]) -> String {
    let properties: Vec<_> = [("info.state", state)].into_iter().chain(more.iter().copied()).collect();
    objects(&[("Task", id, &properties)])
}

/// A task that ended with a fault.
fn failed(id: &str, kind: &str, words: &str) -> String {
    let error = format!(
        "<val xsi:type=\"LocalizedMethodFault\"><fault xsi:type=\"{kind}\"></fault>\
         <localizedMessage>{words}</localizedMessage></val>"
    );
    task(id, "error", &[("info.error", &error)])
}

fn is_look(asked: &Asked) -> bool {
    asked.body.contains("<pathSet>info.state</pathSet>")
}

/// Somebody who watches, and may say stop.
#[derive(Debug, Default)]
struct Onlooker {
    stop: AtomicBool,
    percent: AtomicU8,
}

impl Watch for Onlooker {
    fn advanced(&self, percent: u8) {
        self.percent.store(percent, Ordering::SeqCst);
    }

    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
