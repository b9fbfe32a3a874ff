//! The audit log: every command, how every run ended, and what persons decided. Each entry hangs on the one before.

use evenkeel_core::diagnostic::Location;
use evenkeel_core::diff::FieldPath;
use evenkeel_core::plan::{Action, Approval, InstanceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::records::{ResourceFilter, RunEntry, RunId, RunRecord, RunState};
use crate::controller::{Intent, Trigger};
use crate::run::Sent;
use crate::source::Revision;

/// Something that is to be in the audit log: what happened, and everything that says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAuditEntry {
    /// When.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub what: Audited,
    /// The source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The revision whose manifests want it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What woke the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// The person or token that wished it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in the words of that person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The resources that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<About>,
}

/// What an entry of the audit log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Audited {
    /// A controller took the store.
    Started {
        /// Its version.
        version: String,
        /// Who it is.
        holder: String,
        /// The sources that its configuration names.
        sources: Vec<String>,
    },
    /// A command is about to be sent. That it is here says that it may have been sent.
    Command {
        /// The command as a person would type it, without secrets.
        command: String,
    },
    /// A run ended.
    RunEnded {
        /// How.
        state: RunState,
        /// What became of each resource that was to be changed.
        entries: Vec<RunEntry>,
        /// What was sent, with the exit status of each command.
        commands: Vec<Sent>,
    },
    /// A revision was put in force; `by` is who accepted it, where it was held.
    RevisionInForce {
        /// Which one.
        commit: Revision,
    },
    /// A person asked for resources to be looked at now.
    Asked {
        /// Which ones.
        filter: ResourceFilter,
    },
    /// A person approved a change that was held.
    Approved {
        /// What exactly, and until when.
        approval: Approval,
    },
    /// A person rejected a change that was held.
    Rejected {
        /// The hash of the change: [`evenkeel_core::plan::Change`].
        plan: String,
    },
    /// The store was replaced by a copy of an earlier one.
    Restored {
        /// The copy.
        file: String,
        /// Where the store lies that was replaced, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<String>,
        /// The last hash in that one: how far the log had come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        head: Option<String>,
    },
}

/// A resource that an entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The resource and its target.
    #[serde(flatten)]
    pub id: InstanceId,
    /// The object on the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Where the resource stands in the manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What is done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Because its manifest changed, or because of drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// The fields that differed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldPath>,
    /// A person's word that it may be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What a new revision did to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touch: Option<Touch>,
}

impl About {
    /// A resource, and nothing more of it.
    pub fn of(id: InstanceId) -> Self {
        About {
            id,
            object: None,
            location: None,
            action: None,
            intent: None,
            fields: Vec::new(),
            approval: None,
            touch: None,
        }
    }
}

/// What a revision did to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Touch {
    /// It wants it, and the one before did not.
    Added,
    /// It wants it to be otherwise.
    Changed,
    /// It does not want it any more.
    Gone,
}

impl NewAuditEntry {
    /// An entry that says this and nothing more.
    pub fn new(at: Timestamp, what: Audited) -> Self {
        NewAuditEntry {
            at,
            what,
            source: None,
            target: None,
            run: None,
            revision: None,
            trigger: None,
            by: None,
            reason: None,
            about: Vec::new(),
        }
    }

    /// How a run ended.
    pub fn of_run(run: &RunRecord) -> Self {
        let RunRecord { state, entries, commands, .. } = run.clone();
        let about = |entry: &RunEntry| About {
            object: Some(entry.object.clone()),
            action: Some(entry.action),
            intent: Some(entry.intent),
            ..About::of(entry.id.clone())
        };
        NewAuditEntry {
            source: Some(run.source.clone()),
            target: Some(run.target.clone()),
            run: Some(run.id),
            revision: Some(run.revision.clone()),
            trigger: Some(run.trigger),
            by: run.by.clone(),
            about: run.entries.iter().map(about).collect(),
            ..Self::new(run.finished.unwrap_or(run.started), Audited::RunEnded { state, entries, commands })
        }
    }
}

/// An entry of the audit log with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub seq: u64,
    /// What it says.
    #[serde(flatten)]
    pub entry: NewAuditEntry,
}

/// A command that is about to be sent, with all that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommand {
    /// The run.
    pub run: RunId,
    /// The source.
    pub source: String,
    /// The target that it is sent to.
    pub target: String,
    /// The command as a person would type it, without secrets.
    pub command: String,
    /// When.
    pub at: Timestamp,
    /// The revision whose manifests want it.
    pub revision: String,
    /// What woke the run.
    pub trigger: Trigger,
    /// The person or token that wished it.
    pub by: Option<String>,
    /// The resources that it is for: equal commands for several are joined.
    pub about: Vec<About>,
}

impl From<NewCommand> for NewAuditEntry {
    fn from(new: NewCommand) -> Self {
        let NewCommand { run, source, target, command, at, revision, trigger, by, about } = new;
        NewAuditEntry {
            source: Some(source),
            target: Some(target),
            run: Some(run),
            revision: Some(revision),
            trigger: Some(trigger),
            by,
            about,
            ..NewAuditEntry::new(at, Audited::Command { command })
        }
    }
}

/// Which entries of the audit log are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only entries with greater numbers.
    pub after: Option<u64>,
    /// Only entries of this time or later.
    pub since: Option<Timestamp>,
    /// Only entries of this kind: the `what` of their JSON form.
    pub what: Option<String>,
    /// The last ones, so many, instead of the first ones.
    pub last: Option<usize>,
    /// At most so many. Default: 1000.
    pub limit: Option<usize>,
    /// The resource, target or source that they are about.
    pub about: ResourceFilter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_from_its_json_form() {
        let id = InstanceId { target: "t".into(), kind: "K".into(), name: "n".into() };
        let about = About {
            fields: vec![FieldPath::of(["a", "b.c"])],
            touch: Some(Touch::Changed),
            intent: Some(Intent::Corrective),
            ..About::of(id)
        };
        let sent = Sent { target: "t".into(), command: "x".into(), exit: None };
        let filter = ResourceFilter { name: Some("n".into()), ..ResourceFilter::default() };
        let commit = Revision {
            id: "abc".into(),
            reference: None,
            subject: Some("s".into()),
            author: None,
            at: None,
            signer: None,
        };
        for what in [
            Audited::Started { version: "1".into(), holder: "h".into(), sources: vec!["s".into()] },
            Audited::Command { command: "zfs set a=b".into() },
            Audited::RunEnded { state: RunState::Stopped, entries: vec![], commands: vec![sent] },
            Audited::RevisionInForce { commit },
            Audited::Asked { filter },
            Audited::Rejected { plan: "p".into() },
            Audited::Restored { file: "f".into(), kept: None, head: Some("00".into()) },
        ] {
            let entry = NewAuditEntry {
                source: Some("s".into()),
                run: Some(RunId(7)),
                trigger: Some(Trigger::Push),
                by: Some("ops".into()),
                reason: Some("because".into()),
                about: vec![about.clone()],
                ..NewAuditEntry::new(Timestamp::UNIX_EPOCH, what)
            };
            let entry = AuditEntry { seq: 3, entry };
            let text = serde_json::to_string(&entry).unwrap();
            assert!(text.starts_with(r#"{"seq":3,"at":"#), "{text}");
            assert_eq!(serde_json::from_str::<AuditEntry>(&text).unwrap(), entry);
        }
    }
}
