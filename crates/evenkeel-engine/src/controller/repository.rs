//! Whether two URLs mean one repository.

/// True where both name the same host and path, whatever the protocol, user, port, case of the host, and `.git`.
pub(super) fn same_repository(one: &str, other: &str) -> bool {
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Host and path.
fn place(url: &str) -> Option<(String, String)> {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        // `user@host:path`
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?,
    };
    let host = host.rsplit('@').next()?;
    let host = host.split(':').next()?.to_ascii_lowercase();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!path.is_empty()).then(|| (host, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_repository() {
        let ours = "ssh://git@git.teppi.net/team/infra.git";
        for same in [
            "https://git.teppi.net/team/infra",
            "git@git.teppi.net:team/infra.git",
            "https://token@GIT.teppi.net:8443/team/infra.git/",
        ] {
            assert!(same_repository(ours, same), "{same}");
        }
        for other in [
            "https://git.teppi.net/team/infra2",
            "https://other.net/team/infra",
            "infra",
            "https://git.teppi.net/",
        ] {
            assert!(!same_repository(ours, other), "{other}");
        }
        assert!(same_repository("file:///srv/infra.git", "file:///srv/infra.git"));
    }
}
