//! Links between documents lead to files and headings that are there.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Where documents are: files, and folders with all below them.
const PLACES: &[&str] = &["README.md", "CHANGELOG.md", "docs", "examples", "tests/testhost"];

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut pages = Vec::new();
    for place in PLACES {
        documents(&root.join(place), &mut pages);
    }
    let mut problems = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap_or_default();
        let shown = page.strip_prefix(root).unwrap_or(page).display();
        for link in links(&text).filter(|link| !leads_somewhere(page, &text, link)) {
            problems.push(format!("{shown}: the link `{link}` leads nowhere"));
        }
    }
    problems
}

fn documents(place: &Path, out: &mut Vec<PathBuf>) {
    if place.extension().is_some_and(|extension| extension == "md") {
        out.push(place.to_path_buf());
    }
    let mut below: Vec<PathBuf> =
        std::fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    below.sort();
    for path in below {
        documents(&path, out);
    }
}

fn leads_somewhere(page: &Path, text: &str, link: &str) -> bool {
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    if file.is_empty() {
        return heading.is_some_and(|heading| headings(text).contains(heading));
    }
    let goal = tidied(&page.with_file_name("").join(file));
    let is_document = goal.extension().is_some_and(|extension| extension == "md");
    match heading.filter(|_| is_document) {
        None => goal.exists(),
        Some(heading) => std::fs::read_to_string(&goal).is_ok_and(|text| headings(&text).contains(heading)),
    }
}

/// The path without `..`, so that it is looked up by its name alone.
fn tidied(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = out.pop(),
            part => out.push(part),
        }
    }
    out
}

/// The lines of a document that are not between fences.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What is linked to within this repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = prose(text).flat_map(|line| line.split("](").skip(1));
    let goals = ends.filter_map(|rest| rest.split([')', ' ']).next());
    goals.filter(|goal| !goal.contains("://") && !goal.starts_with("mailto:") && !goal.is_empty())
}

/// The headings as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    let titles =
        prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let name = |title: &str| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    titles.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_looked_up_in_files_and_among_headings() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/a.md");
        let text = "# The way: `back`\n```sh\n# no heading\n```\n## 9. 次に読むもの\n";
        let leads = |link: &str| leads_somewhere(&page, text, link);
        for good in ["#the-way-back", "#9-次に読むもの", "main.rs", "../src/links.rs", "../../../README.md"]
        {
            assert!(leads(good), "{good}");
        }
        for bad in ["#no-heading", "#the-way", "gone.md", "gone.md#x", "../../../README.md#nowhere"] {
            assert!(!leads(bad), "{bad}");
        }
        let line = "[a](b.md) and [c](#d), [e](https://example.org/) `x`\n```\n[f](g)\n```\n";
        assert_eq!(links(line).collect::<Vec<_>>(), ["b.md", "#d"]);
    }
}
