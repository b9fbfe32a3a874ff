//! Targets that are asked over the vSphere API: what takes long is watched and ended, and only who knows how to ask is asked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(dead_code, reason = "the toy has more than these tests need")]

mod toy;

use std::sync::{Arc, Mutex};

use evenkeel_core::driver::{Delta, Driver, Finding, Marked, ObserveError, Observed, Registry, Risk, Step};
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::{Action, Policy};
use evenkeel_core::request::vsphere::{Reference, VsphereCall};
use evenkeel_core::request::{Query, Replies, Reply, Request, VsphereRequest};
use evenkeel_core::target::{Target, Way};
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind, Watch};
use evenkeel_engine::{Clock as _, Engine, Event, Progress, Pruning, Scope, Stop, SystemClock, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toy::Kv;

/// A copy of a virtual machine, made by way of a snapshot.
struct Copy;

#[derive(Deserialize, JsonSchema)]
struct CopySpec {
    vm: String,
}

#[derive(Serialize)]
struct CopyState {
    copies: u32,
}

fn vm() -> Reference {
    Reference::new("VirtualMachine", "vm-1")
}

fn all() -> Query {
    let what = VsphereRequest::retrieve_all([("VirtualMachine", &["name"])]);
    Query::reading(Request::Vsphere(Box::new(what)))
}

fn call(call: VsphereCall) -> Step {
    Step::new(Request::Vsphere(Box::new(VsphereRequest::Call(call))))
}

impl Driver for Copy {
    const KIND: &'static str = "Copy";
    type Spec = CopySpec;
    type State = CopyState;

    fn check(&self, _: &CopySpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, spec: &CopySpec) -> String {
        spec.vm.clone()
    }

    fn queries(&self, _: &CopySpec, so_far: &Replies) -> Vec<Query> {
        assert_eq!(so_far.way(), Way::Vsphere);
        vec![all()]
    }

    fn observe(&self, _: &CopySpec, replies: &Replies) -> Result<Observed<CopyState>, ObserveError> {
        let text = String::from_utf8(replies.get(&all())?.stdout.clone()).unwrap();
        Ok(Observed::Present(CopyState { copies: text.parse().unwrap() }))
    }

    fn desired(&self, _: &CopySpec, _: Option<&CopyState>, _: Timestamp) -> Option<CopyState> {
        Some(CopyState { copies: 1 })
    }

    fn steps(&self, _: &CopySpec, _: &Delta<'_, CopyState>) -> Vec<Step> {
        let snapshot = Reference::new("VirtualMachineSnapshot", "snapshot-1");
        vec![
            call(VsphereCall::create_snapshot(vm(), "s", "", false)).begins(),
            call(VsphereCall::rename(vm(), "copied")),
            call(VsphereCall::remove_snapshot(snapshot)).cleanup(),
        ]
    }

    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        vec![all()]
    }

    fn marked(&self, replies: &Replies) -> Result<Vec<Marked>, ObserveError> {
        replies.get(&all())?;
        Ok(vec![Marked { object: "left".to_owned(), owner: "evenkeel".to_owned() }])
    }

    fn removal(&self, object: &str, _: &[&str], _: &Replies) -> Result<Vec<Step>, String> {
        let step = call(VsphereCall::destroy(vm()));
        Ok(vec![step.hazard(Risk::Destructive, format!("removing {object}"), "it is gone")])
    }
}

/// A server with one virtual machine; somebody wishes an end while the call with the number `stop_at` is under way.
#[derive(Default)]
struct Center {
    stop: Stop,
    stop_at: Option<usize>,
    log: Mutex<Vec<String>>,
    copied: Mutex<bool>,
}

impl Center {
    fn calls(&self) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains("_Task")).count()
    }
}

fn said(text: &str) -> Reply {
    Reply { exit: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() }
}

impl Transport for Center {
    fn exchange<'a>(
        &'a self,
        _: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        let copies = u32::from(*self.copied.lock().unwrap()).to_string();
        self.log.lock().unwrap().extend(requests.iter().map(Request::display));
        Box::pin(async move { requests.iter().map(|_| Ok(said(&copies))).collect() })
    }

    fn work<'a>(
        &'a self,
        _: &'a Target,
        request: &'a Request,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Reply, TransportError>> {
        let Request::Vsphere(vsphere) = request else { panic!("{request:?}") };
        let VsphereRequest::Call(call) = &**vsphere else { panic!("{request:?}") };
        if self.stop_at == Some(self.calls()) {
            self.stop.request();
        }
        self.log.lock().unwrap().push(call.method.clone());
        watch.advanced(50);
        let answer = if watch.is_stopped() {
            Err(TransportError::new(TransportErrorKind::Stopped, "stopped"))
        } else {
            *self.copied.lock().unwrap() |= call.method == "Rename_Task";
            Ok(said("null"))
        };
        Box::pin(async move { answer })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.lock().unwrap().push("close".to_owned());
        Box::pin(std::future::ready(()))
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<u8>>);

impl Progress for Heard {
    fn on(&self, event: &Event<'_>) {
        if let Event::Advancing { target: "vc", percent } = event {
            self.0.lock().unwrap().push(*percent);
        }
    }
}

fn scope(more: &str, resources: &str) -> Scope {
    let head = "apiVersion: evenkeel.dev/v1alpha1\n";
    let text = format!(
        "{head}kind: Target\nmetadata: {{ name: vc }}\nspec: {{ vsphere: {{ host: vc, credentialsRef: c }}{more} }}\n{resources}"
    );
    let prunable = Registry::default().with(Copy).with(Kv);
    let file = SourceFile { path: "test.yaml".into(), bytes: text.into_bytes() };
    let loaded = load(&prunable, &[file], &[], SystemClock.now());
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let (targets, instances) = (loaded.targets, loaded.instances);
    let beside = std::collections::BTreeMap::new();
    Scope { targets, beside, instances, context: Vec::new(), prunable, pruning: Pruning::default() }
}

const COPY: &str = "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Copy\nmetadata: { name: a }\nspec: { target: vc, vm: a }\n";

fn engine(center: &Arc<Center>, heard: &Arc<Heard>) -> Engine {
    let stop = center.stop.clone();
    Engine::new(Arc::clone(center) as _, Arc::new(SystemClock), Arc::clone(heard) as _, stop)
}

#[tokio::test]
async fn what_takes_long_tells_how_far_it_is_and_sessions_are_ended() {
    let (center, heard) = (Arc::new(Center::default()), Arc::new(Heard::default()));
    let engine = engine(&center, &heard);
    let run = engine.reconcile(&scope("", COPY), Policy::default()).await;
    assert!(run.is_complete(), "{run:#?}");
    assert_eq!(*heard.0.lock().unwrap(), [50, 50, 50]);
    assert_eq!(center.calls(), 3);
    engine.close().await;
    assert_eq!(center.log.lock().unwrap().last().unwrap(), "close");
}

#[tokio::test]
async fn what_is_under_way_is_ended_and_what_cleans_up_is_not() {
    let (center, heard) =
        (Arc::new(Center { stop_at: Some(1), ..Center::default() }), Arc::new(Heard::default()));
    let run = engine(&center, &heard).reconcile(&scope("", COPY), Policy::default()).await;
    let commands: Vec<Option<i32>> = run.commands.iter().map(|sent| sent.exit).collect();
    assert_eq!(commands, [Some(0), None, Some(0)], "{run:#?}");
    assert!(run.stopped && matches!(run.outcomes[0].verdict, Verdict::Failed { .. }), "{run:#?}");
    assert_eq!(center.calls(), 3);
}

#[tokio::test]
async fn what_left_the_manifests_is_looked_for_by_those_who_ask_this_way() {
    let (center, heard) = (Arc::new(Center::default()), Arc::new(Heard::default()));
    let plan = engine(&center, &heard).plan(&scope(", prune: true", ""), Policy::default()).await;
    assert_eq!(*center.log.lock().unwrap(), ["RetrievePropertiesEx(every VirtualMachine)"]);
    assert_eq!(plan.changes.len(), 1, "{plan:#?}");
    assert_eq!((plan.changes[0].action, plan.changes[0].object.as_str()), (Action::Delete, "left"));
    assert_eq!(plan.changes[0].steps[0].request.display(), "govc object.destroy VirtualMachine:vm-1");
}
