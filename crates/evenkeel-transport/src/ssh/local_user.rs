//! Who runs this process.

use std::path::PathBuf;

/// The local user.
#[derive(Debug)]
pub(super) struct LocalUser {
    pub(super) name: String,
    pub(super) home: PathBuf,
}

impl LocalUser {
    /// From the environment; what is not there (as under cron or a service manager) from the user database.
    pub(super) fn current() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let database = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = entry(&database, rustix::process::getuid().as_raw());
        let (name, home) = entry.unwrap_or_else(|| ("root".to_owned(), PathBuf::from("/")));
        LocalUser {
            name: variable("USER").or_else(|| variable("LOGNAME")).unwrap_or(name),
            home: variable("HOME").map_or(home, PathBuf::from),
        }
    }
}

/// Name and home directory of a user id.
fn entry(database: &str, id: u32) -> Option<(String, PathBuf)> {
    database.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found = fields.nth(1)?.parse() == Ok(id);
        found.then(|| Some((name.to_owned(), PathBuf::from(fields.nth(2)?))))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_id() {
        let database = "root:x:0:0:root:/root:/bin/bash\nops:x:1000:1000:Ops,,,:/home/ops:/bin/sh\nbroken\n";
        assert_eq!(entry(database, 1000), Some(("ops".into(), "/home/ops".into())));
        assert_eq!(entry(database, 5), None);
    }
}
