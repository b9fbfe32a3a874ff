//! The schemas describe what the reader takes.

use serde_json::Value;

use super::*;
use crate::manifest::schema::{files, kinds, schema_for, schema_for_all, schema_for_configuration};

fn at<'v>(schema: &'v Value, pointer: &str) -> &'v Value {
    schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {schema:#}"))
}

#[test]
fn a_kind_has_the_common_fields_and_its_own() {
    let schema = schema_for(&toy::registry(), "Toy").unwrap();
    assert_eq!(at(&schema, "/properties/kind/const"), "Toy");
    assert_eq!(at(&schema, "/description"), "A box on a shelf.");
    let spec = at(&schema, "/properties/spec");
    assert_eq!(at(spec, "/additionalProperties"), false);
    assert_eq!(at(spec, "/required"), &serde_json::json!(["label"]));
    assert_eq!(at(spec, "/properties/label/description"), "What is written on the box.");
    let fields: Vec<&String> = at(spec, "/properties").as_object().unwrap().keys().collect();
    for field in crate::manifest::resource::COMMON {
        assert!(fields.iter().any(|f| f == field), "{field}");
    }
}

#[test]
fn a_union_lists_all_backends_and_wants_one() {
    let schema = schema_for(&toy::registry(), "Store").unwrap();
    let spec = at(&schema, "/properties/spec");
    assert!(
        at(spec, "/properties").get("barrel").is_some() && at(spec, "/properties").get("shelf").is_some()
    );
    assert_eq!(at(spec, "/required"), &serde_json::json!(["keep"]));
    assert!(
        at(spec, "/allOf")
            .to_string()
            .contains(r#"{"oneOf":[{"required":["barrel"]},{"required":["shelf"]}]}"#)
    );
}

#[test]
fn every_reference_resolves_and_every_object_is_closed() {
    let registry = toy::registry();
    for (name, text) in files(&registry) {
        let schema: Value = serde_json::from_str(&text).unwrap();
        check(&schema, &schema, &name);
    }
    assert!(schema_for(&registry, "Nothing").is_none());
    let kinds_of = |schema: Value| at(&schema, "/properties/kind/enum").clone();
    let manifests = serde_json::json!(["Target", "MaintenanceWindow", "Secret", "Store", "Toy"]);
    assert_eq!(kinds_of(schema_for_all(&registry)), manifests);
    let configuration =
        serde_json::json!(["Controller", "GitSource", "DirectorySource", "Notifier", "Secret"]);
    assert_eq!(kinds_of(schema_for_configuration(&registry)), configuration);
    assert_eq!(
        kinds(&registry),
        [
            "Target",
            "MaintenanceWindow",
            "Secret",
            "Store",
            "Toy",
            "Controller",
            "GitSource",
            "DirectorySource",
            "Notifier"
        ]
    );
}

fn check(root: &Value, schema: &Value, name: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        assert!(root.pointer(reference.trim_start_matches('#')).is_some(), "{name}: {reference}");
    }
    if schema.get("type").is_some_and(|t| t == "object") && schema.pointer("/properties").is_some() {
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let is_choice = std::ptr::eq(root, schema) && ["manifest.json", "configuration.json"].contains(&name);
        assert!(closed || is_choice, "{name}: {schema}");
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|v| check(root, v, name)),
        Value::Array(items) => items.iter().for_each(|v| check(root, v, name)),
        _ => {}
    }
}

#[test]
fn the_configuration_is_described_down_to_its_last_field() {
    let registry = toy::registry();
    for kind in crate::config::KINDS {
        let schema = schema_for(&registry, kind).unwrap();
        let fields = crate::reference::fields(&schema);
        let nameless: Vec<_> =
            fields.iter().filter(|f| f.description.is_empty()).map(|f| f.path.join(".")).collect();
        assert_eq!(nameless, Vec::<String>::new(), "{kind}");
        assert!(fields.iter().all(|f| f.type_name != "any"), "{kind}");
    }
    let schema = schema_for(&registry, "GitSource").unwrap();
    let fields = crate::reference::fields(&schema);
    let types = |path: &str| fields.iter().find(|f| f.path.join(".") == path).unwrap().type_name.clone();
    assert_eq!(types("spec.interval"), "text");
    assert_eq!(types("spec.drift.mode"), "Report | Correct");
    assert_eq!(types("spec.ref.semver"), "text");
    let secret = schema_for(&registry, "Secret").unwrap();
    assert!(at(&secret, "/properties/spec/allOf").to_string().contains(r#"{"required":["vault"]}"#));
}
