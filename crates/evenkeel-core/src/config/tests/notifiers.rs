//! Notifiers as people get them wrong, and right.

use super::*;
use crate::config::{Forge, MailTls, NotifierSpec, NotifyWeight};
use crate::period::Period;

fn found(spec: &str) -> Vec<String> {
    let loaded = load_text(document("Notifier", "x", spec) + &rest());
    let line = |d: &Diagnostic| {
        let place = d.location.as_ref().unwrap();
        format!("{}:{} {}", place.line + 1 - SPEC_LINE, place.column, d.message)
    };
    loaded.diagnostics.iter().map(line).collect()
}

fn good(spec: &str) -> NotifierSpec {
    let loaded = load_text(document("Notifier", "x", spec) + &rest());
    assert_eq!(lines(&loaded), Vec::<String>::new(), "{spec}");
    let spec = loaded.notifiers["x"].clone();
    let again: NotifierSpec = serde_json::from_value(serde_json::to_value(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
    spec
}

#[test]
fn every_receiver_and_its_defaults() {
    let slack = good("slack: { credentialsRef: chat }");
    assert_eq!((slack.max_per_hour, slack.digest, slack.on.weight), (30, None, None));
    let webhook = good(
        "webhook: { url: 'https://hooks.example/x', credentialsRef: hook }\ndigest: 15m\nmaxPerHour: 4\ntimeout: 30s\ncaFile: ca.pem\non: { weight: Normal, sources: [folder], targets: [host1], kinds: [ZfsDataset] }",
    );
    assert_eq!((webhook.digest, webhook.max_per_hour), (Some(Period::minutes(15)), 4));
    assert_eq!(webhook.on.weight, Some(NotifyWeight::Normal));
    let mail = good("email: { server: mail.example, from: a@example.org, to: [b@example.org] }");
    assert_eq!(mail.email.unwrap().tls, MailTls::StartTls);
    good(
        "email: { server: '::1', tls: None, from: a@example.org, to: [b@example.org], credentialsRef: mail }",
    );
    let status = good("commitStatus: { provider: gitea, credentialsRef: forge }");
    assert_eq!(status.commit_status.unwrap().provider, Forge::Gitea);
    good("webhook: { url: 'http://127.0.0.1:8080/x', credentialsRef: hook }");
    good("slack: { credentialsRef: chat }\non: { reasons: [DriftFound, Held] }");
}

#[test]
fn each_mistake_has_its_place_and_words() {
    for (spec, expected) in [
        ("{}", "1:3 the notifier does not say who is told"),
        (
            "slack: { credentialsRef: a }\nemail: { server: m, from: a@b, to: [c@d] }",
            "2:3 `email` stands beside `slack`: a notifier tells one receiver",
        ),
        ("slack: { credentialsRef: a b }", "1:28 `a b` is not a name"),
        ("slack: { credentialRef: a }", "1:12 unknown field `credentialRef`, did you mean `credentialsRef`?"),
        (
            "webhook: { url: 'http://hooks.example/x', credentialsRef: a }",
            "1:19 what is sent would go over the network unencrypted",
        ),
        ("webhook: { url: hooks.example, credentialsRef: a }", "1:19 this is not the address of a server"),
        (
            "webhook: { url: 'htps://hooks.example', credentialsRef: a }",
            "1:19 nothing is told by the scheme `htps`, did you mean `https`?",
        ),
        (
            "commitStatus: { provider: githup, credentialsRef: a }",
            "1:29 unknown value `githup`, did you mean `github`?",
        ),
        (
            "commitStatus: { provider: github, credentialsRef: a }\non: { kinds: [ZfsDataset] }",
            "2:9 `on.kinds` is not used: the state is that of a whole commit",
        ),
        (
            "email: { server: mail.example, tls: None, from: a@b, to: [c@d] }",
            "1:39 mail would go over the network unencrypted",
        ),
        (
            "email: { server: 'smtp://m', from: a@b, to: [c@d] }",
            "1:20 `smtp://m` is not the name of a mail server",
        ),
        ("email: { server: m, from: a@b, to: [] }", "1:34 `email.to` is empty"),
        ("email: { server: m, from: 'A <a@b>', to: [c@d] }", "1:29 `A <a@b>` is not an e-mail address"),
        ("email: { server: m, from: a@b, to: [cd] }", "1:39 `cd` is not an e-mail address"),
        ("slack: { credentialsRef: a }\nmaxPerHour: 0", "2:15 `maxPerHour` must be at least 1, found 0"),
        ("slack: { credentialsRef: a }\ndigest: 1s", "2:11 `digest` must be at least 10s, found 1s"),
        ("slack: { credentialsRef: a }\ntimeout: 1h", "2:12 `timeout` must be at most 5m, found 1h"),
        (
            "slack: { credentialsRef: a }\non: { sources: [foldr] }",
            "2:19 there is no source `foldr`, did you mean `folder`?",
        ),
        (
            "slack: { credentialsRef: a }\non: { weight: Normal, reasons: [Held] }",
            "2:17 `on.weight` is not used: `on.reasons` says what is told, whatever it weighs",
        ),
        (
            "slack: { credentialsRef: a }\non: { reasons: [drift-found] }",
            "2:19 `drift-found` is no reason of an event",
        ),
    ] {
        let found = found(spec);
        assert!(found.len() == 1 && found[0] == expected, "{spec}\n found {found:#?}\n want {expected}");
    }
}

#[test]
fn a_secret_in_an_address_is_not_shown_and_names_are_their_own() {
    let spec = "webhook: { url: 'https://me:hunter2@hooks.example/x', credentialsRef: a }";
    let loaded = load_text(document("Notifier", "x", spec) + &rest());
    assert!(lines(&loaded)[0].contains("holds a user name or password"));
    assert!(!format!("{:?}", loaded.diagnostics).contains("hunter2"));
    let two = document("Notifier", "x", "slack: { credentialsRef: a }").repeat(2) + &rest();
    assert!(lines(&load_text(two))[0].contains("there are two notifiers `x`"));
}
