//! Bad input and the exact words about it.

use super::*;

/// Problems of one document beside good ones, their lines counted from its spec's first.
fn problems(kind: &str, spec: &str) -> Vec<String> {
    let others =
        if kind == "Controller" { document("DirectorySource", "folder", "path: /srv/site") } else { rest() };
    let loaded = load_text(document(kind, "x", spec) + &others);
    let found = loaded.diagnostics.iter().map(|d| {
        let place = d.location.as_ref().unwrap();
        let hint = d.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
        format!("{}:{} {}{hint}", place.line + 1 - SPEC_LINE, place.column, d.message)
    });
    found.collect()
}

/// Every spec has exactly this problem; its hint may be left out.
fn check_each(kind: &str, cases: &[(&str, &str)]) {
    for (spec, expected) in cases {
        let found = problems(kind, spec);
        let fits = found.first().is_some_and(|f| f == expected || f.starts_with(&format!("{expected} (")));
        assert!(found.len() == 1 && fits, "{spec}\n found {found:#?}\n want {expected}");
    }
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn addresses_of_repositories() {
    let forms = "write `https://host/path`, `ssh://user@host/path`, `user@host:path` or `file:///path`";
    check_each(
        "GitSource",
        &[
            ("ref: { branch: main }", "1:3 the field `url` is missing"),
            ("url: ''", "1:8 `url` is empty (write where the repository is)"),
            (
                "url: htps://git.example/x",
                "1:8 a repository cannot be fetched by this scheme, did you mean `https`? (use https, http, ssh or file)",
            ),
            (
                "url: /srv/site.git",
                &format!("1:8 the address does not say how the repository is reached ({forms})"),
            ),
            (
                "url: git.example/x",
                &format!("1:8 the address does not say how the repository is reached ({forms})"),
            ),
            ("url: '-oProxyCommand=x:y'", &format!("1:8 this is not the address of a repository ({forms})")),
            (
                "url: https://git.example",
                "1:8 the address names no repository (write its path behind the host)",
            ),
            (
                "url: file://srv/x",
                "1:8 the address names no folder (write `file:///path`, with three slashes)",
            ),
            ("url: ssh:///x", "1:8 the address names no host (write `scheme://host/path`)"),
            ("url: https://git.example:port/x", "1:8 the address has a port that is no number"),
            (
                "url: https://git.example/a b",
                "1:8 the address holds a blank or control character (write a blank as %20)",
            ),
            (
                "url: http://git.example/x\ncredentialsRef: a",
                "1:8 the credential goes over the network unencrypted (use https)",
            ),
        ],
    );
}

#[test]
fn a_password_in_an_address_is_refused_and_not_shown() {
    for url in
        ["https://me:hunter2@git.example/x", "https://hunter2@git.example/x", "git:hunter2@git.example:x"]
    {
        let text = rest() + &document("GitSource", "x", &format!("{{ url: '{url}', intervall: 5m }}"));
        let loaded = load_text(text);
        assert_eq!(loaded.diagnostics.len(), 2, "{:?}", loaded.diagnostics);
        assert!(lines(&loaded).iter().any(|l| l.contains("password") && l.contains("credentialsRef")));
        let shown = format!("{:?}", loaded.diagnostics);
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[test]
fn what_is_followed() {
    let range = "write for instance `>=1.2.0 <2.0.0` or `1.x`";
    check_each(
        "GitSource",
        &[
            (
                "url: 'h:x'\nref: { branch: a, tag: b }",
                "2:26 `tag` stands beside `branch`: at most one of them says what is followed (take one of them away)",
            ),
            ("url: 'h:x'\nref: { brunch: a }", "2:10 unknown field `brunch`, did you mean `branch`?"),
            (
                "url: 'h:x'\nref: { semver: '>=x' }",
                &format!(
                    "2:18 `>=x` is not a range of versions: unexpected character 'x' while parsing major version number ({range})"
                ),
            ),
            (
                "url: 'h:x'\nref: { semver: '1.0 || 2.0' }",
                &format!(
                    "2:18 `1.0 || 2.0` is not a range of versions: alternatives (`||`) are not supported ({range})"
                ),
            ),
            (
                "url: 'h:x'\nref: { commit: 0123abc }",
                "2:18 `0123abc` is not the full hash of a commit (write all 40 (or 64) digits, as `git log` does)",
            ),
            (
                "url: 'h:x'\nref: { branch: refs/heads/main }",
                "2:18 `refs/heads/main` is written with its folder (write `branch: main`)",
            ),
            (
                "url: 'h:x'\nref: { tag: --upload-pack=x }",
                "2:15 `--upload-pack=x` cannot be the name of a tag (write its name as `git branch` or `git tag` shows it)",
            ),
        ],
    );
    assert_eq!(
        problems("GitSource", &format!("url: 'h:x'\nref: {{ commit: {COMMIT} }}")),
        Vec::<String>::new()
    );
}

#[test]
fn paths_periods_and_percents_of_sources() {
    check_each(
        "GitSource",
        &[
            (
                "url: 'h:x'\npath: /sites",
                "2:9 `/sites` starts at the root of the file system (write it relative to the repository, without the leading `/`)",
            ),
            (
                "url: 'h:x'\npath: a/../../etc",
                "2:9 `a/../../etc` leads out of the repository (write it relative to the repository, without `..`)",
            ),
            ("url: 'h:x'\npath: ''", "2:9 `path` is empty (write a path, or take the field away)"),
            ("url: 'h:x'\nvalues: [a.yaml, ../b.yaml]", "2:20 `../b.yaml` leads out of the repository"),
            ("url: 'h:x'\nknownHosts: ''", "2:15 `knownHosts` is empty"),
            ("url: 'h:x'\ncredentialsRef: a b", "2:19 `a b` is not a name"),
            ("url: 'h:x'\ntimeout: 0s", "2:12 `timeout` must be at least 1s, found 0s"),
            (
                "url: 'h:x'\ninterval: 2s",
                "2:13 `interval` must be at least 5s, found 2s (webhooks and `evenkeel notify` bring news at once: the interval is the safety net)",
            ),
            (
                "url: 'h:x'\ninterval: 300",
                "2:13 expected a time span such as 30s, 5m, 1h30m or 2d, found \"300\"",
            ),
            (
                "url: 'h:x'\ndrift: { every: 1s }",
                "2:19 `drift.every` must be at least 10s, found 1s (every look reads all targets; a single resource can say its own `interval`)",
            ),
            (
                "url: 'h:x'\ndrift: { mode: correct }",
                "2:18 unknown value `correct`, did you mean `Correct`? (it can be one of: `Correct`, `Report`)",
            ),
            (
                "url: 'h:x'\nonPush: { apply: safe }",
                "2:20 unknown value `safe`, did you mean `Safe`? (it can be one of: `Destructive`, `Disruptive`, `None`, `Safe`)",
            ),
            (
                "url: 'h:x'\nsubmodules: true",
                "2:15 submodules cannot be fetched yet (take it away, and make a GitSource of each submodule with manifests)",
            ),
            (
                "url: 'h:x'\ncaps: { prunePercent: 101 }",
                "2:25 `caps.prunePercent` must be at most 100, found 101 (it is a share in percent; 100 is no cap)",
            ),
            (
                "url: 'h:x'\ncaps: { changePercent: -1 }",
                "2:26 expected a whole number from 0 to 255, found the number -1",
            ),
        ],
    );
    check_each(
        "DirectorySource",
        &[
            ("{}", "1:3 the field `path` is missing"),
            ("path: ' '", "1:9 `path` is empty (write a path, or take the field away)"),
            ("path: /srv\ninterval: 0s", "2:13 `interval` must be at least 1s, found 0s"),
            ("path: /srv\nvalues: ['']", "2:12 `values` is empty"),
            ("path: /srv\nref: { branch: a }", "2:3 unknown field `ref`"),
        ],
    );
}

#[test]
fn signatures() {
    check_each(
        "GitSource",
        &[
            (
                "url: 'h:x'\nverify: { commits: [ssh] }",
                "2:13 signatures of the format ssh want `verify.allowedSigners` (name the file that holds the keys of those who may sign)",
            ),
            (
                "url: 'h:x'\nverify: { commits: [openpgp] }",
                "2:13 signatures of the format openpgp want `verify.keyring` (name the file that holds the keys of those who may sign)",
            ),
            (
                "url: 'h:x'\nverify: { commits: [ssh], allowedSigners: /a, keyring: /b }",
                "2:58 `verify.keyring` is not used: no list names openpgp (write `commits: [openpgp]`, or take it away)",
            ),
            (
                "url: 'h:x'\nverify: { tags: [ssh], allowedSigners: /a }",
                "2:13 `verify.tags` wants a tag to be followed (give `ref.tag` or `ref.semver`, or verify `commits`)",
            ),
            (
                "url: 'h:x'\nverify: {}",
                "2:3 `verify` names no format, so nothing would be verified (write `commits: [ssh]`, or take `verify` away)",
            ),
            (
                "url: 'h:x'\nverify: { commits: [gpg] }",
                "2:23 unknown value `gpg` (it can be one of: `openpgp`, `ssh`)",
            ),
        ],
    );
}

#[test]
fn http_and_what_comes_over_it() {
    let http = "http: { listen: '127.0.0.1:0' }\n";
    let hooks = |inner: &str| format!("{http}webhooks: [{inner}]");
    check_each(
        "Controller",
        &[
            (
                "http: { listen: localhost:8750 }",
                "1:19 `localhost:8750` is not an address with a port (write an address, not a name: `127.0.0.1:8750`, `[::1]:8750`, or `0.0.0.0:8750` for all)",
            ),
            ("http: { listen: 127.0.0.1 }", "1:19 `127.0.0.1` is not an address with a port"),
            (
                "http: { listen: '10.0.0.1:80', allowPlaintext: true }",
                "1:19 10.0.0.1:80 can be reached by other machines (write `allowRemote: true` if that is wanted, or listen on 127.0.0.1)",
            ),
            (
                "http: { listen: '[::]:80', allowRemote: true }",
                "1:19 [::]:80 would be served without encryption, tokens and all (give `tls`, or write `allowPlaintext: true` where a proxy in front encrypts)",
            ),
            (
                "http: { listen: '127.0.0.1:80', tls: { certificate: '', key: k } }",
                "1:55 `http.tls.certificate` is empty",
            ),
            ("http: { listen: '127.0.0.1:80', tls: { certificate: c } }", "1:40 the field `key` is missing"),
            (
                "webhooks: [{ name: a, provider: github, credentialsRef: b }]",
                "1:3 webhooks come over HTTP, and there is no `http` (add `http: { listen: 127.0.0.1:8750 }`, or use `evenkeel notify` on this machine)",
            ),
            (
                "tokens: [{ name: a, role: admin, credentialsRef: b }]",
                "1:3 tokens are for HTTP, and there is no `http` (the control socket asks for none: take them away, or add `http`)",
            ),
            (
                &hooks("{ name: a/b, provider: github, credentialsRef: c }"),
                "2:22 `a/b` is not a name (use at most 253 of the letters a-z and A-Z, digits, `.`, `_` and `-`; begin and end with a letter or digit)",
            ),
            (
                &hooks(
                    "{ name: a, provider: github, credentialsRef: c }, { name: a, provider: gitea, credentialsRef: c }",
                ),
                "2:72 there are two webhooks `a` (rename one of them: the name is the last part of its address)",
            ),
            (
                &hooks("{ name: a, provider: githup, credentialsRef: c }"),
                "2:35 unknown value `githup`, did you mean `github`? (it can be one of: `bitbucket`, `generic`, `gitea`, `github`, `gitlab`)",
            ),
            (
                &hooks("{ name: a, provider: github, credentialsRef: c, sources: [folder, foldr] }"),
                "2:80 there is no source `foldr`, did you mean `folder`? (the sources are: `folder`)",
            ),
            (
                &format!("{http}tokens: [{{ name: a, role: root, credentialsRef: b }}]"),
                "2:29 unknown value `root` (it can be one of: `admin`, `operator`, `viewer`)",
            ),
            (
                &format!(
                    "{http}tokens: [{{ name: a, role: admin, credentialsRef: b }}, {{ name: a, role: viewer, credentialsRef: c }}]"
                ),
                "2:65 there are two tokens `a` (rename one of them: events and runs name who caused them)",
            ),
        ],
    );
}

#[test]
fn limits_and_history() {
    check_each(
        "Controller",
        &[
            (
                "limits: { reading: 0 }",
                "1:22 `limits.reading` must be from 1 to 1000, found 0 (take it away for the default)",
            ),
            ("limits: { writing: 2000 }", "1:22 `limits.writing` must be from 1 to 1000, found 2000"),
            ("limits: { connections: 0 }", "1:26 `limits.connections` must be from 1 to 65535, found 0"),
            ("limits: { corrections: 0 }", "1:26 `limits.corrections` must be from 1 to 65535, found 0"),
            ("limits: { idle: 0s }", "1:19 `limits.idle` must be at least 1s, found 0s"),
            ("history: { runs: 1m }", "1:20 `history.runs` must be at least 1h, found 1m"),
            ("history: { event: 90d }", "1:14 unknown field `event`, did you mean `events`?"),
            ("stateDirectory: ''", "1:19 `stateDirectory` is empty"),
        ],
    );
}

#[test]
fn secrets() {
    check_each(
        "Secret",
        &[
            (
                "{}",
                "1:3 the secret does not say where its values come from (write one of: `age`, `command`, `env`, `file`, `sops`, `vault`)",
            ),
            (
                "env: { password: A }\nfile: { password: /b }",
                "2:3 `file` stands beside `env`: a secret has one source (take one of them away, or make two secrets)",
            ),
            ("env: {}", "1:3 `env` has no keys (write at least one, for instance `password`)"),
            (
                "env: { password: A=B }",
                "1:20 `A=B` cannot be the name of an environment variable (write the variable's name, without `$`)",
            ),
            (
                "env: { passwrod: A }",
                "1:20 nothing reads the key `passwrod`, did you mean `password`? (the keys are password, passphrase, privateKey, becomePassword, token, username, webhookSecret, url)",
            ),
            ("file: { token: '' }", "1:18 `file.token` is empty"),
            (
                "command: { token: [] }",
                "1:14 `command.token` names no program (write the program and its arguments as a list)",
            ),
            (
                "command: { token: pass show x }",
                "1:21 expected a list, found the text \"pass show x\" (write `- ` before each item)",
            ),
            ("age: { path: '' }", "1:16 `age.path` is empty"),
            ("sops: { path: a, at: a..b }", "1:24 `a..b` is not a path of keys"),
            (
                "vault: { address: vault.example, path: a }",
                "1:21 `vault.example` is not the address of a server (write for instance `https://vault.example:8200`)",
            ),
            (
                "vault: { address: 'http://vault.example:8200', path: a }",
                "1:21 the token and the secret go over the network unencrypted (use https)",
            ),
            ("vault: { address: 'https://v', path: ../a }", "1:40 `vault.path` is not a path in Vault"),
            (
                "vault: { address: 'https://v', path: a, version: 3 }",
                "1:52 there is no version 3 of Vault's key-value store (write 1 or 2)",
            ),
        ],
    );
}

#[test]
fn the_whole() {
    let controller = || document("Controller", "main", "{}");
    let source = || document("DirectorySource", "a", "path: /srv");
    let kinds = "the kinds here are: `Controller`, `DirectorySource`, `GitSource`, `Notifier`, `Secret`";
    for (text, expected) in [
        (
            source(),
            "error: the configuration has no Controller (add a document with the lines `apiVersion: evenkeel.dev/v1alpha1`, `kind: Controller`, `metadata: { name: main }`, `spec: {}`)".to_owned(),
        ),
        (
            controller(),
            "warning: the configuration has no source, so there is nothing to keep (add a GitSource or a DirectorySource; `evenkeel explain GitSource` has its fields)".to_owned(),
        ),
        (
            controller() + &source() + &controller(),
            "f.yaml:15:19: error: there are two controllers (the first one is at f.yaml:1:1: take one of them away)".to_owned(),
        ),
        (
            controller() + &source() + &document("GitSource", "a", "url: 'h:x'"),
            "f.yaml:15:19: error: there are two sources `a` (the first one is at f.yaml:7:1: rename one of them)".to_owned(),
        ),
        (
            controller() + &source() + &document("ZfsDataset", "a", "target: t"),
            format!("f.yaml:14:7: error: `ZfsDataset` is no kind of the controller's configuration (manifests belong in the repository or folder of a source; {kinds})"),
        ),
        (
            controller() + &source() + &document("Gitsource", "b", "url: 'h:x'"),
            format!("f.yaml:14:7: error: unknown kind `Gitsource`, did you mean `GitSource`? ({kinds})"),
        ),
        // What could not be read is not missed, too.
        (
            "kind: [a\n".to_owned(),
            "f.yaml:1:7: error: not valid YAML: the list is not closed, or a `,` is missing".to_owned(),
        ),
    ] {
        let found = lines(&load_text(&text));
        let fits = found.first().is_some_and(|f| *f == expected || f.starts_with(&format!("{expected} (")));
        assert!(found.len() == 1 && fits, "{text}\n found {found:#?}\n want {expected}");
    }
    let secret = document("Secret", "s", "env: { password: A }");
    assert_eq!(
        lines(&load_text(rest() + &secret + &secret)),
        [
            "f.yaml:21:19: error: there are two secrets `s` (the first one is at f.yaml:13:1: rename one of them)"
        ]
    );
}

#[test]
fn a_source_that_could_not_be_read_is_known() {
    let hook = "http: { listen: '127.0.0.1:0' }\nwebhooks: [{ name: a, provider: github, credentialsRef: b, sources: [x] }]";
    let text = document("Controller", "main", hook) + &document("GitSource", "x", "url: [a]");
    assert_eq!(
        lines(&load_text(text)),
        ["f.yaml:12:8: error: expected text, found a list (write a single value)"]
    );
}

#[test]
fn all_problems_are_found_at_once() {
    let found = problems(
        "GitSource",
        "url: ''\nref: { branch: a, tag: b }\npath: /x\ninterval: 1s\nverify: {}\ncaps: { prunePercent: 200, changePercent: 200 }\nnope: 1",
    );
    let lines: Vec<&str> = found.iter().map(|f| f.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["1", "2", "3", "4", "5", "6", "6", "7"], "{found:#?}");
}
