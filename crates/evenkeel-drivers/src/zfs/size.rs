//! Sizes as `zfs` reads them: powers of 1024, exact to the byte.

use std::fmt;

/// The unit letters with their powers of two, smallest first.
const UNITS: [(char, u32); 7] = [('B', 0), ('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50), ('E', 60)];

/// Why a text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SizeProblem {
    /// It is not a number with an optional unit.
    Syntax,
    /// It is not a whole number of bytes, as `0.3K` is not.
    Fraction,
    /// It is more than 2^64 - 1 bytes.
    TooLarge,
}

impl fmt::Display for SizeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SizeProblem::Syntax => "is not a size",
            SizeProblem::Fraction => "is not a whole number of bytes",
            SizeProblem::TooLarge => "is more than ZFS can count (16 EiB)",
        })
    }
}

/// Reads `10G`, `10GiB`, `10 GiB`, `1.5T` or `10737418240`.
///
/// Never rounds: `1.5T` is exactly 1649267441664 bytes, `0.3K` is refused.
pub(super) fn parse(text: &str) -> Result<u64, SizeProblem> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let shift = shift(unit.trim_start()).ok_or(SizeProblem::Syntax)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction_digits = fraction.trim_end_matches('0');
    let bad = |part: &str| !part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || bad(whole) || bad(fraction) || number.ends_with('.') {
        return Err(SizeProblem::Syntax);
    }
    scale(whole, fraction_digits, shift)
}

/// `whole.fraction * 2^shift`, exactly.
fn scale(whole: &str, fraction: &str, shift: u32) -> Result<u64, SizeProblem> {
    let places = u32::try_from(fraction.len()).map_err(|_| SizeProblem::Fraction)?;
    // Dividing by 10^places takes as many factors of two out of 2^shift, which must be there.
    if places > shift {
        return Err(SizeProblem::Fraction);
    }
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| SizeProblem::TooLarge)?;
    let fives = 5_u128.checked_pow(places).ok_or(SizeProblem::Fraction)?;
    if !digits.is_multiple_of(fives) {
        return Err(SizeProblem::Fraction);
    }
    let bytes = (digits / fives).checked_mul(1 << (shift - places)).ok_or(SizeProblem::TooLarge)?;
    u64::try_from(bytes).map_err(|_| SizeProblem::TooLarge)
}

fn shift(unit: &str) -> Option<u32> {
    let mut letters = unit.chars();
    let Some(first) = letters.next() else { return Some(0) };
    let found = UNITS.iter().find(|(letter, _)| letter.eq_ignore_ascii_case(&first))?;
    let rest = letters.as_str();
    let tail = rest.is_empty() || (found.1 > 0 && matches!(rest, "B" | "b" | "iB" | "ib" | "IB"));
    tail.then_some(found.1)
}

/// The shortest exact spelling: `10G`, or plain bytes where no unit divides.
pub(super) fn shortest(bytes: u64) -> String {
    match UNITS.iter().rev().find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift) {
        Some((letter, shift)) if *shift > 0 => format!("{}{letter}", bytes >> shift),
        _ => bytes.to_string(),
    }
}

/// How a person reads it: `10 GiB`, `1.5 GiB`; the bytes beside it where two decimals do not say it all.
pub(super) fn human(bytes: u64) -> String {
    let Some((letter, shift)) = UNITS.iter().rev().find(|(_, shift)| bytes >> shift != 0) else {
        return "0 B".to_owned();
    };
    let unit = if *shift == 0 { "B".to_owned() } else { format!("{letter}iB") };
    let hundredths = u128::from(bytes) * 100;
    let rounded = hundredths >> shift;
    let number = format!("{}.{:02}", rounded / 100, rounded % 100);
    let short = number.trim_end_matches('0').trim_end_matches('.');
    if rounded << shift == hundredths {
        format!("{short} {unit}")
    } else {
        format!("{bytes} B (about {short} {unit})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_size_is_the_same_number() {
        for text in ["10737418240", "10G", "10g", "10GB", "10GiB", "10 GiB", "10.0G", "10240M", "0010G"] {
            assert_eq!(parse(text), Ok(10_737_418_240), "{text}");
        }
        assert_eq!(parse("1.5T"), Ok(1_649_267_441_664));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_not_exactly_a_size_is_refused() {
        for text in ["", "G", "-1", "+1", "1.2.3", "1.", ".5G", "10X", "10GG", "1e3", "1_000", "0x10", "10BB"]
        {
            assert_eq!(parse(text), Err(SizeProblem::Syntax), "{text}");
        }
        assert_eq!(parse("0.3K"), Err(SizeProblem::Fraction));
        assert_eq!(parse("1.5"), Err(SizeProblem::Fraction));
        assert_eq!(parse("16E"), Err(SizeProblem::TooLarge));
        assert_eq!(parse(&"9".repeat(60)), Err(SizeProblem::TooLarge));
        assert_eq!(parse(&format!("0.{}1E", "0".repeat(80))), Err(SizeProblem::Fraction));
    }

    #[test]
    fn people_read_units_and_the_bytes_where_they_matter() {
        assert_eq!(human(10_737_418_240), "10 GiB");
        assert_eq!(human(1_610_612_736), "1.5 GiB");
        assert_eq!(human(10_737_418_241), "10737418241 B (about 10 GiB)");
        assert_eq!(human(512), "512 B");
        assert_eq!(human(0), "0 B");
    }

    proptest! {
        #[test]
        fn printing_and_reading_gives_the_same_size(bytes: u64) {
            prop_assert_eq!(parse(&shortest(bytes)), Ok(bytes));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn an_exact_human_form_reads_back(whole in 0_u64..1000, shift in 1_u32..5) {
            let bytes = whole << (10 * shift);
            prop_assert_eq!(parse(&human(bytes)), Ok(bytes));
        }
    }
}
