//! Where the secrets of receivers come from.

use std::sync::Arc;

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use secrecy::SecretString;

use crate::failure::Failure;

/// Gives a secret, or says why not. It may read a file or ask a server, so it is asked away from the loop, and each time
/// anew: a secret that was replaced is used with the next message.
pub type Secrets = Arc<dyn Fn(&SecretRef) -> Result<SecretString, TransportError> + Send + Sync>;

/// One key of a credential.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) secrets: Secrets,
    pub(crate) name: String,
}

impl Credential {
    /// The value of `key`.
    pub(crate) async fn get(&self, key: &str) -> Result<SecretString, Failure> {
        let (secrets, wanted) =
            (Arc::clone(&self.secrets), SecretRef { name: self.name.clone(), key: key.to_owned() });
        let asked = tokio::task::spawn_blocking(move || secrets(&wanted)).await;
        asked
            .map_err(|_| Failure::passing("looking for the credential ended by a mistake in the program"))?
            .map_err(|error| Failure { hint: error.hint, ..Failure::passing(error.message) })
    }
}
