//! Snapshots and what people do with them: `zfs snapshot`, `clone`, `hold`, `release`, `rename`.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Setting, Snapshot, parent_of, pool_of};
use super::options::Options;
use super::{Kind, Out, Rights, ZfsHost, set, usage};

pub(super) fn snapshot(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "r", "o") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "snapshot", &problem, out),
    };
    if options.operands.is_empty() {
        return usage::fail(host.version, "snapshot", "missing snapshot argument", out);
    }
    let mut wanted = Vec::new();
    for operand in &options.operands {
        let Some((dataset, name)) = operand.split_once('@') else {
            return usage::synopsis(host.version, "snapshot", out);
        };
        if !host.datasets.contains_key(dataset) {
            out.err(format!("cannot open '{dataset}': dataset does not exist"));
            return usage::synopsis(host.version, "snapshot", out);
        }
        wanted.push((dataset.to_owned(), name.to_owned()));
        if options.has('r') {
            wanted.extend(host.descendants(dataset).map(|below| (below.clone(), name.to_owned())));
        }
    }
    let exists = |(dataset, name): &&(String, String)| host.kind_of(&format!("{dataset}@{name}")).is_some();
    let problem = match wanted.iter().find(exists) {
        Some((dataset, name)) => Some((dataset, name, "dataset already exists")),
        None if rights == Rights::User => wanted.first().map(|(d, n)| (d, n, "permission denied")),
        None => None,
    };
    if let Some((dataset, name, problem)) = problem {
        out.err(format!("cannot create snapshot '{dataset}@{name}': {problem}"));
        if wanted.len() > 1 {
            out.err("no snapshots were created");
        }
        return 1;
    }
    let properties = set::pairs(options.values('o')).unwrap_or_default();
    take(host, &wanted, &properties);
    0
}

/// All in one transaction: they are equally old.
fn take(host: &mut ZfsHost, wanted: &[(String, String)], properties: &set::Pairs<'_>) {
    let setting = |value: &str| Setting { local: Some(value.to_owned()), ..Setting::default() };
    let settings: BTreeMap<_, _> = properties.iter().map(|(p, v)| ((*p).to_owned(), setting(v))).collect();
    let mut birth = host.new_birth("snapshots");
    for (dataset, name) in wanted {
        birth.guid = birth.guid.rotate_left(7) ^ name.len() as u64;
        if let Some(holder) = host.datasets.get_mut(dataset) {
            let referenced = holder.referenced;
            let (settings, holds) = (settings.clone(), BTreeSet::new());
            holder.snapshots.push(Snapshot { name: name.clone(), birth, referenced, settings, holds });
        }
    }
}

pub(super) fn clone(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let &[from, to] = args else {
        return usage::fail(host.version, "clone", "missing target dataset argument", out);
    };
    if host.kind_of(from) != Some(Kind::Snapshot) {
        out.err(format!("cannot open '{from}': dataset does not exist"));
        return 1;
    }
    let kind = from.split_once('@').and_then(|(d, _)| host.kind_of(d)).unwrap_or(Kind::Filesystem);
    let exit = super::create::run(host, rights, &[to], out);
    if let Some(dataset) = host.datasets.get_mut(to).filter(|_| exit == 0) {
        dataset.kind = kind;
        dataset.origin = Some(from.to_owned());
    }
    exit
}

pub(super) fn bookmark(host: &mut ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    let &[from, to] = args else {
        return usage::fail(host.version, "bookmark", "missing bookmark argument", out);
    };
    let (Some((dataset, snapshot)), Some((place, name))) = (from.split_once('@'), to.split_once('#')) else {
        return usage::fail(host.version, "bookmark", "invalid bookmark name", out);
    };
    let holder = host.datasets.get_mut(dataset).filter(|_| dataset == place);
    let birth =
        holder.as_ref().and_then(|d| d.snapshots.iter().find(|s| s.name == snapshot)).map(|s| s.birth);
    let (Some(holder), Some(birth)) = (holder, birth) else {
        out.err(format!("cannot create bookmark '{to}': dataset does not exist"));
        return 1;
    };
    if holder.bookmarks.contains_key(name) {
        out.err(format!("cannot create bookmark '{to}': bookmark exists"));
        return 1;
    }
    holder.bookmarks.insert(name.to_owned(), birth);
    host.txg += 1;
    0
}

pub(super) fn hold(host: &mut ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    with_snapshot(host, ("hold", "cannot hold snapshot"), args, out, |snapshot, tag| {
        snapshot.holds.insert(tag.to_owned()).then_some(()).ok_or("tag already exists on this dataset")
    })
}

pub(super) fn release(host: &mut ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    with_snapshot(host, ("release", "cannot release hold from snapshot"), args, out, |snapshot, tag| {
        snapshot.holds.remove(tag).then_some(()).ok_or("no such tag on this dataset")
    })
}

fn with_snapshot(
    host: &mut ZfsHost,
    (verb, cannot): (&str, &str),
    args: &[&str],
    out: &mut Out,
    act: impl FnOnce(&mut Snapshot, &str) -> Result<(), &'static str>,
) -> i32 {
    let &[tag, name] = args else {
        return usage::synopsis(host.version, verb, out);
    };
    let (dataset, snapshot) = name.split_once('@').unwrap_or((name, ""));
    let Some(holder) = host.datasets.get_mut(dataset) else {
        out.err(format!("cannot open '{dataset}': dataset does not exist"));
        return 1;
    };
    let Some(found) = holder.snapshots.iter_mut().find(|s| s.name == snapshot) else {
        out.err(format!("{cannot} '{name}': dataset does not exist"));
        return 1;
    };
    if let Err(problem) = act(found, tag) {
        out.err(format!("{cannot} '{name}': {problem}"));
        return 1;
    }
    host.txg += 1;
    0
}

pub(super) fn rename(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "r", "") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "rename", &problem, out),
    };
    let [from, to] = options.operands.as_slice() else {
        return usage::fail(host.version, "rename", "missing target dataset argument", out);
    };
    let parent_is_gone = parent_of(to).is_some_and(|parent| !host.datasets.contains_key(parent));
    let problem = match (host.kind_of(from), rights) {
        (None, _) => Some(format!("cannot open '{from}': dataset does not exist")),
        (_, Rights::User) => Some(format!("cannot rename '{from}': permission denied")),
        _ if from == to => return 0,
        _ if host.kind_of(to).is_some() => Some(format!("cannot rename '{from}': dataset already exists")),
        _ if !to.starts_with('@') && !host.pools.contains_key(pool_of(to)) => {
            Some(format!("cannot create '{to}': no such pool '{}'", pool_of(to)))
        }
        _ if !to.contains('@') && parent_is_gone => {
            Some(format!("cannot create '{to}': parent does not exist"))
        }
        _ => None,
    };
    if let Some(problem) = problem {
        out.err(problem);
        return 1;
    }
    host.txg += 1;
    match (from.split_once('@'), to.split_once('@')) {
        (Some((dataset, old)), Some((_, new))) => {
            let below = host.descendants(dataset).filter(|_| options.has('r')).cloned();
            let names: Vec<String> = std::iter::once(dataset.to_owned()).chain(below).collect();
            rename_snapshots(host, &names, old, new);
        }
        _ => rename_dataset(host, from, to),
    }
    0
}

fn rename_snapshots(host: &mut ZfsHost, datasets: &[String], old: &str, new: &str) {
    for dataset in datasets {
        let snapshots = host.datasets.get_mut(dataset).map(|d| &mut d.snapshots);
        for snapshot in snapshots.into_iter().flatten().filter(|s| s.name == old) {
            new.clone_into(&mut snapshot.name);
        }
    }
}

fn rename_dataset(host: &mut ZfsHost, from: &str, to: &str) {
    host.remember("rename", from, &format!("-> {to}"));
    let names: Vec<String> =
        std::iter::once(from.to_owned()).chain(host.descendants(from).cloned()).collect();
    for name in names {
        if let Some(dataset) = host.datasets.remove(&name) {
            let rest = name.strip_prefix(from).unwrap_or_default();
            host.datasets.insert(format!("{to}{rest}"), dataset);
        }
    }
}
