//! A way to a vCenter, and what is asked on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_core::request::vsphere::{
    CloneSpec, Condition, ConfigSpec, DiskFormat, Object, Reference, RelocateSpec, VsphereCall,
};
use evenkeel_core::request::{Reply, Request, VsphereRequest};
use evenkeel_core::target::{Target, TargetSpec};
use evenkeel_core::transport::{Transport as _, TransportError, Watch};
use evenkeel_tests::vcsim::{PASSWORD, USER};
use evenkeel_transport::VsphereTransport;
use evenkeel_transport::credentials::EnvironmentCredentials;
use serde_json::{Value, json};

/// What the simulator is told in most tests.
pub(crate) const SITE: [&str; 6] =
    ["-vms", "avocado2,banana,papaya3", "-nas", "NFS_durian", "-folders", "backup"];

/// The credential of [`Way`]s.
pub(crate) const CREDENTIAL: &str = "vc";

/// The name and description of a snapshot, the latter as hard to write as it can be.
pub(crate) const SNAPSHOT: (&str, &str) = ("Clone Snapshot", "{\"n\":1} & <x> 'é'");

/// The key and value of a clone's mark.
pub(crate) const MARK: (&str, &str) = ("evenkeel.clone", "{\"slot\":1}");

/// A transport, and a target.
pub(crate) struct Way {
    pub(crate) transport: VsphereTransport,
    pub(crate) target: Target,
}

impl Way {
    /// To the server with these settings.
    pub(crate) fn new(vsphere: Value) -> Self {
        Way::with(vsphere, PASSWORD)
    }

    /// Whose calls are given up after so many seconds.
    pub(crate) fn within(seconds: u32, mut vsphere: Value) -> Self {
        vsphere["timeoutSeconds"] = json!(seconds);
        Way::new(vsphere)
    }

    /// With this password.
    pub(crate) fn with(vsphere: Value, password: &str) -> Self {
        let secrets = [("USERNAME", USER), ("PASSWORD", password)];
        let secrets = secrets.map(|(key, value)| (format!("EVENKEEL_CRED_VC_{key}"), value.to_owned()));
        let credentials = Arc::new(EnvironmentCredentials::new(secrets));
        let spec =
            TargetSpec { vsphere: Some(serde_json::from_value(vsphere).unwrap()), ..TargetSpec::default() };
        let target = Target { name: "olive".into(), labels: BTreeMap::new(), spec };
        Way { transport: VsphereTransport::new(credentials), target }
    }

    pub(crate) async fn try_ask(&self, request: VsphereRequest) -> Result<Reply, TransportError> {
        let request = Request::Vsphere(Box::new(request));
        self.transport.exchange(&self.target, &[request]).await.remove(0)
    }

    pub(crate) async fn try_call(&self, call: VsphereCall) -> Result<Reply, TransportError> {
        self.try_ask(VsphereRequest::Call(call)).await
    }

    /// What succeeds.
    pub(crate) async fn done(&self, request: VsphereRequest) -> Value {
        let told = request.display();
        let reply = self.try_ask(request).await.unwrap_or_else(|error| panic!("{told}: {error:?}"));
        assert_eq!(reply.exit, 0, "{told}: {}", reply.stderr_text());
        shown(&reply)
    }

    /// The object that a call gives, if it gives one.
    pub(crate) async fn call(&self, call: VsphereCall) -> Option<Reference> {
        let mut done = self.done(VsphereRequest::Call(call)).await;
        serde_json::from_value(done["result"].take()).unwrap()
    }

    /// What is refused: the exit status, and with which words.
    pub(crate) async fn refused(&self, call: VsphereCall) -> (i32, String) {
        let told = call.method.clone();
        let reply = self.try_call(call).await.unwrap_or_else(|error| panic!("{told}: {error:?}"));
        assert_ne!(reply.exit, 0, "{told}: {}", shown(&reply));
        assert_eq!(text(&shown(&reply)["message"]).trim(), reply.stderr_text());
        (reply.exit, reply.stderr_text())
    }

    /// A call, under the eyes of somebody.
    pub(crate) async fn work(&self, call: VsphereCall, watch: &Onlooker) -> Result<Reply, TransportError> {
        let request = Request::Vsphere(Box::new(VsphereRequest::Call(call)));
        self.transport.work(&self.target, &request, watch).await
    }

    /// The names of all objects of a type, by id.
    pub(crate) async fn names(&self, kind: &str) -> BTreeMap<String, String> {
        let found = self.done(VsphereRequest::retrieve_all([(kind, &["name"])])).await;
        let all = found["objects"].as_array().unwrap().iter();
        all.map(|one| (text(&one["id"]), text(&one["properties"]["name"]))).collect()
    }

    pub(crate) async fn find(&self, kind: &str, name: &str) -> Reference {
        let all = self.names(kind).await;
        let mut found = all.iter().filter(|(_, known)| *known == name).map(|(id, _)| id.clone());
        match (found.next(), found.next()) {
            (Some(id), None) => Reference::new(kind, id),
            other => panic!("{kind} {name}: {other:?} of {all:?}"),
        }
    }

    /// Some properties of an object.
    pub(crate) async fn properties(&self, of: &Reference, paths: &[&str]) -> Value {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let mut found =
            self.done(VsphereRequest::Retrieve { objects: BTreeSet::from([of.clone()]), paths }).await;
        found["objects"][0]["properties"].take()
    }

    /// A clone that needs nothing: of this VM, to the folder `backup` on `NFS_durian`.
    pub(crate) async fn clone_of(&self, vm: &str, name: &str) -> VsphereCall {
        let pool = self.properties(&self.find("VirtualMachine", vm).await, &["resourcePool"]).await;
        let pool = serde_json::from_value(pool["resourcePool"].clone()).unwrap();
        let datastore = self.find("Datastore", "NFS_durian").await;
        let location = RelocateSpec { datastore, pool: Some(pool), host: None, format: DiskFormat::Sparse };
        let extra = vec![(MARK.0.to_owned(), MARK.1.to_owned())];
        let config = ConfigSpec { extra, ..ConfigSpec::default() };
        let spec = CloneSpec { name: name.into(), folder: backup(), location, config, snapshot: None };
        VsphereCall::clone_vm(self.find("VirtualMachine", vm).await, spec)
            .only_if(Condition::be_gone(Object::named("VirtualMachine", name, backup())))
    }
}

/// The folder of clones, wherever it is.
pub(crate) fn backup() -> Object {
    Object::Named { kind: "Folder".into(), name: "backup".into(), within: None }
}

/// The VM with [`MARK`].
pub(crate) fn marked() -> Object {
    Object::Marked { key: MARK.0.into(), value: MARK.1.into() }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What a reply says to programs.
pub(crate) fn shown(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.stdout).unwrap()
}

/// Somebody who watches, and may say stop.
#[derive(Debug, Default)]
pub(crate) struct Onlooker {
    stop: AtomicBool,
    percents: Mutex<Vec<u8>>,
}

impl Onlooker {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// How far it was, each but once.
    pub(crate) fn percents(&self) -> Vec<u8> {
        let mut all = self.percents.lock().unwrap().clone();
        all.dedup();
        all
    }
}

impl Watch for Onlooker {
    fn advanced(&self, percent: u8) {
        self.percents.lock().unwrap().push(percent);
    }

    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
