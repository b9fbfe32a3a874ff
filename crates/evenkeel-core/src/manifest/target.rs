//! Targets out of manifests.

use super::de::short;
use super::document::{NAME_RULE, is_name};
use super::node::Node;
use super::problems::Problems;
use super::read_spec;
use super::suggest::nearest;
use crate::target::TargetSpec;

/// The kind of the manifests that describe targets.
pub(super) const KIND: &str = "Target";

/// Reads and checks how a target is reached. `None` where that could not be read.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<TargetSpec> {
    let spec: TargetSpec = read_spec(node, problems)?;
    match (&spec.ssh, &spec.local) {
        // A misspelt one is reported already.
        (None, None) if node.keys().all(|key| nearest(key, ["ssh", "local"]).is_none()) => problems.at_path(
            node,
            &[],
            "the target does not say how it is reached".to_owned(),
            Some("write `ssh: { host: … }` or `local: {}`".to_owned()),
            false,
        ),
        (Some(_), Some(_)) => problems.at_path(
            node,
            &["local".to_owned()],
            "a target is reached by `ssh` or is `local`, not both".to_owned(),
            Some("take one of them away".to_owned()),
            false,
        ),
        _ => {}
    }
    if let Some(owner) = spec.owner.as_ref().filter(|owner| !is_name(owner)) {
        let message = format!("`{}` is not a name", short(owner));
        let hint = format!("use {NAME_RULE}");
        problems.at_path(node, &["owner".to_owned()], message, Some(hint), false);
    }
    check_ssh(&spec, node, problems);
    Some(spec)
}

/// Host and user become arguments of other programs: neither may look like an option.
fn check_ssh(spec: &TargetSpec, node: &Node, problems: &mut Problems) {
    let Some(ssh) = &spec.ssh else { return };
    for (field, text) in [("host", Some(&ssh.host)), ("user", ssh.user.as_ref())] {
        let Some(text) = text else { continue };
        let odd = text.is_empty()
            || text.starts_with('-')
            || text.chars().any(|c| c.is_whitespace() || c.is_control());
        if odd {
            let message = format!("`{}` cannot be a {field} name", short(text));
            let hint = Some("write it without blanks and without a `-` in front".to_owned());
            problems.at_path(node, &["ssh".to_owned(), field.to_owned()], message, hint, false);
        }
    }
    let times = [
        ("connectTimeoutSeconds", ssh.connect_timeout_seconds),
        ("commandTimeoutSeconds", ssh.command_timeout_seconds),
        ("keepaliveSeconds", ssh.keepalive_seconds),
    ];
    for (field, _) in times.into_iter().filter(|(_, seconds)| *seconds == Some(0)) {
        let message = format!("`{field}` must be at least 1");
        let hint = Some("take it away for the default".to_owned());
        problems.at_path(node, &["ssh".to_owned(), field.to_owned()], message, hint, false);
    }
}
