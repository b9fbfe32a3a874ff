//! The reference of a kind, read from its JSON Schema: the one source for `evenkeel explain`, editors and the
//! generated pages.

use serde_json::Value;

/// Deeper fields than this are not listed; the kinds have none, recursion would.
const MAX_DEPTH: usize = 8;

/// Stands in a path for whatever name people give to an entry of a map.
pub const ANY_NAME: &str = "NAME";

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDoc {
    /// The way to it from the manifest's root.
    pub path: Vec<String>,
    /// Its type in words: `text`, `whole number`, `strict | accept-new`.
    pub type_name: String,
    /// Whether it must be written.
    pub required: bool,
    /// What it is for: its doc comment.
    pub description: String,
}

/// The fields of a manifest, each followed by those below it. `schema` is a kind's whole schema.
pub fn fields(schema: &Value) -> Vec<FieldDoc> {
    let mut out = Vec::new();
    collect(schema, schema, &[], &mut out);
    out
}

fn collect(root: &Value, schema: &Value, path: &[String], out: &mut Vec<FieldDoc>) {
    let schema = with_fields(root, schema);
    let entry = schema
        .get("additionalProperties")
        .filter(|entry| with_fields(root, entry).get("properties").is_some());
    let listed = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required: Vec<&str> = texts(schema.get("required"));
    for (name, field) in
        listed.map(|(name, field)| (name.as_str(), field)).chain(entry.map(|entry| (ANY_NAME, entry)))
    {
        let below: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
        let described =
            [field, resolve(root, field)].into_iter().find_map(|s| s.get("description")?.as_str());
        out.push(FieldDoc {
            path: below.clone(),
            type_name: type_name(root, field),
            required: required.contains(&name),
            description: described.unwrap_or_default().to_owned(),
        });
        if below.len() < MAX_DEPTH {
            collect(root, field, &below, out);
        }
    }
}

/// The schema that has the fields: itself, or what a list holds, or the first choice that has any.
fn with_fields<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let schema = resolve(root, schema);
    if schema.get("properties").is_some() {
        return schema;
    }
    let choices = ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    let mut inner = choices.chain(schema.get("items")).map(|choice| resolve(root, choice));
    inner.find(|choice| choice.get("properties").is_some()).unwrap_or(schema)
}

/// Follows references, and looks through `anyOf: [X, null]`.
fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    for _ in 0..MAX_DEPTH {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
        let optional = || {
            let some = schema
                .get("anyOf")?
                .as_array()?
                .iter()
                .filter(|s| s.get("type").and_then(Value::as_str) != Some("null"));
            let some: Vec<&Value> = some.collect();
            if let [one] = some.as_slice() { Some(*one) } else { None }
        };
        match reference.and_then(|pointer| root.pointer(pointer)).or_else(optional) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

fn type_name(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(choices) = ["enum", "oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
        let mut words: Vec<String> = choices.iter().map(|choice| choice_name(root, choice)).collect();
        words.dedup();
        return words.join(" | ");
    }
    if let Some(constant) = schema.get("const").and_then(Value::as_str) {
        return constant.to_owned();
    }
    let named = |name: &str| match name {
        "array" => format!(
            "list of {}",
            schema.get("items").map_or_else(|| "any".to_owned(), |i| type_name(root, i))
        ),
        "object" => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("map to {}", type_name(root, values)),
            _ => "object".to_owned(),
        },
        "integer" => "whole number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true | false".to_owned(),
        other => other.to_owned(),
    };
    match schema.get("type") {
        Some(Value::String(name)) => named(name),
        several @ Some(Value::Array(_)) => {
            texts(several).into_iter().filter(|n| *n != "null").map(named).collect::<Vec<_>>().join(" | ")
        }
        _ => "any".to_owned(),
    }
}

fn choice_name(root: &Value, choice: &Value) -> String {
    match choice {
        Value::String(word) => word.clone(),
        Value::Bool(_) | Value::Number(_) => choice.to_string(),
        _ => type_name(root, choice),
    }
}

fn texts(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_listed_through_references_and_options() {
        let schema = json!({
            "$defs": { "Ssh": { "description": "By SSH.", "type": "object", "required": ["host"],
                "properties": { "host": { "type": "string", "description": "Name." }, "port": { "type": ["integer", "null"] } } } },
            "properties": { "spec": { "type": "object", "properties": {
                "ssh": { "anyOf": [{ "$ref": "#/$defs/Ssh" }, { "type": "null" }] },
                "hosts": { "anyOf": [{ "type": "array", "items": { "$ref": "#/$defs/Ssh" } }, { "$ref": "#/$defs/Ssh" }] },
                "off": { "enum": ["off", false] },
                "byName": { "type": "object", "additionalProperties": { "$ref": "#/$defs/Ssh" } },
                "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                "mode": { "oneOf": [{ "const": "strict" }, { "const": "accept-new" }] } } } }
        });
        let shown: Vec<String> = fields(&schema)
            .iter()
            .map(|f| {
                format!("{} <{}> {} {}", f.path.join("."), f.type_name, f.required, f.description)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        assert_eq!(
            shown,
            [
                "spec <object> false",
                "spec.byName <map to object> false",
                "spec.byName.NAME <object> false By SSH.",
                "spec.byName.NAME.host <text> true Name.",
                "spec.byName.NAME.port <whole number> false",
                "spec.hosts <list of object | object> false",
                "spec.hosts.host <text> true Name.",
                "spec.hosts.port <whole number> false",
                "spec.labels <map to text> false",
                "spec.mode <strict | accept-new> false",
                "spec.off <off | false> false",
                "spec.ssh <object> false By SSH.",
                "spec.ssh.host <text> true Name.",
                "spec.ssh.port <whole number> false",
            ]
        );
    }
}
