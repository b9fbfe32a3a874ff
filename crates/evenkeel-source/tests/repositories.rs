//! Repositories on this machine, made by the real git, and folders.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of the peers")]

mod peers;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use evenkeel_core::config::DirectorySourceSpec;
use evenkeel_engine::source::{Fetched, Source, SourceErrorKind};
use evenkeel_source::DirectorySource;
use peers::{Site, failure, fetch, files};

/// Settings of a source, in JSON.
const NONE: &str = "{}";

fn url(site: &Site) -> String {
    format!("file://{}", site.bare())
}

#[tokio::test]
async fn a_push_is_seen_and_no_push_is_unchanged() {
    let site = Site::new();
    let source = site.source(&url(&site), NONE);
    let first = fetch(&source).await;
    assert_eq!(files(&first.manifests), [("a.yaml", "a: 1\n")]);
    assert_eq!(source.fetch(Some(&first.revision.id)).await, Ok(Fetched::Unchanged));
    let id = site.commit(&[("a.yaml", "a: 2\n"), ("b/c.yml", "c: 1\n")]);
    let Ok(Fetched::New(second)) = source.fetch(Some(&first.revision.id)).await else { panic!() };
    assert_eq!(second.revision.id, id);
    assert_eq!(second.revision.reference.as_deref(), Some("main"));
    assert_eq!(second.revision.subject.as_deref(), Some("Change the site"));
    assert_eq!(second.revision.author.as_deref(), Some("Ann Example <ann@example.net>"));
    assert!(second.revision.at.is_some() && second.revision.signer.is_none());
    assert_eq!(files(&second.manifests), [("a.yaml", "a: 2\n"), ("b/c.yml", "c: 1\n")]);
    // A branch that is rewound is at its old commit again.
    site.git("work", &["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(site.push(), first.revision.id);
    assert_eq!(fetch(&source).await, first);
}

#[tokio::test]
async fn a_work_tree_is_read_at_its_commit_not_at_its_files() {
    let site = Site::new();
    fs::write(site.path("work/a.yaml"), "not committed").unwrap();
    let source = site.source(&site.path("work").display().to_string(), NONE);
    assert_eq!(files(&fetch(&source).await.manifests), [("a.yaml", "a: 1\n")]);
}

#[tokio::test]
async fn branches_tags_ranges_and_commits_are_followed() {
    let site = Site::new();
    let first = site.git("work", &["rev-parse", "HEAD"]).trim().to_owned();
    site.git("work", &["tag", "v1.2.0"]);
    let second = site.commit(&[("a.yaml", "a: 2\n")]);
    site.git("work", &["tag", "--annotate", "--message", "two", "v1.10.0"]);
    site.git("work", &["push", "--quiet", "origin", "HEAD:refs/heads/team/prod"]);
    let third = site.commit(&[("a.yaml", "a: 3\n")]);
    site.git("work", &["tag", "v2.0.0-rc.1"]);
    site.push();
    for (reference, id, name) in [
        (r#"{"branch": "team/prod"}"#, &second, Some("team/prod")),
        (r#"{"tag": "v1.2.0"}"#, &first, Some("v1.2.0")),
        (r#"{"tag": "v1.10.0"}"#, &second, Some("v1.10.0")),
        (r#"{"semver": ">=1.0.0 <2.0.0"}"#, &second, Some("v1.10.0")),
        (r#"{"semver": ">=2.0.0-0"}"#, &third, Some("v2.0.0-rc.1")),
        (&format!(r#"{{"commit": "{first}"}}"#), &first, None),
    ] {
        let source = site.source(&url(&site), &format!(r#"{{"ref": {reference}}}"#));
        let revision = fetch(&source).await.revision;
        assert_eq!((&revision.id, revision.reference.as_deref()), (id, name), "{reference}");
        assert_eq!(source.fetch(Some(id)).await, Ok(Fetched::Unchanged), "{reference}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let site = Site::new();
    site.git("work", &["tag", "v1.0.0"]);
    site.push();
    let none = "0".repeat(40);
    for (settings, expected, hint) in [
        (r#"{"ref": {"branch": "prod"}}"#, "no branch `prod`", "main"),
        (r#"{"ref": {"tag": "v9"}}"#, "no tag `v9`", "v1.0.0"),
        (r#"{"ref": {"semver": ">=9"}}"#, "no tag in the range", "v1.0.0"),
        (r#"{"path": "prod"}"#, "no folder prod", "path"),
        (r#"{"values": ["prod.yaml"]}"#, "no values file prod.yaml", "relative"),
        (&format!(r#"{{"ref": {{"commit": "{none}"}}}}"#), &none, "hash"),
    ] {
        let error = failure(&site.source(&url(&site), settings)).await;
        assert_eq!(error.kind, SourceErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint.as_ref().unwrap().contains(hint), "{error:?}");
    }
    // The repository itself goes.
    let source = site.source(&url(&site), NONE);
    fs::remove_dir_all(site.bare()).unwrap();
    assert_eq!(failure(&source).await.kind, SourceErrorKind::NotFound);
}

#[tokio::test]
async fn an_empty_repository_has_no_branch() {
    let site = Site::new();
    site.git(".", &["init", "--quiet", "--bare", "--initial-branch=main", "empty.git"]);
    let error = failure(&site.source(&format!("file://{}", site.path("empty.git").display()), NONE)).await;
    assert_eq!(error.kind, SourceErrorKind::NotFound);
    assert!(error.hint.unwrap().contains("push one first"));
}

#[tokio::test]
async fn the_files_are_those_that_the_command_line_takes() {
    let site = Site::new();
    site.commit(&[
        ("top.values.yaml", "v: 1\n"),
        ("site/b.yaml", "b\n"),
        ("site/a.yml", "a\n"),
        ("site/values.yaml", "v: 0\n"),
        ("site/prod.values.yaml", "v: 2\n"),
        ("site/.hidden.yaml", "no\n"),
        ("site/.git-like/x.yaml", "no\n"),
        ("site/README.md", "no\n"),
        ("site/a/z.yaml", "z\n"),
        ("site/key.age", "age\n"),
        ("site/key.sops.yaml", "sops\n"),
        ("other/c.yaml", "no\n"),
    ]);
    let settings = r#"{"path": "./site/", "values": ["top.values.yaml", "site/prod.values.yaml"]}"#;
    let snapshot = fetch(&site.source(&url(&site), settings)).await;
    assert_eq!(
        files(&snapshot.manifests),
        [("site/a.yml", "a\n"), ("site/b.yaml", "b\n"), ("site/a/z.yaml", "z\n")]
    );
    assert_eq!(
        files(&snapshot.values),
        [("site/values.yaml", "v: 0\n"), ("top.values.yaml", "v: 1\n"), ("site/prod.values.yaml", "v: 2\n")]
    );
    assert_eq!(files(&snapshot.attachments), [("site/key.age", "age\n"), ("site/key.sops.yaml", "sops\n")]);
}

#[tokio::test]
async fn links_and_hooks_and_filters_do_nothing() {
    let site = Site::new();
    symlink("/etc/hostname", site.path("work/note.txt")).unwrap();
    symlink("/etc", site.path("work/folder")).unwrap();
    let hook = site.path("site.git/hooks/post-checkout");
    fs::write(&hook, "#!/bin/sh\ntouch \"$0.ran\"\n").unwrap();
    site.commit(&[(".gitattributes", "*.yaml filter=x\n")]);
    assert_eq!(files(&fetch(&site.source(&url(&site), NONE)).await.manifests), [("a.yaml", "a: 1\n")]);
    symlink("/etc/hostname", site.path("work/b.yaml")).unwrap();
    site.commit(&[]);
    let error = failure(&site.source(&url(&site), NONE)).await;
    assert_eq!(error.kind, SourceErrorKind::Configuration);
    assert!(error.to_string().contains("b.yaml is a symbolic link"), "{error}");
    assert!(error.revision.is_some());
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let site = Site::new();
    let large = "x".repeat(evenkeel_core::manifest::MAX_FILE_BYTES + 1);
    site.commit(&[("large.yaml", &large)]);
    let error = failure(&site.source(&url(&site), NONE)).await;
    assert_eq!(error.kind, SourceErrorKind::TooLarge);
    assert!(error.to_string().contains("large.yaml"), "{error}");
}

/// A tree that holds itself many times over at each level has ten thousand million files on paper.
#[tokio::test]
async fn a_tree_that_multiplies_itself_is_refused() {
    let site = Site::new();
    let blob = site.git("work", &["rev-parse", "HEAD:a.yaml"]).trim().to_owned();
    let mut tree = make_tree(&site, &format!("100644 blob {blob}\tnote.txt\n"));
    for _ in 0..10 {
        let lines: String =
            (0..10).fold(String::new(), |lines, at| lines + &format!("040000 tree {tree}\td{at}\n"));
        tree = make_tree(&site, &lines);
    }
    let commit = site.git("work", &["commit-tree", "-m", "bomb", &tree]).trim().to_owned();
    site.git("work", &["push", "--quiet", "--force", "origin", &format!("{commit}:main")]);
    let error = failure(&site.source(&url(&site), NONE)).await;
    assert_eq!(error.kind, SourceErrorKind::TooLarge, "{error}");
}

fn make_tree(site: &Site, lines: &str) -> String {
    use std::io::Write as _;
    let mut command = site.command("git", "work");
    command.arg("mktree").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    peers::succeeded("git mktree", process.wait_with_output().unwrap()).trim().to_owned()
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let site = Site::new();
    for (settings, expected) in [
        (r#"{"ref": {"branch": "a", "tag": "b"}}"#, "more than one"),
        (r#"{"ref": {"semver": "what"}}"#, "ref.semver"),
        (r#"{"ref": {"commit": "abc"}}"#, "full hash"),
        (r#"{"path": "../other"}"#, "leads out"),
        (r#"{"values": ["/etc/passwd"]}"#, "leads out"),
        (r#"{"submodules": true}"#, "not supported yet"),
        (r#"{"verify": {}}"#, "asks for no signature"),
        (r#"{"verify": {"commits": ["ssh"]}}"#, "allowedSigners"),
        (r#"{"verify": {"commits": ["openpgp"]}}"#, "keyring"),
        (r#"{"verify": {"tags": ["ssh"], "allowedSigners": "x"}}"#, "verify.tags"),
    ] {
        let error = site.try_source(&url(&site), settings).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Configuration, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn ten_thousand_files_are_read_in_seconds() {
    let site = Site::new();
    site.import_ten_thousand();
    let begin = Instant::now();
    assert_eq!(fetch(&site.source(&url(&site), NONE)).await.manifests.len(), 10_001);
    println!("read in {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_mins(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_folder_is_read_and_changes_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("site").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("b/a.yaml", "b\n");
    write("a.yaml", "a\n");
    write("values.yaml", "v: 0\n");
    write("prod.values.yaml", "v: 1\n");
    write("key.age", "k\n");
    write(".hidden/a.yaml", "no\n");
    symlink("a.yaml", folder.path().join("site/link.yaml")).unwrap();
    symlink("b", folder.path().join("site/c")).unwrap();
    let spec = r#"{"path": "site", "values": ["prod.values.yaml"]}"#;
    let spec: DirectorySourceSpec = serde_json::from_str(spec).unwrap();
    let source = DirectorySource::new(&spec, folder.path());
    let first = fetch(&source).await;
    assert_eq!(files(&first.manifests), [("a.yaml", "a\n"), ("link.yaml", "a\n"), ("b/a.yaml", "b\n")]);
    assert_eq!(files(&first.values), [("values.yaml", "v: 0\n"), ("prod.values.yaml", "v: 1\n")]);
    assert_eq!(files(&first.attachments), [("key.age", "k\n")]);
    assert_eq!(source.fetch(Some(&first.revision.id)).await, Ok(Fetched::Unchanged));
    for (name, text) in
        [("a.yaml", "a2\n"), ("prod.values.yaml", "v: 2\n"), ("key.age", "k2\n"), ("new.yaml", "")]
    {
        let before = fetch(&source).await.revision.id;
        write(name, text);
        assert_ne!(fetch(&source).await.revision.id, before, "{name}");
    }
    fs::remove_dir_all(folder.path().join("site")).unwrap();
    assert_eq!(failure(&source).await.kind, SourceErrorKind::NotFound);
}
