//! Reading a whole value, again and again until all of its problems are known.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::super::limits;
use super::super::problems::Problems;
use super::super::source::{Mark, Source};
use super::super::suggest::{choices, did_you_mean, nearest};
use super::super::yaml::{Entry, Kind, Tree};
use super::error::{ReadError, What, short};
use super::value::Value;

/// Which fields of the top mapping are read.
#[derive(Debug, Clone, Copy)]
pub(in crate::manifest) enum Fields {
    /// All but these, which may be written and are another reader's business.
    Except(&'static [&'static str]),
    /// These only.
    Only(&'static [&'static str]),
}

/// What came of a reading.
#[derive(Debug)]
pub(in crate::manifest) struct Outcome<T> {
    /// The value, without what could not be read of it.
    pub(in crate::manifest) value: Option<T>,
    /// True where nothing had to be left out. Unknown fields do not count.
    pub(in crate::manifest) whole: bool,
}

/// What one reading knows: the file, and what former rounds found.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) source: &'a Arc<Source>,
    top: usize,
    fields: Fields,
    left_out: HashSet<usize>,
    /// Fields that mappings should have.
    missing: HashSet<(usize, &'static str)>,
    unknown: RefCell<Unknown>,
}

/// Unknown fields, each once although they are met in every round.
#[derive(Debug, Default)]
struct Unknown {
    seen: HashSet<usize>,
    /// The fields (by mapping) that were probably meant.
    meant: HashSet<(usize, &'static str)>,
    problems: Vec<(Mark, String, Option<String>)>,
}

/// Reads `tree` as a `T`. Every problem goes to `problems`.
pub(in crate::manifest) fn read<T: DeserializeOwned>(
    source: &Arc<Source>,
    tree: &Tree,
    fields: Fields,
    problems: &mut Problems,
) -> Outcome<T> {
    let top = identity(tree);
    let mut reader = Reader {
        source,
        top,
        fields,
        left_out: HashSet::new(),
        missing: HashSet::new(),
        unknown: RefCell::default(),
    };
    let mut value = None;
    let mut rounds = None;
    loop {
        match T::deserialize(Value { tree, reader: &reader }) {
            Ok(read) => {
                value = Some(read);
                break;
            }
            Err(error) => {
                let at = error.at.unwrap_or(top);
                report(&error, at, tree, &reader, problems);
                let is_new = match error.what {
                    What::Missing(field) => reader.missing.insert((at, field)),
                    What::Problem { .. } | What::LeftOut => at != top && reader.left_out.insert(at),
                };
                let left = rounds.get_or_insert_with(|| rounds_for(tree));
                *left -= 1;
                if !is_new || *left == 0 {
                    break;
                }
            }
        }
    }
    for (mark, message, hint) in reader.unknown.take().problems {
        problems.error(source, mark, message, hint);
    }
    Outcome { value, whole: reader.left_out.is_empty() && reader.missing.is_empty() }
}

/// How often a tree may be read.
fn rounds_for(tree: &Tree) -> usize {
    (limits::READ_VALUES / tree.count()).clamp(limits::ROUNDS, limits::PROBLEMS)
}

fn report(error: &ReadError, at: usize, top: &Tree, reader: &Reader<'_>, problems: &mut Problems) {
    let Some(tree) = find(top, at) else { return };
    match &error.what {
        What::LeftOut => {}
        What::Problem { message, hint } => {
            problems.error(reader.source, tree.mark, message.clone(), hint.clone());
        }
        What::Missing(field) => {
            let written = tree.get(field, reader.source.text());
            let is_misspelt = reader.unknown.borrow().meant.contains(&(at, *field));
            if !is_misspelt && written.is_none_or(|entry| !reader.is_left_out(&entry.value)) {
                let message = format!("the field `{field}` is missing");
                problems.error(reader.source, tree.mark, message, Some(format!("add `{field}: …` here")));
            }
        }
    }
}

fn find(tree: &Tree, wanted: usize) -> Option<&Tree> {
    if identity(tree) == wanted {
        return Some(tree);
    }
    match &tree.kind {
        Kind::Scalar { .. } => None,
        Kind::List(items) => items.iter().find_map(|item| find(item, wanted)),
        Kind::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, wanted)),
    }
}

/// A value's address: trees do not move while they are read.
pub(super) fn identity(tree: &Tree) -> usize {
    std::ptr::from_ref(tree).addr()
}

impl Reader<'_> {
    pub(super) fn is_left_out(&self, tree: &Tree) -> bool {
        tree.is_unknown() || self.left_out.contains(&identity(tree))
    }

    /// The fields that `map` should have and has not.
    pub(super) fn missing_in(&self, map: &Tree) -> std::vec::IntoIter<&'static str> {
        let map = identity(map);
        let fields = self.missing.iter().filter(|(at, _)| *at == map).map(|(_, field)| *field);
        fields.collect::<Vec<_>>().into_iter()
    }

    /// True where `entry` of `map` is to be read in this round.
    pub(super) fn wants(&self, map: &Tree, entry: &Entry) -> bool {
        let wanted = identity(map) != self.top || {
            let key = entry.key.get(self.source.text());
            match self.fields {
                Fields::Except(hidden) => !hidden.contains(&key),
                Fields::Only(shown) => shown.contains(&key),
            }
        };
        wanted && !self.is_left_out(&entry.value)
    }

    /// Takes down that the struct at `map` has no such field.
    pub(super) fn unknown_field(&self, map: &Tree, entry: &Entry, known: &'static [&'static str]) {
        let mut unknown = self.unknown.borrow_mut();
        if !unknown.seen.insert(identity(&entry.value)) || unknown.problems.len() >= limits::PROBLEMS {
            return;
        }
        let also: &[&str] = match self.fields {
            Fields::Except(hidden) if identity(map) == self.top => hidden,
            _ => &[],
        };
        let names = || known.iter().chain(also).copied();
        let key = entry.key.get(self.source.text());
        unknown.meant.extend(nearest(key, names()).map(|near| (identity(map), near)));
        let message = format!("unknown field `{}`{}", short(key), did_you_mean(key, names()));
        unknown.problems.push((entry.key_mark, message, choices("the fields here are", names())));
    }
}
