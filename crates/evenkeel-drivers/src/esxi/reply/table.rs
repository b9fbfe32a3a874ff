//! Tables: a line of titles, on 5.x and later a line of dashes below it, and a line for each row.
//!
//! Cells contain spaces, so rows are cut where the columns are. Hosts pad with blanks either by characters or by bytes;
//! which of both is not known, and shows only where a cell is not ASCII. A row that can be cut in both ways with
//! different results is an error.

use std::ops::Range;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

use super::failure::{quote, text, unparsable};
use crate::esxi::dialect::Dialect;

/// Two blanks at least stand between two columns.
const GAP: usize = 2;

/// A table that was printed.
#[derive(Debug)]
pub(in crate::esxi) struct Table<'a> {
    request: &'a Request,
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One row of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::esxi) struct Row<'a> {
    table: &'a Table<'a>,
    cells: &'a [String],
}

impl<'a> Table<'a> {
    /// Reads a table that has a column for each of `titles`, and perhaps others. Where there are no rows, a host prints
    /// nothing at all: the table is empty then.
    pub(in crate::esxi) fn read(
        request: &'a Request,
        reply: &Reply,
        titles: &[&str],
    ) -> Result<Self, ObserveError> {
        let mut lines = text(request, reply)?.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let Some(header) = lines.next() else {
            return Ok(Table { request, titles: Vec::new(), rows: Vec::new() });
        };
        let columns = match Dialect::spoken_in(request) {
            Dialect::Five => of_dashes(lines.next().unwrap_or_default()),
            Dialect::Four => of_titles(header),
        };
        let odd = || unparsable(request, format!("it does not begin with titles: `{}`", quote(header)));
        let found = columns.as_deref().and_then(|columns| cut(header, columns)).ok_or_else(odd)?;
        let columns = columns.ok_or_else(odd)?;
        if let Some(missing) = titles.iter().find(|title| found.iter().filter(|f| f == title).count() != 1) {
            let message = format!("the table has no column `{missing}`: `{}`", quote(header));
            return Err(unparsable(request, message));
        }
        let split = |line: &str| {
            cut(line, &columns)
                .ok_or_else(|| unparsable(request, format!("`{}` is no row of the table", quote(line))))
        };
        let rows = lines.map(split).collect::<Result<_, _>>()?;
        Ok(Table { request, titles: found, rows })
    }

    /// The rows.
    pub(in crate::esxi) fn rows(&'a self) -> impl Iterator<Item = Row<'a>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }

    /// The rows of a table that is never empty.
    pub(in crate::esxi) fn some_rows(&'a self) -> Result<impl Iterator<Item = Row<'a>>, ObserveError> {
        if self.rows.is_empty() {
            return Err(unparsable(self.request, "it is empty"));
        }
        Ok(self.rows())
    }
}

impl<'a> Row<'a> {
    /// What stands in a column, without the blanks around it; `None` where there is no such column.
    pub(in crate::esxi) fn get(&self, title: &str) -> Option<&'a str> {
        let at = self.table.titles.iter().position(|t| t == title)?;
        self.cells.get(at).map(String::as_str)
    }

    /// What stands in a column that may be blank.
    pub(in crate::esxi) fn text(&self, title: &str) -> String {
        self.get(title).unwrap_or_default().to_owned()
    }

    /// What stands in a column that is never blank.
    pub(in crate::esxi) fn need(&self, title: &str) -> Result<&'a str, ObserveError> {
        self.get(title)
            .filter(|cell| !cell.is_empty())
            .ok_or_else(|| self.wrong(&format!("there is nothing in the column `{title}`")))
    }

    /// What stands in a column of `true` and `false`; `None` where there is no such column.
    pub(in crate::esxi) fn flag(&self, title: &str) -> Result<Option<bool>, ObserveError> {
        match self.get(title) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                Err(self
                    .wrong(&format!("`{}` in the column `{title}` is neither true nor false", quote(other))))
            }
        }
    }

    /// The error for something in this row.
    pub(in crate::esxi) fn wrong(&self, problem: &str) -> ObserveError {
        let first = self.cells.first().map(String::as_str).unwrap_or_default();
        unparsable(self.table.request, format!("in the row `{}`: {problem}", quote(first)))
    }
}

/// Columns as wide as the dashes below their titles.
fn of_dashes(line: &str) -> Option<Vec<Range<usize>>> {
    let mut columns = Vec::new();
    let mut at = 0;
    for dashes in line.split(' ') {
        if !dashes.is_empty() {
            columns.push(at..at + dashes.len());
        }
        at += dashes.len() + 1;
    }
    (!columns.is_empty() && line.chars().all(|c| c == '-' || c == ' ')).then_some(columns)
}

/// Columns from where a title begins to just before the next one.
fn of_titles(header: &str) -> Option<Vec<Range<usize>>> {
    let mut starts = vec![0];
    let mut blanks = 0;
    for (at, c) in header.chars().enumerate() {
        if c != ' ' && blanks >= GAP {
            starts.push(at);
        }
        blanks = if c == ' ' { blanks + 1 } else { 0 };
    }
    let ends = starts.iter().skip(1).map(|next| next - GAP).chain([usize::MAX]);
    let columns = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
    (header.is_ascii() && !header.starts_with(' ')).then_some(columns)
}

/// The cells of a line; `None` where something stands between columns, or where it is not clear what belongs where.
fn cut(line: &str, columns: &[Range<usize>]) -> Option<Vec<String>> {
    let ends: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
    let by_chars = cut_at(line, columns, |n| Some(ends.get(n).copied().unwrap_or(line.len())));
    if line.is_ascii() {
        return by_chars;
    }
    let by_bytes = cut_at(line, columns, |n| {
        let at = n.min(line.len());
        line.is_char_boundary(at).then_some(at)
    });
    match (by_chars, by_bytes) {
        (Some(a), Some(b)) => (a == b).then_some(a),
        (a, b) => a.or(b),
    }
}

/// Cuts a line where `place` says that its nth place is.
fn cut_at(
    line: &str,
    columns: &[Range<usize>],
    place: impl Fn(usize) -> Option<usize>,
) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    for (n, column) in columns.iter().enumerate() {
        let start = place(column.start)?;
        let Some(next) = columns.get(n + 1) else {
            cells.push(line.get(start..)?.trim().to_owned());
            break;
        };
        let end = place(column.end)?;
        if !line.get(end..place(next.start)?)?.trim().is_empty() {
            return None;
        }
        cells.push(line.get(start..end)?.trim().to_owned());
    }
    Some(cells)
}
