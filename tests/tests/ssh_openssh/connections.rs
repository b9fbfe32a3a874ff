//! Connections: kept, shared, replaced, given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use evenkeel_tests::sshd::TestSshd;

#[tokio::test]
async fn rounds_share_one_connection() {
    let sshd = TestSshd::start();
    let transport = Client::new().transport();
    for i in 0..5 {
        assert_eq!(stdout(&ask(&transport, &sshd.spec(), &["echo", &i.to_string()]).await), format!("{i}\n"));
    }
    assert_eq!((sshd.logins(), sshd.execs()), (1, 5));
    transport.close().await;
    assert_eq!(stdout(&ask(&transport, &sshd.spec(), &["echo", "again"]).await), "again\n");
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test]
async fn rounds_at_once_share_it_too_and_keep_below_the_limit_of_sessions() {
    let sshd = TestSshd::with(&["MaxSessions 6"]);
    let transport = Arc::new(Client::new().transport());
    let spec = sshd.spec();
    let asks = (0..30).map(|i| {
        let (transport, spec) = (Arc::clone(&transport), spec.clone());
        tokio::spawn(
            async move { ask(&transport, &spec, &["sh", "-c", &format!("sleep 0.1; echo {i}")]).await },
        )
    });
    for (i, answer) in futures_util::future::join_all(asks).await.into_iter().enumerate() {
        assert_eq!(stdout(&answer.unwrap()), format!("{i}\n"));
    }
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn a_dead_connection_is_replaced() {
    let sshd = TestSshd::start();
    let transport = Client::new().transport();
    assert_eq!(stdout(&ask(&transport, &sshd.spec(), &["echo", "one"]).await), "one\n");
    for pause in [0, 200] {
        sshd.kill_connections();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        assert_eq!(
            stdout(&ask(&transport, &sshd.spec(), &["echo", "two"]).await),
            "two\n",
            "after {pause} ms"
        );
    }
    assert_eq!(sshd.logins(), 3);
}

#[tokio::test]
async fn a_kept_connection_that_no_longer_answers_is_replaced() {
    let sshd = TestSshd::start();
    let transport = Client::new().transport();
    let spec = with(&sshd.spec(), "connectTimeoutSeconds", 5);
    assert_eq!(stdout(&ask(&transport, &spec, &["echo", "one"]).await), "one\n");
    // As if a firewall had forgotten it: open on this side, dead on the other.
    sshd.signal_connections("STOP");
    assert_eq!(stdout(&ask(&transport, &spec, &["echo", "two"]).await), "two\n");
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test]
async fn keepalives_find_out_that_the_host_is_gone() {
    let sshd = TestSshd::start();
    let transport = Client::new().transport();
    let spec = with(&sshd.spec(), "keepaliveSeconds", 1);
    let mark = sshd.folder().join("mark");
    let requests = [sh("echo done"), sh(&format!("touch {}; sleep 100", mark.display()))];
    let freezing = async {
        while !mark.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sshd.signal_connections("STOP");
    };
    let start = Instant::now();
    let (answers, ()) = tokio::join!(round(&transport, &spec, &requests), freezing);
    assert!(start.elapsed() < Duration::from_secs(90), "{:?}", start.elapsed());
    assert_eq!(stdout(&answers[0]), "done\n");
    assert_eq!(kind(&answers[1]), TransportErrorKind::ConnectionLost);
}

#[tokio::test]
async fn fifty_targets_at_once() {
    let sshd = TestSshd::start();
    let transport = Arc::new(Client::new().transport());
    let asks = (1..=50).map(|i| {
        let spec = another_target(&sshd.spec(), i);
        let transport = Arc::clone(&transport);
        tokio::spawn(async move { ask(&transport, &spec, &["echo", &i.to_string()]).await })
    });
    for (i, answer) in futures_util::future::join_all(asks).await.into_iter().enumerate() {
        assert_eq!(stdout(&answer.unwrap()), format!("{}\n", i + 1));
    }
    assert_eq!(sshd.logins(), 50);
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unreachable() {
    let client = Client::new();
    let refused = json!({ "host": "127.0.0.1", "port": 1 });
    let error = client.ask(&refused, &["true"]).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Unreachable);
    assert!(error.message.contains("Connection refused") && error.hint.is_some(), "{error}");
    let nameless = json!({ "host": "no-such-host.invalid" });
    assert_eq!(kind(&client.ask(&nameless, &["true"]).await), TransportErrorKind::Unreachable);
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let spec = json!({ "host": "127.0.0.1", "port": port, "connectTimeoutSeconds": 3 });
    let start = Instant::now();
    let transport = Client::new().transport();
    // Everybody who waits for the same connection gets the same outcome at the same time.
    let (a, b) = tokio::join!(ask(&transport, &spec, &["true"]), ask(&transport, &spec, &["true"]));
    assert!(start.elapsed() < Duration::from_millis(5900), "{:?}", start.elapsed());
    assert_eq!((kind(&a), kind(&b)), (TransportErrorKind::Timeout, TransportErrorKind::Timeout));
}

#[tokio::test]
async fn something_that_is_no_ssh_server_is_told() {
    use std::io::Write;
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = server.accept() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let spec = json!({ "host": "127.0.0.1", "port": port, "connectTimeoutSeconds": 5 });
    let error = Client::new().ask(&spec, &["true"]).await.unwrap_err();
    assert!(
        matches!(error.kind, TransportErrorKind::Protocol | TransportErrorKind::ConnectionLost),
        "{error:?}"
    );
}
