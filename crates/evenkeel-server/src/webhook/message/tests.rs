//! Messages in the shapes that the forges document, and anything else.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const MAIN: Option<&str> = Some("refs/heads/main");

fn push(provider: Provider, event: &str, body: &Value) -> (Vec<String>, Option<String>) {
    match read(provider, Some(event), body.to_string().as_bytes(), &[]) {
        Ok(Message::Push(Notice::Repository { urls, reference })) => (urls, reference),
        other => panic!("{provider:?} {event}: {other:?}"),
    }
}

fn github() -> Value {
    json!({
        "ref": "refs/heads/main",
        "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "after": "0000000000000000000000000000000000000000",
        "repository": {
            "full_name": "Codertocat/Hello-World",
            "html_url": "https://github.com/Codertocat/Hello-World",
            "url": "https://github.com/Codertocat/Hello-World",
            "git_url": "git://github.com/Codertocat/Hello-World.git",
            "ssh_url": "git@github.com:Codertocat/Hello-World.git",
            "clone_url": "https://github.com/Codertocat/Hello-World.git",
            "svn_url": "https://github.com/Codertocat/Hello-World",
            "homepage": null
        }
    })
}

#[test]
fn github_and_gitea_say_every_address_and_the_ref() {
    for provider in [Provider::GitHub, Provider::Gitea] {
        let (urls, reference) = push(provider, "push", &github());
        assert_eq!(reference.as_deref(), MAIN);
        let expected = [
            "https://github.com/Codertocat/Hello-World.git",
            "git@github.com:Codertocat/Hello-World.git",
            "git://github.com/Codertocat/Hello-World.git",
            "https://github.com/Codertocat/Hello-World",
        ];
        assert_eq!(urls, expected, "each once");
    }
    let mut created = github();
    created["ref"] = json!("v1.2.0");
    created["ref_type"] = json!("tag");
    assert_eq!(push(Provider::Gitea, "create", &created).1.as_deref(), Some("refs/tags/v1.2.0"));
}

#[test]
fn gitlab_says_it_in_project_and_repository() {
    let mut body = json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
        "project": {
            "web_url": "http://gitlab.example/mike/diaspora",
            "git_ssh_url": "git@gitlab.example:mike/diaspora.git",
            "git_http_url": "http://gitlab.example/mike/diaspora.git"
        },
        "repository": { "url": "ssh://git@gitlab.example/mike/diaspora.git" }
    });
    let (urls, reference) = push(Provider::GitLab, "Push Hook", &body);
    assert_eq!(reference.as_deref(), MAIN);
    for url in [
        "http://gitlab.example/mike/diaspora.git",
        "git@gitlab.example:mike/diaspora.git",
        "ssh://git@gitlab.example/mike/diaspora.git",
    ] {
        assert!(urls.iter().any(|u| u == url), "{url} in {urls:?}");
    }
    assert_eq!(push(Provider::GitLab, "System Hook", &body).1.as_deref(), MAIN);
    body["object_kind"] = json!("tag_push");
    body["ref"] = json!("refs/tags/v1");
    assert_eq!(push(Provider::GitLab, "Tag Push Hook", &body).1.as_deref(), Some("refs/tags/v1"));
    let update = json!({
        "event_name": "repository_update", "refs": ["refs/heads/main"],
        "project": { "git_http_url": "http://gitlab.example/mike/diaspora.git" }
    });
    assert_eq!(push(Provider::GitLab, "System Hook", &update).1.as_deref(), MAIN);
    let member = json!({ "event_name": "user_add_to_team" }).to_string();
    let message = read(Provider::GitLab, Some("System Hook"), member.as_bytes(), &[]).unwrap();
    assert_eq!(message, Message::Other("System Hook".to_owned()));
}

#[test]
fn bitbucket_cloud_says_pages_and_where_it_is_cloned_from_follows() {
    let change = |kind: &str, name: &str| json!({ "new": { "type": kind, "name": name }, "old": null });
    let mut body = json!({
        "push": { "changes": [change("branch", "main")] },
        "repository": {
            "full_name": "team/infra",
            "links": {
                "self": { "href": "https://api.bitbucket.org/2.0/repositories/team/infra" },
                "html": { "href": "https://bitbucket.org/team/infra" }
            }
        }
    });
    let (urls, reference) = push(Provider::Bitbucket, "repo:push", &body);
    assert_eq!(reference.as_deref(), MAIN);
    for url in ["https://bitbucket.org/team/infra.git", "ssh://git@bitbucket.org/team/infra.git"] {
        assert!(urls.iter().any(|u| u == url), "{url} in {urls:?}");
    }
    let reference = |changes: Value, body: &mut Value| {
        body["push"]["changes"] = changes;
        push(Provider::Bitbucket, "repo:push", body).1
    };
    assert_eq!(reference(json!([change("tag", "v1")]), &mut body).as_deref(), Some("refs/tags/v1"));
    assert_eq!(reference(json!([change("branch", "a"), change("branch", "b")]), &mut body), None);
    assert_eq!(
        reference(json!([{ "new": null, "old": { "type": "branch", "name": "a" } }]), &mut body),
        None
    );
}

#[test]
fn bitbucket_server_with_links_or_only_its_page() {
    let mut body = json!({
        "eventKey": "repo:refs_changed",
        "changes": [{ "ref": { "id": "refs/heads/main", "displayId": "main", "type": "BRANCH" } }],
        "repository": {
            "slug": "infra", "project": { "key": "OPS" },
            "links": {
                "clone": [
                    { "href": "ssh://git@git.example:7999/ops/infra.git", "name": "ssh" },
                    { "href": "https://git.example/scm/ops/infra.git", "name": "http" }
                ],
                "self": [{ "href": "https://git.example/projects/OPS/repos/infra/browse" }]
            }
        }
    });
    let (urls, reference) = push(Provider::Bitbucket, "repo:refs_changed", &body);
    assert_eq!(reference.as_deref(), MAIN);
    assert_eq!(
        &urls[..2],
        ["ssh://git@git.example:7999/ops/infra.git", "https://git.example/scm/ops/infra.git"]
    );
    body["repository"]["links"]["clone"] = json!([]);
    let (urls, _) = push(Provider::Bitbucket, "repo:refs_changed", &body);
    assert!(urls.iter().any(|u| u == "https://git.example/scm/ops/infra.git"), "{urls:?}");
}

#[test]
fn a_generic_sender_says_as_much_as_it_likes() {
    let body = json!({ "repository": "https://git.example/infra.git", "ref": "refs/heads/main" });
    let (urls, reference) = push(Provider::Generic, "", &body);
    assert_eq!((urls, reference.as_deref()), (vec!["https://git.example/infra.git".to_owned()], MAIN));
    let nothing = read(Provider::Generic, None, b"{}", &[]);
    assert_eq!(nothing, Err(Unreadable::NoRepository));
}

#[test]
fn pings_and_what_is_no_push() {
    let read = |provider, event: &str| read(provider, Some(event), b"{\"zen\":\"x\"}", &[]).unwrap();
    assert_eq!(read(Provider::GitHub, "ping"), Message::Ping);
    assert_eq!(read(Provider::Bitbucket, "diagnostics:ping"), Message::Ping);
    assert_eq!(read(Provider::GitHub, "issues"), Message::Other("issues".to_owned()));
    assert_eq!(read(Provider::GitLab, "Note Hook"), Message::Other("Note Hook".to_owned()));
    assert_eq!(
        read(Provider::Bitbucket, "pullrequest:created"),
        Message::Other("pullrequest:created".to_owned())
    );
}

#[test]
fn sources_that_are_named_are_woken_whatever_the_message_says() {
    let sources = vec!["infra".to_owned()];
    for body in [&b"payload=%7B%7D"[..], b"", b"\xff", b"{}"] {
        let message = read(Provider::GitHub, Some("push"), body, &sources).unwrap();
        assert_eq!(message, Message::Push(Notice::Sources(sources.clone())));
        assert_eq!(
            read(Provider::GitHub, Some("issues"), body, &sources),
            Ok(Message::Other("issues".into()))
        );
    }
}

#[test]
fn what_is_no_json_has_a_hint() {
    let deep = "[".repeat(100_000);
    for body in [&b"payload=%7B%7D"[..], b"", b"\xff\xfe", b"{", deep.as_bytes()] {
        let error = read(Provider::GitHub, Some("push"), body, &[]).unwrap_err();
        assert!(matches!(error, Unreadable::NotJson(_)), "{error}");
        assert!(error.hint().contains("application/json"));
    }
}

#[test]
fn a_message_full_of_addresses_is_cut() {
    let clone: Vec<Value> = (0..1000).map(|n| json!({ "href": format!("https://x.example/{n}") })).collect();
    let long = format!("https://x.example/{}", "y".repeat(LONGEST_URL));
    let body = json!({
        "ref": format!("refs/heads/{}", "z".repeat(LONGEST_URL)),
        "repository": { "clone_url": long, "ssh_url": "a\nb", "links": { "clone": clone } }
    });
    let (urls, reference) = push(Provider::GitHub, "push", &body);
    assert_eq!((urls.len(), reference), (MOST_URLS, None));
    assert!(urls.iter().all(|u| u.len() < 40 && !u.contains('\n')));
}

/// JSON made of the words that messages are made of.
fn shaped() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "ref",
        "refs",
        "ref_type",
        "repository",
        "project",
        "links",
        "clone",
        "html",
        "self",
        "href",
        "changes",
        "push",
        "new",
        "name",
        "type",
        "id",
        "full_name",
        "clone_url",
        "url",
        "object_kind",
        "event_name",
    ]);
    let text = prop_oneof![
        Just("refs/heads/main".to_owned()),
        Just("https://x/projects/A/repos/b/browse".to_owned()),
        Just("https://x/users//repos/".to_owned()),
        Just("push".to_owned()),
        ".*",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let object = prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const PROVIDERS: [Provider; 5] =
    [Provider::GitHub, Provider::GitLab, Provider::Gitea, Provider::Bitbucket, Provider::Generic];

const EVENTS: [&str; 7] =
    ["push", "create", "Push Hook", "System Hook", "repo:push", "repo:refs_changed", "diagnostics:ping"];

proptest! {
    #[test]
    fn no_message_is_too_much(body in shaped()) {
        let text = body.to_string();
        for provider in PROVIDERS {
            for event in EVENTS {
                if let Ok(Message::Push(Notice::Repository { urls, reference })) =
                    read(provider, Some(event), text.as_bytes(), &[])
                {
                    prop_assert!(!urls.is_empty() && urls.len() <= MOST_URLS);
                    prop_assert!(reference.is_none_or(|r| r.starts_with("refs/")));
                }
            }
        }
    }

    #[test]
    fn no_bytes_are_too_much(body in prop::collection::vec(any::<u8>(), 0..200), event in ".*") {
        for provider in PROVIDERS {
            let _ = read(provider, Some(&event), &body, &[]);
        }
    }
}
