//! Events out of a stream of server-sent events.

use std::pin::Pin;
use std::time::Duration;

use evenkeel_engine::store::Event;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::ClientError;

/// Events as they come.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, ClientError>> + Send>>;

/// A controller that gives no sign of life for so long is gone: three of its heartbeats.
const SILENCE: Duration = Duration::from_secs(45);

/// Bytes of one event, at most.
const LARGEST: usize = 1024 * 1024;

struct Reader {
    body: Incoming,
    door: String,
    /// What came and has no end of a line yet.
    rest: Vec<u8>,
    /// The data of the event that is being read.
    data: Vec<u8>,
    ended: bool,
}

pub(super) fn read(body: Incoming, door: String) -> EventStream {
    let reader = Reader { body, door, rest: Vec::new(), data: Vec::new(), ended: false };
    Box::pin(futures_util::stream::unfold(reader, |mut reader| async move {
        if reader.ended {
            return None;
        }
        let item = reader.next().await;
        reader.ended = item.is_err();
        Some((item, reader))
    }))
}

impl Reader {
    async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(event) = self.take_event()? {
                return Ok(event);
            }
            if self.rest.len().saturating_add(self.data.len()) > LARGEST {
                return Err(self.unreadable(format!("an event is larger than {LARGEST} bytes")));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), ClientError> {
        let cut = |door: &str, message: String| ClientError::Cut { door: door.to_owned(), message };
        match tokio::time::timeout(SILENCE, self.body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    self.rest.extend_from_slice(bytes);
                }
                Ok(())
            }
            Ok(Some(Err(e))) => Err(cut(&self.door, e.to_string())),
            Ok(None) => Err(cut(&self.door, "the controller stopped".to_owned())),
            Err(_) => Err(cut(&self.door, "there was no sign of life".to_owned())),
        }
    }

    /// The next event out of the lines that are there, if it is whole.
    fn take_event(&mut self) -> Result<Option<Event>, ClientError> {
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.trim_ascii_end();
            if line.is_empty() && !self.data.is_empty() {
                let data = std::mem::take(&mut self.data);
                return match serde_json::from_slice(&data) {
                    Ok(event) => Ok(Some(event)),
                    Err(e) => Err(self.unreadable(e.to_string())),
                };
            }
            // Numbers stand in the data too; comments are signs of life.
            if let Some(data) = line.strip_prefix(b"data:") {
                self.data.extend_from_slice(data.trim_ascii_start());
            }
        }
        Ok(None)
    }

    fn unreadable(&self, message: String) -> ClientError {
        ClientError::Unreadable { door: self.door.clone(), path: "/api/v1/events/stream".to_owned(), message }
    }
}
