//! What stands above changes: where they are, what they are, and how risky.

use evenkeel_core::driver::Risk;
use evenkeel_core::plan::{Action, Change};
use evenkeel_core::target::Target;

use crate::ui::fold::some_of;
use crate::ui::style::{Tone, paint};

/// Names shown of a group.
pub(super) const GROUP_NAMES: usize = 6;

/// `ssh root@host:22`
pub(super) fn describe(target: &Target) -> String {
    match &target.spec.ssh {
        None if target.spec.local.is_some() => "this machine".to_owned(),
        None => target.address(),
        Some(ssh) => {
            let user = ssh.user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
            let port = ssh.port.map(|p| format!(":{p}")).unwrap_or_default();
            format!("ssh {user}{}{port}", ssh.host)
        }
    }
}

/// The first of these hosts, and how many more there are.
pub(super) fn some_hosts(hosts: &[&str]) -> String {
    some_of(hosts, GROUP_NAMES)
}

/// `~ update ZfsDataset/vm  tank/vm  [disruptive]`, of one resource (here or on several hosts) or of several.
pub(super) fn title(members: &[&Change], one_resource: bool) -> String {
    let Some(first) = members.first() else { return String::new() };
    let (sign, verb, tone) = sign(first);
    let kind = &first.id.kind;
    let what = if one_resource {
        format!("{kind}/{}  {}", first.id.name, paint(Tone::Faint, &first.object))
    } else {
        let objects: Vec<&str> = members.iter().map(|change| change.object.as_str()).collect();
        let names = format!("  {}", some_of(&objects, GROUP_NAMES));
        format!("{} {kind}{}", members.len(), paint(Tone::Faint, names))
    };
    format!("{} {what}{}", paint(tone, format!("{sign} {verb}")), risk(first))
}

fn sign(change: &Change) -> (&'static str, &'static str, Tone) {
    if change.error.is_some() {
        return ("?", "unknown", Tone::Bad);
    }
    if change.busy.is_some() {
        return ("·", "busy", Tone::Warn);
    }
    if change.suspended {
        return ("·", "suspended", Tone::Faint);
    }
    match change.action {
        Action::NoOp => (" ", "unchanged", Tone::Faint),
        Action::Create => ("+", "create", Tone::Create),
        Action::Update => ("~", "update", Tone::Change),
        Action::Replace => ("±", "replace", Tone::Remove),
        Action::Delete => ("-", "delete", Tone::Remove),
        Action::Forget => (" ", "forget", Tone::Faint),
    }
}

fn risk(change: &Change) -> String {
    let word = match change.risk {
        Risk::Safe => return String::new(),
        Risk::Disruptive => "disruptive",
        Risk::Destructive => "destructive",
        Risk::DataLoss => "risks data",
    };
    format!(
        "  {}",
        paint(if change.risk == Risk::Disruptive { Tone::Warn } else { Tone::Bad }, format!("[{word}]"))
    )
}
