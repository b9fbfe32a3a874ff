//! What is wrong with a spec, as far as that shows without the host.

use evenkeel_core::driver::Finding;

use super::spec::{EsxiNfsDatastoreSpec, NfsVersion};
use crate::esxi::api;

/// vSphere takes no longer names of datastores.
const LONGEST_NAME: usize = 42;

pub(super) fn check(spec: &EsxiNfsDatastoreSpec) -> Vec<Finding> {
    let mut found: Vec<Finding> = api::check(spec.esxi_host.as_deref()).into_iter().collect();
    let mut wrong = |field: &str, message: String, hint: &str| {
        found.push(Finding::error([field], message).hint(hint));
    };
    if let Some(problem) = problem_of_name(&spec.name) {
        wrong(
            "name",
            format!("`{}` {problem}", spec.name.escape_debug()),
            "write a name such as `NFS_durian`",
        );
    }
    if spec.host.is_empty() {
        wrong("host", "there is no server".to_owned(), "write its name or address");
    }
    let odd_host = |host: &&str| {
        host.is_empty() || host.starts_with('-') || host.contains(|c: char| c == ',' || c == '/' || is_odd(c))
    };
    if let Some(host) = spec.host.iter().find(odd_host) {
        wrong(
            "host",
            format!("`{}` is no name or address of a server", host.escape_debug()),
            "write a name or an address, or with `version: 4.1` a list of them",
        );
    }
    if spec.version == NfsVersion::V3 && spec.host.iter().count() > 1 {
        wrong(
            "host",
            "NFS 3 knows one server only".to_owned(),
            "write one name or address, or `version: 4.1`",
        );
    }
    if spec.hosts().len() < spec.host.iter().count() {
        wrong("host", "a server is listed twice".to_owned(), "write each name once");
    }
    let share = &spec.share;
    if share.trim() != share || share.is_empty() || share.starts_with('-') || share.contains(char::is_control)
    {
        wrong(
            "share",
            format!("`{}` is nothing that a server exports", share.escape_debug()),
            "write the path as the server exports it, such as `/POOL1/nfs`",
        );
    }
    found
}

fn is_odd(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Why a text is no name of a datastore, after the text.
fn problem_of_name(name: &str) -> Option<&'static str> {
    let told = [
        (name.is_empty(), "is no name"),
        (name.chars().count() > LONGEST_NAME, "is longer than 42 characters"),
        (name.trim() != name, "begins or ends with a blank"),
        (name.starts_with('-'), "begins with `-`, which the host takes for an option"),
        (name.contains(['/', '\\', '[', ']']), "has a `/`, `\\`, `[` or `]` in it"),
        (name.contains(char::is_control), "has a control character in it"),
    ];
    told.into_iter().find(|(wrong, _)| *wrong).map(|(_, problem)| problem)
}
