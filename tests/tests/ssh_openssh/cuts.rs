//! A connection that breaks, wherever it breaks.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use evenkeel_tests::sshd::TestSshd;

/// Passes connections on to `port` and breaks each after so many bytes from the server.
async fn breaking_proxy(port: u16, bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(pass(client, server, bytes));
        }
    });
    at
}

async fn pass(client: TcpStream, server: TcpStream, mut left: usize) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await };
    let down = async {
        let mut buffer = [0; 256];
        while left > 0 {
            let want = left.min(buffer.len());
            let n = from_server.read(&mut buffer[..want]).await?;
            if n == 0 {
                break;
            }
            to_client.write_all(&buffer[..n]).await?;
            left -= n;
        }
        std::io::Result::Ok(())
    };
    tokio::select! {
        _ = up => {}
        _ = down => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_break_at_any_byte_gives_whole_replies_or_none_and_runs_nothing_twice() {
    let sshd = Arc::new(TestSshd::start());
    let mut complete = 0;
    let mut broken = 0;
    // From within the greeting to beyond the end of the round; an uneven step, to hit all kinds of places.
    for bytes in (10..5200).step_by(97) {
        let folder = sshd.folder().join(format!("cut{bytes}"));
        std::fs::create_dir(&folder).unwrap();
        let runs = folder.join("runs");
        let requests: Vec<_> =
            (0..6).map(|i| sh(&format!("echo {i} >> {}; seq {i}00 {i}40", runs.display()))).collect();
        let proxy = breaking_proxy(sshd.port(), bytes).await;
        let spec = with(&sshd.spec(), "port", proxy);
        let spec =
            with(&with(&spec, "hostKeyChecking", "accept-new"), "knownHosts", folder.join("kh").to_str());
        let answers = round(&Client::new().transport(), &spec, &requests).await;
        let done = answers.iter().take_while(|answer| answer.is_ok()).count();
        for (i, answer) in answers.iter().enumerate() {
            match answer {
                Ok(_) => {
                    let expected: String = (i * 100..=i * 100 + 40).map(|n| format!("{n}\n")).collect();
                    assert_eq!(stdout(answer), expected, "after {bytes} bytes");
                    assert!(i < done, "a reply after a missing one, after {bytes} bytes");
                }
                Err(error) => assert!(error.is_retryable(), "{error:?} after {bytes} bytes"),
            }
        }
        let ran = std::fs::read_to_string(&runs).unwrap_or_default();
        let in_order: String = (0..ran.lines().count()).map(|i| format!("{i}\n")).collect();
        assert_eq!(ran, in_order, "each command once, in order, after {bytes} bytes");
        assert!(ran.lines().count() >= done);
        complete += usize::from(done == 6);
        broken += usize::from(done < 6);
    }
    assert!(complete > 0 && broken > 20, "{complete} complete, {broken} broken");
}
