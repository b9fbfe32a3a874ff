//! Evenkeel's transports: SSH, local, record and replay.
//!
//! Everything that reaches a target is behind [`evenkeel_core::transport::Transport`]:
//! [`SshTransport`] and [`LocalTransport`] send a round of commands as one POSIX shell script and take the
//! framed answers apart, [`SshTransport`] also a round of scripts in [`powershell`], [`Router`] picks between them by the target's settings, and [`Recorder`] and
//! [`Replayer`] write a run down and answer from it without any target.
//!
//! Protocols are known here; kinds of resources are not.

mod become_root;
mod certificates;
pub mod credentials;
mod frames;
mod incus;
mod local;
mod login;
mod machine;
pub mod powershell;
mod proxmox;
mod record;
mod recording;
mod replay;
mod round;
mod router;
mod script;
mod ssh;
mod stamp;
mod stores;
mod transfer;
pub mod vsphere;

pub use credentials::Credentials;
pub use incus::IncusTransport;
pub use local::LocalTransport;
pub use proxmox::ProxmoxTransport;
pub use record::Recorder;
pub use replay::Replayer;
pub use router::Router;
pub use ssh::{Ended, Running, SshClient, SshOptions, SshTransport, patterns, private_key_works};
pub use vsphere::VsphereTransport;

/// What one command may print on each of standard output and standard error, in bytes, unless an option
/// says otherwise: 64 MiB.
pub const DEFAULT_OUTPUT_LIMIT: usize = 64 << 20;

/// How long one command may take where the target does not say: two minutes.
const DEFAULT_COMMAND_TIMEOUT_SECONDS: u32 = 120;
