//! What is left of builds and transfers that did not come to their end, and how it goes.

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Exec, Request};

use super::Look;
use super::look::{Mark, is_archive};
use super::steps::new_name;
use crate::containers::record::Mine;

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::containers) struct Leftover {
    /// What it is: `container 555`, a file's name.
    pub what: String,
    /// What is known of it.
    pub says: String,
    /// How it goes.
    pub remedy: Remedy,
}

/// How something that is left goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::containers) enum Remedy {
    /// A scratch container with our mark, as it was when it was set; the backend knows how.
    Discard { id: u32, mark: Mark },
    /// This template was checked and has its record: it gets its name, in this folder.
    Finish { folder: String, name: String },
    /// This file is removed.
    Remove { path: String },
}

impl Leftover {
    /// The step on files, on the machine that they were seen on; `None` where the backend knows how.
    pub(in crate::containers) fn step(&self, target: Option<&str>) -> Option<Step> {
        let exec = match &self.remedy {
            Remedy::Discard { .. } => return None,
            Remedy::Finish { folder, name } => {
                let (from, to) = (format!("{folder}/{}", new_name(name)), format!("{folder}/{name}"));
                Exec::new(["mv".to_owned(), "-f".to_owned(), "--".to_owned(), from, to])
            }
            Remedy::Remove { path } => Exec::new(["rm", "-f", "--", path]),
        };
        Some(match target {
            Some(target) => Step::at(target, Request::Exec(exec)),
            None => Step::new(Request::Exec(exec)),
        })
    }
}

/// What builds of `mine` left in the place that it is built in, those that get their name first. `ending` is that of its files.
pub(in crate::containers) fn at_home(look: &Look, mine: &Mine, ending: &str) -> Vec<Leftover> {
    let mut left = half_placed(look, mine);
    let marks = look.marks.iter().filter_map(|(id, mark)| Some((id, mark.as_ref()?)));
    let ours = marks.filter(|(_, mark)| (&mark.resource, &mark.owner) == (&mine.resource, &mine.owner));
    left.extend(ours.map(|(id, mark)| Leftover {
        what: format!("container {id}"),
        says: format!("of the build of {}", mark.name),
        remedy: Remedy::Discard { id: *id, mark: mark.clone() },
    }));
    let mut files = lone_records(look, mine);
    for file in look.files.keys() {
        let Some(name) = file.strip_prefix('.').and_then(|rest| rest.strip_suffix(".evenkeel-new")) else {
            continue;
        };
        let archive = name.strip_suffix(".json").unwrap_or(name);
        let is_half_placed =
            look.records.get(archive).is_some_and(|record| look.is_half_placed(archive, record));
        // Machines may share the folder: what has no mark here may be the work of another.
        let is_ours = is_version(&mine.object, ending, archive) && look.is_built_here(archive);
        if is_ours && !(is_half_placed && archive == name) {
            files.push(removed(look, file, "half made"));
        }
    }
    left.extend(files);
    left
}

/// What transfers of `mine` left in a place that it is published to.
pub(in crate::containers) fn elsewhere(look: &Look, mine: &Mine, ending: &str) -> Vec<Leftover> {
    let mut left = lone_records(look, mine);
    for file in look.files.keys() {
        let halves = [(".part", "half sent"), (".failed.json", "of a transfer that failed")];
        let half = halves.into_iter().find_map(|(tail, says)| Some((file.strip_suffix(tail)?, says)));
        if let Some((name, says)) = half
            && is_version(&mine.object, ending, name)
        {
            left.push(removed(look, file, says));
        }
    }
    left
}

fn half_placed(look: &Look, mine: &Mine) -> Vec<Leftover> {
    let ours = look.records.iter().filter(|(_, record)| mine.has(record));
    let half = ours.filter(|(name, record)| look.is_half_placed(name, record));
    half.map(|(name, _)| Leftover {
        what: new_name(name),
        says: "checked, without its name".to_owned(),
        remedy: Remedy::Finish { folder: look.folder.clone(), name: name.clone() },
    })
    .collect()
}

/// Records whose template is gone.
fn lone_records(look: &Look, mine: &Mine) -> Vec<Leftover> {
    let ours = look.records.iter().filter(|(name, record)| mine.has(record) && is_archive(name));
    let lone =
        ours.filter(|(name, record)| !look.files.contains_key(*name) && !look.is_half_placed(name, record));
    lone.map(|(name, _)| removed(look, &format!("{name}.json"), "a record without its template")).collect()
}

fn removed(look: &Look, file: &str, says: &str) -> Leftover {
    let path = format!("{}/{file}", look.folder);
    Leftover { what: file.to_owned(), says: says.to_owned(), remedy: Remedy::Remove { path } }
}

/// True where `name` may be that of a version of `object`, in which stands in braces what is another thing each time.
fn is_version(object: &str, ending: &str, name: &str) -> bool {
    let Some(stem) = name.strip_suffix(ending) else { return false };
    matches(object, stem)
}

/// True where `text` may be `pattern`, in which stands in braces what is another thing each time.
pub(in crate::containers) fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
    let Some((token, after)) = rest.split_once('}') else { return pattern == text };
    let Some(text) = text.strip_prefix(before) else { return false };
    let digits = match token {
        "yyyyMMdd" | "digest" => 8,
        _ => return false,
    };
    let Some((number, text)) = text.split_at_checked(digits) else { return false };
    let is_digit = |c: char| c.is_ascii_digit() || (token == "digest" && ('a'..='f').contains(&c));
    number.chars().all(is_digit) && matches(after, text)
}
