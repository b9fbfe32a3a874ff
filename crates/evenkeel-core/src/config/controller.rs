//! How the controller runs and is reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::period::Period;

/// How the controller runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ControllerSpec {
    /// Folder for the store, clones and the control socket. Default: `/var/lib/evenkeel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_directory: Option<String>,
    /// Folder of credentials, as for `--credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// The OpenSSH client configuration to respect. Default: `~/.ssh/config`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_config: Option<String>,
    /// File with the age identity that opens encrypted secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_identity: Option<String>,
    /// How it is reached over HTTP. Without it there is the control socket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSpec>,
    /// Who may use the API, and for what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenSpec>,
    /// Webhooks that are taken, at `/webhooks/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookSpec>,
    /// How much is done at the same time.
    pub limits: LimitsSpec,
    /// How long the store remembers.
    pub history: HistorySpec,
}

/// How the controller is reached over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpSpec {
    /// Address and port, for instance `127.0.0.1:8750`.
    pub listen: String,
    /// Listen on an address that is not loopback. Default: false.
    #[serde(default)]
    pub allow_remote: bool,
    /// Serve https. Without it, an address that is not loopback wants `allowPlaintext: true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// Serve plain http on an address that is not loopback, for instance behind a proxy. Default: false.
    #[serde(default)]
    pub allow_plaintext: bool,
}

/// The certificate for https.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsSpec {
    /// File with the certificate chain, PEM.
    pub certificate: String,
    /// File with the private key, PEM.
    pub key: String,
}

/// A bearer token and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec {
    /// Who it is for: it stands in events and runs that it caused.
    pub name: String,
    /// What it may do. Viewers look at everything, operators also notify and ask for a reconcile, admins also accept
    /// held revisions.
    pub role: Role,
    /// The credential whose `token` it is.
    pub credentials_ref: String,
}

/// What a token may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything.
    Viewer,
    /// Also notify and ask for a reconcile.
    Operator,
    /// Also accept held revisions, and approve or reject changes that are held.
    Admin,
}

/// A webhook that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSpec {
    /// The last part of its address: `/webhooks/NAME`.
    pub name: String,
    /// Who sends it, and thereby how it is signed. `gitea` is Forgejo too, `bitbucket` is Cloud, Server and Data
    /// Center; `generic` wants `X-Signature-256: sha256=<hex HMAC-SHA256 of TIMESTAMP.BODY>` and `X-Timestamp` in
    /// seconds.
    pub provider: Provider,
    /// The credential whose `webhookSecret` signs it.
    pub credentials_ref: String,
    /// The sources that it wakes. Default: those whose `url` is the repository in the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// Who sends a webhook, and thereby how it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// GitHub: `X-Hub-Signature-256`.
    GitHub,
    /// GitLab: `X-Gitlab-Token`, or the signed form with `webhook-signature`.
    GitLab,
    /// Gitea and Forgejo: `X-Gitea-Signature` or `X-Forgejo-Signature`.
    Gitea,
    /// Bitbucket Cloud, Server and Data Center: `X-Hub-Signature`.
    Bitbucket,
    /// Anything else: `X-Signature-256: sha256=<hex HMAC-SHA256 of TIMESTAMP.BODY>` with `X-Timestamp` in seconds.
    Generic,
}

/// How much is done at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LimitsSpec {
    /// Targets that are read at once. Default: 64.
    #[schemars(range(min = 1, max = 1000))]
    pub reading: u16,
    /// Targets that are written to at once. Default: 8.
    #[schemars(range(min = 1, max = 1000))]
    pub writing: u16,
    /// Connections that are kept open between looks. Default: 256.
    #[schemars(range(min = 1))]
    pub connections: u16,
    /// A connection that was not used for this long is closed. Default: `1h`.
    pub idle: Period,
    /// Webhooks that are taken per minute: of each name, from one address. Default: 60.
    #[schemars(range(min = 1))]
    pub webhooks_per_minute: u16,
    /// How often one field is put right within a day before Evenkeel stops and says that somebody else keeps setting it.
    /// Default: 3.
    #[schemars(range(min = 1))]
    pub corrections: u16,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        LimitsSpec {
            reading: 64,
            writing: 8,
            connections: 256,
            idle: Period::minutes(60),
            webhooks_per_minute: 60,
            corrections: 3,
        }
    }
}

/// How long the store remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HistorySpec {
    /// Runs that changed something or failed. Default: `365d`.
    pub runs: Period,
    /// Events. Default: `90d`.
    pub events: Period,
    /// Observed states; the newest of each object stays. Default: `90d`.
    pub observations: Period,
}

impl Default for HistorySpec {
    fn default() -> Self {
        HistorySpec { runs: Period::days(365), events: Period::days(90), observations: Period::days(90) }
    }
}
