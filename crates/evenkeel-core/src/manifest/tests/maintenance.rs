//! Manifests of the kind `MaintenanceWindow`: which resources they are for, and what is wrong with them.

use super::*;
use crate::plan::Window;

const HEAD: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: MaintenanceWindow\nmetadata: { name: night }\nspec:\n";

fn maintenance(spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("{HEAD}{spec}")
}

/// Two targets, of which one is labelled, and a Toy and a Shelf on both.
fn site() -> String {
    let target = |name: &str, labels: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {labels} }}\nspec: {{ local: {{}} }}\n---\n"
        )
    };
    let resource = |kind: &str, spec: &str| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: a }}\nspec: {{ targetSelector: {{}}, {spec} }}\n---\n"
        )
    };
    let window = "window: { cron: 0 22 * * sat, timeZone: UTC, duration: 4h }";
    [
        target("olive", "{ site: tokyo }"),
        target("plum", "{ site: osaka }"),
        resource("Toy", &format!("label: x, {window}")),
        resource("Store", "shelf: {}, keep: 1"),
    ]
    .concat()
}

fn with(spec: &str) -> Loaded {
    load_text(format!("{}{}", site(), maintenance(spec)))
}

const NIGHT: &str = "calendar: \"22:00\"\ntimeZone: Asia/Tokyo\nduration: 4h";

/// How many windows each instance has.
fn counts(loaded: &Loaded) -> Vec<(&str, &str, usize)> {
    let count = |instance: &'_ crate::plan::Instance| instance.windows.len();
    let all = loaded.instances.iter();
    all.map(|one| (one.id.target.as_str(), one.id.kind.as_str(), count(one))).collect()
}

#[test]
fn it_is_for_what_it_selects_beside_what_a_resource_says_itself() {
    for (more, expected) in [
        ("", [2, 2, 1, 1]),
        ("targetSelector: {}", [2, 2, 1, 1]),
        ("targetSelector: { matchLabels: { site: tokyo } }", [2, 1, 1, 0]),
        (
            "targetSelector: { matchExpressions: [{ key: site, operator: NotIn, values: [tokyo] }] }",
            [1, 2, 0, 1],
        ),
        ("kinds: [Store]", [1, 1, 1, 1]),
        ("kinds: [Toy]", [2, 2, 0, 0]),
        ("kinds: [Toy, Store]\ntargetSelector: { matchLabels: { site: osaka } }", [1, 2, 0, 1]),
    ] {
        let loaded = with(&format!("{NIGHT}\n{more}"));
        assert_eq!(lines(&loaded), Vec::<String>::new(), "{more}");
        let [a, b, c, d] = expected;
        assert_eq!(
            counts(&loaded),
            [("olive", "Toy", a), ("plum", "Toy", b), ("olive", "Store", c), ("plum", "Store", d)],
            "{more}"
        );
        let windows = |target: &str, kind: &str| -> Vec<Window> {
            loaded.maintenance.windows(&loaded.targets[target], kind)
        };
        assert_eq!((windows("olive", "Store").len(), windows("plum", "Store").len()), (c, d), "{more}");
        assert_eq!(loaded.resources, 2, "it is no resource");
    }
}

#[test]
fn it_may_stand_before_what_it_is_for_and_in_another_file() {
    let files = [file("a.yaml", maintenance(NIGHT)), file("b.yaml", site())];
    let loaded = load_files(&files, &[]);
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(counts(&loaded)[2], ("olive", "Store", 1));
}

#[test]
fn what_is_wrong_with_it_is_said_where_it_stands() {
    for (spec, place, expected) in [
        (
            "calendar: \"22:00\"\ntimeZone: Asia/Tokio\nduration: 4h",
            "6:13",
            "error: the time zone `Asia/Tokio` is not known (did you mean `Asia/Tokyo`?)",
        ),
        ("calendar: \"22:00\"\nduration: 4h", "5:3", "error: the field `timeZone` is missing"),
        ("timeZone: UTC\nduration: 4h", "5:3", "error: the window does not say when it opens (give one of"),
        (
            "cron: 0 22 * * *\nevery: 1d\ntimeZone: UTC\nduration: 4h",
            "5:3",
            "error: the window says more than once when it opens (keep one of `every`, `cron` and `calendar`; several windows are several manifests)",
        ),
        ("cron: 0 22 30 2 *\ntimeZone: UTC\nduration: 4h", "5:9", "error: there is no such day"),
        ("cron: 0 22 * * *\ntimeZone: UTC\nduration: 0h", "7:13", "error: the window would never be open"),
        (
            "effect: Forbid\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:11",
            "error: unknown value `Forbid` (it can be one of: `Allow`, `Deny`)",
        ),
        (
            "kinds: [Toys]\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:11",
            "error: there is no kind of resource `Toys`, did you mean `Toy`? (the kinds are: `Store`, `Toy`)",
        ),
        (
            "targetSelector: { matchLabels: { site: kyoto } }\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:3",
            "warning: no target has these labels, so this window is for nothing (label a target like this, or change the selector)",
        ),
        (
            "targetSelector: { matchExpressions: [{ key: site, operator: In }] }\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:63",
            "error: this operator wants `values`",
        ),
        (
            "calendar: 2026-11-01 22:00\ntimeZone: UTC\nduration: 4h",
            "5:13",
            "warning: this window never opens again: what it is for is held for good",
        ),
        (
            "reason: \"a\\nb\"\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:11",
            "error: `reason` is one line of at most 500 characters",
        ),
        (
            "windows: 1\ncron: 0 22 * * *\ntimeZone: UTC\nduration: 4h",
            "5:3",
            "error: unknown field `windows`",
        ),
    ] {
        let loaded = load_files(&[file("f.yaml", maintenance(spec)), file("s.yaml", site())], &[]);
        let found = lines(&loaded);
        assert_eq!(found.len(), 1, "{spec}: {found:#?}");
        let start = format!("f.yaml:{place}: {expected}");
        assert!(found[0].starts_with(&start), "{spec}\n found {}\n want  {start}", found[0]);
    }
}

#[test]
fn a_freeze_that_is_over_is_no_problem() {
    let loaded = with("effect: Deny\ncalendar: 2025-12-24 00:00\ntimeZone: UTC\nduration: 10d");
    assert_eq!(lines(&loaded), Vec::<String>::new());
}

#[test]
fn two_of_one_name_name_both_places() {
    let text = maintenance(NIGHT);
    let loaded = load_files(&[file("f.yaml", format!("{text}---\n{text}")), file("s.yaml", site())], &[]);
    assert_eq!(
        lines(&loaded),
        [
            "f.yaml:11:19: error: there are two maintenance windows `night` (the first one is at f.yaml:1:1: rename one of them)"
        ]
    );
}
