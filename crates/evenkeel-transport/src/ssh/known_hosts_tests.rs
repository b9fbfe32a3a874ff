use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

proptest! {
    #[test]
    fn any_lines_are_read_or_passed_over(
        lines in prop::collection::vec(
            prop_oneof!["\\PC{0,60}", "(@revoked |@cert-authority )?[a-z*?!,|1=]{0,20} (ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]{0,70}"],
            0..10,
        ),
    ) {
        let (_folder, known) = known("web", 2222, &lines.join("\n"));
        // None of them is the key.
        prop_assert!(known.check(&key(A), false).is_err());
    }
}

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn known(host: &str, port: u16, text: &str) -> (tempfile::TempDir, KnownHosts) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    std::fs::write(&file, text).unwrap();
    let known = KnownHosts::look_up(HostName::new(host, port), vec![file]).unwrap();
    (folder, known)
}

fn kind(host: &str, port: u16, text: &str, presented: &str) -> Result<(), TransportErrorKind> {
    known(host, port, text).1.check(&key(presented), false).map_err(|e| e.kind)
}

#[test]
fn entries_match_by_name_pattern_port_and_hash() {
    use TransportErrorKind::HostKeyUnknown;
    // `ssh-keygen -H` of `example.com`, and of `[example.com]:2222`.
    let salt = [7_u8; 20];
    let hashed = |name: &str| {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt), name.as_bytes());
        format!("|1|{}|{} {A}", engine.encode(salt), engine.encode(hash))
    };
    let cases = [
        ("web", 22, format!("web {A}"), Ok(())),
        ("WEB", 22, format!("# comment\n\nother,web\t{A} comment"), Ok(())),
        ("web", 2222, format!("[web]:2222 {A}"), Ok(())),
        ("web", 2222, format!("web {A}"), Ok(())),
        ("web", 22, format!("[web]:2222 {A}"), Err(HostKeyUnknown)),
        ("a.net", 22, format!("*.net,!b.net {A}"), Ok(())),
        ("b.net", 22, format!("*.net,!b.net {A}"), Err(HostKeyUnknown)),
        ("example.com", 22, hashed("example.com"), Ok(())),
        ("example.com", 2222, hashed("[example.com]:2222"), Ok(())),
        ("example.org", 22, hashed("example.com"), Err(HostKeyUnknown)),
        ("web", 22, format!("web ssh-ed25519 broken\nweb {A}"), Ok(())),
    ];
    for (host, port, text, expected) in cases {
        assert_eq!(kind(host, port, &text, A), expected, "{host} {port} {text}");
    }
}

#[test]
fn another_key_is_refused_with_both_fingerprints_and_the_place() {
    let (folder, known) = known("web", 2222, &format!("# first\n[web]:2222 {A}\n"));
    for accept_new in [false, true] {
        let error = known.check(&key(B), accept_new).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::HostKeyChanged);
        let file = folder.path().join("known_hosts");
        for part in [fingerprint(&key(A)), fingerprint(&key(B)), format!("{}:2", file.display())] {
            assert!(error.message.contains(&part), "{part} in {error}");
        }
        let hint = error.hint.unwrap();
        assert!(hint.contains("ssh-keygen -R '[web]:2222'"), "{hint}");
    }
}

#[test]
fn a_new_type_of_key_is_refused_like_a_changed_one() {
    let (_folder, known) = known("web", 22, &format!("web {A}\n"));
    assert_eq!(known.algorithms(), [Algorithm::Ed25519]);
    assert_eq!(known.check(&key(ECDSA), true).unwrap_err().kind, TransportErrorKind::HostKeyChanged);
}

#[test]
fn a_revoked_key_is_refused_though_it_is_known() {
    let text = format!("web {A}\n@revoked * {A}\n");
    assert_eq!(kind("web", 22, &text, A), Err(TransportErrorKind::HostKeyChanged));
    assert_eq!(kind("web", 22, &format!("@revoked * {B}\nweb {A}"), A), Ok(()));
}

#[test]
fn a_certificate_authority_vouches_for_no_plain_key() {
    let (_folder, known) = known("web", 22, &format!("@cert-authority * {A}"));
    let error = known.check(&key(A), false).unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::HostKeyUnknown);
    assert!(error.message.contains("certificate authority"), "{error}");
}

#[test]
fn a_new_key_is_written_down_once_and_privately() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/known_hosts");
    let look_up = || KnownHosts::look_up(HostName::new("web", 2222), vec![file.clone()]).unwrap();
    look_up().check(&key(A), true).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("[web]:2222 {A}\n"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    look_up().check(&key(A), false).unwrap();
    look_up().check(&key(B), true).unwrap_err();
}

#[test]
fn a_file_without_a_final_line_break_is_not_spoiled() {
    let (folder, known) = known("new", 22, &format!("web {A}"));
    known.check(&key(B), true).unwrap();
    let text = std::fs::read_to_string(folder.path().join("known_hosts")).unwrap();
    assert_eq!(text, format!("web {A}\nnew {B}\n"));
}

#[test]
fn an_unknown_key_comes_with_the_command_that_adds_it() {
    let (_folder, known) = known("web", 22, "");
    let error = known.check(&key(A), false).unwrap_err();
    assert!(error.message.contains(&fingerprint(&key(A))), "{error}");
    assert!(error.hint.unwrap().contains(&format!("echo 'web {A}' >>")));
}

#[test]
fn a_file_without_an_end_is_an_error() {
    let error = KnownHosts::look_up(HostName::new("a", 22), vec!["/dev/zero".into()]).unwrap_err();
    assert!(error.message.contains("/dev/zero: it is not a file"), "{error}");
    // Where `/dev/null` stands for no file, it has no keys.
    KnownHosts::look_up(HostName::new("a", 22), vec!["/dev/null".into()]).unwrap();
}
