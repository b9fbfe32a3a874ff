//! The forms that the address of a repository can have.

use crate::manifest::did_you_mean;

/// The schemes that a repository can be fetched by.
const SCHEMES: [&str; 4] = ["https", "http", "ssh", "file"];

/// What is wrong with an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UrlProblem {
    pub(super) message: String,
    pub(super) hint: &'static str,
    /// Whether the address holds a secret, and must not be shown.
    pub(super) is_secret: bool,
}

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// `ssh` also for `user@host:path`.
    pub(super) scheme: &'a str,
    /// Without user and port.
    pub(super) host: &'a str,
}

/// Takes an address apart. No message repeats it: it may hold a password in a place where none is looked for.
pub(super) fn parse(url: &str) -> Result<Url<'_>, UrlProblem> {
    let problem = |message: &str, hint| UrlProblem { message: message.to_owned(), hint, is_secret: false };
    if url.is_empty() {
        return Err(problem("`url` is empty", "write where the repository is"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return parse_short(url);
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let (user, host_and_port) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
    // A token is a user name without a password, too.
    let is_web = !matches!(scheme, "ssh" | "file");
    if user.is_some_and(|user| is_web || user.contains(':')) {
        return Err(UrlProblem {
            message: "the address holds a user name or password".to_owned(),
            hint: "take it away, and give it as `credentialsRef`: a credential with `token`, or `username` and `password`",
            is_secret: true,
        });
    }
    if is_web && url.contains(['?', '#']) {
        return Err(UrlProblem {
            message: "the address holds a question mark or `#`: repositories have none".to_owned(),
            hint: "take away what follows it; a token is given as `credentialsRef`",
            is_secret: true,
        });
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(problem("the address holds a blank or control character", "write a blank as %20"));
    }
    if !SCHEMES.contains(&scheme) {
        let near = did_you_mean(scheme, SCHEMES);
        let known = "use https, http, ssh or file";
        return Err(problem(&format!("a repository cannot be fetched by this scheme{near}"), known));
    }
    let Some(host) = without_port(host_and_port) else {
        // A password with a `/` in it looks like a port.
        let is_secret = url.contains('@');
        let (message, hint) =
            ("the address has a port that is no number", "write `host:8443` or only `host`");
        return Err(UrlProblem { message: message.to_owned(), hint, is_secret });
    };
    match (scheme, host, path) {
        ("file", "", Some(path)) if !path.is_empty() => Ok(Url { scheme, host }),
        ("file", ..) => {
            Err(problem("the address names no folder", "write `file:///path`, with three slashes"))
        }
        (_, "", _) => Err(problem("the address names no host", "write `scheme://host/path`")),
        (_, host, _) if host.starts_with('-') => {
            Err(problem("a host name cannot begin with `-`", "write the host's name"))
        }
        (_, _, None | Some("")) => {
            Err(problem("the address names no repository", "write its path behind the host"))
        }
        _ => Ok(Url { scheme, host }),
    }
}

/// `user@host:path`
fn parse_short(url: &str) -> Result<Url<'_>, UrlProblem> {
    let hint = "write `https://host/path`, `ssh://user@host/path`, `user@host:path` or `file:///path`";
    let problem = |message: &str| UrlProblem { message: message.to_owned(), hint, is_secret: false };
    if url.split_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return Err(UrlProblem {
            message: "the address holds a password".to_owned(),
            hint: "take it away, and give it as `credentialsRef`",
            is_secret: true,
        });
    }
    let Some((host, path)) = url.split_once(':').filter(|(host, _)| !host.contains('/')) else {
        return Err(problem("the address does not say how the repository is reached"));
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if host.is_empty()
        || path.is_empty()
        || url.starts_with('-')
        || host.starts_with('-')
        || url.contains(odd)
    {
        return Err(problem("this is not the address of a repository"));
    }
    Ok(Url { scheme: "ssh", host })
}

/// `None` where the port is no number.
fn without_port(host_and_port: &str) -> Option<&str> {
    match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(host),
        Some(_) if host_and_port.starts_with('[') && host_and_port.ends_with(']') => Some(host_and_port),
        Some(_) => None,
        None => Some(host_and_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_taken() {
        for (url, scheme, host) in [
            ("https://git.example/site.git", "https", "git.example"),
            ("https://git.example:8443/a/b", "https", "git.example"),
            ("http://127.0.0.1:8080/site.git", "http", "127.0.0.1"),
            ("http://[::1]/x", "http", "[::1]"),
            ("http://[::1]:80/x", "http", "[::1]"),
            ("ssh://git@git.example/site.git", "ssh", "git.example"),
            ("ssh://git@git.example:2222/~/site.git", "ssh", "git.example"),
            ("git@git.example:site.git", "ssh", "git.example"),
            ("git.example:/srv/site.git", "ssh", "git.example"),
            ("file:///srv/site.git", "file", ""),
        ] {
            assert_eq!(parse(url), Ok(Url { scheme, host }), "{url}");
        }
    }

    #[test]
    fn what_holds_a_secret_says_so_and_no_message_repeats_it() {
        for url in [
            "https://me:hunter2@git.example/x",
            "https://hunter2@git.example/x",
            "ssh://git:hunter2@git.example/x",
            "git:hunter2@git.example:x",
            "htps://me:hunter2@git.example/x",
            "https://me:hunter2 @git.example/x",
            "https://me:hunter/2@git.example/x",
            "https://me:hun@ter2@git.example/x",
        ] {
            let problem = parse(url).unwrap_err();
            assert!(problem.is_secret, "{url}: {problem:?}");
            assert!(!format!("{problem:?}").contains("hunter"), "{problem:?}");
        }
    }
}
