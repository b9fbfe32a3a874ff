//! Where a repository is, read from its URL, and how the URL is shown.

use std::path::PathBuf;

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use reqwest::Url;
use secrecy::SecretString;

/// A repository's place.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On this machine.
    Folder(PathBuf),
    /// Behind HTTP; the URL is without user and password.
    Http { url: Url, user: Option<String>, password: Option<SecretString> },
    /// Behind SSH; the path as `git-upload-pack` takes it.
    Ssh(SshPlace),
}

/// A repository behind SSH. What the URL leaves out, `ssh_config` may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshPlace {
    pub(super) user: Option<String>,
    /// Name, address, or a `Host` alias.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) path: String,
}

impl Place {
    /// Reads the URL of a `GitSource`.
    pub(super) fn read(url: &str) -> Result<Self, SourceError> {
        let Some((scheme, _)) = url.split_once("://") else {
            if url.starts_with('/') {
                return Ok(Place::Folder(PathBuf::from(url)));
            }
            return scp_form(url).map(Place::Ssh).ok_or_else(|| unknown(url, "no scheme and no host"));
        };
        let parsed = Url::parse(url).map_err(|e| unknown(url, &e.to_string()))?;
        match scheme.to_ascii_lowercase().as_str() {
            "file" => parsed.to_file_path().map(Place::Folder).map_err(|()| unknown(url, "no absolute path")),
            "http" | "https" => http(&parsed).ok_or_else(|| unknown(url, "no host")),
            "ssh" | "git+ssh" | "ssh+git" => {
                ssh(&parsed).map(Place::Ssh).ok_or_else(|| unknown(url, "no host or no path"))
            }
            other => Err(unknown(url, &format!("`{other}` is not supported"))),
        }
    }

    /// The URL without a password, for people.
    pub(super) fn shown(url: &str) -> String {
        match Url::parse(url) {
            Ok(mut parsed) if url.contains("://") => {
                // A token may stand in place of the name.
                let keeps_name = parsed.scheme().contains("ssh");
                if parsed.password().is_some() {
                    let _ = parsed.set_password(None);
                }
                if !keeps_name {
                    let _ = parsed.set_username("");
                }
                parsed.set_query(None);
                parsed.set_fragment(None);
                parsed.to_string()
            }
            _ if url.contains("://") => {
                let (scheme, rest) = url.split_once("://").unwrap_or_default();
                format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())
            }
            _ => url.to_owned(),
        }
    }
}

/// `user@host:path`; the path is relative to the user's home unless it begins with `/`.
fn scp_form(text: &str) -> Option<SshPlace> {
    let (user, rest) = match text.split_once('@') {
        Some((user, rest)) if !user.contains([':', '/']) => (Some(user), rest),
        _ => (None, text),
    };
    let (host, path) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => rest.split_once(':')?,
    };
    let good = user != Some("") && !host.is_empty() && !host.contains('/') && !path.is_empty();
    good.then(|| SshPlace {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port: None,
        path: path.to_owned(),
    })
}

fn ssh(url: &Url) -> Option<SshPlace> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let path = decoded(url.path());
    // `/~user/…` is below somebody's home.
    let path = if path.starts_with("/~") { path.get(1..)?.to_owned() } else { path };
    let user = decoded(url.username());
    (!host.is_empty() && path.len() > 1).then(|| SshPlace {
        user: Some(user).filter(|user| !user.is_empty()),
        host: host.to_owned(),
        port: url.port(),
        path,
    })
}

fn http(url: &Url) -> Option<Place> {
    url.host_str()?;
    let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
    let password = url.password().map(|password| SecretString::from(decoded(password)));
    let mut url = url.clone();
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(Place::Http { url, user, password })
}

/// Percent signs read.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%')
            .then(|| after.get(..2).and_then(|two| std::str::from_utf8(two).ok()))
            .flatten()
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn unknown(url: &str, why: &str) -> SourceError {
    let message = format!("`{}` is not the URL of a git repository: {why}", Place::shown(url));
    SourceError::new(SourceErrorKind::Configuration, message).hint(
        "write https://host/path, ssh://user@host/path, user@host:path, or file:///path for one on this machine",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh_place(url: &str) -> (Option<String>, String, Option<u16>, String) {
        match Place::read(url).unwrap() {
            Place::Ssh(SshPlace { user, host, port, path }) => (user, host, port, path),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_forms_of_ssh_are_read() {
        let place = |user: Option<&str>, host: &str, port, path: &str| {
            (user.map(str::to_owned), host.to_owned(), port, path.to_owned())
        };
        for (url, expected) in [
            ("git@example.net:a/b.git", place(Some("git"), "example.net", None, "a/b.git")),
            ("example.net:/srv/a", place(None, "example.net", None, "/srv/a")),
            ("me@[::1]:a", place(Some("me"), "::1", None, "a")),
            ("ssh://me@example.net:2222/srv/a%20b", place(Some("me"), "example.net", Some(2222), "/srv/a b")),
            ("ssh://me@[::1]/a", place(Some("me"), "::1", None, "/a")),
            ("ssh://example.net/~me/a", place(None, "example.net", None, "~me/a")),
        ] {
            assert_eq!(ssh_place(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for url in ["", "relative/path", "ftp://x/y", "ssh://", "https://", "file://relative", "git@host:"] {
            let error = Place::read(url).unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Configuration, "{url}");
            assert!(error.hint.is_some(), "{url}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for url in [
            "https://me:canary@example.net/a",
            "https://canary@example.net/a",
            "ssh://me:canary@example.net/a",
        ] {
            assert!(!Place::shown(url).contains("canary"), "{url}");
            assert!(!format!("{:?}", Place::read(url)).contains("me:canary"), "{url}");
        }
        assert!(!Place::read("https://me:canary@exa mple/a").unwrap_err().to_string().contains("canary"));
        assert_eq!(Place::shown("git@example.net:a"), "git@example.net:a");
    }
}
