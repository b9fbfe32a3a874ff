//! Destroying snapshots in few commands, and never one too many.
//!
//! `zfs destroy A@x,y` names each snapshot. `-r` means everything of these names below A, and `x%y` everything between:
//! either is used only where all that it can mean is to go. Never `-R`, `-f` or `-d`.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::Exec;

use super::listing::{Dataset, full};
use super::side::{Side, Slots};

/// Linux takes no argument longer than 128 KiB.
const MAX_ARGUMENT: usize = 100_000;
/// Fewer than so many in a row are named one by one.
const LEAST_RANGE: usize = 3;
/// Freeing blocks is done later, but a thousand snapshots take their time.
const SECONDS: u64 = 3_600;

/// The commands that destroy `remove` on `side`, whose snapshots are called by `prefix` and slot.
pub(super) fn commands(side: &Side, prefix: &str, remove: &Slots) -> Vec<Exec> {
    let going: BTreeMap<String, &BTreeSet<String>> =
        remove.iter().map(|(slot, datasets)| (format!("{prefix}{slot}"), datasets)).collect();
    let all: Vec<(&str, &Dataset)> = side.listing.tree(&side.root, side.recursive).collect();
    // A name goes everywhere where nobody below the root has one that stays, left out or not.
    let mut everywhere: BTreeSet<&str> = BTreeSet::new();
    if side.recursive && all.len() > 1 {
        everywhere.extend(going.keys().map(String::as_str));
        for (relative, dataset) in &all {
            for snapshot in &dataset.snapshots {
                let goes = going.get(&snapshot.name).is_some_and(|datasets| datasets.contains(*relative));
                if !goes {
                    everywhere.remove(snapshot.name.as_str());
                }
            }
        }
    }
    let mut commands = destroy(&side.root, true, &all, &everywhere);
    for (relative, dataset) in all {
        let goes = |name: &&str| going.get(*name).is_some_and(|datasets| datasets.contains(relative));
        let names = dataset.snapshots.iter().map(|snapshot| snapshot.name.as_str()).filter(goes);
        let single: BTreeSet<&str> = names.filter(|name| !everywhere.contains(name)).collect();
        commands.extend(destroy(&full(&side.root, relative), false, &[(relative, dataset)], &single));
    }
    commands
}

fn destroy(root: &str, recursive: bool, affected: &[(&str, &Dataset)], names: &BTreeSet<&str>) -> Vec<Exec> {
    let mut commands: Vec<Exec> = Vec::new();
    let mut list = String::new();
    let mut flush = |list: &mut String| {
        if !list.is_empty() {
            let argv = ["zfs", "destroy"].into_iter().chain(recursive.then_some("-r")).map(str::to_owned);
            commands.push(Exec::new(argv).arg(format!("{root}@{list}")).within(SECONDS));
            list.clear();
        }
    };
    for word in words(affected, names) {
        if list.len() + word.len() > MAX_ARGUMENT {
            flush(&mut list);
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&word);
    }
    flush(&mut list);
    commands
}

/// The names, in order of creation, with those in a row as `first%last`.
fn words(affected: &[(&str, &Dataset)], names: &BTreeSet<&str>) -> Vec<String> {
    let Some(places) = places(affected, names) else {
        return names.iter().map(|name| (*name).to_owned()).collect();
    };
    let mut words = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    for name in in_order(affected, names) {
        if run.last().is_some_and(|last| !follows(&places, last, name)) {
            close(&mut run, &mut words);
        }
        run.push(name);
    }
    close(&mut run, &mut words);
    words
}

fn close(run: &mut Vec<&str>, words: &mut Vec<String>) {
    match run.as_slice() {
        [first, .., last] if run.len() >= LEAST_RANGE => words.push(format!("{first}%{last}")),
        few => words.extend(few.iter().map(|name| (*name).to_owned())),
    }
    run.clear();
}

/// Of each affected dataset: where the names stand among all its snapshots.
type Places<'n> = Vec<BTreeMap<&'n str, usize>>;

/// `None` where a dataset lacks one of the names: a range whose end is missing means something else there.
fn places<'n>(affected: &[(&'n str, &'n Dataset)], names: &BTreeSet<&str>) -> Option<Places<'n>> {
    let mut all = Places::new();
    for (_, dataset) in affected {
        let snapshots = dataset.snapshots.iter().enumerate();
        let own: BTreeMap<&str, usize> = snapshots
            .filter(|(_, snapshot)| names.contains(snapshot.name.as_str()))
            .map(|(at, snapshot)| (snapshot.name.as_str(), at))
            .collect();
        match own.len() {
            0 => {}
            some if some == names.len() => all.push(own),
            _ => return None,
        }
    }
    Some(all)
}

/// True where nothing stands between the two on any dataset.
fn follows(places: &Places<'_>, one: &str, next: &str) -> bool {
    let is_next = |own: &BTreeMap<&str, usize>| match (own.get(one), own.get(next)) {
        (Some(one), Some(next)) => *next == one + 1,
        _ => false,
    };
    places.iter().all(is_next)
}

fn in_order<'n>(affected: &[(&str, &'n Dataset)], names: &BTreeSet<&str>) -> Vec<&'n str> {
    let mut order: Vec<&str> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (_, dataset) in affected {
        let own = dataset.snapshots.iter().map(|snapshot| snapshot.name.as_str());
        order.extend(own.filter(|name| names.contains(name) && seen.insert(name)));
    }
    order
}
