//! What goes wrong: cut connections, servers that go away, and servers that do not keep to the protocol.

use super::ftpd::{FtpServer, PASSWORD, Tls};
use evenkeel_core::target::{FtpSpec, FtpTls};
use evenkeel_core::transport::TransportErrorKind;
use proptest::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::contract::{bytes, get, put};
use super::proxy::Cutter;
use super::{failure, log_in, root, session, spec};
use crate::stores::{Store as _, StoreError, Stored};

fn lost<T: std::fmt::Debug>(answer: Stored<T>) {
    match answer {
        Err(StoreError::Failed(error)) if error.kind == TransportErrorKind::ConnectionLost => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back() {
    let root = root();
    let mut server = FtpServer::proftpd(root.path(), Tls::Explicit);
    let mut store = session(&server).await;
    put(&mut store, "a", 0, b"abc").await.unwrap();
    server.kill_connections();
    lost(store.size("a").await);
    lost(store.list("", 1).await);
    let spec = spec(&server);
    server.stop();
    let (kind, text) = failure(log_in(&spec, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::Unreachable, "{text}");
    server.start_again();
    assert_eq!(session(&server).await.size("a").await.unwrap(), 3);
}

#[tokio::test]
async fn a_connection_cut_at_any_byte_of_the_session_is_an_error() {
    let root = root();
    let server = FtpServer::vsftpd(root.path(), Tls::None);
    let whole = bytes(100_000);
    let mut after = 0;
    // The data connections do not go through the proxy; the control connection is some hundred bytes.
    loop {
        let cutter = Cutter::new(server.port(), after).await;
        let cut = FtpSpec { port: Some(cutter.port), ..spec(&server) };
        let outcome = async {
            let mut store = log_in(&cut, PASSWORD).await?;
            put(&mut store, "a.part", 0, &whole).await?;
            store.rename("a.part", "a").await
        };
        match outcome.await {
            Ok(()) => break,
            Err(StoreError::Failed(error)) => {
                assert_eq!(error.kind, TransportErrorKind::ConnectionLost, "{error}");
            }
            other => panic!("after {after} bytes: {other:?}"),
        }
        after += 7;
    }
    assert!(after > 300, "{after}");
    assert!(std::fs::read(root.path().join("a")).unwrap() == whole);
}

#[tokio::test]
async fn what_is_cut_in_the_middle_of_a_file_is_an_error_and_goes_on_where_it_stopped() {
    let root = root();
    let server = FtpServer::proftpd(root.path(), Tls::Explicit);
    let whole = bytes(5_000_000);
    let (mut near, far) = tokio::io::duplex(1 << 16);
    let mut store = session(&server).await;
    let writing = tokio::spawn(async move {
        let mut far = far;
        store.put("a", 0, &mut far).await
    });
    near.write_all(&whole[..2_000_000]).await.unwrap();
    server.kill_connections();
    // The writer may see the end only with the next bytes.
    let _ = near.write_all(&whole[2_000_000..]).await;
    drop(near);
    lost(writing.await.unwrap());
    let mut store = session(&server).await;
    let size = store.size("a").await.unwrap();
    assert!(size < whole.len() as u64);
    put(&mut store, "a", size, &whole[usize::try_from(size).unwrap()..]).await.unwrap();
    assert!(get(&mut store, "a", 0).await.unwrap() == whole);
}

async fn told(script: Vec<(&'static str, &'static str)>, data: &'static [u8]) -> FtpSpec {
    told_and_heard(script, data).await.0
}

/// A server that says what the test says. `{port}` stands for where it waits for data; `data` comes there. What it hears
/// is passed on.
async fn told_and_heard(
    script: Vec<(&'static str, &'static str)>,
    data: &'static [u8],
) -> (FtpSpec, mpsc::UnboundedReceiver<String>) {
    let (say, heard) = mpsc::unbounded_channel();
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let waiting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, data_port) = (control.local_addr().unwrap().port(), waiting.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = waiting.accept().await.unwrap();
            let _ = stream.write_all(data).await;
        }
    });
    tokio::spawn(async move {
        let (stream, _) = control.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.get_mut().write_all(b"220 hello\r\n").await.unwrap();
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let _ = say.send(line.clone());
            let own = script.iter().find(|(command, _)| line.starts_with(command)).map(|(_, reply)| *reply);
            let usual = match line.split_whitespace().next().unwrap_or_default() {
                "USER" => "331 password",
                "PASS" => "230 in",
                "PWD" => "257 \"/\"",
                "EPSV" => "229 ok (|||{port}|)",
                "TYPE" | "CWD" => "200 ok",
                _ => "502 what?",
            };
            let text = own.unwrap_or(usual).replace("{port}", &data_port.to_string());
            if stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.is_err() {
                break;
            }
            line.clear();
        }
    });
    let spec = FtpSpec {
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        user: None,
        credentials_ref: Some("nas".to_owned()),
        tls: FtpTls::None,
        certificate_fingerprint: None,
        ca_file: None,
        timeout_seconds: Some(60),
    };
    (spec, heard)
}

#[tokio::test]
async fn a_server_is_kept_awake_until_there_is_something_to_send() {
    let script = vec![("NOOP", "200 yes"), ("STOR", "552 full")];
    let (spec, mut heard) = told_and_heard(script, b"").await;
    let mut store = log_in(&FtpSpec { timeout_seconds: Some(8), ..spec }, PASSWORD).await.unwrap();
    let (mut near, mut far) = tokio::io::duplex(10);
    let feeding = tokio::spawn(async move {
        while !heard.recv().await.unwrap().starts_with("NOOP") {}
        near.write_all(b"x").await.unwrap();
    });
    let answer = store.put("a", 0, &mut far).await;
    assert!(matches!(answer, Err(StoreError::Refused(_))), "{answer:?}");
    feeding.await.unwrap();
}

#[tokio::test]
async fn replies_mean_what_they_say() {
    for (reply, word) in [
        ("552 exceeded", "the store is full: 552"),
        ("452 no", "the store is full: 452"),
        ("451 No space left on device", "the store is full: 451"),
        ("451 Failure writing", "is the store full?"),
        ("550-several\r\n550 lines of Disk Quota exceeded", "the store is full: 550"),
    ] {
        let spec = told(vec![("STOR", reply), ("LIST", "150 x\r\n226 y")], b"").await;
        let mut store = log_in(&spec, PASSWORD).await.unwrap();
        match put(&mut store, "a", 0, b"x").await {
            Err(StoreError::Refused(text)) => assert!(text.contains(word), "{text}"),
            other => panic!("{reply}: {other:?}"),
        }
    }
    let spec = told(vec![("SIZE", "421 idle for too long")], b"").await;
    let mut store = log_in(&spec, PASSWORD).await.unwrap();
    lost(store.size("a").await);
}

#[tokio::test]
async fn the_last_word_counts_and_so_does_the_size() {
    let transfer = |last| vec![("RETR", last), ("SIZE", "213 10")];
    for (last, data) in [
        ("150 comes\r\n426 aborted", &b"0123456789"[..]),
        ("150 comes\r\n226 done", b"01234"),
        ("150 comes\r\n226 done", b"0123456789a"),
    ] {
        let mut store = log_in(&told(transfer(last), data).await, PASSWORD).await.unwrap();
        lost(get(&mut store, "a", 0).await);
    }
    let mut store =
        log_in(&told(transfer("150 comes\r\n226 done"), b"0123456789").await, PASSWORD).await.unwrap();
    assert_eq!(get(&mut store, "a", 0).await.unwrap(), b"0123456789");
}

#[tokio::test]
async fn a_listing_that_is_not_whole_or_not_understood_is_an_error() {
    let line = b"-rw-r--r-- 1 0 0 5 Nov 20 21:43 a\r\n";
    let mut store = log_in(&told(vec![("LIST", "150 x\r\n226 y")], line).await, PASSWORD).await.unwrap();
    assert_eq!(store.list("", 1).await.unwrap().entries.len(), 1);
    let mut store = log_in(&told(vec![("LIST", "150 x\r\n426 y")], line).await, PASSWORD).await.unwrap();
    lost(store.list("", 1).await);
    let mut store =
        log_in(&told(vec![("LIST", "150 x\r\n226 y")], b"what is this").await, PASSWORD).await.unwrap();
    let failed = store.list("", 1).await;
    assert!(
        matches!(&failed, Err(StoreError::Failed(e)) if e.message.contains("what is this")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_is_not_an_empty_one() {
    for last in [
        "150 x\r\n226 Transfer done (but failed to open directory).",
        "150 x\r\n226-Sorry, we were unable to read [.]\r\n226 0 matches",
    ] {
        let mut store = log_in(&told(vec![("LIST", last)], b"").await, PASSWORD).await.unwrap();
        let listing = store.list("", 1).await;
        assert!(matches!(listing, Err(StoreError::Refused(_))), "{listing:?}");
    }
}

#[tokio::test]
async fn missing_is_only_what_is_proved_to_be_missing() {
    let line = b"-rw-r--r-- 1 0 0 5 Nov 20 21:43 a\r\n";
    let no = |more: Vec<_>| [vec![("DELE", "550 no"), ("LIST", "150 x\r\n226 y")], more].concat();
    let mut store = log_in(&told(no(vec![]), line).await, PASSWORD).await.unwrap();
    assert_eq!(store.remove("a").await, Err(StoreError::Refused("550 no".to_owned())));
    assert!(matches!(store.remove("b").await, Err(StoreError::Missing(_))));
    // Such a one may be hidden.
    assert!(matches!(store.remove(".b").await, Err(StoreError::Refused(_))));
    let mut store =
        log_in(&told(no(vec![("LIST", "550 no"), ("CWD", "550 no")]), line).await, PASSWORD).await.unwrap();
    assert!(matches!(store.remove("b").await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn passwords_are_taken_out_of_what_the_server_says() {
    let echo = "530 no such user with password correct-horse-7";
    let spec = told(vec![("PASS", echo)], b"").await;
    let (kind, text) = failure(log_in(&spec, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::AuthenticationFailed);
    assert!(!text.contains(PASSWORD) && text.contains("***"), "{text}");
}

#[tokio::test]
async fn who_gives_up_in_the_middle_leaves_an_unusable_session() {
    let spec = told(vec![("SIZE", "100 wait")], b"").await;
    let mut store = log_in(&spec, PASSWORD).await.unwrap();
    {
        let asking = store.size("a");
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), asking).await;
    }
    let again = store.remove("b").await;
    assert!(matches!(again, Err(StoreError::Failed(_))), "{again:?}");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let spec = FtpSpec {
        port: Some(listener.local_addr().unwrap().port()),
        timeout_seconds: Some(1),
        ..told(vec![], b"").await
    };
    let (kind, text) = failure(log_in(&spec, PASSWORD).await);
    assert_eq!(kind, TransportErrorKind::Timeout, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_greeting_makes_it_panic(greeting in proptest::collection::vec(any::<u8>(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let spec = FtpSpec { port: Some(port), ..told(vec![], b"").await };
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.write_all(&greeting).await;
            });
            assert!(log_in(&spec, PASSWORD).await.is_err());
        });
    }
}
