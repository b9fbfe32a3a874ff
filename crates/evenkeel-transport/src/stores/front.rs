//! A proxy in front of a server that cuts connections or answers in the server's place.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong.
#[derive(Debug, Clone)]
struct Faults {
    /// So many bytes are passed on to the server, then its connections are closed.
    cut_after: usize,
    /// So many requests are answered by this instead.
    answers: usize,
    status: String,
}

/// A proxy on a loopback port; it ends with the runtime.
#[derive(Debug)]
pub(super) struct Front {
    port: u16,
    faults: Arc<Mutex<Faults>>,
}

impl Front {
    /// One that lets everything through at first.
    pub(super) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Faults { cut_after: usize::MAX, answers: 0, status: String::new() };
        let faults = Arc::new(Mutex::new(faults));
        let shared = Arc::clone(&faults);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(serve(near, server, Arc::clone(&shared)));
            }
        });
        Front { port, faults }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// From now on, after so many bytes to the server every connection is closed.
    pub(super) fn cut_after(&self, bytes: usize) {
        self.faults.lock().unwrap().cut_after = bytes;
    }

    /// The next requests are answered with a status and never reach the server.
    pub(super) fn answer_next(&self, requests: usize, status: &str) {
        let mut faults = self.faults.lock().unwrap();
        (faults.answers, faults.status) = (requests, status.to_owned());
    }
}

impl Faults {
    /// What becomes of the next bytes to the server.
    fn next(&mut self, count: usize) -> Fate {
        if self.answers > 0 {
            self.answers -= 1;
            return Fate::Answered(self.status.clone());
        }
        let passed = count.min(self.cut_after);
        let is_cut = passed < count;
        if self.cut_after != usize::MAX {
            self.cut_after -= passed;
        }
        if is_cut { Fate::Cut(passed) } else { Fate::Passed }
    }
}

enum Fate {
    Passed,
    Cut(usize),
    Answered(String),
}

async fn serve(mut near: TcpStream, server: u16, faults: Arc<Mutex<Faults>>) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut there, mut back) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        let (count, from_near) = tokio::select! {
            count = near.read(&mut there) => (count.unwrap_or(0), true),
            count = far.read(&mut back) => (count.unwrap_or(0), false),
        };
        if count == 0 {
            return;
        }
        if !from_near {
            if near.write_all(&back[..count]).await.is_err() {
                return;
            }
            continue;
        }
        let fate = faults.lock().unwrap().next(count);
        match fate {
            Fate::Passed => {
                if far.write_all(&there[..count]).await.is_err() {
                    return;
                }
            }
            Fate::Cut(passed) => {
                let _ = far.write_all(&there[..passed]).await;
                return;
            }
            Fate::Answered(status) => {
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = near.write_all(answer.as_bytes()).await;
                let _ = near.shutdown().await;
                // Closing with something unread would take the answer back.
                while near.read(&mut there).await.is_ok_and(|count| count > 0) {}
                return;
            }
        }
    }
}
