//! The fixed text of a script, which stands in a file beside the driver that uses it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A script, for PowerShell or for a POSIX shell. What varies is passed as data or arguments, never written into its text;
/// but for the here-document that a shell's script may end with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// Its name, for people: `hyperv/observe.ps1`.
    pub name: Cow<'static, str>,
    /// Its text.
    pub text: Cow<'static, str>,
}

impl Script {
    /// A script of this program.
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Script { name: Cow::Borrowed(name), text: Cow::Borrowed(text) }
    }
}
