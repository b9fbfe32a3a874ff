//! Secrets and the configuration's kinds among manifests.

use super::*;

fn secret(spec: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Secret\nmetadata: {{ name: olive-ssh }}\nspec: {spec}\n"
    )
}

#[test]
fn what_tells_nothing_to_whoever_can_push_is_taken_with_the_place_that_paths_start_at() {
    for spec in [
        "{ age: { path: ../secrets/olive.age } }",
        "{ sops: { path: hosts.sops.yaml, at: hosts.olive } }",
        "{ vault: { address: 'https://v', path: infra/olive } }",
    ] {
        let loaded = load_files(&[file("site/a.yaml", format!("{TARGET}---\n{}", secret(spec)))], &[]);
        assert_eq!(lines(&loaded), Vec::<String>::new());
        let (_, location) = &loaded.secrets["olive-ssh"];
        assert_eq!(location.to_string(), "site/a.yaml:7:1");
        assert_eq!((loaded.targets.len(), loaded.resources), (1, 0));
    }
}

#[test]
fn what_reads_the_controllers_machine_is_refused() {
    let files = "whoever can push could read the controller's files";
    let hint = "(put the secret in the controller's configuration; in manifests `age`, `sops` and `vault` are taken)";
    let own = "`identity` is not taken in manifests: it names a file of the controller's machine (take it away: the identity is `ageIdentity` of the controller's configuration, or `--age-identity`)";
    for (spec, expected) in [
        ("{ env: { password: HOME } }", format!("4:9: error: `env` is not taken in manifests: {files} {hint}")),
        ("{ file: { password: /etc/shadow } }", format!("4:9: error: `file` is not taken in manifests: {files} {hint}")),
        ("{ command: { password: [id] } }", format!("4:9: error: `command` is not taken in manifests: {files} {hint}")),
        ("{ age: { path: a.age, identity: /b } }", format!("4:39: error: {own}")),
        ("{ sops: { path: a.yaml, identity: /b } }", format!("4:41: error: {own}")),
        (
            "{ age: { path: /etc/a.age } }",
            "4:22: error: `/etc/a.age` does not lie in the repository (write it relative to the file that this stands in)".to_owned(),
        ),
    ] {
        assert_eq!(lines(&load_text(secret(spec))), [format!("f.yaml:{expected}")], "{spec}");
    }
}

#[test]
fn two_secrets_of_one_name_name_both_places() {
    let text = secret("{ age: { path: a } }");
    assert_eq!(
        lines(&load_text(format!("{text}---\n{text}"))),
        [
            "f.yaml:8:19: error: there are two secrets `olive-ssh` (the first one is at f.yaml:1:1: rename one of them)"
        ]
    );
}

#[test]
fn the_configuration_does_not_stand_among_manifests() {
    for kind in ["Controller", "GitSource", "DirectorySource"] {
        let text =
            format!("apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: a }}\nspec: {{}}\n");
        assert_eq!(
            lines(&load_text(text)),
            [format!(
                "f.yaml:2:7: error: a {kind} does not stand among manifests (it belongs in the controller's configuration: `evenkeel validate --config FILE` checks that)"
            )]
        );
    }
}

#[test]
fn what_uses_this_machine_is_told_apart_with_its_place() {
    let target = |spec: &str| {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: t }}\nspec: {spec}\n"
        );
        let loaded = load_text(text);
        assert_eq!(lines(&loaded), Vec::<String>::new(), "on a workstation it is taken");
        loaded.on_this_machine.iter().map(line).collect::<Vec<_>>()
    };
    for (spec, expected) in [
        ("{ local: {} }", "f.yaml:4:9: error: a source's manifests may not use the controller's own machine"),
        (
            "{ ssh: { host: a, knownHosts: /b, hostKeyChecking: accept-new } }",
            "f.yaml:4:37: error: a source's manifests may not name the file that `accept-new` writes to",
        ),
    ] {
        let found = target(spec);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{spec}: {found:?}");
        assert!(found[0].contains("`allowLocal: true`"), "{found:?}");
    }
    for fine in [
        "{ ssh: { host: a, knownHosts: /b } }",
        "{ ssh: { host: a, hostKeyChecking: accept-new } }",
        "{ ssh: { host: a, knownHosts: /b, hostKeyChecking: strict } }",
    ] {
        assert_eq!(target(fine), Vec::<String>::new(), "{fine}");
    }
}

/// `accept-new` writes the name into a file, messages show it as a part of commands to copy.
#[test]
fn a_host_that_is_no_name_is_refused() {
    let target = |ssh: &str| {
        let head = "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: { name: t }\n";
        lines(&load_text(format!("{head}spec: {{ ssh: {{ {ssh} }} }}\n")))
    };
    for odd in ["*", "a,b", "|1|x", "@revoked", "#a", "x;id", "$(id)", "`id`", "x'y", "../a", "a\\\\b", "a&b"]
    {
        for ssh in [format!("host: \"{odd}\""), format!("host: a, proxyJump: \"b,ops@{odd};:22\"")] {
            let found = target(&ssh);
            assert!(found.len() == 1 && found[0].contains("cannot be a host"), "{ssh}: {found:?}");
        }
    }
    for fine in [
        "host: olive.teppi.net",
        "host: olive_1",
        "host: 'fe80::1%eth0'",
        "host: 192.0.2.7",
        "host: みかん",
        "host: a, proxyJump: 'ops@jump:2222,[2001:db8::1]:22'",
        "host: a, proxyJump: 'ssh://ops@jump:2222/'",
        "host: a, proxyJump: none",
        "host: a, proxyJump: 'a, b'",
    ] {
        assert_eq!(target(fine), Vec::<String>::new(), "{fine}");
    }
}
