//! Commands and values in sentences. All of them stands in the plan and in the run.

/// What is longer is cut, in characters.
const LONGEST: usize = 160;

/// The beginning of a command.
pub(crate) fn command(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The beginning of a value's first line: it may be all of a file.
pub(crate) fn value(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let cut = command(first);
    if cut == first && first != text.trim_end() { format!("{cut} …") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!((value("on"), value("on\n"), value("")), ("on".into(), "on".into(), String::new()));
        assert_eq!(value("first\nsecond\n"), "first …");
        let long = "ä".repeat(LONGEST + 1);
        assert_eq!(value(&format!("{long}\nsecond")), format!("{} …", "ä".repeat(LONGEST)));
        assert_eq!(command(&long), format!("{} …", "ä".repeat(LONGEST)));
    }
}
