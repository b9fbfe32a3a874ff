//! Values files and `${name}`.

use super::*;

fn with_values(spec: &str, values: &[&str]) -> Loaded {
    let files: Vec<SourceFile> =
        values.iter().enumerate().map(|(n, text)| file(&format!("v{n}.yaml"), text)).collect();
    load_files(&[file("f.yaml", toy_text(spec))], &files)
}

fn spec(loaded: &Loaded) -> &toy::Spec {
    loaded.instances[0].spec.downcast_ref().unwrap()
}

#[test]
fn a_plain_variable_is_typed_by_its_value_and_a_quoted_one_is_text() {
    let values = "count: 3\nyes: true\nsite:\n  pool: tank\n  depth: { x: deep }\nempty: ''\n";
    let loaded = with_values(
        "target: t\nlabel: \"${site.pool}\"\ncount: ${count}\nfragile: ${yes}\nproperties: { a: \"${count}-${site.depth.x}\", b: $${x}, \"${count}\": k }",
        &[values],
    );
    // In a flow mapping braces end a plain scalar, so `$${x}` reads as `$$` there.
    assert!(loaded.has_errors());
    let loaded = with_values(
        "target: t\nlabel: \"${site.pool}\"\ncount: ${count}\nfragile: ${yes}\nproperties:\n  a: ${count}-${site.depth.x}\n  b: $${x}\n  \"${count}\": k\n  c: '${count}'\nanything: ['${count}']",
        &[values],
    );
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let spec = spec(&loaded);
    assert_eq!((spec.label.as_str(), spec.count, spec.fragile), ("tank", Some(3), Some(true)));
    let properties: Vec<(&str, &str)> =
        spec.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(properties, [("${count}", "k"), ("a", "3-deep"), ("b", "${x}"), ("c", "3")]);
    assert_eq!(spec.anything, Some(serde_json::json!(["3"])));
}

#[test]
fn later_files_lie_over_earlier_ones() {
    let loaded =
        with_values("target: t\nlabel: ${a}-${b.c}-${b.d}", &["a: 1\nb: { c: 2, d: 3 }\n", "b: { c: 9 }\n"]);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(spec(&loaded).label, "1-9-3");
}

#[test]
fn problems_stand_where_the_variable_stands() {
    let loaded = with_values("target: t\nlabel: x${poool}\ncount: ${big}", &["pool: tank\nbig: 70000\n"]);
    assert_eq!(
        lines(&loaded),
        [
            "f.yaml:12:10: error: no value is named `poool`, did you mean `pool`? (add it to a values file, or write `$${` for the characters themselves)",
            "f.yaml:13:10: error: expected a whole number from 0 to 65535, found the number 70000 (choose one of these)",
        ]
    );
    assert_eq!(
        lines(&with_values("target: t\nlabel: ${pool}", &[])),
        [
            "f.yaml:12:10: error: no value is named `pool` (give a values file with --values FILE, or write `$${` for the characters themselves)"
        ]
    );
}

#[test]
fn a_values_file_is_a_mapping_of_scalars() {
    let found = |values: &str| lines(&with_values("target: t\nlabel: x", &[values]));
    assert_eq!(found("# nothing\n"), Vec::<String>::new());
    assert_eq!(
        found("- a\n"),
        ["v0.yaml:1:1: error: a values file is a mapping (write `name: value` lines)"]
    );
    assert_eq!(
        found("a: [1]\nb c: 1\n"),
        [
            "v0.yaml:1:4: error: a value is text, a number or a mapping of values, not a list (write each item as a value with a name of its own)",
            "v0.yaml:2:1: error: `b c` is not a name for a value (use letters, digits, `_`, `-` and `.`)",
        ]
    );
}
