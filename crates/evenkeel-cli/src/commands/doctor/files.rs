//! The files that the configuration names.

use std::path::{Path, PathBuf};

use evenkeel_core::config::{GitSourceSpec, SourceSpec};

use super::{Finding, readable};
use crate::controller::Configuration;

/// Host keys that are trusted for all users of a machine.
const KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

pub(super) fn look(configuration: &Configuration) -> Vec<Finding> {
    let named = named(configuration).into_iter().map(|(what, path)| {
        let shown = path.display();
        match readable(&path) {
            Ok(()) => Finding::ok(what, shown.to_string()),
            Err(why) => {
                let mend = "put it there, readable for the user that the controller runs as, or change the \
                            configuration";
                Finding::problem(what, format!("{shown}: {why}"), mend)
            }
        }
    });
    named.chain(known_hosts(configuration)).collect()
}

/// What each file is for, and where it is.
fn named(configuration: &Configuration) -> Vec<(String, PathBuf)> {
    let spec = &configuration.controller;
    let tls = spec.http.as_ref().and_then(|http| http.tls.as_ref());
    let mut files = vec![
        ("credentials folder".to_owned(), spec.credentials.as_ref()),
        ("ssh configuration".to_owned(), spec.ssh_config.as_ref()),
        ("age identity".to_owned(), spec.age_identity.as_ref()),
        ("certificate of http".to_owned(), tls.map(|tls| &tls.certificate)),
        ("key of http".to_owned(), tls.map(|tls| &tls.key)),
    ];
    for (name, source) in &configuration.sources {
        match source {
            SourceSpec::Git(git) => {
                let verify = git.verify.as_ref();
                let allowed = verify.and_then(|verify| verify.allowed_signers.as_ref());
                files.push((format!("known hosts of {name}"), git.known_hosts.as_ref()));
                files.push((format!("authorities of {name}"), git.ca_file.as_ref()));
                files.push((format!("allowed signers of {name}"), allowed));
                files.push((format!("keyring of {name}"), verify.and_then(|verify| verify.keyring.as_ref())));
            }
            SourceSpec::Directory(directory) => {
                files.push((format!("folder of {name}"), Some(&directory.path)));
            }
        }
    }
    let place = |path: &String| match path.strip_prefix("~/") {
        Some(below) => std::env::home_dir().unwrap_or_default().join(below),
        None => configuration.folder().join(path),
    };
    files.into_iter().filter_map(|(what, path)| Some((what, place(path?)))).collect()
}

/// Over ssh nothing is reached whose host key is not known.
fn known_hosts(configuration: &Configuration) -> Option<Finding> {
    let relies = |source: &SourceSpec| match source {
        SourceSpec::Git(git) => is_ssh(git) && git.known_hosts.is_none(),
        SourceSpec::Directory(_) => false,
    };
    if configuration.controller.ssh_config.is_some() || !configuration.sources.values().any(relies) {
        return None;
    }
    let own = std::env::home_dir().unwrap_or_default().join(".ssh/known_hosts");
    let found = [own.as_path(), Path::new(KNOWN_HOSTS)].into_iter().find(|path| readable(path).is_ok());
    Some(match found {
        Some(path) => Finding::ok("known hosts", path.display().to_string()),
        None => Finding::warning(
            "known hosts",
            format!(
                "neither {} nor {KNOWN_HOSTS} can be read, and sources are reached over ssh",
                own.display()
            ),
            "write the keys of those hosts there, compared with what their owners say: ssh-keyscan HOST",
        ),
    })
}

/// Whether a repository is reached over ssh.
pub(super) fn is_ssh(git: &GitSourceSpec) -> bool {
    match git.url.split_once("://") {
        Some((scheme, _)) => scheme.to_ascii_lowercase().contains("ssh"),
        None => !git.url.starts_with('/'),
    }
}
