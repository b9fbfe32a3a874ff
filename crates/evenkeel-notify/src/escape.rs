//! Text that stays text, whatever stands in it: for a line, for chats, for Markdown.
//!
//! What is told comes from machines and repositories: names, values, commit messages, what programs said. None of it may
//! call people, be a link, end a code block, or begin a header of its own.

/// Stands between two characters and is not seen.
const JOINER: char = '\u{2060}';

/// One line of at most `most` characters: without control characters, without what turns the direction of writing or hides
/// letters, and without runs of blanks.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let space = usize::from(count > 0);
        for c in std::iter::repeat_n(' ', space).chain(word.chars().filter(|c| !is_hidden(*c))) {
            if count == most {
                out.pop();
                out.push('…');
                return out;
            }
            out.push(c);
            count += 1;
        }
    }
    out
}

/// Characters that are not seen, or change how others are seen.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || (c.is_control() && c != '\n')
}

/// For Slack and those who take its form: `&`, `<` and `>` as they want them, so that nothing is a link or calls a channel
/// (`<!channel>`), and nothing that reads as `@channel` or as a link in Markdown for those who look for these.
pub(crate) fn slack(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An address such as root@pve1 calls nobody.
            '@' if !before.is_alphanumeric() => out.extend(['@', JOINER]),
            '(' if before == ']' => out.extend([JOINER, '(']),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// `text` as a block of code in Markdown, at most `most` characters of it and of the fence together; with the number of
/// lines that were cut off.
pub(crate) fn code_block(text: &str, most: usize) -> (String, usize) {
    let clean: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    // Longer than any run of backticks in it, so that none of them ends the block.
    let longest = clean.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let room = most.saturating_sub(2 * fence.len() + "text\n\n".len());
    let mut shown = String::new();
    let (mut used, mut cut) = (0, 0);
    for line in clean.trim_end_matches('\n').split('\n') {
        let length = line.chars().count() + 1;
        if cut > 0 || used + length > room {
            cut += 1;
            continue;
        }
        used += length;
        shown.push_str(line);
        shown.push('\n');
    }
    (format!("{fence}text\n{shown}{fence}\n"), cut)
}

/// A short text within a line of Markdown: what means something there is written so that it does not.
pub(crate) fn markdown(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in line(text, most).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.extend(['@', JOINER]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '|' | '~' | '>' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_is_called_and_nothing_is_a_link() {
        assert_eq!(
            slack("<!channel> & <@U1> <http://x|y>"),
            "&lt;!channel&gt; &amp; &lt;@\u{2060}U1&gt; &lt;http://x|y&gt;"
        );
        assert_eq!(slack("@all root@pve1 (@here)"), "@\u{2060}all root@pve1 (@\u{2060}here)");
        assert_eq!(slack("[pay](http://x) a(b)"), "[pay]\u{2060}(http://x) a(b)");
    }

    #[test]
    fn a_line_is_one_line_and_has_an_end() {
        assert_eq!(line(" a\r\nBcc: x@y \t b\u{202e}c\u{0}", 100), "a Bcc: x@y bc");
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line("ab cd", 3), "ab…");
        assert_eq!(line("", 3), "");
    }

    #[test]
    fn a_block_that_is_too_long_is_cut_at_a_line() {
        let (block, cut) = code_block("one\ntwo\nthree\n", 1000);
        assert_eq!((block.as_str(), cut), ("```text\none\ntwo\nthree\n```\n", 0));
        let (block, cut) = code_block("one\ntwo\nthree\n", 21);
        assert_eq!((block.as_str(), cut), ("```text\none\ntwo\n```\n", 1));
        let (block, _) = code_block("a ```` b", 1000);
        assert_eq!(block, "`````text\na ```` b\n`````\n");
    }

    proptest! {
        #[test]
        fn slack_never_sees_a_command(text in "(?s).{0,40}|[<>!@&|a ]{0,30}") {
            let sent = slack(&text);
            prop_assert!(!sent.contains(['<', '>']), "{sent}");
            prop_assert!(!sent.contains("](") && !sent.starts_with("@a") && !sent.contains(" @a"), "{sent}");
        }

        #[test]
        fn a_line_holds_no_line_end(text in "(?s).{0,80}", most in 1_usize..60) {
            let sent = line(&text, most);
            prop_assert!(!sent.chars().any(|c| c.is_control() || is_hidden(c) || c == '\u{85}'), "{sent:?}");
            prop_assert!(sent.chars().count() <= most);
        }

        #[test]
        fn nothing_ends_a_block_but_its_fence(text in "[`~\n a<-]{0,120}", most in 20_usize..400) {
            let (block, _) = code_block(&text, most);
            let fence = block.split("text\n").next().unwrap().to_owned();
            prop_assert!(fence.len() >= 3 && fence.chars().all(|c| c == '`'));
            let inner = block.strip_prefix(&format!("{fence}text\n")).unwrap().strip_suffix(&format!("{fence}\n")).unwrap();
            prop_assert!(!inner.contains(&fence), "{block}");
        }
    }
}
