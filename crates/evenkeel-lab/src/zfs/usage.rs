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

/// Says what is wrong with the command's name and lists all commands; the exit status for that.
pub(super) fn everything(version: Version, program: Program, problem: &str, out: &mut Out) -> i32 {
    out.err(problem);
    let (_, rest) = commands_text(version, program).split_once('\n').unwrap_or_default();
    out.stderr.push_str(rest);
    2
}

/// Whose help it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Zfs,
    Zpool,
}

/// Says what is wrong and how the command is used; the exit status for that.
pub(super) fn fail(version: Version, command: &str, problem: &str, out: &mut Out) -> i32 {
    out.err(problem);
    synopsis(version, command, out)
}

/// How a `zfs` command is used.
pub(super) fn synopsis(version: Version, command: &str, out: &mut Out) -> i32 {
    syntax(version, Program::Zfs, command, out);
    if ["get", "set", "list", "inherit"].contains(&command) {
        out.err("The following properties are supported:\n");
        out.stderr.push_str(properties_text(version));
        return 2;
    }
    out.err(
        "For the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow",
    );
    if version >= Version::V2_3 {
        out.err("\nFor further help on a command or topic, run: zfs help [<topic>]");
    }
    2
}

/// The same for a `zpool` command.
pub(super) fn fail_pool(version: Version, command: &str, problem: &str, out: &mut Out) -> i32 {
    out.err(problem);
    syntax(version, Program::Zpool, command, out);
    out.err("the following properties are supported:\n");
    out.stderr.push_str(pool_properties_text(version));
    2
}

fn syntax(version: Version, program: Program, command: &str, out: &mut Out) {
    out.err("usage:");
    let mut inside = false;
    for line in commands_text(version, program).lines() {
        if !line.starts_with("\t    ") {
            inside = line.strip_prefix('\t').and_then(|l| l.split(' ').next()) == Some(command);
        }
        if inside {
            out.err(line);
        }
    }
    out.err("");
}

/// All commands, with a first line that says what was wrong when it was recorded.
fn commands_text(version: Version, program: Program) -> &'static str {
    match (version, program) {
        (Version::V2_1, Program::Zfs) => include_str!("data/commands-2.1.txt"),
        (Version::V2_3, Program::Zfs) => include_str!("data/commands-2.3.txt"),
        (Version::V2_1, Program::Zpool) => include_str!("data/pool-commands-2.1.txt"),
        (Version::V2_3, Program::Zpool) => include_str!("data/pool-commands-2.3.txt"),
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
