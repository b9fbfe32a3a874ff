//! What clones are called: by a pattern. Names are for people: they are written, and never read back.

use jiff::Zoned;
use jiff::fmt::strtime;

/// The most characters that a virtual machine's name may have.
pub(super) const LONGEST: usize = 80;

/// The words for a time, as the seed of all this wrote them, and what they are for `strftime`.
const TIMES: [(&str, &str); 6] =
    [("yyyy", "%Y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("mm", "%M"), ("ss", "%S")];

/// A pattern such as `zz_{vm}-{slot}-{yyyyMMddHHmm}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{vm}`: what it is a clone of.
    Vm,
    /// `{slot}`: the number, of two digits at least.
    Slot,
    /// A time, for `strftime`.
    Time(String),
}

/// What is wrong with a pattern, and what to write instead.
pub(super) type Fault = (String, &'static str);

/// What a pattern can have in braces.
const WORDS: &str = "there are {vm}, {slot}, and times such as {yyyyMMddHHmm}";

impl Pattern {
    /// Reads a pattern.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let (word, behind) = behind
                .split_once('}')
                .ok_or_else(|| (format!("`{text}` has a brace that is not closed"), WORDS))?;
            parts.extend((!before.is_empty()).then(|| Part::Text(before.to_owned())));
            parts.push(part(word).ok_or_else(|| (format!("`{{{word}}}` means nothing"), WORDS))?);
            rest = behind;
        }
        parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        let texts =
            parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
        if let Some(wrong) = texts.flat_map(|text| text.chars()).find(|c| is_bad(*c)) {
            let hint = "letters, digits, blanks and signs such as `-`, `_` and `.` are safe";
            return Err((format!("`{text}` has the character {wrong:?}"), hint));
        }
        if !parts.contains(&Part::Vm) {
            let hint = "put {vm} into it, so that the clones of two machines are told apart";
            return Err((format!("`{text}` has no {{vm}}"), hint));
        }
        if !parts.contains(&Part::Slot) {
            let hint = "put {slot} into it, the number that makes the clones of one machine differ";
            return Err((format!("`{text}` has no {{slot}}"), hint));
        }
        Ok(Pattern(parts))
    }

    /// The name of the clone of `vm` that has this number. `vm` as the server writes it.
    pub(super) fn name(&self, vm: &str, number: u32, slot: &Zoned) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Vm => vm.to_owned(),
            Part::Slot => format!("{number:02}"),
            Part::Time(form) => strtime::format(form, slot).unwrap_or_default(),
        };
        self.0.iter().map(part).collect()
    }
}

fn part(word: &str) -> Option<Part> {
    match word {
        "vm" => Some(Part::Vm),
        "slot" => Some(Part::Slot),
        _ => time(word).map(Part::Time),
    }
}

/// A time in the words of [`TIMES`], with `-`, `_` and `.` between them.
fn time(word: &str) -> Option<String> {
    let (mut form, mut rest) = (String::new(), word);
    while let Some(first) = rest.chars().next() {
        if let Some((name, sign)) = TIMES.iter().find(|(name, _)| rest.starts_with(name)) {
            form.push_str(sign);
            rest = rest.strip_prefix(name)?;
        } else if matches!(first, '-' | '_' | '.') {
            form.push(first);
            rest = rest.strip_prefix(first)?;
        } else {
            return None;
        }
    }
    form.contains('%').then_some(form)
}

fn is_bad(c: char) -> bool {
    c.is_control() || matches!(c, '/' | '\\' | '%' | '{' | '}')
}

/// A name as a server writes it: with what has a meaning in paths escaped.
pub(super) fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '%' => out.push_str("%25"),
            '/' => out.push_str("%2f"),
            '\\' => out.push_str("%5c"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slot() -> Zoned {
        "2019-09-25T02:41:07+09:00[Asia/Tokyo]".parse().unwrap()
    }

    #[test]
    fn clones_are_called_as_the_seed_calls_them() {
        let name = |pattern: &str, number| Pattern::read(pattern).unwrap().name("avocado2", number, &slot());
        assert_eq!(name("zz_{vm}-{slot}-{yyyyMMddHHmm}", 2), "zz_avocado2-02-201909250241");
        assert_eq!(name("{yyyy-MM-dd}.{HH_mm.ss} {slot}{vm}", 123), "2019-09-25.02_41.07 123avocado2");
    }

    #[test]
    fn a_pattern_that_cannot_tell_clones_apart_is_refused() {
        let fault = |pattern: &str| Pattern::read(pattern).unwrap_err().0;
        assert_eq!(fault("zz_{slot}"), "`zz_{slot}` has no {vm}");
        assert_eq!(fault("zz_{vm}-{yyyyMMdd}"), "`zz_{vm}-{yyyyMMdd}` has no {slot}");
        assert_eq!(fault("{vm}{slot}{YYYY}"), "`{YYYY}` means nothing");
        assert_eq!(fault("{vm}{slot}{-}"), "`{-}` means nothing");
        assert_eq!(fault("{vm}{slot"), "`{vm}{slot` has a brace that is not closed");
        assert_eq!(fault("a/{vm}{slot}"), "`a/{vm}{slot}` has the character '/'");
    }

    proptest! {
        #[test]
        fn two_numbers_never_have_one_name(vm in "[a-z0-9%-]{1,12}", one in 1_u32..500, other in 1_u32..500) {
            let pattern = Pattern::read("zz_{vm}-{slot}-{yyyyMMddHHmm}").unwrap();
            let same = pattern.name(&vm, one, &slot()) == pattern.name(&vm, other, &slot());
            prop_assert_eq!(same, one == other);
        }

        #[test]
        fn an_escaped_name_is_one_part_of_a_path(name in ".*") {
            let escaped = escaped(&name);
            prop_assert!(!escaped.contains(['/', '\\']));
            let back = escaped.replace("%2f", "/").replace("%5c", "\\").replace("%25", "%");
            prop_assert_eq!(back, name);
        }

        #[test]
        fn no_pattern_is_too_odd_to_be_read(text in ".*") {
            drop(Pattern::read(&text));
        }
    }
}
