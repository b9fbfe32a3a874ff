//! `zpool get`, `set` and `list`.

use super::list::{Columns, Table};
use super::options::Options;
use super::{Out, Rights, Version, ZfsHost, usage, value};

const COLUMNS: [&str; 4] = ["name", "property", "value", "source"];

/// A recorded `zpool get -Hp all tank`: names, order and defaults.
fn template(version: Version) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let text = match version {
        Version::V2_1 => include_str!("data/pool-2.1.txt"),
        Version::V2_3 => include_str!("data/pool-2.3.txt"),
    };
    text.lines().filter_map(|line| {
        let mut cells = line.split('\t').skip(1);
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
}

impl ZfsHost {
    /// Value and source of a pool's property, as `-p` prints them.
    fn pool_property(&self, pool: &str, property: &str) -> Option<(String, &'static str)> {
        let state = self.pools.get(pool)?;
        if let Some(value) = state.settings.get(property) {
            return Some(match (property, value.as_str()) {
                ("bootfs" | "cachefile", "") => ("-".to_owned(), "default"),
                ("ashift", "0") => ("0".to_owned(), "default"),
                (_, value) => (value.to_owned(), "local"),
            });
        }
        let (_, default, source) = template(self.version).find(|(name, ..)| *name == property)?;
        let used = self.used(pool);
        let value = match property {
            "size" => state.size.to_string(),
            "allocated" => used.to_string(),
            "free" => state.size.saturating_sub(used).to_string(),
            "capacity" => (used * 100 / state.size.max(1)).to_string(),
            "fragmentation" => "0".to_owned(),
            "guid" | "load_guid" => state.guid.to_string(),
            _ => default.to_owned(),
        };
        Some((value, source))
    }

    /// The pools of these names; all without names. The exit status is 1 where one does not exist.
    fn pools_named(&self, operands: &[String], out: &mut Out) -> (Vec<String>, i32) {
        if operands.is_empty() {
            return (self.pools.keys().cloned().collect(), 0);
        }
        let mut exit = 0;
        let mut names: Vec<String> = Vec::new();
        for operand in operands {
            if names.contains(operand) {
                // Listed once, and counted as a failure.
                exit = 1;
            } else if self.pools.contains_key(operand) {
                names.push(operand.clone());
            } else {
                out.err(format!("cannot open '{operand}': no such pool"));
                exit = 1;
            }
        }
        names.sort();
        (names, exit)
    }
}

pub(super) fn get(host: &ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "Hp", "o") {
        Ok(options) => options,
        Err(problem) => return usage::fail_pool(host.version, "get", &problem, out),
    };
    let Some((wanted, operands)) = options.operands.split_first() else {
        return usage::fail_pool(host.version, "get", "missing property argument", out);
    };
    let fields: Vec<&str> = match options.value('o') {
        None | Some("all") => COLUMNS.to_vec(),
        Some(list) => list.split(',').collect(),
    };
    let mut properties: Vec<&str> = wanted.split(',').map(full_name).collect();
    if wanted == "all" {
        properties = template(host.version).map(|(name, ..)| name).collect();
    } else if let Some(bad) = properties.iter().find(|p| !is_known(host.version, p)) {
        let problem = format!("bad property list: invalid property '{bad}'");
        return usage::fail_pool(host.version, "get", &problem, out);
    }
    if let Some(exit) = refuse_as_vdevs(host, operands, out) {
        return exit;
    }
    let (pools, exit) = host.pools_named(operands, out);
    let mut table = Table::new(fields.iter().map(|f| f.to_uppercase()).collect(), Columns::AllLeft);
    for pool in &pools {
        for property in &properties {
            let (value, source) = host.pool_property(pool, property).unwrap_or(("-".to_owned(), "-"));
            let cell = |field: &&str| match *field {
                "name" => pool.clone(),
                "property" => (*property).to_owned(),
                "value" => value.clone(),
                _ => source.to_owned(),
            };
            table.row(fields.iter().map(cell).collect());
        }
    }
    table.print(options.has('H'), out);
    exit
}

/// 2.3 takes what follows a pool for its devices, and answers for no pool at all where one is missing.
fn refuse_as_vdevs(host: &ZfsHost, operands: &[String], out: &mut Out) -> Option<i32> {
    let first = operands.first().filter(|_| host.version >= Version::V2_3)?;
    let unknown: Vec<String> = operands
        .iter()
        .filter(|operand| !host.pools.contains_key(*operand))
        .map(|operand| format!("\t{operand} (unknown)\n"))
        .collect();
    if unknown.is_empty() {
        return None;
    }
    if !host.pools.contains_key(first) {
        out.err(format!("Cannot get properties of {first}: no such pool available."));
        return Some(1);
    }
    let problem = format!("Expected a list of vdevs in \"{first}\", but got:\n{}", unknown.concat());
    Some(usage::fail_pool(host.version, "get", &problem, out))
}

fn is_known(version: Version, property: &str) -> bool {
    template(version).any(|(name, ..)| name == property) || is_user(version, property)
}

/// Pools have user properties since 2.2.
fn is_user(version: Version, property: &str) -> bool {
    version >= Version::V2_3 && property.contains(':')
}

pub(super) fn set(host: &mut ZfsHost, rights: Rights, args: &[&str], out: &mut Out) -> i32 {
    let problem = match args {
        [] => "missing property=value argument",
        [_] => "missing pool name",
        [_, _] => "",
        _ => "too many pool names",
    };
    let (Some((property, text)), Some(pool)) =
        (args.first().and_then(|word| word.split_once('=')), args.get(1).filter(|_| problem.is_empty()))
    else {
        let problem = if problem.is_empty() { "missing value in property=value argument" } else { problem };
        return usage::fail_pool(host.version, "set", problem, out);
    };
    if !host.pools.contains_key(*pool) {
        if host.version >= Version::V2_3 {
            out.err(format!("cannot open '{pool}': is not a pool"));
            return 22;
        }
        out.err(format!("cannot open '{pool}': no such pool"));
        return 1;
    }
    let checked = match rights {
        Rights::User => Err("permission denied".to_owned()),
        Rights::Root => check(host, property, text),
    };
    match checked {
        Err(problem) => {
            let is_file = problem.starts_with("Error: ");
            let told = format!("cannot set property for '{pool}': {problem}");
            out.err(if is_file { problem } else { told });
            1
        }
        Ok(value) => {
            if property == "compatibility" && value == "legacy" {
                out.err(format!(
                    "Warning: one or more features already enabled on pool '{pool}'\nare not present in this compatibility set."
                ));
            }
            host.txg += 1;
            host.remember_pool_property(pool, full_name(property), &value);
            if let Some(state) = host.pools.get_mut(*pool) {
                state.settings.insert(full_name(property).to_owned(), value);
            }
            0
        }
    }
}

/// The full name of a property that may be written short.
fn full_name(property: &str) -> &str {
    if property == "listsnaps" { "listsnapshots" } else { property }
}

fn check(host: &ZfsHost, property: &str, text: &str) -> Result<String, String> {
    let (version, property) = (host.version, full_name(property));
    if is_user(version, property) {
        return Ok(text.to_owned());
    }
    let listed = usage::pool_property(version, property);
    let listed = listed.ok_or_else(|| format!("invalid property '{property}'"))?;
    if !listed.edit {
        return Err(format!("'{property}' is readonly"));
    }
    match property {
        "ashift" => match text.parse::<u64>() {
            Ok(bits) if bits == 0 || (9..=16).contains(&bits) => Ok(text.to_owned()),
            Ok(bits) => Err(format!(
                "property 'ashift' number {bits} is invalid, only values between 9 and 16 are allowed."
            )),
            Err(_) => Err(format!("bad numeric value '{text}'")),
        },
        "cachefile" if !text.is_empty() && text != "none" && !text.starts_with('/') => {
            Err("property 'cachefile' must be empty, an absolute path, or 'none'".to_owned())
        }
        "bootfs" if !text.is_empty() && !host.datasets.contains_key(text) => {
            Err("no such pool or dataset".to_owned())
        }
        "compatibility" if !["off", "legacy"].contains(&text) => {
            Err(format!("Error: could not read/parse feature file(s): {text} "))
        }
        "version" => Err(format!("property 'version' number {text} is invalid.")),
        "readonly" => Err("property 'readonly' can only be set at import time".to_owned()),
        "altroot" => Err("property 'altroot' can only be set during pool creation or import".to_owned()),
        "comment" if text.len() > 32 => Err("comment must not exceed 32 characters".to_owned()),
        "dedup_table_quota" if text != "none" && text != "auto" => {
            value::parse_size(text).map(|size| size.to_string())
        }
        _ if listed.values.contains(" | ") && !listed.values.contains('<') => {
            if listed.values.split(" | ").any(|word| word == text) {
                return Ok(text.to_owned());
            }
            Err(format!("'{property}' must be one of '{}'", listed.values))
        }
        _ => Ok(text.to_owned()),
    }
}

pub(super) fn list(host: &ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    const DEFAULT: &str =
        "name,size,allocated,free,checkpoint,expandsize,fragmentation,capacity,dedupratio,health,altroot";
    let options = match Options::parse(args, "Hp", "o") {
        Ok(options) => options,
        Err(problem) => return usage::fail_pool(host.version, "list", &problem, out),
    };
    let columns: Vec<&str> = options.value('o').unwrap_or(DEFAULT).split(',').collect();
    if let Some(bad) = columns.iter().find(|c| **c != "name" && !is_known(host.version, c)) {
        let problem = format!("bad property list: invalid property '{bad}'");
        return usage::fail_pool(host.version, "list", &problem, out);
    }
    let (pools, mut exit) = host.pools_named(&options.operands, out);
    if !pools.is_empty() {
        // A missing pool beside others does not count.
        exit = 0;
    }
    if pools.is_empty() && exit == 0 && !options.has('H') {
        out.line("no pools available");
        return 0;
    }
    let mut table = Table::new(columns.iter().map(|c| heading(c)).collect(), Columns::AllLeft);
    for pool in &pools {
        let cell = |column: &&str| {
            let (value, _) = host.pool_property(pool, column).unwrap_or(("-".to_owned(), "-"));
            match (*column, value.parse::<u64>()) {
                ("name", _) => pool.clone(),
                ("size" | "allocated" | "free", Ok(bytes)) if !options.has('p') => value::show_size(bytes),
                ("capacity" | "fragmentation", Ok(_)) if !options.has('p') => format!("{value}%"),
                ("dedupratio", _) if !options.has('p') => format!("{value}x"),
                _ => value,
            }
        };
        table.row(columns.iter().map(cell).collect());
    }
    table.print(options.has('H'), out);
    exit
}

fn heading(column: &str) -> String {
    match column {
        "allocated" => "ALLOC",
        "checkpoint" => "CKPOINT",
        "expandsize" => "EXPANDSZ",
        "fragmentation" => "FRAG",
        "capacity" => "CAP",
        "dedupratio" => "DEDUP",
        other => return other.to_uppercase(),
    }
    .to_owned()
}
