//! The controller's configuration on the command line: what is wrong with it is said before anything starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use evenkeel_tests::evenkeel::Workdir;

const GOOD: &str = "\
apiVersion: evenkeel.dev/v1alpha1
kind: Controller
metadata: { name: main }
spec: {}
---
apiVersion: evenkeel.dev/v1alpha1
kind: GitSource
metadata: { name: site }
spec: { url: 'https://${host}/site.git' }
";

const TARGET: &str = "\
apiVersion: evenkeel.dev/v1alpha1
kind: Target
metadata: { name: here }
spec: { local: {} }
";

fn work() -> Workdir {
    let work = Workdir::new();
    work.write("evenkeel.yaml", GOOD);
    work.write("v.yaml", "host: git.example\n");
    work.write("site/targets.yaml", TARGET);
    work
}

#[test]
fn a_configuration_is_checked_alone_or_with_manifests() {
    let work = work();
    let alone = work.expect(0, &["validate", "--config", "evenkeel.yaml", "--values", "v.yaml"]);
    assert_eq!(alone.stdout, "valid: the configuration in evenkeel.yaml with 1 source and 0 secrets\n");
    let both = work.expect(0, &["validate", "--config", "evenkeel.yaml", "--values", "v.yaml", "site"]);
    assert_eq!(
        both.stdout,
        "valid: the configuration in evenkeel.yaml with 1 source and 0 secrets; 0 resources on 1 target in 1 file\n"
    );
    let json =
        work.expect(0, &["validate", "--config", "evenkeel.yaml", "--values", "v.yaml", "-o", "json"]).json();
    assert_eq!((json["valid"].as_bool(), json["sources"].as_u64()), (Some(true), Some(1)));
    assert!(json["targets"].is_null(), "no manifests were looked at: {json:#}");
}

#[test]
fn what_is_wrong_is_shown_with_its_line() {
    let work = work();
    let bad = GOOD.replace("spec: {}", "spec:\n  http: { listen: '0.0.0.0:80' }\n  limits: { reeding: 3 }");
    work.write("evenkeel.yaml", &bad);
    let args = ["validate", "--config", "evenkeel.yaml", "--values", "v.yaml"];
    let ran = work.expect(1, &args);
    ran.says(&[
        "error: 0.0.0.0:80 can be reached by other machines",
        "--> evenkeel.yaml:5:19",
        "5 |   http: { listen: '0.0.0.0:80' }",
        "hint: write `allowRemote: true` if that is wanted, or listen on 127.0.0.1",
        "error: 0.0.0.0:80 would be served without encryption",
        "error: unknown field `reeding`, did you mean `reading`?",
        "3 errors",
    ]);
    let json = work.expect(1, &[&args[..], &["-o", "json"]].concat()).json();
    assert_eq!((json["valid"].as_bool(), json["diagnostics"].as_array().unwrap().len()), (Some(false), 3));
}

#[test]
fn each_kind_has_its_place() {
    let work = work();
    work.expect(1, &["validate", "evenkeel.yaml", "--values", "v.yaml"]).says(&[
        "a Controller does not stand among manifests",
        "a GitSource does not stand among manifests",
        "`evenkeel validate --config FILE`",
    ]);
    work.expect(1, &["validate", "--config", "site/targets.yaml"]).says(&[
        "`Target` is no kind of the controller's configuration",
        "manifests belong in the repository or folder of a source",
        "the configuration has no Controller",
    ]);
    work.expect(1, &["validate", "--config", "nowhere.yaml"]).says(&["cannot read nowhere.yaml"]);
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let work = work();
    work.write("evenkeel.yaml", &GOOD.replace("https://${host}", "https://me:hunter2@git.example"));
    for output in ["human", "json"] {
        let ran = work.expect(1, &["validate", "--config", "evenkeel.yaml", "-o", output]);
        ran.says(&["the address holds a user name or password"]);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn secrets_in_manifests_are_encrypted_ones() {
    let work = work();
    let secret = |spec: &str| {
        format!("apiVersion: evenkeel.dev/v1alpha1\nkind: Secret\nmetadata: {{ name: s }}\nspec: {spec}\n")
    };
    work.write("site/secret.yaml", &secret("{ age: { path: s.age } }"));
    work.expect(0, &["validate", "site"]);
    work.write("site/secret.yaml", &secret("{ file: { password: /etc/shadow } }"));
    work.expect(1, &["plan", "site"])
        .says(&["`file` is not taken in manifests: whoever can push could read the controller's files"]);
}

#[test]
fn the_kinds_are_explained_and_have_schemas() {
    let work = Workdir::new();
    work.expect(0, &["explain"]).says(&["Secret", "Controller", "GitSource", "DirectorySource"]);
    work.expect(0, &["explain", "GitSource.ref"]).says(&[
        "at most one of these",
        "semver <text>",
        "branch <text>",
    ]);
    work.expect(0, &["explain", "controller.webhooks"])
        .says(&["provider <github | gitlab | gitea | bitbucket | generic>"]);
    work.expect(0, &["explain", "ZfsDataset.drift"])
        .says(&["ignore <list of text>", "mode <Report | Correct>"]);
    work.expect(0, &["schema", "--dir", "s"]);
    for name in ["Controller", "GitSource", "DirectorySource", "Secret", "configuration"] {
        let text = std::fs::read_to_string(work.path().join(format!("s/{name}.json"))).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["$defs"].is_object(), "{name}");
    }
}
