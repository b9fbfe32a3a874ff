//! A plan as a comment on a pull or merge request: one comment, which is written anew each time.

use std::time::Duration;

use evenkeel_core::config::Forge;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::escape;
use crate::failure::Failure;
use crate::forge::{Repository, api, authorized, below};
use crate::http::{self, Way};

/// GitHub takes no longer ones than 65,536 characters.
const LONGEST: usize = 65_000;

/// What stands around the plan has at most so many of them.
const AROUND: usize = 600;

/// Comments on a page, and pages that are looked through for our own.
const PAGE: usize = 100;
const PAGES: usize = 50;

/// For each request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A pull or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    forge: Forge,
    repository: Repository,
    number: u64,
}

impl User {
    fn name(&self) -> Option<&String> {
        self.login.as_ref().or(self.username.as_ref())
    }
}

/// What is said on it.
#[derive(Debug, Clone)]
pub struct Remark {
    mark: String,
    body: String,
}

/// What became of a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// There was none.
    Created,
    /// The one from before says this now.
    Updated,
    /// It says this already.
    Unchanged,
}

/// A comment as any of the forges gives it.
#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    /// GitHub and Gitea say so, …
    user: Option<User>,
    /// … GitLab so.
    author: Option<User>,
}

/// Who wrote it.
#[derive(Debug, Deserialize)]
struct User {
    /// GitHub; Gitea says both.
    login: Option<String>,
    /// GitLab.
    username: Option<String>,
    /// GitHub: `Bot` for apps.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl PullRequest {
    /// By its address in a browser: `…/pull/7` (GitHub), `…/pulls/7` (Gitea, Forgejo), `…/-/merge_requests/7` (GitLab).
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::passing("this is not the address of a pull or merge request").hint(
                "write it as the browser shows it: https://HOST/OWNER/NAME/pull/7 (GitHub), …/pulls/7 (Gitea, Forgejo), …/-/merge_requests/7 (GitLab)",
            )
        };
        let parsed = http::address(url, "the pull request")?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(Failure::passing("the address holds a user name or password")
                .hint("take it away: the token is read from the environment"));
        }
        let path = parsed.path().trim_matches('/').to_owned();
        let (repository, forge, number) =
            [("/-/merge_requests/", Forge::GitLab), ("/pulls/", Forge::Gitea), ("/pull/", Forge::GitHub)]
                .into_iter()
                .find_map(|(between, forge)| {
                    let (repository, number) = path.split_once(between)?;
                    Some((repository, forge, number.split('/').next()?.parse().ok()?))
                })
                .ok_or_else(wrong)?;
        let origin = parsed.origin().ascii_serialization();
        let repository = Repository::of(&format!("{origin}/{repository}")).ok_or_else(wrong)?;
        Ok(PullRequest { forge, repository, number })
    }

    /// Says it: in the comment that it was said in before, or in a new one.
    pub async fn post(&self, remark: &Remark, token: &SecretString) -> Result<Posted, Failure> {
        let api = api(self.forge, &self.repository.host, None)?;
        let way = Way { timeout: TIMEOUT, ca_file: None };
        let there = There { request: self, client: way.client(&api).await?, api, token };
        let known = there.find(&remark.mark).await?;
        match known {
            Some(comment) if comment.body.as_deref().map(str::trim) == Some(remark.body.trim()) => {
                Ok(Posted::Unchanged)
            }
            Some(comment) => {
                let url = there.comment(comment.id)?;
                let request = match self.forge {
                    Forge::GitLab => there.client.put(url),
                    Forge::GitHub | Forge::Gitea => there.client.patch(url),
                };
                there.ask(request.json(&json!({ "body": remark.body }))).await?;
                Ok(Posted::Updated)
            }
            None => {
                let request = there.client.post(there.comments()?);
                there.ask(request.json(&json!({ "body": remark.body }))).await?;
                Ok(Posted::Created)
            }
        }
    }
}

/// The discussion of a request.
struct There<'a> {
    request: &'a PullRequest,
    client: Client,
    api: Url,
    token: &'a SecretString,
}

impl There<'_> {
    fn comments(&self) -> Result<Url, Failure> {
        let number = self.request.number.to_string();
        let below_it: [&str; 3] = match self.request.forge {
            Forge::GitLab => ["merge_requests", &number, "notes"],
            Forge::GitHub | Forge::Gitea => ["issues", &number, "comments"],
        };
        let repository = self.request.repository.parts(self.request.forge);
        below(&self.api, &[repository.as_slice(), &below_it].concat())
    }

    fn comment(&self, id: u64) -> Result<Url, Failure> {
        let id = id.to_string();
        match self.request.forge {
            Forge::GitLab => below(&self.comments()?, &[&id]),
            forge @ (Forge::GitHub | Forge::Gitea) => {
                let repository = self.request.repository.parts(forge);
                below(&self.api, &[repository.as_slice(), &["issues", "comments", &id]].concat())
            }
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>, Failure> {
        let who = self.api.host_str().unwrap_or_default();
        let answer = http::ask(authorized(request, self.request.forge, self.token)?, who).await?;
        Ok(answer.accepted(who, self.token)?.body)
    }

    /// Our own comment of before. What somebody else wrote is never taken for it, whatever it says.
    async fn find(&self, mark: &str) -> Result<Option<Comment>, Failure> {
        // Tokens of apps may not ask who they are.
        let me = self.ask(self.client.get(below(&self.api, &["user"])?)).await.ok();
        let me = me.and_then(|body| serde_json::from_slice::<User>(&body).ok());
        let me = me.as_ref().and_then(User::name);
        let is_ours = |comment: &Comment| {
            let author = comment.user.as_ref().or(comment.author.as_ref());
            let by_us = match me {
                Some(me) => author.and_then(User::name) == Some(me),
                None => author.is_some_and(|user| user.kind.as_deref() == Some("Bot")),
            };
            by_us && comment.body.as_deref().is_some_and(|body| body.starts_with(mark))
        };
        for page in 1..=PAGES {
            let mut url = self.comments()?;
            // Gitea gives all of them, whatever is asked for.
            if self.request.forge != Forge::Gitea {
                url.query_pairs_mut()
                    .append_pair("per_page", &PAGE.to_string())
                    .append_pair("page", &page.to_string());
            }
            let body = self.ask(self.client.get(url)).await?;
            let comments: Vec<Comment> = serde_json::from_slice(&body).map_err(|e| {
                Failure::passing(format!(
                    "{} does not answer as a forge does: {e}",
                    self.request.repository.host
                ))
            })?;
            let is_last = comments.len() < PAGE || self.request.forge == Forge::Gitea;
            if let Some(found) = comments.into_iter().find(is_ours) {
                return Ok(Some(found));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }
}

impl Remark {
    /// A plan: `heading` in one line, and `text` as it is printed. `selection` says what it is a plan of: plans of
    /// different things have comments of their own.
    pub fn of_plan(selection: &[String], heading: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        for part in selection {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let digest = hex::encode(hash.finalize());
        let mark = format!("<!-- evenkeel plan {} -->", digest.get(..12).unwrap_or(&digest));
        let heading = escape::markdown(heading, 200);
        let (block, cut) = escape::code_block(text, LONGEST - AROUND);
        let rest = match cut {
            0 => String::new(),
            1 => "\n1 more line is cut off here: the output of the job has all of it.\n".to_owned(),
            n => format!("\n{n} more lines are cut off here: the output of the job has all of them.\n"),
        };
        Remark { body: format!("{mark}\n**Evenkeel** {heading}\n\n{block}{rest}"), mark }
    }
}

#[cfg(test)]
mod tests;
