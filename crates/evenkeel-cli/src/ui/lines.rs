//! Texts of several lines: what became different in them, line by line.

use std::time::Duration;

use evenkeel_core::diff::FieldChange;
use evenkeel_core::plan::Field;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::style::{Tone, count, paint};

/// So many lines of a difference are shown.
const SHOWN: usize = 20;

/// So many lines that are the same are shown around those that are not.
const AROUND: usize = 3;

/// After this time what is found is good enough: not the shortest, but right.
const PATIENCE: Duration = Duration::from_millis(500);

/// The unified diff of a field whose values are texts, one of them of several lines; `None` for any other. Where it is long
/// and there is a way to see all of it (`--full`), its beginning and how many lines more there are.
pub(super) fn differing_lines(field: &Field, where_all: Option<&str>) -> Option<Vec<String>> {
    let FieldChange { before: Some(Value::String(_)), after: Some(Value::String(_)), .. } = &field.change
    else {
        return None;
    };
    let (before, after) = (field.before_text.as_str(), field.after_text.as_str());
    if !before.contains('\n') && !after.contains('\n') {
        return None;
    }
    let mut lines = unified(before, after);
    let more = lines.len().saturating_sub(SHOWN);
    if let (Some(where_all), 1..) = (where_all, more) {
        lines.truncate(SHOWN);
        lines.push(paint(Tone::Faint, format!("… {} ({where_all})", count(more, "more line"))));
    }
    Some(lines)
}

fn unified(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let diff = TextDiff::configure().timeout(PATIENCE).diff_slices(&old, &new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(AROUND).iter_hunks() {
        lines.push(paint(Tone::Faint, hunk.header()));
        for change in hunk.iter_changes() {
            let line = change.value();
            let (sign, tone) = match change.tag() {
                ChangeTag::Equal => (' ', None),
                ChangeTag::Delete => ('-', Some(Tone::Remove)),
                ChangeTag::Insert => ('+', Some(Tone::Create)),
            };
            let shown = format!("{sign}{}", line.strip_suffix('\n').unwrap_or(line));
            lines.push(tone.map_or_else(|| shown.clone(), |tone| paint(tone, &shown)));
            if !line.ends_with('\n') {
                lines.push(paint(Tone::Faint, "\\ no line break at the end"));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use evenkeel_core::diff::FieldPath;
    use serde_json::json;

    use super::*;
    use crate::ui::visible::visible;

    fn field(before: Option<Value>, after: Option<Value>) -> Field {
        let text = |value: &Option<Value>| {
            value.as_ref().map_or("(absent)".to_owned(), |v| v.as_str().map_or(v.to_string(), str::to_owned))
        };
        let (before_text, after_text) = (text(&before), text(&after));
        let path = FieldPath::of(["files", "/etc/motd"]);
        Field { change: FieldChange { path, before, after }, before_text, after_text }
    }

    fn lines(before: &str, after: &str, where_all: Option<&str>) -> Option<Vec<String>> {
        let lines = differing_lines(&field(Some(json!(before)), Some(json!(after))), where_all)?;
        Some(lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect())
    }

    fn numbers(to: usize) -> String {
        (1..=to).flat_map(|n| [n.to_string(), "\n".to_owned()]).collect()
    }

    #[test]
    fn what_changed_in_a_text_is_shown_with_the_lines_around_it() {
        let before = numbers(20);
        let after = before.replace("10\n", "ten\nand more\n");
        let expected = ["@@ -7,7 +7,8 @@", " 7", " 8", " 9", "-10", "+ten", "+and more", " 11", " 12", " 13"];
        assert_eq!(lines(&before, &after, Some("--full")).unwrap(), expected);
    }

    #[test]
    fn a_line_break_at_the_end_is_a_difference_that_is_seen() {
        let expected = ["@@ -1,2 +1,2 @@", " a", "-b", "\\ no line break at the end", "+b"];
        assert_eq!(lines("a\nb", "a\nb\n", None).unwrap(), expected);
        let expected = ["@@ -1 +0,0 @@", "-a"];
        assert_eq!(lines("a\n", "", None).unwrap(), expected);
    }

    #[test]
    fn a_long_one_is_cut_where_there_is_a_way_to_see_all() {
        let new = numbers(31);
        let cut = lines("\n", &new, Some("--full")).unwrap();
        assert_eq!((cut.len(), cut[19].as_str(), cut[20].as_str()), (21, "+18", "… 13 more lines (--full)"));
        assert_eq!(lines("\n", &new, None).unwrap().len(), 33);
        let one_more = numbers(19);
        assert_eq!(lines("\n", &one_more, Some("--full")).unwrap()[20], "… 1 more line (--full)");
        let all = numbers(18);
        assert_eq!(lines("\n", &all, Some("--full")).unwrap().len(), 20);
    }

    #[test]
    fn one_line_each_and_what_is_no_text_are_left_as_they_were() {
        assert_eq!(lines("a", "b", None), None);
        for (before, after) in [
            (None, Some(json!("a\nb"))),
            (Some(json!("a\nb")), None),
            (Some(json!(["a\n"])), Some(json!("a\nb"))),
        ] {
            assert_eq!(differing_lines(&field(before, after), None), None);
        }
    }

    #[test]
    fn no_line_of_a_host_moves_the_cursor_or_ends_early() {
        let hostile = "a\n\u{1b}[2K\rPlan: nothing to do\u{85}x\u{202e}y\n";
        let lines = differing_lines(&field(Some(json!("a\n")), Some(json!(hostile))), None).unwrap();
        let shown: Vec<String> =
            lines.iter().map(|line| anstream::adapter::strip_str(&visible(line)).to_string()).collect();
        let line = "+\\u{1b}[2K\\u{d}Plan: nothing to do\\u{85}x\\u{202e}y";
        assert_eq!(shown, ["@@ -1 +1,2 @@", " a", line]);
    }

    #[test]
    fn texts_without_anything_in_common_are_compared_in_time() {
        let text = |word: &str| numbers(20_000).replace('\n', &[word, "\n"].concat());
        let began = std::time::Instant::now();
        assert_eq!(lines(&text("a"), &text("b"), None).unwrap().len(), 40_001);
        assert!(began.elapsed() < Duration::from_mins(1));
    }
}
