//! Targets: the machines and endpoints that are reached.

mod incus;
mod stores;
mod vsphere;

pub use incus::IncusSpec;
pub use stores::{AzblobSpec, FtpSpec, FtpTls, ProxmoxSpec, S3Spec, WebdavSpec};
pub use vsphere::VsphereSpec;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A machine or endpoint, named in manifests by `target` or found by `targetSelector`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The name in `metadata.name`.
    pub name: String,
    /// The labels in `metadata.labels`, which selectors match.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How to reach it.
    pub spec: TargetSpec,
}

/// The ways to reach a target; exactly one of them is given.
pub const WAYS: [&str; 10] =
    ["ssh", "local", "ftp", "sftp", "s3", "azblob", "webdav", "proxmox", "incus", "vsphere"];

/// How drivers ask a target, where there is more than one way to learn the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// By commands, or by what of its own it is reached by.
    #[default]
    Commands,
    /// By the vSphere API.
    Vsphere,
}

/// The port of a machine behind SSH that names none.
const SSH_PORT: u16 = 22;

/// How a target is reached: exactly one of `ssh`, `local`, `ftp`, `sftp`, `s3`, `azblob`, `webdav`, `proxmox`, `incus` and
/// `vsphere` is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetSpec {
    /// Reach the machine over SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshSpec>,
    /// The machine that Evenkeel itself runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalSpec>,
    /// A store of files behind FTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ftp: Option<FtpSpec>,
    /// A store of files behind SFTP; only files, no commands. `become`, `commandTimeoutSeconds` and `powershell` mean nothing
    /// here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sftp: Option<SshSpec>,
    /// A bucket that speaks S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Spec>,
    /// A container of Azure Blob Storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azblob: Option<AzblobSpec>,
    /// A store of files behind WebDAV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webdav: Option<WebdavSpec>,
    /// A Proxmox VE node or cluster over its REST interface. Resources that need commands want `ssh` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxmox: Option<ProxmoxSpec>,
    /// An Incus server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incus: Option<IncusSpec>,
    /// A vCenter or a standalone ESXi host over the vSphere API. Resources that need commands want `ssh` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vsphere: Option<VsphereSpec>,
    /// Destroy what carries Evenkeel's mark on this target and is in no manifest any more. Such a change is
    /// Destructive and therefore Held unless it is allowed. Default: false, what left the manifests is left alone.
    pub prune: bool,
    /// The name in the mark on what Evenkeel creates here. Only what carries this name is pruned, so two sets of
    /// manifests for one machine need two names. Default: `evenkeel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Targets with the same word here, for instance the nodes of a cluster, are never written to at the same time by
    /// the controller. Default: only the machine itself counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusion_group: Option<String>,
}

impl Target {
    /// True for a machine that commands can be run on; others are only stores or interfaces.
    pub fn runs_commands(&self) -> bool {
        self.spec.ssh.is_some() || self.spec.local.is_some()
    }

    /// True where what Evenkeel makes carries its mark, so that it is found again once it left the manifests: on machines, and
    /// in a vCenter. In a store of files nothing does.
    pub fn carries_marks(&self) -> bool {
        self.runs_commands() || self.spec.vsphere.is_some()
    }

    /// How drivers ask it.
    pub fn way(&self) -> Way {
        if self.spec.vsphere.is_some() { Way::Vsphere } else { Way::Commands }
    }

    /// The machine or store behind the target, as far as its settings tell: equal for two names of one.
    pub fn address(&self) -> String {
        let spec = &self.spec;
        let at = |host: &str, port: u16| format!("{}:{port}", host.to_ascii_lowercase());
        if let Some(ssh) = spec.ssh.as_ref().or(spec.sftp.as_ref()) {
            return at(&ssh.host, ssh.port.unwrap_or(SSH_PORT));
        }
        if let Some(ftp) = &spec.ftp {
            return format!("ftp {}", ftp.host.to_ascii_lowercase());
        }
        if let Some(s3) = &spec.s3 {
            return format!("s3 {}/{}", s3.endpoint.as_deref().unwrap_or_default(), s3.bucket);
        }
        if let Some(azblob) = &spec.azblob {
            return format!("azblob {}/{}", azblob.account, azblob.container);
        }
        if let Some(webdav) = &spec.webdav {
            return format!("webdav {}", webdav.url.trim_end_matches('/'));
        }
        if let Some(incus) = &spec.incus {
            return incus.address();
        }
        if let Some(vsphere) = &spec.vsphere {
            return vsphere.address();
        }
        if let Some(proxmox) = &spec.proxmox {
            return at(&proxmox.host, proxmox.port.unwrap_or(8006));
        }
        "local".to_owned()
    }

    /// The name in the mark on what is created here.
    pub fn owner(&self) -> &str {
        self.spec.owner.as_deref().unwrap_or("evenkeel")
    }
}

/// This machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalSpec {
    /// Become root by this program.
    #[serde(rename = "become", skip_serializing_if = "Option::is_none")]
    pub become_: Option<Become>,
    /// The credential whose `becomePassword` the `become` program may need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// A command that takes longer than this is ended. In seconds; default 120.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_timeout_seconds: Option<u32>,
}

/// A machine behind SSH. What is not given here is taken from `~/.ssh/config`, then from the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshSpec {
    /// Host name, address, or a `Host` alias of `~/.ssh/config`.
    pub host: String,
    /// TCP port. Default: 22, or what `~/.ssh/config` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// User to log in as. Default: what `~/.ssh/config` says, or the local user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Private key file. `~/` is the home directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Offer the keys of the running ssh-agent. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<bool>,
    /// The credential that holds `password`, `passphrase` (of the key), `privateKey` or `becomePassword`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<String>,
    /// File with the host keys to trust. Default: `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    /// What to do with a host key that is in no file. Default: strict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key_checking: Option<HostKeyChecking>,
    /// Jump hosts, `[user@]host[:port]`, comma-separated, nearest first; `none` switches off what
    /// `~/.ssh/config` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_jump: Option<String>,
    /// Become root by this program.
    #[serde(default, rename = "become", skip_serializing_if = "Option::is_none")]
    pub become_: Option<Become>,
    /// Give up connecting after this many seconds. Default: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout_seconds: Option<u32>,
    /// A command that takes longer than this many seconds is given up. Default: 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_timeout_seconds: Option<u32>,
    /// Ask a silent connection for a sign of life after this many seconds; three without one end it. Default: 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_seconds: Option<u32>,
    /// Also offer the algorithms that old hosts need (ESXi 4 and 5, Debian 6): SHA-1 key exchange and
    /// signatures, CBC ciphers, ssh-dss. Default: false, since they are weak.
    #[serde(default)]
    pub legacy_algorithms: bool,
    /// The program that runs PowerShell on a Windows machine. Default: `powershell`, which every Windows has. `pwsh` is
    /// PowerShell 7, which has to be installed; not for Server 2016.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub powershell: Option<PowerShellProgram>,
}

/// How an unknown host key is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeyChecking {
    /// Refuse it.
    Strict,
    /// Write it down at first sight; refuse a changed one.
    AcceptNew,
}

/// The program that runs PowerShell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PowerShellProgram {
    /// Windows PowerShell, a part of Windows.
    #[default]
    Powershell,
    /// PowerShell 6 and newer, where it is installed.
    Pwsh,
}

impl PowerShellProgram {
    /// What it is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            PowerShellProgram::Powershell => "powershell",
            PowerShellProgram::Pwsh => "pwsh",
        }
    }
}

/// The program that gives root rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Become {
    /// `sudo`
    Sudo,
    /// `doas`
    Doas,
}
