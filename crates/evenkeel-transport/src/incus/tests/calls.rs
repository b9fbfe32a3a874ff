//! Calls that are answered at once, and connections that break.

use super::*;

#[tokio::test]
async fn an_answer_is_its_metadata_and_a_failure_its_words() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /1.0?project=ours" => done(&json!({ "auth": "trusted" })),
        "POST /1.0/images/aliases?project=ours" => refused(409, "Alias 'a' already exists"),
        line => panic!("{line}"),
    });
    let target = target(&json!({ "socket": server.socket(), "project": "ours" }));
    let replies = exchange(&target, vec![get("/1.0"), post("/1.0/images/aliases")]).await;
    let [Ok(first), Ok(second)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((first.exit, shown(first)), (0, json!({ "auth": "trusted" })));
    assert_eq!((second.exit, second.stderr_text().as_str()), (409, "Alias 'a' already exists"));
    let log = server.log();
    assert_eq!(log[1].json(), json!({ "name": "x" }));
    assert!(log[1].head.to_lowercase().contains("content-type: application/json"), "{}", log[1].head);
    assert_eq!(log.iter().map(|asked| asked.connection).max(), Some(0), "one connection for one exchange");
}

#[tokio::test]
async fn what_stands_in_a_path_is_encoded_and_goes_nowhere_else() {
    let server = Server::start(|_| done(&Value::Null));
    let target = at(&server.socket(), 60);
    let odd = IncusRequest::get("/1.0/images/aliases/a b%/c?d", [("filter", "a=1&b")]);
    assert_eq!(ask(&target, odd).await.unwrap().exit, 0);
    assert_eq!(server.lines(), ["GET /1.0/images/aliases/a%20b%25/c%3Fd?filter=a%3D1%26b"]);
    for path in ["", "1.0", "/1.0/../x", "/1.0//x", "/1.0/./x"] {
        let error = ask(&target, get(path)).await.unwrap_err();
        assert!(error.message.contains("is no path of Incus's interface"), "{error}");
    }
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_connection_that_ended_between_two_calls_is_made_again() {
    for ends in [|act: Act| act.last(), |act: Act| act] {
        let server = Server::start(move |asked| match asked.nth {
            0 => ends(done(&json!(1))),
            // One that is closed only now, with the request in it: a question is asked again.
            1 if asked.connection == 0 => Act::Cut,
            _ => done(&json!(2)),
        });
        let replies = exchange(&at(&server.socket(), 60), vec![get("/1.0/a"), get("/1.0/b")]).await;
        let all: Vec<Value> = replies.iter().map(|reply| shown(reply.as_ref().unwrap())).collect();
        assert_eq!(all, [1, 2]);
        assert_eq!(server.log().last().unwrap().connection, 1);
    }
}

#[tokio::test]
async fn what_changes_something_is_sent_once_and_its_loss_is_told() {
    for act in [Act::Cut, done(&json!(2)).torn()] {
        let server = Server::start(move |asked| if asked.nth == 0 { done(&json!(1)) } else { act.clone() });
        let requests = vec![get("/1.0/a"), post("/1.0/b"), post("/1.0/c")];
        let replies = exchange(&at(&server.socket(), 60), requests).await;
        assert!(replies[0].is_ok());
        for reply in &replies[1..] {
            let error = reply.as_ref().unwrap_err();
            assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error}");
            assert!(error.message.contains("box ("), "{error}");
        }
        assert_eq!(server.lines(), ["GET /1.0/a", "POST /1.0/b"]);
    }
}

#[tokio::test]
async fn what_changes_something_is_sent_on_a_new_connection_where_the_old_one_had_ended() {
    let server = Server::start(|asked| if asked.nth == 0 { done(&json!(1)).last() } else { done(&json!(2)) });
    let target = at(&server.socket(), 60);
    let transport = transport(&[]);
    let requests: Vec<Request> =
        [get("/1.0/a"), post("/1.0/b")].into_iter().map(|r| Request::Incus(Box::new(r))).collect();
    // Either the end was seen by then, or the request is lost with it; it never arrives twice.
    let replies = transport.exchange(&target, &requests).await;
    match &replies[1] {
        Ok(reply) => assert_eq!(shown(reply), json!(2)),
        Err(error) => assert_eq!(error.kind, TransportErrorKind::ConnectionLost),
    }
    assert!(server.lines().iter().filter(|line| line.starts_with("POST")).count() <= 1);
}

#[tokio::test]
async fn who_does_not_answer_as_incus_does_is_told() {
    for (act, kind, words) in [
        (
            Act::json(200, &json!({ "type": "new" })),
            TransportErrorKind::Protocol,
            "answers 200 and not as Incus",
        ),
        (Act::raw(302, b""), TransportErrorKind::Protocol, "answers 302 and not as Incus"),
        (Act::raw(502, b"<html>"), TransportErrorKind::Protocol, "answers 502"),
        (Act::Last(b"220 mail ready\r\n\r\n".to_vec()), TransportErrorKind::Protocol, "does not speak HTTP"),
        (Act::Cut, TransportErrorKind::ConnectionLost, "ended before the answer was whole"),
        (done(&json!(1)).torn(), TransportErrorKind::ConnectionLost, "ended before the answer was whole"),
        (Act::Silence, TransportErrorKind::Timeout, "did not answer in time"),
    ] {
        let (told, patience) = (format!("{act:?}"), if kind == TransportErrorKind::Timeout { 1 } else { 60 });
        let server = Server::start(move |_| act.clone());
        let error = ask(&at(&server.socket(), patience), post("/1.0/b")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{told}: {error}");
        assert!(error.message.contains(words), "{told}: {error}");
    }
}

#[tokio::test]
async fn a_socket_that_nobody_listens_at_is_told_with_what_to_do() {
    let server = Server::start(|_| Act::Cut);
    let nowhere = server.folder().join("nothing");
    let error = ask(&at(&nowhere, 60), get("/1.0")).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable);
    assert!(error.message.contains("cannot reach box ("), "{error}");
    assert!(error.hint.unwrap().contains("`socket` of the target"));
    let other = Request::Exec(evenkeel_core::request::Exec::new(["true"]));
    let error = transport(&[]).exchange(&at(&nowhere, 60), &[other]).await.remove(0).unwrap_err();
    assert!(error.message.contains("not one for `true`"), "{error}");
}

#[tokio::test]
async fn an_alias_comes_to_lead_where_another_one_does() {
    let retarget = || IncusRequest::Retarget { alias: "debian".into(), like: "debian/7".into() };
    let image = || done(&json!({ "target": "abc" }));
    let server = Server::start(move |asked| match asked.line.as_str() {
        "GET /1.0/images/aliases/debian/7" => image(),
        "GET /1.0/images/aliases/debian" => done(&json!({ "target": "old", "description": "Ours" })),
        "PUT /1.0/images/aliases/debian" => done(&json!({})),
        line => panic!("{line}"),
    });
    assert_eq!(ask(&at(&server.socket(), 60), retarget()).await.unwrap().exit, 0);
    assert_eq!(server.log()[2].json(), json!({ "target": "abc", "description": "Ours" }));
    let server = Server::start(move |asked| match asked.line.as_str() {
        "GET /1.0/images/aliases/debian/7" => image(),
        "GET /1.0/images/aliases/debian" => refused(404, "Image alias not found"),
        "POST /1.0/images/aliases" => refused(409, "taken"),
        line => panic!("{line}"),
    });
    assert_eq!(ask(&at(&server.socket(), 60), retarget()).await.unwrap().exit, 409);
    assert_eq!(server.log()[2].json(), json!({ "name": "debian", "target": "abc" }));
    let server = Server::start(|_| refused(404, "Image alias not found"));
    let reply = ask(&at(&server.socket(), 60), retarget()).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (404, "Image alias not found"));
    assert_eq!(server.lines().len(), 1);
}
