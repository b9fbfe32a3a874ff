//! HTTP/1.1 over a stream, one request after the other.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::way::Stream;
use crate::DEFAULT_OUTPUT_LIMIT;

/// A connection that is kept from one request to the next.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

/// What is kept of the body of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it, within bounds.
    All,
    /// Its end, so many bytes.
    End(usize),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection had ended before anything was sent.
    NotSent,
    /// The connection ended.
    Broken(String),
    /// The answer is not HTTP.
    Garbled(String),
    /// The answer is too large.
    TooLarge,
}

impl Connection {
    /// Over a stream that nothing was sent on.
    pub(super) async fn over(stream: Box<dyn Stream>) -> Result<Self, Failure> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| failure(&e))?;
        let task = tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(Connection { sender, task: task.abort_handle() })
    }

    /// Sends a request and waits for its answer. Once this is dropped halfway, the connection is of no use.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: Keep,
    ) -> Result<Answer, Failure> {
        self.sender.ready().await.map_err(|_| Failure::NotSent)?;
        let response = self.sender.try_send_request(request).await.map_err(|mut error| {
            if error.take_message().is_some() { Failure::NotSent } else { failure(error.error()) }
        })?;
        let status = response.status().as_u16();
        let body = read(response, keep).await?;
        Ok(Answer { status, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(response: Response<Incoming>, keep: Keep) -> Result<Vec<u8>, Failure> {
    let mut body = response.into_body();
    let mut read: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|e| failure(&e))?.into_data() else { continue };
        read.extend_from_slice(&data);
        match keep {
            Keep::All if read.len() > DEFAULT_OUTPUT_LIMIT => return Err(Failure::TooLarge),
            // Not at every piece, or each would move the whole end.
            Keep::End(most) if read.len() > most.saturating_mul(2) => cut(&mut read, most),
            Keep::All | Keep::End(_) => {}
        }
    }
    if let Keep::End(most) = keep {
        cut(&mut read, most);
    }
    Ok(read)
}

/// The last `most` bytes stay.
fn cut(bytes: &mut Vec<u8>, most: usize) {
    bytes.drain(..bytes.len().saturating_sub(most));
}

fn failure(error: &hyper::Error) -> Failure {
    let why = cause(error);
    if error.is_parse() { Failure::Garbled(why) } else { Failure::Broken(why) }
}

/// The innermost cause, which says most.
fn cause(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
