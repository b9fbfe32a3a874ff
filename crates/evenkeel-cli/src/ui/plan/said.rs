//! Sentences about changes on several hosts: what is true of all once, the rest with the names of the hosts.

use std::collections::{BTreeSet, HashMap};

use evenkeel_core::plan::{Change, Gate};

use crate::ui::fold::{GROUP_FROM, counted, some_of, taken_apart};

use super::heading::{GROUP_NAMES, some_hosts};
use crate::ui::style::count;

/// Hosts named before a sentence.
const HOSTS_NAMED: usize = 3;

/// A sentence, and the hosts that it is about.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) text: String,
    hosts: Vec<&'a str>,
}

/// What `of` says of each of `members`, each sentence once, in order of first appearance. With `all`, without an end;
/// else what is told of some of the hosts only is told a few times.
pub(super) fn said<'a>(
    members: &[&'a Change],
    all: bool,
    of: impl Fn(&'a Change) -> Vec<&'a str>,
) -> Vec<String> {
    let mut said: Vec<Said<'a>> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for change in members {
        for text in of(change) {
            let at = *known.entry(text).or_insert(said.len());
            match said.get_mut(at) {
                Some(one) => one.hosts.push(&change.id.target),
                None => said.push(Said { text: text.to_owned(), hosts: vec![&change.id.target] }),
            }
        }
    }
    lines(said, members.len(), all)
}

/// The sentences with the names of their hosts, where they are not about all of them.
fn lines(said: Vec<Said<'_>>, hosts: usize, all: bool) -> Vec<String> {
    let (mut lines, mut partial, mut left_out) = (Vec::new(), 0, 0);
    for mut one in said {
        one.hosts.dedup();
        if one.hosts.len() >= hosts {
            lines.push(one.text);
            continue;
        }
        partial += 1;
        if all || partial <= GROUP_NAMES {
            lines.push(format!("{}: {}", some_of(&one.hosts, HOSTS_NAMED), one.text));
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let more = count(left_out, "more such line");
        lines.push(format!("{more} about some of the hosts (--full shows all)"));
    }
    lines
}

/// Why changes, or the last commands of them, are not sent. Reasons that are the same but for the name of a thing (a
/// device) are told once, with the names; with `all`, each.
pub(super) fn reasons(members: &[&Change], all: bool) -> Vec<String> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    let mut known: HashMap<(bool, String), usize> = HashMap::new();
    for change in members {
        let names: HashMap<&str, &str> = change
            .fields
            .iter()
            .filter_map(|field| taken_apart(&field.change.path))
            .map(|((before, _), name)| (name, before.last().map_or("", String::as_str)))
            .collect();
        let (reasons, steps) = held(change);
        for reason in reasons {
            let (pattern, name) = masked(reason, &names);
            let pattern = if all { reason.clone() } else { pattern };
            let at = *known.entry((steps.is_some(), pattern)).or_insert(kinds.len());
            if at == kinds.len() {
                kinds.push(Kind::default());
            }
            let Some(kind) = kinds.get_mut(at) else { continue };
            let cases = kind.cases.last().is_none_or(|case| case.host != change.id.target);
            kind.steps += if cases { steps.unwrap_or_default() } else { 0 };
            let noun = name.and_then(|name| names.get(name)).copied();
            kind.noun = kind.noun.or(noun);
            kind.cases.push(Case { host: &change.id.target, name, reason });
        }
    }
    lines(kinds.iter().flat_map(|kind| kind.says(members.len())).collect(), members.len(), all)
}

/// Why it is not sent, and how many commands of it are not where the others are.
fn held(change: &Change) -> (&[String], Option<usize>) {
    match (&change.gate, &change.withheld) {
        (Gate::Held { reasons, .. }, _) if change.is_pending() => (reasons, None),
        (_, Some(withheld)) => (&withheld.reasons, Some(withheld.steps.len())),
        _ => (&[], None),
    }
}

/// `reason` without the names in it, and the first of them.
fn masked<'r>(reason: &'r str, names: &HashMap<&str, &str>) -> (String, Option<&'r str>) {
    let mut first = None;
    let between = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '`');
    let mask = |piece: &'r str| {
        let word = piece.trim_end_matches(between);
        let word = word.trim_end_matches([':', ';', '.']);
        if names.contains_key(word) {
            first.get_or_insert(word);
            format!("\u{0}{}", piece.strip_prefix(word).unwrap_or_default())
        } else {
            piece.to_owned()
        }
    };
    let pattern: String = reason.split_inclusive(between).map(mask).collect();
    (pattern, first)
}

/// Reasons that differ in names only.
#[derive(Debug, Default)]
struct Kind<'a> {
    cases: Vec<Case<'a>>,
    /// The commands that wait, where others of the same change are sent.
    steps: usize,
    /// What is named, in plural.
    noun: Option<&'a str>,
}

#[derive(Debug)]
struct Case<'a> {
    host: &'a str,
    name: Option<&'a str>,
    reason: &'a str,
}

impl<'a> Kind<'a> {
    fn says(&self, of_hosts: usize) -> Vec<Said<'a>> {
        let names: BTreeSet<&str> = self.cases.iter().filter_map(|case| case.name).collect();
        let waiting = match self.steps {
            0 => String::new(),
            steps => format!("the last {}: ", count(steps, "command")),
        };
        if names.len() < GROUP_FROM {
            return self.each(&waiting);
        }
        let Some(first) = self.cases.first() else { return Vec::new() };
        let mut hosts: Vec<&str> = self.cases.iter().map(|case| case.host).collect();
        hosts.dedup();
        let number = counted(self.cases.len(), self.noun.unwrap_or_default());
        // Where it is not about all of them, their names stand before it.
        let is_all = of_hosts > 1 && hosts.len() == of_hosts;
        let on = if is_all { format!(" on {}", count(of_hosts, "host")) } else { String::new() };
        let names = some_of(&names.into_iter().collect::<Vec<_>>(), GROUP_NAMES);
        vec![Said { text: format!("{waiting}{number}{on} ({names}): {}", first.reason), hosts }]
    }

    /// Every reason by itself.
    fn each(&self, waiting: &str) -> Vec<Said<'a>> {
        let mut said: Vec<Said<'a>> = Vec::new();
        for case in &self.cases {
            let text = format!("{waiting}{}", case.reason);
            match said.iter_mut().find(|one| one.text == text) {
                Some(one) => one.hosts.push(case.host),
                None => said.push(Said { text, hosts: vec![case.host] }),
            }
        }
        said
    }
}

/// ` on 3 hosts`, ` on lime`: where something is that not all hosts have; nothing where all have it.
pub(super) fn only_on(hosts: &[&str], of: usize) -> String {
    match hosts.len() {
        n if n >= of => String::new(),
        n if n <= HOSTS_NAMED => format!("on {}", some_hosts(hosts)),
        n => format!("on {n} of {of} hosts"),
    }
}
