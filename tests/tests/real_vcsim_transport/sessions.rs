//! Logging in, being logged in, and out; and whom is trusted.

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::request::vsphere::VsphereCall;
use evenkeel_core::transport::{Transport as _, TransportErrorKind};
use evenkeel_tests::soap_proxy::SoapProxy;
use evenkeel_tests::vcsim::{PASSWORD, Vcsim};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::way::{CREDENTIAL, SITE, Way, backup};

fn names() -> VsphereRequest {
    VsphereRequest::retrieve_all([("VirtualMachine", &["name"])])
}

#[tokio::test]
async fn a_session_that_was_idle_for_too_long_is_replaced_alone_and_extended() {
    for more in [&["-bare"] as &[&str], &["-page", "1"]] {
        let vcsim = Vcsim::start(&[&SITE, more, &["-idle", "300ms"]].concat());
        let proxy = SoapProxy::start(&vcsim);
        let way = Way::new(proxy.spec(CREDENTIAL));
        let idle = || tokio::time::sleep(std::time::Duration::from_millis(900));
        assert_eq!(way.done(names()).await["count"], 3);
        assert_eq!(way.done(names()).await["count"], 3);
        assert_eq!(proxy.counts()["Login"], 1, "it is kept");
        idle().await;
        assert_eq!(way.done(names()).await["count"], 3);
        assert_eq!(proxy.counts()["Login"], 2);
        // A call that the server does not do for want of a session is made again.
        let folder = way.find("Folder", "backup").await;
        idle().await;
        assert!(way.call(VsphereCall::create_folder(folder, "one")).await.is_some());
        assert_eq!((proxy.counts()["Login"], proxy.counts()["CreateFolder"]), (3, 2));
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_never_shown() {
    let vcsim = Vcsim::start(&SITE);
    let proxy = SoapProxy::start(&vcsim);
    let way = Way::with(proxy.spec(CREDENTIAL), "wrong-one & <all>");
    for _ in 0..3 {
        let error = way.try_ask(names()).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed, "{error:?}");
        let hint = error.hint.unwrap_or_default();
        assert!(!error.message.contains("wrong-one") && !hint.contains("wrong-one"), "{}", error.message);
        assert!(error.message.contains("administrator@vsphere.local") && hint.contains("`vc`"));
        way.transport.renew(&way.target).await;
    }
    assert_eq!(proxy.counts()["Login"], 1, "a server locks an account after some");
    assert_eq!(Way::with(proxy.spec(CREDENTIAL), PASSWORD).done(names()).await["count"], 3);
}

/// The settings of this simulator, without its fingerprint and with this.
fn trusting(vcsim: &Vcsim, trust: &Value) -> Value {
    let mut spec = vcsim.spec(CREDENTIAL);
    let all = spec.as_object_mut().unwrap();
    all.remove("certificateFingerprint");
    all.extend(trust.as_object().unwrap().clone());
    spec
}

#[tokio::test]
async fn only_the_server_that_is_meant_is_spoken_to() {
    let (vcsim, other) = (Vcsim::start(&SITE), Vcsim::start(&[]));
    let pinned = |of: &Vcsim| json!({ "certificateFingerprint": of.fingerprint() });
    let file = |of: &Vcsim| json!({ "caFile": of.certificate() });
    for good in [pinned(&vcsim), file(&vcsim)] {
        assert_eq!(Way::new(trusting(&vcsim, &good)).done(names()).await["count"], 3);
    }
    for (bad, kind) in [
        (pinned(&other), TransportErrorKind::HostKeyChanged),
        (file(&other), TransportErrorKind::HostKeyUnknown),
        (json!({}), TransportErrorKind::HostKeyUnknown),
    ] {
        let error = Way::new(trusting(&vcsim, &bad)).try_ask(names()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        let said = format!("{} {}", error.message, error.hint.unwrap_or_default());
        let own = vcsim.fingerprint().to_lowercase();
        assert!(said.to_lowercase().replace(':', "").contains(&own), "it is told whom we met: {said}");
    }
}

#[tokio::test]
async fn one_login_serves_all_and_ends_with_the_transport() {
    let vcsim = Vcsim::start(&SITE);
    let proxy = SoapProxy::start(&vcsim);
    let way = Way::new(proxy.spec(CREDENTIAL));
    let all = join_all((0..8).map(|_| way.done(names()))).await;
    assert!(all.iter().all(|found| found["count"] == 3));
    let counts = proxy.counts();
    assert_eq!((counts["Login"], counts["RetrieveServiceContent"], counts.get("Logout")), (1, 1, None));
    way.transport.close().await;
    way.transport.close().await;
    assert_eq!(proxy.counts()["Logout"], 1);
    // It can be used again.
    assert!(way.call(VsphereCall::create_folder(backup(), "one")).await.is_some());
    way.transport.renew(&way.target).await;
    assert_eq!(way.done(names()).await["count"], 3);
    way.transport.close().await;
    assert_eq!((proxy.counts()["Login"], proxy.counts()["Logout"]), (3, 3));
}

#[tokio::test]
async fn who_is_not_there_is_told_by_the_address() {
    let mut vcsim = Vcsim::start(&SITE);
    let way = Way::new(vcsim.spec(CREDENTIAL));
    assert_eq!(way.done(names()).await["count"], 3);
    vcsim.stop();
    let error = way.try_ask(names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable, "{error:?}");
    assert!(error.message.contains(&vcsim.address().to_string()), "{error}");
}
