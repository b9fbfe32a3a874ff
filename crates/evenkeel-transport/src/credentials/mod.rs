//! Where secrets come from: a folder of files, environment variables, what the configuration declares, or a chain of
//! sources.

mod chain;
mod directory;
mod environment;
mod private_file;
mod secrets;

pub use chain::CredentialChain;
pub(crate) use chain::mask;
pub use directory::DirectoryCredentials;
pub use environment::EnvironmentCredentials;
pub use secrets::{Base, NamedSecret, SecretCredentials, SecretSettings};

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::SecretString;

/// A source of secrets. Values are handed out as [`SecretString`]: not printable, wiped when dropped.
pub trait Credentials: Send + Sync {
    /// The secret, or `None` where this source has none of that name and key. An error means that it is there
    /// and cannot be used: unreadable, or open to other users.
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError>;

    /// Says where `secret` would have to be, for the hint of an error.
    fn whereabouts(&self, secret: &SecretRef) -> String;

    /// The secret; one that is missing is an error that says where to put it.
    fn get(&self, secret: &SecretRef) -> Result<SecretString, TransportError> {
        self.find(secret)?.ok_or_else(|| {
            let SecretRef { name, key } = secret;
            let message = format!("credential `{name}` has no `{key}`");
            TransportError::new(TransportErrorKind::Credentials, message).hint(self.whereabouts(secret))
        })
    }
}
