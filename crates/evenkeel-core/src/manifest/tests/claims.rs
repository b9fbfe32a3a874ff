//! Several manifests about one object.

use super::*;

fn toys(specs: &[(&str, &str)]) -> Vec<String> {
    let mut text = String::new();
    for target in ["t", "u"] {
        text += &TARGET.replace("name: t", &format!("name: {target}"));
        text += "---\n";
    }
    for (name, spec) in specs {
        text += &format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n---\n"
        );
    }
    lines(&load_text(text))
}

#[test]
fn different_values_for_one_field_are_refused_once() {
    assert_eq!(
        toys(&[
            ("a", "targetSelector: {}, label: x, properties: { p: on, q: 1 }"),
            ("b", "targetSelector: {}, label: x, properties: { p: off, r: 1 }"),
        ]),
        [
            "f.yaml:21:56: error: `properties.p` of x on t shall be `off` here and `on` in Toy/a (f.yaml:16:56) (keep the field in one of the two manifests)"
        ]
    );
}

#[test]
fn equal_values_and_other_fields_objects_or_targets_are_fine() {
    assert_eq!(
        toys(&[
            ("a", "target: t, label: x, properties: { p: on }"),
            ("b", "target: t, label: x, properties: { p: on }"),
            ("c", "target: t, label: x, count: 1"),
            ("d", "target: u, label: x, properties: { p: off }"),
            ("e", "target: t, label: y, properties: { p: off }"),
        ]),
        Vec::<String>::new()
    );
}
