//! A person decides about a change that is held.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::period::Period;
use evenkeel_core::plan::{Approvable, Approval, Gate, Rejection, short_plan};
use jiff::{SignedDuration, Timestamp};

use super::approvals::announcement;
use super::state::{Shared, State, about_resource};
use super::words::Trigger;
use crate::store::{About, ApprovalRecord, ApprovalState, Audited, Batch, NewAuditEntry, NewEvent, Weight};

/// A person is told when the decision is written down, or after this.
const PATIENCE: Duration = Duration::from_secs(5);

/// The least of a plan's hash that names it.
const LEAST: usize = 8;

/// So many characters of a reason are taken.
const REASON: usize = 500;

/// No approval counts for longer.
pub const LONGEST: Period = Period::days(30);

/// What a person says about a change that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The hash of the change, or at least its first eight digits.
    pub plan: String,
    /// Who says it.
    pub by: String,
    /// Why, in one line of at most 500 characters.
    pub reason: String,
    /// What is said.
    pub word: Word,
}

/// Yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It may be sent.
    Approve {
        /// For how long, at most [`LONGEST`].
        within: Period,
        /// Also outside of its windows.
        override_window: bool,
    },
    /// It shall not be sent.
    Reject,
}

/// Why a decision was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Of which kind.
    pub kind: RefusalKind,
    /// What, and why.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The decision itself is not right.
    Bad,
    /// There is no such plan.
    Unknown,
    /// It was decided before, or it is another plan by now.
    Conflict,
    /// It is not written down yet.
    Unwritten,
}

impl Refusal {
    fn new(kind: RefusalKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal { kind, message: message.into(), hint: hint.into() }
    }
}

/// Takes a decision. Whoever comes first decides; that is written down before anybody is told.
pub(super) async fn decide(shared: &Arc<Shared>, decision: Decision) -> Result<ApprovalRecord, Refusal> {
    let decision = checked(decision)?;
    let now = shared.now();
    let mut batch = Batch::default();
    let record = {
        let mut state = shared.state();
        let record = take(&mut state, decision, now, &mut batch)?;
        let unit = state.unit_of(&record.key);
        state.scheduler.wake(&unit, Trigger::Operator, now);
        // Put there while the state is held, so that nothing can be written down about it before.
        state.outbox.put(batch);
        record
    };
    shared.unwritten.notify_one();
    shared.turn.notify_one();
    if shared.is_written(PATIENCE).await {
        return Ok(record);
    }
    let trouble = shared.state().store_trouble.clone().unwrap_or_else(|| "it does not answer".to_owned());
    Err(Refusal::new(
        RefusalKind::Unwritten,
        format!("the decision is not written down yet: {trouble}; nothing is sent before it is"),
        "mend the store; `evenkeel approvals` then shows whether the decision came to count",
    ))
}

fn checked(decision: Decision) -> Result<Decision, Refusal> {
    let bad = |message: &str, hint: &str| Err(Refusal::new(RefusalKind::Bad, message, hint));
    let reason = decision.reason.trim();
    if reason.is_empty() {
        return bad("a decision wants a reason", "say why: it is what others read afterwards");
    }
    if reason.chars().count() > REASON {
        return bad("the reason is longer than 500 characters", "say it shorter, or name a ticket");
    }
    if reason.chars().any(char::is_control) {
        return bad("the reason has control characters", "write it in one line of plain text");
    }
    let plan = decision.plan.to_ascii_lowercase();
    if plan.len() < LEAST || !plan.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let hint = "give at least its first 8 digits; `evenkeel approvals` shows them";
        return bad(&format!("`{}` is not the hash of a plan", decision.plan), hint);
    }
    if let Word::Approve { within, .. } = decision.word
        && (within.as_seconds() == 0 || within > LONGEST)
    {
        return bad(
            &format!("an approval cannot count for {within}"),
            "write a time of at most 30d, for instance 24h",
        );
    }
    Ok(Decision { plan, reason: reason.to_owned(), ..decision })
}

fn take(
    state: &mut State,
    decision: Decision,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<ApprovalRecord, Refusal> {
    let record = meant(state, &decision.plan)?;
    let Decision { by, reason, word, .. } = decision;
    let plan = record.plan.clone();
    let decided = match word {
        Word::Approve { within, override_window } => {
            if record.approvable() == Approvable::No {
                return Err(not_approvable(&record));
            }
            let span = SignedDuration::try_from(Duration::from(within)).unwrap_or_default();
            let until = now.saturating_add(span).unwrap_or(now);
            let approval = Approval { plan, by, reason, at: now, until, override_window };
            ApprovalRecord { state: ApprovalState::Approved, approval: Some(approval), ..record }
        }
        Word::Reject => {
            let rejection = Rejection { plan, by, reason, at: now };
            ApprovalRecord { state: ApprovalState::Rejected, rejection: Some(rejection), ..record }
        }
    };
    batch.audit.extend(audited(&decided, now));
    batch.events.extend(told(&decided, now));
    state.approvals.put(decided.clone(), batch);
    Ok(decided)
}

/// What is decided about: something that waits, under this hash and no other.
fn meant(state: &State, plan: &str) -> Result<ApprovalRecord, Refusal> {
    let conflict = |message: String, hint: String| Refusal::new(RefusalKind::Conflict, message, hint);
    match state.approvals.find(plan).as_slice() {
        [] => Err(outdated(state, plan)),
        [record] => match (&record.approval, &record.rejection) {
            (Some(Approval { by, at, reason, .. }), _) => Err(conflict(
                format!("{} was approved by {by} on {at:.0} already: {reason}", short_plan(&record.plan)),
                "the first decision counts; `evenkeel approvals` shows how it stands".to_owned(),
            )),
            (None, Some(Rejection { by, at, reason, .. })) => Err(conflict(
                format!("{} was rejected by {by} on {at:.0}: {reason}", short_plan(&record.plan)),
                "the first decision counts until something else would be sent: change the manifest"
                    .to_owned(),
            )),
            (None, None) => Ok(ApprovalRecord::clone(record)),
        },
        several => {
            let names: Vec<String> =
                several.iter().map(|r| format!("{} ({})", short_plan(&r.plan), r.key)).collect();
            Err(conflict(
                format!("{plan} begins several plans: {}", names.join(", ")),
                "give more digits of the one that is meant".to_owned(),
            ))
        }
    }
}

/// There is nothing to decide about under this hash: it was, or never has been.
fn outdated(state: &State, plan: &str) -> Refusal {
    let short = short_plan(plan);
    match state.approvals.outdated(plan) {
        Some((key, Some(now))) => Refusal::new(
            RefusalKind::Conflict,
            format!(
                "{short} is not what would be sent for {key} any more: now it is {}",
                short_plan(&now.plan)
            ),
            format!("look at it anew: `evenkeel approvals`, then decide about {}", short_plan(&now.plan)),
        ),
        Some((key, None)) => Refusal::new(
            RefusalKind::Conflict,
            format!("{short} is not to be sent for {key} any more"),
            "`evenkeel approvals` shows what waits now",
        ),
        None => Refusal::new(
            RefusalKind::Unknown,
            format!("no plan {short} waits for a decision"),
            "`evenkeel approvals` shows what waits",
        ),
    }
}

fn not_approvable(record: &ApprovalRecord) -> Refusal {
    let reasons = match &record.change.gate {
        Gate::Held { reasons, .. } => reasons.join("; "),
        Gate::Open => String::new(),
    };
    Refusal::new(
        RefusalKind::Conflict,
        format!("no approval opens {} as things are: {reasons}", short_plan(&record.plan)),
        "see to that first; it waits for a decision again when it is done",
    )
}

fn told(record: &ApprovalRecord, now: Timestamp) -> Option<NewEvent> {
    let (word, message) = announcement(record)?;
    let event = about_resource(&record.key, now, Weight::Normal, word, message);
    Some(NewEvent { revision: Some(record.revision.clone()), ..event })
}

fn audited(record: &ApprovalRecord, now: Timestamp) -> Option<NewAuditEntry> {
    let (by, reason, what) = match (&record.approval, &record.rejection) {
        (Some(approval), _) => {
            (&approval.by, &approval.reason, Audited::Approved { approval: approval.clone() })
        }
        (None, Some(no)) => (&no.by, &no.reason, Audited::Rejected { plan: no.plan.clone() }),
        (None, None) => return None,
    };
    let change = &record.change;
    let about = About {
        object: Some(change.object.clone()),
        location: change.location.clone(),
        action: Some(change.action),
        fields: change.fields.iter().map(|field| field.change.path.clone()).collect(),
        ..About::of(record.key.id.clone())
    };
    Some(NewAuditEntry {
        source: Some(record.key.source.clone()),
        target: Some(record.key.id.target.clone()),
        revision: Some(record.revision.clone()),
        by: Some(by.clone()),
        reason: Some(reason.clone()),
        about: vec![about],
        ..NewAuditEntry::new(now, what)
    })
}
