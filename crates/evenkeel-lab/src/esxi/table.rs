//! Tables as the host prints them.

use std::fmt::Write as _;

use super::Release;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Texts.
    Left,
    /// Numbers, and `true` and `false`.
    Right,
}

/// A column: its header and how its cells stand.
pub(super) type Column = (&'static str, Align);

/// A table of `esxcli`: 5.x has a row of dashes under the header, pads the last column, and puts numbers to the right;
/// 4.x does none of that.
pub(super) fn esxcli<const N: usize>(release: Release, columns: [Column; N], rows: &[[String; N]]) -> String {
    let is_four = release == Release::Esx41;
    let mut text = String::new();
    let widths = widths(&columns.map(|(header, _)| header), rows);
    let mut line = |cells: [&str; N], align: [Align; N], is_cut: bool| {
        let before = text.len();
        for (at, ((cell, width), align)) in cells.iter().zip(&widths).zip(align).enumerate() {
            if at > 0 {
                text.push_str("  ");
            }
            let _ = match align {
                Align::Right => write!(text, "{cell:>width$}"),
                Align::Left => write!(text, "{cell:<width$}"),
            };
        }
        if is_cut {
            let end = text.trim_end_matches(' ').len().max(before);
            text.truncate(end);
        }
        text.push('\n');
    };
    let left = [Align::Left; N];
    let align = if is_four { left } else { columns.map(|(_, align)| align) };
    line(columns.map(|(header, _)| header), align, true);
    if !is_four {
        let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut row = [""; N];
        for (cell, dash) in row.iter_mut().zip(&dashes) {
            *cell = dash;
        }
        line(row, left, true);
    }
    for row in rows {
        let mut cells = [""; N];
        for (cell, text) in cells.iter_mut().zip(row) {
            *cell = text;
        }
        line(cells, align, is_four);
    }
    text
}

/// A table of `vim-cmd`: headers in the middle of their columns, three blanks between.
pub(super) fn vim_cmd<const N: usize>(headers: [&'static str; N], rows: &[[String; N]]) -> String {
    let widths = widths(&headers, rows);
    let mut text = String::new();
    for (at, (header, width)) in headers.iter().zip(&widths).enumerate() {
        let gap = if at > 0 { "   " } else { "" };
        let _ = write!(text, "{gap}{header:^width$}");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    for row in rows {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if at > 0 { "   " } else { "" };
            let _ = write!(text, "{gap}{cell:<width$}");
        }
        text.push('\n');
    }
    text
}

fn widths<const N: usize>(headers: &[&str; N], rows: &[[String; N]]) -> [usize; N] {
    let mut widths = headers.map(|header| header.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}
