//! Stand-ins for what notifiers meet: a diary, receivers, an HTTP server and a mail server, all in this process.

pub(crate) mod diary;
pub(crate) mod http;
pub(crate) mod smtp;

use std::sync::Arc;

use secrecy::SecretString;

use crate::credential::{Credential, Secrets};

/// Credentials that have these keys.
pub(crate) fn secrets(keys: &[(&str, &str)]) -> Secrets {
    let keys: Vec<(String, String)> = keys.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Arc::new(move |wanted| {
        let found = keys.iter().find(|(key, _)| *key == wanted.key);
        found.map(|(_, value)| SecretString::from(value.clone())).ok_or_else(|| {
            let kind = evenkeel_core::transport::TransportErrorKind::Credentials;
            evenkeel_core::transport::TransportError::new(
                kind,
                format!("credential `{}` has no `{}`", wanted.name, wanted.key),
            )
        })
    })
}

pub(crate) fn credential(keys: &[(&str, &str)]) -> Credential {
    Credential { secrets: secrets(keys), name: "chat".to_owned() }
}
