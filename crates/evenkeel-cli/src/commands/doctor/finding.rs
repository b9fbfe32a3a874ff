//! One thing that was looked at.

use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not tomorrow.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// What it is: `target alpha`.
    pub(crate) about: String,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// In one sentence.
    pub(crate) message: String,
    /// What to do about it, where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Finding {
    pub(crate) fn ok(about: impl Into<String>, message: impl Into<String>) -> Self {
        Finding { about: about.into(), verdict: Verdict::Ok, message: message.into(), mend: None }
    }

    pub(crate) fn warning(
        about: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let mend = Some(mend.into());
        Finding { about: about.into(), verdict: Verdict::Warning, message: message.into(), mend }
    }

    pub(crate) fn problem(
        about: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let mend = Some(mend.into());
        Finding { about: about.into(), verdict: Verdict::Problem, message: message.into(), mend }
    }
}
