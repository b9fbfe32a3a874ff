//! Commits and tags signed by the real git, ssh-keygen and gpg, and ones that are not.

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
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use evenkeel_engine::source::{SourceError, SourceErrorKind};
use peers::sshd::keygen;
use peers::{Site, failure, fetch, read, succeeded};

const SSH: &str = r#"{"verify": {"commits": ["ssh"], "allowedSigners": "signers"}}"#;
const GPG: &str = r#"{"verify": {"commits": ["openpgp"], "keyring": "keyring"}}"#;

/// Signs with the SSH key `key` from now on.
fn sign_with_ssh(site: &Site, key: &str) {
    let path = site.path(key).display().to_string();
    site.git("work", &["config", "gpg.format", "ssh"]);
    site.git("work", &["config", "user.signingKey", &path]);
}

/// A site with the key `ann` of this type, which signs and is allowed to.
fn ssh_site(kind: &str) -> Site {
    let site = Site::new();
    keygen(&site.path("ann"), kind, "");
    sign_with_ssh(&site, "ann");
    allow(&site, &format!("ann@example.net {}", read(&site.path("ann.pub"))));
    site
}

fn allow(site: &Site, text: &str) {
    fs::write(site.path("signers"), text).unwrap();
}

async fn refused(site: &Site, settings: &str, expected: &str) -> SourceError {
    let error = failure(&site.source(&site.bare(), settings)).await;
    assert_eq!(error.kind, SourceErrorKind::Unverified, "{error}");
    assert!(error.to_string().contains(expected), "{error}, not {expected}");
    assert!(error.hint.is_some() && error.revision.is_some());
    error
}

async fn signer(site: &Site, settings: &str) -> String {
    fetch(&site.source(&site.bare(), settings)).await.revision.signer.unwrap()
}

/// Writes an object as it is, and lets the branch (or this reference) be at it.
fn push_object(site: &Site, kind: &str, text: &str, reference: &str) {
    let mut command = site.command("git", "site.git");
    command.args(["hash-object", "-t", kind, "-w", "--stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let id = succeeded("git hash-object", process.wait_with_output().unwrap());
    site.git("site.git", &["update-ref", reference, id.trim()]);
}

fn object(site: &Site, kind: &str, name: &str) -> String {
    site.git("site.git", &["cat-file", kind, name])
}

#[tokio::test]
async fn a_commit_signed_by_an_allowed_key_is_taken() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let site = ssh_site(kind);
        site.commit_with(&[("a.yaml", "a: 2\n")], &["-S"]);
        assert_eq!(signer(&site, SSH).await, "ann@example.net", "{kind}");
    }
}

#[tokio::test]
async fn a_commit_that_is_not_signed_or_by_a_stranger_is_refused() {
    let site = ssh_site("ed25519");
    let id = site.commit(&[("a.yaml", "a: 2\n")]);
    let error = refused(&site, SSH, "it is not signed").await;
    let text = error.to_string();
    assert!(text.contains(&id[..12]) && text.contains("Ann Example <ann@example.net>"), "{text}");
    assert!(text.contains("the source wants commits signed with SSH"), "{text}");
    assert_eq!(error.revision.as_ref(), Some(&id));
    keygen(&site.path("eve"), "ed25519", "");
    sign_with_ssh(&site, "eve");
    site.commit_with(&[], &["-S"]);
    refused(&site, SSH, "is not in ").await;
    // What is signed below an unsigned commit does not count.
    sign_with_ssh(&site, "ann");
    site.commit_with(&[], &["-S"]);
    signer(&site, SSH).await;
    site.commit(&[]);
    refused(&site, SSH, "it is not signed").await;
}

#[tokio::test]
async fn a_commit_that_was_changed_after_it_was_signed_is_refused() {
    let site = ssh_site("ed25519");
    site.commit_with(&[("a.yaml", "a: 2\n")], &["-S"]);
    let good = object(&site, "commit", "main");
    let tree = site.git("site.git", &["rev-parse", "main^{tree}"]);
    let other = site.git("site.git", &["rev-parse", "main~1^{tree}"]);
    push_object(&site, "commit", &good, "refs/heads/main");
    signer(&site, SSH).await;
    for changed in [
        good.replace(tree.trim(), other.trim()),
        good.replace("Change the site", "Change the sites"),
        good.replacen("author Ann", "author Bob", 1),
    ] {
        assert_ne!(changed, good);
        push_object(&site, "commit", &changed, "refs/heads/main");
        refused(&site, SSH, "it was changed after it was signed").await;
    }
    // Two signatures, of which one is good.
    let begin = good.find("gpgsig ").unwrap();
    let twice = format!("{}{}{}", &good[..begin], "gpgsig x\n", &good[begin..]);
    push_object(&site, "commit", &twice, "refs/heads/main");
    refused(&site, SSH, "two signatures").await;
    let nonsense = good.replace("U1NIU0lH", "AAAAAAAA");
    push_object(&site, "commit", &nonsense, "refs/heads/main");
    refused(&site, SSH, "cannot be read").await;
}

/// What was signed for another purpose is not signed for git.
#[tokio::test]
async fn a_signature_for_something_else_is_refused() {
    let site = ssh_site("ed25519");
    let plain = object(&site, "commit", "main");
    for (namespace, hash, good) in
        [("file", "sha512", false), ("git", "sha512", true), ("git", "sha256", true)]
    {
        fs::write(site.path("payload"), &plain).unwrap();
        let _ = fs::remove_file(site.path("payload.sig"));
        let hash = format!("hashalg={hash}");
        site.run(
            "ssh-keygen",
            ".",
            &["-q", "-Y", "sign", "-f", "ann", "-n", namespace, "-O", &hash, "payload"],
        );
        let signature = read(&site.path("payload.sig")).trim_end().replace('\n', "\n ");
        let signed = plain.replacen("\n\n", &format!("\ngpgsig {signature}\n\n"), 1);
        push_object(&site, "commit", &signed, "refs/heads/main");
        if good {
            signer(&site, SSH).await;
        } else {
            refused(&site, SSH, "is for `file`, not for git").await;
        }
    }
}

#[tokio::test]
async fn the_file_of_allowed_signers_is_obeyed() {
    let site = ssh_site("ed25519");
    site.commit_with(&[], &["-S"]);
    let key = read(&site.path("ann.pub"));
    for (line, expected) in [
        (format!("*@example.net namespaces=\"git\",valid-after=\"20200101\" {key}"), None),
        (format!("ann namespaces=\"file\" {key}"), Some("for other things")),
        (format!("ann valid-before=\"20200101\" {key}"), Some("no longer valid")),
        (format!("ann valid-after=\"29990101\" {key}"), Some("not valid yet")),
        (format!("ann cert-authority {key}"), Some("certificate authority, which is not supported")),
    ] {
        allow(&site, &line);
        match expected {
            None => assert_eq!(signer(&site, SSH).await, "ann@example.net"),
            Some(expected) => {
                refused(&site, SSH, expected).await;
            }
        }
    }
    allow(&site, "ann nonsense");
    let error = failure(&site.source(&site.bare(), SSH)).await;
    assert_eq!(error.kind, SourceErrorKind::Configuration);
    assert!(error.to_string().contains("signers:1"), "{error}");
    fs::remove_file(site.path("signers")).unwrap();
    assert_eq!(failure(&site.source(&site.bare(), SSH)).await.kind, SourceErrorKind::Configuration);
}

#[tokio::test]
async fn a_tag_must_be_signed_itself_and_stand_under_its_own_name() {
    let settings = r#"{"ref": {"semver": "*"}, "verify": {"tags": ["ssh"], "allowedSigners": "signers"}}"#;
    let site = ssh_site("ed25519");
    site.git("work", &["tag", "-s", "-m", "one", "v1.0.0"]);
    site.push();
    assert_eq!(signer(&site, settings).await, "ann@example.net");
    // A good tag under another name would be a way back to an old version.
    site.git("site.git", &["update-ref", "refs/tags/v1.1.0", "refs/tags/v1.0.0"]);
    refused(&site, settings, "it was made as v1.0.0").await;
    site.git("work", &["tag", "-a", "-m", "two", "v2.0.0"]);
    site.git("work", &["tag", "v3.0.0"]);
    site.git("work", &["tag", "-s", "-m", "of a tag", "v4.0.0", "v1.0.0"]);
    site.push();
    let only = |range: &str| settings.replace('*', range);
    refused(&site, &only("2.x"), "it carries no signature").await;
    refused(&site, &only("3.x"), "it is not annotated").await;
    refused(&site, &only("4.x"), "does not point at the commit itself").await;
    let good = object(&site, "tag", "v1.0.0").replace("tag v1.0.0", "tag v5.0.0");
    push_object(&site, "tag", &good, "refs/tags/v5.0.0");
    refused(&site, &only("5.x"), "it was changed after it was signed").await;
    // Both are wanted, and only the tag is signed.
    let both = settings.replace("\"tags\"", "\"commits\": [\"ssh\"], \"tags\"").replace('*', "=1.0.0");
    refused(&site, &both, "it is not signed").await;
}

/// The keys of one test. What gpg starts for it ends with it.
struct Keys<'a>(&'a Site);

impl<'a> Keys<'a> {
    fn new(site: &'a Site) -> Self {
        fs::create_dir(site.path("gnupg")).unwrap();
        fs::set_permissions(site.path("gnupg"), fs::Permissions::from_mode(0o700)).unwrap();
        site.git("work", &["config", "gpg.format", "openpgp"]);
        Keys(site)
    }

    fn gpg(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""];
        all.extend(arguments);
        self.0.run("gpg", ".", &all)
    }

    /// Answers what gpg asks.
    fn edit(&self, arguments: &[&str], answers: &str) {
        let mut command = self.0.command("gpg", ".");
        command.args([
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--no-tty",
            "--command-fd",
            "0",
        ]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        succeeded("gpg", process.wait_with_output().unwrap());
    }

    /// A key that signs, of 2020; its fingerprint.
    fn make(&self, name: &str) -> String {
        let past = "--faked-system-time=20200101T000000";
        self.gpg(&[past, "--quick-generate-key", name, "ed25519", "sign", "never"]);
        self.fingerprint(name)
    }

    fn fingerprint(&self, name: &str) -> String {
        let listed = self.gpg(&["--with-colons", "--list-keys", name]);
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    /// Commits, signed with this key.
    fn commit(&self, key: &str) {
        self.0.commit_with(&[], &[&format!("-S{key}")]);
    }

    fn export(&self, arguments: &[&str]) {
        let keyring = self.0.path("keyring").display().to_string();
        let _ = fs::remove_file(&keyring);
        self.gpg(&[&["--output", keyring.as_str(), "--export"], arguments].concat());
    }
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        let _ = self.0.command("gpgconf", ".").args(["--kill", "all"]).status();
    }
}

#[tokio::test]
async fn a_commit_signed_with_gpg_is_taken_from_keys_in_the_ring() {
    let site = Site::new();
    let keys = Keys::new(&site);
    let (ann, bob) = (keys.make("Ann <ann@example.net>"), keys.make("Bob <bob@example.net>"));
    keys.commit(&ann);
    keys.export(&[&bob]);
    let error = refused(&site, GPG, "is not in ").await;
    assert!(error.to_string().contains(&ann), "{error}");
    let expected = format!("Ann <ann@example.net> ({ann})");
    keys.export(&[]);
    assert_eq!(signer(&site, GPG).await, expected);
    keys.export(&["--armor"]);
    assert_eq!(signer(&site, GPG).await, expected);
    // Exports one after the other in a file.
    keys.export(&["--armor", &bob]);
    let both = read(&site.path("keyring"));
    keys.export(&["--armor", &ann]);
    fs::write(site.path("keyring"), both + &read(&site.path("keyring"))).unwrap();
    assert_eq!(signer(&site, GPG).await, expected);
    // Changed, of another format, and not at all.
    let changed = object(&site, "commit", "main").replace("Change the site", "Change all");
    push_object(&site, "commit", &changed, "refs/heads/main");
    refused(&site, GPG, "it was changed after it was signed").await;
    keygen(&site.path("ann"), "ed25519", "");
    sign_with_ssh(&site, "ann");
    site.commit_with(&[], &["-S"]);
    refused(&site, GPG, "it is signed with SSH").await;
    site.commit(&[]);
    refused(&site, GPG, "it is not signed").await;
    fs::write(site.path("keyring"), "nonsense").unwrap();
    site.git("work", &["config", "gpg.format", "openpgp"]);
    keys.commit(&ann);
    assert_eq!(failure(&site.source(&site.bare(), GPG)).await.kind, SourceErrorKind::Configuration);
}

#[tokio::test]
async fn a_subkey_signs_for_its_key_until_it_may_no_more() {
    let site = Site::new();
    let keys = Keys::new(&site);
    let ann = keys.make("Ann <ann@example.net>");
    keys.gpg(&["--faked-system-time=20200102T000000", "--quick-add-key", &ann, "ed25519", "sign", "never"]);
    keys.commit(&ann);
    keys.export(&[&ann]);
    let listed = keys.gpg(&["--with-colons", "--list-keys", &ann]);
    let subkey = listed.lines().filter(|line| line.starts_with("fpr:")).nth(1).unwrap();
    let subkey = subkey.split(':').nth(9).unwrap().to_owned();
    assert_eq!(signer(&site, GPG).await, format!("Ann <ann@example.net> ({ann})"));
    // Without the subkey in the ring it is a stranger's.
    keys.export(&[&format!("{ann}!")]);
    refused(&site, GPG, &format!("{subkey} is not in ")).await;
    keys.gpg(&["--faked-system-time=20200103T000000", "--quick-set-expire", &ann, "1y", &subkey]);
    keys.export(&[&ann]);
    refused(&site, GPG, "its signer's subkey has expired").await;
    // A subkey that was made to sign, and since is for logging in only.
    keys.gpg(&["--faked-system-time=20200104T000000", "--quick-set-expire", &ann, "0", &subkey]);
    keys.export(&[&ann]);
    signer(&site, GPG).await;
    keys.edit(
        &["--faked-system-time=20200105T000000", "--edit-key", &ann],
        "key 1\nchange-usage\nS\nA\nQ\nsave\n",
    );
    keys.export(&[&ann]);
    refused(&site, GPG, "its signer's subkey is not one that signs").await;
}

#[tokio::test]
async fn a_key_that_expired_or_was_revoked_signs_no_more() {
    let site = Site::new();
    let keys = Keys::new(&site);
    let ann = keys.make("Ann <ann@example.net>");
    keys.commit(&ann);
    keys.export(&[]);
    signer(&site, GPG).await;
    keys.gpg(&["--faked-system-time=20200102T000000", "--quick-set-expire", &ann, "1y"]);
    keys.export(&[]);
    refused(&site, GPG, "its signer's key has expired").await;
    // The latest word counts.
    keys.gpg(&["--faked-system-time=20200103T000000", "--quick-set-expire", &ann, "0"]);
    keys.export(&[]);
    signer(&site, GPG).await;
    let prepared = site.path(&format!("gnupg/openpgp-revocs.d/{ann}.rev"));
    fs::write(site.path("revocation"), read(&prepared).replace(":-----BEGIN", "-----BEGIN")).unwrap();
    keys.gpg(&["--import", "revocation"]);
    keys.export(&[]);
    refused(&site, GPG, "its signer's key is revoked").await;
}
