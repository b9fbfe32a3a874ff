//! Files encrypted with age, by the `age` program.

use std::process::{Command, Stdio};

use super::*;

const MISSING: &str = "age is missing: apt-get install age";

/// A new identity with mode 0600, and its recipient.
fn identity(folder: &Folder, name: &str) -> String {
    let made = Command::new("age-keygen").output().expect(MISSING);
    assert!(made.status.success());
    let text = String::from_utf8(made.stdout).unwrap();
    folder.write(name, 0o600, &text);
    text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
}

fn encrypt(arguments: &[&str], text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("age")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(MISSING);
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn spec() -> Value {
    json!({ "age": { "path": "c.age", "identity": "id" } })
}

#[test]
fn armoured_and_binary_files_yaml_and_json() {
    let folder = Folder::new();
    let recipient = identity(&folder, "id");
    let credentials = folder.credentials(&spec());
    let yaml =
        "# for olive\npassword: canary-age\nprivateKey: |\n  line\n  line\nnothing: ~\nlist: [canary]\n";
    for armour in [&["-a"][..], &[]] {
        let arguments: Vec<&str> = armour.iter().copied().chain(["-r", &recipient]).collect();
        folder.write("c.age", 0o644, encrypt(&arguments, yaml));
        assert_eq!(found(&credentials, "password").unwrap(), "canary-age");
        assert_eq!(found(&credentials, "privateKey").unwrap(), "line\nline\n");
        assert_eq!((found(&credentials, "nothing"), found(&credentials, "token")), (None, None));
        // A file that changed is read again.
        folder.write("c.age", 0o644, encrypt(&arguments, r#"{"password": "canary-other"}"#));
        assert_eq!(found(&credentials, "password").unwrap(), "canary-other");
    }
}

#[test]
fn a_file_of_a_commit_is_opened_with_the_controllers_identity() {
    let folder = Folder::new();
    let recipient = identity(&folder, "id");
    let bytes = encrypt(&["-r", &recipient], "password: canary-commit\n");
    let file = evenkeel_core::manifest::SourceFile { path: "sites/teppi/secrets/c.age".into(), bytes };
    let base = Base::Attachments { folder: "sites/teppi".into(), files: [file].into() };
    let mut settings = settings();
    settings.age_identity = Some(folder.path("id"));
    let credentials = SecretCredentials::new(vec![], settings);
    let declare = |path: &str| {
        let secret = named("c", &json!({ "age": { "path": path } }), base.clone(), false);
        credentials.set_source("infra", vec![secret]);
    };
    declare("secrets/c.age");
    assert_eq!(found(&credentials, "password").unwrap(), "canary-commit");
    declare("c.age");
    says(&error(&credentials, "password"), &["no file `sites/teppi/c.age`", "committed"]);
    declare("../../../etc/passwd");
    says(&error(&credentials, "password"), &["leads out of the repository"]);
}

#[test]
fn identities_that_cannot_be_used() {
    let folder = Folder::new();
    let recipient = identity(&folder, "id");
    folder.write("c.age", 0o644, encrypt(&["-r", &recipient], "password: canary-age\n"));
    let credentials = folder.credentials(&spec());
    let good = std::fs::read_to_string(folder.path("id")).unwrap();
    folder.write("id", 0o604, &good);
    says(&error(&credentials, "password"), &["0604", "chmod 600"]);
    folder.write("id", 0o600, "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n");
    says(&error(&credentials, "password"), &["SSH and PEM keys"]);
    folder.write("id", 0o600, "# comment\ncanary\n");
    says(&error(&credentials, "password"), &["line 2 is no X25519 identity"]);
    folder.write("id", 0o600, "# comment\n");
    says(&error(&credentials, "password"), &["holds no identity"]);
    folder.write(
        "id",
        0o600,
        "-----BEGIN AGE ENCRYPTED FILE-----\ncanary\n-----END AGE ENCRYPTED FILE-----\n",
    );
    says(&error(&credentials, "password"), &["passphrase", "age -d"]);
    let other = identity(&folder, "id");
    says(&error(&credentials, "password"), &["no identity in", &other]);
    std::fs::remove_file(folder.path("id")).unwrap();
    says(&error(&credentials, "password"), &["no age identity file", "age-keygen"]);
    let none = folder.credentials(&json!({ "age": { "path": "c.age" } }));
    says(&error(&none, "password"), &["no age identity", "ageIdentity"]);
    // Several identities in one file, as after a change of keys; and the error is over as soon as its cause is.
    folder.write(
        "id",
        0o600,
        format!("{}{good}", {
            identity(&folder, "second");
            std::fs::read_to_string(folder.path("second")).unwrap()
        }),
    );
    assert_eq!(found(&credentials, "password").unwrap(), "canary-age");
}

#[test]
fn files_that_cannot_be_used() {
    let folder = Folder::new();
    let recipient = identity(&folder, "id");
    let credentials = folder.credentials(&spec());
    says(&error(&credentials, "password"), &["c.age", "No such file"]);
    let to_us = |text: &str| folder.write("c.age", 0o644, encrypt(&["-a", "-r", &recipient], text));
    folder.write("c.age", 0o644, "password: canary\n");
    says(&error(&credentials, "password"), &["not a file of age", "age -a -r"]);
    to_us("- canary\n- canary\n");
    says(&error(&credentials, "password"), &["not a mapping", "`key: value`"]);
    to_us("password: 'canary\n");
    says(&error(&credentials, "password"), &["not YAML"]);
    to_us("password: canary-longer-than-the-rest\n");
    let whole = std::fs::read_to_string(folder.path("c.age")).unwrap();
    folder.write("c.age", 0o644, whole.replace("-----END AGE ENCRYPTED FILE-----\n", ""));
    says(&error(&credentials, "password"), &["damaged"]);
    let binary = encrypt(&["-r", &recipient], "password: canary-cut\n");
    folder.write("c.age", 0o644, &binary[..binary.len() - 3]);
    says(&error(&credentials, "password"), &["damaged"]);
}

#[test]
fn a_file_with_a_passphrase_is_refused() {
    let folder = Folder::new();
    let recipient = identity(&folder, "id");
    // The program asks a terminal for a passphrase, so this one is made by the library.
    let passphrase = ::age::secrecy::SecretString::from("canary");
    let mut recipient_of_words = ::age::scrypt::Recipient::new(passphrase);
    recipient_of_words.set_work_factor(2);
    let bytes = ::age::encrypt(&recipient_of_words, b"password: canary").unwrap();
    folder.write("c.age", 0o644, bytes);
    says(&error(&folder.credentials(&spec()), "password"), &["passphrase", &recipient]);
}
