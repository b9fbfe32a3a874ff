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
        Some(Row { value: self.table.bytes(cell.value), source: cell.source })
    }
}

/// Everything that one command printed. It may be of a hundred thousand objects, so that it refers to the text
/// instead of copying from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::zfs) struct Table {
    text: Vec<u8>,
    properties: Vec<String>,
    /// As many for each whole object as there are properties.
    cells: Vec<Cell>,
    /// Sorted by name, each once.
    objects: Vec<Object>,
    refused: HashMap<String, String>,
}

/// A part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// `None` beyond 4 GiB of text.
    fn of(range: Range<usize>) -> Option<Self> {
        Some(Span { start: u32::try_from(range.start).ok()?, end: u32::try_from(range.end).ok()? })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    value: Span,
    source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    name: Span,
    /// The index of its first cell, or what is wrong with its rows.
    cells: Result<usize, Box<str>>,
}

impl Table {
    /// Reads what came back for `request`, which has its properties in an [`Arg::Set`].
    pub(in crate::zfs) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        let Request::Exec(exec) = request else { return Err(unparsable(request, "it is no command")) };
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
        if Span::of(0..reply.stdout.len()).is_none() {
            return Err(unparsable(request, "it is more than 4 GiB"));
        }
        let text = reply.stdout.clone();
        let mut table = Table { text, properties, cells: Vec::new(), objects: Vec::new(), refused };
        table.read(&exec.operands).map_err(|problem| unparsable(request, problem))?;
        Ok(table)
    }

    /// What was said of `object`.
    pub(in crate::zfs) fn of(&self, object: &str) -> Said<'_> {
        let at = self.objects.binary_search_by(|known| self.bytes(known.name).cmp(object.as_bytes()));
        let found = at.ok().and_then(|at| self.objects.get(at));
        match (found, self.refused.get(object)) {
            (Some(_), Some(_)) => Said::Broken("it is both listed and said not to be opened"),
            (Some(Object { cells: Ok(first), .. }), None) => Said::Rows(Rows { table: self, first: *first }),
            (Some(Object { cells: Err(problem), .. }), None) => Said::Broken(problem),
            (None, Some(reason)) => Said::Refused(reason),
            (None, None) => Said::Nothing,
        }
    }

    /// The names of all objects that rows were printed of, sorted.
    pub(in crate::zfs) fn names(&self) -> Vec<&str> {
        self.objects.iter().filter_map(|object| str::from_utf8(self.bytes(object.name)).ok()).collect()
    }

    fn bytes(&self, span: Span) -> &[u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// What a terminal may leave at the end of a line. Any other character makes it another line than `zfs` prints.
const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// `cannot open 'tank/x': dataset does not exist`, by name.
fn refusals(stderr: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(stderr);
    let lines = text
        .lines()
        .filter_map(|line| line.trim_end_matches(BLANKS).strip_prefix("cannot open '")?.split_once("': "));
    lines.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

/// A row before it is known whether it makes sense.
struct Loose {
    name: Range<usize>,
    property: usize,
    /// Value, tab and source, with the last line break.
    rest: Range<usize>,
}

impl Table {
    /// Fills the table from its text. Without `operands`, all objects there are were asked for.
    fn read(&mut self, operands: &BTreeSet<String>) -> Result<(), String> {
        let text = std::mem::take(&mut self.text);
        let mut block: Vec<Loose> = Vec::with_capacity(self.properties.len());
        let mut at = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            let above =
                block.last().map(|row| (text.get(row.name.clone()).unwrap_or_default(), row.property));
            match (self.row_start(line, at, operands, above), block.last_mut()) {
                (Some(row), Some(last)) => {
                    if text.get(row.name.clone()) != text.get(last.name.clone()) {
                        self.object(&text, &block);
                        block.clear();
                    }
                    block.push(row);
                }
                (Some(row), None) => block.push(row),
                // What begins no row continues one.
                (None, Some(last)) => last.rest.end = end,
                (None, None) => return Err(format!("it begins with `{}`", quote(line))),
            }
            at = end;
        }
        self.object(&text, &block);
        self.text = text;
        self.doubt();
        self.sort();
        Ok(())
    }

    /// A line that begins with an object's and a property's name begins a row. The row `above` is one of the same
    /// object as a rule, and of the property before, which saves looking both up.
    fn row_start(
        &self,
        line: &[u8],
        at: usize,
        operands: &BTreeSet<String>,
        above: Option<(&[u8], usize)>,
    ) -> Option<Loose> {
        let mut fields = line.splitn(3, |byte| *byte == b'\t');
        let (name, property, rest) = (fields.next()?, fields.next()?, fields.next()?);
        let next = above.map_or(0, |(_, property)| property + 1);
        let property = if self.properties.get(next).is_some_and(|p| p.as_bytes() == property) {
            next
        } else {
            self.properties.binary_search_by(|p| p.as_bytes().cmp(property)).ok()?
        };
        let known = above.is_some_and(|(above, _)| above == name) || {
            let name = str::from_utf8(name).ok()?;
            if operands.is_empty() { check_dataset(name).is_ok() } else { operands.contains(name) }
        };
        let end = at + line.len();
        known.then(|| Loose { name: at..at + name.len(), property, rest: end - rest.len()..end })
    }

    /// One object's rows, which must be one for each property, in order.
    fn object(&mut self, text: &[u8], block: &[Loose]) {
        let Some(name) = block.first().and_then(|row| Span::of(row.name.clone())) else { return };
        let first = self.cells.len();
        let cells = self.add_cells(text, block).map(|()| first).map_err(String::into_boxed_str);
        self.objects.push(Object { name, cells });
    }

    fn add_cells(&mut self, text: &[u8], block: &[Loose]) -> Result<(), String> {
        for (nth, row) in block.iter().enumerate() {
            let expected = self.properties.get(nth).map_or("nothing", String::as_str);
            let property = self.properties.get(row.property).map_or("", String::as_str);
            if row.property != nth {
                return Err(format!("the row of `{property}` stands where `{expected}` should"));
            }
            self.cells.push(cell(text, row, property)?);
        }
        match self.properties.get(block.len()) {
            Some(missing) => Err(format!("the row of `{missing}` is missing")),
            None => Ok(()),
        }
    }

    /// Where the rows of an object make no sense, are there twice, or are of one that could not be opened, a value of the object before them may hold some of
    /// them: then that one is read wrong, whatever it looks like.
    fn doubt(&mut self) {
        let mut objects = std::mem::take(&mut self.objects);
        let name = |at: &usize| objects.get(*at).map(|object| self.bytes(object.name)).unwrap_or_default();
        let mut by_name: Vec<usize> = (0..objects.len()).collect();
        by_name.sort_by(|a, b| name(a).cmp(name(b)));
        let twice =
            by_name.windows(2).filter(|pair| pair.first().map(name) == pair.last().map(name)).flatten();
        let is_refused = |object: &Object| {
            str::from_utf8(self.bytes(object.name)).is_ok_and(|name| self.refused.contains_key(name))
        };
        let is_odd = |object: &Object| object.cells.is_err() || is_refused(object);
        let broken = objects.iter().enumerate().filter(|(_, object)| is_odd(object)).map(|(at, _)| at);
        let doubtful: BTreeSet<usize> = twice.copied().chain(broken).collect();
        for at in doubtful {
            let before = at.checked_sub(1).and_then(|at| objects.get_mut(at));
            if let Some(before) = before.filter(|before| before.cells.is_ok()) {
                before.cells =
                    Err("a value of it may look like the rows behind it, which make no sense".into());
            }
        }
        self.objects = objects;
    }

    fn sort(&mut self) {
        let mut objects = std::mem::take(&mut self.objects);
        objects.sort_by(|a, b| self.bytes(a.name).cmp(self.bytes(b.name)));
        objects.dedup_by(|second, first| {
            let twice = self.bytes(second.name) == self.bytes(first.name);
            if twice {
                first.cells =
                    Err("its rows are there twice, so one of them is a value that looks like rows".into());
            }
            twice
        });
        self.objects = objects;
    }
}

fn cell(text: &[u8], row: &Loose, property: &str) -> Result<Cell, String> {
    let rest = text.get(row.rest.clone()).unwrap_or_default();
    let odd = || format!("the row of `{property}` reads `{}`", quote(rest));
    let line = rest.strip_suffix(b"\n").ok_or_else(|| format!("the row of `{property}` is cut short"))?;
    let tab = line.iter().rposition(|byte| *byte == b'\t').ok_or_else(odd)?;
    let (value, source) = (line.get(..tab).unwrap_or_default(), line.get(tab + 1..).unwrap_or_default());
    let source = str::from_utf8(source).ok().and_then(Source::read).ok_or_else(odd)?;
    // Only a user property can hold a line break; elsewhere it is garbage.
    if value.contains(&b'\n') && !property.contains(':') {
        return Err(odd());
    }
    let value = Span::of(row.rest.start..row.rest.start + tab).ok_or_else(odd)?;
    Ok(Cell { value, source })
}

#[cfg(test)]
#[path = "get_tests.rs"]
mod tests;
