//! Everything that may be lost, for every call that a read needs: it has the right reply, or an error that says why not;
//! and afterwards the transport works as before.

use evenkeel_core::request::VsphereRequest;
use evenkeel_core::transport::{Transport as _, TransportError, TransportErrorKind as Kind};
use evenkeel_tests::soap_proxy::{Act, SoapProxy};
use evenkeel_tests::vcsim::Vcsim;
use futures_util::future::join_all;

use super::way::{CREDENTIAL, SITE, Way};

/// Everything that a proxy may do.
pub(crate) fn acts() -> Vec<Act> {
    vec![
        Act::CutBefore,
        Act::CutAfter,
        Act::CutWithin,
        Act::Truncate,
        Act::Refuse,
        Act::Hang,
        Act::Unavailable,
        Act::Html,
        Act::fault("NotAuthenticated"),
        Act::fault("SystemError"),
    ]
}

/// What comes of a read.
#[derive(Debug, PartialEq)]
pub(crate) enum Comes {
    Right,
    /// This exit status.
    Refused(i32),
    Error(Kind),
}

fn names() -> VsphereRequest {
    VsphereRequest::retrieve_all([("VirtualMachine", &["name"])])
}

/// What must come of a read, the first call of which by this method meets with this.
fn expected(method: &str, act: &Act) -> Comes {
    let is_content = method == "RetrieveServiceContent";
    match (method, act) {
        (_, Act::Hang) => Comes::Error(Kind::Timeout),
        (_, Act::Unavailable | Act::Html) => Comes::Error(Kind::Unreachable),
        ("Login", Act::Fault(_)) => Comes::Error(Kind::AuthenticationFailed),
        ("Login", Act::Truncate) => Comes::Error(Kind::Protocol),
        ("Login", _) => Comes::Error(Kind::ConnectionLost),
        // It is asked once more, and then there is nobody.
        (_, Act::Refuse) => Comes::Error(Kind::Unreachable),
        (_, Act::Fault(_)) if is_content => Comes::Error(Kind::Protocol),
        (_, Act::Fault(fault)) if fault.kind == "SystemError" => Comes::Refused(500),
        _ => Comes::Right,
    }
}

/// What came of it, with its words.
fn came(answer: Result<evenkeel_core::request::Reply, TransportError>) -> (Comes, String) {
    match answer {
        Ok(reply) if reply.exit == 0 => {
            let found = super::way::shown(&reply);
            (if found["count"] == 3 { Comes::Right } else { Comes::Refused(0) }, found.to_string())
        }
        Ok(reply) => (Comes::Refused(reply.exit), reply.stderr_text()),
        Err(error) => (Comes::Error(error.kind), error.message),
    }
}

async fn reads_survive(method: &str, pages: &str) {
    let vcsim = Vcsim::start(&[&SITE as &[&str], &["-page", pages]].concat());
    let proxy = SoapProxy::start(&vcsim);
    for act in acts() {
        let told = format!("{method} {act:?}");
        let way = Way::within(1, proxy.spec(CREDENTIAL));
        proxy.forget();
        proxy.on(method, 1, act.clone());
        let (comes, words) = came(way.try_ask(names()).await);
        assert_eq!(comes, expected(method, &act), "{told}: {words}");
        if let Comes::Error(_) = comes {
            assert!(words.contains("olive (127.0.0.1:"), "{told}: {words}");
        }
        let counts = proxy.counts();
        // All pages are read once more, where there are any.
        let times = if method.starts_with("Continue") { 4 } else { 2 };
        let logins = counts.get("Login").copied().unwrap_or_default();
        assert!(counts[method] <= times && logins <= 2, "{told}: {counts:?}");
        if method == "Login" {
            assert_eq!(counts["Login"], 1, "{told}: a server counts logins that fail");
        }
        proxy.clear();
        proxy.come_back();
        let (comes, words) = came(way.try_ask(names()).await);
        assert_eq!(comes, Comes::Right, "after {told}: {words}");
        way.transport.close().await;
    }
}

#[tokio::test]
async fn reads_are_right_or_say_why_not_and_the_way_goes_on() {
    let methods = [
        ("RetrieveServiceContent", "0"),
        ("Login", "0"),
        ("RetrievePropertiesEx", "0"),
        ("ContinueRetrievePropertiesEx", "1"),
    ];
    join_all(methods.map(|(method, pages)| reads_survive(method, pages))).await;
}

#[tokio::test]
async fn whatever_happens_to_a_logout_the_end_comes_soon_and_the_way_can_be_used_again() {
    let vcsim = Vcsim::start(&SITE);
    let proxy = SoapProxy::start(&vcsim);
    for act in acts() {
        let told = format!("{act:?}");
        let way = Way::within(1, proxy.spec(CREDENTIAL));
        assert_eq!(came(way.try_ask(names()).await).0, Comes::Right);
        proxy.forget();
        proxy.on("Logout", 1, act);
        let began = std::time::Instant::now();
        way.transport.close().await;
        assert!(began.elapsed().as_secs() < 5, "{told}");
        assert_eq!(proxy.counts()["Logout"], 1, "{told}");
        proxy.clear();
        proxy.come_back();
        assert_eq!(came(way.try_ask(names()).await).0, Comes::Right, "after {told}");
        way.transport.close().await;
    }
}
