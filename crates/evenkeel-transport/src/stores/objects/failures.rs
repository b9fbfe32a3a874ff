//! What the failures of object stores mean.

use std::error::Error;

use evenkeel_core::transport::{TransportError, TransportErrorKind};
use object_store::client::{HttpError, HttpErrorKind};
use secrecy::SecretString;

use super::service::Answered;
use crate::credentials::mask;
use crate::stores::StoreError;
use crate::stores::http::{cause, failed, unreachable};

/// The codes of a key that is not accepted, whatever is asked for.
const BAD_KEYS: [&str; 10] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "RequestTimeTooSkewed",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
];

/// The codes of a bucket that is not there.
const NO_CONTAINER: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"];

/// How a store is spoken of.
pub(super) struct Words {
    /// Which it is.
    pub(super) who: String,
    /// `bucket` or `container`.
    pub(super) container: &'static str,
    /// The keys of the credential.
    pub(super) key: &'static str,
    /// What no message may have in it.
    pub(super) secrets: Vec<SecretString>,
    /// What the server answered.
    pub(super) answered: Answered,
}

impl Words {
    /// `text` without secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        let secrets: Vec<&SecretString> = self.secrets.iter().collect();
        String::from_utf8_lossy(&mask(text.as_bytes(), &secrets)).into_owned()
    }

    /// What it means that `doing` something with `path` failed.
    pub(super) fn failure(&self, doing: &str, path: &str, error: &object_store::Error) -> StoreError {
        let who = &self.who;
        if let Some(broken) = found(error) {
            let why = self.hide(&cause(broken));
            return match broken.kind() {
                HttpErrorKind::Connect => unreachable(who, &why),
                HttpErrorKind::Timeout => {
                    failed(TransportErrorKind::Timeout, format!("{who} does not answer: {why}"))
                }
                HttpErrorKind::Decode => {
                    failed(TransportErrorKind::Protocol, format!("{who} is not understood: {why}"))
                }
                _ => failed(
                    TransportErrorKind::ConnectionLost,
                    format!("the connection to {who} broke: {why}"),
                ),
            };
        }
        let text = self.hide(&error.to_string());
        let code = tag(&text, "Code").unwrap_or_default();
        let status = self.answered.status();
        let why = match (tag(&text, "Message"), code) {
            (Some(message), _) if !message.trim().is_empty() => {
                format!("{code}: {}", message.lines().next().unwrap_or_default())
            }
            (_, "") => format!("it answers {status}"),
            _ => code.to_owned(),
        };
        if NO_CONTAINER.contains(&code) {
            let message = format!("there is no such {}: {who} says {why}", self.container);
            let hint = format!("create the {}, or correct its name", self.container);
            return StoreError::Failed(
                TransportError::new(TransportErrorKind::Configuration, message).hint(hint),
            );
        }
        // An answer without content has no code.
        if BAD_KEYS.contains(&code) || status == 401 || (status == 403 && code.is_empty()) {
            let message = format!("{who} refuses the key: {why}");
            let hint = format!("check the credential's {}, and what it may do", self.key);
            return StoreError::Failed(
                TransportError::new(TransportErrorKind::AuthenticationFailed, message).hint(hint),
            );
        }
        match status {
            0 => failed(TransportErrorKind::Protocol, format!("cannot {doing} {path} in {who}: {text}")),
            // What is answered with success, and yet not understood.
            200..=399 => failed(TransportErrorKind::Protocol, format!("{who} is not understood: {text}")),
            500 | 502..=504 | 429 => {
                let message = format!("{who} is not available ({status}): cannot {doing} {path}: {why}");
                failed(TransportErrorKind::Unreachable, message)
            }
            _ => StoreError::Refused(format!("{who} refuses to {doing} {path} ({status}): {why}")),
        }
    }
}

/// The failed exchange behind an error, if it is one.
fn found(error: &object_store::Error) -> Option<&HttpError> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(broken) = error.downcast_ref::<HttpError>() {
            return Some(broken);
        }
        next = error.source();
    }
    None
}

/// The text of an element of an answer in XML.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
