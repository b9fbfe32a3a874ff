//! Colours, by meaning.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

/// What a piece of text means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Create,
    Change,
    Remove,
    Good,
    Bad,
    Warn,
    Faint,
    Strong,
}

/// Text in its tone; the stream strips the colour where nobody sees it.
pub(super) fn paint(tone: Tone, text: impl Display) -> String {
    let color = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
    let style = match tone {
        Tone::Create | Tone::Good => color(AnsiColor::Green),
        Tone::Change | Tone::Warn => color(AnsiColor::Yellow),
        Tone::Remove | Tone::Bad => color(AnsiColor::Red),
        Tone::Faint => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    };
    format!("{style}{text}{style:#}")
}

/// `1 error`, `2 errors`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
