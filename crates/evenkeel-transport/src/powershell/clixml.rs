//! What PowerShell says on standard error: CLIXML where nobody sits before it, made into the text that a person would
//! see.
//!
//! `#< CLIXML` in a line of its own, then a document `<Objs>` whose elements each carry the stream that they went to:
//! `<S S="Error">text</S>`, or `<Obj S="progress">` with a record. Several documents may follow one another, a native
//! program may say something in between, and the last one may be cut off. In its texts, a UTF-16 unit that XML cannot
//! carry, or that it would change, is `_xHHHH_` (Microsoft's MS-PSRP, 2.2.5.3.2).

use memchr::memmem;

/// How a document is announced.
const ANNOUNCED: &str = "#< CLIXML";

/// The end of a document.
const END: &str = "</Objs>";

/// The errors and warnings in what was said on standard error, without colours; what is not CLIXML is left as it is.
pub fn text(said: &str) -> String {
    let mut text = String::with_capacity(said.len());
    let mut rest = said;
    while let Some((before, after)) = rest.split_once(ANNOUNCED) {
        text.push_str(before);
        rest = after.trim_start();
        while rest.starts_with("<Objs") {
            let end = rest.find(END).map_or(rest.len(), |at| at + END.len());
            let (document, after) = rest.split_at(end);
            take_document(document, &mut text);
            rest = after.trim_start_matches(['\r', '\n']);
        }
    }
    text.push_str(rest);
    without_colours(&text)
}

fn take_document(document: &str, text: &mut String) {
    let mut rest = document;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((tag, content)) = after.split_once('>') else { return };
        rest = content;
        let is_said = matches!(stream(tag).to_ascii_lowercase().as_str(), "error" | "warning");
        if !is_said || tag.ends_with('/') {
            continue;
        }
        let content = match tag.split_once(' ') {
            Some(("S", _)) => content,
            // A record, where somebody asked for XML: its text is the first of its parts.
            _ => content.split_once("<ToString>").map_or("", |(_, content)| content),
        };
        let content = content.split_once('<').map_or(content, |(content, _)| content);
        text.push_str(&unescaped(&without_entities(content)));
    }
}

/// The stream of an element: the value of its attribute `S`.
fn stream(tag: &str) -> &str {
    let value = tag.split_once(" S=\"").and_then(|(_, value)| value.split_once('"'));
    value.map_or("", |(value, _)| value)
}

fn without_entities(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let entity = after.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        let (c, after) = entity.unwrap_or(('&', after));
        text.push(c);
        rest = after;
    }
    text.push_str(rest);
    text
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)
        }
    }
}

/// Puts the characters back that stand as `_xHHHH_`; two units of UTF-16 may be one character.
fn unescaped(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut units: Vec<u16> = Vec::new();
    let mut rest = content;
    while let Some((plain, _)) = rest.split_once('_') {
        let (plain, after) = rest.split_at(plain.len());
        let unit = unit(after);
        if !plain.is_empty() || unit.is_none() {
            text.push_str(&String::from_utf16_lossy(&std::mem::take(&mut units)));
            text.push_str(plain);
        }
        rest = if let Some((unit, after)) = unit {
            units.push(unit);
            after
        } else {
            text.push('_');
            after.get(1..).unwrap_or_default()
        };
    }
    text.push_str(&String::from_utf16_lossy(&units));
    text.push_str(rest);
    text
}

/// The unit that `text` begins with, and what comes after it.
fn unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.strip_prefix("_x")?.split_at_checked(4)?;
    let rest = rest.strip_prefix('_')?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    Some((unit, rest))
}

/// Takes out the sequences with which PowerShell 7 colours its errors: `ESC [ 31;1 m`.
fn without_colours(text: &str) -> String {
    const BEGIN: &str = "\u{1b}[";
    if memmem::find(text.as_bytes(), BEGIN.as_bytes()).is_none() {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        plain.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        let (_, after) = after.split_at(end.unwrap_or(after.len()));
        rest = after.strip_prefix('m').unwrap_or(after);
    }
    plain.push_str(rest);
    plain
}
