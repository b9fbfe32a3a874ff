//! Targets that are reached over the vSphere API.

use super::*;
use crate::target::Way;

#[test]
fn what_is_wrong_with_the_settings_for_a_vcenter_is_said_where_it_stands() {
    let target = |spec: &str| {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ {spec} }}\n"
        );
        lines(&load_text(&text))
    };
    let vsphere = |more: &str| target(&format!("vsphere: {{ credentialsRef: c, {more} }}"));
    let sha256 = "ab:".repeat(31) + "ab";
    let good = format!(
        "host: vc.example.org, username: backup@vsphere.local, certificateFingerprint: '{sha256}', timeoutSeconds: 5"
    );
    assert_eq!(vsphere(&good), [""; 0]);
    assert_eq!(target("vsphere: { host: '[fd00::5]', port: 8443, credentialsRef: c }, prune: true"), [""; 0]);
    let sha1 = format!("host: vc, port: 8989, certificateFingerprint: '{}'", "AB:".repeat(19) + "AB");
    for (spec, expected) in [
        (
            "host: 'https://vc/sdk'",
            "`https://vc/sdk` cannot be a host name (write the name or the address alone",
        ),
        ("host: 'https://u:hunter2@vc'", "`what stands there` cannot be a host name"),
        ("host: -x", "`-x` cannot be a host name"),
        ("host: vc, username: 'a b'", "`a b` cannot be a user name"),
        (
            "host: vc, certificateFingerprint: ab",
            "`ab` is not a SHA-256 fingerprint (write 64 digits of hexadecimal, with or without colons, as `openssl s_client -connect vc:443 ",
        ),
        (
            &sha1,
            "is not a SHA-256 fingerprint (that is the SHA-1 thumbprint, which is too weak; write the 64 digits of SHA-256, as `openssl s_client -connect vc:8989 ",
        ),
        ("host: vc, timeoutSeconds: 0", "`timeoutSeconds` must be at least 1"),
    ] {
        let found = vsphere(spec);
        assert!(found.len() == 1 && found[0].contains(expected), "{spec}: {found:#?}");
        assert!(!found[0].contains("hunter2"), "{found:#?}");
    }
    let without = target("vsphere: { host: vc }");
    assert!(without.len() == 1 && without[0].contains("credentialsRef"), "{without:#?}");
}

#[test]
fn where_marks_are_and_how_a_target_is_asked() {
    let of = |spec: &str| {
        let text = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: t }}\nspec: {{ {spec} }}\n"
        );
        let target = load_text(&text).targets["t"].clone();
        (target.runs_commands(), target.carries_marks(), target.way())
    };
    assert_eq!(of("ssh: { host: h }"), (true, true, Way::Commands));
    assert_eq!(of("vsphere: { host: vc, credentialsRef: c }"), (false, true, Way::Vsphere));
    assert_eq!(of("incus: {}"), (false, false, Way::Commands));
    assert_eq!(of("ftp: { host: nas }"), (false, false, Way::Commands));
}
