//! Connections that are kept between rounds: how long, how many, and with what they were opened.

use std::future::Future;
use std::time::{Duration, Instant};

use super::*;
use evenkeel_tests::sshd::{TestSshd, keygen};

/// Waits until something is true; a test on a busy machine may have to wait long.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many connections ended, by the server's log.
fn ended(sshd: &TestSshd) -> usize {
    sshd.logged("Disconnected from user") + sshd.logged("Connection closed by")
}

async fn echo(transport: &SshTransport, spec: &Value) {
    assert_eq!(stdout(&ask(transport, spec, &["echo", "here"]).await), "here\n");
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_opened_again_when_it_is_wanted() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.idle = Some(Duration::from_millis(400));
    let transport = client.transport();
    echo(&transport, &sshd.spec()).await;
    until("the goodbye", || ended(&sshd) == 1).await;
    echo(&transport, &sshd.spec()).await;
    assert_eq!(sshd.logins(), 2);
    until("the second goodbye", || ended(&sshd) == 2).await;
}

#[tokio::test]
async fn a_connection_in_use_is_never_idle() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.idle = Some(Duration::from_millis(50));
    client.options.max_connections = 1;
    let transport = client.transport();
    let (spec, go) = (sshd.spec(), sshd.folder().join("go"));
    let wait = sh(&format!("while ! test -e {}; do sleep 0.05; done; echo done", go.display()));
    let requests = [wait];
    let long = round(&transport, &spec, &requests);
    let meanwhile = async {
        until("the first login", || sshd.execs() == 1).await;
        // One too many, and others come and go, while the first is much longer in use than it may be idle.
        for number in 1..4 {
            echo(&transport, &another_target(&spec, number)).await;
            let gone = number as usize;
            until("an idle one's end", || ended(&sshd) == gone).await;
        }
        std::fs::write(&go, "").unwrap();
    };
    let (answers, ()) = tokio::join!(long, meanwhile);
    assert_eq!(stdout(&answers[0]), "done\n");
    assert_eq!(sshd.logins(), 4);
}

#[tokio::test]
async fn the_one_that_was_not_used_for_longest_makes_room() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.max_connections = 2;
    let transport = client.transport();
    let target = |number| another_target(&sshd.spec(), number);
    for number in [1, 2, 1, 3] {
        echo(&transport, &target(number)).await;
    }
    until("the goodbye to the second", || ended(&sshd) == 1).await;
    assert_eq!(sshd.logins(), 3);
    echo(&transport, &target(1)).await;
    echo(&transport, &target(3)).await;
    assert_eq!(sshd.logins(), 3, "the first and the third were kept");
    echo(&transport, &target(2)).await;
    assert_eq!(sshd.logins(), 4);
}

#[tokio::test]
async fn a_jump_host_in_use_by_a_kept_connection_stays() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.idle = Some(Duration::from_millis(100));
    let transport = client.transport();
    let spec = with(&sshd.spec(), "proxyJump", format!("127.0.0.1:{}", sshd.port()));
    let go = sshd.folder().join("go");
    let requests = [sh(&format!("while ! test -e {}; do sleep 0.05; done; echo done", go.display()))];
    let meanwhile = async {
        until("the command", || sshd.execs() == 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::fs::write(&go, "").unwrap();
    };
    let (answers, ()) = tokio::join!(round(&transport, &spec, &requests), meanwhile);
    assert_eq!(stdout(&answers[0]), "done\n");
    until("the end of both", || ended(&sshd) == 2).await;
}

#[tokio::test]
async fn nothing_is_left_running_when_the_transport_ends() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.idle = Some(Duration::from_hours(1));
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let transport = client.transport();
    echo(&transport, &sshd.spec()).await;
    assert!(metrics.num_alive_tasks() > before);
    drop(transport);
    until("the end of all tasks", || metrics.num_alive_tasks() == before).await;
    until("the server's end of it", || ended(&sshd) == 1).await;
}

#[tokio::test]
async fn a_warm_look_is_one_session_and_no_login() {
    let sshd = TestSshd::start();
    let mut client = Client::new();
    client.options.idle = Some(Duration::from_hours(1));
    client.options.max_connections = 4;
    let transport = client.transport();
    let requests = [sh("echo one"), sh("echo two"), sh("echo three")];
    for looks in 1..=10 {
        let answers = round(&transport, &sshd.spec(), &requests).await;
        assert_eq!(stdout(&answers[2]), "three\n");
        assert_eq!((sshd.logins(), sshd.execs()), (1, looks));
    }
}

/// A server that is gone for a while, at the same port.
async fn restarted<F: Future<Output = ()>>(sshd: &mut TestSshd, meanwhile: impl FnOnce() -> F) {
    sshd.stop();
    meanwhile().await;
    sshd.start_again();
}

#[tokio::test]
async fn a_server_that_was_restarted_is_connected_to_again() {
    let mut sshd = TestSshd::start();
    let transport = Client::new().transport();
    let spec = sshd.spec();
    echo(&transport, &spec).await;
    restarted(&mut sshd, || async {
        assert_eq!(kind(&ask(&transport, &spec, &["true"]).await), TransportErrorKind::Unreachable);
    })
    .await;
    echo(&transport, &spec).await;
    restarted(&mut sshd, || async {}).await;
    echo(&transport, &spec).await;
}

#[tokio::test]
async fn changed_keys_credentials_and_settings_hold_from_the_next_connection() {
    let sshd = TestSshd::start();
    let client = Client::new();
    let key = client.file("key");
    std::fs::copy(sshd.key(), &key).unwrap();
    client.ssh_config("");
    let transport = client.transport();
    let spec = with(&with(&sshd.spec(), "identity", key.to_str()), "host", "durian");
    let spec = without(&spec, "port");
    let hosts = |port: u16| {
        format!("Host durian\n HostName 127.0.0.1\n Port {port}\n HostKeyAlias [127.0.0.1]:{port}\n")
    };
    assert_eq!(kind(&ask(&transport, &spec, &["true"]).await), TransportErrorKind::Unreachable);
    // The settings are looked at again after a second.
    client.ssh_config(&hosts(sshd.port()));
    let start = Instant::now();
    while ask(&transport, &spec, &["true"]).await.is_err() {
        assert!(start.elapsed() < Duration::from_mins(1), "the settings are not read again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A rotated key: the server knows only the new one.
    transport.close().await;
    std::fs::remove_file(&key).unwrap();
    keygen(&key, &["-t", "ed25519"]);
    std::fs::copy(client.file("key.pub"), sshd.folder().join("authorized_keys")).unwrap();
    echo(&transport, &spec).await;
}
