//! Guarded steps: armed before, disarmed over a new connection after; where none comes, the host has put back what it was.

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

use evenkeel_core::driver::{Delta, Driver, Finding, Guard, ObserveError, Observed, Registry, Step};
use evenkeel_core::plan::Policy;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};
use evenkeel_engine::{Engine, Run, Silent, Stop, SystemClock, Verdict};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};
use toy::scope_with;

/// The uplink of a host, and a note on it that is written afterwards.
struct Uplink;

#[derive(Deserialize, JsonSchema)]
struct UplinkSpec {
    uplink: String,
}

#[derive(Serialize)]
struct UplinkState {
    uplink: String,
    note: String,
}

fn request(words: &str) -> Request {
    Request::Exec(Exec::new(words.split(' ')))
}

impl Driver for Uplink {
    const KIND: &'static str = "Uplink";
    type Spec = UplinkSpec;
    type State = UplinkState;

    fn check(&self, _: &UplinkSpec) -> Vec<Finding> {
        Vec::new()
    }

    fn object(&self, _: &UplinkSpec) -> String {
        "uplink".to_owned()
    }

    fn queries(&self, _: &UplinkSpec, _: &Replies) -> Vec<Query> {
        vec![Query::reading(request("get"))]
    }

    fn observe(&self, _: &UplinkSpec, replies: &Replies) -> Result<Observed<UplinkState>, ObserveError> {
        let text = replies.get(&Query::reading(request("get")))?.stdout.clone();
        let text = String::from_utf8(text).unwrap();
        let (uplink, note) = text.split_once(' ').unwrap();
        Ok(Observed::Present(UplinkState { uplink: uplink.to_owned(), note: note.to_owned() }))
    }

    fn desired(&self, spec: &UplinkSpec, _: Option<&UplinkState>, _: Timestamp) -> Option<UplinkState> {
        Some(UplinkState { uplink: spec.uplink.clone(), note: format!("by-{}", spec.uplink) })
    }

    fn steps(&self, spec: &UplinkSpec, delta: &Delta<'_, UplinkState>) -> Vec<Step> {
        let guard = Guard {
            arm: request(&format!("arm {}", delta.before.unwrap().uplink)),
            disarm: request("disarm"),
            seconds: 60,
            restores: "the uplink".to_owned(),
        };
        let set = Step::new(request(&format!("set {}", spec.uplink))).guarded(guard);
        vec![set, Step::new(request(&format!("note by-{}", spec.uplink)))]
    }
}

/// A host behind one uplink. Only by `good` and `other` can it be reached.
struct Host {
    inner: Mutex<Inner>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Inner {
    uplink: String,
    note: String,
    /// What a guard puts back, and when.
    armed: Option<(String, Instant)>,
    rolled_back: bool,
    begun: bool,
    done: bool,
    /// The connection that stands is of before the last change.
    connected: bool,
    log: Vec<String>,
    faults: Vec<(&'static str, Fault)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Refused,
    LostBefore,
    LostAfter,
    /// It never puts anything back.
    NoGuard,
    /// It does not put back everything.
    NotAll,
}

impl Inner {
    fn tick(&mut self) {
        if self.armed.as_ref().is_some_and(|(_, at)| *at <= Instant::now())
            && !self.faults.contains(&("", Fault::NoGuard))
        {
            (self.uplink, self.rolled_back) = (self.armed.take().unwrap().0, true);
        }
    }

    fn is_reachable(&self) -> bool {
        ["good", "other"].contains(&self.uplink.as_str())
    }

    fn run(&mut self, words: &[&str]) -> Result<Reply, String> {
        let ok = |text: &str| Ok(Reply { exit: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() });
        let fault =
            self.faults.iter().position(|(verb, _)| *verb == words[0]).map(|at| self.faults.remove(at).1);
        match fault {
            Some(Fault::Refused) => {
                self.begun |= words[0] == "set";
                return Ok(Reply { exit: 1, stdout: Vec::new(), stderr: b"no".to_vec() });
            }
            Some(Fault::LostBefore) => return Err("lost".to_owned()),
            _ => {}
        }
        match words {
            ["get"] => return ok(&format!("{} {}", self.uplink, self.note)),
            ["arm", old] => {
                self.armed = Some(((*old).to_owned(), Instant::now() + Duration::from_mins(1)));
                (self.rolled_back, self.begun, self.done) = (false, false, false);
            }
            ["set", new] => {
                (*new).clone_into(&mut self.uplink);
                (self.begun, self.done) = (true, true);
            }
            ["disarm"] if !self.begun => {
                self.armed = None;
                return ok(r#"{"outcome": "neverBegun", "said": "nothing was begun"}"#);
            }
            ["disarm"] if self.done && !self.rolled_back => {
                self.armed = None;
                if fault != Some(Fault::LostAfter) {
                    return ok(r#"{"outcome": "confirmed"}"#);
                }
            }
            ["disarm"] => {
                if let Some((old, _)) = self.armed.take() {
                    (self.uplink, self.rolled_back) = (old, true);
                }
                let left = if self.faults.contains(&("", Fault::NotAll)) { r#"["a guest"]"# } else { "[]" };
                return ok(&format!(r#"{{"outcome": "rolledBack", "said": "put back", "left": {left}}}"#));
            }
            ["note", text] => (*text).clone_into(&mut self.note),
            _ => panic!("{words:?}"),
        }
        if fault == Some(Fault::LostAfter) { Err("lost".to_owned()) } else { ok("") }
    }
}

fn lost(message: &str) -> TransportError {
    TransportError::new(TransportErrorKind::ConnectionLost, message)
}

impl Transport for Host {
    fn exchange<'a>(
        &'a self,
        _: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        let mut inner = self.inner.lock().unwrap();
        inner.tick();
        let answer = |request: &Request| {
            let words = request.as_exec().unwrap().words();
            inner.log.push(words.join(" "));
            if !inner.connected && !inner.is_reachable() {
                return Err(lost("no route"));
            }
            inner.connected = true;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            inner.run(&words).map_err(|message| lost(&message))
        };
        let answers: Vec<_> = requests.iter().map(answer).collect();
        Box::pin(async move { answers })
    }

    fn renew<'a>(&'a self, _: &'a Target) -> BoxFuture<'a, ()> {
        let mut inner = self.inner.lock().unwrap();
        inner.connected = false;
        inner.log.push("renew".to_owned());
        Box::pin(async {})
    }
}

/// Applies `uplink` to a host with the uplink `good`; gives the run, what the host was sent while it ran (without what
/// was read), and the uplink afterwards.
async fn apply(uplink: &str, faults: &[(&'static str, Fault)]) -> (Run, Vec<String>, String) {
    let inner = Inner {
        uplink: "good".to_owned(),
        note: "by-good".to_owned(),
        armed: None,
        rolled_back: false,
        begun: false,
        done: false,
        connected: false,
        log: Vec::new(),
        faults: faults.to_vec(),
    };
    let host = Arc::new(Host { inner: Mutex::new(inner) });
    let text =
        format!("kind: Uplink\nmetadata: {{ name: up }}\nspec: {{ target: hv01, uplink: {uplink} }}\n");
    let scope = scope_with(Registry::default().with(Uplink), &["hv01"], &text);
    let engine =
        Engine::new(Arc::clone(&host) as _, Arc::new(SystemClock), Arc::new(Silent), Stop::default());
    let run = engine.reconcile(&scope, Policy::default()).await;
    let inner = host.inner.lock().unwrap();
    let writes = inner.log.iter().filter(|line| *line != "get").cloned().collect();
    (run, writes, inner.uplink.clone())
}

fn verdict(run: &Run) -> &Verdict {
    &run.outcomes[0].verdict
}

fn commands(run: &Run) -> Vec<(&str, Option<i32>)> {
    run.commands.iter().map(|sent| (sent.command.as_str(), sent.exit)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_can_still_be_reached_is_confirmed_over_a_new_connection_and_goes_on() {
    let (run, log, uplink) = apply("other", &[]).await;
    assert_eq!(*verdict(&run), Verdict::Applied);
    assert_eq!(log, ["arm good", "set other", "renew", "disarm", "note by-other"]);
    assert_eq!(
        commands(&run),
        [("arm good", Some(0)), ("set other", Some(0)), ("disarm", Some(0)), ("note by-other", Some(0))]
    );
    assert_eq!((uplink.as_str(), run.outcomes[0].sent.as_slice()), ("other", [0, 1, 2, 3].as_slice()));
}

#[tokio::test(start_paused = true)]
async fn what_cuts_the_way_is_put_back_by_the_host_and_nothing_more_is_sent() {
    let begun = Instant::now();
    let (run, log, uplink) = apply("bad", &[]).await;
    let Verdict::RolledBack { message, hint } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!(message, "put back, after `set bad`: nothing more was sent to hv01");
    assert!(hint.as_ref().is_some_and(|hint| hint.contains("mend the manifest")), "{hint:?}");
    assert_eq!(uplink, "good");
    assert!(!log.iter().any(|line| line.starts_with("note")), "{log:?}");
    assert!((60..70).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(commands(&run), [("arm good", Some(0)), ("set bad", Some(0)), ("disarm", Some(0))]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_put_back_is_told() {
    let (run, _, _) = apply("bad", &[("", Fault::NotAll)]).await;
    let Verdict::RolledBack { message, hint } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!(message, "put back, after `set bad`; not put back: a guest: nothing more was sent to hv01");
    assert!(hint.as_ref().is_some_and(|hint| hint.starts_with("do by hand")), "{hint:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_confirmed_by_the_host() {
    let (run, log, uplink) = apply("other", &[("set", Fault::LostAfter)]).await;
    assert_eq!(*verdict(&run), Verdict::Applied);
    assert_eq!(uplink, "other");
    assert_eq!(log.last().unwrap(), "note by-other");
    assert_eq!(commands(&run)[1], ("set other", None));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_never_began_has_failed_and_the_rest_may_go_on() {
    let (run, log, uplink) = apply("other", &[("set", Fault::LostBefore)]).await;
    let Verdict::Failed { message, .. } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!((message.as_str(), uplink.as_str()), ("nothing was begun", "good"));
    assert_eq!(log, ["arm good", "set other", "renew", "disarm"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_did_not_come_to_its_end_is_put_back() {
    let (run, _, _) = apply("other", &[("set", Fault::Refused)]).await;
    let Verdict::RolledBack { message, .. } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!(message, "put back, after `set other`; heard of it: no: nothing more was sent to hv01");
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_whose_answer_is_lost_is_asked_for_again() {
    // What a host does not know is asked for again, too.
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Refused] {
        let (run, log, _) = apply("other", &[("disarm", fault)]).await;
        assert_eq!(*verdict(&run), Verdict::Applied);
        assert_eq!(log, ["arm good", "set other", "renew", "disarm", "renew", "disarm", "note by-other"]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_guard_nothing_is_changed() {
    let (run, log, uplink) = apply("other", &[("arm", Fault::Refused)]).await;
    let Verdict::Failed { message, .. } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!(message, "nothing was changed, because the guard could not be armed: no");
    assert_eq!((log, uplink.as_str()), (vec!["arm good".to_owned()], "good"));
    let (run, log, _) = apply("other", &[("arm", Fault::LostAfter)]).await;
    assert!(!run.is_complete() && !log.iter().any(|line| line.starts_with("set")), "{run:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_comes_back_is_unknown_and_told_to_be_looked_at() {
    let (run, _, _) = apply("bad", &[("", Fault::NoGuard)]).await;
    let Verdict::Unknown { message, hint } = verdict(&run) else { panic!("{run:#?}") };
    assert_eq!(
        message,
        "hv01 did not say over a new connection within 180 s what became of it (no route); after 60 s it puts back the uplink by itself"
    );
    assert!(hint.as_ref().is_some_and(|hint| hint.contains("console")), "{hint:?}");
}
