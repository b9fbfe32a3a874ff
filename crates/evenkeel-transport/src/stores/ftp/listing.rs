//! Listings of FTP servers: the exact form (`MLSD`), and what `LIST` prints for people in its common forms.
//!
//! A line that nobody understands is an error: a listing with one entry less would be a lie.

use std::collections::BTreeMap;

use evenkeel_core::request::Entry;

/// What is directly in a folder, by name. A file whose size the server did not say has none.
pub(super) type Found = BTreeMap<String, Seen>;

/// An entry as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Folder,
    File(Option<u64>),
    Other,
}

/// A line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotUnderstood(pub(super) String);

/// The server's answer to `MLSD`.
pub(super) fn exact(bytes: &[u8]) -> Result<Found, NotUnderstood> {
    collect(bytes, exact_line)
}

/// The server's answer to `LIST`, and whether it showed the folder itself (`.`), as it does when asked for all.
pub(super) fn for_people(bytes: &[u8]) -> Result<(Found, bool), NotUnderstood> {
    let mut itself = false;
    let found = collect(bytes, |line| {
        if is_total(line) {
            return Some(Line::NoEntry);
        }
        let (name, seen) = unix(line).or_else(|| dos(line))?;
        itself |= name == ".";
        Some(Line::Entry(name, seen))
    })?;
    Ok((found, itself))
}

/// A line of a listing.
enum Line {
    Entry(String, Seen),
    NoEntry,
}

/// Takes lines apart with `read`, which gives nothing for one that it does not understand.
fn collect(bytes: &[u8], mut read: impl FnMut(&str) -> Option<Line>) -> Result<Found, NotUnderstood> {
    let mut found = Found::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            continue;
        }
        let (name, seen) = match read(&text) {
            None => return Err(NotUnderstood(text.chars().take(200).collect())),
            Some(Line::NoEntry) => continue,
            Some(Line::Entry(name, _)) if name == "." || name == ".." => continue,
            Some(Line::Entry(name, seen)) => (name, seen),
        };
        if std::str::from_utf8(line).is_ok() && is_name(&name) {
            found.insert(name, seen);
        } else {
            // It is there, but cannot be named to the server: nobody is to touch it.
            found.entry(name.replace('/', "\u{fffd}")).or_insert(Seen::Other);
        }
    }
    Ok(found)
}

fn is_name(name: &str) -> bool {
    !name.contains('/') && !name.contains(char::is_control)
}

/// `type=file;size=12;modify=20261120214300; name`
fn exact_line(line: &str) -> Option<Line> {
    let (facts, name) = line.split_once(' ')?;
    if name.is_empty() {
        return None;
    }
    let (mut kind, mut size) = (None, None);
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (key, value) = fact.split_once('=')?;
        match key.to_ascii_lowercase().as_str() {
            "type" => kind = Some(value.to_ascii_lowercase()),
            "size" => size = Some(value.parse().ok()?),
            _ => {}
        }
    }
    let seen = match kind?.as_str() {
        "cdir" | "pdir" => return Some(Line::NoEntry),
        "dir" => Seen::Folder,
        "file" => Seen::File(size),
        _ => Seen::Other,
    };
    Some(Line::Entry(name.to_owned(), seen))
}

/// `total 12`, in whatever language: a word and a number.
fn is_total(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.next().is_some_and(|word| word.eq_ignore_ascii_case("total"));
    first && words.all(|word| word.chars().next().is_some_and(|c| c.is_ascii_digit()))
}

/// `-rw-r--r--    1 ftp      ftp         12 Nov 20 21:43 name`: what comes before the date differs from server to
/// server, so the date is looked for.
fn unix(line: &str) -> Option<(String, Seen)> {
    let kind = line.chars().next()?;
    let words = words(line);
    let (_, mode) = words.first()?;
    if !mode.is_ascii() || mode.len() < 10 || !"-dlbcpsD".contains(kind) {
        return None;
    }
    for at in 2..words.len() {
        let size: Option<u64> = words.get(at - 1).and_then(|(_, word)| word.parse().ok());
        let Some((size, length)) = size.zip(date_length(words.get(at..)?)) else { continue };
        let (begin, last) = words.get(at + length - 1)?;
        // One blank, then the name with all of its own.
        let name = line.get(begin + last.len()..)?.strip_prefix(' ').filter(|name| !name.is_empty())?;
        return Some(match kind {
            'd' => (name.to_owned(), Seen::Folder),
            '-' => (name.to_owned(), Seen::File(Some(size))),
            'l' => (name.split_once(" -> ").map_or(name, |(name, _)| name).to_owned(), Seen::Other),
            _ => (name.to_owned(), Seen::Other),
        });
    }
    None
}

/// How many words the date has that begins here, if one does.
fn date_length(words: &[(usize, &str)]) -> Option<usize> {
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    let (first, second) = (word(0)?, word(1)?);
    if is_day(first, '-') && is_time(second) {
        let zone = word(2).is_some_and(|zone| {
            zone.len() == 5
                && zone.starts_with(['+', '-'])
                && zone.chars().skip(1).all(|c| c.is_ascii_digit())
        });
        return Some(if zone { 3 } else { 2 });
    }
    let third = word(2)?;
    let month_and_day = |month, day| is_month(month) && is_number(day, 1, 2);
    let date = month_and_day(first, second) || month_and_day(second, first);
    (date && (is_time(third) || is_number(third, 4, 4))).then_some(3)
}

/// `11-20-26  09:43PM       <DIR>          name`, `11-20-2026  21:43             12 name`
fn dos(line: &str) -> Option<(String, Seen)> {
    let words = words(line);
    let word = |at: usize| words.get(at).map(|(_, word)| *word);
    if !is_day(word(0)?, '-') || !is_time(word(1)?) {
        return None;
    }
    let (begin, size) = words.get(2)?;
    let rest = line.get(begin + size.len()..)?;
    let (name, seen) = match *size {
        "<DIR>" => (rest.trim_start(), Seen::Folder),
        size if size.starts_with('<') => (rest.trim_start(), Seen::Other),
        size => (rest.strip_prefix(' ')?, Seen::File(Some(size.replace(',', "").parse().ok()?))),
    };
    (!name.is_empty()).then(|| (name.to_owned(), seen))
}

/// The words of a line, each with where it begins.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    for part in line.split(' ') {
        if !part.is_empty() {
            words.push((at, part));
        }
        at += part.len() + 1;
    }
    words
}

fn is_number(word: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_month(word: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    MONTHS.contains(&word.to_ascii_lowercase().as_str())
}

/// `2026-11-20`, `11-20-26`
fn is_day(word: &str, between: char) -> bool {
    let parts: Vec<&str> = word.split(between).collect();
    parts.len() == 3 && parts.iter().all(|part| is_number(part, 2, 4))
}

/// `21:43`, `21:43:07.123`, `09:43PM`
fn is_time(word: &str) -> bool {
    let word = word.trim_end_matches(['A', 'P', 'M', 'a', 'p', 'm']);
    let Some((hours, rest)) = word.split_once(':') else { return false };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
    is_number(hours, 1, 2) && rest.len() >= 2 && digits(rest)
}

impl Seen {
    /// What a listing says of it, if the size is known.
    pub(super) fn entry(self) -> Option<Entry> {
        match self {
            Seen::Folder => Some(Entry::Folder),
            Seen::File(size) => size.map(Entry::File),
            Seen::Other => Some(Entry::Other),
        }
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
