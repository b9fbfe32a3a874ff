//! `ConvertTo-Json` and `ConvertFrom-Json`.
//!
//! What lies deeper than `-Depth` becomes a text; members of enumerations become their numbers in 5.1 as in 7 (it has `-EnumsAsStrings` for the
//! other); 5.1 escapes `<`, `>`, `&` and `'`, 7 does not.

use std::fmt::Write as _;

use super::super::value::{PS_CUSTOM_OBJECT, Value};
use super::Edition;

/// As `ConvertTo-Json -Compress` writes it.
pub(super) fn compressed(value: &Value, depth: i64, edition: Edition) -> String {
    let mut text = String::new();
    write(value, depth, edition, &mut text);
    text
}

fn write(value: &Value, depth: i64, edition: Edition, out: &mut String) {
    let is_deep = matches!(value, Value::List(_) | Value::Bytes(_) | Value::Table(_) | Value::Object(_));
    if is_deep && depth < 0 {
        return quote(&value.to_text(), edition, out);
    }
    match value {
        Value::Null | Value::Nothing => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) | Value::Enum { number, .. } => drop(write!(out, "{number}")),
        Value::Text(_) | Value::Block(_) | Value::Type(_) => quote(&value.to_text(), edition, out),
        Value::Bytes(_) | Value::List(_) => {
            let items = match value {
                Value::Bytes(bytes) => bytes.iter().map(|byte| Value::Int(i64::from(*byte))).collect(),
                other => other.items(),
            };
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, depth - 1, edition, out);
            }
            out.push(']');
        }
        Value::Table(entries) => members(&entries.borrow(), depth, edition, out),
        Value::Object(object) => members(&object.borrow().properties, depth, edition, out),
    }
}

fn members(entries: &[(String, Value)], depth: i64, edition: Edition, out: &mut String) {
    out.push('{');
    for (at, (name, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(name, edition, out);
        out.push(':');
        write(value, depth - 1, edition, out);
    }
    out.push('}');
}

fn quote(text: &str, edition: Edition, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '<' | '>' | '&' | '\'' if edition == Edition::Desktop => write!(out, "\\u{:04x}", u32::from(c)),
            c if u32::from(c) < 0x20 => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
}

/// As `ConvertFrom-Json` reads it: objects become `PSCustomObject`s.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    from_json(&value)
}

/// A document as values. Numbers are whole ones here.
pub(super) fn from_json(value: &serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => Value::Int(
            number.as_i64().ok_or_else(|| format!("{number} (the simulator has whole numbers only)"))?,
        ),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(entries) => {
            let mut properties = Vec::with_capacity(entries.len());
            for (name, value) in entries {
                properties.push((name.clone(), from_json(value)?));
            }
            Value::object(PS_CUSTOM_OBJECT, properties)
        }
    })
}

/// A value as `ConvertTo-Json` writes it, as a document.
pub(super) fn to_json(value: &Value, depth: i64) -> serde_json::Value {
    serde_json::from_str(&compressed(value, depth, Edition::Core)).unwrap_or(serde_json::Value::Null)
}
