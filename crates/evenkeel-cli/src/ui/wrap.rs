//! Long sentences on a terminal: broken between words, and kept under their first line.

use std::sync::OnceLock;

use console::Term;

/// No narrower than this, whatever the terminal: a sentence of one word per line is no better.
const NARROWEST: usize = 40;

/// `text` for a place `indent` columns to the right, of which the first line has begun already. Anything but a
/// terminal gets it unbroken, so that it can be searched.
pub(super) fn paragraph(text: &str, indent: usize) -> String {
    static WIDTH: OnceLock<Option<usize>> = OnceLock::new();
    let term = Term::stdout();
    let width = *WIDTH.get_or_init(|| term.is_term().then(|| usize::from(term.size().1)));
    broken(text, indent, width)
}

fn broken(text: &str, indent: usize, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.max(NARROWEST).saturating_sub(indent));
    let lines: Vec<String> = text.lines().flat_map(|line| lines(line, room)).collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

fn lines(text: &str, room: usize) -> Vec<String> {
    if text.chars().count() <= room {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words_on_a_terminal_only() {
        let text = "a crash of the host loses up to about five seconds of writes";
        assert_eq!(broken(text, 8, None), text);
        let two = "a crash of the host loses up to\n          about five seconds of writes";
        assert_eq!(broken(text, 10, Some(45)), two);
        assert_eq!(broken("one\ntwo", 2, Some(80)), "one\n  two");
    }

    #[test]
    fn a_word_that_does_not_fit_stays_whole() {
        let word = "x".repeat(90);
        assert_eq!(broken(&format!("see {word}"), 0, Some(80)), format!("see\n{word}"));
    }
}
