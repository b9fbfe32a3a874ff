//! Bad input and the exact words about it.

use super::*;

/// Problems of a Toy's spec, their lines counted from the spec's first.
fn spec_problems(spec: &str) -> Vec<String> {
    let loaded = load_text(toy_text(spec));
    let problems = loaded.diagnostics.iter().map(|d| {
        let place = d.location.as_ref().unwrap();
        let hint = d.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{}:{} {}{hint}", place.line + 1 - SPEC_LINE, place.column, d.message)
    });
    problems.collect()
}

#[test]
fn a_good_manifest_has_no_problems() {
    let loaded = load_text(toy_text("target: t\nlabel: x\nproperties: { a: off, b: 0755 }\ncount: 3\n"));
    assert_eq!(lines(&loaded), Vec::<String>::new());
    assert_eq!(loaded.instances.len(), 1);
    assert_eq!(loaded.instances[0].id.to_string(), "Toy/a on t");
    assert_eq!(loaded.instances[0].object, "x");
    assert_eq!(loaded.instances[0].location.line, 6 + 1);
    assert_eq!(loaded.instances[0].node.locate(&["properties".into(), "b".into()]).line, SPEC_LINE + 2);
}

/// Every spec has exactly this problem; its hint may be left out.
fn check_each(cases: &[(&str, &str)]) {
    for (spec, expected) in cases {
        let found = spec_problems(spec);
        let fits = found.first().is_some_and(|f| f == expected || f.starts_with(&format!("{expected} (")));
        assert!(found.len() == 1 && fits, "{spec}\n found {found:#?}\n  want {expected}");
    }
}

#[test]
fn wrong_numbers_and_booleans() {
    check_each(&[
        ("target: t\nlabel: x\ncount: abc", "3:10 expected a whole number, found the text \"abc\""),
        (
            "target: t\nlabel: x\ncount: \"5\"",
            "3:10 expected a whole number, found the text \"5\" (write it without quotes)",
        ),
        (
            "target: t\nlabel: x\ncount: 70000",
            "3:10 expected a whole number from 0 to 65535, found the number 70000",
        ),
        (
            "target: t\nlabel: x\ncount: -1",
            "3:10 expected a whole number from 0 to 65535, found the number -1",
        ),
        (
            "target: t\nlabel: x\ncount: 0755",
            "3:10 expected a whole number, found the text \"0755\" (write it without the leading zero, or as 0o… if it is octal)",
        ),
        ("target: t\nlabel: x\ncount: 1.5", "3:10 expected a whole number, found the number 1.5"),
        ("target: t\nlabel: x\ncount: [1]", "3:10 expected a whole number, found a list"),
        (
            "target: t\nlabel: x\nfragile: on",
            "3:12 expected true or false, found the text \"on\" (write true or false)",
        ),
        (
            "target: t\nlabel: x\nfragile: 'true'",
            "3:12 expected true or false, found the text \"true\" (write it without quotes)",
        ),
        ("target: t\nlabel: x\nweight: heavy", "3:11 expected a number, found the text \"heavy\""),
    ]);
}

#[test]
fn wrong_fields_and_forms() {
    check_each(&[
        ("target: t\nlabel: x\ncuont: 3", "3:3 unknown field `cuont`, did you mean `count`?"),
        ("taget: t\nlabel: x", "1:3 unknown field `taget`, did you mean `target`?"),
        (
            "target: t\nlabel: x\nsize: smal",
            "3:9 unknown value `smal`, did you mean `small`? (it can be one of: `custom`, `large`, `small`)",
        ),
        (
            "target: t\nlabel: x\nsize: custom",
            "3:9 `custom` wants more than its name (write it as a mapping: `name: …`)",
        ),
        ("target: t\nlabel: x\nsize: { small: 3 }", "3:18 `small` stands alone, without fields"),
        (
            "target: t\nlabel: x\nsize: { custom: { width: x } }",
            "3:28 expected a whole number, found the text \"x\"",
        ),
        (
            "target: t\nlabel: x\nsize: { custom: { widht: 1, width: 2 } }",
            "3:21 unknown field `widht`, did you mean `width`? (the fields here are: `width`)",
        ),
        ("target: t\nlabel: x\nsize: [small]", "3:9 expected one of small, large, custom, found a list"),
        (
            "target: t\nlabel: x\nitems: { name: a }",
            "3:10 expected a list, found a mapping (write `- ` before each item)",
        ),
        (
            "target: t\nlabel: x\nitems:\n- a",
            "4:5 expected a mapping of fields, found the text \"a\" (write `name: value`, with a space after the `:`)",
        ),
        ("target: t\nlabel: x\nitems:\n- name: a", "4:5 the field `number` is missing"),
        (
            "target: t\nlabel: x\nproperties: 3",
            "3:15 expected a mapping, found the number 3 (write `name: value`, with a space after the `:`)",
        ),
        ("target: t\nlabel: x\nproperties: { a: [1] }", "3:20 expected text, found a list"),
        (
            "target: t\nlabel: x\nproperties: { a: ~ }",
            "3:20 expected text, found nothing (null) (put it in quotes if the word itself is meant)",
        ),
        (
            "target: t\nlabel: x\nproperties:\n  a:\n  b: 1",
            "4:5 expected text, found nothing (null) (write \"\" for an empty text, or take the field away)",
        ),
        ("target: t\ncount: 1", "1:3 the field `label` is missing"),
        ("target: t\nlabel: x\nproperties: { a: bad }", "3:20 bad is bad (be good)"),
        (
            "target: t\nlabel: x\nsuspend: yes",
            "3:12 expected true or false, found the text \"yes\" (write true or false)",
        ),
        (
            "target: t\nlabel: x\ninterval: 0s",
            "3:13 `interval` must be at least 1s (every look reads the target; take it away for what the source says)",
        ),
        (
            "target: t\nlabel: x\ninterval: often",
            "3:13 expected a time span such as 30s, 5m, 1h30m or 2d, found \"often\"",
        ),
        (
            "target: t\nlabel: x\ndrift: { ignored: [a] }",
            "3:12 unknown field `ignored`, did you mean `ignore`?",
        ),
    ]);
}

#[test]
fn all_problems_are_found_at_once() {
    let found = spec_problems(
        "target: t\nlabe: x\ncount: abc\nfragile: maybe\nsize: huge\nitems:\n- name: a\n- name: [b]\n  number: 300\n  x: 1\n- 3\n- {}\nproperties: { a: bad, b: {} }\naccept: { dataLoss: { of: a } }",
    );
    let places: Vec<&str> = found.iter().map(|f| f.split(" (").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "2:3 unknown field `labe`, did you mean `label`?",
            "3:10 expected a whole number, found the text \"abc\"",
            "4:12 expected true or false, found the text \"maybe\"",
            "5:9 unknown value `huge`",
            "7:5 the field `number` is missing",
            "8:11 expected text, found a list",
            "9:13 expected a whole number from 0 to 255, found the number 300",
            "10:5 unknown field `x`",
            "11:5 expected a mapping of fields, found the number 3",
            "12:5 the field `name` is missing",
            "12:5 the field `number` is missing",
            "13:28 expected text, found a mapping",
            "14:23 the field `reason` is missing",
            "14:23 the field `until` is missing",
        ]
    );
}

#[test]
fn a_hundred_problems_in_one_document_are_a_hundred() {
    let wrong: String = (0..100).map(|n| format!("  p{n}: []\n")).collect();
    assert_eq!(spec_problems(&format!("target: t\nlabel: x\nproperties:\n{wrong}")).len(), 100);
}

#[test]
fn the_head_of_a_manifest() {
    for (text, expected) in [
        (
            "kind: Toy\nmetadata: { name: a }\nspec: {}\n",
            "f.yaml:1:1: error: the field `apiVersion` is missing (write `apiVersion: evenkeel.dev/v1alpha1`)",
        ),
        (
            "apiVersion: v1\nkind: Pod\n",
            "f.yaml:1:13: error: apiVersion `v1` is not known (write `apiVersion: evenkeel.dev/v1alpha1`; files with values are given by --values)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Toi\nmetadata: { name: a }\nspec: {}\n",
            "f.yaml:2:7: error: unknown kind `Toi`, did you mean `Toy`? (the kinds are: `MaintenanceWindow`, `Secret`, `Store`, `Target`, `Toy`)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: target\nmetadata: { name: a }\nspec: {}\n",
            "f.yaml:2:7: error: unknown kind `target`, did you mean `Target`? (the kinds are: `MaintenanceWindow`, `Secret`, `Store`, `Target`, `Toy`)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a }\nspec: { local: {} }\nstatus: {}\n",
            "f.yaml:5:1: error: unknown field `status` (a manifest has `apiVersion`, `kind`, `metadata` and `spec`; what belongs to one of them is indented below it)",
        ),
        (
            "- a\n- b\n",
            "f.yaml:1:1: error: a manifest is a mapping (write apiVersion, kind, metadata and spec)",
        ),
        (
            "just text\n",
            "f.yaml:1:1: error: a manifest is a mapping (write apiVersion, kind, metadata and spec)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a b }\nspec: { local: {} }\n",
            "f.yaml:3:19: error: `a b` is not a name (use at most 253 of the letters a-z and A-Z, digits, `.`, `_` and `-`; begin and end with a letter or digit)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a, labels: { a b: c } }\nspec: { local: {} }\n",
            "f.yaml:3:32: error: `a b` is not a label key (use letters, digits, `.`, `_`, `-`, in keys also `/`)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a }\nspec: {}\n",
            "f.yaml:4:7: error: the target does not say how it is reached (write `ssh: { host: … }` or `local: {}`, for a store of files one of `ftp`, `sftp`, `s3`, `azblob`, `webdav`, or for an interface `proxmox`, `incus` or `vsphere`)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a }\nspec: { local: {}, ssh: { host: h } }\n",
            "f.yaml:4:20: error: a target is reached in one way, and there are `local` and `ssh` (take one of them away)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a }\nspec: { ssh: { host: -oProxyCommand=x } }\n",
            "f.yaml:4:22: error: `-oProxyCommand=x` cannot be a host name (write it without blanks and signs, and without a `-` in front)",
        ),
        (
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: a }\nspec: { ssh: { host: h, connectTimeoutSeconds: 0 } }\n",
            "f.yaml:4:48: error: `connectTimeoutSeconds` must be at least 1 (take it away for the default)",
        ),
    ] {
        assert_eq!(lines(&load_text(text)), [expected], "{text}");
    }
}

#[test]
fn an_empty_head_names_all_that_is_missing() {
    let found = lines(&load_text("metadata: {}\n"));
    assert_eq!(
        found.iter().map(|l| l.split(" (").next().unwrap()).collect::<Vec<_>>(),
        [
            "f.yaml:1:1: error: the field `apiVersion` is missing",
            "f.yaml:1:1: error: the field `kind` is missing",
            "f.yaml:1:1: error: the field `spec` is missing",
            "f.yaml:1:11: error: the field `name` is missing",
        ]
    );
}

#[test]
fn which_target() {
    for (spec, expected) in [
        (
            "label: x",
            "1:3 the resource does not say on which target it is (write `target: NAME`, or `targetSelector` to choose targets by their labels)",
        ),
        (
            "target: t\ntargetSelector: {}\nlabel: x",
            "2:3 `target` and `targetSelector` exclude each other (take one of them away)",
        ),
        ("target: tt\nlabel: x", "1:11 there is no target `tt`, did you mean `t`? (the targets are: `t`)"),
        ("target: [t]\nlabel: x", "1:11 expected text, found a list (write a single value)"),
        (
            "targetSelector: { matchLables: {} }\nlabel: x",
            "1:21 unknown field `matchLables`, did you mean `matchLabels`? (the fields here are: `matchExpressions`, `matchLabels`)",
        ),
        (
            "targetSelector: { matchExpressions: [{ key: a, operator: in, values: [b] }] }\nlabel: x",
            "1:60 unknown value `in`, did you mean `In`? (it can be one of: `DoesNotExist`, `Exists`, `In`, `NotIn`)",
        ),
        (
            "targetSelector: { matchExpressions: [{ key: a, operator: In }] }\nlabel: x",
            "1:60 this operator wants `values` (`In` and `NotIn` compare with `values`, `Exists` and `DoesNotExist` do not)",
        ),
        (
            "targetSelector: { matchLabels: { a: b } }\nlabel: x",
            "1:3 no target has these labels, so this does nothing (label a target like this, or change the selector)",
        ),
    ] {
        assert_eq!(spec_problems(spec), [expected], "{spec}");
    }
}

#[test]
fn acceptances() {
    let accept =
        |inner: &str| spec_problems(&format!("target: t\nlabel: x\naccept: {{ dataLoss: {inner} }}"));
    assert_eq!(accept("{ of: sync=disabled, reason: builds, until: 2027-03-31 }"), Vec::<String>::new());
    assert_eq!(accept("[{ of: a=b, reason: r, until: 2027-01-01 }]"), Vec::<String>::new());
    assert_eq!(
        accept("{ of: sync=disabled, reason: '', until: 2027-03-31 }"),
        ["3:52 an acceptance wants its `reason` (say why the risk is right here)"]
    );
    assert_eq!(
        accept("{ of: sync=disabled, reason: r, until: 2026-11-19 }"),
        ["3:62 the acceptance of sync=disabled ended on 2026-11-19 (renew it, or take the setting back)"]
    );
    let missing = accept("{ of: sync=disabled, until: 2027-03-31 }");
    assert_eq!(missing, ["3:23 the field `reason` is missing (add `reason: …` here)"]);
    let date = accept("{ of: a, reason: r, until: tomorrow }");
    assert_eq!(date, ["3:50 expected a day such as 2027-03-31, found \"tomorrow\""]);
    let typo = accept("{ of: a, reason: r, untill: 2027-03-31, until: 2027-03-31 }");
    assert!(typo[0].contains("did you mean `until`?"), "{typo:?}");
}

#[test]
fn duplicates_name_both_places() {
    let twice = format!("{TARGET}---\n{TARGET}");
    assert_eq!(
        lines(&load_text(twice)),
        [
            "f.yaml:10:9: error: there are two targets `t` (the first one is at f.yaml:1:1: rename one of them)"
        ]
    );
    let text = toy_text("target: t\nlabel: x\n");
    let again = text.split_once("---\n").unwrap().1.replace("label: x", "label: y");
    let files = [file("a.yaml", &text), file("b.yaml", &again)];
    assert_eq!(
        lines(&load_files(&files, &[])),
        [
            "b.yaml:3:19: error: there are two resources Toy/a (the first one is at a.yaml:7:1: rename one of them)"
        ]
    );
    assert_eq!(
        spec_problems("target: t\nlabel: x\nproperties:\n  a: 1\n  b: 2\n  a: 3\nlabel: y"),
        [
            "6:5 the key `a` is written twice in this mapping (it was first written in line 14: take one of them away)",
            "7:3 the key `label` is written twice in this mapping (it was first written in line 12: take one of them away)",
        ]
    );
}

#[test]
fn unions_want_exactly_one_key() {
    let store = |spec: &str| {
        let text = format!(
            "{TARGET}---\napiVersion: evenkeel.dev/v1alpha1\nkind: Store\nmetadata: {{ name: s }}\nspec: {spec}\n"
        );
        lines(&load_text(text))
    };
    assert_eq!(store("{ target: t, keep: 1, shelf: { a: b } }"), Vec::<String>::new());
    assert_eq!(
        store("{ target: t, keep: 1 }"),
        [
            "f.yaml:10:7: error: a Store wants exactly one of `barrel`, `shelf` (add one of them below `spec:`)"
        ]
    );
    assert_eq!(
        store("{ target: t, keep: 1, shelv: {} }"),
        [
            "f.yaml:10:7: error: a Store wants exactly one of `barrel`, `shelf`, did you mean `shelf`? (add one of them below `spec:`)"
        ]
    );
    assert_eq!(
        store("{ target: t, keep: 1, shelf: {}, barrel: {} }"),
        [
            "f.yaml:10:40: error: `barrel` stands beside `shelf`: a Store wants exactly one of `barrel`, `shelf` (take one of them away)"
        ]
    );
    assert_eq!(
        store("{ target: t, kep: 1, shelf: {} }")[0].split(" (").next().unwrap(),
        "f.yaml:10:20: error: unknown field `kep`, did you mean `keep`?"
    );
}

#[test]
fn syntax_errors_end_one_document_only() {
    let text =
        format!("{TARGET}---\na: [1, 2\n---\na: b: c\n---\nkind: \"x\n---\na:\n\tb: 1\n---\n- &a [*a]\n");
    let found = lines(&load_text(text));
    let expected = [
        "the list is not closed, or a `,` is missing",
        "a `: ` stands where no key can be",
        "the quoted text is not closed",
        "a tab stands where only spaces may",
        "the alias stands within what it stands for",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}\n{expected}");
    }
    let lines_found: Vec<&str> = found.iter().map(|l| l.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines_found, ["7", "9", "11", "14", "16"], "{found:#?}");
}

#[test]
fn yaml_that_is_not_for_manifests() {
    for (text, expected) in [
        ("? [a, b]\n: c\n", "f.yaml:1:3: error: a key must be text, not a list or mapping"),
        (
            "<<: { a: b }\n",
            "f.yaml:1:1: error: merge keys (`<<`) are not part of YAML 1.2 (write the fields out, or use an alias for a whole value)",
        ),
        (": x\n", "f.yaml:1:1: error: a key is missing before `:` (write `name: value`)"),
        ("kind: !Foo x\n", "f.yaml:1:7: error: the tag `!Foo` is not supported (take the tag away)"),
        ("kind: !!binary x\n", "f.yaml:1:7: error: the tag `!!binary` is not supported (take the tag away)"),
        (
            "kind: {{ name }}\n",
            "f.yaml:1:8: error: a key must be text, not a list or mapping (variables are written `${name}`; other braces want quotes)",
        ),
        (
            "kind: *x\n",
            "f.yaml:1:7: error: not valid YAML: the alias has no anchor of that name (write `&name` before the value that it stands for)",
        ),
        (
            "apiVersion: ${x}\nspec: [${a}]\n",
            "f.yaml:2:9: error: not valid YAML: the list is not closed, or a `,` is missing (within [ ] and { } a variable wants quotes: \"${name}\")",
        ),
    ] {
        let found = lines(&load_text(text));
        assert!(found.iter().any(|l| l == expected), "{text}\n{found:#?}\n{expected}");
    }
}

#[test]
fn carets_stand_below_characters_not_bytes() {
    let loaded = load_text(toy_text(
        "target: t\nlabel: \"プール\"\nproperties: { 名前: 値段, ラベル: [誤り] }\ncount: 百",
    ));
    let carets: Vec<String> = loaded.diagnostics.iter().map(caret).collect();
    assert_eq!(
        carets,
        [
            "  properties: { 名前: 値段, ラベル: [誤り] }\n                             ^",
            "  count: 百\n         ^",
        ]
    );
}

#[test]
fn dependencies() {
    let toys = |specs: &[(&str, &str)]| {
        let mut text = TARGET.to_owned();
        for (name, depends) in specs {
            text += &format!(
                "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: {name} }}\nspec: {{ target: t, label: {name}, dependsOn: [{depends}] }}\n"
            );
        }
        load_text(text)
    };
    let good = toys(&[("a", "Toy/b, Toy/c"), ("b", "Toy/c"), ("c", "")]);
    assert_eq!(lines(&good), Vec::<String>::new());
    assert_eq!(good.instances.iter().map(|i| i.level).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(good.instances[0].depends_on, ["Toy/b", "Toy/c"]);
    let words = |loaded: &Loaded| {
        lines(loaded).iter().map(|l| l.split(": ").skip(2).collect::<Vec<_>>().join(": ")).collect::<Vec<_>>()
    };
    assert_eq!(
        words(&toys(&[("a", "Toy/b"), ("b", "Toy/c"), ("c", "Toy/a"), ("d", "Toy/a")])),
        [
            "`dependsOn` goes round in a circle: Toy/a → Toy/b → Toy/c → Toy/a (take one of these dependencies away)"
        ]
    );
    assert_eq!(
        words(&toys(&[("a", "Toy/a"), ("x", "Toy/y"), ("y", "Toy/x")])),
        [
            "`dependsOn` goes round in a circle: Toy/a → Toy/a (take one of these dependencies away)",
            "`dependsOn` goes round in a circle: Toy/x → Toy/y → Toy/x (take one of these dependencies away)",
        ]
    );
    assert_eq!(
        words(&toys(&[("alpha", "Toy/alhpa, zzz, Target/t")])),
        [
            "there is no resource `Toy/alhpa`, did you mean `Toy/alpha`? (add a manifest for it, or take the line away)",
            "`zzz` does not name a resource (write `Kind/name`, for instance `ZfsPool/tank`)",
            "`Target/t` is a target, not a resource (a resource waits for its own target anyway: take the line away)",
        ]
    );
}
