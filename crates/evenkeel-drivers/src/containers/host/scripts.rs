//! The fixed scripts of folders of templates. What varies is passed as arguments, or as a here-document behind the text.

use evenkeel_core::request::Script;

/// Tells what is in a folder, `FOLDER`; a query.
pub const LOOK: Script = Script::new("containers/host/look.sh", include_str!("look.sh"));

/// Checks a template before it gets its name: `FOLDER NAME BYTES ROOT`.
pub const VERIFY: Script = Script::new("containers/host/verify.sh", include_str!("verify.sh"));

/// Gives a template its name: `FOLDER NAME DIGEST`, and behind the text a call of `main` with its record.
pub const PLACE: Script = Script::new("containers/host/place.sh", include_str!("place.sh"));
