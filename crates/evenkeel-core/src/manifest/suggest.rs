//! "Did you mean …?"

/// `, did you mean `x`?` where one of the candidates is near, else nothing: the end of a message.
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(written, candidates).map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

/// The candidate that was probably meant.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(written);
    let near = candidates.into_iter().filter_map(|candidate| {
        let plain = plain(candidate);
        // One typing mistake in a short word, two in a long one.
        let allowed = 1 + plain.chars().count().min(wanted.chars().count()) / 5;
        // Lengths first: the distance is quadratic.
        (plain.len().abs_diff(wanted.len()) <= 4 * allowed)
            .then(|| (strsim::osa_distance(&wanted, &plain), candidate))
            .filter(|(distance, _)| *distance <= allowed)
    });
    near.min().map(|(_, candidate)| candidate)
}

/// `data_set` and `DataSet` are `dataset`.
fn plain(name: &str) -> String {
    name.chars().take(100).filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// ``the fields here are `a`, `b` ``: the hint where a name is unknown. `None` where there are none.
pub(crate) fn choices<'a>(what: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SHOWN: usize = 15;
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    let listed: Vec<String> = names.iter().take(SHOWN).map(|n| format!("`{n}`")).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!listed.is_empty()).then(|| format!("{what}: {}{rest}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let fields = ["dataset", "properties", "type", "targetSelector"];
        for (written, meant) in [
            ("datset", "dataset"),
            ("data_set", "dataset"),
            ("Dataset", "dataset"),
            ("target_selector", "targetSelector"),
            ("propertise", "properties"),
            ("tyep", "type"),
        ] {
            assert_eq!(nearest(written, fields), Some(meant), "{written}");
        }
        for written in ["size", "recordsize", "x", "", "プール"] {
            assert_eq!(nearest(written, fields), None, "{written}");
        }
    }
}
