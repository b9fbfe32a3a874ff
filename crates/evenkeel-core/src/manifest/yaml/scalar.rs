//! What a plain scalar is, by the core schema of YAML 1.2: `off`, `yes`, `12:30:00` are text.

/// A plain scalar read without a type being asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::manifest) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'a str),
}

/// The value of a plain scalar.
///
/// A number is only taken for one where it is written as that number is printed. `0755`, `1.10` and `1e3`
/// stay text: who wrote them so may have meant the digits.
pub(in crate::manifest) fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if let Some(number) = parse_integer(text).filter(|n| n.to_string() == text) {
        return Scalar::Integer(number);
    }
    match parse_float(text) {
        Some(number) if text.contains('.') && number.to_string() == text => Scalar::Float(number),
        _ => Scalar::Text(text),
    }
}

/// A whole number: decimal, `0o17` or `0x1f`. Decimal digits with a leading zero are none: octal in YAML 1.1,
/// decimal in 1.2, nobody can tell what was meant.
pub(in crate::manifest) fn parse_integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |c| c.is_digit(8)).then(|| i128::from_str_radix(digits, 8).ok())?;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit()).then(|| i128::from_str_radix(digits, 16).ok())?;
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let ambiguous = digits.len() > 1 && digits.starts_with('0');
    (!ambiguous && all(digits, |c| c.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A number with or without fraction and exponent, `.inf`, `-.inf` or `.nan`.
pub(in crate::manifest) fn parse_float(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return (rest == text).then_some(f64::NAN),
        _ => {}
    }
    // Rust also reads `inf`, `infinity` and `nan`, which are text in YAML.
    let numeric = rest.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && rest.contains(|c: char| c.is_ascii_digit());
    numeric.then(|| rest.parse::<f64>().ok().map(|n| sign * n))?
}

fn all(digits: &str, accepted: impl Fn(char) -> bool) -> bool {
    !digits.is_empty() && digits.chars().all(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traps_of_plain_scalars() {
        for text in [
            "off",
            "on",
            "yes",
            "no",
            "Off",
            "YES",
            "n",
            "y",
            "0755",
            "00",
            "-01",
            "1.10",
            "1e3",
            "+5",
            "0o17",
            "0x1f",
            "12:30:00",
            "1_000",
            "10G",
            "1.2.3",
            "2027-03-31",
            ".inf",
            "inf",
            "nan",
            "NaN",
            "1.0",
            "0b1",
            "1e999",
            "5.",
            "-0",
            "340282366920938463463374607431768211456",
        ] {
            assert_eq!(resolve(text), Scalar::Text(text));
        }
        assert_eq!(resolve("NULL"), Scalar::Null);
        assert_eq!(resolve(""), Scalar::Null);
        assert_eq!(resolve("True"), Scalar::Bool(true));
        assert_eq!(resolve("-7"), Scalar::Integer(-7));
        assert_eq!(resolve("0"), Scalar::Integer(0));
        assert_eq!(resolve("18446744073709551615"), Scalar::Integer(u64::MAX.into()));
        assert_eq!(resolve("1.5"), Scalar::Float(1.5));
    }

    #[test]
    fn numbers_that_were_asked_for() {
        assert_eq!(parse_integer("0o17"), Some(15));
        assert_eq!(parse_integer("0x1F"), Some(31));
        assert_eq!(parse_integer("+5"), Some(5));
        for text in ["0755", "-07", "", "-", "0x", "0o8", "0o+7", "1_000", "1.0", "１"] {
            assert_eq!(parse_integer(text), None, "{text}");
        }
        assert_eq!(parse_float("1.10"), Some(1.1));
        assert_eq!(parse_float("-.inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float("1e3"), Some(1000.0));
        for text in ["inf", "infinity", "nan", "", "+", ".", "-.nan", "1.2.3", "12:30"] {
            assert_eq!(parse_float(text), None, "{text}");
        }
    }
}
