//! Hashes of what manifests say, and fields that are left alone.

use super::{lines, load_text, toy_text};

fn digest(spec: &str) -> String {
    let loaded = load_text(toy_text(spec));
    let of = |instance: &crate::plan::Instance| instance.node.digest(&["suspend"]);
    loaded.instances.first().map_or_else(|| panic!("{:?}", lines(&loaded)), of)
}

#[test]
fn only_what_is_said_counts() {
    let one = digest("target: t\nlabel: x # a comment\nproperties: { a: 1, b: 2 }");
    assert_eq!(one, digest("label: \"x\"\nsuspend: true\nproperties:\n  b: 2\n  a: 1\ntarget: t"));
    assert_ne!(one, digest("target: t\nlabel: x\nproperties: { a: 2, b: 1 }"));
    assert_ne!(one, digest("target: t\nlabel: x\nproperties: { a: 1 }"));
}

#[test]
fn a_field_that_is_left_alone_is_one_that_is_given() {
    let good = "target: t\nlabel: x\nproperties: { size: 1 }\ndrift: { mode: Correct, ignore: [properties.size] }\ninterval: 5m";
    let loaded = load_text(toy_text(good));
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let instance = loaded.instances.first().unwrap();
    assert_eq!(instance.ignore.as_ref(), ["properties.size"]);
    assert_eq!(instance.interval.unwrap().as_seconds(), 300);
    assert_eq!(instance.drift, Some(crate::config::DriftMode::Correct));
    let said = |spec: String| lines(&load_text(toy_text(&spec))).join("\n");
    let misspelt = said(good.replace("[properties.size]", "[properties.sise]"));
    assert!(
        misspelt.contains("does not give `properties.sise`, did you mean `properties.size`"),
        "{misspelt}"
    );
    let spelt_out = said(good.replace("5m", "5 minutes"));
    assert!(spelt_out.contains("time span such as 30s, 5m"), "{spelt_out}");
}
