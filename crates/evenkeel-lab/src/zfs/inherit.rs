//! `zfs inherit`: one property, many datasets.

use super::list::Selection;
use super::model::MOUNT_FLAGS;
use super::options::Options;
use super::property::Property;
use super::{Kind, Out, Rights, ZfsHost, usage};

const CLEARED_BY_NONE: [&str; 4] = ["quota", "reservation", "refquota", "refreservation"];

pub(super) fn run(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "rS", "") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "inherit", &problem, out),
    };
    let (word, operands) = match options.operands.split_first() {
        None => return usage::fail(host.version, "inherit", "missing property argument", out),
        Some((_, [])) => return usage::fail(host.version, "inherit", "missing dataset argument", out),
        Some((word, operands)) => (word, operands),
    };
    let Some(property) = Property::resolve(host.version, word) else {
        return usage::fail(host.version, "inherit", &format!("invalid property '{word}'"), out);
    };
    if let Err(problem) = may_inherit(host, &property, options.has('S')) {
        out.err(problem);
        return 1;
    }
    let depth = if options.has('r') { usize::MAX } else { 0 };
    let types = if depth == 0 { "all" } else { "filesystem,volume" };
    let (names, mut exit) =
        Selection { operands, depth, types, typed: false, whole_host: false }.resolve(host, out);
    host.txg += 1;
    // With `-r` the snapshots among the operands are passed over.
    for name in names.into_iter().filter(|name| depth == 0 || !name.contains('@')) {
        if let Err(problem) = inherit_on(host, rights, &name, &property, options.has('S')) {
            out.err(problem);
            exit = 1;
        }
    }
    exit
}

fn may_inherit(host: &ZfsHost, property: &Property, received: bool) -> Result<(), String> {
    let Property::Native(native) = property else { return Ok(()) };
    let name = native.name;
    let listed = usage::property(host.version, name);
    if listed.is_some_and(|l| !l.edit) {
        return Err(format!("{name} property is read-only"));
    }
    if listed.is_some_and(|l| !l.inherit) && !received {
        let mut problem = format!("'{name}' property cannot be inherited");
        if CLEARED_BY_NONE.contains(&name) {
            let more = format!(
                "\nuse 'zfs set {name}=none' to clear\nuse 'zfs inherit -S {name}' to revert to received value"
            );
            problem.push_str(&more);
        }
        return Err(problem);
    }
    Ok(())
}

fn inherit_on(
    host: &mut ZfsHost,
    rights: Rights,
    name: &str,
    property: &Property,
    to_received: bool,
) -> Result<(), String> {
    let word = property.name();
    let told = |problem| format!("cannot inherit {word} for '{name}': {problem}");
    if rights == Rights::User {
        return Err(told("permission denied"));
    }
    let kind = host.kind_of(name).unwrap_or(Kind::Filesystem);
    if matches!(property, Property::Native(native) if !native.applies_to(kind)) {
        return Err(told("property doesn't apply to datasets of this type"));
    }
    if word == "mountpoint" {
        host.try_unmount(name)?;
    }
    let before = host.stored(name, "mountpoint").0;
    let settings = match name.split_once('@') {
        None => host.datasets.get_mut(name).map(|d| &mut d.settings),
        Some((dataset, snapshot)) => host
            .datasets
            .get_mut(dataset)
            .and_then(|d| d.snapshots.iter_mut().find(|s| s.name == snapshot))
            .map(|s| &mut s.settings),
    };
    let Some(settings) = settings else { return Ok(()) };
    if let Some(setting) = settings.get_mut(word) {
        setting.local = None;
        setting.hides_received = !to_received;
        if setting.received.is_none() {
            settings.remove(word);
        }
    }
    let value = host.stored(name, word).0;
    host.remember_property("inherit", name, word, &value);
    host.mount_after(name, word, &before);
    let is_mounted = host.datasets.get(name).is_some_and(|d| d.mount.is_some());
    if MOUNT_FLAGS.contains(&word) && is_mounted {
        host.remount(name);
    }
    Ok(())
}
