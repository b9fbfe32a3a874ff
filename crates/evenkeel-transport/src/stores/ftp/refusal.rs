//! What the code of a refusal means.

use evenkeel_core::transport::{TransportError, TransportErrorKind};

use super::control::{Control, Reply};
use crate::stores::StoreError;

/// What a store of files has to say that has no room left, in the words of various servers.
const FULL: [&str; 5] = ["no space", "disk full", "quota", "out of space", "storage allocation"];

/// What `reply` to `what` means, where nothing is known of the file that it is about.
pub(super) fn meaning(control: &Control, what: &str, reply: &Reply) -> StoreError {
    let text = reply.to_string();
    let lower = text.to_lowercase();
    let failed = |kind| {
        let message = format!("{}: {what}: {text}", control.server());
        StoreError::Failed(TransportError::new(kind, message))
    };
    match reply.code {
        452 | 552 => StoreError::Refused(format!("the store is full: {text}")),
        400.. if FULL.iter().any(|word| lower.contains(word)) => {
            StoreError::Refused(format!("the store is full: {text}"))
        }
        425 | 426 => failed(TransportErrorKind::ConnectionLost),
        500..=504 | 522 => failed(TransportErrorKind::Protocol),
        451 if lower.contains("writ") => StoreError::Refused(format!("{text} (is the store full?)")),
        400.. => StoreError::Refused(text),
        _ => control.nonsense(&format!("it answers {what} with {text}")),
    }
}

/// True where the code may mean that there is no such file: it is the same as for one that is there but not for us.
pub(super) fn may_be_missing(reply: &Reply) -> bool {
    matches!(reply.code, 450 | 550 | 553)
}

/// True where a server says that it never continues a file.
pub(super) fn never_continues(reply: &Reply) -> bool {
    let text = reply.to_string().to_lowercase();
    let named = text.contains("append") || text.contains("restart");
    reply.is_unknown_command() || (matches!(reply.code, 451 | 550) && named && text.contains("not permitted"))
}
