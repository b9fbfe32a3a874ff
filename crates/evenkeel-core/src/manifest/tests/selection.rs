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

#[test]
fn what_a_broken_document_may_hold_is_not_called_missing_without_saying_so() {
    let toy = toy_text("target: t\nlabel: x\ndependsOn: [Toy/other]");
    let broken = toy.replacen("name: t", "name: [t", 1);
    let found = lines(&load_text(broken));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[1].contains("there is no target `t` (it may stand in the document that could not be read)")
    );
    assert!(
        found[2].contains(
            "there is no resource `Toy/other` (it may stand in the document that could not be read)"
        )
    );
}

#[test]
fn a_target_with_a_mistake_keeps_its_labels() {
    let target = TARGET.replace("name: t", "name: t\n  labels: { a: b }").replace("local", "locall");
    let toy = toy_text("targetSelector: { matchLabels: { a: b } }\nlabel: x");
    let (_, toy) = toy.split_once("---\n").unwrap();
    let found = lines(&load_text(format!("{target}---\n{toy}")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("unknown field `locall`, did you mean `local`?"));
}
