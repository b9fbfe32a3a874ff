//! What can be seen of a store's settings without reaching it.

use super::super::de::short;
use super::super::node::Node;
use super::super::problems::Problems;
use super::{is_host, is_word};
use crate::target::TargetSpec;

/// Hosts become parts of URLs and of messages for people to copy, and certificates are pinned by 64 digits.
pub(super) fn check(spec: &TargetSpec, node: &Node, problems: &mut Problems) {
    let mut problem = |way: &str, field: &str, message: String, hint: &str| {
        problems.at_path(node, &[way.to_owned(), field.to_owned()], message, Some(hint.to_owned()), false);
    };
    let ftp = spec.ftp.as_ref().map(|ftp| ("ftp", &ftp.host, &ftp.certificate_fingerprint));
    let proxmox = spec.proxmox.as_ref().map(|pve| ("proxmox", &pve.host, &pve.certificate_fingerprint));
    for (way, host, fingerprint) in ftp.into_iter().chain(proxmox) {
        if !is_host(host) {
            let message = format!("`{}` cannot be a host name", short(host));
            problem(way, "host", message, "write it without blanks and signs, and without a `-` in front");
        }
        if let Some(odd) = fingerprint.as_ref().filter(|text| !is_fingerprint(text)) {
            let message = format!("`{}` is not a SHA-256 fingerprint", short(odd));
            let hint = "write 64 digits of hexadecimal, with or without colons, as `openssl x509 -noout -fingerprint -sha256` prints them";
            problem(way, "certificateFingerprint", message, hint);
        }
    }
    if let Some(user) = spec.ftp.as_ref().and_then(|ftp| ftp.user.as_ref()).filter(|user| !is_word(user)) {
        let message = format!("`{}` cannot be a user name", short(user));
        problem("ftp", "user", message, "write it without blanks and without a `-` in front");
    }
    if let Some(token) = spec.proxmox.as_ref().map(|pve| &pve.token).filter(|token| !is_token(token)) {
        let message = format!("`{}` is not the name of an API token", short(token));
        problem(
            "proxmox",
            "token",
            message,
            "write `user@realm!name`; its secret belongs into the credential",
        );
    }
    let urls = [
        ("s3", "endpoint", spec.s3.as_ref().and_then(|s3| s3.endpoint.as_ref())),
        ("azblob", "endpoint", spec.azblob.as_ref().and_then(|azblob| azblob.endpoint.as_ref())),
        ("webdav", "url", spec.webdav.as_ref().map(|webdav| &webdav.url)),
    ];
    for (way, field, url) in urls {
        if let Some(url) = url.filter(|url| !is_url(url)) {
            let message = format!("`{}` is not the URL of a server", short(url));
            problem(
                way,
                field,
                message,
                "write `https://host[:port][/path]`, without a user or password in it",
            );
        }
    }
}

pub(super) fn is_fingerprint(text: &str) -> bool {
    let digits: Vec<char> = text.chars().filter(|c| *c != ':').collect();
    digits.len() == 64 && digits.iter().all(char::is_ascii_hexdigit)
}

fn is_token(text: &str) -> bool {
    let parts = text.split_once('!').and_then(|(user, name)| Some((user.split_once('@')?, name)));
    is_word(text) && parts.is_some_and(|((user, realm), name)| ![user, realm, name].contains(&""))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    host.is_some_and(is_host) && !text.contains(['?', '#', '@'])
}
