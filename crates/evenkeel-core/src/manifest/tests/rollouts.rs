//! The field `rollout`: what is wrong with it, and what it makes of the targets.

use super::*;
use crate::plan::{Order, Rollout};

/// Targets with their labels, and what a Toy on all of them with this `rollout` is to do.
fn rollouts(targets: &[(&str, &str)], rollout: &str) -> Vec<Rollout> {
    let target = |(name, labels): &(&str, &str)| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ on: a, {labels} }} }}\nspec: {{ ssh: {{ host: {name} }} }}\n---\n"
        )
    };
    let targets: String = targets.iter().map(target).collect();
    let toy = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: x }}\nspec: {{ targetSelector: {{ matchLabels: {{ on: a }} }}, label: l{rollout} }}\n"
    );
    let loaded = load_text(targets + &toy);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    loaded.instances.iter().filter_map(|instance| instance.rollout.as_deref().cloned()).collect()
}

fn of(group: &str, at_once: usize, max_failures: usize) -> Rollout {
    Rollout { group: group.to_owned(), at_once, max_failures, order: Order::Any, pause: None }
}

#[test]
fn without_it_a_kind_that_touches_no_cluster_takes_no_turns() {
    assert_eq!(rollouts(&[("a", "cluster: x")], ""), []);
}

#[test]
fn hosts_with_the_same_label_belong_together_and_so_do_those_without() {
    let hosts =
        [("a", "cluster: x"), ("b", "cluster: x"), ("c", "cluster: y"), ("d", "rack: r1"), ("e", "rack: r1")];
    let (x, y, none) = (of("cluster=x", 1, 1), of("cluster=y", 1, 1), of("no label cluster", 1, 1));
    assert_eq!(rollouts(&hosts, ", rollout: {}"), [x.clone(), x, y, none.clone(), none]);
    let (rack, none) = (of("rack=r1", 1, 3), of("no label rack", 1, 3));
    assert_eq!(
        rollouts(&hosts, ", rollout: { label: rack, maxFailures: 3 }"),
        [none.clone(), none.clone(), none, rack.clone(), rack]
    );
}

#[test]
fn machines_that_are_not_changed_make_no_cluster_larger() {
    let target = |name: &str, on: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ on: {on}, cluster: x }} }}\nspec: {{ ssh: {{ host: {name} }} }}\n---\n"
        )
    };
    let targets: String = ["a", "b", "c"].iter().map(|name| target(name, "esx")).collect();
    let others: String = ["d", "e", "f", "g", "h"].iter().map(|name| target(name, "linux")).collect();
    let toy = "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: { name: x }\nspec: { targetSelector: { matchLabels: { on: esx } }, label: l, rollout: { maxUnavailable: 3 } }\n";
    let loaded = load_text(targets + &others + toy);
    let at_once = |instance: &crate::plan::Instance| instance.rollout.as_ref().unwrap().at_once;
    assert_eq!(loaded.instances.iter().map(at_once).collect::<Vec<_>>(), [2, 2, 2], "never all three");
}

#[test]
fn a_machine_with_two_names_would_have_two_turns() {
    let target = |name: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ on: a }} }}\nspec: {{ ssh: {{ host: Olive, port: 22 }} }}\n---\n"
        )
    };
    let toy = |rollout: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: x }}\nspec: {{ targetSelector: {{ matchLabels: {{ on: a }} }}, label: l{rollout} }}\n"
        )
    };
    let found = lines(&load_text(target("olive") + &target("olive2") + &toy(", rollout: {}")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("olive and olive2 are two names of one machine (olive:22)"), "{found:?}");
    let found = lines(&load_text(target("olive") + &target("olive2") + &toy("")));
    assert_eq!(found, Vec::<String>::new(), "what takes no turns may");
}

#[test]
fn a_share_is_of_the_hosts_of_each_cluster() {
    let names: Vec<String> = (0..10).map(|n| format!("h{n}")).collect();
    let hosts: Vec<(&str, &str)> = names
        .iter()
        .enumerate()
        .map(|(nth, name)| (name.as_str(), if nth < 8 { "cluster: big" } else { "cluster: small" }))
        .collect();
    for (written, big, small) in [("25%", 2, 1), ("3", 3, 1), ("100%", 7, 1), ("99", 7, 1), ("1%", 1, 1)] {
        let found = rollouts(&hosts, &format!(", rollout: {{ maxUnavailable: {written} }}"));
        assert_eq!(
            (&found[0], &found[9]),
            (&of("cluster=big", big, 1), &of("cluster=small", small, 1)),
            "{written}"
        );
    }
}

#[test]
fn what_is_wrong_with_it_is_said_where_it_stands() {
    let portion = "expected a number of hosts such as 1, or a share such as 25%";
    for (rollout, column, expected) in [
        ("maxUnavailable: 0", 30, format!("{portion}, found \"0\"")),
        ("maxUnavailable: -1", 30, format!("{portion}, found \"-1\"")),
        ("maxUnavailable: 0%", 30, format!("{portion}, found \"0%\"")),
        ("maxUnavailable: 101%", 30, format!("{portion}, found \"101%\"")),
        ("maxUnavailable: a few", 30, format!("{portion}, found \"a few\"")),
        ("maxUnavailable: 1.5", 30, format!("{portion}, found \"1.5\"")),
        ("maxFailures: 0", 27, "`maxFailures` must be at least 1".to_owned()),
        (
            "maxFailures: -1",
            27,
            "expected a whole number from 0 to 4294967295, found the number -1".to_owned(),
        ),
        (
            "maxUnavailabel: 1",
            14,
            "unknown field `maxUnavailabel`, did you mean `maxUnavailable`?".to_owned(),
        ),
    ] {
        let loaded = load_text(toy_text(&format!("target: t\nlabel: x\nrollout: {{ {rollout} }}")));
        let found = lines(&loaded);
        assert_eq!(found.len(), 1, "{rollout}: {found:#?}");
        let start = format!("f.yaml:{}:{column}: error: {expected}", SPEC_LINE + 2);
        assert!(found[0].starts_with(&start), "{rollout}\n found {}\n want  {start}", found[0]);
    }
    let found = lines(&load_text(toy_text("target: t\nlabel: x\nrollout: 1")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(&format!("f.yaml:{}:12: error: expected a mapping", SPEC_LINE + 2)),
        "{}",
        found[0]
    );
}

#[test]
fn canaries_go_first_in_the_groups_that_have_some() {
    use Order::{AfterCanaries, Any, Canary};

    let hosts = [
        ("a", "cluster: x, first: \"yes\""),
        ("b", "cluster: x"),
        ("c", "cluster: y"),
        ("d", "cluster: y, first: \"no\""),
    ];
    let orders = |rollout: &str| -> Vec<Order> {
        rollouts(&hosts, rollout).into_iter().map(|rollout| rollout.order).collect()
    };
    assert_eq!(orders(", rollout: {}"), [Any; 4]);
    let labels = ", rollout: { canary: { matchLabels: { first: \"yes\" } } }";
    assert_eq!(orders(labels), [Canary, AfterCanaries, Any, Any]);
    let exists = ", rollout: { canary: { matchExpressions: [{ key: first, operator: Exists }] } }";
    assert_eq!(orders(exists), [Canary, AfterCanaries, AfterCanaries, Canary]);
    let pauses = rollouts(&hosts[..1], ", rollout: { pause: 10m }");
    assert_eq!(pauses[0].pause, Some(crate::period::Period::minutes(10)));
}

#[test]
fn what_is_wrong_with_canaries_is_said_where_it_stands() {
    let line = SPEC_LINE + 2;
    for (canary, column, expected) in [
        (
            "{ matchLabels: { first: a } }",
            14,
            "warning: no host of its groups has these labels, so nobody goes first",
        ),
        ("{ matchExpressions: [{ key: a, operator: In }] }", 63, "error: this operator wants `values`"),
    ] {
        let loaded = load_text(toy_text(&format!("target: t\nlabel: x\nrollout: {{ canary: {canary} }}")));
        let found = lines(&loaded);
        assert_eq!(found.len(), 1, "{canary}: {found:#?}");
        let start = format!("f.yaml:{line}:{column}: {expected}");
        assert!(found[0].starts_with(&start), "{canary}\n found {}\n want  {start}", found[0]);
    }
}
