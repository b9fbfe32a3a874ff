//! Configuration files of OpenVZ: lines `KEY="value"`, of which a later one counts more.

/// What a text says of a key.
pub(super) fn get<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.trim().strip_prefix(key)?.strip_prefix('=').map(unquoted);
    text.lines().filter_map(value).next_back()
}

/// The text with another value of a key, in the place of the old one.
pub(super) fn set(text: &str, key: &str, value: &str) -> String {
    let line = format!("{key}=\"{value}\"");
    let is_of_key = |old: &str| old.trim().strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter_mut().rfind(|old| is_of_key(old)) {
        Some(old) => *old = &line,
        None => lines.push(&line),
    }
    lines.join("\n") + "\n"
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inner = |quote| value.strip_prefix(quote)?.split(quote).next();
    inner('"')
        .or_else(|| inner('\''))
        .unwrap_or_else(|| value.split([' ', '\t', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_key_counts_and_is_replaced() {
        let text = "# sample\nA=\"1\"\nB='two' # note\nA=3 # x\nAB=4\n";
        assert_eq!((get(text, "A"), get(text, "B"), get(text, "C")), (Some("3"), Some("two"), None));
        assert_eq!(set(text, "A", "5"), "# sample\nA=\"1\"\nB='two' # note\nA=\"5\"\nAB=4\n");
        assert_eq!(set(text, "C", ""), format!("{text}C=\"\"\n"));
    }
}
