//! `zfs create`.

use std::collections::BTreeMap;

use super::model::{parent_of, pool_of};
use super::options::Options;
use super::space::volume_reservation;
use super::{Kind, Out, Rights, ZfsHost, set, usage, value};

pub(super) fn run(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "pus", "obV") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "create", &problem, out),
    };
    let [name] = options.operands.as_slice() else {
        let problem = if options.operands.is_empty() {
            format!("missing {} argument", if options.value('V').is_some() { "volume" } else { "filesystem" })
        } else {
            "too many arguments".to_owned()
        };
        return usage::fail(host.version, "create", &problem, out);
    };
    match create(host, rights, name, &options) {
        Ok(()) => 0,
        Err(Failure::Unreadable(problem)) => {
            out.err(problem);
            1
        }
        Err(Failure::Refused(problem)) => {
            out.err(format!("cannot create '{name}': {problem}"));
            1
        }
    }
}

enum Failure {
    /// The command line is wrong.
    Unreadable(String),
    /// The machine says no.
    Refused(String),
}

impl From<String> for Failure {
    fn from(problem: String) -> Self {
        Failure::Refused(problem)
    }
}

fn create(host: &mut ZfsHost, rights: Rights, name: &str, options: &Options) -> Result<(), Failure> {
    let volume = options.value('V');
    let kind = if volume.is_some() { Kind::Volume } else { Kind::Filesystem };
    let pairs = set::pairs(options.values('o')).map_err(Failure::Unreadable)?;
    let size = volume.map(volume_size).transpose()?;
    if size.is_some() && pairs.iter().any(|(property, _)| *property == "volsize") {
        return Err(Failure::Unreadable("property 'volsize' specified multiple times".to_owned()));
    }
    let check = || -> Result<BTreeMap<String, String>, String> {
        let pairs = pairs.iter().map(|(property, text)| set::check(host.version, kind, property, text, true));
        pairs.map(|pair| pair.map(|(property, value)| (property.name().to_owned(), value))).collect()
    };
    // The settings of a volume are looked at before its place, those of a file system after it.
    let of_volume = size.map(|_| check()).transpose()?;
    // What is there already is no failure with `-p`, where it is of the same type.
    if options.has('p') && host.kind_of(name) == Some(kind) {
        return Ok(());
    }
    check_name(name)?;
    check_place(host, name, options.has('p'))?;
    let mut local = of_volume.map_or_else(check, Ok)?;
    if rights == Rights::User {
        return Err("permission denied".to_owned().into());
    }
    if let Some(size) = size {
        volume_properties(host, size, options, &mut local)?;
    }
    check_fits(host, name, &local)?;
    for missing in missing_parents(host, name) {
        host.add_dataset(&missing, Kind::Filesystem, BTreeMap::new());
    }
    host.add_dataset(name, kind, local);
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.: /".contains(c);
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        return Err(match bad {
            '@' => "snapshot delimiter '@' is not expected here".to_owned(),
            '#' => "bookmark delimiter '#' is not expected here".to_owned(),
            _ => format!("invalid character {bad} in name"),
        });
    }
    if name.ends_with('/') {
        return Err("trailing slash in name".to_owned());
    }
    if name.starts_with('/') {
        return Err("leading slash in name".to_owned());
    }
    if name.contains("//") {
        return Err("empty component or misplaced '@' or '#' delimiter in name".to_owned());
    }
    if name.len() > 255 {
        return Err("name is too long".to_owned());
    }
    Ok(())
}

fn check_place(host: &ZfsHost, name: &str, make_parents: bool) -> Result<(), String> {
    let Some(parent) = parent_of(name) else {
        return Err("missing dataset name".to_owned());
    };
    if !host.pools.contains_key(pool_of(name)) {
        return Err(format!("no such pool '{}'", pool_of(name)));
    }
    if host.datasets.contains_key(name) {
        return Err("dataset already exists".to_owned());
    }
    match host.datasets.get(parent).map(|d| d.kind) {
        Some(Kind::Filesystem) => Ok(()),
        Some(_) => Err("parent is not a filesystem".to_owned()),
        None if make_parents => Ok(()),
        None => Err("parent does not exist".to_owned()),
    }
}

fn missing_parents(host: &ZfsHost, name: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut at = parent_of(name);
    while let Some(parent) = at.filter(|p| !host.datasets.contains_key(*p)) {
        missing.push(parent.to_owned());
        at = parent_of(parent);
    }
    missing.reverse();
    missing
}

fn default_block(host: &ZfsHost) -> u64 {
    let native = super::table::find(host.version, "volblocksize");
    native.and_then(|n| n.default(host.version).parse().ok()).unwrap_or(8192)
}

fn volume_size(text: &str) -> Result<u64, Failure> {
    value::parse_size(text).map_err(|e| Failure::Unreadable(format!("bad volume size '{text}': {e}")))
}

fn volume_properties(
    host: &ZfsHost,
    size: u64,
    options: &Options,
    local: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    if let Some(block) = options.value('b') {
        let (_, block) = set::check(host.version, Kind::Volume, "volblocksize", block, true)?;
        local.insert("volblocksize".to_owned(), block);
    }
    if size == 0 {
        return Err("volume size cannot be zero".to_owned().into());
    }
    let block = local.get("volblocksize").and_then(|v| v.parse().ok()).unwrap_or_else(|| default_block(host));
    // A size that is not a multiple of the block is rounded up by the program.
    let size = size.next_multiple_of(block);
    local.insert("volsize".to_owned(), size.to_string());
    if !options.has('s') && !local.contains_key("refreservation") {
        local.insert("refreservation".to_owned(), volume_reservation(size, block).to_string());
    }
    Ok(())
}

fn check_fits(host: &ZfsHost, name: &str, local: &BTreeMap<String, String>) -> Result<(), String> {
    let place = parent_of(name).filter(|p| host.datasets.contains_key(*p)).unwrap_or(pool_of(name));
    let number = |property: &str| local.get(property).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let wanted = number("reservation").max(number("refreservation"));
    let limit = if number("quota") == 0 { u64::MAX } else { number("quota") };
    if wanted > host.available(place) || wanted > limit {
        return Err("out of space".to_owned());
    }
    Ok(())
}
