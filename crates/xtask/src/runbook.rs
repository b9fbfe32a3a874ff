//! docs/runbook.md explains every word that conditions, events and health are told by, and no other.
//!
//! The words are read from the sources, in four ways. In the files of [`SPEAKERS`], whose only texts of one word in capitals and
//! small letters are such words, every such text is one. In all crates a text that is given to a field `reason` is one, and the
//! text behind the weight of an event. In the drivers it is the text before the last argument of `bad(…)` and `good(…)`, which make a
//! `Health`; one that is no text there is a problem, since nobody could tell which words it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Files, or folders of files, in which every text of one word such as `InSync` is a reason or the state of a source.
const SPEAKERS: &[&str] = &[
    "crates/evenkeel-cli/src/ui/standing.rs",
    "crates/evenkeel-core/src/condition.rs",
    "crates/evenkeel-core/src/plan/change.rs",
    "crates/evenkeel-core/src/plan/clash.rs",
    "crates/evenkeel-core/src/plan/wait.rs",
    "crates/evenkeel-core/src/transport.rs",
    "crates/evenkeel-engine/src/controller",
    "crates/evenkeel-engine/src/source.rs",
];

/// Words in these files that nobody is told.
const UNTOLD: &[(&str, &str)] = &[("crates/evenkeel-engine/src/controller/state.rs", "Prune")];

/// Where health is made.
const DRIVERS: &str = "crates/evenkeel-drivers/src";

/// Hosts of its own; what it says is no reason.
const LAB: &str = "crates/evenkeel-lab";

const RUNBOOK: &str = "docs/runbook.md";

pub(crate) fn run(root: &Path, sources: &[PathBuf]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for file in sources {
        let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
        if !shown.starts_with("crates/") || !shown.contains("/src/") || shown.starts_with(LAB) {
            continue;
        }
        if shown.ends_with("tests.rs") || shown.contains("/tests/") || shown.starts_with("crates/xtask/") {
            continue;
        }
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for word in words(&shown, code(&text), &mut problems) {
            told.entry(word).or_insert_with(|| shown.clone());
        }
    }
    problems.extend(compare(&told, &std::fs::read_to_string(root.join(RUNBOOK)).unwrap_or_default()));
    problems
}

/// A source file without the tests at its end.
fn code(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The words that a file makes.
fn words(file: &str, code: &str, problems: &mut Vec<String>) -> BTreeSet<String> {
    let speaks = SPEAKERS.iter().any(|speaker| file.starts_with(speaker));
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = BTreeSet::new();
    for line in lines.filter(|line| !line.contains("debug_struct(")) {
        if speaks {
            found.extend(texts(line).filter(|text| is_word(text)).map(str::to_owned));
        } else if let Some(given) = line.split(" reason: ").nth(1).or(line.trim().strip_prefix("reason: ")) {
            let given = given.split(',').next().unwrap_or_default();
            found.extend(texts(given).filter(|text| is_word(text)).map(str::to_owned));
        }
    }
    found.extend(weighed(code).filter(|text| is_word(text)).map(str::to_owned));
    if file.starts_with(DRIVERS) && code.contains("Health") {
        for call in ["bad(", "good("] {
            for (reason, line) in reasons(code, call) {
                match reason.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                    Some(word) => _ = found.insert(word.to_owned()),
                    // The helper of that name hands on what it is given.
                    None if reason == "reason" => {}
                    None => problems.push(format!(
                        "{file}:{line}: `{reason}` is no text, so that {RUNBOOK} cannot be held against it"
                    )),
                }
            }
        }
    }
    found.retain(|word| !UNTOLD.contains(&(file, word.as_str())));
    found
}

/// The texts behind the weights of events: `Weight::Warning, "Held"`.
fn weighed(code: &str) -> impl Iterator<Item = &str> {
    code.split("Weight::").skip(1).filter_map(|rest| {
        let (weight, behind) = rest.split_once(',')?;
        let text = behind.trim_start().strip_prefix('"')?;
        weight.chars().all(char::is_alphabetic).then(|| text.split('"').next())?
    })
}

/// The texts in quotes of a line.
fn texts(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// `InSync`, `Held`: letters only, a capital first and a small one behind it.
fn is_word(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_uppercase())
        && letters.next().is_some_and(|second| second.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_alphabetic())
}

/// The argument before the last one of each call of `call`, with its line.
fn reasons(code: &str, call: &str) -> Vec<(String, usize)> {
    let calls = code.match_indices(call).filter(|(at, _)| {
        let before = code.get(..*at).and_then(|text| text.chars().next_back());
        // Not the end of another name, nor a method.
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != '.')
    });
    let reason = |(at, _): (usize, &str)| {
        let all = arguments(code.get(at + call.len()..)?);
        let line = code.get(..at)?.lines().count();
        Some((all.get(all.len().checked_sub(2)?)?.clone(), line))
    };
    calls.filter_map(reason).collect()
}

/// The arguments of a call, from behind its opening parenthesis.
fn arguments(text: &str) -> Vec<String> {
    let (mut all, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0_usize, false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().into_iter().for_each(|last| last.push(letter));
    }
    all.into_iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// What of the words is not in the runbook, and what of the runbook is no word; and whether its list of words is whole.
fn compare(told: &BTreeMap<String, String>, runbook: &str) -> Vec<String> {
    let of = |line: &str, before: &str| {
        let word = line.strip_prefix(before)?.split('`').next()?;
        is_word(word).then(|| word.to_owned())
    };
    let headings: Vec<String> = runbook.lines().filter_map(|line| of(line, "### `")).collect();
    let rows: Vec<String> = runbook.lines().filter_map(|line| of(line, "| `")).collect();
    let entries: BTreeSet<&String> = headings.iter().chain(&rows).collect();
    let missing = told.iter().filter(|(word, _)| !entries.contains(word));
    let mut problems: Vec<String> =
        missing.map(|(word, file)| format!("{RUNBOOK}: says nothing of `{word}` ({file})")).collect();
    let idle = entries.iter().filter(|word| !told.contains_key(**word));
    problems.extend(idle.map(|word| format!("{RUNBOOK}: nothing says `{word}` any more")));
    let is_listed = |word: &&String| !runbook.contains(&format!("[{word}](#{})", word.to_lowercase()));
    problems.extend(
        headings
            .iter()
            .filter(is_listed)
            .map(|word| format!("{RUNBOOK}: `{word}` is not in its list of words")),
    );
    let sorted = headings.is_sorted_by_key(|word| word.to_lowercase());
    problems.extend((!sorted).then(|| format!("{RUNBOOK}: its words are not in alphabetical order")));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, code: &str) -> (Vec<String>, Vec<String>) {
        let mut problems = Vec::new();
        (words(file, code, &mut problems).into_iter().collect(), problems)
    }

    #[test]
    fn words_are_found_where_they_are_made() {
        let speaker = "crates/evenkeel-engine/src/controller/standing.rs";
        let code = "// \"Comment\"\nf.debug_struct(\"Standing\");\nnew(Status::True, \"InSync\", \"as it shall be\");\n\"SSH\"";
        assert_eq!(found(speaker, code), (vec!["InSync".to_owned()], vec![]));
        let other = "crates/evenkeel-notify/src/lib.rs";
        let code = "let word = \"Bearer\";\n    reason: \"NotTold\".to_owned(),\nEvent { weight, reason: \"Late\".into(), kind: \"Other\" }\nabout(\n    Weight::Warning,\n    \"Lost\",\n)";
        assert_eq!(
            found(other, code),
            (vec!["Late".to_owned(), "Lost".to_owned(), "NotTold".to_owned()], vec![])
        );
        let state = "crates/evenkeel-engine/src/controller/state.rs";
        assert_eq!(found(state, "const SWEEP: &str = \"Prune\";").0, Vec::<String>::new());
    }

    #[test]
    fn health_says_its_reason_before_its_message() {
        let file = "crates/evenkeel-drivers/src/esxi/nfs/mod.rs";
        let code = "use Health;\nHealth::bad(\n    \"Datastore\",\n    \"NotMounted\",\n    format!(\"{name}, (no\\\" )\", f(a, b)),\n)\nbad(\"Late\", told)\nself.bad(\"a\", \"B\", c)";
        assert_eq!(found(file, code), (vec!["Late".to_owned(), "NotMounted".to_owned()], vec![]));
        let (none, problems) =
            found(file, "Health\nHealth::good(about, reason, message);\nHealth::bad(about, WORD, \"m\")");
        assert_eq!(none, Vec::<String>::new());
        assert_eq!(
            problems,
            [
                "crates/evenkeel-drivers/src/esxi/nfs/mod.rs:3: `WORD` is no text, so that docs/runbook.md cannot be held against it"
            ]
        );
    }

    #[test]
    fn tests_at_the_end_make_no_words() {
        assert_eq!(code("a\n#[cfg(test)]\nmod tests {\n\"Word\"\n}\n"), "a\n");
        assert_eq!(code("#[cfg(test)]\nmod tests;\n\"Word\""), "#[cfg(test)]\nmod tests;\n\"Word\"");
    }

    #[test]
    fn the_runbook_has_each_word_once_and_no_other() {
        let told: BTreeMap<String, String> =
            ["Held", "InSync", "Fresh"].map(|word| (word.to_owned(), "a.rs".to_owned())).into();
        let list = "[Held](#held) · [InSync](#insync)\n";
        let entries = "### `Held`\n### `InSync`\n| `Fresh` | young enough |\n| `evenkeel_ready` | |\n";
        assert_eq!(compare(&told, &format!("{list}{entries}")), Vec::<String>::new());
        let without = compare(&told, &format!("{list}### `InSync`\n### `Gone`\n| `Fresh` |\n"));
        assert_eq!(
            without,
            [
                "docs/runbook.md: says nothing of `Held` (a.rs)",
                "docs/runbook.md: nothing says `Gone` any more",
                "docs/runbook.md: `Gone` is not in its list of words",
                "docs/runbook.md: its words are not in alphabetical order",
            ]
        );
    }
}
