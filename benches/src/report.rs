//! What was measured, as tables and as JSON.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;

use crate::child::Ran;

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    values: Vec<Value>,
    floors: Vec<Floor>,
}

/// What one workload cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figure {
    what: String,
    wall_seconds: f64,
    cpu_seconds: f64,
    peak_megabytes: f64,
}

/// Something that has no bound.
#[derive(Debug, Serialize)]
struct Value {
    what: String,
    unit: &'static str,
    found: f64,
}

/// A bound, and what was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Floor {
    what: String,
    unit: &'static str,
    found: f64,
    at_most: f64,
    kept: bool,
}

impl Report {
    /// Notes what something cost. `peak` is in bytes.
    pub(crate) fn figure(&mut self, what: impl Into<String>, wall: Duration, cpu: Duration, peak: u64) {
        self.figures.push(Figure {
            what: what.into(),
            wall_seconds: wall.as_secs_f64(),
            cpu_seconds: cpu.as_secs_f64(),
            peak_megabytes: megabytes(peak),
        });
    }

    /// Notes what a run cost.
    pub(crate) fn ran(&mut self, what: impl Into<String>, ran: &Ran) {
        self.figure(what, ran.wall, ran.cpu, ran.peak);
    }

    /// Notes something that has no bound.
    pub(crate) fn value(&mut self, what: impl Into<String>, unit: &'static str, found: f64) {
        self.values.push(Value { what: what.into(), unit, found });
    }

    /// Holds something against its bound.
    pub(crate) fn floor(&mut self, what: impl Into<String>, unit: &'static str, found: f64, at_most: f64) {
        self.floors.push(Floor { what: what.into(), unit, found, at_most, kept: found <= at_most });
    }

    /// True where no floor is missed.
    pub(crate) fn is_kept(&self) -> bool {
        self.floors.iter().all(|floor| floor.kept)
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("JSON of plain numbers")
    }

    pub(crate) fn to_tables(&self) -> String {
        let mut figures = table(&["", "wall s", "CPU s", "peak MB"]);
        for f in &self.figures {
            let numbers = [
                format!("{:.3}", f.wall_seconds),
                format!("{:.3}", f.cpu_seconds),
                format!("{:.0}", f.peak_megabytes),
            ];
            figures.add_row(row(&f.what, &numbers));
        }
        let mut values = table(&["", "found", "unit"]);
        for v in &self.values {
            values.add_row(row(&v.what, &[format!("{:.2}", v.found), v.unit.to_owned()]));
        }
        let mut floors = table(&["floor", "found", "at most", "unit", ""]);
        for f in &self.floors {
            let numbers = [
                format!("{:.2}", f.found),
                format!("{:.2}", f.at_most),
                f.unit.to_owned(),
                if f.kept { "kept" } else { "MISSED" }.to_owned(),
            ];
            floors.add_row(row(&f.what, &numbers));
        }
        let tables = [figures, values, floors].map(|table| (!table.is_empty()).then(|| table.to_string()));
        tables.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table
}

fn row(first: &str, rest: &[String]) -> Vec<Cell> {
    let rest = rest.iter().map(|text| Cell::new(text).set_alignment(CellAlignment::Right));
    std::iter::once(Cell::new(first)).chain(rest).collect()
}

/// In millions of bytes.
#[expect(clippy::cast_precision_loss, reason = "no machine has so much memory")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
