//! Why a resource is as it is, out of what the audit log says.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::condition::Condition;
use evenkeel_core::diagnostic::Location;
use evenkeel_core::diff::FieldPath;
use evenkeel_core::manifest::did_you_mean;
use evenkeel_core::plan::{Action, Approval, Field};
use evenkeel_engine::Verdict;
use evenkeel_engine::controller::{Intent, Trigger};
use evenkeel_engine::source::Revision;
use evenkeel_engine::store::{
    About, AuditEntry, Audited, NewAuditEntry, ResourceKey, ResourceStatus, RunEntry, RunId, Touch,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::CliError;

/// Of each field, so many of the runs before the last.
const EARLIER: usize = 3;

/// What is known of a resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// What its manifest wants.
    pub(super) wanted: Vec<Wanted>,
    /// The revision in force.
    pub(super) in_force: Option<Revision>,
    /// All revisions that ever were, by their hashes.
    pub(super) revisions: BTreeMap<String, Revision>,
    /// The audit log's entries about it, the oldest first.
    pub(super) entries: Vec<AuditEntry>,
    pub(super) status: Option<ResourceStatus>,
}

/// A field that a manifest wants.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) path: FieldPath,
    pub(super) value: String,
    pub(super) location: Location,
}

/// Why a resource is as it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    #[serde(flatten)]
    pub(crate) key: ResourceKey,
    pub(crate) object: Option<String>,
    /// Where the resource stands in the manifests.
    pub(crate) location: Option<Location>,
    /// Whether it is as its manifest says.
    pub(crate) ready: Option<Condition>,
    /// The revision in force.
    pub(crate) in_force: Option<Revision>,
    /// The revision that last brought or changed its manifest.
    pub(crate) changed: Option<Changed>,
    pub(crate) fields: Vec<FieldAccount>,
    /// Runs for it, of which no field is known: a removal, or one that was cut off.
    pub(crate) other: Vec<Deed>,
}

/// The revision that last brought or changed a resource's manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    pub(crate) revision: Revision,
    /// When it was put in force.
    pub(crate) at: Timestamp,
    pub(crate) touch: Touch,
    /// Who accepted it, where it was held.
    pub(crate) accepted_by: Option<String>,
}

/// Why a field is as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldAccount {
    pub(crate) path: FieldPath,
    /// What the manifest in force wants, for people; `None` where it wants nothing of it any more.
    pub(crate) wanted: Option<String>,
    /// Where it says so.
    pub(crate) location: Option<Location>,
    /// How it differs now.
    pub(crate) differs: Option<Field>,
    /// The last run that sent something for it; `None` where none ever did.
    pub(crate) made: Option<Deed>,
    /// The runs before that one, the newest first.
    pub(crate) earlier: Vec<Deed>,
}

/// What a run did for a field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deed {
    pub(crate) run: RunId,
    /// When the first command was written down.
    pub(crate) at: Timestamp,
    pub(crate) trigger: Option<Trigger>,
    /// The person or token that woke it.
    pub(crate) by: Option<String>,
    pub(crate) intent: Option<Intent>,
    pub(crate) action: Option<Action>,
    /// The revision in force then; with its subject and author where the audit log has them.
    pub(crate) revision: Option<Revision>,
    /// Where the resource stood in it.
    pub(crate) location: Option<Location>,
    /// Who approved it, and why.
    pub(crate) approval: Option<Approval>,
    /// What was there, and what was wanted, for people.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// What became of it; `None` where nobody saw the end.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) commands: Vec<Line>,
}

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) target: String,
    pub(crate) command: String,
    /// Its exit status; `None` where it may or may not have run.
    pub(crate) exit: Option<i32>,
}

impl Account {
    pub(super) fn of(key: ResourceKey, evidence: Evidence) -> Self {
        let runs = runs(&key, &evidence);
        let Evidence { wanted, in_force, entries, status, .. } = evidence;
        let changed = entries.iter().rev().find_map(|entry| changed(&key, &entry.entry));
        let differing = status.iter().flat_map(|status| status.differs.iter().map(|f| &f.change.path));
        let sent = runs.iter().flat_map(|run| run.fields.keys());
        let mut paths: BTreeSet<FieldPath> = wanted.iter().map(|wanted| wanted.path.clone()).collect();
        paths.extend(differing.cloned());
        paths.extend(sent.cloned());
        let field = |path: &FieldPath| {
            let wanted = wanted.iter().find(|wanted| wanted.path == *path);
            let mut deeds = runs.iter().filter_map(|run| run.for_field(path));
            FieldAccount {
                path: path.clone(),
                wanted: wanted.map(|wanted| wanted.value.clone()),
                location: wanted.map(|wanted| wanted.location.clone()),
                differs: status.as_ref().and_then(|status| {
                    status.differs.iter().find(|field| field.change.path == *path).cloned()
                }),
                made: deeds.next(),
                earlier: deeds.take(EARLIER).collect(),
            }
        };
        Account {
            fields: paths.iter().map(field).collect(),
            other: runs.iter().filter(|run| run.is_of_no_field(&paths)).map(|run| run.deed.clone()).collect(),
            object: status.as_ref().map(|status| status.object.clone()),
            location: status.as_ref().and_then(|status| status.location.clone()),
            ready: status.as_ref().and_then(|status| status.conditions.first().cloned()),
            in_force,
            changed,
            key,
        }
    }

    /// Only the fields that `name` means: a path, or the end of one.
    pub(super) fn only(mut self, name: &str) -> Result<Self, CliError> {
        let paths: Vec<String> = self.fields.iter().map(|field| field.path.to_string()).collect();
        let ends = |path: &FieldPath| path.to_string().ends_with(&format!(".{name}"));
        let exact = self.fields.iter().any(|field| field.path.is_within(name));
        self.fields.retain(|field| if exact { field.path.is_within(name) } else { ends(&field.path) });
        if !self.fields.is_empty() {
            self.other.clear();
            return Ok(self);
        }
        let near = did_you_mean(name, paths.iter().map(String::as_str));
        Err(CliError::new(format!("Evenkeel never wanted anything of `{name}` of {}{near}", self.key.id))
            .hint(match paths.as_slice() {
                [] => "of none of its fields is anything known yet".to_owned(),
                paths => format!("it knows of {}", paths.join(", ")),
            }))
    }
}

fn changed(key: &ResourceKey, entry: &NewAuditEntry) -> Option<Changed> {
    let Audited::RevisionInForce { commit } = &entry.what else { return None };
    let touch = entry.about.iter().find(|about| about.id == key.id)?.touch?;
    Some(Changed { revision: commit.clone(), at: entry.at, touch, accepted_by: entry.by.clone() })
}

/// A run that sent something for the resource.
struct Run {
    /// Without a field: what is true for all of them, with all commands.
    deed: Deed,
    /// The fields that differed, and their values before and after where these are known.
    fields: BTreeMap<FieldPath, Option<(String, String)>>,
}

impl Run {
    /// True where it made or makes the whole object.
    fn is_whole(&self) -> bool {
        matches!(self.deed.action, Some(Action::Create | Action::Replace))
    }

    /// True where none of these fields tells of it.
    fn is_of_no_field(&self, paths: &BTreeSet<FieldPath>) -> bool {
        self.fields.is_empty() && (!self.is_whole() || paths.is_empty())
    }

    /// What it did for a field, if anything.
    fn for_field(&self, path: &FieldPath) -> Option<Deed> {
        let whole = self.is_whole();
        let values = match self.fields.get(path) {
            Some(values) => values.clone(),
            None if whole => None,
            None => return None,
        };
        let (before, after) = values.unzip();
        // A command that names the field is for it; where none does, each may be.
        let name = path.keys().last().map_or("", String::as_str);
        let naming: Vec<Line> =
            self.deed.commands.iter().filter(|line| line.command.contains(name)).cloned().collect();
        let commands = if whole || naming.is_empty() { self.deed.commands.clone() } else { naming };
        Some(Deed { before, after, commands, ..self.deed.clone() })
    }
}

/// The runs that sent something for the resource, the newest first.
fn runs(key: &ResourceKey, evidence: &Evidence) -> Vec<Run> {
    let mut runs: BTreeMap<RunId, Run> = BTreeMap::new();
    for AuditEntry { entry, .. } in &evidence.entries {
        let Some(id) = entry.run else { continue };
        match &entry.what {
            Audited::Command { command } => {
                let Some(about) = entry.about.iter().find(|about| about.id == key.id) else { continue };
                let run = runs.entry(id).or_insert_with(|| begun(id, entry, about, evidence));
                let target = entry.target.clone().unwrap_or_default();
                run.deed.commands.push(Line { target, command: command.clone(), exit: None });
            }
            Audited::RunEnded { entries, commands, .. } => {
                let Some(run) = runs.get_mut(&id) else { continue };
                if let Some(ended) = entries.iter().find(|entry| entry.id == key.id) {
                    end(run, ended);
                }
                for line in &mut run.deed.commands {
                    let answered =
                        commands.iter().find(|c| c.command == line.command && c.target == line.target);
                    line.exit = answered.and_then(|sent| sent.exit);
                }
            }
            _ => {}
        }
    }
    runs.into_values().rev().collect()
}

fn begun(id: RunId, entry: &NewAuditEntry, about: &About, evidence: &Evidence) -> Run {
    let unknown = |id: &String| Revision {
        id: id.clone(),
        reference: None,
        subject: None,
        author: None,
        at: None,
        signer: None,
    };
    let revision = |id: &String| evidence.revisions.get(id).cloned().unwrap_or_else(|| unknown(id));
    let deed = Deed {
        run: id,
        at: entry.at,
        trigger: entry.trigger,
        by: entry.by.clone(),
        intent: about.intent,
        action: about.action,
        revision: entry.revision.as_ref().map(revision),
        location: about.location.clone(),
        approval: about.approval.clone(),
        before: None,
        after: None,
        verdict: None,
        commands: Vec::new(),
    };
    Run { deed, fields: about.fields.iter().map(|path| (path.clone(), None)).collect() }
}

fn end(run: &mut Run, ended: &RunEntry) {
    run.deed.verdict = Some(ended.verdict.clone());
    for field in &ended.fields {
        let values = (field.before_text.clone(), field.after_text.clone());
        run.fields.insert(field.change.path.clone(), Some(values));
    }
}

#[cfg(test)]
mod tests;
