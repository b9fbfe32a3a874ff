//! What of `observe.ps1`'s document may differ though the host is the same: its clock, and what it counts up for adapters
//! that are made anew.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(super) fn blur(told: &mut Value) {
    let Some(parts) = told.get_mut("parts").and_then(Value::as_object_mut) else { return };
    let (by_index, by_guid) = (names(parts, "index"), names(parts, "guid"));
    for (part, rows) in parts.iter_mut() {
        let Some(rows) = rows.as_array_mut() else { continue };
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            match part.as_str() {
                "host" => drop(row.remove("now")),
                "adapters" => forget_adapter(row),
                "addresses" | "smb" => name(row, "index", &by_index),
                "switches" => drop(row.remove("id")),
                "hostAdapters" => name(row, "device", &by_guid),
                // What was put back is told, and does not come again.
                "guard" => drop(row.remove("rolledBack")),
                _ => {}
            }
        }
        // Made of the MAC.
        rows.retain(|row| {
            part != "addresses"
                || !row.get("address").is_some_and(|address| text(address).starts_with("fe80::"))
        });
        // No armed guard is as good as none ever.
        rows.retain(|row| {
            part != "guard"
                || row.get("armed").is_some_and(|armed| !["", "null"].contains(&text(armed).as_str()))
        });
        rows.sort_by_key(Value::to_string);
    }
}

/// The names of the adapters, by another field.
fn names(parts: &Map<String, Value>, field: &str) -> BTreeMap<String, Value> {
    let rows = parts.get("adapters").and_then(Value::as_array).into_iter().flatten();
    rows.filter_map(|row| Some((text(row.get(field)?), row.get("name")?.clone()))).collect()
}

/// Puts the adapter's name in place of its number.
fn name(row: &mut Map<String, Value>, field: &str, names: &BTreeMap<String, Value>) {
    if let Some(value) = row.get_mut(field) {
        *value = names.get(&text(value)).cloned().unwrap_or(Value::Null);
    }
}

/// A virtual adapter that is made anew has another MAC.
fn forget_adapter(row: &mut Map<String, Value>) {
    row.remove("index");
    row.remove("guid");
    if row.get("virtual") == Some(&Value::Bool(true)) {
        row.remove("mac");
        row.remove("description");
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
