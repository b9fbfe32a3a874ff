//! What a source may say.

use super::report::Report;
use super::url;
use crate::config::{
    Caps, DirectorySourceSpec, Drift, GitRef, GitSourceSpec, SignatureFormat, Verify, version_range,
};
use crate::manifest::{Node, Problems, short};
use crate::period::Period;

/// Asking a server for news more often than this is a burden for it.
const LEAST_POLLING: Period = Period::seconds(5);

/// Looking at a folder costs less.
const LEAST_LOOKING: Period = Period::seconds(1);

/// The shortest time between two looks at all targets.
const LEAST_DRIFT: Period = Period::seconds(10);

pub(in crate::config) fn git_source(spec: &GitSourceSpec, node: &Node, problems: &mut Problems) {
    let mut report = Report::new(node, problems);
    check_url(spec, &mut report);
    check_reference(&spec.reference, &mut report);
    if let Some(path) = &spec.path {
        report.path_inside(&["path"], path);
    }
    for (nth, file) in spec.values.iter().enumerate() {
        report.path_inside(&["values", &nth.to_string()], file);
    }
    if let Some(name) = &spec.credentials_ref {
        report.name(&["credentialsRef"], name);
    }
    if spec.submodules {
        let message = "submodules cannot be fetched yet".to_owned();
        report.error(
            &["submodules"],
            message,
            "take it away, and make a GitSource of each submodule with manifests",
        );
    }
    report.optional_path(&["knownHosts"], spec.known_hosts.as_ref());
    report.optional_path(&["caFile"], spec.ca_file.as_ref());
    report.at_least(&["timeout"], spec.timeout, Period::seconds(1), "take it away for the default, `1m`");
    if let Some(verify) = &spec.verify {
        check_verify(verify, &spec.reference, &mut report);
    }
    let hint = "webhooks and `evenkeel notify` bring news at once: the interval is the safety net";
    report.at_least(&["interval"], spec.interval, LEAST_POLLING, hint);
    check_loop(spec.drift, spec.caps, &mut report);
}

pub(in crate::config) fn directory_source(spec: &DirectorySourceSpec, node: &Node, problems: &mut Problems) {
    let mut report = Report::new(node, problems);
    report.path(&["path"], &spec.path);
    for (nth, file) in spec.values.iter().enumerate() {
        report.path(&["values", &nth.to_string()], file);
    }
    report.at_least(&["interval"], spec.interval, LEAST_LOOKING, "take it away for the default, `5m`");
    check_loop(spec.drift, spec.caps, &mut report);
}

fn check_loop(drift: Drift, caps: Caps, report: &mut Report<'_>) {
    let hint = "every look reads all targets; a single resource can say its own `interval`";
    report.at_least(&["drift", "every"], drift.every, LEAST_DRIFT, hint);
    for (field, percent) in [("prunePercent", caps.prune_percent), ("changePercent", caps.change_percent)] {
        if percent > 100 {
            let message = format!("`caps.{field}` must be at most 100, found {percent}");
            report.error(&["caps", field], message, "it is a share in percent; 100 is no cap");
        }
    }
}

fn check_url(spec: &GitSourceSpec, report: &mut Report<'_>) {
    match url::parse(&spec.url) {
        Err(problem) if problem.is_secret => report.secret_error(&["url"], problem.message, problem.hint),
        Err(problem) => report.error(&["url"], problem.message, problem.hint),
        Ok(url) => {
            let is_near = matches!(url.host, "localhost" | "127.0.0.1" | "[::1]");
            if url.scheme == "http" && spec.credentials_ref.is_some() && !is_near {
                let message = "the credential goes over the network unencrypted";
                report.warning(&["url"], message, "use https");
            }
        }
    }
}

fn check_reference(reference: &GitRef, report: &mut Report<'_>) {
    let fields = [
        ("branch", &reference.branch),
        ("tag", &reference.tag),
        ("semver", &reference.semver),
        ("commit", &reference.commit),
    ];
    let given: Vec<(&str, &str)> =
        fields.iter().filter_map(|(field, text)| Some((*field, text.as_deref()?))).collect();
    if let [(first, _), (second, _), ..] = given.as_slice() {
        let message =
            format!("`{second}` stands beside `{first}`: at most one of them says what is followed");
        report.error(&["ref", second], message, "take one of them away");
    }
    for (field, text) in given {
        match field {
            "semver" => {
                if let Err(why) = version_range(text) {
                    let message = format!("`{}` is not a range of versions: {why}", short(text));
                    report.error(&["ref", field], message, "write for instance `>=1.2.0 <2.0.0` or `1.x`");
                }
            }
            "commit" => {
                if !matches!(text.len(), 40 | 64) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    let message = format!("`{}` is not the full hash of a commit", short(text));
                    report.error(&["ref", field], message, "write all 40 (or 64) digits, as `git log` does");
                }
            }
            _ => check_reference_name(field, text, report),
        }
    }
}

/// The rules of `git check-ref-format`, as far as fingers break them.
fn check_reference_name(field: &str, text: &str, report: &mut Report<'_>) {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    if let Some(name) = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/")) {
        let message = format!("`{}` is written with its folder", short(text));
        report.error(&["ref", field], message, format!("write `{field}: {}`", short(name)));
    } else if text.is_empty() || text.starts_with('-') || text.contains(odd) || text.contains("..") {
        let message = format!("`{}` cannot be the name of a {field}", short(text));
        report.error(&["ref", field], message, "write its name as `git branch` or `git tag` shows it");
    }
}

fn check_verify(verify: &Verify, reference: &GitRef, report: &mut Report<'_>) {
    if verify.commits.is_empty() && verify.tags.is_empty() {
        let message = "`verify` names no format, so nothing would be verified";
        report.error(&["verify"], message, "write `commits: [ssh]`, or take `verify` away");
    }
    if !verify.tags.is_empty() && reference.tag.is_none() && reference.semver.is_none() {
        let message = "`verify.tags` wants a tag to be followed";
        report.error(&["verify", "tags"], message, "give `ref.tag` or `ref.semver`, or verify `commits`");
    }
    let files = [
        (SignatureFormat::Ssh, "ssh", "allowedSigners", &verify.allowed_signers),
        (SignatureFormat::OpenPgp, "openpgp", "keyring", &verify.keyring),
    ];
    for (format, word, field, file) in files {
        let wanting = [("commits", &verify.commits), ("tags", &verify.tags)]
            .into_iter()
            .find(|(_, f)| f.contains(&format));
        match (wanting, file) {
            (Some((list, _)), None) => {
                let message = format!("signatures of the format {word} want `verify.{field}`");
                let hint = "name the file that holds the keys of those who may sign";
                report.error(&["verify", list], message, hint);
            }
            (None, Some(_)) => {
                let message = format!("`verify.{field}` is not used: no list names {word}");
                report.warning(
                    &["verify", field],
                    message,
                    format!("write `commits: [{word}]`, or take it away"),
                );
            }
            _ => {}
        }
        report.optional_path(&["verify", field], file.as_ref());
    }
}
