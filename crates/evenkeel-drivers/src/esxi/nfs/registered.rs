//! The virtual machines that are registered on a datastore, on a host by itself from `vim-cmd vmsvc/getallvms`.
//!
//! Its columns are not where its titles are, and the last one may go over several lines. So nothing is cut by position:
//! whatever may speak of the datastore counts as a virtual machine on it.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Query, Replies};
use evenkeel_core::target::Way;

use super::{MOST_NAMES, api, commands};
use crate::esxi::reply::failure::{quote, text, unparsable};

/// How a virtual machine is told of whose files the host cannot read, often because their datastore does not answer.
const INVALID: &str = "Skipping invalid VM";

/// Who may be on a datastore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// The names of those that are.
    pub(super) names: Vec<String>,
    /// What is said of those whose place the host does not know.
    pub(super) unknown: Vec<String>,
}

impl Registered {
    /// Why the datastore may not be unmounted; `None` where nobody is on it.
    pub(super) fn holds(&self) -> Option<String> {
        let mut reasons = Vec::new();
        if !self.names.is_empty() {
            let are = if self.names.len() == 1 { "machine is" } else { "machines are" };
            reasons.push(format!(
                "{} virtual {are} registered on it ({}): move them to another datastore or unregister them first",
                self.names.len(),
                some(&self.names)
            ));
        }
        if !self.unknown.is_empty() {
            reasons.push(format!(
                "not all that may be on it is known ({}): unregister what is gone (`vim-cmd vmsvc/unregister ID`)",
                some(&self.unknown)
            ));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

fn some(items: &[String]) -> String {
    let shown: Vec<&str> = items.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = items.len().saturating_sub(MOST_NAMES);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// What is asked; the other name of the program where the host does not know the first.
pub(super) fn queries(so_far: &Replies) -> Vec<Query> {
    if so_far.way() == Way::Vsphere {
        return vec![api::vms_query()];
    }
    let known = if is_classic(so_far) { 2 } else { 1 };
    commands::registered().into_iter().take(known).map(Query::reading).collect()
}

/// True for a host that does not have the program under its first name.
fn is_classic(replies: &Replies) -> bool {
    let [first, _] = commands::registered();
    replies.get(&Query::reading(first)).is_ok_and(|reply| reply.exit == 127)
}

/// Who is registered on `datastore`.
pub(super) fn read(replies: &Replies, datastore: &str) -> Result<Registered, ObserveError> {
    let [usual, classic] = commands::registered();
    let request = if is_classic(replies) { classic } else { usual };
    let reply = replies.get(&Query::reading(request.clone()))?;
    let printed = text(&request, reply)?;
    let said = reply.stderr_text();
    let mut found = Registered::default();
    found.unknown.extend(said.lines().filter(|line| line.starts_with(INVALID)).map(quote));
    let (mut has_titles, mut has_rows) = (false, false);
    for line in printed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with(INVALID) {
            found.unknown.push(quote(line));
        } else if line.starts_with("Vmid") && line.contains("File") {
            has_titles = true;
        } else if let Some((name, place)) = row(line).filter(|_| has_titles) {
            has_rows = true;
            match place {
                // The host does not know the datastore's name while that is not there.
                "" | "Unknown" => {
                    found.unknown.push(format!("{} is on a datastore without a name", quote(name)));
                }
                place if place == datastore => found.names.push(name.to_owned()),
                _ => {}
            }
        } else if !has_rows {
            return Err(unparsable(&request, format!("`{}` is no virtual machine", quote(line))));
        } else if line.contains(&format!("[{datastore}]")) || begins_as_row(line) {
            // Likely part of a note. What it may be else must not be missed.
            found.unknown.push(format!("`{}`", quote(line)));
        }
    }
    if has_titles { Ok(found) } else { Err(unparsable(&request, "it has no titles")) }
}

/// Name and datastore of `10     the name   [the datastore] folder/file.vmx   otherLinux64Guest   vmx-07   notes`.
fn row(line: &str) -> Option<(&str, &str)> {
    let (id, rest) = line.split_once(char::is_whitespace)?;
    id.parse::<u32>().ok()?;
    // A name may have brackets in it; before those of the datastore stands more than one blank.
    let (name, file) = rest.trim_start().split_once("  [")?;
    let (datastore, path) = file.split_once(']')?;
    path.contains(".vmx").then_some((name.trim(), datastore))
}

fn begins_as_row(line: &str) -> bool {
    line.split_once(char::is_whitespace).is_some_and(|(id, _)| id.parse::<u32>().is_ok())
}
