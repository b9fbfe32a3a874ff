//! What takes its time: followed, given up, stopped, and lost sight of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_core::request::vsphere::{Reference, VsphereCall};
use evenkeel_core::transport::TransportErrorKind;
use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap_proxy::SoapProxy;
use evenkeel_tests::vcsim::Vcsim;

use super::way::{CREDENTIAL, Onlooker, SITE, Way, shown};

/// A simulator whose tasks take so long, and a proxy before it.
fn site(time: &str, more: &[&str]) -> (Vcsim, SoapProxy) {
    let vcsim = Vcsim::start(&[&SITE as &[&str], &["-task-time", time], more].concat());
    let proxy = SoapProxy::start(&vcsim);
    (vcsim, proxy)
}

fn sleep(millis: u64) -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_millis(millis))
}

#[tokio::test]
async fn a_task_is_followed_to_its_end_also_where_that_takes_longer_than_a_call_or_a_session() {
    let (vcsim, proxy) = site("1500ms", &["-idle", "600ms"]);
    let way = Way::within(1, proxy.spec(CREDENTIAL));
    let (onlooker, began) = (Onlooker::default(), Instant::now());
    let clone = way.clone_of("avocado2", "zz_a").await.within(20);
    let reply = way.work(clone, &onlooker).await.unwrap();
    assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
    assert_eq!(shown(&reply)["result"]["type"], "VirtualMachine");
    assert!(began.elapsed() >= Duration::from_millis(1500));
    assert_eq!(onlooker.percents(), [10, 60, 100]);
    let counts = proxy.counts();
    assert_eq!((counts["CloneVM_Task"], counts.get("CancelTask")), (1, None));
    assert_eq!(look(vcsim.url()).vms.len(), 4);
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_cancelled() {
    let (vcsim, proxy) = site("5s", &[]);
    let way = Way::within(1, proxy.spec(CREDENTIAL));
    let began = Instant::now();
    let (exit, words) = way.refused(way.clone_of("avocado2", "zz_a").await).await;
    assert_eq!((exit, words.as_str()), (499, "it took longer than 1 seconds and was cancelled"));
    assert!(began.elapsed() < Duration::from_secs(4));
    assert_eq!(proxy.counts()["CancelTask"], 1);
    assert_eq!(look(vcsim.url()).vms.len(), 3, "what was made of it is gone");
}

#[tokio::test]
async fn stop_cancels_a_task() {
    let (vcsim, proxy) = site("5s", &[]);
    let way = Way::new(proxy.spec(CREDENTIAL));
    let clone = way.clone_of("avocado2", "zz_a").await;
    let onlooker = Arc::new(Onlooker::default());
    let began = Instant::now();
    let stop = async {
        sleep(300).await;
        onlooker.stop();
    };
    let (reply, ()) = tokio::join!(way.work(clone, &onlooker), stop);
    assert_eq!(reply.unwrap_err().kind, TransportErrorKind::Stopped);
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(proxy.counts()["CancelTask"], 1);
    assert_eq!(look(vcsim.url()).vms.len(), 3);
    // Where it was said before, nothing is begun.
    let clone = way.clone_of("avocado2", "zz_b").await;
    assert_eq!(way.work(clone, &onlooker).await.unwrap_err().kind, TransportErrorKind::Stopped);
    assert_eq!(proxy.counts()["CloneVM_Task"], 1);
}

#[tokio::test]
async fn a_task_that_is_cancelled_by_somebody_else_is_told() {
    let (vcsim, proxy) = site("5s", &[]);
    let (way, other) = (Way::new(proxy.spec(CREDENTIAL)), Way::new(vcsim.spec(CREDENTIAL)));
    let clone = way.clone_of("avocado2", "zz_a").await;
    let cancel = async {
        sleep(300).await;
        let tasks = evenkeel_core::request::VsphereRequest::retrieve_all([("Task", &["info.state"])]);
        let tasks = other.done(tasks).await;
        let running = tasks["objects"].as_array().unwrap().iter();
        let running = running.filter(|task| task["properties"]["info.state"] == "running");
        for task in running {
            let mut soap =
                evenkeel_tests::soap::Soap::log_in(vcsim.address(), vcsim.fingerprint()).await.unwrap();
            let task = ("Task".to_owned(), task["id"].as_str().unwrap().to_owned());
            assert_eq!(soap.call("CancelTask", &task, "").await.unwrap().fault(), None);
        }
    };
    let ((exit, words), ()) = tokio::join!(way.refused(clone), cancel);
    assert_eq!(exit, 499);
    assert!(words.starts_with("somebody has cancelled it: RequestCanceled"), "{words}");
}

#[tokio::test]
async fn a_task_is_found_again_after_the_server_was_away_and_the_call_is_made_once() {
    let (vcsim, proxy) = site("900ms", &[]);
    let way = Way::within(1, proxy.spec(CREDENTIAL));
    let clone = way.clone_of("avocado2", "zz_a").await.within(20);
    let away = async {
        sleep(200).await;
        proxy.go_down();
        sleep(1500).await;
        proxy.come_back();
    };
    let onlooker = Onlooker::default();
    let (reply, ()) = tokio::join!(way.work(clone, &onlooker), away);
    assert_eq!(reply.unwrap().exit, 0);
    assert_eq!(proxy.counts()["CloneVM_Task"], 1);
    assert_eq!(look(vcsim.url()).vms.len(), 4);
}

#[tokio::test]
async fn a_task_whose_server_stays_away_has_an_end_that_is_not_known() {
    let (_vcsim, proxy) = site("900ms", &[]);
    let way = Way::within(1, proxy.spec(CREDENTIAL));
    let vm = way.find("VirtualMachine", "avocado2").await;
    let call = VsphereCall::rename(Reference::new("VirtualMachine", vm.id.clone()), "new")
        .called(&vm.into(), "avocado2");
    let away = async {
        sleep(200).await;
        proxy.go_down();
    };
    let (reply, ()) = tokio::join!(way.try_call(call), away);
    let error = reply.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error:?}");
    assert!(error.message.starts_with("it is not known what became of Rename_Task of avocado2"), "{error}");
    proxy.come_back();
    assert_eq!(way.names("VirtualMachine").await.values().filter(|name| *name == "new").count(), 1);
    assert_eq!(proxy.counts()["Rename_Task"], 1);
}
