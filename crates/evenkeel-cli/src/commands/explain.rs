//! `evenkeel explain KIND[.field]`: the reference, from the same schemas that editors use.

use std::fmt::Write as _;

use evenkeel_core::manifest::schema;
use evenkeel_core::reference::{ANY_NAME, FieldDoc, fields};
use serde_json::{Value, json};

use crate::args::{Explain as Args, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::ui;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let kinds = schema::kinds(&registry);
    let Some(what) = &args.what else {
        match output {
            Output::Human => ui::print(&format!("{}\n", kinds.join("\n"))),
            Output::Json => ui::print_json(&json!({ "kinds": kinds }))?,
        }
        return Ok(Exit::Done);
    };
    let (wanted, path) = what.split_once('.').unwrap_or((what.as_str(), ""));
    let unknown =
        || CliError::new(format!("no kind `{wanted}`")).hint(format!("kinds: {}", kinds.join(", ")));
    let kind = kinds.iter().find(|k| k.eq_ignore_ascii_case(wanted)).ok_or_else(unknown)?;
    let schema = schema::schema_for(&registry, kind).ok_or_else(unknown)?;
    let all = fields(&schema);
    let keys: Vec<String> = path.split('.').filter(|k| !k.is_empty()).map(str::to_owned).collect();
    let topic = find(&all, &keys).ok_or_else(|| {
        CliError::new(format!("{kind} has no field `{path}`"))
            .hint(format!("`evenkeel explain {kind}` lists its fields"))
    })?;
    match output {
        Output::Json => ui::print_json(&to_json(kind, &schema, &topic))?,
        Output::Human => ui::print(&render(kind, &schema, &topic)),
    }
    Ok(Exit::Done)
}

/// A field, and those directly below it.
struct Topic<'a> {
    field: Option<&'a FieldDoc>,
    below: Vec<&'a FieldDoc>,
}

/// The field at `keys`, from the manifest's root or, as fingers type it, from `spec`. No keys: the spec. The name of an entry
/// of a map may be any; those below it are shown with the map.
fn find<'a>(all: &'a [FieldDoc], keys: &[String]) -> Option<Topic<'a>> {
    let in_spec: Vec<String> = std::iter::once("spec".to_owned()).chain(keys.iter().cloned()).collect();
    let fits = |(field, typed): (&String, &String)| field == typed || field == ANY_NAME;
    let is_at = |field: &FieldDoc, path: &[String]| {
        field.path.len() == path.len() && field.path.iter().zip(path).all(fits)
    };
    let at = |path: &[String]| all.iter().find(|field| is_at(field, path));
    let field = if keys.is_empty() { None } else { Some(at(keys).or_else(|| at(&in_spec))?) };
    let path = field.map_or(in_spec.as_slice(), |f| f.path.as_slice());
    let is_below = |field: &&FieldDoc| match field.path.strip_prefix(path) {
        Some([_]) => true,
        Some([entry, _]) => entry == ANY_NAME,
        _ => false,
    };
    Some(Topic { field, below: all.iter().filter(is_below).collect() })
}

fn render(kind: &str, schema: &Value, topic: &Topic<'_>) -> String {
    let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let (title, words) = match topic.field {
        Some(field) => {
            (format!("{kind}.{} <{}>", field.path.join("."), field.type_name), field.description.as_str())
        }
        None => (format!("{kind}  ({})", evenkeel_core::manifest::API_VERSION), about),
    };
    let mut text = format!("{title}\n\n{}\n", indent(words, "  "));
    if !topic.below.is_empty() {
        let _ = writeln!(text, "\nFIELDS{}", if topic.field.is_none() { " of spec" } else { "" });
    }
    let above = topic.field.map_or(1, |field| field.path.len());
    for field in &topic.below {
        let name = field.path.get(above..).unwrap_or_default().join(".");
        let mark = if field.required { " (required)" } else { "" };
        let _ = writeln!(text, "  {name} <{}>{mark}", field.type_name);
        if !field.description.is_empty() {
            let _ = writeln!(text, "{}", indent(&field.description, "      "));
        }
    }
    text
}

fn to_json(kind: &str, schema: &Value, topic: &Topic<'_>) -> Value {
    let show = |f: &FieldDoc| json!({ "path": f.path, "type": f.type_name, "required": f.required, "description": f.description });
    let field = topic.field.map_or_else(|| json!({ "description": schema.get("description") }), show);
    json!({
        "formatVersion": evenkeel_core::plan::FORMAT_VERSION,
        "kind": kind,
        "field": field,
        "fields": topic.below.iter().map(|f| show(f)).collect::<Vec<_>>(),
    })
}

fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
