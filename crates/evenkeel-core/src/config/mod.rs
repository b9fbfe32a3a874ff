//! What the controller is told: where manifests come from, how it is reached, how much it may do at once.
//!
//! The configuration file (`evenkeel.yaml`) is a multi-document YAML file in the form of manifests, with the kinds
//! [`ControllerSpec`] (one), [`GitSourceSpec`], [`DirectorySourceSpec`] and [`SecretSpec`] (any number).

mod controller;
mod secret;
mod source;

pub use controller::{
    ControllerSpec, HistorySpec, HttpSpec, LimitsSpec, Provider, Role, TlsSpec, TokenSpec, WebhookSpec,
};
pub use secret::{
    AgeSource, CommandSource, EnvironmentSource, FileSource, SecretSpec, SopsSource, VaultSource,
};
pub use source::{
    Caps, DirectorySourceSpec, Drift, DriftMode, GitRef, GitSourceSpec, OnPush, PushLimit, Reconcile,
    SignatureFormat, SourceSpec, Verify,
};
