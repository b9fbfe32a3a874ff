//! What the controller is told: where manifests come from, how it is reached, how much it may do at once.
//!
//! `load` reads it with the reader of manifests, `check` looks at what the types cannot say.
//!
//! The configuration file (`evenkeel.yaml`) is a multi-document YAML file in the form of manifests, with the kinds
//! [`ControllerSpec`] (one), [`GitSourceSpec`], [`DirectorySourceSpec`], [`NotifierSpec`] and [`SecretSpec`] (any number).

mod check;
mod controller;
mod load;
mod notifier;
mod range;
mod secret;
mod source;
#[cfg(test)]
mod tests;

pub use controller::{
    ControllerSpec, HistorySpec, HttpSpec, LimitsSpec, Provider, Role, TlsSpec, TokenSpec, WebhookSpec,
};
pub use load::{CONTROLLER, DIRECTORY_SOURCE, GIT_SOURCE, KINDS, LoadedConfig, NOTIFIER, SECRET, load};
pub use notifier::{
    CommitStatusSpec, EmailSpec, Forge, MailTls, NotifierSpec, NotifyOn, NotifyWeight, ReceiverSpec,
    SlackSpec,
};
pub use range::version_range;
pub use secret::{
    AgeSource, CommandSource, EnvironmentSource, FileSource, SecretSpec, SopsSource, VaultSource,
};
pub use source::{
    Caps, DirectorySourceSpec, Drift, DriftMode, GitRef, GitSourceSpec, OnPush, PushLimit, Reconcile,
    SignatureFormat, SourceSpec, Verify,
};

pub(crate) use check::{Place, SECRET_SOURCES, take_secret};
pub(crate) use notifier::RECEIVERS;
