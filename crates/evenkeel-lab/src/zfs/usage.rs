//! What the real programs say about themselves, as recorded: their help is also their list of properties.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Out, Version};

/// A line of the program's list of properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// Can be changed after creation.
    pub(super) edit: bool,
    pub(super) inherit: bool,
    /// The words it takes, ` | ` between them.
    pub(super) values: &'static str,
}

type List = HashMap<&'static str, Listed>;

static LIST_2_1: LazyLock<List> = LazyLock::new(|| parse(properties_text(Version::V2_1), true));
static LIST_2_3: LazyLock<List> = LazyLock::new(|| parse(properties_text(Version::V2_3), true));
static POOL_2_1: LazyLock<List> = LazyLock::new(|| parse(pool_properties_text(Version::V2_1), false));
static POOL_2_3: LazyLock<List> = LazyLock::new(|| parse(pool_properties_text(Version::V2_3), false));

/// What `zfs` says about a native property; `None` where this release does not have it.
pub(super) fn property(version: Version, name: &str) -> Option<Listed> {
    let list = match version {
        Version::V2_1 => &LIST_2_1,
        Version::V2_3 => &LIST_2_3,
    };
    list.get(name).copied()
}

/// What `zpool` says about a pool property.
pub(super) fn pool_property(version: Version, name: &str) -> Option<Listed> {
    let list = match version {
        Version::V2_1 => &POOL_2_1,
        Version::V2_3 => &POOL_2_3,
    };
    list.get(name).copied()
}

fn parse(text: &'static str, has_inherit: bool) -> List {
    let columns = if has_inherit { 3 } else { 2 };
    let mut list = List::new();
    for line in text.lines().filter_map(|line| line.strip_prefix('\t')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(edit @ ("YES" | "NO"))) = (words.next(), words.next()) else { continue };
        let inherit = has_inherit && words.next() == Some("YES");
        // The values are the rest of the line, with its inner spaces.
        let values = (0..columns).fold(line, |rest, _| {
            let rest = rest.trim_start();
            rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest)
        });
        list.insert(name, Listed { edit: edit == "YES", inherit, values: values.trim() });
    }
    list
}

/// `missing command` and all the help.
pub(super) fn everything(version: Version, out: &mut Out) -> i32 {
    out.stderr.push_str(commands_text(version));
    2
}

/// Says what is wrong and how the command is used; the exit status for that.
pub(super) fn fail(version: Version, command: &str, problem: &str, out: &mut Out) -> i32 {
    out.err(problem);
    out.err("usage:");
    for line in syntax(version, command) {
        out.err(line);
    }
    out.err("");
    if ["get", "set", "list", "inherit"].contains(&command) {
        out.err("The following properties are supported:\n");
        out.stderr.push_str(properties_text(version));
    } else {
        out.err(
            "For the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow",
        );
    }
    2
}

/// The same for `zpool`.
pub(super) fn fail_pool(version: Version, command: &str, problem: &str, out: &mut Out) -> i32 {
    out.err(problem);
    out.err("usage:");
    out.err(match command {
        "list" => "\tlist [-gHLpPv] [-o property[,...]] [-T d|u] [pool] ... \n\t    [interval [count]]",
        "set" => "\tset <property=value> <pool>",
        _ => "\tget [-Hp] [-o \"all\" | field[,...]] <\"all\" | property[,...]> <pool> ...",
    });
    out.err("\nthe following properties are supported:\n");
    out.stderr.push_str(pool_properties_text(version));
    2
}

fn syntax(version: Version, command: &str) -> impl Iterator<Item = &'static str> {
    let mut inside = false;
    commands_text(version).lines().filter(move |line| {
        if !line.starts_with("\t    ") {
            inside = line.strip_prefix('\t').and_then(|l| l.split(' ').next()) == Some(command);
        }
        inside
    })
}

fn commands_text(version: Version) -> &'static str {
    match version {
        Version::V2_1 => include_str!("data/commands-2.1.txt"),
        Version::V2_3 => include_str!("data/commands-2.3.txt"),
    }
}

fn properties_text(version: Version) -> &'static str {
    match version {
        Version::V2_1 => include_str!("data/properties-2.1.txt"),
        Version::V2_3 => include_str!("data/properties-2.3.txt"),
    }
}

fn pool_properties_text(version: Version) -> &'static str {
    match version {
        Version::V2_1 => include_str!("data/pool-properties-2.1.txt"),
        Version::V2_3 => include_str!("data/pool-properties-2.3.txt"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_list_is_understood() {
        let sync = property(Version::V2_1, "sync").unwrap();
        assert!(sync.edit && sync.inherit);
        assert_eq!(sync.values, "standard | always | disabled");
        assert!(!property(Version::V2_1, "casesensitivity").unwrap().edit);
        assert!(!property(Version::V2_3, "quota").unwrap().inherit);
        assert!(property(Version::V2_1, "longname").is_none());
        assert!(pool_property(Version::V2_1, "autotrim").unwrap().edit);
        assert!(!pool_property(Version::V2_1, "size").unwrap().edit);
    }

    #[test]
    fn every_native_property_is_in_the_programs_list() {
        for version in [Version::V2_1, Version::V2_3] {
            for native in super::super::table::natives(version) {
                assert!(property(version, native.name).is_some(), "{}", native.name);
            }
        }
    }
}
