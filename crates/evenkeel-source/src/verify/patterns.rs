//! Lists of patterns, as OpenSSH writes them for hosts, principals and namespaces.

/// True where one of `patterns` matches `name` and none of the negated (`!`) ones does.
pub(crate) fn matches(patterns: impl IntoIterator<Item = impl AsRef<str>>, name: &str) -> bool {
    let mut matched = false;
    for pattern in patterns {
        let pattern = pattern.as_ref();
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        if wildcard(pattern.as_bytes(), name.as_bytes()) {
            if negated {
                return false;
            }
            matched = true;
        }
    }
    matched
}

/// `*` stands for any text, `?` for one character. It never goes back further than the last `*`: a hostile pattern
/// cannot make it slow.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_openssh_matches_them() {
        for (patterns, name, expected) in [
            (vec!["web?"], "web", false),
            (vec!["*@example.net"], "me@example.net", true),
            (vec!["*@example.net", "!bad@example.net"], "bad@example.net", false),
            (vec!["!bad"], "good", false),
            (vec!["*a*b*c"], "xxaxxbxxbxc", true),
            (vec![], "x", false),
        ] {
            assert_eq!(matches(&patterns, name), expected, "{patterns:?} {name}");
        }
    }
}
