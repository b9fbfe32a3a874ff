//! `${name}` in scalars, from values files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits;
use super::problems::Problems;
use super::source::Source;
use super::suggest::did_you_mean;
use super::yaml::{Kind, Style, Text, Tree};

/// The values by their dotted names (`site.pool`).
#[derive(Debug, Default)]
pub(super) struct Values {
    by_name: BTreeMap<String, String>,
    /// Whether there was a values file at all.
    pub(super) are_given: bool,
    /// How many more bytes the replaced texts may have together.
    budget: usize,
}

impl Values {
    pub(super) fn new() -> Self {
        Values { budget: limits::FILE_BYTES, ..Values::default() }
    }

    /// Lays a values file over those before it.
    pub(super) fn overlay(&mut self, source: &Arc<Source>, tree: &Tree, problems: &mut Problems) {
        match &tree.kind {
            Kind::Map(_) => self.collect(source, "", tree, problems),
            Kind::Scalar { .. } | Kind::List(_) => {
                let hint = "write `name: value` lines".to_owned();
                problems.error(source, tree.mark, "a values file is a mapping".to_owned(), Some(hint));
            }
        }
    }

    fn collect(&mut self, source: &Arc<Source>, prefix: &str, tree: &Tree, problems: &mut Problems) {
        let file = source.text();
        match &tree.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    let key = entry.key.get(file);
                    if !is_name(key) {
                        let message = format!("`{}` is not a name for a value", super::de::short(key));
                        let hint = "use letters, digits, `_`, `-` and `.`".to_owned();
                        problems.error(source, entry.key_mark, message, Some(hint));
                        continue;
                    }
                    let name = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
                    self.collect(source, &name, &entry.value, problems);
                }
            }
            Kind::Scalar { text, .. } => self.set(prefix, text.get(file)),
            Kind::List(_) => {
                let message = "a value is text, a number or a mapping of values, not a list".to_owned();
                let hint = Some("write each item as a value with a name of its own".to_owned());
                problems.error(source, tree.mark, message, hint);
            }
        }
    }

    /// Sets a value; what an earlier file said of its parents or children no longer holds.
    fn set(&mut self, name: &str, text: &str) {
        let below = format!("{name}.");
        let children: Vec<String> = self
            .by_name
            .range(below.clone()..)
            .take_while(|(known, _)| known.starts_with(&below))
            .map(|(known, _)| known.clone())
            .collect();
        for child in children {
            self.by_name.remove(&child);
        }
        for (dot, _) in name.match_indices('.') {
            self.by_name.remove(name.get(..dot).unwrap_or_default());
        }
        self.by_name.insert(name.to_owned(), text.to_owned());
    }

    /// Replaces every `${name}` in the scalars of `tree`. A plain scalar stays plain: it is then read as if
    /// the value had been written in its place.
    pub(super) fn fill(&mut self, source: &Arc<Source>, tree: &mut Tree, problems: &mut Problems) {
        let mark = tree.mark;
        match &mut tree.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| self.fill(source, item, problems)),
            Kind::Map(entries) => {
                entries.iter_mut().for_each(|entry| self.fill(source, &mut entry.value, problems));
            }
            Kind::Scalar { text, style } => {
                let written = text.get(source.text());
                if !written.contains("${") {
                    return;
                }
                let (replaced, found) = self.replace(written);
                if !found.is_empty() {
                    *style = Style::Unknown;
                }
                for (message, hint) in found {
                    problems.error(source, mark, message, hint);
                }
                *text = Text::Owned(replaced.into());
            }
        }
    }

    fn replace(&mut self, written: &str) -> (String, Vec<(String, Option<String>)>) {
        let mut out = String::new();
        let mut found = Vec::new();
        let mut rest = written;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let inner = from.get(2..).unwrap_or_default();
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = inner;
                continue;
            }
            out.push_str(before);
            let Some((name, after)) = inner.split_once('}') else {
                let hint = "close it with `}`, or write `$${` for the characters themselves";
                found.push(("`${` is not closed".to_owned(), Some(hint.to_owned())));
                rest = "";
                break;
            };
            rest = after;
            match self.by_name.get(name) {
                Some(value) if value.len() <= self.budget => {
                    self.budget -= value.len();
                    out.push_str(value);
                }
                Some(_) => found.push((
                    format!("the values filled in have more than {} bytes", limits::FILE_BYTES),
                    None,
                )),
                None => found.push(self.unknown(name)),
            }
        }
        out.push_str(rest);
        (out, found)
    }

    fn unknown(&self, name: &str) -> (String, Option<String>) {
        let below = format!("{name}.");
        let shown = super::de::short(name);
        if !is_name(name) {
            let hint = "write `$${` for the characters themselves".to_owned();
            return (format!("`${{{shown}}}` does not hold a name"), Some(hint));
        }
        if let Some((child, _)) =
            self.by_name.range(below.clone()..).next().filter(|(n, _)| n.starts_with(&below))
        {
            return (
                format!("`${{{shown}}}` is a mapping of values"),
                Some(format!("write one of them: `${{{child}}}`")),
            );
        }
        let near = did_you_mean(name, self.by_name.keys().map(String::as_str));
        let hint = if self.are_given {
            "add it to a values file, or write `$${` for the characters themselves"
        } else {
            "give a values file with --values FILE, or write `$${` for the characters themselves"
        };
        (format!("no value is named `{shown}`{near}"), Some(hint.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !name.ends_with('.')
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        let mut values = Values::new();
        values.are_given = true;
        for (name, text) in pairs {
            values.set(name, text);
        }
        values
    }

    #[test]
    fn names_are_replaced_once_and_escapes_are_kept() {
        let mut values = values(&[("a", "1"), ("site.pool", "tank"), ("dollar", "${a}")]);
        for (written, expected) in [
            ("${a}", "1"),
            ("x${a}y${site.pool}", "x1ytank"),
            ("$${a}", "${a}"),
            ("$$${a}", "$${a}"),
            ("${dollar}", "${a}"),
            ("$a $ {a}", "$a $ {a}"),
            ("プール${a}名", "プール1名"),
        ] {
            let (text, found) = values.replace(written);
            assert_eq!((text.as_str(), found.len()), (expected, 0), "{written}");
        }
    }

    #[test]
    fn every_unknown_name_is_a_problem() {
        let mut values = values(&[("pool", "tank"), ("site.a", "x")]);
        let mut message = |written| values.replace(written).1.into_iter().map(|(m, _)| m).collect::<Vec<_>>();
        assert_eq!(
            message("${pol} ${zzz}"),
            ["no value is named `pol`, did you mean `pool`?", "no value is named `zzz`"]
        );
        assert_eq!(message("${site}"), ["`${site}` is a mapping of values"]);
        assert_eq!(message("${x:-1}"), ["`${x:-1}` does not hold a name"]);
        assert_eq!(message("${pool"), ["`${` is not closed"]);
    }

    #[test]
    fn a_later_value_replaces_what_stood_above_or_below_it() {
        let names = |v: Values| v.by_name.into_keys().collect::<Vec<_>>();
        assert_eq!(names(values(&[("a.b", "1"), ("a.c", "2"), ("a", "3")])), ["a"]);
        assert_eq!(names(values(&[("a", "3"), ("a.b", "1")])), ["a.b"]);
        assert_eq!(names(values(&[("a.b", "1"), ("a-b", "2"), ("a.c", "2")])), ["a-b", "a.b", "a.c"]);
    }

    #[test]
    fn filling_in_is_bounded() {
        let mut values = values(&[("big", &"x".repeat(limits::FILE_BYTES))]);
        let (text, found) = values.replace("${big}${big}");
        assert_eq!(text.len(), limits::FILE_BYTES);
        assert_eq!(found.len(), 1);
    }
}
