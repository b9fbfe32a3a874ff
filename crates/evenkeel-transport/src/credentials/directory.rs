//! Secrets as files, one folder per credential and one file per key.

use std::path::PathBuf;

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use secrecy::SecretString;

use super::{Credentials, private_file};

/// Reads `<root>/<name>/<key>`, the way Kubernetes mounts secrets. One trailing line break is cut off.
///
/// A file that the group or others may read is refused.
#[derive(Debug, Clone)]
pub struct DirectoryCredentials {
    root: PathBuf,
}

impl DirectoryCredentials {
    /// Credentials below `root`, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        DirectoryCredentials { root: root.into() }
    }

    /// `None` for names that would leave the folder.
    fn path(&self, secret: &SecretRef) -> Option<PathBuf> {
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\0']);
        (plain(&secret.name) && plain(&secret.key)).then(|| self.root.join(&secret.name).join(&secret.key))
    }
}

impl Credentials for DirectoryCredentials {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        match self.path(secret) {
            Some(path) => private_file::read(&path, "credential file"),
            None => Ok(None),
        }
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        match self.path(secret) {
            Some(path) => format!("write it to {} (mode 0600)", path.display()),
            None => format!("`{}` and `{}` must be plain file names", secret.name, secret.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use evenkeel_core::transport::TransportErrorKind;
    use secrecy::ExposeSecret;

    use super::*;

    fn secret(name: &str, key: &str) -> SecretRef {
        SecretRef { name: name.into(), key: key.into() }
    }

    fn write(root: &Path, name: &str, key: &str, mode: u32, text: &str) {
        use std::io::Write;
        std::fs::create_dir_all(root.join(name)).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let file = options.create(true).write(true).mode(mode).open(root.join(name).join(key));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_private_file_is_read_without_its_final_line_break() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "olive", "password", 0o600, "s3cret \n");
        let found = DirectoryCredentials::new(root.path()).get(&secret("olive", "password")).unwrap();
        assert_eq!(found.expose_secret(), "s3cret ");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "olive", "password", 0o644, "s3cret");
        let error = DirectoryCredentials::new(root.path()).get(&secret("olive", "password")).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Credentials);
        assert!(error.message.contains("0644"), "{error}");
        assert!(error.hint.unwrap().contains("chmod 600"));
        assert!(!error.message.contains("s3cret"));
    }

    #[test]
    fn a_missing_secret_says_where_it_belongs() {
        let root = tempfile::tempdir().unwrap();
        let error = DirectoryCredentials::new(root.path()).get(&secret("olive", "password")).unwrap_err();
        assert!(error.hint.unwrap().contains("olive/password"));
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "inside", "key", 0o600, "x");
        let credentials = DirectoryCredentials::new(root.path().join("inside"));
        assert!(credentials.find(&secret("..", "key")).unwrap().is_none());
        assert!(credentials.find(&secret("../inside", "key")).unwrap().is_none());
    }
}
