//! Servers that are not there, not ready, or something else.

use super::*;

#[tokio::test]
async fn answers_of_something_else_are_told_in_words() {
    for (act, kind, words) in [
        (
            page(503, "<html><body>503 Service Unavailable</body></html>"),
            TransportErrorKind::Unreachable,
            "503",
        ),
        (page(503, ""), TransportErrorKind::Unreachable, "the vSphere API behind it is not there"),
        (
            page(200, "<!DOCTYPE html><html>Welcome</html>"),
            TransportErrorKind::Unreachable,
            "with a web page",
        ),
        (page(404, "not here"), TransportErrorKind::Unreachable, "no vSphere API at `/sdk`"),
        (page(403, "<html>"), TransportErrorKind::Unreachable, "lets nobody through"),
        (
            Act::Answer(302, "Location: https://127.0.0.1:1/\r\n".into(), String::new()),
            TransportErrorKind::Unreachable,
            "sends us elsewhere",
        ),
        (
            Act::Answer(200, String::new(), "{}".into()),
            TransportErrorKind::Unreachable,
            "not as the vSphere API does",
        ),
        (
            Act::Answer(200, String::new(), "<soap:Envelope xmlns:soap='x'><soap:Body>".into()),
            TransportErrorKind::Protocol,
            "it is cut off",
        ),
        (soap("RetrieveServiceContent", ""), TransportErrorKind::Protocol, "ServiceContent"),
        (fault("SystemError", "A general error", ""), TransportErrorKind::Protocol, "SystemError"),
        (Act::Cut, TransportErrorKind::ConnectionLost, "before its answer was whole"),
    ] {
        let told = act.clone();
        let server = Server::start(move |_| Some(told.clone())).await;
        let error = ask(&server, names()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{act:?}: {error}");
        assert!(error.message.contains(words), "{act:?}: {error}");
        assert!(server.log().len() <= 2, "asked once more at most");
    }
}

#[tokio::test]
async fn a_read_that_is_lost_is_made_once_more_at_every_place() {
    for nth in 0..4 {
        let server = Server::start(move |asked| {
            if asked.nth == nth && asked.method != "Login" {
                return Some(Act::Cut);
            }
            (asked.method == "RetrievePropertiesEx").then(|| found(""))
        })
        .await;
        assert_eq!(ask(&server, names()).await.unwrap().exit, 0, "{nth}");
    }
    // A login is not made again: a server counts those that fail.
    let server = Server::start(|asked| (asked.method == "Login").then_some(Act::Cut)).await;
    assert_eq!(ask(&server, names()).await.unwrap_err().kind, TransportErrorKind::ConnectionLost);
    assert_eq!(server.count("Login"), 1);
}

#[tokio::test]
async fn silence_ends_and_what_is_not_there_is_told() {
    let server = Server::start(|_| Some(Act::Silence)).await;
    let error = transport().exchange(&at(&server, 1), &[request(names())]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    let target = at(&server, 1);
    drop(server);
    tokio::task::yield_now().await;
    let error = transport().exchange(&target, &[request(names())]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable, "{error}");
    assert!(error.message.starts_with("vcenter (127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn an_answer_that_has_no_end_is_given_up() {
    let server = Server::start(|asked| {
        (asked.method == "RetrievePropertiesEx")
            .then(|| Act::Answer(200, String::new(), " ".repeat(crate::DEFAULT_OUTPUT_LIMIT + 1)))
    })
    .await;
    let request = request(names());
    let error = transport().exchange(&at(&server, 60), &[request]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::OutputTooLarge);
}
