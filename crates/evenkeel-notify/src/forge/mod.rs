//! The forges: where their APIs are, how they are asked, and what they call things.

mod place;

pub(crate) use place::{Repository, api};

use evenkeel_core::config::Forge;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;

/// The state of a commit, as all forges know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CommitState {
    Pending,
    Success,
    Failure,
}

impl CommitState {
    /// The word of a forge for it.
    pub(crate) fn word(self, forge: Forge) -> &'static str {
        match (self, forge) {
            (CommitState::Pending, _) => "pending",
            (CommitState::Success, _) => "success",
            (CommitState::Failure, Forge::GitLab) => "failed",
            (CommitState::Failure, Forge::GitHub | Forge::Gitea) => "failure",
        }
    }
}

/// Adds the token and what else a forge wants to see.
pub(crate) fn authorized(
    request: RequestBuilder,
    forge: Forge,
    token: &SecretString,
) -> Result<RequestBuilder, Failure> {
    let secret = |text: String| {
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Failure::passing("the token for the forge has characters that no token has"))?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    let token = token.expose_secret().trim();
    Ok(match forge {
        Forge::GitHub => request
            .header(AUTHORIZATION, secret(format!("Bearer {token}"))?)
            .header(ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", "2022-11-28"),
        Forge::GitLab => request.header("PRIVATE-TOKEN", secret(token.to_owned())?),
        Forge::Gitea => request.header(AUTHORIZATION, secret(format!("token {token}"))?),
    })
}

/// An address below that of the API. Parts are escaped: also a `/` in one of them, as GitLab wants it of a project's path.
pub(crate) fn below(api: &Url, parts: &[&str]) -> Result<Url, Failure> {
    let mut url = api.clone();
    url.path_segments_mut()
        .map_err(|()| Failure::passing("the address of the forge's API leads nowhere"))?
        .pop_if_empty()
        .extend(parts);
    Ok(url)
}
