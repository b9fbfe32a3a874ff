//! Names of datasets and pools.

/// The longest dataset name, in bytes.
const MAX_NAME: usize = 255;
/// How many datasets deep a name may go.
const MAX_DEPTH: usize = 50;
/// Words that `zpool` takes for kinds of virtual devices.
const RESERVED_POOLS: [&str; 5] = ["mirror", "raidz", "draid", "spare", "log"];

/// What is wrong with a name, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadName {
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

fn bad(message: impl Into<String>) -> BadName {
    BadName { message: message.into(), hint: None }
}

/// Checks `pool/path/to/dataset`.
pub(super) fn check_dataset(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(bad("the dataset's name is empty"));
    }
    if name.contains('@') || name.contains('#') {
        let hint =
            Some("name the filesystem or volume; snapshots and bookmarks are not datasets of this kind");
        return Err(BadName { hint, ..bad(format!("`{name}` names a snapshot or a bookmark")) });
    }
    if name.starts_with('/') {
        let hint = Some("write the dataset's name (`tank/home`), not the place where it is mounted");
        return Err(BadName { hint, ..bad(format!("`{name}` begins with a slash")) });
    }
    if name.ends_with('/') {
        return Err(bad(format!("`{name}` ends with a slash")));
    }
    if name.len() > MAX_NAME {
        return Err(bad(format!("the dataset's name is {} bytes long, {MAX_NAME} are allowed", name.len())));
    }
    if name.split('/').count() > MAX_DEPTH {
        return Err(bad(format!("`{name}` is more than {MAX_DEPTH} datasets deep")));
    }
    check_pool(name.split('/').next().unwrap_or(name))?;
    name.split('/').try_for_each(|part| check_component(part, name))
}

/// Checks a pool's name.
pub(super) fn check_pool(name: &str) -> Result<(), BadName> {
    if name.contains('/') {
        return Err(bad(format!("`{name}` is a dataset's name, not a pool's")));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(bad(format!("a pool's name begins with a letter, `{name}` does not")));
    }
    if RESERVED_POOLS.contains(&name) {
        return Err(bad(format!("`{name}` is reserved, no pool can be called so")));
    }
    check_component(name, name)
}

fn check_component(part: &str, name: &str) -> Result<(), BadName> {
    if part.is_empty() {
        return Err(bad(format!("`{name}` has an empty part between two slashes")));
    }
    if part == "." || part == ".." {
        return Err(bad(format!("`{name}` has the part `{part}`, which ZFS does not allow")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.: ".contains(c);
    match part.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(BadName {
            hint: Some("letters, digits, `-`, `_`, `.`, `:` and spaces are allowed"),
            ..bad(format!("`{name}` has the character {c:?}, which ZFS does not allow"))
        }),
        None => Ok(()),
    }
}

/// The dataset that contains `name`; `None` for a pool's own.
pub(super) fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(parent, _)| parent)
}

/// The pool that `name` lies in.
pub(super) fn pool(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_zfs_takes_pass() {
        for name in ["tank", "POOL1", "tank/vm/db", "tank/a b", "tank/a-b_c.d:e", "rpool/ROOT/debian-1"] {
            assert_eq!(check_dataset(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_zfs_refuses_do_not() {
        let long = format!("tank/{}", "x".repeat(251));
        let deep = vec!["a"; 51].join("/");
        for name in [
            "",
            "/tank",
            "tank/",
            "tank//a",
            "tank/a@s",
            "tank#b",
            "1tank",
            "-tank",
            "tank/ü",
            "tank/a%b",
            "tank/../b",
            "tank/.",
            "mirror/a",
            "tank/a\n",
            &long,
            &deep,
        ] {
            assert!(check_dataset(name).is_err(), "{name}");
        }
        assert!(check_pool("tank/a").is_err());
    }

    #[test]
    fn a_name_knows_its_parent_and_pool() {
        assert_eq!((parent("tank/a/b"), pool("tank/a/b")), (Some("tank/a"), "tank"));
        assert_eq!((parent("tank"), pool("tank")), (None, "tank"));
    }
}
