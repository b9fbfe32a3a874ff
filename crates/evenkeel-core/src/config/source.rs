//! Where manifests come from, and what may be done with what they say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::driver::Risk;
use crate::period::Period;

/// A git repository with manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own for who writes it")]
pub struct GitSourceSpec {
    /// The repository: `https://…`, `http://…`, `ssh://user@host/path`, `user@host:path`, or `file:///path` (also a bare one).
    /// Of ssh the host may be a `Host` alias of `~/.ssh/config`, which may also say user, port, key and jump host.
    pub url: String,
    /// What of it is followed; at most one of these is given. Default: the branch that the repository's HEAD names.
    #[serde(default, rename = "ref")]
    pub reference: GitRef,
    /// The folder in the repository that holds the manifests. Default: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Values files for `${name}`, relative to the repository; later ones override. A `values.yaml` in `path` is read
    /// before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Also fetch submodules: not supported yet, `true` is refused. Default: false.
    #[serde(default)]
    pub submodules: bool,
    /// The credential with `privateKey` (and `passphrase`) for ssh, or `token` or `username` and `password` for https. For
    /// ssh its key is then all that is offered. Default: for ssh the keys of the agent and of `~/.ssh`, for https none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// File with the host keys to trust for ssh; nothing is trusted that is not in it. Default: the files that
    /// `~/.ssh/config` names, else `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    /// File with the certificate authorities to trust for https, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Give up a fetch after this time. Default: `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// The signatures that are wanted. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// Look for new commits this often, whatever webhooks say. Default: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// What a new commit may do.
    #[serde(default)]
    pub on_push: OnPush,
    /// How drift is looked for and met.
    #[serde(default)]
    pub drift: Drift,
    /// Remove what left the manifests and was made by Evenkeel, on all targets, as with `prune: true` on each.
    /// Default: false, what left the manifests is forgotten.
    #[serde(default)]
    pub prune: bool,
    /// How much one commit may change or prune before it waits for a person.
    #[serde(default)]
    pub caps: Caps,
    /// Let its manifests use this machine: targets that are `local`, and a `knownHosts` file of their choice for
    /// `hostKeyChecking: accept-new` to write to. Whoever can change the manifests can then run commands as the user that
    /// the controller runs as. Default: false.
    #[serde(default)]
    pub allow_local: bool,
    /// Go on with the commit in force and take no new one. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// A folder of manifests on the controller's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectorySourceSpec {
    /// The folder; relative to the configuration file.
    pub path: String,
    /// Values files for `${name}`, relative to the folder; later ones override. A `values.yaml` in it is read before
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Look for changed files this often. Default: `5m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// What a change of the files may do.
    #[serde(default)]
    pub on_push: OnPush,
    /// How drift is looked for and met.
    #[serde(default)]
    pub drift: Drift,
    /// As for a `GitSource`.
    #[serde(default)]
    pub prune: bool,
    /// How much one change of the files may change or prune before it waits for a person.
    #[serde(default)]
    pub caps: Caps,
    /// As for a `GitSource`.
    #[serde(default)]
    pub allow_local: bool,
    /// Go on with what is in force and take nothing new. Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// Where the manifests of one source come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are few sources, and most are repositories")]
pub enum SourceSpec {
    /// A git repository.
    Git(GitSourceSpec),
    /// A folder.
    Directory(DirectorySourceSpec),
}

/// What of a source the loop needs, whatever its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconcile {
    /// Look for something new this often.
    pub interval: Period,
    /// What something new may do.
    pub on_push: OnPush,
    /// How drift is met.
    pub drift: Drift,
    /// Prune on all targets.
    pub prune: bool,
    /// How much may change at once.
    pub caps: Caps,
    /// Its manifests may use the controller's machine.
    pub allow_local: bool,
    /// Take nothing new.
    pub suspend: bool,
}

impl SourceSpec {
    /// What the loop needs of it, with the defaults filled in.
    pub fn reconcile(&self) -> Reconcile {
        let (interval, on_push, drift) = match self {
            SourceSpec::Git(s) => (s.interval, s.on_push, s.drift),
            SourceSpec::Directory(s) => (s.interval, s.on_push, s.drift),
        };
        let (prune, caps, allow_local, suspend) = match self {
            SourceSpec::Git(s) => (s.prune, s.caps, s.allow_local, s.suspend),
            SourceSpec::Directory(s) => (s.prune, s.caps, s.allow_local, s.suspend),
        };
        let interval = interval.unwrap_or(Period::minutes(5));
        Reconcile { interval, on_push, drift, prune, caps, allow_local, suspend }
    }
}

/// Which commit is followed. At most one of the fields is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("maxProperties" = 1))]
pub struct GitRef {
    /// The tip of this branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// This tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The highest tag in this range, for instance `>=1.2.0 <2.0.0`. A `v` before the number is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// This commit, by its full hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// The signatures that are wanted before a commit is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Verify {
    /// The commit carries a good signature in one of these formats.
    pub commits: Vec<SignatureFormat>,
    /// The tag (of `ref.tag` or `ref.semver`) is annotated and carries a good signature in one of these formats.
    pub tags: Vec<SignatureFormat>,
    /// File in the form of `ssh-keygen`'s ALLOWED SIGNERS, for SSH signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<String>,
    /// File with OpenPGP public keys, armoured or not, for OpenPGP signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
}

/// The formats of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignatureFormat {
    /// SSH keys (`gpg.format = ssh`).
    Ssh,
    /// OpenPGP (`gpg.format = openpgp`, git's default).
    OpenPgp,
}

/// What a new commit may do by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OnPush {
    /// The highest risk that is sent without asking; what is riskier is held and reported. Default: Safe.
    pub apply: PushLimit,
}

/// The highest risk that is sent without asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PushLimit {
    /// Nothing: plan and report only.
    None,
    /// What can be put back and disturbs nobody.
    #[default]
    Safe,
    /// What interrupts or slows users of the object, too.
    Disruptive,
    /// What removes objects, too.
    Destructive,
}

impl PushLimit {
    /// The risk as policies take it; `None` where nothing is sent.
    pub fn risk(self) -> Option<Risk> {
        match self {
            PushLimit::None => None,
            PushLimit::Safe => Some(Risk::Safe),
            PushLimit::Disruptive => Some(Risk::Disruptive),
            PushLimit::Destructive => Some(Risk::Destructive),
        }
    }
}

/// How drift is looked for and met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Drift {
    /// Look this often. Default: `30m`. A resource can say its own `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// Report drift, or put it right. Default: Report. A resource can say its own `drift.mode`.
    pub mode: DriftMode,
}

/// What is done about drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DriftMode {
    /// It is reported and left as it is.
    #[default]
    Report,
    /// It is put right, as far as `onPush.apply` allows.
    Correct,
}

/// How much one commit may do before it waits for a person, in percent of what is in force. A commit that leaves
/// nothing at all is always held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Caps {
    /// Resources that leave the manifests. Default: 20. A few (up to 3) are always let through.
    #[schemars(range(max = 100))]
    pub prune_percent: u8,
    /// Resources that leave, come or change. Default: 100, no cap.
    #[schemars(range(max = 100))]
    pub change_percent: u8,
}

impl Default for Caps {
    fn default() -> Self {
        Caps { prune_percent: 20, change_percent: 100 }
    }
}
