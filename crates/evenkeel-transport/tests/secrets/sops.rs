//! Files encrypted with SOPS; see `tests/sops/README.md` for where they are from.

use super::*;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("id", 0o600, fixture("sops/identity.txt"));
    folder
}

fn of(folder: &Folder, at: &str) -> SecretCredentials {
    let at = if at.is_empty() { Value::Null } else { at.into() };
    folder.credentials(&json!({ "sops": { "path": "c.yaml", "identity": "id", "at": at } }))
}

fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

#[test]
fn values_of_every_type_are_found() {
    let folder = folder();
    for name in ["sops/secrets.yaml", "sops/secrets.json"] {
        folder.write("c.yaml", 0o644, fixture(name));
        let all = of(&folder, "");
        let value = |key: &str| found(&all, key);
        assert_eq!(value("password").unwrap(), "canary-sops-password", "{name}");
        assert_eq!(value("privateKey").unwrap(), "-----BEGIN KEY-----\ncanary-sops-key\n-----END KEY-----\n");
        let others =
            [("port", "8022"), ("wanted", "True"), ("ratio", "1.5"), ("note_unencrypted", "readable")];
        for (key, expected) in others {
            assert_eq!(value(key).unwrap(), expected, "{name}");
        }
        assert_eq!((value("hosts"), value("sops"), value("token")), (None, None, None));
        assert_eq!(found(&of(&folder, "hosts.olive"), "password").unwrap(), "canary-sops-olive");
        says(&error(&of(&folder, "hosts.kiwi"), "password"), &["`hosts.kiwi`", "no `kiwi`"]);
        says(&error(&of(&folder, "password"), "password"), &["not a mapping"]);
    }
    folder.write("c.yaml", 0o644, fixture("sops/only_encrypted.yaml"));
    assert_eq!(found(&of(&folder, ""), "password").unwrap(), "canary-sops-only");
}

/// The encrypted value of a line.
fn sealed<'t>(text: &'t str, line: &str) -> &'t str {
    text.lines().find_map(|found| found.trim().strip_prefix(line)).unwrap().trim()
}

#[test]
fn whatever_was_changed_is_noticed() {
    let folder = folder();
    let good = text("sops/secrets.yaml");
    let (password, key) = (sealed(&good, "password:"), sealed(&good, "privateKey:"));
    let olive = good.rsplit("password: ").next().unwrap().lines().next().unwrap();
    let date = sealed(&good, "lastmodified:");
    let changes = [
        ("a value in the clear", good.replace("readable", "changed"), "not those that were encrypted"),
        (
            "a number in the clear",
            good.replace("_unencrypted: 3", "_unencrypted: 4"),
            "not those that were encrypted",
        ),
        (
            "a value taken out",
            good.replace(&format!("password: {password}\n"), ""),
            "not those that were encrypted",
        ),
        ("a value of another place", good.replacen(password, key, 1), "`password`"),
        ("a value from deeper down", good.replacen(password, olive, 1), "`password`"),
        (
            "a value put in place of a secret",
            good.replacen(password, "mine", 1),
            "not those that were encrypted",
        ),
        ("a value put in", format!("more: x\n{good}"), "not those that were encrypted"),
        ("the date", good.replace(date, "'2020-01-01T00:00:00Z'"), "code was changed"),
        ("no code", good.replace("  mac:", "  mac_:"), "no message authentication code"),
        ("a broken value", good.replacen("data:", "data:AAAA", 1), "`password`"),
    ];
    for (what, text, why) in changes {
        assert_ne!(text, good, "{what}");
        folder.write("c.yaml", 0o644, &text);
        says(&error(&of(&folder, ""), "password"), &["c.yaml cannot be decrypted", why]);
    }
}

#[test]
fn what_cannot_be_opened_is_told() {
    let folder = folder();
    let good = text("sops/secrets.yaml");
    let check = |text: String, parts: &[&str]| {
        folder.write("c.yaml", 0o644, text);
        says(&error(&of(&folder, ""), "password"), parts);
    };
    check("password: canary\n".into(), &["no `sops` part", "sops encrypt"]);
    check("- canary\n".into(), &["not a mapping"]);
    check("a: 'canary".into(), &["not YAML"]);
    check(good.replace("  age:\n", "  none:\n"), &["any recipient of age", "--add-age"]);
    check(good.replace("  kms: []\n", "  key_groups:\n  - age: []\n"), &["several groups of keys"]);
    check(good.replace("YWdl", "AAAA"), &["the data key of c.yaml", "damaged"]);
    folder.write("c.yaml", 0o644, &good);
    folder.write("id", 0o600, "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n");
    says(&error(&of(&folder, ""), "password"), &["no identity in", "opens it"]);
}
