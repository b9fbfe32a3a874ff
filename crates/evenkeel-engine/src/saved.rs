//! Saved plans: what was shown is what is applied.

use evenkeel_core::driver::Risk;
use evenkeel_core::plan::{FORMAT_VERSION, Plan};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A plan with everything that is needed to apply it elsewhere and later: the manifests it was made from.
///
/// It holds no secret: manifests name credentials, they do not contain them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The version of this form.
    pub format_version: u32,
    /// The version of the program that wrote it.
    pub evenkeel: String,
    /// When it was made.
    pub created: Timestamp,
    /// The manifest files, as they were.
    pub manifests: Vec<InputFile>,
    /// The values files, as they were, in order.
    pub values: Vec<InputFile>,
    /// The highest risk that was allowed.
    pub allow: Risk,
    /// True where only a part of the manifests was selected, so that nothing is pruned.
    pub partial: bool,
    /// What was shown.
    pub plan: Plan,
}

/// A file that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputFile {
    /// The file, as the user named it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Why a file is not a plan that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It is not one at all.
    #[error("not a saved plan: {0}")]
    Malformed(String),
    /// It was written by another version.
    #[error("the plan has format version {found}, this program reads {FORMAT_VERSION}")]
    OtherVersion {
        /// The version in the file.
        found: u64,
    },
}

impl SavedPlan {
    /// Reads the text of a plan file.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let malformed = |e: serde_json::Error| SavedPlanError::Malformed(e.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
        match value.get("formatVersion").and_then(serde_json::Value::as_u64) {
            Some(found) if found == u64::from(FORMAT_VERSION) => {
                serde_json::from_value(value).map_err(malformed)
            }
            Some(found) => Err(SavedPlanError::OtherVersion { found }),
            None => Err(SavedPlanError::Malformed("it has no formatVersion".to_owned())),
        }
    }
}
