//! `zfs get -Hp -o name,property,value,source P1,P2,… [NAME…]`, and the same of `zpool`.
//!
//! A value of a user property may hold tabs and line breaks, which are printed raw, and so may look like
//! other rows. What makes reading safe is that the order is known: each object's rows come together, one for
//! each property asked for, in the order asked. A value that fakes rows breaks that order somewhere, and what
//! is broken is an error of that object, never a guess.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Arg, Reply, Request};

use super::failure::{failed, quote, unparsable};
use crate::zfs::name::check_dataset;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zfs) enum Source {
    /// `-`: the property is not set, does not apply, or cannot be set.
    None,
    Default,
    Local,
    /// From a stream that was received.
    Received,
    /// A mount option, until the next mount.
    Temporary,
    Inherited,
}

impl Source {
    fn read(text: &str) -> Option<Self> {
        match text {
            "-" => Some(Source::None),
            "default" => Some(Source::Default),
            "local" => Some(Source::Local),
            "received" => Some(Source::Received),
            "temporary" => Some(Source::Temporary),
            _ => text.strip_prefix("inherited from ").map(|_| Source::Inherited),
        }
    }
}

/// What was printed of one property of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zfs) struct Row<'a> {
    /// The value as printed. Not necessarily UTF-8: user properties hold any bytes.
    pub(in crate::zfs) value: &'a [u8],
    pub(in crate::zfs) source: Source,
}

/// What the command said of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zfs) enum Said<'a> {
    /// All its rows.
    Rows(Rows<'a>),
    /// It could not be opened, with the reason as printed (`dataset does not exist`).
    Refused(&'a str),
    /// What it said of it does not make sense.
    Broken(&'a str),
    /// Nothing.
    Nothing,
}

/// The rows of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zfs) struct Rows<'a> {
    table: &'a Table,
    first: usize,
}

impl<'a> Rows<'a> {
    /// The row of `property`; `None` where it was not asked for.
    pub(in crate::zfs) fn get(self, property: &str) -> Option<Row<'a>> {
        let at = self.table.properties.binary_search_by(|p| p.as_str().cmp(property)).ok()?;
        let cell = self.table.cells.get(self.first + at)?;
        Some(Row { value: self.table.text.get(cell.value.clone())?, source: cell.source })
    }
}

/// Everything that one command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::zfs) struct Table {
    text: Vec<u8>,
    properties: Vec<String>,
    cells: Vec<Cell>,
    objects: HashMap<String, Object>,
    refused: HashMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    value: Range<usize>,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Object {
    /// Its first cell.
    Whole(usize),
    Broken(String),
}

impl Table {
    /// Reads what came back for `request`, which has its properties in an [`Arg::Set`].
    pub(in crate::zfs) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        let Request::Exec(exec) = request;
        let properties: Vec<String> = exec
            .argv
            .iter()
            .find_map(|arg| match arg {
                Arg::Set(items) => Some(items.iter().cloned().collect()),
                Arg::Text(_) => None,
            })
            .unwrap_or_default();
        let refused = refusals(&reply.stderr);
        // 0: all went well; 1: some objects could not be opened, as standard error tells.
        let partly = reply.exit == 1 && (!refused.is_empty() || !reply.stdout.is_empty());
        if reply.exit != 0 && !partly {
            return Err(failed(request, reply));
        }
        let mut table = Table {
            text: reply.stdout.clone(),
            properties,
            cells: Vec::new(),
            objects: HashMap::new(),
            refused,
        };
        Reader { table: &mut table, operands: &exec.operands }
            .read()
            .map_err(|problem| unparsable(request, problem))?;
        Ok(table)
    }

    /// What was said of `object`.
    pub(in crate::zfs) fn of(&self, object: &str) -> Said<'_> {
        match (self.objects.get(object), self.refused.get(object)) {
            (Some(_), Some(_)) => Said::Broken("it is both listed and said not to be opened"),
            (Some(Object::Whole(first)), None) => Said::Rows(Rows { table: self, first: *first }),
            (Some(Object::Broken(problem)), None) => Said::Broken(problem),
            (None, Some(reason)) => Said::Refused(reason),
            (None, None) => Said::Nothing,
        }
    }

    /// The names of all objects that rows were printed of, sorted.
    pub(in crate::zfs) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.objects.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

/// `cannot open 'tank/x': dataset does not exist`, by name.
fn refusals(stderr: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(stderr);
    let lines =
        text.lines().filter_map(|line| line.trim_end().strip_prefix("cannot open '")?.split_once("': "));
    lines.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

struct Reader<'t, 'r> {
    table: &'t mut Table,
    /// The objects that were asked for; empty: all there are.
    operands: &'r BTreeSet<String>,
}

/// A row before it is known whether it makes sense.
struct Loose {
    name: Range<usize>,
    property: usize,
    /// Value, tab and source, without the last line break.
    rest: Range<usize>,
}

impl Reader<'_, '_> {
    fn read(mut self) -> Result<(), String> {
        let rows = self.rows()?;
        let mut start = 0;
        while let Some(first) = rows.get(start) {
            let name = first.name.clone();
            let same = |row: &Loose| self.bytes(&row.name) == self.bytes(&name);
            let count = rows.iter().skip(start).take_while(|row| same(row)).count();
            let block = rows.get(start..start + count).unwrap_or_default();
            self.object(&name, block);
            start += count;
        }
        Ok(())
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.table.text.get(range.clone()).unwrap_or_default()
    }

    /// Lines that begin with an object's and a property's name begin a row; others continue one.
    fn rows(&self) -> Result<Vec<Loose>, String> {
        let mut rows: Vec<Loose> = Vec::new();
        let mut at = 0;
        for line in self.table.text.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            match self.row_start(line, at) {
                Some(row) => rows.push(row),
                None => match rows.last_mut() {
                    Some(row) => row.rest.end = end,
                    None => return Err(format!("it begins with `{}`", quote(line))),
                },
            }
            at = end;
        }
        Ok(rows)
    }

    fn row_start(&self, line: &[u8], at: usize) -> Option<Loose> {
        let mut fields = line.splitn(3, |byte| *byte == b'\t');
        let (name, property, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let property = str::from_utf8(property).ok()?;
        let property = self.table.properties.binary_search_by(|p| p.as_str().cmp(property)).ok()?;
        let text = str::from_utf8(name).ok()?;
        let known =
            if self.operands.is_empty() { check_dataset(text).is_ok() } else { self.operands.contains(text) };
        let end = at + line.len();
        known.then(|| Loose { name: at..at + name.len(), property, rest: end - rest.len()..end })
    }

    /// One object's rows, which must be one for each property, in order.
    fn object(&mut self, name: &Range<usize>, block: &[Loose]) {
        let first = self.table.cells.len();
        let object = match self.cells(block) {
            Ok(cells) => {
                self.table.cells.extend(cells);
                Object::Whole(first)
            }
            Err(problem) => Object::Broken(problem),
        };
        let name = String::from_utf8_lossy(self.bytes(name)).into_owned();
        if let Some(twice) = self.table.objects.get_mut(&name) {
            *twice = Object::Broken(
                "its rows are there twice, so one of them is a value that looks like rows".to_owned(),
            );
        } else {
            self.table.objects.insert(name, object);
        }
    }

    fn cells(&self, block: &[Loose]) -> Result<Vec<Cell>, String> {
        let expected = &self.table.properties;
        for (nth, row) in block.iter().enumerate() {
            if row.property != nth {
                let quoted = |at: usize| expected.get(at).map_or("nothing", String::as_str).to_owned();
                return Err(format!(
                    "the row of `{}` stands where `{}` should",
                    quoted(row.property),
                    quoted(nth)
                ));
            }
        }
        if let Some(missing) = expected.get(block.len()) {
            return Err(format!("the row of `{missing}` is missing"));
        }
        block.iter().zip(expected).map(|(row, property)| self.cell(row, property)).collect()
    }

    fn cell(&self, row: &Loose, property: &str) -> Result<Cell, String> {
        let text = self.bytes(&row.rest);
        let odd = || format!("the row of `{property}` reads `{}`", quote(text));
        let text = text.strip_suffix(b"\n").ok_or_else(|| format!("the row of `{property}` is cut short"))?;
        let tab = text.iter().rposition(|byte| *byte == b'\t').ok_or_else(odd)?;
        let (value, source) = (text.get(..tab).unwrap_or_default(), text.get(tab + 1..).unwrap_or_default());
        let source = str::from_utf8(source).ok().and_then(Source::read).ok_or_else(odd)?;
        // Only a user property can hold a line break; elsewhere it is garbage.
        if value.contains(&b'\n') && !property.contains(':') {
            return Err(odd());
        }
        Ok(Cell { value: row.rest.start..row.rest.start + tab, source })
    }
}

#[cfg(test)]
#[path = "get_tests.rs"]
mod tests;
