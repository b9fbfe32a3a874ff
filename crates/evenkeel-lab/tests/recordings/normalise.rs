//! What two machines need not agree on: sizes in use, times, ids, the order of user properties.

/// Properties whose values differ from machine to machine.
const VARYING: [&str; 17] = [
    "creation",
    "used",
    "available",
    "referenced",
    "createtxg",
    "guid",
    "objsetid",
    "usedbysnapshots",
    "usedbydataset",
    "usedbychildren",
    "usedbyrefreservation",
    "written",
    "logicalused",
    "logicalreferenced",
    "snapshots_changed",
    "refreservation",
    "userrefs",
];

pub(crate) fn nothing(text: &str) -> String {
    text.to_owned()
}

fn lines(text: &str, keep: impl Fn(&str) -> Option<String>) -> String {
    text.lines().filter_map(keep).collect::<Vec<_>>().join("\n")
}

/// Datasets that came by send and receive, encryption or bookmarks, which the simulator does not have.
fn is_foreign(line: &str) -> bool {
    line.starts_with("data/") || line.starts_with("tank/enc") || line.contains('#')
}

pub(crate) fn without_foreign(text: &str) -> String {
    lines(text, |line| (!is_foreign(line)).then(|| line.to_owned()))
}

pub(crate) fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn masked(line: &str, columns: &[usize]) -> String {
    let cell = |(at, cell)| if columns.contains(&at) { "…" } else { cell };
    line.split('\t').enumerate().map(cell).collect::<Vec<_>>().join("\t")
}

/// `zpool list -Hp`: allocated, free, fragmentation.
pub(crate) fn pool_list(text: &str) -> String {
    lines(text, |line| Some(masked(line, &[2, 3, 6])))
}

/// `zpool get -Hp all`.
pub(crate) fn pool_properties(text: &str) -> String {
    lines(text, |line| {
        let varies = ["guid", "load_guid", "free", "allocated", "fragmentation"]
            .iter()
            .any(|property| line.split('\t').nth(1) == Some(property));
        // The feature flags stand for the whole pool's history.
        Some(if varies { masked(line, &[2]) } else { line.to_owned() })
    })
}

/// `zfs list -t snapshot -o name,creation,used,referenced,userrefs,createtxg,guid`
pub(crate) fn snapshot_list(text: &str) -> String {
    // They are sorted by the second of their creation, which varies.
    sorted(&lines(text, |line| Some(masked(line, &[1, 3, 5, 6]))))
}

/// `zfs list`: the numbers vary, and with them the widths.
pub(crate) fn human_list(text: &str) -> String {
    without_foreign(&lines(text, |line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let is_heading = cells.first() == Some(&"NAME");
        Some(if is_heading { cells.join(" ") } else { format!("{} {}", cells[0], cells[4]) })
    }))
}

/// `zfs list -Hp`
pub(crate) fn exact_list(text: &str) -> String {
    without_foreign(&lines(text, |line| Some(masked(line, &[1, 2, 3]))))
}

/// `zfs list -o name,type,used,avail,refer,mountpoint,mounted,creation,guid,…`
pub(crate) fn wide_list(text: &str) -> String {
    without_foreign(&lines(text, |line| {
        let is_snapshot = line.contains("\tsnapshot\t");
        Some(masked(line, if is_snapshot { &[4, 7, 8] } else { &[2, 3, 4, 7, 8] }))
    }))
}

/// `zfs get all`, padded or not: without what varies; user properties in a fixed order.
pub(crate) fn properties(text: &str) -> String {
    let line = |line: &str| {
        let cells: Vec<&str> = if line.contains('\t') && !line.contains("  ") {
            line.split('\t').collect()
        } else {
            line.split_whitespace().collect()
        };
        let varies = cells.get(1).is_some_and(|property| VARYING.contains(property));
        Some(if varies { cells[..2].join(" ") } else { cells.join(" ") })
    };
    let text = lines(&without_foreign(text), line);
    let mut groups: Vec<(String, usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_user = rest.split(' ').next().is_some_and(|property| property.contains(':'));
        groups.push((name.to_owned(), if is_user { usize::MAX } else { at }, line.to_owned()));
    }
    // The heading stays on top, since its name is in capitals.
    groups.sort();
    groups.into_iter().map(|(_, _, line)| line).collect::<Vec<_>>().join("\n")
}
