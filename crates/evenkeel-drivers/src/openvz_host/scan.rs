//! Finds the assignments in what a shell reads, as far as it is nothing but assignments.

use std::ops::Range;

use super::shell_file::Odd;

/// Messages quote at most so many characters of a line.
const LONGEST_QUOTE: usize = 60;

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// The assignments, in order.
    pub(super) entries: Vec<Entry>,
    /// The first line that is something else: what comes of any key is not known then.
    pub(super) odd: Option<Odd>,
    /// How many lines there are.
    pub(super) lines: usize,
}

/// An assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// Where its value stands, with its quotes.
    pub(super) value: Range<usize>,
    pub(super) word: Word,
    pub(super) quoting: Quoting,
    pub(super) is_exported: bool,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// This text.
    Plain(String),
    /// Not known, and why.
    Unknown(&'static str),
}

/// How a value is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// `KEY=value`
    Bare,
    /// `KEY='value'`
    Single,
    /// `KEY="value"`, or several ways at once.
    Double,
}

impl Quoting {
    /// The value as it is written, in this way where that can be.
    pub(super) fn write(self, value: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.,/@%+:-".contains(c);
        match self {
            Quoting::Bare if value.chars().all(is_plain) => value.to_owned(),
            Quoting::Single if !value.contains('\'') => format!("'{value}'"),
            _ => format!("\"{value}\""),
        }
    }
}

impl Scan {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
        let mut cursor = Cursor { bytes, at: 0, line: 1 };
        let mut entries = Vec::new();
        // No shell reads such a byte.
        let mut odd = bytes.iter().position(|byte| *byte == 0).map(|at| Odd {
            line: 1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count(),
            problem: "has a NUL byte in it".to_owned(),
        });
        while let Some(byte) = cursor.peek() {
            match byte {
                b' ' | b'\t' | b'\n' => cursor.step(),
                b'#' => cursor.skip_line(),
                _ => {
                    let (start, line) = (cursor.at, cursor.line);
                    if let Some(entry) = cursor.assignment() {
                        entries.push(entry);
                    } else {
                        odd.get_or_insert_with(|| odd_line(bytes, start, line));
                        (cursor.at, cursor.line) = (start, line);
                        cursor.skip_line();
                    }
                }
            }
        }
        Scan { entries, odd, lines }
    }
}

fn odd_line(bytes: &[u8], start: usize, line: usize) -> Odd {
    let rest = bytes.get(start..).unwrap_or_default();
    let text = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let shown: String =
        text.chars().take(LONGEST_QUOTE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Odd { line, problem: format!("(`{}`) is no plain `KEY=\"value\"`", shown.trim_end()) }
}

/// What is not known of a value, and why; the first reason counts.
#[derive(Default)]
struct Doubt(Option<&'static str>);

impl Doubt {
    const WORKED_OUT: &'static str = "has something in it that a shell works out";
    const GOES_ON: &'static str = "goes on with the next line";

    fn because(&mut self, why: &'static str) {
        self.0.get_or_insert(why);
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn name(&mut self) -> Option<String> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let name = str::from_utf8(self.bytes.get(start..self.at)?).ok()?;
        let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        begins.then(|| name.to_owned())
    }

    /// An assignment with nothing but a comment behind it; `None` where it is something else.
    fn assignment(&mut self) -> Option<Entry> {
        let line = self.line;
        let mut key = self.name()?;
        let is_exported = key == "export" && matches!(self.peek(), Some(b' ' | b'\t'));
        if is_exported {
            self.skip_blanks();
            key = self.name()?;
        }
        let is_assigned = self.peek() == Some(b'=');
        let (mut word, mut quoting) = (Word::Unknown("exports it"), Quoting::Bare);
        let mut value = self.at..self.at;
        if is_assigned {
            self.at += 1;
            let start = self.at;
            (word, quoting) = self.word()?;
            value = start..self.at;
        } else if !is_exported {
            return None;
        }
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b'#') => Some(Entry { key, line, value, word, quoting, is_exported }),
            Some(_) => None,
        }
    }

    /// A value; `None` where it is none that can be followed to its end.
    fn word(&mut self) -> Option<(Word, Quoting)> {
        let (start, first_line) = (self.at, self.line);
        let mut text = Vec::new();
        let mut doubt = Doubt::default();
        let mut parts = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'`' | 0 => return None,
                b'\'' => {
                    parts.push(Quoting::Single);
                    self.single(&mut text)?;
                }
                b'"' => {
                    parts.push(Quoting::Double);
                    self.double(&mut text, &mut doubt)?;
                }
                _ => {
                    if parts.last() != Some(&Quoting::Bare) {
                        parts.push(Quoting::Bare);
                    }
                    let is_first = self.at == start || text.last() == Some(&b':');
                    match byte {
                        b'\\' => self.escape(&mut doubt),
                        b'$' => self.dollar(&mut doubt)?,
                        b'~' if is_first => self.doubtful(&mut doubt, Doubt::WORKED_OUT),
                        _ => {
                            text.push(byte);
                            self.at += 1;
                        }
                    }
                }
            }
        }
        if self.line != first_line {
            doubt.because(Doubt::GOES_ON);
        }
        let quoting = match parts.as_slice() {
            [] | [Quoting::Bare] => Quoting::Bare,
            [Quoting::Single] => Quoting::Single,
            _ => Quoting::Double,
        };
        let word = match (doubt.0, String::from_utf8(text)) {
            (Some(why), _) => Word::Unknown(why),
            (None, Ok(text)) => Word::Plain(text),
            (None, Err(_)) => Word::Unknown("is not UTF-8"),
        };
        Some((word, quoting))
    }

    fn doubtful(&mut self, doubt: &mut Doubt, why: &'static str) {
        doubt.because(why);
        self.step();
    }

    fn single(&mut self, text: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                0 => return None,
                b'\'' => break self.at += 1,
                byte => {
                    text.push(byte);
                    self.step();
                }
            }
        }
        Some(())
    }

    fn double(&mut self, text: &mut Vec<u8>, doubt: &mut Doubt) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'`' | 0 => return None,
                b'"' => break self.at += 1,
                b'\\' => self.escape(doubt),
                b'$' => self.dollar(doubt)?,
                byte => {
                    text.push(byte);
                    self.step();
                }
            }
        }
        Some(())
    }

    /// A backslash, and what it stands before.
    fn escape(&mut self, doubt: &mut Doubt) {
        self.at += 1;
        let why = if self.peek() == Some(b'\n') { Doubt::GOES_ON } else { Doubt::WORKED_OUT };
        doubt.because(why);
        if self.peek().is_some() {
            self.step();
        }
    }

    /// `$NAME` or `${NAME}`; `None` for what may have quotes of its own in it.
    fn dollar(&mut self, doubt: &mut Doubt) -> Option<()> {
        self.doubtful(doubt, Doubt::WORKED_OUT);
        match self.peek() {
            Some(b'(' | b'\'') => None,
            Some(b'{') => {
                self.at += 1;
                self.name()?;
                (self.peek()? == b'}').then(|| self.at += 1)
            }
            _ => Some(()),
        }
    }
}
