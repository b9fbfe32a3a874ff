//! The fixed scripts that run on an OpenVZ host.

use evenkeel_core::request::Script;

/// Reads the files that its arguments name, and what lies in the folder of the distributions' files.
pub const READ: Script = Script::new("openvz_host/read.sh", include_str!("read.sh"));
/// Changes lines of a file.
pub const EDIT: Script = Script::new("openvz_host/edit.sh", include_str!("edit.sh"));
