//! Words that take several calls: an alias that leads where another one does, an instance that is to be gone.

use std::collections::BTreeMap;

use evenkeel_core::request::Reply;
use evenkeel_core::transport::TransportError;
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answer, Refusal, success};
use super::follow::Outcome;
use super::line::Line;

const ALIASES: &str = "/1.0/images/aliases";

/// The statuses of what is not there, and of what is there and should not be.
const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;

/// A running instance is killed at once; that it is gone is waited for as many seconds.
const STOPPING: u32 = 30;

impl Line<'_> {
    /// Makes `alias` lead to the image that `like` leads to.
    pub(super) async fn retarget(
        &mut self,
        alias: &str,
        like: &str,
        until: Instant,
    ) -> Result<Reply, TransportError> {
        let image = match self.read(&format!("{ALIASES}/{like}"), until).await? {
            Ok(shown) => shown.get("target").cloned().unwrap_or_default(),
            Err(refusal) => return Ok(refusal.reply()),
        };
        let path = format!("{ALIASES}/{alias}");
        let call = match self.read(&path, until).await? {
            Ok(shown) => {
                let description = shown.get("description").and_then(Value::as_str).unwrap_or_default();
                let body = json!({ "target": image, "description": description });
                self.call(Method::PUT, &path, [])?.with(&body)
            }
            Err(refusal) if refusal.code == NOT_FOUND => {
                self.call(Method::POST, ALIASES, [])?.with(&json!({ "name": alias, "target": image }))
            }
            Err(refusal) => return Ok(refusal.reply()),
        };
        Ok(reply(self.perform(&call, until).await?))
    }

    /// Stops an instance, by force where it does not end by itself in so many seconds.
    pub(super) async fn stop(
        &mut self,
        instance: &str,
        seconds: u64,
        until: Instant,
    ) -> Result<Reply, TransportError> {
        let path = format!("/1.0/instances/{instance}/state");
        let told = json!({ "action": "stop", "force": false, "timeout": seconds });
        let call = self.call(Method::PUT, &path, [])?.with(&told);
        let refusal = match self.perform(&call, until).await? {
            Ok(metadata) => return Ok(success(&metadata)),
            Err(refusal) => refusal,
        };
        tracing::debug!(whose = self.whose, instance, words = refusal.words, "not stopped by itself");
        let forced = json!({ "action": "stop", "force": true, "timeout": STOPPING });
        let call = self.call(Method::PUT, &path, [])?.with(&forced);
        Ok(self.perform(&call, until).await?.map_or_else(|_| refusal.reply(), |done| success(&done)))
    }

    /// Removes an instance that is `marked` so, running or not. One that is not there is gone already.
    pub(super) async fn discard(
        &mut self,
        instance: &str,
        marked: &BTreeMap<String, String>,
        until: Instant,
    ) -> Result<Reply, TransportError> {
        let path = format!("/1.0/instances/{instance}");
        let shown = match self.read(&path, until).await? {
            Ok(shown) => shown,
            Err(refusal) if refusal.code == NOT_FOUND => return Ok(success(&Value::Null)),
            Err(refusal) => return Ok(refusal.reply()),
        };
        let says = |key: &str| shown.get("config").and_then(|config| config.get(key)).and_then(Value::as_str);
        if let Some((key, value)) = marked.iter().find(|(key, value)| says(key) != Some(value.as_str())) {
            let words = format!(
                "instance {instance} is not marked as {key}={value}: it is somebody else's and stays"
            );
            return Ok(Refusal::new(CONFLICT, words).reply());
        }
        if shown.get("status").and_then(Value::as_str) != Some("Stopped") {
            let body = json!({ "action": "stop", "force": true, "timeout": STOPPING });
            let call = self.call(Method::PUT, &format!("{path}/state"), [])?.with(&body);
            // It may have stopped by itself meanwhile. Where it did not, it cannot be removed, and that is told.
            if let Err(refusal) = self.perform(&call, until).await? {
                tracing::debug!(whose = self.whose, instance, words = refusal.words, "not stopped");
            }
        }
        let call = self.call(Method::DELETE, &path, [])?;
        Ok(match self.perform(&call, until).await? {
            Err(refusal) if refusal.code == NOT_FOUND => success(&Value::Null),
            outcome => reply(outcome),
        })
    }

    async fn read(&mut self, path: &str, until: Instant) -> Result<Outcome, TransportError> {
        let call = self.call(Method::GET, path, [])?;
        match self.ask(&call, until).await? {
            Answer::Done(shown) => Ok(Ok(shown)),
            Answer::Failed(refusal) => Ok(Err(refusal)),
            Answer::Goes(_) => {
                Ok(Err(Refusal::new(CONFLICT, "the server answers a question with an operation")))
            }
        }
    }
}

/// What a call came to, as a reply.
pub(super) fn reply(outcome: Outcome) -> Reply {
    match outcome {
        Ok(metadata) => success(&metadata),
        Err(refusal) => refusal.reply(),
    }
}
