//! What can be seen of an Incus server's settings without reaching it.

use super::super::de::short;
use super::super::node::Node;
use super::super::problems::Problems;
use super::is_word;
use super::store::is_fingerprint;
use crate::target::IncusSpec;

/// The longest path that a socket of Linux can have.
const LONGEST_SOCKET: usize = 107;

/// A server is reached by its socket or by its address, and what belongs to one of them is nothing to the other.
pub(super) fn check(spec: &IncusSpec, node: &Node, problems: &mut Problems) {
    let mut problem = |field: &str, message: String, hint: &str| {
        let path = ["incus".to_owned(), field.to_owned()];
        problems.at_path(node, &path, message, Some(hint.to_owned()), false);
    };
    let of_socket = [("socket", spec.socket.is_some()), ("ssh", spec.ssh.is_some())];
    let of_url = [
        ("credentialsRef", spec.credentials_ref.is_some()),
        ("certificateFingerprint", spec.certificate_fingerprint.is_some()),
        ("caFile", spec.ca_file.is_some()),
    ];
    let given = |all: &[(&'static str, bool)]| -> Vec<&'static str> {
        all.iter().filter(|(_, is_given)| *is_given).map(|(field, _)| *field).collect()
    };
    if spec.url.is_some() {
        for field in given(&of_socket) {
            let message = format!(
                "a server is reached by its socket or by its address, and there are `url` and `{field}`"
            );
            problem(field, message, "take one of them away");
        }
        if spec.server().is_none() {
            // Not shown: it may hold what should not be in it.
            let message = "the address of an Incus server is `https://host[:port]`".to_owned();
            problem(
                "url",
                message,
                "write nothing else into it, and an IPv6 address in brackets; a project has a field of its own",
            );
        }
        if spec.credentials_ref.is_none() {
            let message =
                "`url` wants the client's certificate, by which the server knows who calls".to_owned();
            problem(
                "url",
                message,
                "name with `credentialsRef` the credential that holds `certificate` and `privateKey`",
            );
        }
    } else {
        for field in given(&of_url) {
            let message = format!("`{field}` means nothing without `url`: a socket asks for no certificate");
            problem(field, message, "give the server's `url`, or take this away");
        }
    }
    if let Some(odd) = spec.certificate_fingerprint.as_ref().filter(|text| !is_fingerprint(text)) {
        let message = format!("`{}` is not a SHA-256 fingerprint", short(odd));
        let hint = "write 64 digits of hexadecimal, with or without colons, as `incus info` on the server shows them";
        problem("certificateFingerprint", message, hint);
    }
    if let Some(odd) = spec.socket.as_ref().filter(|path| !is_socket(path)) {
        let message = format!("`{}` cannot be the path of a socket", short(odd));
        problem("socket", message, "write the whole path, from `/`; it has at most 107 bytes");
    }
    if let Some(odd) = spec.project.as_ref().filter(|name| !is_word(name) || name.contains(['/', '?', '&'])) {
        let message = format!("`{}` cannot be the name of a project", short(odd));
        problem("project", message, "`incus project list` shows them");
    }
    if spec.timeout_seconds == Some(0) {
        let message = "`timeoutSeconds` must be at least 1".to_owned();
        problem("timeoutSeconds", message, "take it away for the default");
    }
}

fn is_socket(path: &str) -> bool {
    path.starts_with('/') && path.len() <= LONGEST_SOCKET && !path.chars().any(char::is_control)
}
