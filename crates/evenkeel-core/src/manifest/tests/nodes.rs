//! Places of fields, as drivers and plans ask for them.

use super::*;

fn place(path: &[&str]) -> String {
    let loaded = load_text(toy_text(
        "target: t\nlabel: x\nproperties:\n  a.b: 1\nitems:\n- { name: n, number: 1 }\n- name: m\n  number: 2",
    ));
    let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
    let place = loaded.instances[0].node.locate(&path);
    assert_eq!(place.file, "f.yaml");
    format!("{}:{}", place.line + 1 - SPEC_LINE, place.column)
}

#[test]
fn a_written_field_is_at_its_value_and_a_collection_at_its_key() {
    assert_eq!(place(&["label"]), "2:10");
    assert_eq!(place(&["properties"]), "3:3");
    assert_eq!(place(&["properties", "a.b"]), "4:10");
    assert_eq!(place(&["items", "1", "number"]), "8:13");
}

#[test]
fn what_is_not_written_is_at_the_nearest_parent() {
    assert_eq!(place(&[]), "1:3");
    assert_eq!(place(&["count"]), "1:3");
    assert_eq!(place(&["properties", "c"]), "3:3");
    assert_eq!(place(&["label", "deeper"]), "2:10");
    assert_eq!(place(&["items", "7"]), "5:3");
}

#[test]
fn the_common_fields_are_there_too() {
    assert_eq!(place(&["target"]), "1:11");
}
