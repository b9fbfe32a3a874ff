//! SHA-256 of what flows by, computed on another thread: that of the flow has enough to do.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::Waker;

use evenkeel_core::request::Digest;
use ring::digest::{Context, SHA256};
use tokio::task::JoinHandle;

/// Takes pieces of a flow in order. Whoever gives them waits where it falls behind.
#[derive(Debug)]
pub(super) struct Hashing {
    pieces: Option<Sender<(Arc<Vec<u8>>, Waker)>>,
    thread: JoinHandle<Digest>,
}

impl Hashing {
    pub(super) fn start() -> Self {
        let (pieces, taken) = channel::<(Arc<Vec<u8>>, Waker)>();
        let thread = tokio::task::spawn_blocking(move || {
            let mut context = Context::new(&SHA256);
            let mut bytes = 0;
            while let Ok((piece, waiting)) = taken.recv() {
                context.update(&piece);
                bytes += piece.len() as u64;
                drop(piece);
                waiting.wake();
            }
            Digest { bytes, sha256: hex::encode(context.finish()) }
        });
        Hashing { pieces: Some(pieces), thread }
    }

    /// Takes the next piece; `waiting` is woken once it is done with it.
    pub(super) fn push(&self, piece: Arc<Vec<u8>>, waiting: Waker) {
        if let Some(pieces) = &self.pieces {
            // The thread ends after its sender only.
            let _ = pieces.send((piece, waiting));
        }
    }

    /// What all of them were.
    pub(super) async fn digest(&mut self) -> std::io::Result<Digest> {
        self.pieces = None;
        (&mut self.thread).await.map_err(std::io::Error::other)
    }
}
