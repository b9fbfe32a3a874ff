//! What the controller's own document may say.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::report::Report;
use crate::config::{ControllerSpec, HistorySpec, HttpSpec, LimitsSpec};
use crate::manifest::{Node, Problems, UNREAD, choices, did_you_mean, short};
use crate::period::Period;

/// What is forgotten sooner than this is as good as not kept.
const LEAST_HISTORY: Period = Period::minutes(60);

pub(in crate::config) fn controller(spec: &ControllerSpec, node: &Node, problems: &mut Problems) {
    let mut report = Report::new(node, problems);
    for (field, path) in [
        ("stateDirectory", &spec.state_directory),
        ("credentials", &spec.credentials),
        ("sshConfig", &spec.ssh_config),
        ("ageIdentity", &spec.age_identity),
    ] {
        report.optional_path(&[field], path.as_ref());
    }
    match &spec.http {
        Some(http) => check_http(http, &mut report),
        None => refuse_without_http(spec, &mut report),
    }
    check_tokens(spec, &mut report);
    check_webhooks(spec, &mut report);
    check_limits(spec.limits, &mut report);
    check_history(spec.history, &mut report);
}

/// A webhook wakes sources that exist.
pub(in crate::config) fn webhook_sources(
    spec: &ControllerSpec,
    node: &Node,
    sources: &[&str],
    problems: &mut Problems,
) {
    let mut report = Report::new(node, problems);
    for (nth, webhook) in spec.webhooks.iter().enumerate() {
        for (at, name) in webhook.sources.iter().enumerate() {
            if sources.contains(&name.as_str()) {
                continue;
            }
            let near = did_you_mean(name, sources.iter().copied());
            let message = format!("there is no source `{}`{near}", short(name));
            let hint = if report.has_unread() {
                UNREAD.to_owned()
            } else {
                choices("the sources are", sources.iter().copied())
                    .unwrap_or_else(|| "add a GitSource or a DirectorySource".to_owned())
            };
            report.error(&["webhooks", &nth.to_string(), "sources", &at.to_string()], message, hint);
        }
    }
}

fn check_http(http: &HttpSpec, report: &mut Report<'_>) {
    match http.listen.parse::<SocketAddr>() {
        Err(_) => {
            let message = format!("`{}` is not an address with a port", short(&http.listen));
            let hint =
                "write an address, not a name: `127.0.0.1:8750`, `[::1]:8750`, or `0.0.0.0:8750` for all";
            report.error(&["http", "listen"], message, hint);
        }
        Ok(address) if address.ip().is_loopback() => {}
        Ok(address) => {
            if !http.allow_remote {
                let message = format!("{address} can be reached by other machines");
                let hint = "write `allowRemote: true` if that is wanted, or listen on 127.0.0.1";
                report.error(&["http", "listen"], message, hint);
            }
            if http.tls.is_none() && !http.allow_plaintext {
                let message = format!("{address} would be served without encryption, tokens and all");
                let hint = "give `tls`, or write `allowPlaintext: true` where a proxy in front encrypts";
                report.error(&["http", "listen"], message, hint);
            }
        }
    }
    if let Some(tls) = &http.tls {
        report.path(&["http", "tls", "certificate"], &tls.certificate);
        report.path(&["http", "tls", "key"], &tls.key);
    }
}

/// What comes over HTTP only would wait for ever.
fn refuse_without_http(spec: &ControllerSpec, report: &mut Report<'_>) {
    if !spec.webhooks.is_empty() {
        report.error(
            &["webhooks"],
            "webhooks come over HTTP, and there is no `http`",
            "add `http: { listen: 127.0.0.1:8750 }`, or use `evenkeel notify` on this machine",
        );
    }
    if !spec.tokens.is_empty() {
        let message = "tokens are for HTTP, and there is no `http`";
        report.warning(
            &["tokens"],
            message,
            "the control socket asks for none: take them away, or add `http`",
        );
    }
}

fn check_tokens(spec: &ControllerSpec, report: &mut Report<'_>) {
    let mut names = BTreeSet::new();
    for (nth, token) in spec.tokens.iter().enumerate() {
        let nth = nth.to_string();
        report.name(&["tokens", &nth, "name"], &token.name);
        report.name(&["tokens", &nth, "credentialsRef"], &token.credentials_ref);
        if !names.insert(token.name.as_str()) {
            let message = format!("there are two tokens `{}`", short(&token.name));
            let hint = "rename one of them: events and runs name who caused them";
            report.error(&["tokens", &nth, "name"], message, hint);
        }
    }
}

fn check_webhooks(spec: &ControllerSpec, report: &mut Report<'_>) {
    let mut names = BTreeSet::new();
    for (nth, webhook) in spec.webhooks.iter().enumerate() {
        let nth = nth.to_string();
        // Names have no character that an address would have to escape.
        report.name(&["webhooks", &nth, "name"], &webhook.name);
        report.name(&["webhooks", &nth, "credentialsRef"], &webhook.credentials_ref);
        if !names.insert(webhook.name.as_str()) {
            let message = format!("there are two webhooks `{}`", short(&webhook.name));
            let hint = "rename one of them: the name is the last part of its address";
            report.error(&["webhooks", &nth, "name"], message, hint);
        }
    }
}

fn check_limits(limits: LimitsSpec, report: &mut Report<'_>) {
    const MOST: u16 = 1000;
    for (field, count, most) in [
        ("reading", limits.reading, MOST),
        ("writing", limits.writing, MOST),
        ("connections", limits.connections, u16::MAX),
        ("webhooksPerMinute", limits.webhooks_per_minute, u16::MAX),
        ("corrections", limits.corrections, u16::MAX),
    ] {
        if count == 0 || count > most {
            let message = format!("`limits.{field}` must be from 1 to {most}, found {count}");
            report.error(&["limits", field], message, "take it away for the default");
        }
    }
    let hint = "take it away for the default, `1h`";
    report.at_least(&["limits", "idle"], Some(limits.idle), Period::seconds(1), hint);
}

fn check_history(history: HistorySpec, report: &mut Report<'_>) {
    for (field, kept) in
        [("runs", history.runs), ("events", history.events), ("observations", history.observations)]
    {
        let hint = "take it away for the default";
        report.at_least(&["history", field], Some(kept), LEAST_HISTORY, hint);
    }
}
