//! Who is told what happened, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::period::Period;

/// The fields that say who is told; exactly one of them is given.
pub(crate) const RECEIVERS: [&str; 4] = ["slack", "webhook", "email", "commitStatus"];

/// Somebody who is told what happens. Exactly one of `slack`, `webhook`, `email` and `commitStatus` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NotifierSpec {
    /// A channel of Slack, or of anything that takes Slack's incoming webhooks (Mattermost, Rocket.Chat, Discord with
    /// `/slack` at the end of its address).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackSpec>,
    /// A program that takes signed JSON over HTTP, in the form of Standard Webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<ReceiverSpec>,
    /// People, by e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailSpec>,
    /// The commit itself, at the forge where its repository is: pending, success or failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_status: Option<CommitStatusSpec>,
    /// Which events are told. Default: warnings, and their end.
    pub on: NotifyOn,
    /// Collect for this long and send one message. Default: each at once, and what happens at the same time together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Period>,
    /// At most so many messages within an hour; what is beyond waits, and comes summed up in the next one. Default: 30.
    #[schemars(range(min = 1))]
    pub max_per_hour: u16,
    /// Give up an attempt to deliver after this time. Default: `10s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// File with the certificate authorities to trust instead of the system's; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

impl Default for NotifierSpec {
    fn default() -> Self {
        NotifierSpec {
            slack: None,
            webhook: None,
            email: None,
            commit_status: None,
            on: NotifyOn::default(),
            digest: None,
            max_per_hour: 30,
            timeout: None,
            ca_file: None,
        }
    }
}

/// A channel that takes Slack's incoming webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlackSpec {
    /// The credential whose `url` is the address of the webhook. Whoever knows that address can write to the channel, so
    /// it is a secret.
    pub credentials_ref: String,
}

/// A program that takes signed JSON over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverSpec {
    /// Where it is: `https://…`, or `http://…` on this machine.
    pub url: String,
    /// The credential whose `webhookSecret` signs (as `whsec_` and base64, or any text): the headers are `webhook-id`,
    /// `webhook-timestamp` and `webhook-signature`.
    pub credentials_ref: String,
}

/// A mail server, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailSpec {
    /// The mail server's name.
    pub server: String,
    /// Its port. Default: 587 with `StartTls`, 465 with `Tls`, 25 with `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the way there is encrypted. Default: `StartTls`.
    #[serde(default)]
    pub tls: MailTls,
    /// The sender's address: `evenkeel@example.org`.
    pub from: String,
    /// The addresses that it goes to.
    pub to: Vec<String>,
    /// The credential with `username` and `password`. Default: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
}

/// How the way to a mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MailTls {
    /// It begins in the clear, and nothing is sent before it is encrypted.
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
    /// Not at all: only to this machine.
    None,
}

/// Where the state of a commit is shown. It is told of every `GitSource` (or those in `on.sources`), once per transition:
/// pending while it is taken in hand or waits for somebody, success once everything is as it says, failure where it
/// cannot come into force or something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitStatusSpec {
    /// What the forge is. `gitea` is Forgejo too.
    pub provider: Forge,
    /// The address of its API, where that is not at the usual place on the repository's host: `https://git.example/api/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The credential whose `token` may set the status of commits.
    pub credentials_ref: String,
}

/// What hosts a repository and its discussions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    /// GitHub, also on one's own host.
    GitHub,
    /// GitLab, also on one's own host.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
}

/// Which events are told. What is not given lets all through; an event has to fit all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NotifyOn {
    /// `Warning`: what a person should know, and when that is over. `Normal`: everything. Default: Warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<NotifyWeight>,
    /// Exactly these reasons (`DriftFound`, `Held`, `RevisionInForce`, …), whatever they weigh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Events of these sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Events of these targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Events of resources of these kinds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
}

/// From which weight on events are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NotifyWeight {
    /// What a person should know, and when that is over.
    #[default]
    Warning,
    /// Everything.
    Normal,
}
