//! The proxy passes calls on, and does to them what its rules say.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use evenkeel_tests::pyvmomi::look;
use evenkeel_tests::soap::{Heard, Soap};
use evenkeel_tests::soap_proxy::{Act, Fault, Moment, SoapProxy, Then};
use evenkeel_tests::vcsim::Vcsim;
use tokio::sync::mpsc;

/// A simulator with folders to make, a proxy before it, and a client of the proxy.
async fn site() -> (Vcsim, SoapProxy, Soap) {
    let vcsim = Vcsim::start(&["-vms", "avocado2"]);
    let proxy = SoapProxy::start(&vcsim);
    let soap = client(&proxy).await;
    (vcsim, proxy, soap)
}

async fn client(proxy: &SoapProxy) -> Soap {
    Soap::log_in(proxy.address(), proxy.fingerprint()).await.unwrap()
}

async fn make(soap: &mut Soap, folder: &str) -> io::Result<Heard> {
    let root = soap.of("rootFolder");
    soap.call("CreateFolder", &root, &format!("<name>{folder}</name>")).await
}

/// What was made so far, whatever the client was told.
fn made(vcsim: &Vcsim) -> Vec<String> {
    look(vcsim.url()).folders.into_iter().filter(|folder| !folder.starts_with("DC0")).collect()
}

#[tokio::test]
async fn it_passes_calls_on_and_counts_them() {
    let (vcsim, proxy, mut soap) = site().await;
    assert_ne!(proxy.fingerprint(), vcsim.fingerprint());
    proxy.forget();
    assert_eq!(make(&mut soap, "one").await.unwrap().fault(), None);
    assert_eq!(make(&mut soap, "one").await.unwrap().fault(), Some("DuplicateName"));
    assert_eq!(proxy.calls(), ["CreateFolder", "CreateFolder"]);
    proxy.forget();
    assert_eq!(look(&proxy.url()), look(vcsim.url()), "pyvmomi sees no proxy");
    let counts = proxy.counts();
    let some = ["Login", "Logout", "CreateContainerView"].map(|method| counts.get(method).copied());
    assert_eq!(some, [Some(1), Some(1), Some(5)], "{counts:?}");
}

#[tokio::test]
async fn what_is_cut_before_did_not_happen_and_what_is_cut_after_did() {
    let (vcsim, proxy, mut soap) = site().await;
    proxy.on("CreateFolder", 2, Act::CutBefore);
    proxy.on("CreateFolder", 3, Act::CutAfter);
    proxy.on("CreateFolder", 4, Act::CutWithin);
    for (name, heard) in [("one", true), ("two", false), ("three", false), ("four", false), ("five", true)] {
        assert_eq!(make(&mut soap, name).await.is_ok(), heard, "{name}");
    }
    assert_eq!(made(&vcsim), ["five", "four", "one", "three"]);
    assert_eq!(proxy.counts()["CreateFolder"], 5);
}

#[tokio::test]
async fn what_hangs_is_neither_done_nor_answered() {
    let (vcsim, proxy, mut soap) = site().await;
    proxy.on("CreateFolder", 1, Act::Hang);
    let waited = tokio::time::timeout(Duration::from_millis(300), make(&mut soap, "one")).await;
    assert!(waited.is_err());
    let mut soap = client(&proxy).await;
    proxy.on("CreateFolder", 1, Act::Wait(Duration::from_millis(300)));
    let begin = Instant::now();
    assert_eq!(make(&mut soap, "two").await.unwrap().fault(), None);
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_eq!(made(&vcsim), ["two"]);
}

#[tokio::test]
async fn nobody_can_connect_until_it_comes_back() {
    let (vcsim, proxy, mut soap) = site().await;
    proxy.on("CreateFolder", 1, Act::Refuse);
    assert!(make(&mut soap, "one").await.is_err());
    for _ in 0..2 {
        let refused = Soap::new(proxy.address(), proxy.fingerprint()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        proxy.go_down();
    }
    proxy.come_back();
    let mut soap = client(&proxy).await;
    assert_eq!(make(&mut soap, "two").await.unwrap().fault(), None);
    // Those who are connected are no more, either.
    proxy.go_down();
    assert!(make(&mut soap, "three").await.is_err());
    assert_eq!(made(&vcsim), ["two"]);
}

#[tokio::test]
async fn it_answers_as_gateways_and_servers_do_that_refuse() {
    let (vcsim, proxy, mut soap) = site().await;
    proxy.on("CreateFolder", 1, Act::Unavailable);
    proxy.on("CreateFolder", 2, Act::Html);
    proxy.on("CreateFolder", 3, Act::fault("NotAuthenticated"));
    proxy.on(
        "CreateFolder",
        4,
        Act::Fault(Fault {
            kind: "NoPermission".to_owned(),
            words: "Permission to perform this operation was denied.".to_owned(),
            fields: "<privilegeId>Folder.Create</privilegeId>".to_owned(),
        }),
    );
    let heard = make(&mut soap, "one").await.unwrap();
    assert_eq!((heard.status, heard.fault()), (503, None));
    let heard = make(&mut soap, "one").await.unwrap();
    assert!(heard.status == 200 && heard.body.contains("<html>"), "{heard:?}");
    let heard = make(&mut soap, "one").await.unwrap();
    assert_eq!((heard.status, heard.fault()), (500, Some("NotAuthenticated")));
    let heard = make(&mut soap, "one").await.unwrap();
    assert_eq!((heard.status, heard.fault()), (500, Some("NoPermission")));
    assert_eq!(heard.text("privilegeId").as_deref(), Some("Folder.Create"));
    assert!(heard.text("faultstring").unwrap().starts_with("Permission"));
    assert!(made(&vcsim).is_empty());
}

#[tokio::test]
async fn it_changes_answers() {
    let (vcsim, proxy, mut soap) = site().await;
    proxy.on("CreateFolder", 1, Act::Truncate);
    let heard = make(&mut soap, "one").await.unwrap();
    assert!(heard.status == 200 && !heard.body.ends_with("</soapenv:Envelope>"), "{heard:?}");
    assert_eq!(made(&vcsim), ["one"], "it was done");
    proxy.each("RetrievePropertiesEx", Act::replace("avocado2", "avocado2-old"));
    for _ in 0..2 {
        let heard = soap.names("VirtualMachine", None).await.unwrap();
        assert_eq!(heard.texts("val").collect::<Vec<_>>(), ["avocado2-old"]);
    }
    proxy.clear();
    let heard = soap.names("VirtualMachine", None).await.unwrap();
    assert_eq!(heard.texts("val").collect::<Vec<_>>(), ["avocado2"]);
}

#[tokio::test]
async fn a_hook_is_asked_before_and_after_every_call_and_can_stop_it_there() {
    let (vcsim, proxy, mut soap) = site().await;
    let (mut before, mut after) = (client(&proxy).await, client(&proxy).await);
    proxy.forget();
    let (tell, mut told) = mpsc::unbounded_channel();
    proxy.hook(move |call, moment| {
        assert_eq!(call.body.contains("<name>t"), call.nth > 1);
        tell.send((call.method.clone(), call.nth, moment)).unwrap();
        let stop = [(2, Moment::Before), (3, Moment::After)].contains(&(call.nth, moment));
        if stop { Then::Hang } else { Then::GoOn }
    });
    make(&mut soap, "one").await.unwrap();
    // Clients that are killed at these moments.
    let mut moments = Vec::new();
    for (killed, name, so_many) in [(&mut before, "two", 3), (&mut after, "three", 5)] {
        let stopped = async {
            while moments.len() < so_many {
                moments.extend(told.recv().await);
            }
        };
        tokio::select! {
            heard = make(killed, name) => panic!("{heard:?}"),
            () = stopped => {}
        }
    }
    drop((before, after));
    proxy.unhook();
    make(&mut soap, "four").await.unwrap();
    let (before, after) = (Moment::Before, Moment::After);
    let wanted = [(1, before), (1, after), (2, before), (3, before), (3, after)];
    assert_eq!(moments, wanted.map(|(nth, moment)| ("CreateFolder".to_owned(), nth, moment)));
    assert!(told.try_recv().is_err(), "nobody is asked any more");
    assert_eq!(made(&vcsim), ["four", "one", "three"]);
    assert_eq!(proxy.counts(), BTreeMap::from([("CreateFolder".to_owned(), 4)]));
}
