//! Which way a target's requests go.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use evenkeel_core::request::{ApiRequest, Exec, IncusRequest, Method, VsphereRequest};
use evenkeel_core::target::{LocalSpec, TargetSpec};

use crate::machine::Machine;
use crate::stores::{StoreError, Stored};

use super::*;

/// Answers with its own name.
struct Named(&'static str);

/// Counts how often it is renewed, closed, and works.
#[derive(Default)]
struct Counted {
    renewed: AtomicU32,
    closed: AtomicU32,
    worked: AtomicU32,
}

impl Transport for Counted {
    fn exchange<'a>(
        &'a self,
        _: &'a Target,
        _: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        Box::pin(std::future::ready(vec![]))
    }

    fn renew<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, ()> {
        self.renewed.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn work<'a>(
        &'a self,
        _: &'a Target,
        _: &'a Request,
        _: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        self.worked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(TransportError::new(TransportErrorKind::Stopped, "stopped"))))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.closed.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

impl Transport for Named {
    fn exchange<'a>(
        &'a self,
        _: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        let reply = Reply { exit: 0, stdout: self.0.as_bytes().to_vec(), stderr: vec![] };
        Box::pin(async move { requests.iter().map(|_| Ok(reply.clone())).collect() })
    }
}

/// Reaches nothing.
struct Nothing;

impl Ends for Nothing {
    fn store<'a>(&'a self, _: &'a Target, _: Lane) -> BoxFuture<'a, Stored<Box<dyn Store>>> {
        let error = TransportError::new(TransportErrorKind::Unreachable, "no store");
        Box::pin(std::future::ready(Err(StoreError::Failed(error))))
    }

    fn machine(&self, _: &Target, _: Lane) -> Result<Machine, TransportError> {
        Err(TransportError::new(TransportErrorKind::Unreachable, "no machine"))
    }
}

async fn route(spec: serde_json::Value, requests: &[Request]) -> Vec<Result<Reply, TransportError>> {
    let (ssh, local, api) = (Arc::new(Named("ssh")), Arc::new(Named("local")), Arc::new(Named("api")));
    let (incus, vsphere) = (Arc::new(Named("incus")), Arc::new(Named("vsphere")));
    let router = Router { ssh, local, api, incus, vsphere, ends: Arc::new(Nothing) };
    let target = target(spec);
    Transport::exchange(&router, &target, requests).await
}

fn target(spec: serde_json::Value) -> Target {
    let spec: TargetSpec = serde_json::from_value(spec).unwrap();
    Target { name: "t".into(), labels: BTreeMap::new(), spec }
}

fn command() -> Request {
    Request::Exec(Exec::new(["true"]))
}

fn look() -> Request {
    Request::Files(FileRequest::Read { path: "a".into() })
}

#[tokio::test]
async fn the_spec_picks_the_transport() {
    let ssh = route(serde_json::json!({"ssh": {"host": "a"}}), &[command()]).await;
    assert_eq!(ssh[0].as_ref().unwrap().stdout, b"ssh");
    let local = route(serde_json::json!({"local": LocalSpec::default()}), &[command()]).await;
    assert_eq!(local[0].as_ref().unwrap().stdout, b"local");
}

#[tokio::test]
async fn connections_are_renewed_where_they_are_kept_through_a_recorder_too() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = Arc::new(Counted::default());
    let (local, api) = (Arc::new(Named("local")), Arc::new(Named("api")));
    let (incus, vsphere) = (Arc::clone(&ssh) as _, Arc::clone(&ssh) as _);
    let router = Router { ssh: Arc::clone(&ssh) as _, local, api, incus, vsphere, ends: Arc::new(Nothing) };
    let router = Arc::new(router);
    let credentials = Arc::new(crate::credentials::CredentialChain::new(vec![]));
    let now = jiff::Timestamp::UNIX_EPOCH;
    let recorder = crate::Recorder::new(router, folder.path().join("run"), now, credentials).unwrap();
    let specs = [
        serde_json::json!({"ssh": {"host": "a"}}),
        serde_json::json!({"local": {}}),
        serde_json::json!({"ftp": {"host": "a"}}),
        serde_json::json!({"incus": {}}),
        vcenter(),
        serde_json::json!({}),
    ];
    for spec in specs {
        recorder.renew(&target(spec)).await;
    }
    assert_eq!(ssh.renewed.load(Ordering::SeqCst), 3);
    recorder.close().await;
    assert_eq!(ssh.closed.load(Ordering::SeqCst), 3, "each of those that it stands for");
}

fn vcenter() -> serde_json::Value {
    serde_json::json!({"vsphere": {"host": "a", "credentialsRef": "c"}})
}

/// Nobody who looks.
struct Nobody;

impl Watch for Nobody {
    fn moved(&self, _: u64, _: Option<u64>) {}

    fn is_stopped(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn the_vsphere_api_is_asked_where_a_target_is_one_and_watched_at_work() {
    let ask = || Request::Vsphere(Box::new(VsphereRequest::retrieve_all([("Folder", &["name"])])));
    assert_eq!(route(vcenter(), &[ask()]).await[0].as_ref().unwrap().stdout, b"vsphere");
    let ssh = serde_json::json!({"ssh": {"host": "a"}});
    for (spec, request) in [(vcenter(), command()), (ssh.clone(), ask())] {
        let error = route(spec, &[request]).await.remove(0).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration);
        assert!(error.hint.unwrap().contains("the vSphere API one with `vsphere`"));
    }
    let worker = Arc::new(Counted::default());
    let named = || Arc::new(Named("ssh"));
    let (local, api, incus, vsphere) = (named(), named(), named(), Arc::clone(&worker) as _);
    let router = Router { ssh: named(), local, api, incus, vsphere, ends: Arc::new(Nothing) };
    assert!(router.work(&target(vcenter()), &ask(), &Nobody).await.is_err());
    assert_eq!(worker.worked.load(Ordering::SeqCst), 1);
    assert_eq!(router.work(&target(ssh.clone()), &command(), &Nobody).await.unwrap().stdout, b"ssh");
    assert!(router.work(&target(ssh), &ask(), &Nobody).await.is_err());
}

#[tokio::test]
async fn the_interface_of_proxmox_is_reached_over_https_or_as_pvesh() {
    let call = || Request::Api(ApiRequest::new(Method::Get, "/cluster/backup"));
    let proxmox = serde_json::json!({"proxmox": {"host": "a", "token": "a@pve!b", "credentialsRef": "c"}});
    assert_eq!(route(proxmox.clone(), &[call()]).await[0].as_ref().unwrap().stdout, b"api");
    assert!(route(proxmox, &[command()]).await[0].is_err(), "it runs no commands");
    assert_eq!(
        route(serde_json::json!({"ssh": {"host": "a"}}), &[call()]).await[0].as_ref().unwrap().stdout,
        b"ssh"
    );
    assert!(route(serde_json::json!({"ftp": {"host": "a"}}), &[call()]).await[0].is_err());
}

#[tokio::test]
async fn incus_is_asked_where_a_target_is_one_and_nothing_else_is() {
    let ask = || Request::Incus(Box::new(IncusRequest::new(Method::Get, "/1.0")));
    let incus = serde_json::json!({"incus": {}});
    assert_eq!(route(incus.clone(), &[ask()]).await[0].as_ref().unwrap().stdout, b"incus");
    for (spec, request) in [(incus, command()), (serde_json::json!({"ssh": {"host": "a"}}), ask())] {
        let error = route(spec, &[request]).await.remove(0).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration);
        assert!(error.hint.unwrap().contains("that of Incus one with `incus`"));
    }
}

#[tokio::test]
async fn both_or_none_is_an_error() {
    for spec in [serde_json::json!({}), serde_json::json!({"ssh": {"host": "a"}, "local": {}})] {
        let outcomes = route(spec, &[command()]).await;
        assert_eq!(outcomes[0].as_ref().unwrap_err().kind, TransportErrorKind::Configuration);
    }
}

#[tokio::test]
async fn a_store_runs_no_commands_and_is_not_asked_again_once_it_gave_no_answer() {
    let outcomes = route(serde_json::json!({"ftp": {"host": "a"}}), &[command()]).await;
    assert!(outcomes[0].as_ref().unwrap_err().message.contains("is not one for `true`"));
    let outcomes = route(serde_json::json!({"local": {}}), &[command(), look(), look(), command()]).await;
    let kinds: Vec<_> = outcomes.iter().map(|o| o.as_ref().map(|_| ()).map_err(|e| e.kind)).collect();
    let lost = Err(TransportErrorKind::Unreachable);
    assert_eq!(kinds, [Ok(()), lost, lost, lost], "what comes after a loss is not sent");
}
