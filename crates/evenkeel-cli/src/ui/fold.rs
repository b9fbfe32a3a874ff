//! Fields of many things of one sort that differ alike: `devices.naa.1.policy`, `devices.naa.2.policy` and so on are one
//! line.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use evenkeel_core::diff::FieldPath;

use super::style::{Tone, paint};

/// From this many equal ones on, they are shown as one.
pub(super) const GROUP_FROM: usize = 4;

/// Fields that are shown as one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fold {
    /// Which of those that were given.
    pub(super) at: Vec<usize>,
    /// The path: of several things with `*` for their names.
    pub(super) path: String,
    /// What they are, in plural, where there are several: `devices`.
    pub(super) noun: Option<String>,
}

impl Fold {
    /// `  (198 devices)` behind a line of several things; nothing behind one of a single field.
    pub(super) fn how_many(&self) -> String {
        let words = self.noun.as_ref().map(|noun| format!("  ({})", counted(self.at.len(), noun)));
        words.map(|words| paint(Tone::Faint, words)).unwrap_or_default()
    }
}

/// Joins fields, each with what else of it is shown, in order of first appearance. Those of `GROUP_FROM` things or more
/// that differ in the name of the thing only (the last key but one of three or more) are one; beside them only what is
/// the same is joined. With `apart` nothing else is.
pub(super) fn folds<K: Hash + Eq>(fields: &[(&FieldPath, K)], apart: bool) -> Vec<Fold> {
    let mut named: HashMap<(Pattern<'_>, &K), BTreeSet<&str>> = HashMap::new();
    for (path, shown) in fields {
        if let Some((pattern, name)) = taken_apart(path).filter(|_| !apart) {
            named.entry((pattern, shown)).or_default().insert(name);
        }
    }
    let mut folds: Vec<Fold> = Vec::new();
    let mut patterns: HashMap<(Pattern<'_>, &K), usize> = HashMap::new();
    let mut literals: HashMap<(&FieldPath, &K), usize> = HashMap::new();
    for (nth, (path, shown)) in fields.iter().enumerate() {
        let pattern = taken_apart(path).map(|(pattern, _)| (pattern, shown));
        let pattern = pattern.filter(|known| named.get(known).is_some_and(|names| names.len() >= GROUP_FROM));
        let next = folds.len();
        let (at, path, noun) = match pattern {
            Some(known) => {
                let (before, last) = known.0;
                let path = format!("{}.*.{last}", before.join("."));
                (*patterns.entry(known).or_insert(next), path, before.last().cloned())
            }
            None => (*literals.entry((path, shown)).or_insert(next), path.to_string(), None),
        };
        match folds.get_mut(at) {
            Some(fold) => fold.at.push(nth),
            None => folds.push(Fold { at: vec![nth], path, noun }),
        }
    }
    folds
}

/// The keys before the name of a thing, and the one behind it.
type Pattern<'p> = (&'p [String], &'p str);

/// The name of the thing in a path, and the path without it; `None` where the path names none.
pub(super) fn taken_apart(path: &FieldPath) -> Option<(Pattern<'_>, &str)> {
    match path.keys() {
        [before @ .., name, last] if !before.is_empty() => Some(((before, last.as_str()), name.as_str())),
        _ => None,
    }
}

/// `198 devices`; `198 of them` where there is no word for them.
pub(super) fn counted(n: usize, noun: &str) -> String {
    if noun.ends_with('s') && !noun.ends_with("ss") {
        let noun = if n == 1 { noun.strip_suffix('s').unwrap_or(noun) } else { noun };
        format!("{n} {noun}")
    } else {
        format!("{n} of them")
    }
}

/// The first `most` names, and how many more there are.
pub(super) fn some_of(names: &[&str], most: usize) -> String {
    let shown = names.get(..most).unwrap_or(names).join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(paths: &[&str], apart: bool) -> Vec<(String, usize)> {
        let paths: Vec<FieldPath> = paths.iter().map(|path| FieldPath::of(path.split('/'))).collect();
        let fields: Vec<(&FieldPath, ())> = paths.iter().map(|path| (path, ())).collect();
        folds(&fields, apart).into_iter().map(|fold| (fold.path, fold.at.len())).collect()
    }

    #[test]
    fn what_differs_in_the_name_of_a_thing_only_is_one_line() {
        let paths = ["d/1/p", "d/1/q", "d/2/p", "x/y", "d/3/p", "d/4/p"];
        assert_eq!(shown(&paths, false), [("d.*.p".into(), 4), ("d.1.q".into(), 1), ("x.y".into(), 1)]);
        assert_eq!(shown(&paths, true).len(), 6);
    }

    #[test]
    fn few_stay_as_they_were_in_their_order() {
        let paths = ["d/1/p", "d/1/q", "d/2/p", "d/2/q", "d/3/p"];
        assert_eq!(shown(&paths, false), paths.map(|path| (path.replace('/', "."), 1)));
    }

    #[test]
    fn paths_of_two_keys_name_no_things() {
        assert_eq!(shown(&["p/a", "p/b", "p/c", "p/d", "p/e"], false).len(), 5);
    }

    #[test]
    fn values_that_differ_stay_apart() {
        let paths: Vec<FieldPath> = (0..8).map(|n| FieldPath::of(["d", &n.to_string(), "p"])).collect();
        let fields: Vec<(&FieldPath, usize)> = paths.iter().enumerate().map(|(n, p)| (p, n % 2)).collect();
        let folds = folds(&fields, false);
        assert_eq!(folds.iter().map(|fold| fold.at.len()).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(folds[0].noun.as_deref(), Some("d"));
    }

    #[test]
    fn counts_have_words() {
        assert_eq!(counted(198, "devices"), "198 devices");
        assert_eq!(counted(1, "devices"), "1 device");
        assert_eq!(counted(5, "access"), "5 of them");
        assert_eq!(some_of(&["a", "b", "c"], 2), "a, b and 1 more");
    }
}
