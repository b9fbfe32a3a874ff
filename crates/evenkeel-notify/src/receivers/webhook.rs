//! Signed JSON, in the form of Standard Webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_core::transport::BoxFuture;
use evenkeel_engine::store::Event;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;

use super::Receiver;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::http::{self, Way};
use crate::message::Message;

/// The key of the credential.
const KEY: &str = "webhookSecret";

/// How a signing key begins that is written in base64.
const ENCODED: &str = "whsec_";

pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) credential: Credential,
    pub(crate) way: Way,
}

/// What is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    format_version: u32,
    id: &'a str,
    controller: &'a str,
    title: &'a str,
    /// All of it for people.
    text: String,
    warning: bool,
    /// What happened, as `evenkeel events -o json` gives it.
    events: &'a [Event],
    /// How many events there were beside these.
    omitted: u64,
}

impl Receiver for Webhook {
    fn deliver<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let url = http::address(&self.url, "the `url` of the webhook")?;
            let who = url.host_str().unwrap_or_default().to_owned();
            let secret = self.credential.get(KEY).await?;
            let body = body(message)?;
            let seconds = now.as_second().to_string();
            let signature = sign(&secret, &message.id, &seconds, &body)?;
            let client = self.way.client(&url).await?;
            let request = client
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", signature)
                .body(body);
            http::ask(request, &who).await?.accepted(&who, &secret).map(drop)
        })
    }
}

fn body(message: &Message) -> Result<Vec<u8>, Failure> {
    let body = Body {
        format_version: evenkeel_core::plan::FORMAT_VERSION,
        id: &message.id,
        controller: &message.controller,
        title: &message.title,
        text: message.text(),
        warning: message.is_warning,
        events: &message.events,
        omitted: message.omitted,
    };
    serde_json::to_vec(&body)
        .map_err(|e| Failure::refused(format!("the message cannot be written as JSON: {e}")))
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
fn sign(secret: &SecretString, id: &str, seconds: &str, body: &[u8]) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::passing(format!("the `{KEY}` of the webhook {why}"));
    let text = secret.expose_secret().trim();
    let key = match text.strip_prefix(ENCODED) {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| wrong("begins with `whsec_` and is not base64 after that"))?,
        None => text.as_bytes().to_vec(),
    };
    if key.is_empty() {
        return Err(wrong("is empty"));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| wrong("cannot be a key"))?;
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_that_is_none_is_told_without_it() {
        for text in ["whsec_*hunter2*", "", "whsec_"] {
            let failure = sign(&SecretString::from(text), "a", "1", b"").unwrap_err();
            assert!(failure.message.contains("webhookSecret") && !failure.message.contains("hunter2"));
        }
    }
}
