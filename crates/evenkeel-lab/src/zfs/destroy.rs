//! `zfs destroy`.

use super::options::Options;
use super::{Kind, Out, Rights, Version, ZfsHost, usage};

pub(super) fn run(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "fr", "") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "destroy", &problem, out),
    };
    let [name] = options.operands.as_slice() else {
        let many =
            if options.operands.is_empty() { "missing dataset argument" } else { "too many arguments" };
        return usage::fail(host.version, "destroy", many, out);
    };
    if let Some((dataset, bookmark)) = name.split_once('#') {
        return destroy_bookmark(host, dataset, bookmark, out);
    }
    let result = match name.split_once('@') {
        Some((dataset, snapshots)) => destroy_snapshots(host, rights, (dataset, snapshots), options.has('r')),
        None => destroy_dataset(host, rights, name, options.has('r')),
    };
    match result {
        Ok(()) => 0,
        Err(problem) => {
            out.err(problem);
            1
        }
    }
}

fn destroy_dataset(host: &mut ZfsHost, rights: Rights, name: &str, recursive: bool) -> Result<(), String> {
    let kind = host.kind_of(name).ok_or_else(|| format!("cannot open '{name}': dataset does not exist"))?;
    if host.pools.contains_key(name) {
        return Err(format!(
            "cannot destroy '{name}': operation does not apply to pools\n\
             use 'zfs destroy -r {name}' to destroy all datasets in the pool\n\
             use 'zpool destroy {name}' to destroy the pool itself"
        ));
    }
    let dependents = dependents(host, name);
    if !dependents.is_empty() && !recursive {
        let word = if kind == Kind::Volume { "volume" } else { "filesystem" };
        return Err(format!(
            "cannot destroy '{name}': {word} has children\nuse '-r' to destroy the following datasets:\n{}",
            dependents.join("\n")
        ));
    }
    if rights == Rights::User {
        return Err(format!("cannot destroy '{name}': permission denied"));
    }
    for (dataset, snapshot) in dependents.iter().filter_map(|name| name.split_once('@')) {
        check_holds(host, dataset, snapshot)?;
    }
    host.check_unmount(name)?;
    let busy = dependents.iter().map(String::as_str).chain([name]);
    if let Some(busy) = busy.into_iter().find(|n| host.datasets.get(*n).is_some_and(|d| d.busy)) {
        return Err(format!("cannot destroy '{busy}': dataset is busy"));
    }
    host.txg += 1;
    let below: Vec<String> = host.descendants(name).cloned().collect();
    for gone in below.iter().map(String::as_str).chain([name]) {
        host.remember("destroy", gone, "");
        host.datasets.remove(gone);
    }
    Ok(())
}

/// What stands in the way, in the order in which the program lists it: children with their snapshots first.
fn dependents(host: &ZfsHost, name: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut children: Vec<&str> = host.descendants(name).map(String::as_str).collect();
    children.reverse();
    for dataset in children.iter().copied().chain([name]) {
        let snapshots = host.datasets.get(dataset).map(|d| d.snapshots.as_slice()).unwrap_or_default();
        list.extend(snapshots.iter().map(|s| format!("{dataset}@{}", s.name)));
        if dataset != name {
            list.push(dataset.to_owned());
        }
    }
    list
}

fn destroy_bookmark(host: &mut ZfsHost, dataset: &str, bookmark: &str, out: &mut Out) -> i32 {
    let holder = host.datasets.get_mut(dataset);
    if holder.and_then(|holder| holder.bookmarks.remove(bookmark)).is_none() {
        out.err(format!("bookmark '{dataset}#{bookmark}' does not exist."));
        return 1;
    }
    host.txg += 1;
    0
}

/// `snapshots` is a list of names and of ranges `first%last`; a range says nothing to a dataset that lacks an end of it.
fn destroy_snapshots(
    host: &mut ZfsHost,
    rights: Rights,
    (dataset, snapshots): (&str, &str),
    recursive: bool,
) -> Result<(), String> {
    if !host.datasets.contains_key(dataset) {
        return Err(format!("cannot open '{dataset}': dataset does not exist"));
    }
    let below = host.descendants(dataset).filter(|_| recursive).cloned();
    let names: Vec<String> = std::iter::once(dataset.to_owned()).chain(below).collect();
    let of = |name: &String| (name.clone(), named(host, name, snapshots));
    let found: Vec<(String, Vec<String>)> = names.iter().map(of).collect();
    if found.iter().all(|(_, snapshots)| snapshots.is_empty()) {
        return Err("could not find any snapshots to destroy; check snapshot names.".to_owned());
    }
    if rights == Rights::User {
        return Err("cannot destroy snapshots: permission denied".to_owned());
    }
    for (name, snapshots) in &found {
        snapshots.iter().try_for_each(|snapshot| check_snapshot(host, name, snapshot))?;
    }
    host.txg += 1;
    for (name, gone) in found {
        if let Some(holder) = host.datasets.get_mut(&name) {
            holder.snapshots.retain(|s| !gone.contains(&s.name));
        }
    }
    Ok(())
}

/// The snapshots of `dataset` that a list means.
fn named(host: &ZfsHost, dataset: &str, list: &str) -> Vec<String> {
    let all = host.datasets.get(dataset).map(|d| d.snapshots.as_slice()).unwrap_or_default();
    let place = |name: &str| all.iter().position(|s| s.name == name);
    let mut found = Vec::new();
    for word in list.split(',') {
        let (from, to) = word.split_once('%').unwrap_or((word, word));
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            let between = all.get(from..=to).unwrap_or_default();
            found.extend(between.iter().map(|s| s.name.clone()));
        }
    }
    found
}

fn check_snapshot(host: &ZfsHost, dataset: &str, snapshot: &str) -> Result<(), String> {
    let name = format!("{dataset}@{snapshot}");
    let clones = host.clones(&name);
    if !clones.is_empty() {
        return Err(format!(
            "cannot destroy '{name}': snapshot has dependent clones\n\
             use '-R' to destroy the following datasets:\n{}",
            clones.join("\n")
        ));
    }
    check_holds(host, dataset, snapshot)
}

fn check_holds(host: &ZfsHost, dataset: &str, snapshot: &str) -> Result<(), String> {
    let name = format!("{dataset}@{snapshot}");
    let snapshots = host.datasets.get(dataset).map(|d| d.snapshots.as_slice()).unwrap_or_default();
    let held = snapshots.iter().any(|s| s.name == snapshot && !s.holds.is_empty());
    match (held, host.version) {
        (false, _) => Ok(()),
        (true, Version::V2_1) => Err(format!("cannot destroy snapshot {name}: dataset is busy")),
        (true, Version::V2_3) => Err(format!(
            "cannot destroy snapshot {name}: it's being held. Run 'zfs holds -r {name}' to see holders."
        )),
    }
}
