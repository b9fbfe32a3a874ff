//! Lists of patterns, as OpenSSH writes them: for hosts in `ssh_config` and `known_hosts`, for principals and namespaces
//! in files of signers.

/// True where one of `patterns` matches the host `name` and none of the negated (`!`) ones does. Case does not count.
pub fn match_host<'a>(patterns: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    any(patterns, |pattern| wildcard(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes()))
}

/// True where one of `patterns` matches `name` and none of the negated (`!`) ones does. Case counts.
pub fn match_name<'a>(patterns: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    any(patterns, |pattern| wildcard(pattern.as_bytes(), name.as_bytes()))
}

fn any<'a>(patterns: impl IntoIterator<Item = &'a str>, matches: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    for pattern in patterns {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        if matches(pattern) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `*` stands for any text, `?` for one character. Linear in memory, and it never backtracks further than the last
/// `*`: a hostile pattern cannot make it slow.
pub(crate) fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
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
    fn patterns_match_as_ssh_matches_them() {
        let cases: [(&[&str], &str, bool); 13] = [
            (&["web1"], "web1", true),
            (&["WEB1"], "web1", true),
            (&["web?"], "web", false),
            (&["web*"], "web", true),
            (&["*.example.net"], "a.b.example.net", true),
            (&["*.example.net", "!bad.example.net"], "bad.example.net", false),
            (&["!bad.example.net", "*.example.net"], "bad.example.net", false),
            (&["!bad"], "good", false),
            (&["[*.example.net]:2222"], "[a.example.net]:2222", true),
            (&["*a*b*c"], "xxaxxbxxbxc", true),
            (&["*@example.net"], "me@example.net", true),
            (&["*@example.net", "!bad@example.net"], "bad@example.net", false),
            (&[], "x", false),
        ];
        for (patterns, name, expected) in cases {
            assert_eq!(match_host(patterns.iter().copied(), name), expected, "{patterns:?} {name}");
            let same_case = patterns != ["WEB1"];
            assert_eq!(
                match_name(patterns.iter().copied(), name),
                expected && same_case,
                "{patterns:?} {name}"
            );
        }
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!wildcard(pattern.as_bytes(), "a".repeat(20_000).as_bytes()));
    }
}
