//! The fixed scripts of nodes of Proxmox VE. What varies is passed as arguments.

use evenkeel_core::request::Script;

/// Tells what a node has for templates; a query.
pub const LOOK: Script = Script::new("containers/lxc/look.sh", include_str!("look.sh"));

/// Begins a build: `ID STORAGE FOLDER KIB LOG MARK`.
pub const BEGIN: Script = Script::new("containers/lxc/begin.sh", include_str!("begin.sh"));

/// Packs a container that is mounted: `ID FOLDER NAME`.
pub const PACK: Script = Script::new("containers/lxc/pack.sh", include_str!("pack.sh"));

/// Takes away what is left of a build: `ID FOLDER NAME MARK`.
pub const DISCARD: Script = Script::new("containers/lxc/discard.sh", include_str!("discard.sh"));
