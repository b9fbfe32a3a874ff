//! A connection that breaks, wherever it breaks.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use evenkeel_tests::sshd::TestSshd;

/// How many bytes pass before a connection breaks.
#[derive(Clone, Copy)]
struct Cut {
    from_client: usize,
    from_server: usize,
}

/// Passes connections on to `port` and breaks each.
async fn breaking_proxy(port: u16, cut: Cut) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move {
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::select! {
                    _ = pass(from_client, to_server, cut.from_client) => {}
                    _ = pass(from_server, to_client, cut.from_server) => {}
                }
            });
        }
    });
    at
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut left: usize) -> std::io::Result<()> {
    let mut buffer = [0; 256];
    while left > 0 {
        let want = left.min(buffer.len());
        let n = from.read(&mut buffer[..want]).await?;
        if n == 0 {
            break;
        }
        to.write_all(&buffer[..n]).await?;
        left -= n;
    }
    Ok(())
}

/// A target behind a proxy that breaks its connections.
async fn behind_a_break(sshd: &TestSshd, cut: Cut, known_hosts: &Path) -> Value {
    let port = breaking_proxy(sshd.port(), cut).await;
    let spec = with(&with(&sshd.spec(), "port", port), "hostKeyChecking", "accept-new");
    with(&spec, "knownHosts", known_hosts.to_str())
}

/// Numbers, a line each.
fn lines(numbers: Range<usize>) -> String {
    let mut text = String::new();
    for number in numbers {
        text.push_str(&number.to_string());
        text.push('\n');
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_break_at_any_byte_gives_whole_replies_or_none_and_runs_nothing_twice() {
    let sshd = TestSshd::start();
    let mut complete = 0;
    let mut broken = 0;
    // From within the greeting to beyond the end of the round; an uneven step, to hit all kinds of places.
    for bytes in (10..5200).step_by(211) {
        let folder = sshd.folder().join(format!("cut{bytes}"));
        std::fs::create_dir(&folder).unwrap();
        let runs = folder.join("runs");
        let requests: Vec<_> =
            (0..6).map(|i| sh(&format!("echo {i} >> {}; seq {i}00 {i}40", runs.display()))).collect();
        let cut = Cut { from_client: usize::MAX, from_server: bytes };
        let spec = behind_a_break(&sshd, cut, &folder.join("known_hosts")).await;
        let answers = round(&Client::new().transport(), &spec, &requests).await;
        let done = answers.iter().take_while(|answer| answer.is_ok()).count();
        for (i, answer) in answers.iter().enumerate() {
            match answer {
                Ok(_) => {
                    let expected = lines(i * 100..i * 100 + 41);
                    assert_eq!(stdout(answer), expected, "after {bytes} bytes");
                    assert!(i < done, "a reply after a missing one, after {bytes} bytes");
                }
                Err(error) => assert!(error.is_retryable(), "{error:?} after {bytes} bytes"),
            }
        }
        let ran = std::fs::read_to_string(&runs).unwrap_or_default();
        let in_order = lines(0..ran.lines().count());
        assert_eq!(ran, in_order, "each command once, in order, after {bytes} bytes");
        assert!(ran.lines().count() >= done);
        complete += usize::from(done == 6);
        broken += usize::from(done < 6);
    }
    assert!(complete > 0 && broken > 10, "{complete} complete, {broken} broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_does_not_arrive_whole_runs_nothing() {
    let sshd = TestSshd::start();
    let runs = sshd.folder().join("runs");
    let padding = "x".repeat(40_000);
    // The first command is whole long before the script is.
    let requests: Vec<_> =
        (0..4).map(|i| sh(&format!("echo {i} >> {} # {padding}", runs.display()))).collect();
    for bytes in (3_000..160_000).step_by(15_700) {
        let cut = Cut { from_client: bytes, from_server: usize::MAX };
        let spec = behind_a_break(&sshd, cut, &sshd.folder().join("accepted")).await;
        let answers = round(&Client::new().transport(), &spec, &requests).await;
        assert!(
            answers.iter().all(|answer| answer.as_ref().is_err_and(TransportError::is_retryable)),
            "{answers:?}"
        );
    }
    assert!(sshd.execs() > 5, "most breaks were within the script");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!runs.exists(), "{}", std::fs::read_to_string(&runs).unwrap_or_default());
}
