//! Where the API of a repository's forge is, by the repository's address.

use evenkeel_core::config::Forge;
use reqwest::Url;

use crate::failure::Failure;
use crate::http;

/// A repository at a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// `https://git.example:8443`
    pub(crate) host: String,
    /// `owner/name`; with GitLab there may be groups in between.
    pub(crate) path: String,
}

impl Repository {
    /// By its address as a source has it. `None` where it is at no forge: a folder, `file://`.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let (host, path) = match url.split_once("://") {
            Some((scheme @ ("https" | "http"), rest)) => {
                let (authority, path) = rest.split_once('/')?;
                (format!("{scheme}://{}", authority.rsplit('@').next()?), path)
            }
            Some(("ssh", rest)) => {
                let (authority, path) = rest.split_once('/')?;
                let host = authority.rsplit('@').next()?;
                // The port is that of SSH.
                let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
                (format!("https://{host}"), path)
            }
            Some(_) => return None,
            // `user@host:path`
            None => {
                let (host, path) = url.split_once(':').filter(|(host, _)| !host.contains('/'))?;
                (format!("https://{}", host.rsplit('@').next()?), path)
            }
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let parts: Vec<&str> = path.split('/').collect();
        let is_whole = parts.len() >= 2 && parts.iter().all(|part| !matches!(*part, "" | "." | ".."));
        is_whole.then(|| Repository { host, path: path.to_owned() })
    }

    /// Its address in the API: `repos/owner/name`, `projects/group%2Fname`.
    pub(crate) fn parts(&self, forge: Forge) -> Vec<&str> {
        match forge {
            Forge::GitLab => vec!["projects", &self.path],
            Forge::GitHub | Forge::Gitea => std::iter::once("repos").chain(self.path.split('/')).collect(),
        }
    }
}

/// The address of the API of the forge at `host`, or the one that is given.
pub(crate) fn api(forge: Forge, host: &str, given: Option<&str>) -> Result<Url, Failure> {
    let usual = match forge {
        Forge::GitHub if host == "https://github.com" => "https://api.github.com".to_owned(),
        Forge::GitHub => format!("{host}/api/v3"),
        Forge::GitLab => format!("{host}/api/v4"),
        Forge::Gitea => format!("{host}/api/v1"),
    };
    http::address(given.unwrap_or(&usual), "the API of the forge")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_by_every_form_of_its_address() {
        for (url, host, path) in [
            ("https://github.com/teppi/infra.git", "https://github.com", "teppi/infra"),
            ("https://git.example:8443/a/b/c", "https://git.example:8443", "a/b/c"),
            ("http://127.0.0.1:80/a/b.git/", "http://127.0.0.1:80", "a/b"),
            ("ssh://git@git.example:2222/a/b.git", "https://git.example", "a/b"),
            ("git@git.example:a/b.git", "https://git.example", "a/b"),
        ] {
            let expected = Repository { host: host.to_owned(), path: path.to_owned() };
            assert_eq!(Repository::of(url), Some(expected), "{url}");
        }
        for none in [
            "file:///srv/a/b.git",
            "/srv/site",
            "site",
            "https://git.example/b",
            "git@h:b",
            "https://h/a/../b",
        ] {
            assert_eq!(Repository::of(none), None, "{none}");
        }
    }

    #[test]
    fn every_forge_has_its_api_where_it_is_expected() {
        let at = |forge, host: &str| api(forge, host, None).unwrap().to_string();
        assert_eq!(at(Forge::GitHub, "https://github.com"), "https://api.github.com/");
        assert_eq!(at(Forge::GitHub, "https://git.example"), "https://git.example/api/v3");
        assert_eq!(at(Forge::GitLab, "https://git.example"), "https://git.example/api/v4");
        assert_eq!(at(Forge::Gitea, "http://127.0.0.1:3000"), "http://127.0.0.1:3000/api/v1");
        let failure = api(Forge::Gitea, "http://git.example", None).unwrap_err();
        assert!(failure.message.contains("unencrypted"), "{failure}");
    }
}
