//! The fixed scripts of OpenVZ hosts. What varies is passed as arguments.

use evenkeel_core::request::Script;

/// Tells how OpenVZ is set up; a query.
pub const LOOK: Script = Script::new("containers/openvz/look.sh", include_str!("look.sh"));

/// Begins a build: `ID AREA FOLDER KIB LOG MARK`.
pub const BEGIN: Script = Script::new("containers/openvz/begin.sh", include_str!("begin.sh"));

/// Takes away what is left of a build: `ID AREA FOLDER NAME MARK`.
pub const DISCARD: Script = Script::new("containers/openvz/discard.sh", include_str!("discard.sh"));
