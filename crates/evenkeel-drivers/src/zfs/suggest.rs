//! "Did you mean": the nearest known word.

/// The candidate nearest to `word`, where one is near enough to be a slip of the fingers.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_ascii_lowercase();
    // One slip in three letters: `sinc` is near `sync`, `4` is near nothing.
    let allowed = lower.chars().count() / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let words = ["sync", "atime", "recordsize", "compression"];
        assert_eq!(nearest("sinc", words), Some("sync"));
        assert_eq!(nearest("ATIME", words), Some("atime"));
        assert_eq!(nearest("recordsise", words), Some("recordsize"));
        assert_eq!(nearest("quota", words), None);
        assert_eq!(nearest("4", ["1", "2"]), None);
    }
}
