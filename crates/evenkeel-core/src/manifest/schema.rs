//! JSON Schemas of whole manifests and of the controller's configuration, for editors and for the reference.
//!
//! They come from the types that read the manifests, so that what an editor accepts and what Evenkeel accepts
//! cannot drift apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::API_VERSION;
use super::document::Metadata;
use super::maintenance::{self, MaintenanceWindowSpec};
use super::resource::Common;
use super::target;
use crate::config::{self, ControllerSpec, DirectorySourceSpec, GitSourceSpec, NotifierSpec, SecretSpec};
use crate::driver::{ErasedDriver, Registry};
use crate::target::{TargetSpec, WAYS};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// All kinds: those of manifests, then those of the configuration only.
pub fn kinds(registry: &Registry) -> Vec<&'static str> {
    let only_there = config::KINDS.into_iter().filter(|kind| *kind != config::SECRET);
    manifest_kinds(registry).chain(only_there).collect()
}

/// The schema of one kind. `None` for an unknown kind.
pub fn schema_for(registry: &Registry, kind: &str) -> Option<Value> {
    let mut generator = generator();
    let mut schema = manifest(registry, kind, &mut generator)?;
    let definitions = generator.take_definitions(true);
    let root = schema.as_object_mut()?;
    root.insert("$schema".to_owned(), json!(DIALECT));
    root.insert("title".to_owned(), json!(kind));
    if !definitions.is_empty() {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    close_objects(&mut schema);
    Some(schema)
}

/// The schema of any manifest, chosen by its `kind`.
pub fn schema_for_all(registry: &Registry) -> Value {
    let kinds: Vec<&str> = manifest_kinds(registry).collect();
    chosen_by_kind(registry, &kinds, "Evenkeel manifest")
}

/// The schema of any document of the controller's configuration, chosen by its `kind`.
pub fn schema_for_configuration(registry: &Registry) -> Value {
    chosen_by_kind(registry, &config::KINDS, "Evenkeel controller configuration")
}

fn chosen_by_kind(registry: &Registry, kinds: &[&'static str], title: &str) -> Value {
    let mut generator = generator();
    let mut choices = Vec::new();
    let mut manifests = Map::new();
    for &kind in kinds {
        if let Some(schema) = manifest(registry, kind, &mut generator) {
            let name = format!("{kind}Manifest");
            choices.push(json!({
                "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
                "then": { "$ref": format!("#/$defs/{name}") },
            }));
            manifests.insert(name, schema);
        }
    }
    let mut definitions = generator.take_definitions(true);
    definitions.append(&mut manifests);
    let mut schema = json!({ "$defs": definitions });
    close_objects(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".to_owned(), json!(DIALECT));
        root.insert("title".to_owned(), json!(title));
        root.insert("type".to_owned(), json!("object"));
        root.insert("required".to_owned(), json!(["apiVersion", "kind", "metadata", "spec"]));
        root.insert(
            "properties".to_owned(),
            json!({ "apiVersion": { "const": API_VERSION }, "kind": { "enum": kinds } }),
        );
        root.insert("allOf".to_owned(), Value::Array(choices));
    }
    schema
}

/// File names and contents of all schemas: one per kind, `manifest.json` for any manifest, and `configuration.json`
/// for any document of the configuration.
pub fn files(registry: &Registry) -> Vec<(String, String)> {
    let of_kinds = kinds(registry)
        .into_iter()
        .filter_map(|kind| Some((format!("{kind}.json"), schema_for(registry, kind)?)));
    let all = [
        ("manifest.json".to_owned(), schema_for_all(registry)),
        ("configuration.json".to_owned(), schema_for_configuration(registry)),
    ];
    of_kinds.chain(all).map(|(name, schema)| (name, format!("{schema:#}\n"))).collect()
}

fn manifest_kinds(registry: &Registry) -> impl Iterator<Item = &'static str> {
    [target::KIND, maintenance::KIND, config::SECRET].into_iter().chain(registry.kinds())
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_deserialize().into_generator()
}

fn manifest(registry: &Registry, kind: &str, generator: &mut SchemaGenerator) -> Option<Value> {
    let spec = match kind {
        target::KIND => one_of::<TargetSpec>(&WAYS, generator),
        maintenance::KIND => one_of::<MaintenanceWindowSpec>(&maintenance::OPENINGS, generator),
        config::SECRET => one_of::<SecretSpec>(&config::SECRET_SOURCES, generator),
        config::CONTROLLER => ControllerSpec::json_schema(generator).to_value(),
        config::NOTIFIER => one_of::<NotifierSpec>(&config::RECEIVERS, generator),
        config::GIT_SOURCE => GitSourceSpec::json_schema(generator).to_value(),
        config::DIRECTORY_SOURCE => DirectorySourceSpec::json_schema(generator).to_value(),
        _ => {
            let drivers: Vec<_> = registry.of_kind(kind).collect();
            resource_spec(&drivers, generator)?
        }
    };
    let metadata = Metadata::json_schema(generator).to_value();
    let description = spec.get("description").cloned();
    let mut schema = json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": { "const": API_VERSION, "description": "The version of the manifest language." },
            "kind": { "const": kind, "description": "What the manifest describes." },
            "metadata": metadata,
            "spec": spec,
        },
    });
    if let (Some(root), Some(description)) = (schema.as_object_mut(), description) {
        root.insert("description".to_owned(), description);
    }
    Some(schema)
}

/// A type of whose fields some exclude each other.
fn one_of<T: JsonSchema>(fields: &[&str], generator: &mut SchemaGenerator) -> Value {
    let mut spec = T::json_schema(generator).to_value();
    if let Some(root) = spec.as_object_mut() {
        root.insert("allOf".to_owned(), json!([exactly_one(fields)]));
    }
    spec
}

/// The fields of all of a kind's drivers together with the common ones. `None` without a driver.
fn resource_spec(drivers: &[&Arc<dyn ErasedDriver>], generator: &mut SchemaGenerator) -> Option<Value> {
    let mut merged = Map::new();
    let mut always: Option<BTreeSet<String>> = None;
    let mut descriptions = Vec::new();
    for driver in drivers {
        let mut schema = driver.schema(generator).to_value();
        if let Some(Value::Object(properties)) = schema.get_mut("properties").map(Value::take) {
            for (name, property) in properties {
                // What several drivers have is told as the first of them does.
                merged.entry(name).or_insert(property);
            }
        }
        let required = required_of(&schema);
        always = Some(always.map_or_else(|| required.clone(), |known| &known & &required));
        let told = schema.get("description").and_then(Value::as_str);
        descriptions.extend(told.map(|told| match driver.backend() {
            Some(key) => format!("With `{key}`: {told}"),
            None => told.to_owned(),
        }));
    }
    let required = always?;
    let mut common = Common::json_schema(generator).to_value();
    if let Some(Value::Object(mut properties)) = common.get_mut("properties").map(Value::take) {
        merged.append(&mut properties);
    }
    let mut conditions = vec![exactly_one(&["target", "targetSelector"])];
    let backends: Vec<&str> = drivers.iter().filter_map(|driver| driver.backend()).collect();
    if !backends.is_empty() {
        conditions.push(exactly_one(&backends));
    }
    let mut spec =
        json!({ "type": "object", "properties": merged, "required": required, "allOf": conditions });
    if let (Some(root), false) = (spec.as_object_mut(), descriptions.is_empty()) {
        root.insert("description".to_owned(), Value::String(descriptions.join("\n\n")));
    }
    Some(spec)
}

fn required_of(schema: &Value) -> BTreeSet<String> {
    let listed = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn exactly_one(fields: &[&str]) -> Value {
    let choices: Vec<Value> = fields.iter().map(|field| json!({ "required": [field] })).collect();
    json!({ "oneOf": choices })
}

/// Unknown fields are errors, in every object that lists its fields.
fn close_objects(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                // Conditions name some of the fields only.
                if key != "if" {
                    close_objects(value);
                }
            }
            let lists_fields = fields.get("type").is_some_and(|name| name == "object")
                && fields.get("properties").is_some_and(Value::is_object);
            if lists_fields {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        _ => {}
    }
}
