//! What waits for a person, and what persons decided, as tables.

use comfy_table::Table;
use evenkeel_core::condition::few;
use evenkeel_core::plan::{Approval, Gate, Rejection, short_plan};
use evenkeel_engine::store::{ApprovalRecord, ApprovalState};
use jiff::Timestamp;

use super::print;
use super::status::table;
use super::visible::one_line;
use crate::times::{shown, span};

/// Prints what waits, and then what was decided.
pub(crate) fn show_approvals(records: &[ApprovalRecord], now: Timestamp) {
    let (waiting, decided): (Vec<_>, Vec<_>) =
        records.iter().partition(|record| record.state == ApprovalState::Waiting);
    let mut parts = Vec::new();
    if waiting.is_empty() {
        parts.push("nothing waits for a decision".to_owned());
    } else {
        let how = "`evenkeel approve PLAN --reason TEXT` shows one and lets it through, `reject` does not";
        parts.push(format!("{}\n{how}", waiting_table(&waiting, now).trim_fmt()));
    }
    if !decided.is_empty() {
        parts.push(decided_table(&decided, now).trim_fmt());
    }
    print(&(parts.join("\n\n") + "\n"));
}

fn waiting_table(records: &[&ApprovalRecord], now: Timestamp) -> Table {
    let mut table = table();
    table.set_header(["PLAN", "RESOURCE", "TARGET", "CHANGE", "RISK", "SINCE", "HELD"]);
    for record in records {
        let id = &record.key.id;
        let held = match &record.change.gate {
            Gate::Held { reasons, .. } => few(reasons, "; "),
            Gate::Open => String::new(),
        };
        table.add_row([
            short_plan(&record.plan).to_owned(),
            format!("{}/{}", id.kind, id.name),
            id.target.clone(),
            word(&record.change.action),
            word(&record.change.risk),
            span(record.since, now),
            one_line(&held).into_owned(),
        ]);
    }
    table
}

fn decided_table(records: &[&ApprovalRecord], now: Timestamp) -> Table {
    let mut table = table();
    table.set_header(["PLAN", "RESOURCE", "TARGET", "STATE", "BY", "AT", "RUN", "REASON"]);
    for record in records {
        let id = &record.key.id;
        let (by, at, reason) = match (&record.approval, &record.rejection) {
            (Some(Approval { by, at, reason, .. }), _) | (None, Some(Rejection { by, at, reason, .. })) => {
                (by.as_str(), shown(*at), reason.as_str())
            }
            (None, None) => ("-", "-".to_owned(), ""),
        };
        table.add_row([
            short_plan(&record.plan).to_owned(),
            format!("{}/{}", id.kind, id.name),
            id.target.clone(),
            state(record, now),
            by.to_owned(),
            at,
            record.run.map_or_else(|| "-".to_owned(), |run| run.to_string()),
            one_line(reason).into_owned(),
        ]);
    }
    table
}

/// How it stands with a decision: `approved, 23h left`.
fn state(record: &ApprovalRecord, now: Timestamp) -> String {
    let also = record.approval.as_ref().filter(|approval| approval.override_window);
    let also = also.map(|_| ", overriding windows").unwrap_or_default();
    match (record.state, &record.approval) {
        (ApprovalState::Waiting, _) => "waiting".to_owned(),
        (ApprovalState::Approved, Some(approval)) => {
            format!("approved, {} left{also}", span(now, approval.until))
        }
        (ApprovalState::Approved, None) => "approved".to_owned(),
        (ApprovalState::Rejected, _) => "rejected".to_owned(),
        (ApprovalState::Used, _) => format!("approved and sent{also}"),
        (ApprovalState::Void, Some(_)) => format!("approved, void{also}"),
        (ApprovalState::Void, None) => "rejected, void".to_owned(),
        (ApprovalState::Expired, _) => format!("approved, run out{also}"),
    }
}

/// The word that stands in JSON.
fn word(of: &impl serde::Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
