//! Targets out of manifests.

mod incus;
mod store;
mod vsphere;

use super::de::short;
use super::document::{NAME_RULE, is_name};
use super::node::Node;
use super::problems::Problems;
use super::read_spec;
use super::suggest::nearest;
use crate::target::{HostKeyChecking, SshSpec, TargetSpec, WAYS};

/// The kind of the manifests that describe targets.
pub(super) const KIND: &str = "Target";

/// Reads and checks how a target is reached. `None` where that could not be read.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<TargetSpec> {
    let spec: TargetSpec = read_spec(node, problems)?;
    let given: Vec<&str> = node.keys().filter(|key| WAYS.contains(key)).collect();
    match given.as_slice() {
        // A misspelt one is reported already.
        [] if node.keys().all(|key| nearest(key, WAYS).is_none()) => problems.at_path(
            node,
            &[],
            "the target does not say how it is reached".to_owned(),
            Some("write `ssh: { host: … }` or `local: {}`, for a store of files one of `ftp`, `sftp`, `s3`, `azblob`, `webdav`, or for an interface `proxmox`, `incus` or `vsphere`".to_owned()),
            false,
        ),
        [first, second, ..] => problems.at_path(
            node,
            &[(*second).to_owned()],
            format!("a target is reached in one way, and there are `{first}` and `{second}`"),
            Some("take one of them away".to_owned()),
            false,
        ),
        _ => {}
    }
    if spec.prune && given.iter().any(|way| !["ssh", "local", "vsphere"].contains(way)) {
        let message =
            "`prune` is for machines that commands are run on, and for `vsphere`: nothing here carries a mark"
                .to_owned();
        let hint = Some("take it away".to_owned());
        problems.at_path(node, &["prune".to_owned()], message, hint, false);
    }
    if let Some(owner) = spec.owner.as_ref().filter(|owner| !is_name(owner)) {
        let message = format!("`{}` is not a name", short(owner));
        let hint = format!("use {NAME_RULE}");
        problems.at_path(node, &["owner".to_owned()], message, Some(hint), false);
    }
    for (way, ssh) in every_ssh(&spec) {
        check_ssh(ssh, way, node, problems);
    }
    store::check(&spec, node, problems);
    if let Some(incus) = &spec.incus {
        incus::check(incus, node, problems);
    }
    if let Some(vsphere) = &spec.vsphere {
        vsphere::check(vsphere, node, problems);
    }
    Some(spec)
}

/// Each way that leads through SSH, and where its settings stand.
fn every_ssh(spec: &TargetSpec) -> impl Iterator<Item = (&'static [&'static str], &SshSpec)> {
    let of_incus = spec.incus.as_ref().and_then(|incus| incus.ssh.as_ref());
    let all: [(&[&str], _); 3] =
        [(&["ssh"], spec.ssh.as_ref()), (&["sftp"], spec.sftp.as_ref()), (&["incus", "ssh"], of_incus)];
    all.into_iter().filter_map(|(way, ssh)| Some((way, ssh?)))
}

/// The place of a field of one of them.
fn field_of(way: &[&str], field: &str) -> Vec<String> {
    way.iter().chain([&field]).map(|&part| part.to_owned()).collect()
}

/// What of a target uses the machine that Evenkeel runs on, as errors: for manifests of somebody who may not.
pub(super) fn refuse_this_machine(spec: &TargetSpec, node: &Node, problems: &mut Problems) {
    let allow = "`allowLocal: true` of the source, in the controller's configuration, lets its manifests do that; \
                 whoever can change them can then run commands on the controller's machine";
    if spec.local.is_some() {
        let message = "a source's manifests may not use the controller's own machine".to_owned();
        let hint = format!("reach the machine by `ssh`; {allow}");
        problems.at_path(node, &["local".to_owned()], message, Some(hint), false);
    }
    if spec.incus.as_ref().is_some_and(|incus| incus.ssh.is_none() && incus.url.is_none()) {
        let message =
            "a source's manifests may not use the socket of Incus on the controller's own machine".to_owned();
        let hint = format!("reach the server by `url`, or its machine by `ssh`; {allow}");
        problems.at_path(node, &["incus".to_owned()], message, Some(hint), false);
    }
    for (way, ssh) in every_ssh(spec) {
        if ssh.host_key_checking != Some(HostKeyChecking::AcceptNew) || ssh.known_hosts.is_none() {
            continue;
        }
        let message = "a source's manifests may not name the file that `accept-new` writes to".to_owned();
        let hint =
            format!("take `knownHosts` away, or add the host's key to that file and check strictly; {allow}");
        problems.at_path(node, &field_of(way, "knownHosts"), message, Some(hint), false);
    }
}

/// Host and user become arguments of other programs: neither may look like an option. A host's name is also written
/// into `known_hosts`, where patterns would be about other hosts, and shown in commands for people to copy.
fn check_ssh(ssh: &SshSpec, way: &[&str], node: &Node, problems: &mut Problems) {
    let user = ssh.user.as_ref().filter(|user| !is_word(user));
    let host = Some(&ssh.host).filter(|host| !is_host(host));
    for (field, text) in [("host", host), ("user", user)] {
        let Some(text) = text else { continue };
        let message = format!("`{}` cannot be a {field} name", short(text));
        let hint = Some("write it without blanks and signs, and without a `-` in front".to_owned());
        problems.at_path(node, &field_of(way, field), message, hint, false);
    }
    let jumps = ssh.proxy_jump.as_deref().unwrap_or("none").split(',').map(str::trim);
    if let Some(odd) = jumps.map(jump_host).find(|host| !is_host(host)) {
        let message = format!("`{}` cannot be a host name", short(odd));
        let hint = Some("write jump hosts as `[user@]host[:port]`, with a comma between them".to_owned());
        problems.at_path(node, &field_of(way, "proxyJump"), message, hint, false);
    }
    let times = [
        ("connectTimeoutSeconds", ssh.connect_timeout_seconds),
        ("commandTimeoutSeconds", ssh.command_timeout_seconds),
        ("keepaliveSeconds", ssh.keepalive_seconds),
    ];
    for (field, _) in times.into_iter().filter(|(_, seconds)| *seconds == Some(0)) {
        let message = format!("`{field}` must be at least 1");
        let hint = Some("take it away for the default".to_owned());
        problems.at_path(node, &field_of(way, field), message, hint, false);
    }
}

/// Host and port of a jump host.
fn jump_host(text: &str) -> &str {
    let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
    text.rsplit('@').next().unwrap_or_default()
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

pub(super) fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%' | '[' | ']');
    is_word(text) && text.chars().all(fits)
}
