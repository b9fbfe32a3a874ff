//! The tree: what was written, and where.

use super::super::source::Mark;

/// One value. 40 bytes, so that a hundred thousand manifests fit into memory.
#[derive(Debug, Clone)]
pub(in crate::manifest) struct Tree {
    /// Where it starts; the first key for a mapping in block style.
    pub(in crate::manifest) mark: Mark,
    pub(in crate::manifest) kind: Kind,
}

#[derive(Debug, Clone)]
pub(in crate::manifest) enum Kind {
    Scalar { text: Text, style: Style },
    List(Box<[Tree]>),
    Map(Box<[Entry]>),
}

/// A field of a mapping. Keys are text, whatever they look like.
#[derive(Debug, Clone)]
pub(in crate::manifest) struct Entry {
    pub(in crate::manifest) key: Text,
    pub(in crate::manifest) key_mark: Mark,
    pub(in crate::manifest) value: Tree,
}

/// Whether a scalar may be something else than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum Style {
    /// Unquoted: null, a boolean, a number or text, as the reader wants it.
    Plain,
    /// Quoted, a block scalar or tagged `!!str`: text.
    Text,
    /// Its variables have no value, which is reported: nobody reads it.
    Unknown,
}

/// A scalar's text: a piece of the file where it is written as it is meant.
#[derive(Debug, Clone)]
pub(in crate::manifest) enum Text {
    Slice { start: u32, length: u32 },
    Owned(Box<str>),
}

impl Text {
    /// The text, given the file that it was read from.
    pub(in crate::manifest) fn get<'a>(&'a self, file: &'a str) -> &'a str {
        match self {
            Text::Slice { start, length } => {
                let start = *start as usize;
                file.get(start..start + *length as usize).unwrap_or_default()
            }
            Text::Owned(text) => text,
        }
    }
}

impl Tree {
    /// The value of a mapping's key.
    pub(in crate::manifest) fn get(&self, key: &str, file: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key.get(file) == key),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }

    /// The value of a mapping's key, to change.
    pub(in crate::manifest) fn get_mut(&mut self, key: &str, file: &str) -> Option<&mut Tree> {
        match &mut self.kind {
            Kind::Map(entries) => entries.iter_mut().find(|e| e.key.get(file) == key).map(|e| &mut e.value),
            Kind::Scalar { .. } | Kind::List(_) => None,
        }
    }

    /// True for a scalar that is not known, which is reported already.
    pub(in crate::manifest) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Scalar { style: Style::Unknown, .. })
    }

    /// How many values it holds, itself included.
    pub(in crate::manifest) fn count(&self) -> usize {
        1 + self.children().map(Tree::count).sum::<usize>()
    }

    /// How many mappings and lists stand within each other.
    pub(super) fn depth(&self) -> usize {
        match self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(_) | Kind::Map(_) => 1 + self.children().map(Tree::depth).max().unwrap_or(0),
        }
    }

    fn children(&self) -> impl Iterator<Item = &Tree> {
        let (items, entries): (&[Tree], &[Entry]) = match &self.kind {
            Kind::Scalar { .. } => (&[], &[]),
            Kind::List(items) => (items, &[]),
            Kind::Map(entries) => (&[], entries),
        };
        items.iter().chain(entries.iter().map(|e| &e.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_small() {
        assert_eq!(std::mem::size_of::<Tree>(), 40);
        assert!(std::mem::size_of::<Entry>() <= 72);
    }
}
