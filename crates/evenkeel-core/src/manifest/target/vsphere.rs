//! What can be seen of the settings for the vSphere API without reaching it.

use super::super::de::short;
use super::super::node::Node;
use super::super::problems::Problems;
use super::store::is_fingerprint;
use super::{is_host, is_word};
use crate::target::VsphereSpec;

/// The host becomes part of a URL and of messages for people to copy; its certificate is pinned by 64 digits.
pub(super) fn check(spec: &VsphereSpec, node: &Node, problems: &mut Problems) {
    let mut problem = |field: &str, message: String, hint: &str| {
        let path = ["vsphere".to_owned(), field.to_owned()];
        problems.at_path(node, &path, message, Some(hint.to_owned()), false);
    };
    if !is_host(&spec.host) {
        // Not shown where it may hold what should not be in it.
        let shown = if spec.host.contains('@') { "what stands there" } else { &short(&spec.host) };
        let message = format!("`{shown}` cannot be a host name");
        problem(
            "host",
            message,
            "write the name or the address alone: the scheme is `https`, the path `/sdk`, and `port` has a field of its own",
        );
    }
    if let Some(odd) = spec.username.as_ref().filter(|user| !is_word(user)) {
        let message = format!("`{}` cannot be a user name", short(odd));
        problem("username", message, "write it as `name@domain`, without blanks and without a `-` in front");
    }
    if let Some(odd) = spec.certificate_fingerprint.as_ref().filter(|text| !is_fingerprint(text)) {
        let (message, host) = (format!("`{}` is not a SHA-256 fingerprint", short(odd)), &spec.host);
        let hint = if is_thumbprint(odd) {
            "that is the SHA-1 thumbprint, which is too weak; write the 64 digits of SHA-256, as `openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256` prints them"
        } else {
            "write 64 digits of hexadecimal, with or without colons, as `openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256` prints them"
        };
        let server = format!("{host}:{}", spec.port());
        let hint = if is_host(host) { hint.replace("HOST:443", &server) } else { hint.to_owned() };
        problem("certificateFingerprint", message, &hint);
    }
    if spec.timeout_seconds == Some(0) {
        let message = "`timeoutSeconds` must be at least 1".to_owned();
        problem("timeoutSeconds", message, "take it away for the default");
    }
}

/// 40 digits of hexadecimal, as vSphere's own tools show the SHA-1 of a certificate.
fn is_thumbprint(text: &str) -> bool {
    let digits: Vec<char> = text.chars().filter(|c| *c != ':').collect();
    digits.len() == 40 && digits.iter().all(char::is_ascii_hexdigit)
}
