//! Text from targets must not steer the terminal: what is shown before a `yes` is what is there.

use std::borrow::Cow;

/// The colours and weights that this program uses itself. Never concealed text, and no backgrounds.
const STYLES: [&str; 16] =
    ["", "0", "1", "2", "22", "31", "32", "33", "34", "35", "36", "39", "91", "92", "93", "94"];

/// `text` with everything escaped that moves the cursor, hides or reorders text: control characters but line
/// breaks, sequences but those of [`STYLES`], and characters that change the direction of writing.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = style(rest).unwrap_or(c.len_utf8());
        let (head, tail) = rest.split_at(taken);
        if taken > c.len_utf8() || c == '\n' || !is_hidden(c) {
            out.push_str(head);
        } else {
            out.extend(c.escape_unicode());
        }
        rest = tail;
    }
    Cow::Owned(out)
}

/// `text` in one line: a value must not look like further lines of what it is shown in.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains('\n') { Cow::Owned(text.replace('\n', "\\n")) } else { Cow::Borrowed(text) }
}

/// The length of the style sequence that `text` begins with, if it is one of ours.
fn style(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\u{1b}[")?;
    let end = body.find('m')?;
    body.get(..end)?.split(';').all(|word| STYLES.contains(&word)).then_some("\u{1b}[".len() + end + 1)
}

fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::style::{Tone, paint};

    #[test]
    fn what_steers_a_terminal_is_shown_instead() {
        assert_eq!(visible("a\u{1b}[2Kb\u{7}c\r\u{202e}d"), "a\\u{1b}[2Kb\\u{7}c\\u{d}\\u{202e}d");
        assert_eq!(visible("\u{1b}[8mhidden"), "\\u{1b}[8mhidden");
        assert_eq!(visible("\u{1b}"), "\\u{1b}");
        assert_eq!(visible("名前 → ü\n"), "名前 → ü\n");
        assert_eq!(one_line("a\nPlan: nothing to do"), "a\\nPlan: nothing to do");
    }

    #[test]
    fn our_own_styles_stay() {
        let tones =
            [Tone::Create, Tone::Change, Tone::Remove, Tone::Bad, Tone::Warn, Tone::Faint, Tone::Strong];
        for text in tones.map(|tone| paint(tone, "x")) {
            assert_eq!(visible(&text), text);
        }
    }
}
