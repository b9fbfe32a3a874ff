//! What a forge says in a webhook: which repository, which branch or tag.

use axum::http::HeaderMap;
use evenkeel_core::config::Provider;
use evenkeel_engine::controller::Notice;
use serde_json::Value;

/// So many spellings of a repository's address are taken out of one message.
const MOST_URLS: usize = 32;

/// A longer address is none.
const LONGEST_URL: usize = 2048;

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// The forge tries whether somebody is there.
    Ping,
    /// Something was pushed.
    Push(Notice),
    /// Something else, in the forge's word.
    Other(String),
}

/// Why a message that is signed well does not tell what was pushed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the message is no JSON: {0}")]
    NotJson(String),
    #[error("the message names no repository")]
    NoRepository,
}

impl Unreadable {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Unreadable::NotJson(_) => "set the content type of the webhook to application/json",
            Unreadable::NoRepository => {
                "name the sources that it wakes: `sources` of the webhook in the Controller's configuration"
            }
        }
    }
}

/// The word of the forge for what happened.
pub(crate) fn event(provider: Provider, headers: &HeaderMap) -> Option<&str> {
    let names: &[&str] = match provider {
        Provider::GitHub => &["x-github-event"],
        Provider::GitLab => &["x-gitlab-event"],
        Provider::Gitea => &["x-forgejo-event", "x-gitea-event"],
        Provider::Bitbucket => &["x-event-key"],
        Provider::Generic => &[],
    };
    names.iter().find_map(|name| headers.get(*name)).and_then(|value| value.to_str().ok())
}

/// Reads a message. Where the webhook's `sources` are given, they are woken whatever repository it is about.
pub(crate) fn read(
    provider: Provider,
    event: Option<&str>,
    body: &[u8],
    sources: &[String],
) -> Result<Message, Unreadable> {
    let value = serde_json::from_slice::<Value>(body);
    match occasion(provider, event, value.as_ref().ok()) {
        Occasion::Ping => Ok(Message::Ping),
        Occasion::Other => Ok(Message::Other(event.unwrap_or("a message without an event").to_owned())),
        Occasion::Push if !sources.is_empty() => Ok(Message::Push(Notice::Sources(sources.to_vec()))),
        Occasion::Push => {
            let value = value.map_err(|e| Unreadable::NotJson(e.to_string()))?;
            notice(provider, &value).map(Message::Push).ok_or(Unreadable::NoRepository)
        }
    }
}

/// Why a forge sends a message.
enum Occasion {
    Ping,
    Push,
    Other,
}

fn occasion(provider: Provider, event: Option<&str>, value: Option<&Value>) -> Occasion {
    let word = |name: &str| value.and_then(|v| v.get(name)).and_then(Value::as_str);
    match (provider, event.unwrap_or_default()) {
        (Provider::GitHub | Provider::Gitea, "ping") | (Provider::Bitbucket, "diagnostics:ping") => {
            Occasion::Ping
        }
        (Provider::GitHub | Provider::Gitea, "push" | "create")
        | (Provider::GitLab, "Push Hook" | "Tag Push Hook")
        | (Provider::Bitbucket, "repo:push" | "repo:refs_changed" | "mirror:repo_synchronized")
        | (Provider::Generic, _) => Occasion::Push,
        // One hook of the whole GitLab says in the body what it is about.
        (Provider::GitLab, "System Hook") => match word("object_kind").or_else(|| word("event_name")) {
            Some("push" | "tag_push" | "repository_update") => Occasion::Push,
            _ => Occasion::Other,
        },
        _ => Occasion::Other,
    }
}

/// The repository and the branch or tag that a message about a push is about. `None` where it names no repository.
pub(crate) fn notice(provider: Provider, value: &Value) -> Option<Notice> {
    let mut urls = Urls::default();
    for part in ["repository", "project"] {
        match value.get(part) {
            Some(Value::String(url)) => urls.add(url),
            Some(repository) => urls.all_of(repository),
            None => {}
        }
    }
    if provider == Provider::Bitbucket
        && let Some(repository) = value.get("repository")
    {
        urls.bitbucket(repository);
    }
    if urls.0.is_empty() {
        return None;
    }
    Some(Notice::Repository { urls: urls.0, reference: reference(provider, value) })
}

/// The full name of what was pushed, where it is one.
fn reference(provider: Provider, value: &Value) -> Option<String> {
    let list = |at: &str| value.pointer(at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if provider == Provider::Bitbucket {
        let cloud = list("/push/changes").iter().map(|change| bitbucket_cloud_reference(change.get("new")?));
        let server = list("/changes").iter().map(|change| full(change.pointer("/ref/id")?.as_str()?));
        return single(cloud.chain(server));
    }
    match value.get("ref").and_then(Value::as_str) {
        Some(name) => full(name).or_else(|| created(value, name)),
        None => single(list("/refs").iter().map(|name| full(name.as_str()?))),
    }
}

/// A name that is already full.
fn full(name: &str) -> Option<String> {
    (name.starts_with("refs/") && name.len() <= LONGEST_URL).then(|| name.to_owned())
}

/// The name out of a message about a new branch or tag, which is short there.
fn created(value: &Value, name: &str) -> Option<String> {
    match value.get("ref_type").and_then(Value::as_str)? {
        "branch" => full(&format!("refs/heads/{name}")),
        "tag" => full(&format!("refs/tags/{name}")),
        _ => None,
    }
}

fn bitbucket_cloud_reference(new: &Value) -> Option<String> {
    let name = new.get("name")?.as_str()?;
    match new.get("type").and_then(Value::as_str) {
        Some("tag" | "annotated_tag") => full(&format!("refs/tags/{name}")),
        _ => full(&format!("refs/heads/{name}")),
    }
}

/// The one name that all are; `None` where there are several, or one that cannot be told.
fn single(names: impl Iterator<Item = Option<String>>) -> Option<String> {
    let mut found: Option<String> = None;
    for name in names {
        let name = name?;
        if found.as_ref().is_some_and(|f| *f != name) {
            return None;
        }
        found = Some(name);
    }
    found
}

/// The spellings of a repository's address.
#[derive(Default)]
struct Urls(Vec<String>);

impl Urls {
    fn add(&mut self, url: &str) {
        let fits = !url.is_empty() && url.len() <= LONGEST_URL && !url.chars().any(char::is_control);
        if fits && self.0.len() < MOST_URLS && !self.0.iter().any(|u| u == url) {
            self.0.push(url.to_owned());
        }
    }

    /// Takes every field that forges put an address in.
    fn all_of(&mut self, repository: &Value) {
        const FIELDS: [&str; 12] = [
            "clone_url",
            "ssh_url",
            "git_url",
            "html_url",
            "http_url",
            "web_url",
            "git_http_url",
            "git_ssh_url",
            "svn_url",
            "homepage",
            "url",
            "original_url",
        ];
        for field in FIELDS {
            if let Some(url) = repository.get(field).and_then(Value::as_str) {
                self.add(url);
            }
        }
        let Some(links) = repository.get("links").and_then(Value::as_object) else { return };
        for link in ["clone", "html", "self"].iter().filter_map(|name| links.get(*name)) {
            let several = link.as_array().map(Vec::as_slice);
            for one in several.unwrap_or(std::slice::from_ref(link)) {
                if let Some(url) = one.get("href").and_then(Value::as_str) {
                    self.add(url);
                }
            }
        }
    }

    /// Bitbucket names the repository's pages. Where it is cloned from follows from that.
    fn bitbucket(&mut self, repository: &Value) {
        if let Some(name) = repository.get("full_name").and_then(Value::as_str) {
            self.add(&format!("https://bitbucket.org/{name}.git"));
            self.add(&format!("ssh://git@bitbucket.org/{name}.git"));
        }
        for page in self.0.clone() {
            let Some((base, rest)) = page.split_once("/projects/").or_else(|| page.split_once("/users/"))
            else {
                continue;
            };
            let mut parts = rest.split('/');
            if let (Some(project), Some("repos"), Some(name)) = (parts.next(), parts.next(), parts.next()) {
                let personal = if page.contains("/users/") { "~" } else { "" };
                self.add(&format!("{base}/scm/{personal}{}/{name}.git", project.to_lowercase()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
