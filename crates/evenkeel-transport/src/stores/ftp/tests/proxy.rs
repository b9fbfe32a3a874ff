//! What stands between client and server and goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes a connection on until so many bytes have gone through, in both directions together; then it breaks both ends.
pub(crate) struct Cutter {
    pub(crate) port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Cutter {
    pub(crate) async fn new(to: u16, after: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let left = Arc::new(AtomicU64::new(after));
        let task = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(pass_both(near, far, Arc::clone(&left)));
            }
        });
        Cutter { port, task }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_both(near: TcpStream, far: TcpStream, left: Arc<AtomicU64>) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    tokio::select! {
        () = pass(&mut near_read, &mut far_write, &left) => {}
        () = pass(&mut far_read, &mut near_write, &left) => {}
    }
}

/// Ends at the end of the bytes that may pass, or of either end.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), left: &AtomicU64) {
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let before = left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(read as u64)));
        let allowed = usize::try_from(before.unwrap().min(read as u64)).unwrap();
        if to.write_all(&buffer[..allowed]).await.is_err() || allowed < read {
            return;
        }
    }
}
