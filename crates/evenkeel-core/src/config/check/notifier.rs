//! What a notifier may say.

use std::net::IpAddr;

use super::report::Report;
use crate::config::notifier::RECEIVERS;
use crate::config::{CommitStatusSpec, EmailSpec, MailTls, NotifierSpec, ReceiverSpec};
use crate::manifest::{Node, Problems, UNREAD, choices, did_you_mean, short};
use crate::period::Period;

/// A receiver that is given less time never has enough.
const LEAST_PATIENCE: Period = Period::seconds(1);

/// One that is given more holds its own messages up.
const MOST_PATIENCE: Period = Period::minutes(5);

/// A shorter digest collects nothing.
const LEAST_DIGEST: Period = Period::seconds(10);

/// What is told a day later is history.
const MOST_DIGEST: Period = Period::days(1);

/// An e-mail goes to so many addresses at most.
const MOST_ADDRESSES: usize = 50;

pub(in crate::config) fn notifier(spec: &NotifierSpec, node: &Node, problems: &mut Problems) {
    let mut report = Report::new(node, problems);
    check_receiver(spec, &mut report);
    if spec.max_per_hour == 0 {
        let message = "`maxPerHour` must be at least 1, found 0";
        report.error(&["maxPerHour"], message, "take it away for the default, 30");
    }
    let within = [
        ("timeout", spec.timeout, LEAST_PATIENCE, MOST_PATIENCE, "take it away for the default, `10s`"),
        ("digest", spec.digest, LEAST_DIGEST, MOST_DIGEST, "take it away to be told at once"),
    ];
    for (field, found, least, most, hint) in within {
        report.at_least(&[field], found, least, hint);
        if let Some(found) = found.filter(|found| *found > most) {
            report.error(&[field], format!("`{field}` must be at most {most}, found {found}"), hint);
        }
    }
    report.optional_path(&["caFile"], spec.ca_file.as_ref());
    check_on(spec, &mut report);
}

/// A notifier tells of sources that exist.
pub(in crate::config) fn notifier_sources(
    spec: &NotifierSpec,
    node: &Node,
    sources: &[&str],
    problems: &mut Problems,
) {
    let mut report = Report::new(node, problems);
    for (nth, name) in spec.on.sources.iter().enumerate().filter(|(_, n)| !sources.contains(&n.as_str())) {
        let near = did_you_mean(name, sources.iter().copied());
        let hint = if report.has_unread() {
            UNREAD.to_owned()
        } else {
            choices("the sources are", sources.iter().copied())
                .unwrap_or_else(|| "add a GitSource or a DirectorySource".to_owned())
        };
        let message = format!("there is no source `{}`{near}", short(name));
        report.error(&["on", "sources", &nth.to_string()], message, hint);
    }
}

fn check_receiver(spec: &NotifierSpec, report: &mut Report<'_>) {
    let is_given =
        [spec.slack.is_some(), spec.webhook.is_some(), spec.email.is_some(), spec.commit_status.is_some()];
    let given: Vec<&str> =
        RECEIVERS.into_iter().zip(is_given).filter_map(|(name, given)| given.then_some(name)).collect();
    match given.as_slice() {
        [] => {
            let message = "the notifier does not say who is told";
            report.error(&[], message, choices("write one of", RECEIVERS).unwrap_or_default());
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("`{second}` stands beside `{first}`: a notifier tells one receiver");
            report.error(&[second], message, "take one of them away, or make two notifiers");
        }
    }
    if let Some(slack) = &spec.slack {
        report.name(&["slack", "credentialsRef"], &slack.credentials_ref);
    }
    if let Some(webhook) = &spec.webhook {
        check_webhook(webhook, report);
    }
    if let Some(email) = &spec.email {
        check_email(email, report);
    }
    if let Some(status) = &spec.commit_status {
        check_status(status, spec, report);
    }
}

fn check_webhook(webhook: &ReceiverSpec, report: &mut Report<'_>) {
    check_address(&["webhook", "url"], &webhook.url, report);
    report.name(&["webhook", "credentialsRef"], &webhook.credentials_ref);
}

fn check_status(status: &CommitStatusSpec, spec: &NotifierSpec, report: &mut Report<'_>) {
    if let Some(url) = &status.url {
        check_address(&["commitStatus", "url"], url, report);
    }
    report.name(&["commitStatus", "credentialsRef"], &status.credentials_ref);
    let on = &spec.on;
    let unused = [
        ("weight", on.weight.is_some()),
        ("reasons", !on.reasons.is_empty()),
        ("targets", !on.targets.is_empty()),
        ("kinds", !on.kinds.is_empty()),
    ];
    for (field, _) in unused.into_iter().filter(|(_, given)| *given) {
        let message = format!("`on.{field}` is not used: the state is that of a whole commit");
        report.warning(&["on", field], message, "take it away; `on.sources` chooses the sources");
    }
    if spec.digest.is_some() {
        let message = "`digest` is not used: a commit has one state";
        report.warning(&["digest"], message, "take it away");
    }
}

/// An address that nobody on the way can read what is sent to, without a secret in it.
fn check_address(path: &[&str], url: &str, report: &mut Report<'_>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        report.error(path, "this is not the address of a server", "write `https://host/path`");
        return;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let hint = "take it away: what is secret stands in the credential";
        report.secret_error(path, "the address holds a user name or password", hint);
        return;
    }
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if url.contains(odd) || host_of(authority).is_empty() {
        report.error(path, "this is not the address of a server", "write `https://host/path`");
        return;
    }
    match scheme {
        "https" => {}
        "http" if is_this_machine(host_of(authority)) => {}
        "http" => report.error(
            path,
            "what is sent would go over the network unencrypted",
            "use https; http is for this machine only",
        ),
        other => {
            let near = did_you_mean(other, ["https", "http"]);
            let message = format!("nothing is told by the scheme `{}`{near}", short(other));
            report.error(path, message, "use https");
        }
    }
}

fn check_email(email: &EmailSpec, report: &mut Report<'_>) {
    let server = email.server.as_str();
    let odd = |c: char| c.is_whitespace() || c.is_control() || "/@".contains(c);
    if server.is_empty() || server.contains(odd) {
        let message = format!("`{}` is not the name of a mail server", short(server));
        report.error(&["email", "server"], message, "write its name or address, without port and scheme");
    } else if email.tls == MailTls::None && !is_this_machine(server) {
        let message = "mail would go over the network unencrypted";
        report.error(
            &["email", "tls"],
            message,
            "write `StartTls` or `Tls`; `None` is for a mail server on this machine",
        );
    }
    if email.port == Some(0) {
        report.error(&["email", "port"], "0 is no port", "take it away for the usual one");
    }
    check_mailbox(&["email", "from"], &email.from, report);
    if email.to.is_empty() {
        report.error(&["email", "to"], "`email.to` is empty", "write at least one address");
    }
    if email.to.len() > MOST_ADDRESSES {
        let message =
            format!("an e-mail goes to at most {MOST_ADDRESSES} addresses, found {}", email.to.len());
        report.error(&["email", "to"], message, "make a list of them on the mail server");
    }
    for (nth, address) in email.to.iter().enumerate() {
        check_mailbox(&["email", "to", &nth.to_string()], address, report);
    }
    if let Some(name) = &email.credentials_ref {
        report.name(&["email", "credentialsRef"], name);
    }
}

/// `name@host`. What else an address may look like is left to those who need it.
fn check_mailbox(path: &[&str], address: &str, report: &mut Report<'_>) {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c);
    let is_address = address
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !is_address || address.contains(odd) {
        let message = format!("`{}` is not an e-mail address", short(address));
        report.error(path, message, "write it as `name@host`, without a name before it");
    }
}

fn check_on(spec: &NotifierSpec, report: &mut Report<'_>) {
    let on = &spec.on;
    if on.weight.is_some() && !on.reasons.is_empty() {
        let message = "`on.weight` is not used: `on.reasons` says what is told, whatever it weighs";
        report.warning(&["on", "weight"], message, "take one of them away");
    }
    for (nth, reason) in on.reasons.iter().enumerate() {
        let is_word = reason.bytes().all(|b| b.is_ascii_alphanumeric())
            && reason.starts_with(|c: char| c.is_ascii_uppercase());
        if !is_word {
            let message = format!("`{}` is no reason of an event", short(reason));
            let hint = "write them as `evenkeel events` shows them: `DriftFound`, `Held`, `Failed`";
            report.error(&["on", "reasons", &nth.to_string()], message, hint);
        }
    }
    for (field, names) in [("targets", &on.targets), ("kinds", &on.kinds)] {
        for (nth, name) in names.iter().enumerate() {
            report.name(&["on", field, &nth.to_string()], name);
        }
    }
}

/// Without the port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
