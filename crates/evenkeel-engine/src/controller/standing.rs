//! How things stand with a resource after a look or a run, in the words of its conditions.

use evenkeel_core::condition::{Condition, ConditionType, Status, few};
use evenkeel_core::driver::Report;
use evenkeel_core::plan::{Action, Approvable, Change, Gate, Objection};

use super::Intent;
use crate::brief;
use crate::run::Verdict;

/// The reason of what waits for something else to be ready.
pub(super) const WAITING: &str = "Waiting";

/// The reason of what was in a job that a mistake in the program ended.
pub(super) const CRASHED: &str = "Crashed";

/// Why the controller itself holds the changes of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// Drift is reported only.
    Report,
    /// A new commit is planned and reported only.
    PlanOnly,
    /// Somebody else keeps setting it.
    Fight(String),
    /// Something that it depends on is not ready.
    Waiting(String),
    /// A run on its target was halted.
    Halted(String),
    /// Too many hosts of its cluster failed.
    Rollout(String),
}

impl Hold {
    /// As a plan takes it. A person may let through what a commit alone may not.
    pub(super) fn objection(&self) -> Objection {
        let approvable = if *self == Hold::PlanOnly { Approvable::Yes } else { Approvable::No };
        Objection { reason: self.says().into(), approvable }
    }

    /// The reason, for plans and people.
    fn says(&self) -> String {
        match self {
            Hold::Report => "drift is reported only (drift.mode: Report)".to_owned(),
            Hold::PlanOnly => "a commit changes nothing by itself (onPush.apply: None)".to_owned(),
            Hold::Fight(why) | Hold::Halted(why) | Hold::Rollout(why) => why.clone(),
            Hold::Waiting(name) => format!("waits for {name}, which is not ready"),
        }
    }
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) ready: Status,
    /// One word for scripts.
    pub(super) reason: String,
    pub(super) message: String,
    /// It will be tried again by itself.
    pub(super) reconciling: bool,
    /// It needs a person.
    pub(super) stalled: bool,
}

impl Standing {
    fn new(ready: Status, reason: &str, message: impl Into<String>) -> Self {
        Standing {
            ready,
            reason: reason.to_owned(),
            message: message.into(),
            reconciling: false,
            stalled: false,
        }
    }

    fn reconciling(self) -> Self {
        Standing { reconciling: true, ..self }
    }

    fn stalled(self) -> Self {
        Standing { stalled: true, ..self }
    }

    fn in_sync() -> Self {
        Standing::new(Status::True, "InSync", "as the manifest says")
    }

    /// As the manifest says; which is not enough where it serves no purpose.
    fn of_report(report: &Report) -> Self {
        match report.trouble() {
            None => Standing::new(Status::True, "InSync", report.in_sync()),
            Some(trouble) => {
                Standing::new(Status::False, &trouble.reason, trouble.message.as_str()).stalled()
            }
        }
    }

    /// With who made the difference, where that is what it speaks of.
    pub(super) fn blaming(self, who: Option<String>) -> Self {
        match who {
            Some(who) if ["Drifted", "Held", "Fight", "Suspended"].contains(&self.reason.as_str()) => {
                Standing { message: format!("{}; {who}", self.message), ..self }
            }
            _ => self,
        }
    }

    /// After a mistake in the program that ended the job.
    pub(super) fn crashed(message: &str) -> Self {
        Standing::new(Status::Unknown, CRASHED, message).reconciling()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready == Status::True
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        let yes = |on: bool| if on { Status::True } else { Status::False };
        let condition = |kind, status| Condition {
            kind,
            status,
            reason: self.reason.clone(),
            message: self.message.clone(),
        };
        vec![
            condition(ConditionType::Ready, self.ready),
            condition(ConditionType::Reconciling, yes(self.reconciling)),
            condition(ConditionType::Stalled, yes(self.stalled)),
        ]
    }
}

/// After a look: nothing was sent.
pub(super) fn after_look(change: &Change, hold: Option<&Hold>, intent: Intent) -> Standing {
    if let Some(error) = &change.error {
        let hint = error.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        let standing = Standing::new(Status::Unknown, &error.reason, format!("{}{hint}", error.message));
        return if error.retryable { standing.reconciling() } else { standing.stalled() };
    }
    if let Some(busy) = &change.busy {
        return Standing::new(Status::Unknown, "Busy", busy.as_str()).reconciling();
    }
    if matches!(change.action, Action::NoOp | Action::Forget) {
        return Standing::of_report(&change.report);
    }
    let differs = difference(change, intent);
    if change.suspended {
        return Standing::new(Status::False, "Suspended", format!("suspended in the manifest; {differs}"));
    }
    let word = match intent {
        Intent::Intentional => "Pending",
        Intent::Corrective => "Drifted",
    };
    match (hold, &change.gate) {
        (Some(Hold::Report), _) => Standing::new(Status::False, "Drifted", differs),
        (Some(Hold::Fight(why)), _) => Standing::new(Status::False, "Fight", why.as_str()).stalled(),
        (Some(Hold::Halted(why)), _) => Standing::new(Status::False, "Halted", why.as_str()).stalled(),
        (Some(Hold::Waiting(_) | Hold::Rollout(_)), Gate::Held { reasons, .. }) => {
            Standing::new(Status::False, WAITING, few(reasons, "; ")).reconciling()
        }
        (_, Gate::Held { reasons, .. }) if reasons.iter().all(|reason| reason.starts_with("waits for ")) => {
            Standing::new(Status::False, WAITING, few(reasons, "; ")).reconciling()
        }
        (_, Gate::Held { reasons, .. }) => {
            let message = format!("{differs}; held: {}{}", few(reasons, "; "), word_of(change));
            Standing::new(Status::False, "Held", message).stalled()
        }
        (_, Gate::Open) => Standing::new(Status::False, word, differs).reconciling(),
    }
}

/// After a run: what was open was sent.
pub(super) fn after_run(change: &Change, verdict: &Verdict, hold: Option<&Hold>, intent: Intent) -> Standing {
    let because = |hint: &Option<String>| hint.as_ref().map(|h| format!(" (hint: {h})")).unwrap_or_default();
    match verdict {
        // What was told before something was sent does not hold any more; the next look comes soon.
        Verdict::Applied => Standing::in_sync(),
        Verdict::Unchanged => Standing::of_report(&change.report),
        Verdict::Held { reasons } if change.is_open() => {
            let message = format!("{}; held: {}", difference(change, intent), few(reasons, "; "));
            Standing::new(Status::False, "Held", message).stalled()
        }
        Verdict::Skipped { reason } if change.is_open() => {
            Standing::new(Status::False, WAITING, reason.as_str()).reconciling()
        }
        Verdict::Held { .. } | Verdict::Skipped { .. } | Verdict::NotStarted => {
            after_look(change, hold, intent)
        }
        Verdict::Stale { fields } => {
            let message = format!("changed on the target while it was planned: {}", few(fields, ", "));
            Standing::new(Status::False, "Stale", message).reconciling()
        }
        Verdict::Drifted { fields } => {
            let message = format!("another change of this run changed it too: {}", few(fields, ", "));
            Standing::new(Status::False, "Drifted", message).reconciling()
        }
        Verdict::Failed { message, hint } => {
            let ails = change.report.trouble().map(|t| format!("; {}", t.message)).unwrap_or_default();
            Standing::new(Status::False, "Failed", format!("{message}{}{ails}", because(hint))).reconciling()
        }
        Verdict::Halted { message, hint } => {
            Standing::new(Status::False, "Halted", format!("{message}{}", because(hint))).stalled()
        }
        Verdict::RolledBack { message, hint } => {
            Standing::new(Status::False, "RolledBack", format!("{message}{}", because(hint))).stalled()
        }
        Verdict::Unknown { .. } if change.error.is_some() => after_look(change, hold, intent),
        Verdict::Unknown { message, hint } => {
            Standing::new(Status::Unknown, "Unknown", format!("{message}{}", because(hint))).reconciling()
        }
    }
}

/// What a person said about a change that is held, or can say.
pub(super) fn word_of(change: &Change) -> String {
    match &change.approved {
        Some(approval) => format!(" (approved by {})", approval.by),
        None => change.approve_with().map(|how| format!(" ({how})")).unwrap_or_default(),
    }
}

/// What differs, in one sentence: `properties.atime is on, shall be off`.
pub(super) fn difference(change: &Change, intent: Intent) -> String {
    match (change.action, intent) {
        (Action::Create, Intent::Intentional) => format!("{} does not exist yet", change.object),
        (Action::Create, Intent::Corrective) => format!("{} is gone", change.object),
        (Action::Delete, _) => format!("{} left the manifests", change.object),
        _ => {
            let field = |f: &evenkeel_core::plan::Field| {
                let (before, after) = (brief::value(&f.before_text), brief::value(&f.after_text));
                format!("{} is {before}, shall be {after}", f.change.path)
            };
            few(&change.fields.iter().map(field).collect::<Vec<_>>(), "; ")
        }
    }
}
