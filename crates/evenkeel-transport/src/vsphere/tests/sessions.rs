//! Logging in and out.

use super::*;

fn empty(asked: &Asked) -> Option<Act> {
    (asked.method == "RetrievePropertiesEx").then(|| found(""))
}

#[tokio::test]
async fn one_session_serves_exchanges_and_is_ended_with_the_transport() {
    let server = Server::start(|asked| empty(asked).filter(|_| asked.header("cookie").is_some())).await;
    let transport = transport();
    for _ in 0..3 {
        let reply = ask_with(&transport, &server, names()).await.unwrap();
        let about = &shown(&reply)["about"];
        assert_eq!((&about["apiType"], &about["build"]), (&json!("VirtualCenter"), &json!("22617221")));
        assert_eq!(shown(&reply)["count"], 0);
    }
    let read = "RetrievePropertiesEx";
    assert_eq!(server.methods(), ["RetrieveServiceContent", "Login", read, read, read]);
    let log = server.log();
    assert_eq!(log[0].header("soapaction").unwrap(), "\"urn:vim25/5.0\"");
    assert_eq!(log[2].header("soapaction").unwrap(), "\"urn:vim25/8.0.2.0\"");
    assert_eq!(log[2].header("cookie").unwrap(), "vmware_soap_session=\"0001\"", "byte for byte");
    assert!(log[1].header("cookie").is_none());
    assert_eq!(server.sessions(), 1);
    transport.close().await;
    assert_eq!((server.sessions(), server.methods().last().unwrap().as_str()), (0, "Logout"));
    transport.close().await;
    assert_eq!(server.count("Logout"), 1);
}

#[tokio::test]
async fn many_at_the_same_time_log_in_once() {
    let server = Server::start(empty).await;
    let transport = transport();
    let target = at(&server, 5);
    let request = request(names());
    let all = (0..8).map(|_| transport.exchange(&target, std::slice::from_ref(&request)));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|answers| answers[0].is_ok()));
    assert_eq!(server.count("Login"), 1);
}

fn folder() -> VsphereCall {
    VsphereCall::create_folder(Reference::new("Folder", "group-v3"), "backup")
}

#[tokio::test]
async fn a_session_that_has_ended_is_replaced_once_by_reads_and_by_calls() {
    // Of each method, the second comes when the session has ended.
    let server = Server::start(|asked| match asked.method.as_str() {
        "CreateFolder" if asked.before != 1 => {
            Some(soap("CreateFolder", "<returnval type=\"Folder\">group-v9</returnval>"))
        }
        "RetrievePropertiesEx" if asked.before != 1 => Some(found("")),
        "CreateFolder" | "RetrievePropertiesEx" => Some(fault("NotAuthenticated", "", "")),
        _ => None,
    })
    .await;
    let transport = transport();
    for _ in 0..2 {
        let reply = ask_with(&transport, &server, VsphereRequest::Call(folder())).await.unwrap();
        assert_eq!(shown(&reply), json!({ "result": { "type": "Folder", "id": "group-v9" } }));
        assert_eq!(ask_with(&transport, &server, names()).await.unwrap().exit, 0);
    }
    assert_eq!((server.count("CreateFolder"), server.count("RetrievePropertiesEx")), (3, 3));
    assert_eq!(server.count("Login"), 3);
    // A server that knows nobody is not asked for ever.
    let server =
        Server::start(|asked| (asked.method == "CreateFolder").then(|| fault("NotAuthenticated", "", "")))
            .await;
    let error = ask(&server, VsphereRequest::Call(folder())).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert_eq!((server.count("CreateFolder"), server.count("Login")), (2, 2));
}

#[tokio::test]
async fn a_session_that_the_server_does_not_know_any_more_is_left_for_a_new_one() {
    let server = Server::start(|asked| {
        let cookie = asked.header("cookie").unwrap_or_default();
        (asked.method == "RetrievePropertiesEx" && asked.before != 1 && !cookie.is_empty()).then(|| found(""))
    })
    .await;
    let transport = transport();
    ask_with(&transport, &server, names()).await.unwrap();
    server.expire();
    assert_eq!(ask_with(&transport, &server, names()).await.unwrap().exit, 0);
    assert_eq!((server.count("Login"), server.sessions()), (2, 1));
}

#[tokio::test]
async fn the_end_of_a_session_is_seen_in_properties_too() {
    let missing = "<objects><obj type=\"VirtualMachine\">vm-42</obj><missingSet><path>name</path><fault>\
        <fault xsi:type=\"NotAuthenticated\"><privilegeId>System.Read</privilegeId></fault></fault></missingSet></objects>";
    let server = Server::start(move |asked| {
        (asked.method == "RetrievePropertiesEx").then(|| match asked.before {
            0 => found(missing),
            _ => found(&objects(&[("VirtualMachine", "vm-42", &[("name", "avocado2")])])),
        })
    })
    .await;
    let reply = ask(&server, names()).await.unwrap();
    assert_eq!(shown(&reply)["objects"][0]["properties"]["name"], "avocado2");
    assert_eq!(server.count("Login"), 2);
    // A server that does so for ever is not asked for ever.
    let server =
        Server::start(move |asked| (asked.method == "RetrievePropertiesEx").then(|| found(missing))).await;
    let error = ask(&server, names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert_eq!(server.count("Login"), 2);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_a_new_one_once_more() {
    let server = Server::start(empty).await;
    let transport = transport_with("canary-not-it");
    for _ in 0..3 {
        let error = ask_with(&transport, &server, names()).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
        assert!(error.message.contains(USER), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    assert_eq!(server.count("Login"), 1, "lest the account be locked");
    transport.renew(&at(&server, 5)).await;
    assert!(ask_with(&transport, &server, names()).await.is_err());
    assert_eq!(server.count("Login"), 1);
}

#[tokio::test]
async fn who_may_not_log_in_is_told_why_and_the_secret_is_not_shown() {
    let server = Server::start(|asked| {
        (asked.method == "Login").then(|| fault("NoPermission", &format!("none for canary-{}", "word"), ""))
    })
    .await;
    let error = ask_with(&transport_with("canary-word"), &server, names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::AuthenticationFailed);
    assert!(error.message.contains("NoPermission"), "{error}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn renewing_logs_in_again() {
    let server = Server::start(empty).await;
    let transport = transport();
    ask_with(&transport, &server, names()).await.unwrap();
    transport.renew(&at(&server, 5)).await;
    assert_eq!(server.sessions(), 0);
    ask_with(&transport, &server, names()).await.unwrap();
    assert_eq!((server.count("Login"), server.count("Logout")), (2, 1));
    assert_ne!(server.log().last().unwrap().connection, 0, "over a new connection");
}

#[tokio::test]
async fn logins_that_are_not_there_or_cannot_be_sent_are_told() {
    let server = Server::start(|_| None).await;
    let none = VsphereTransport::new(Arc::new(EnvironmentCredentials::new(std::iter::empty())));
    let error = ask_with(&none, &server, names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("`username`"), "{error}");
    let error = ask_with(&transport_with("canary\u{1}"), &server, names()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    assert_eq!(server.count("Login"), 0);
}

#[tokio::test]
async fn other_requests_and_targets_are_none_for_it() {
    let server = Server::start(|_| None).await;
    let transport = transport();
    let command = Request::Exec(Exec::new(["true"]));
    let error =
        transport.exchange(&at(&server, 5), std::slice::from_ref(&command)).await.remove(0).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    let onlooker = Onlooker::default();
    assert!(transport.work(&at(&server, 5), &command, &onlooker).await.is_err());
    let other = Target { name: "x".into(), labels: BTreeMap::new(), spec: TargetSpec::default() };
    let error = transport.exchange(&other, &[request(names())]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    assert!(server.log().is_empty());
}
