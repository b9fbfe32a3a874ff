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
    let result = match name.split_once('@') {
        Some((dataset, snapshots)) => destroy_snapshots(host, rights, dataset, snapshots),
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

fn destroy_snapshots(
    host: &mut ZfsHost,
    rights: Rights,
    dataset: &str,
    snapshots: &str,
) -> Result<(), String> {
    if !host.datasets.contains_key(dataset) {
        return Err(format!("cannot open '{dataset}': dataset does not exist"));
    }
    let known = |snapshot: &&str| host.kind_of(&format!("{dataset}@{snapshot}")).is_some();
    let found: Vec<&str> = snapshots.split(',').filter(known).collect();
    if found.is_empty() {
        return Err("could not find any snapshots to destroy; check snapshot names.".to_owned());
    }
    if rights == Rights::User {
        return Err("cannot destroy snapshots: permission denied".to_owned());
    }
    for snapshot in &found {
        check_snapshot(host, dataset, snapshot)?;
    }
    host.txg += 1;
    if let Some(holder) = host.datasets.get_mut(dataset) {
        holder.snapshots.retain(|s| !found.contains(&s.name.as_str()));
    }
    Ok(())
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
