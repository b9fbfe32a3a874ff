//! Names in URLs.

use reqwest::Url;

/// The path of a URL, or of the path of one, decoded; `None` where it is not UTF-8.
pub(super) fn path_of(href: &str) -> Option<String> {
    match Url::parse(href) {
        Ok(url) => decoded(url.path()),
        Err(_) => decoded(href.split(['?', '#']).next()?),
    }
}

/// A name within a folder that means only itself.
pub(super) fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\n', '\0'])
}

/// `name` in `folder`, either of which may be empty.
pub(super) fn join(folder: &str, name: &str) -> String {
    match (folder.trim_end_matches('/'), name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| byte == b'%').and_then(|pair| hex::decode(pair).ok());
        if let Some([decoded]) = pair.as_deref() {
            bytes.push(*decoded);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(path_of("/dav/a%20b%2525/%C3%A4").as_deref(), Some("/dav/a b%25/ä"));
        assert_eq!(path_of("https://nas:1/dav/a%20b?x").as_deref(), Some("/dav/a b"));
        assert_eq!(path_of("/100%/x%2").as_deref(), Some("/100%/x%2"));
        assert_eq!(path_of("/%ff"), None);
    }

    #[test]
    fn only_names_of_members_are_plain() {
        assert!(is_plain("a b") && is_plain("-x") && is_plain("%2e"));
        assert!(["", ".", "..", "a/b", "a\nb"].iter().all(|name| !is_plain(name)));
    }
}
