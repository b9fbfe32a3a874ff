//! What a path in a store may be.

use super::{StoreError, Stored};

/// Refuses a path that is not made of plain names: nothing of ours goes where nobody meant it to.
pub(crate) fn check(path: &str) -> Stored<()> {
    let names = path.strip_prefix('/').unwrap_or(path);
    let bad = |name: &str| name.is_empty() || name == "." || name == "..";
    if names.split('/').any(bad) || path.chars().any(char::is_control) {
        return Err(StoreError::Refused(format!(
            "{path:?} is no path of a store: names with a single `/` between them, no `.`, `..` or control characters"
        )));
    }
    Ok(())
}

/// As [`check`], or the top.
pub(crate) fn check_folder(path: &str) -> Stored<()> {
    if path == "/" { Ok(()) } else { check(path) }
}

/// Refuses what is not one name.
pub(crate) fn check_name(name: &str) -> Stored<()> {
    if name.contains('/') {
        return Err(StoreError::Refused(format!("{name:?} is not the name of a file in the folder")));
    }
    check(name)
}

/// The folder that something is in, `/` for what is at the top; `None` where that is the one that a login begins in.
pub(crate) fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

/// The last name of a path.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// What is in a folder by that name.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder == "/" { format!("/{name}") } else { format!("{folder}/{name}") }
}

/// What a file is called while it is being written.
pub(crate) fn part(path: &str) -> String {
    format!("{path}.part")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_paths() {
        for good in ["a", "/a", "a/b c/ü-1.tar", "/a/b", "-rf", "a..b", "...", "~", "*"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in
            ["", "/", "//a", "a//b", "a/", ".", "./a", "a/../b", "..", "a\nb", "a\0", "a\r", "a/\u{7f}"]
        {
            assert!(matches!(check(bad), Err(StoreError::Refused(_))), "{bad:?}");
        }
        assert_eq!(check_folder("/"), Ok(()));
        assert!(check_name("a/b").is_err() && check_name("a").is_ok());
    }

    #[test]
    fn parents_and_names() {
        assert_eq!((parent("/a/b"), name("/a/b")), (Some("/a"), "b"));
        assert_eq!((parent("/a"), name("/a")), (Some("/"), "a"));
        assert_eq!((parent("a"), name("a")), (None, "a"));
        assert_eq!(
            (join("/", "a"), join("/x", "a"), join("x", "a")),
            ("/a".into(), "/x/a".into(), "x/a".into())
        );
    }
}
