//! What an apply did, as a person reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use evenkeel_core::plan::{Change, Gate, Plan};
use evenkeel_engine::{Outcome, Run, Verdict};

use super::fold::some_of;
use super::print;
use super::style::{Tone, paint};
use super::wrap::paragraph;

/// Targets named of a resource that ended on many of them in the same way.
const TARGETS_NAMED: usize = 12;

/// Of many fields, so many are named in a message.
const FIELDS_NAMED: usize = 6;

/// Prints what became of everything that is not simply unchanged, with a summary line. What `plan`, which stands
/// above it, said already is not said again.
pub(crate) fn show_run(run: &Run, plan: &Plan) {
    print(&render(run, plan));
}

fn render(run: &Run, plan: &Plan) -> String {
    let mut text = String::new();
    for (message, outcomes) in alike(run, plan) {
        let Some(first) = outcomes.first() else { continue };
        let (word, tone) = word(&first.verdict);
        let _ = writeln!(text, "{} {}", paint(tone, format!("{word:<9}")), who(&outcomes));
        for line in message.lines() {
            let _ = writeln!(text, "          {}", paragraph(line, 10));
        }
    }
    let _ = writeln!(text, "{}", summary(run));
    text
}

/// Whose outcome it is: `ZfsDataset/vm on olive`, of one resource on several targets `EsxiPathPolicy/svc on olive, lime`.
fn who(outcomes: &[&Outcome]) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let is_one_resource =
        outcomes.iter().all(|o| (&o.id.kind, &o.id.name) == (&first.id.kind, &first.id.name));
    match outcomes {
        [one] => format!("{} {}", one.id, paint(Tone::Faint, &one.object)),
        many if is_one_resource => {
            let targets: Vec<&str> = many.iter().map(|o| o.id.target.as_str()).collect();
            format!("{}/{} on {}", first.id.kind, first.id.name, some_of(&targets, TARGETS_NAMED))
        }
        many if many.len() <= 3 => many.iter().map(|o| o.id.to_string()).collect::<Vec<_>>().join(", "),
        many => format!("{} and {} more", first.id, many.len() - 1),
    }
}

/// Outcomes with the same verdict and message, in order of first appearance.
fn alike<'r>(run: &'r Run, plan: &Plan) -> Vec<(String, Vec<&'r Outcome>)> {
    let mut groups: Vec<(String, Vec<&Outcome>)> = Vec::new();
    let mut known: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let both = run.outcomes.iter().zip(&plan.changes);
    for (outcome, change) in both.filter(|(o, _)| o.verdict != Verdict::Unchanged) {
        let message = if is_known(&outcome.verdict, change) {
            "as shown above".to_owned()
        } else {
            detail(&outcome.verdict)
        };
        let at = *known.entry((word(&outcome.verdict).0, message.clone())).or_insert(groups.len());
        match groups.get_mut(at) {
            Some((_, group)) => group.push(outcome),
            None => groups.push((message, vec![outcome])),
        }
    }
    groups
}

/// True where the plan said the same.
fn is_known(verdict: &Verdict, change: &Change) -> bool {
    match verdict {
        Verdict::Unknown { message, .. } => change.error.as_ref().is_some_and(|e| e.message == *message),
        Verdict::Held { reasons } => {
            let withheld = change.withheld.as_ref().is_some_and(|withheld| withheld.reasons == *reasons);
            let all = |held: &Vec<String>| held == reasons;
            withheld || matches!(&change.gate, Gate::Held { reasons, .. } if all(reasons))
        }
        Verdict::Skipped { reason } => change.suspended || change.busy.as_ref() == Some(reason),
        _ => false,
    }
}

/// The word for what became of an instance.
pub(super) fn word(verdict: &Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Unchanged => ("unchanged", Tone::Faint),
        Verdict::Applied => ("applied", Tone::Good),
        Verdict::Held { .. } => ("held", Tone::Warn),
        Verdict::Skipped { .. } => ("skipped", Tone::Warn),
        Verdict::Stale { .. } => ("stale", Tone::Bad),
        Verdict::Drifted { .. } => ("drifted", Tone::Warn),
        Verdict::Failed { .. } => ("failed", Tone::Bad),
        Verdict::Halted { .. } => ("halted", Tone::Bad),
        Verdict::RolledBack { .. } => ("rolled back", Tone::Bad),
        Verdict::Unknown { .. } => ("unknown", Tone::Bad),
        Verdict::NotStarted => ("not sent", Tone::Warn),
    }
}

/// What there is to say about it.
pub(super) fn detail(verdict: &Verdict) -> String {
    let with_hint = |message: &str, hint: &Option<String>| match hint {
        Some(hint) => format!("{message}\nhint: {hint}"),
        None => message.to_owned(),
    };
    match verdict {
        Verdict::Unchanged | Verdict::Applied | Verdict::NotStarted => String::new(),
        Verdict::Held { reasons } => reasons.join("\n"),
        Verdict::Skipped { reason } => reason.clone(),
        Verdict::Stale { fields } => {
            let fields = some_fields(fields);
            format!("changed since the plan: {fields}\nhint: plan again, look, and apply that")
        }
        Verdict::Drifted { fields } => {
            let fields = some_fields(fields);
            format!(
                "what was sent changed this too (an inherited value?): {fields}\nhint: apply again to put it back"
            )
        }
        Verdict::Failed { message, hint }
        | Verdict::Halted { message, hint }
        | Verdict::RolledBack { message, hint }
        | Verdict::Unknown { message, hint } => with_hint(message, hint),
    }
}

fn some_fields(fields: &[String]) -> String {
    some_of(&fields.iter().map(String::as_str).collect::<Vec<_>>(), FIELDS_NAMED)
}

fn summary(run: &Run) -> String {
    let sum = &run.summary;
    let parts = [
        (sum.applied, "applied", Tone::Good),
        (sum.failed, "failed", Tone::Bad),
        (sum.stale, "stale", Tone::Bad),
        (sum.drifted, "drifted", Tone::Warn),
        (sum.unknown, "unknown", Tone::Bad),
        (sum.not_started, "not sent", Tone::Warn),
        (sum.held, "held", Tone::Warn),
        (sum.skipped, "skipped", Tone::Warn),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, what, tone)| paint(*tone, format!("{n} {what}")))
        .collect();
    words.push(format!("{} unchanged", sum.unchanged));
    let commands = match sum.commands {
        0 => "nothing was sent".to_owned(),
        1 => "1 command sent".to_owned(),
        n => format!("{n} commands sent"),
    };
    let head = if run.stopped { "Stopped:" } else { "Apply:" };
    format!("{} {}; {commands}.", paint(Tone::Strong, head), words.join(", "))
}

#[cfg(test)]
mod tests {
    use evenkeel_core::plan::{Action, InstanceId};
    use evenkeel_engine::RunSummary;
    use serde_json::json;

    use super::*;

    const LEFT: &str = "not begun, because 1 of the hosts with cluster=lab failed (lime)";

    fn shown(verdicts: Vec<(&str, Verdict)>) -> String {
        let id = |target: &str| json!({ "target": target, "kind": "EsxiPathPolicy", "name": "svc" });
        let change = |target: &str| {
            json!({ "id": id(target), "object": "multipathing", "level": 0, "action": "update", "risk": "safe",
                "gate": { "state": "open" } })
        };
        let changes = verdicts.iter().map(|(target, _)| serde_json::from_value(change(target)).unwrap());
        let plan = Plan::of(changes.collect());
        let outcomes = verdicts.into_iter().map(|(target, verdict)| Outcome {
            id: InstanceId { target: target.into(), kind: "EsxiPathPolicy".into(), name: "svc".into() },
            object: "multipathing".into(),
            action: Action::Update,
            verdict,
            sent: vec![],
        });
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let run = Run {
            format_version: 1,
            started: now,
            finished: now,
            stopped: false,
            outcomes: outcomes.collect(),
            commands: vec![],
            summary: RunSummary { applied: 1, failed: 1, skipped: 2, commands: 237, ..RunSummary::default() },
        };
        anstream::adapter::strip_str(&render(&run, &plan)).to_string()
    }

    #[test]
    fn a_rollout_that_ended_is_told_once() {
        let hint = Some("see to that first".to_owned());
        let message = "after `esxcli …` naa.1 has 1 working paths, it had 2".to_owned();
        let left = || Verdict::Skipped { reason: LEFT.into() };
        let text = shown(vec![
            ("kiwi", Verdict::Applied),
            ("lime", Verdict::Halted { message, hint }),
            ("olive", left()),
            ("plum", left()),
        ]);
        let expected = "applied   EsxiPathPolicy/svc on kiwi multipathing\n\
             halted    EsxiPathPolicy/svc on lime multipathing\n\
             \x20         after `esxcli …` naa.1 has 1 working paths, it had 2\n\
             \x20         hint: see to that first\n\
             skipped   EsxiPathPolicy/svc on olive, plum\n\
             \x20         not begun, because 1 of the hosts with cluster=lab failed (lime)\n\
             Apply: 1 applied, 1 failed, 2 skipped, 0 unchanged; 237 commands sent.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_many_hosts_and_fields_some_are_named() {
        let hosts: Vec<String> = (0..31).map(|n| format!("esx{n:02}")).collect();
        let text = shown(hosts.iter().map(|host| (host.as_str(), Verdict::Applied)).collect());
        assert!(text.contains("esx10, esx11 and 19 more\n"), "{text}");
        let fields: Vec<String> = (0..200).map(|n| format!("devices.naa.{n}.policy")).collect();
        let text = shown(vec![("kiwi", Verdict::Stale { fields })]);
        assert!(text.contains("devices.naa.5.policy and 194 more\n"), "{text}");
    }
}
