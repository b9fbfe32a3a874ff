//! What the server does in the background.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test]
async fn an_operation_is_followed_to_its_end_in_its_project() {
    let waits = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.line.as_str() {
        "POST /1.0/images?project=ours" => begun(),
        // The wait was over before the operation was.
        _ if is_wait(asked) && waits.fetch_add(1, Ordering::SeqCst) == 0 => operation(103, &Value::Null, ""),
        _ if is_wait(asked) => operation(200, &json!({ "fingerprint": "abc" }), ""),
        line => panic!("{line}"),
    });
    let target = target(&json!({ "socket": server.socket(), "project": "ours" }));
    let reply = ask(&target, post("/1.0/images")).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)), (0, json!({ "fingerprint": "abc" })));
    assert!(server.lines()[1].ends_with("&project=ours"), "{:?}", server.lines());
}

#[tokio::test]
async fn a_failed_operation_is_told_however_its_wait_tells_it() {
    let failed = |words: &'static str| {
        move |asked: &Asked| match asked.line.as_str() {
            "POST /1.0/images" => begun(),
            // As the real one does.
            _ if is_wait(asked) => refused(500, words),
            "GET /1.0/operations/7a" => operation(400, &Value::Null, "no room"),
            line => panic!("{line}"),
        }
    };
    let server = Server::start(failed("no room"));
    let reply = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (400, "no room"));
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /1.0/images" => begun(),
        _ if is_wait(asked) => operation(400, &Value::Null, "no room"),
        line => panic!("{line}"),
    });
    let reply = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (400, "no room"));
    // Forgotten by the time it is asked for: the wait said it.
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /1.0/images" => begun(),
        _ if is_wait(asked) => refused(500, "no room"),
        _ => refused(404, "Operation not found"),
    });
    let reply = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap();
    assert_eq!((reply.exit, reply.stderr_text().as_str()), (500, "no room"));
}

#[tokio::test]
async fn a_wait_that_fails_for_itself_is_no_failure_of_the_operation() {
    let waits = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.line.as_str() {
        "POST /1.0/images" => begun(),
        _ if is_wait(asked) && waits.fetch_add(1, Ordering::SeqCst) < 2 => {
            refused(500, "context deadline exceeded")
        }
        _ if is_wait(asked) => operation(200, &json!({ "fingerprint": "abc" }), ""),
        "GET /1.0/operations/7a" => operation(103, &Value::Null, ""),
        line => panic!("{line}"),
    });
    let reply = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap();
    assert_eq!((reply.exit, shown(&reply)), (0, json!({ "fingerprint": "abc" })));
}

#[tokio::test]
async fn a_wait_that_is_cut_off_is_asked_again_on_a_new_connection() {
    for cut in [Act::Cut, operation(200, &json!(1), "").torn()] {
        let waits = AtomicUsize::new(0);
        let server = Server::start(move |asked| match asked.line.as_str() {
            "POST /1.0/images" => begun(),
            _ if is_wait(asked) && waits.fetch_add(1, Ordering::SeqCst) < 3 => cut.clone(),
            _ if is_wait(asked) => operation(200, &json!({ "fingerprint": "abc" }), ""),
            line => panic!("{line}"),
        });
        let reply = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap();
        assert_eq!(shown(&reply), json!({ "fingerprint": "abc" }));
        assert_eq!(server.lines().iter().filter(|line| line.starts_with("POST")).count(), 1);
    }
}

#[tokio::test]
async fn an_operation_that_is_gone_has_an_unknown_end() {
    // As after a restart of the server, or where the wait's own end came with that of the operation.
    for (first, words) in
        [(Act::Cut, "not know it"), (refused(500, "context deadline exceeded"), "not know it")]
    {
        let waits = AtomicUsize::new(0);
        let server = Server::start(move |asked| match asked.line.as_str() {
            "POST /1.0/images" => begun(),
            _ if is_wait(asked) && waits.fetch_add(1, Ordering::SeqCst) == 0 => first.clone(),
            _ => refused(404, "Operation not found"),
        });
        let error = ask(&at(&server.socket(), 60), post("/1.0/images")).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_waited_for_for_a_while_and_no_longer() {
    let server = Server::start(|asked| if asked.nth == 0 { begun() } else { Act::Cut });
    let long = post("/1.0/images").within(3600);
    let error = ask(&at(&server.socket(), 1), long).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error}");
    assert!(error.message.contains("it is not known how"), "{error}");
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_cancelled() {
    for (cancelled, words) in [
        (done(&json!({})), "took too long and was cancelled"),
        (refused(400, "This operation can't be cancelled"), "it may go on there"),
    ] {
        let server = Server::start(move |asked| match asked.line.as_str() {
            "POST /1.0/images" => begun(),
            "DELETE /1.0/operations/7a" => cancelled.clone(),
            _ if is_wait(asked) => Act::Silence,
            line => panic!("{line}"),
        });
        let error = ask(&at(&server.socket(), 4), post("/1.0/images")).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Timeout, "{error}");
        assert!(error.message.contains(words), "{error}");
        assert_eq!(server.lines().last().unwrap(), "DELETE /1.0/operations/7a");
    }
}

#[tokio::test]
async fn a_request_gets_the_time_that_it_asks_for_and_no_overflow() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /1.0/images" => begun(),
        line if line.ends_with("wait?timeout=20") => operation(200, &Value::Null, ""),
        line => panic!("{line}"),
    });
    let long = post("/1.0/images").within(u64::MAX);
    assert_eq!(ask(&at(&server.socket(), 1), long).await.unwrap().exit, 0);
}

#[tokio::test]
async fn an_instance_that_does_not_end_by_itself_is_stopped_by_force() {
    let stop = || IncusRequest::Stop { instance: "c1".into(), seconds: 7 };
    let hangs = r#"Failed shutting down instance, status is "Running": context deadline exceeded"#;
    let server = Server::start(move |asked| match asked.line.as_str() {
        "PUT /1.0/instances/c1/state" if asked.json()["force"] == json!(true) => done(&json!({})),
        "PUT /1.0/instances/c1/state" => begun(),
        _ if is_wait(asked) => operation(400, &Value::Null, hangs),
        line => panic!("{line}"),
    });
    assert_eq!(ask(&at(&server.socket(), 60), stop()).await.unwrap().exit, 0);
    let log = server.log();
    assert_eq!(log[0].json(), json!({ "action": "stop", "force": false, "timeout": 7 }));
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("PUT ")).count(), 2);
    // One that ends by itself is told once. Where neither helps, the first answer is what tells why.
    let server = Server::start(|_| done(&json!({})));
    assert_eq!(ask(&at(&server.socket(), 60), stop()).await.unwrap().exit, 0);
    assert_eq!(server.lines(), ["PUT /1.0/instances/c1/state"]);
    let server = Server::start(|asked| match asked.nth {
        0 => refused(404, "Instance not found"),
        _ => refused(500, "of the second"),
    });
    let reply = ask(&at(&server.socket(), 60), stop()).await.unwrap();
    assert_eq!(reply.exit, 404);
    assert!(reply.stderr_text().contains("Instance not found"), "{}", reply.stderr_text());
}

fn discard() -> IncusRequest {
    let marked = BTreeMap::from([("user.evenkeel.resource".to_owned(), "ContainerTemplate/a".to_owned())]);
    IncusRequest::Discard { instance: "c1".into(), marked }
}

fn instance(resource: &str, status: &str) -> Act {
    done(&json!({ "status": status, "config": { "user.evenkeel.resource": resource } }))
}

#[tokio::test]
async fn an_instance_of_ours_is_stopped_and_removed() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /1.0/instances/c1" => instance("ContainerTemplate/a", "Running"),
        // It had stopped by itself.
        "PUT /1.0/instances/c1/state" => refused(400, "The instance is already stopped"),
        "DELETE /1.0/instances/c1" => begun(),
        _ if is_wait(asked) => operation(200, &Value::Null, ""),
        line => panic!("{line}"),
    });
    assert_eq!(ask(&at(&server.socket(), 60), discard()).await.unwrap().exit, 0);
    assert_eq!(server.log()[1].json()["force"], json!(true));
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /1.0/instances/c1" => instance("ContainerTemplate/a", "Stopped"),
        "DELETE /1.0/instances/c1" => refused(404, "Instance not found"),
        line => panic!("{line}"),
    });
    assert_eq!(ask(&at(&server.socket(), 60), discard()).await.unwrap().exit, 0);
}

#[tokio::test]
async fn an_instance_of_somebody_else_stays_and_one_that_is_gone_is_fine() {
    for shown in [instance("ContainerTemplate/b", "Running"), done(&json!({ "status": "Stopped" }))] {
        let server = Server::start(move |_| shown.clone());
        let reply = ask(&at(&server.socket(), 60), discard()).await.unwrap();
        assert_eq!(reply.exit, 409);
        assert!(reply.stderr_text().contains("instance c1 is not marked as"), "{}", reply.stderr_text());
        assert_eq!(server.lines(), ["GET /1.0/instances/c1"]);
    }
    let server = Server::start(|_| refused(404, "Instance not found"));
    assert_eq!(ask(&at(&server.socket(), 60), discard()).await.unwrap().exit, 0);
}
