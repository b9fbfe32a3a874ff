//! Resources to instances.

use super::*;

#[test]
fn a_selector_gives_an_instance_per_matching_target() {
    let mut text = String::new();
    for (name, role) in [("b", "zfs"), ("a", "zfs"), ("c", "esxi")] {
        text += &format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ role: {role} }} }}\nspec: {{ ssh: {{ host: {name} }} }}\n---\n"
        );
    }
    text += "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: { name: x, labels: { tier: 1 } }\nspec: { targetSelector: { matchLabels: { role: zfs } }, label: l, suspend: true }\n";
    let loaded = load_text(text);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(loaded.resources, 1);
    assert_eq!(loaded.targets.len(), 3);
    let ids: Vec<String> = loaded.instances.iter().map(|i| i.id.to_string()).collect();
    assert_eq!(ids, ["Toy/x on a", "Toy/x on b"]);
    assert!(loaded.instances.iter().all(|i| i.suspend && i.labels["tier"] == "1"));
    assert!(std::sync::Arc::ptr_eq(&loaded.instances[0].node, &loaded.instances[1].node));
}

#[test]
fn files_are_one_world_and_problems_are_sorted() {
    let target = file("z.yaml", TARGET);
    let toy = toy_text("target: t\nlabel: x\ncount: a\nweight: b");
    let (_, toy) = toy.split_once("---\n").unwrap();
    let loaded = load_files(
        &[file("b.yaml", toy), target, file("a.yaml", "x"), file("empty.yaml", "# nothing\n")],
        &[],
    );
    let places: Vec<String> =
        loaded.diagnostics.iter().map(|d| d.location.as_ref().unwrap().to_string()).collect();
    assert_eq!(places, ["a.yaml:1:1", "b.yaml:7:10", "b.yaml:8:11"]);
}
