//! A table of conditions.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use evenkeel_core::condition::{Condition, ConditionType, Status};
use evenkeel_core::plan::Change;

use super::print;

/// Prints one line per resource: its Ready condition.
pub(crate) fn show_status(rows: &[(&Change, Vec<Condition>)]) {
    let mut table = table();
    table.set_header(["RESOURCE", "TARGET", "OBJECT", "READY", "REASON", "MESSAGE"]);
    for (change, conditions) in rows {
        let Some(ready) = conditions.iter().find(|c| c.kind == ConditionType::Ready) else { continue };
        let status = answer(ready.status);
        let message = ready.message.lines().next().unwrap_or_default();
        let resource = format!("{}/{}", change.id.kind, change.id.name);
        table.add_row([&resource, &change.id.target, &change.object, status, &ready.reason, message]);
    }
    print(&(table.trim_fmt() + "\n"));
}

/// A table without lines, as wide as what is in it.
pub(super) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The word for a status.
pub(super) fn answer(status: Status) -> &'static str {
    match status {
        Status::True => "True",
        Status::False => "False",
        Status::Unknown => "Unknown",
    }
}
