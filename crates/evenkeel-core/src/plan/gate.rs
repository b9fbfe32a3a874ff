//! Gates: what may be sent.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::approval::{Approvable, Approval, Rejection};
use super::shut::shut;
use super::window::Window;
use crate::driver::{Hazard, Risk, Step};

/// Whether a change may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Gate {
    /// It may.
    Open,
    /// It is reported and never sent as things are.
    Held {
        /// Why, and what would open it.
        reasons: Vec<String>,
        /// Whether a person's approval would.
        #[serde(default)]
        approvable: Approvable,
    },
}

impl Gate {
    /// Adds reasons to hold the change, which no approval opens.
    pub fn hold(&mut self, more: impl IntoIterator<Item = String>) {
        self.hold_as(Approvable::No, more);
    }

    /// Adds reasons to hold the change.
    pub fn hold_as(&mut self, how: Approvable, more: impl IntoIterator<Item = String>) {
        let mut more = more.into_iter().peekable();
        if more.peek().is_none() {
            return;
        }
        match self {
            Gate::Held { reasons, approvable } => {
                reasons.extend(more);
                *approvable = how.max(*approvable);
            }
            Gate::Open => *self = Gate::Held { reasons: more.collect(), approvable: how },
        }
    }
}

/// Why nothing may be sent for an instance, where somebody outside of the plan says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The reason, for plans and people.
    pub reason: std::sync::Arc<str>,
    /// Whether a person's approval opens it.
    pub approvable: Approvable,
}

/// What the mode of this run allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The highest risk that is sent. Data loss is never allowed by mode: it wants an [`Acceptance`].
    pub allow: Risk,
    /// Who decides about that, for the words of what is held.
    pub door: Door,
}

/// How a run was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// By a person at a terminal.
    CommandLine,
    /// By the controller.
    Controller,
}

impl Policy {
    /// What a person allows on the command line.
    pub const fn allowing(allow: Risk) -> Self {
        Policy { allow, door: Door::CommandLine }
    }

    /// What the controller may send without asking.
    pub const fn unattended(allow: Risk) -> Self {
        Policy { allow, door: Door::Controller }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::allowing(Risk::Disruptive)
    }
}

/// A person's word that a risk to data is wanted, written beside the setting in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// The setting it is about, for instance `sync=disabled`.
    pub of: String,
    /// Why the risk is right here.
    pub reason: String,
    /// The last day (UTC) on which it holds, for instance `2027-03-31`.
    #[schemars(with = "String", extend("format" = "date"))]
    #[serde(deserialize_with = "day")]
    pub until: Date,
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("expected a day such as 2027-03-31, found \"{text}\"")))
}

impl Acceptance {
    /// True where the acceptance has run out.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > self.until
    }
}

/// What the manifest says of what may be sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written<'a> {
    /// Risks to data that were accepted.
    pub(super) accepted: &'a [Acceptance],
    /// When it may be sent. Empty: at any time.
    pub(super) windows: &'a [Window],
    /// An approval of this very change that counts now.
    pub(super) approval: Option<&'a Approval>,
    /// A rejection of this very change.
    pub(super) rejection: Option<&'a Rejection>,
}

/// What a gate came to.
#[derive(Debug)]
pub(super) struct Gated {
    pub(super) gate: Gate,
    /// For the plan.
    pub(super) notes: Vec<String>,
    /// True where something would be held that an approval opened.
    pub(super) by_approval: bool,
}

/// What is in the way, and what of it an approval has moved out of it.
struct Obstacles<'a> {
    gate: Gate,
    approval: Option<&'a Approval>,
    moved: bool,
}

impl Obstacles<'_> {
    /// The same reason is told once.
    fn add(&mut self, how: Approvable, reason: String) {
        let opened = match how {
            Approvable::Yes => self.approval.is_some(),
            Approvable::OverridingWindow => self.approval.is_some_and(|approval| approval.override_window),
            Approvable::No => false,
        };
        self.moved |= opened;
        let is_known = matches!(&self.gate, Gate::Held { reasons, .. } if reasons.contains(&reason));
        if !opened && !is_known {
            self.gate.hold_as(how, [reason]);
        }
    }
}

/// The gate for `steps`, and notes for the plan.
pub(super) fn gate(steps: &[Step], policy: Policy, written: Written<'_>, now: Timestamp) -> Gated {
    let accepted = written.accepted;
    let mut obstacles = Obstacles { gate: Gate::Open, approval: written.approval, moved: false };
    let mut notes: Vec<String> = Vec::new();
    if let Some(Rejection { by, reason, .. }) = written.rejection {
        obstacles.add(Approvable::No, format!("rejected by {by}: {reason}"));
    }
    for why in steps.iter().filter_map(|step| step.held.as_ref()) {
        obstacles.add(Approvable::No, why.clone());
    }
    // No mode opens a window.
    if let Some(shut) = shut(written.windows, steps, now) {
        obstacles.add(Approvable::OverridingWindow, shut.reason);
    }
    // Hundreds of steps of one change share a few hazards; each is told once.
    let mut told: Vec<&Hazard> = Vec::new();
    for hazard in steps.iter().flat_map(|s| &s.hazards) {
        if told.contains(&hazard) {
            continue;
        }
        told.push(hazard);
        let note = format!("{}: {}{}", hazard.of, hazard.says, accepted_words(hazard, accepted));
        if !notes.contains(&note) {
            notes.push(note);
        }
        if let Some(reason) = objection(hazard, policy, accepted, now) {
            // What may lose data is accepted in the manifest, where everybody sees it.
            let how = if hazard.risk == Risk::DataLoss { Approvable::No } else { Approvable::Yes };
            obstacles.add(how, reason);
        }
    }
    Gated { gate: obstacles.gate, notes, by_approval: obstacles.moved }
}

/// The acceptance that counts for a setting: of several, the one that holds longest.
fn acceptance<'a>(of: &str, accepted: &'a [Acceptance]) -> Option<&'a Acceptance> {
    accepted.iter().filter(|a| a.of == of).max_by_key(|a| a.until)
}

/// True where an acceptance has ended and no other of the same setting has followed it.
pub(super) fn has_run_out(one: &Acceptance, accepted: &[Acceptance], now: Timestamp) -> bool {
    one.has_expired(now) && acceptance(&one.of, accepted) == Some(one)
}

/// Who reads a plan sees that a risk was taken on purpose, and for how long.
fn accepted_words(hazard: &Hazard, accepted: &[Acceptance]) -> String {
    let found = acceptance(&hazard.of, accepted).filter(|_| hazard.risk == Risk::DataLoss);
    found.map(|a| format!(" (accepted until {}: {})", a.until, a.reason)).unwrap_or_default()
}

fn objection(hazard: &Hazard, policy: Policy, accepted: &[Acceptance], now: Timestamp) -> Option<String> {
    let of = &hazard.of;
    match hazard.risk {
        Risk::DataLoss => match acceptance(of, accepted) {
            None => Some(format!(
                "{of} risks data: write `accept: {{ dataLoss: {{ of: {of}, reason: \"…\", until: YYYY-MM-DD }} }}` in the manifest"
            )),
            Some(a) if a.has_expired(now) => Some(format!(
                "the acceptance of {of} ended on {}: renew `accept.dataLoss.until` or take the setting back",
                a.until
            )),
            Some(_) => None,
        },
        risk if risk > policy.allow => Some(match policy.door {
            Door::CommandLine => format!("{of} is {}: allow it with `--allow {}`", word(risk), word(risk)),
            Door::Controller => format!(
                "{of} is {}: send it with `evenkeel apply --allow {}`, or let the source say `onPush: {{ apply: {risk:?} }}`",
                word(risk),
                word(risk)
            ),
        }),
        _ => None,
    }
}

/// The risk as it is written on the command line and in messages.
pub(crate) fn word(risk: Risk) -> &'static str {
    match risk {
        Risk::Safe => "safe",
        Risk::Disruptive => "disruptive",
        Risk::Destructive => "destructive",
        Risk::DataLoss => "data-loss",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::period::Period;
    use crate::plan::WindowSpec;
    use crate::request::{Exec, Request};

    fn steps(risk: Risk) -> Vec<Step> {
        vec![Step::new(Request::Exec(Exec::new(["x"]))).hazard(risk, "sync=disabled", "says")]
    }

    fn acceptance(until: &str) -> Vec<Acceptance> {
        vec![Acceptance { of: "sync=disabled".into(), reason: "r".into(), until: until.parse().unwrap() }]
    }

    fn held(risk: Risk, allow: Risk, accepted: &[Acceptance]) -> bool {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let written = Written { accepted, ..Written::default() };
        matches!(gate(&steps(risk), Policy::allowing(allow), written, now).gate, Gate::Held { .. })
    }

    #[test]
    fn data_loss_is_opened_by_an_acceptance_only() {
        assert!(held(Risk::DataLoss, Risk::DataLoss, &[]));
        assert!(held(Risk::DataLoss, Risk::DataLoss, &acceptance("2026-11-19")), "ran out yesterday");
        assert!(!held(Risk::DataLoss, Risk::Safe, &acceptance("2026-11-20")), "holds through its last day");
    }

    #[test]
    fn of_several_acceptances_the_one_that_holds_longest_counts() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let (ended, valid) = (acceptance("2026-11-19"), acceptance("2026-12-24"));
        for both in [[&ended[..], &valid].concat(), [&valid[..], &ended].concat()] {
            assert!(!held(Risk::DataLoss, Risk::Safe, &both), "{both:?}");
            assert!(both.iter().all(|a| !has_run_out(a, &both, now)), "it was renewed");
        }
        assert!(has_run_out(&ended[0], &ended, now));
    }

    #[test]
    fn what_is_held_by_itself_is_opened_by_nothing() {
        let steps = [Step::new(Request::Exec(Exec::new(["x"]))).held("1 working path, wanted 2")];
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let accepted = acceptance("2026-11-20");
        let written = Written { accepted: &accepted, ..Written::default() };
        let gate = gate(&steps, Policy::allowing(Risk::DataLoss), written, now).gate;
        let reasons = vec!["1 working path, wanted 2".to_owned()];
        assert_eq!(gate, Gate::Held { reasons, approvable: Approvable::No });
    }

    #[test]
    fn what_many_steps_share_is_told_once() {
        let step = || {
            let step = Step::new(Request::Exec(Exec::new(["x"])));
            step.hazard(Risk::Disruptive, "a", "says").hazard(Risk::DataLoss, "b", "says").held("c")
        };
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let gated = gate(&[step(), step()], Policy::allowing(Risk::Safe), Written::default(), now);
        assert_eq!(gated.notes, ["a: says", "b: says"]);
        let Gate::Held { reasons, .. } = gated.gate else { panic!("open") };
        assert_eq!(reasons.len(), 3, "{reasons:?}");
    }

    #[test]
    fn other_risks_are_opened_by_the_mode() {
        assert!(held(Risk::Destructive, Risk::Disruptive, &[]));
        assert!(!held(Risk::Destructive, Risk::Destructive, &[]));
        assert!(!held(Risk::Safe, Risk::Safe, &[]));
    }

    #[test]
    fn outside_of_its_window_what_interrupts_is_opened_by_nothing() {
        let window = WindowSpec {
            every: None,
            cron: None,
            calendar: Some("sat 22:00".to_owned()),
            time_zone: "UTC".to_owned(),
            duration: Period::minutes(60),
        };
        let windows = [window.read().0.unwrap()];
        let accepted = acceptance("2026-12-31");
        let written = Written { accepted: &accepted, windows: &windows, ..Written::default() };
        let at = |now: &str, risk: Risk| {
            gate(&steps(risk), Policy::allowing(Risk::DataLoss), written, now.parse().unwrap()).gate
        };
        for risk in [Risk::Disruptive, Risk::Destructive, Risk::DataLoss] {
            let Gate::Held { reasons, .. } = at("2026-11-20T12:00:00Z", risk) else {
                panic!("{risk:?} is open")
            };
            assert_eq!(
                reasons,
                ["outside of its window: the next opens Sat 2026-11-21 22:00 UTC (in 1d10h)"]
            );
            assert_eq!(at("2026-11-21T22:30:00Z", risk), Gate::Open);
        }
        assert_eq!(at("2026-11-20T12:00:00Z", Risk::Safe), Gate::Open, "what disturbs nobody does not wait");
        let unsent = gate(&[], Policy::default(), written, "2026-11-20T12:00:00Z".parse().unwrap()).gate;
        assert_eq!(unsent, Gate::Open);
    }

    /// What is in the way: its name, the steps, the windows, whether it was rejected; how it can be opened, and which
    /// approvals open it: none, a plain one, an overriding one.
    type Case<'a> = (&'static str, Vec<Step>, &'a [Window], bool, Approvable, [bool; 3]);

    #[test]
    fn an_approval_opens_what_it_may_and_nothing_else() {
        let window = WindowSpec {
            every: None,
            cron: None,
            calendar: Some("sat 22:00".to_owned()),
            time_zone: "UTC".to_owned(),
            duration: Period::minutes(60),
        };
        let windows = [window.read().0.unwrap()];
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let word = |override_window| Approval {
            plan: "p".into(),
            by: "kim".into(),
            reason: "r".into(),
            at: now,
            until: now,
            override_window,
        };
        let (plain, overriding) = (word(false), word(true));
        let rejection = Rejection { plan: "p".into(), by: "lee".into(), reason: "not today".into(), at: now };
        let by_driver = || vec![Step::new(Request::Exec(Exec::new(["x"]))).held("1 working path, wanted 2")];
        let destructive = || steps(Risk::Destructive);
        let cases: [Case<'_>; 6] = [
            ("risk", destructive(), &[], false, Approvable::Yes, [false, true, true]),
            (
                "window",
                steps(Risk::Disruptive),
                &windows,
                false,
                Approvable::OverridingWindow,
                [false, false, true],
            ),
            ("both", destructive(), &windows, false, Approvable::OverridingWindow, [false, false, true]),
            ("data loss", steps(Risk::DataLoss), &[], false, Approvable::No, [false; 3]),
            ("driver", by_driver(), &[], false, Approvable::No, [false; 3]),
            ("rejected", destructive(), &[], true, Approvable::No, [false; 3]),
        ];
        for (name, steps, windows, rejected, how, opened) in cases {
            for (approval, open) in [None, Some(&plain), Some(&overriding)].into_iter().zip(opened) {
                let rejection = rejected.then_some(&rejection);
                let written = Written { windows, approval, rejection, ..Written::default() };
                // The mode lets through what interrupts, so that a window alone is in the way of it.
                let found = gate(&steps, Policy::unattended(Risk::Disruptive), written, now);
                assert_eq!(found.gate == Gate::Open, open, "{name}, {approval:?}: {:?}", found.gate);
                assert!(found.by_approval || !open, "{name}");
                let (Gate::Held { approvable, .. }, None) = (found.gate, approval) else { continue };
                assert_eq!(approvable, how, "{name}");
            }
        }
    }
}
