//! Ranges of versions, as `ref.semver` takes them.

use semver::VersionReq;

/// Reads a range such as `>=1.2.0 <2.0.0`, `1.x`, `~1.2` or `*`; all comparisons must hold. They stand beside each
/// other, with or without commas, and a `v` before a number is ignored.
///
/// # Errors
/// What is wrong with it, in words.
pub fn version_range(text: &str) -> Result<VersionReq, String> {
    if text.contains("||") {
        return Err("alternatives (`||`) are not supported".to_owned());
    }
    let mut comparators: Vec<String> = Vec::new();
    // An operator that stands alone (`>= 1.2`) belongs to what follows.
    let mut operator = String::new();
    for word in text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
        operator.push_str(word);
        if !word.ends_with(['<', '>', '=', '~', '^']) {
            comparators.push(without_v(&std::mem::take(&mut operator)));
        }
    }
    if !operator.is_empty() {
        return Err(format!("`{operator}` stands before no version"));
    }
    if comparators.is_empty() {
        return Err("it is empty".to_owned());
    }
    VersionReq::parse(&comparators.join(", ")).map_err(|e| e.to_string())
}

/// `>=v1.2` is `>=1.2`.
fn without_v(comparator: &str) -> String {
    let number = comparator.trim_start_matches(['<', '>', '=', '~', '^']);
    let operator = comparator.strip_suffix(number).unwrap_or_default();
    format!("{operator}{}", number.strip_prefix(['v', 'V']).unwrap_or(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_stand_beside_each_other() {
        for (range, inside, outside) in [
            (">=1.2.0 <2.0.0", "1.9.9", "2.0.0"),
            (">= v1.2, < v2", "1.2.0", "2.0.0"),
            ("1.x", "1.7.0", "2.0.0"),
            ("~1.2", "1.2.9", "1.3.0"),
            ("*", "0.1.0", "1.0.0-rc.1"),
            ("=1.2.3", "1.2.3", "1.2.4"),
            (">=1.0.0-0", "1.0.0-rc.1", "0.9.0"),
        ] {
            let read = version_range(range).unwrap();
            assert!(read.matches(&inside.parse().unwrap()), "{range} {inside}");
            assert!(!read.matches(&outside.parse().unwrap()), "{range} {outside}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", " ", ",", "abc", ">=", ">= 1 || 2", "1.2.3 - 2", "1.2.3.4", ">=1 <"] {
            assert!(version_range(text).is_err(), "{text}");
        }
    }
}
