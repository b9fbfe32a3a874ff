//! `zfs list`, and what it shares with `zfs get`: which datasets, and tables.

use super::options::Options;
use super::property::Property;
use super::table::Form;
use super::{Kind, Out, Version, ZfsHost, usage, value};

/// Which datasets a command is about.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    pub(super) operands: &'a [String],
    /// How deep below each operand; 0: only itself.
    pub(super) depth: usize,
    /// As `-t` takes them.
    pub(super) types: &'a str,
    /// Whether a person asked for these types.
    pub(super) typed: bool,
    /// No operands: everything.
    pub(super) whole_host: bool,
}

impl Selection<'_> {
    /// The depth that `-r` and `-d` ask for.
    pub(super) fn depth(options: &Options) -> usize {
        let limit = options.value('d').and_then(|d| d.parse().ok());
        limit.unwrap_or(if options.has('r') { usize::MAX } else { 0 })
    }

    fn wants(&self, kind: Kind) -> bool {
        self.types.split(',').any(|word| match kind {
            Kind::Filesystem => matches!(word, "all" | "filesystem" | "fs"),
            Kind::Volume => matches!(word, "all" | "volume" | "vol"),
            Kind::Snapshot => matches!(word, "all" | "snapshot" | "snap"),
            Kind::Bookmark => matches!(word, "all" | "bookmark"),
        })
    }

    /// The names, each once and in order, and the exit status: 1 where one does not exist.
    pub(super) fn resolve(&self, host: &ZfsHost, out: &mut Out) -> (Vec<String>, i32) {
        let mut exit = 0;
        let mut found = Vec::new();
        if self.whole_host {
            let depth = if self.depth == 0 { usize::MAX } else { self.depth };
            for pool in host.pools.keys() {
                self.walk(host, pool, depth, &mut found);
            }
        }
        for operand in self.operands {
            match host.kind_of(operand) {
                None => {
                    let why = if operand.ends_with('/') {
                        "trailing slash in name"
                    } else if operand.contains('@') && self.typed && !self.wants(Kind::Snapshot) {
                        "snapshot delimiter '@' is not expected here"
                    } else {
                        "dataset does not exist"
                    };
                    out.err(format!("cannot open '{operand}': {why}"));
                    exit = 1;
                }
                Some(Kind::Snapshot | Kind::Bookmark) => found.push(operand.clone()),
                Some(_) if self.depth > 0 => self.walk(host, operand, self.depth, &mut found),
                Some(kind) if self.wants(kind) => found.push(operand.clone()),
                Some(_) if self.wants(Kind::Snapshot) => self.walk(host, operand, 1, &mut found),
                Some(_) => {
                    let why = "operation not applicable to datasets of this type";
                    out.err(format!("cannot open '{operand}': {why}"));
                    exit = 1;
                }
            }
        }
        found.sort_by_cached_key(|name| sort_key(host, name));
        found.dedup();
        (found, exit)
    }

    fn walk(&self, host: &ZfsHost, top: &str, depth: usize, found: &mut Vec<String>) {
        let level = |name: &str| name.matches('/').count();
        let bottom = level(top).saturating_add(depth);
        let names = std::iter::once(top).chain(host.descendants(top).map(String::as_str));
        for name in names.filter(|name| level(name) <= bottom) {
            let Some(dataset) = host.datasets.get(name) else { continue };
            if self.wants(dataset.kind) {
                found.push(name.to_owned());
            }
            if self.wants(Kind::Snapshot) && level(name) < bottom {
                found.extend(dataset.snapshots.iter().map(|s| format!("{name}@{}", s.name)));
            }
            if self.wants(Kind::Bookmark) && level(name) < bottom {
                found.extend(dataset.bookmarks.keys().map(|bookmark| format!("{name}#{bookmark}")));
            }
        }
    }
}

/// A dataset's snapshots follow it in order of creation, and then its bookmarks.
fn sort_key(host: &ZfsHost, name: &str) -> (String, u64, String) {
    if let Some((dataset, bookmark)) = name.split_once('#') {
        return (dataset.to_owned(), u64::MAX, bookmark.to_owned());
    }
    match name.split_once('@') {
        None => (name.to_owned(), 0, String::new()),
        Some((dataset, snapshot)) => {
            let snapshots = host.datasets.get(dataset).map(|d| d.snapshots.as_slice()).unwrap_or_default();
            let txg = snapshots.iter().find(|s| s.name == snapshot).map_or(0, |s| s.birth.txg);
            (dataset.to_owned(), txg, snapshot.to_owned())
        }
    }
}

pub(super) fn run(host: &ZfsHost, args: &[&str], out: &mut Out) -> i32 {
    let options = match Options::parse(args, "Hpr", "dosSt") {
        Ok(options) => options,
        Err(problem) => return usage::fail(host.version, "list", &problem, out),
    };
    let wanted = options.value('o').unwrap_or("name,used,avail,refer,mountpoint");
    let columns = match wanted.split(',').map(|name| Column::of(host.version, name)).collect() {
        Ok::<Vec<_>, _>(columns) => columns,
        Err(problem) => return usage::fail(host.version, "list", &problem, out),
    };
    let selection = Selection {
        operands: &options.operands,
        depth: Selection::depth(&options),
        types: options.value('t').unwrap_or("filesystem,volume"),
        typed: options.value('t').is_some(),
        whole_host: options.operands.is_empty(),
    };
    let (mut names, exit) = selection.resolve(host, out);
    for (flag, reverse) in [('s', false), ('S', true)] {
        for key in options.values(flag) {
            sort_by(host, &mut names, key, reverse);
        }
    }
    if names.is_empty() && exit == 0 && !options.has('H') {
        out.err("no datasets available");
    }
    let aligned = columns.iter().map(Column::is_right_aligned).collect();
    let mut table =
        Table::new(columns.iter().map(Column::heading).collect(), Columns::Aligned(aligned, host.version));
    for name in &names {
        table.row(columns.iter().map(|column| column.cell(host, name, options.has('p'))).collect());
    }
    if !names.is_empty() {
        table.print(options.has('H'), out);
    }
    exit
}

fn sort_by(host: &ZfsHost, names: &mut [String], key: &str, reverse: bool) {
    let Some(property) = Property::resolve(host.version, key) else { return };
    let rank = |name: &String| {
        let value = host.effective(name, &property).map_or_else(String::new, |(value, _)| value);
        (value.parse::<u64>().ok(), value)
    };
    if reverse {
        names.sort_by_cached_key(|name| std::cmp::Reverse(rank(name)));
    } else {
        names.sort_by_cached_key(rank);
    }
}

/// A column of `zfs list`.
enum Column {
    Name,
    Of(Property),
}

impl Column {
    fn of(version: Version, name: &str) -> Result<Self, String> {
        if name == "name" {
            return Ok(Column::Name);
        }
        let property = Property::resolve(version, name);
        property.map(Column::Of).ok_or_else(|| format!("bad property list: invalid property '{name}'"))
    }

    fn heading(&self) -> String {
        match self {
            Column::Name => "NAME".to_owned(),
            Column::Of(Property::Native(native)) => native.heading.to_uppercase(),
            Column::Of(Property::User(name)) => name.to_uppercase(),
        }
    }

    fn is_right_aligned(&self) -> bool {
        matches!(self, Column::Of(Property::Native(native)) if native.is_right_aligned())
    }

    fn cell(&self, host: &ZfsHost, name: &str, exact: bool) -> String {
        let Column::Of(property) = self else { return name.to_owned() };
        match (property, host.effective(name, property)) {
            (_, None) => "-".to_owned(),
            (Property::Native(native), Some((value, _))) if !exact => match native.form {
                Form::Computed | Form::Size | Form::PowerOfTwo | Form::Count => value::show(native, &value),
                _ => value,
            },
            (_, Some((value, _))) => value,
        }
    }
}

/// How the columns of a table are padded.
pub(super) enum Columns {
    AllLeft,
    /// True for a column of numbers.
    Aligned(Vec<bool>, Version),
}

/// Rows of text, printed tab-separated or padded.
pub(super) struct Table {
    headings: Vec<String>,
    columns: Columns,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: Vec<String>, columns: Columns) -> Self {
        Table { headings, columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn print(&self, scripted: bool, out: &mut Out) {
        if scripted {
            for row in &self.rows {
                out.line(row.join("\t"));
            }
            return;
        }
        if self.rows.is_empty() {
            return;
        }
        let widths: Vec<usize> = (0..self.headings.len()).map(|at| self.width(at)).collect();
        for row in std::iter::once(&self.headings).chain(&self.rows) {
            let last = row.len().saturating_sub(1);
            let padded = row.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| {
                let is_right =
                    matches!(&self.columns, Columns::Aligned(right, _) if right.get(at) == Some(&true));
                match (is_right, at == last) {
                    (true, _) => format!("{cell:>width$}"),
                    (false, true) => cell.clone(),
                    (false, false) => format!("{cell:<width$}"),
                }
            });
            out.line(padded.collect::<Vec<_>>().join("  "));
        }
    }

    fn width(&self, at: usize) -> usize {
        let cells = std::iter::once(&self.headings).chain(&self.rows).filter_map(|row| row.get(at));
        let widest = cells.map(String::len).max().unwrap_or(0);
        // 2.1 leaves this much room, however short the numbers are.
        let least = match (&self.columns, self.headings.get(at).map(String::as_str)) {
            (Columns::Aligned(_, Version::V2_1), Some("REFER")) => 8,
            (Columns::Aligned(..), Some("USED" | "AVAIL" | "REFER")) => 5,
            _ => 0,
        };
        widest.max(least)
    }
}
