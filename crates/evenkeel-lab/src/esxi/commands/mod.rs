//! The commands of the host.

use evenkeel_core::request::Reply;

use super::EsxHost;
use crate::zfs::Rights;

/// Runs a command.
pub(super) fn run(_: &mut EsxHost, _: Rights, argv: &[&str]) -> Reply {
    let stderr = format!("sh: {}: not found\n", argv.first().copied().unwrap_or_default());
    Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
}
