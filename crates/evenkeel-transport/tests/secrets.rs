//! Credentials that the configuration declares, from every place that they can be in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

#[path = "secrets/age.rs"]
mod age;
#[path = "secrets/command.rs"]
mod command;
#[path = "secrets/places.rs"]
mod places;
#[path = "secrets/sops.rs"]
mod sops;
#[path = "secrets/vault.rs"]
mod vault;
#[path = "secrets/vault_server.rs"]
mod vault_server;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use evenkeel_transport::Credentials;
use evenkeel_transport::credentials::{Base, NamedSecret, SecretCredentials, SecretSettings};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// A folder of configuration.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The credential `c`, declared in this folder.
    fn secret(&self, spec: &Value) -> NamedSecret {
        named("c", spec, Base::Folder(self.0.path().to_owned()), true)
    }

    /// Only the credential `c`, with the environment variable `CANARY`.
    fn credentials(&self, spec: &Value) -> SecretCredentials {
        SecretCredentials::new(vec![self.secret(spec)], settings())
    }
}

fn named(name: &str, spec: &Value, base: Base, trusted: bool) -> NamedSecret {
    let spec = serde_json::from_value(spec.clone()).unwrap();
    NamedSecret { name: name.into(), spec, base, trusted }
}

fn settings() -> SecretSettings {
    SecretSettings::new([("CANARY".to_owned(), "canary-env".to_owned())])
}

fn reference(name: &str, key: &str) -> SecretRef {
    SecretRef { name: name.into(), key: key.into() }
}

/// The value of a key of `c`.
fn found(credentials: &SecretCredentials, key: &str) -> Option<String> {
    credentials.find(&reference("c", key)).unwrap().map(|value| value.expose_secret().to_owned())
}

/// The error for a key of `c`, in which no secret may stand.
fn error(credentials: &SecretCredentials, key: &str) -> TransportError {
    let error = credentials.find(&reference("c", key)).map(|_| ()).unwrap_err();
    assert!(!format!("{error:?} {credentials:?}").contains("canary"), "{error:?}");
    assert!(
        matches!(error.kind, TransportErrorKind::Credentials | TransportErrorKind::Configuration),
        "{error:?}"
    );
    assert!(error.message.starts_with("credential `c`: ") || error.message.contains("`c`"), "{error}");
    error
}

/// Expects each of `parts` in what a person is told.
fn says(error: &TransportError, parts: &[&str]) {
    let all = format!("{} {}", error.message, error.hint.as_deref().unwrap_or_default());
    for part in parts {
        assert!(all.contains(part), "no {part:?} in {all}");
    }
}

/// A file beside these tests.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}
