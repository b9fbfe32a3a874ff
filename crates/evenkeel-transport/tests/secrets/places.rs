//! Variables and files of this machine; names, sources and what a repository may not do.

use std::sync::Arc;

use evenkeel_transport::credentials::EnvironmentCredentials;

use super::*;

#[test]
fn variables_and_files() {
    let folder = Folder::new();
    folder.write("pw", 0o600, "canary-file\n");
    let env = folder.credentials(&json!({ "env": { "password": "CANARY", "other": "NOT_SET" } }));
    assert_eq!(found(&env, "password").unwrap(), "canary-env");
    assert_eq!(found(&env, "privateKey"), None);
    says(&error(&env, "other"), &["NOT_SET"]);

    let file = folder.credentials(&json!({ "file": { "password": "pw", "token": "gone" } }));
    assert_eq!(found(&file, "password").unwrap(), "canary-file");
    assert_eq!(found(&file, "privateKey"), None);
    says(&error(&file, "token"), &["gone"]);
    folder.write("pw", 0o640, "canary-file\n");
    says(&error(&file, "password"), &["0640", "chmod 600"]);
    folder.write("pw", 0o600, "canary-changed");
    assert_eq!(found(&file, "password").unwrap(), "canary-changed");
}

#[test]
fn exactly_one_place_is_given() {
    let folder = Folder::new();
    says(&error(&folder.credentials(&json!({})), "password"), &["none of", "exactly one"]);
    let two = json!({ "env": { "password": "CANARY" }, "age": { "path": "a.age" } });
    says(&error(&folder.credentials(&two), "password"), &["`env`, `age`", "exactly one"]);
}

#[test]
fn a_repository_reads_and_runs_nothing_of_this_machine() {
    let folder = Folder::new();
    let mark = folder.path("mark");
    let specs = [
        json!({ "env": { "password": "CANARY" } }),
        json!({ "file": { "password": folder.write("pw", 0o600, "canary-file") } }),
        json!({ "command": { "password": ["touch", mark] } }),
    ];
    for spec in specs {
        let base = Base::Attachments { folder: String::new(), files: [].into() };
        let secret = named("c", &spec, base, false);
        assert!(secret.check().is_err());
        let credentials = SecretCredentials::new(vec![], settings());
        credentials.set_source("infra", vec![secret]);
        says(&error(&credentials, "password"), &["not taken from a repository", "`age`, `sops` or `vault`"]);
    }
    assert!(!mark.exists());
}

#[test]
fn sources_come_and_go_and_the_configuration_comes_first() {
    let folder = Folder::new();
    let from = |file: &str, text: &str| {
        folder.write(file, 0o600, text);
        folder.secret(&json!({ "file": { "password": file } }))
    };
    let credentials = SecretCredentials::new(vec![], settings());
    assert_eq!(found(&credentials, "password"), None);
    credentials.set_source("one", vec![from("a", "first")]);
    assert_eq!(found(&credentials, "password").unwrap(), "first");
    credentials.set_source("two", vec![from("b", "second")]);
    let message = credentials.find(&reference("c", "password")).unwrap_err();
    says(&message, &["`one`", "`two`", "more than once"]);
    credentials.set_source("one", vec![]);
    assert_eq!(found(&credentials, "password").unwrap(), "second");
    let own = SecretCredentials::new(vec![from("c", "own")], settings());
    own.set_source("two", vec![from("b", "second")]);
    assert_eq!(found(&own, "password").unwrap(), "own");
}

#[test]
fn a_repository_does_not_replace_what_the_machine_has() {
    let variable = ("EVENKEEL_CRED_C_TOKEN".to_owned(), "ours".to_owned());
    let mut settings = SecretSettings::new([]);
    settings.others = Some(Arc::new(EnvironmentCredentials::new([variable])));
    settings.age_identity = Some("nowhere".into());
    let credentials = SecretCredentials::new(vec![], settings);
    let base = || Base::Attachments { folder: String::new(), files: [].into() };
    let secret = |spec: Value| vec![named("c", &spec, base(), false)];
    credentials.set_source("infra", secret(json!({ "age": { "path": "c.age" } })));
    assert_eq!(found(&credentials, "token").unwrap(), "ours");
    says(&error(&credentials, "password"), &["no file `c.age`"]);
    credentials.set_source("infra", secret(json!({ "age": { "path": "c.age", "identity": "/etc/shadow" } })));
    says(&error(&credentials, "password"), &["`identity` is not taken from a repository", "ageIdentity"]);
}

#[test]
fn a_missing_key_is_told_with_its_place() {
    let folder = Folder::new();
    let credentials = folder.credentials(&json!({ "age": { "path": "secrets/c.age" } }));
    assert!(
        credentials
            .whereabouts(&reference("c", "token"))
            .contains("`token` to the encrypted file secrets/c.age")
    );
    let message = credentials.get(&reference("nobody", "token")).unwrap_err();
    says(&message, &["`nobody` has no `token`", "declare a Secret `nobody`"]);
}
