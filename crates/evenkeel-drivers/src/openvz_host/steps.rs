//! The commands that change files, and links to distributions' files.

use std::collections::BTreeMap;

use evenkeel_core::diff::FieldChange;
use evenkeel_core::driver::Step;
use evenkeel_core::request::{Exec, Request};

use super::host::{DISTS, Dist, Host, VZ_CONF, conf_of};
use super::scripts::EDIT;
use super::shell_file::LineEdit;

/// One command for each file, then the links; those that cannot be made come last, so that all else is done.
pub(super) fn steps(host: &Host, changes: &[FieldChange]) -> Vec<Step> {
    let mut edits: BTreeMap<String, Vec<LineEdit>> = BTreeMap::new();
    let (mut links, mut waiting) = (Vec::new(), Vec::new());
    for change in changes {
        let Some(wanted) = change.after.as_ref().and_then(|value| value.as_str()) else { continue };
        let keys: Vec<&str> = change.path.keys().iter().map(String::as_str).collect();
        let (place, key) = match keys.as_slice() {
            ["vzConf", key] => (VZ_CONF.to_owned(), key),
            ["containers", id, key] => (conf_of(id), key),
            ["distributions", template] => {
                let step = link(host, template, wanted);
                if step.held.is_some() {
                    waiting.push(step.may_wait());
                } else {
                    links.push(step);
                }
                continue;
            }
            _ => continue,
        };
        // That it can be edited was seen when it was observed.
        if let Some(Ok(Some(edit))) = host.file(&place).map(|file| file.edit(key, wanted)) {
            edits.entry(place).or_default().push(edit);
        }
    }
    edits.into_iter().map(|(place, edits)| edit(place, edits)).chain(links).chain(waiting).collect()
}

fn edit(place: String, edits: Vec<LineEdit>) -> Step {
    let start = ["sh", "-s"].map(str::to_owned).into_iter().chain([place]);
    let lines = edits.into_iter().flat_map(|edit| [edit.number.to_string(), edit.old, edit.new]);
    Step::new(Request::Exec(Exec::new(start.chain(lines)).reading(EDIT)))
}

fn link(host: &Host, template: &str, wanted: &str) -> Step {
    let place = format!("{DISTS}/{template}.conf");
    let command = |options: &str| {
        let to = format!("{wanted}.conf");
        Step::new(Request::Exec(Exec::new(["ln", options, to.as_str(), place.as_str()])))
    };
    match host.dists.get(template) {
        None => command("-s"),
        Some(Dist::Link(_)) => command("-sfn"),
        // What is in it stays under its other name.
        Some(Dist::File(_)) if host.distribution(template, None).is_some() => command("-sfn"),
        Some(Dist::File(_) | Dist::Other) => command("-s").held(format!(
            "{place} is no link, but something of its own: move it away by hand, or leave `{template}` out"
        )),
    }
}
