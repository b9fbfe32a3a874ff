//! The `%` tokens and `~` of `ssh_config` values.

use std::path::{Path, PathBuf};

/// What the tokens stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tokens<'a> {
    /// `%d`: the local home directory.
    pub(super) home: &'a Path,
    /// `%u`: the local user.
    pub(super) local_user: &'a str,
    /// `%n`: the host as the user named it.
    pub(super) alias: &'a str,
    /// `%h`: the host that is connected to.
    pub(super) host: &'a str,
    /// `%p`: its port.
    pub(super) port: u16,
    /// `%r`: the remote user.
    pub(super) remote_user: &'a str,
}

impl Tokens<'_> {
    /// `text` with its tokens replaced; a token that is not known is given back as the error.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some('d') => out.push_str(&self.home.to_string_lossy()),
                Some('u') => out.push_str(self.local_user),
                Some('n') => out.push_str(self.alias),
                Some('h') => out.push_str(self.host),
                Some('p') => out.push_str(&self.port.to_string()),
                Some('r') => out.push_str(self.remote_user),
                other => return Err(format!("%{}", other.map(String::from).unwrap_or_default())),
            }
        }
        Ok(out)
    }

    /// A path with its tokens and a leading `~/` replaced.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, String> {
        Ok(tilde(self.home, &self.expand(text)?))
    }
}

/// `~/` is the home directory.
pub(super) fn tilde(home: &Path, path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_and_unknown_ones_named() {
        let tokens = Tokens {
            home: Path::new("/home/me"),
            local_user: "me",
            alias: "web",
            host: "web1.example.net",
            port: 22,
            remote_user: "root",
        };
        assert_eq!(
            tokens.path("~/keys/%r@%h-%p-%n%%"),
            Ok(PathBuf::from("/home/me/keys/root@web1.example.net-22-web%"))
        );
        assert_eq!(tokens.path("%d/x-%u"), Ok(PathBuf::from("/home/me/x-me")));
        assert_eq!(tokens.expand("%C"), Err("%C".to_owned()));
    }
}
