//! Writes, and how much they can hurt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::few;
use crate::request::{Reply, Request};

/// How much a write can hurt, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Risk {
    /// Can be put back, disturbs nobody.
    #[default]
    Safe,
    /// Interrupts or slows what is using the object.
    Disruptive,
    /// Removes an object.
    Destructive,
    /// Data may be lost, now or at the next crash.
    DataLoss,
}

/// A reason why a step is risky.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hazard {
    /// How much it can hurt.
    pub risk: Risk,
    /// The setting or object it is about, as `accept.dataLoss.of` names it: `sync=disabled`.
    pub of: String,
    /// What can happen, in one sentence.
    pub says: String,
}

/// One write, ready to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The target it is sent to. `None`: the instance's own; the planner writes that down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is sent.
    pub request: Request,
    /// Why it is risky; empty for a safe step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<Hazard>,
    /// The steps before it stand without it: where it may not be sent, it and what follows wait, and those are sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_wait: bool,
    /// It makes, whole or not at all, what a later step that cleans up takes away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
    /// It takes away what a step before it that [`begins`](Step::begins) made for the time of their work: it is sent also
    /// where one after that failed, and not where that one was refused, for what is there then is somebody else's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleanup: bool,
    /// Which of several things that do not need each other it is for, where a change has such: one virtual machine of those
    /// that a schedule copies. Where it fails, what is for the others goes on, and what cleans up is sent only for what was
    /// begun. A step for none of them is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Why it may not be sent as things are, whatever the mode allows, and what would open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What must be so once it is done, before anything else is sent to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// What puts the target back where this step cuts it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Box<Guard>>,
}

/// A dead man's switch on the target, for a step that can cut the way to it: armed before the step, and disarmed over a new
/// connection after it. Where none comes to be in time, the target itself puts back what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// Arms it. Where that fails, the step is not sent.
    pub arm: Request,
    /// Disarms it, once the step is done. Exit status 0 where the target knows what became of it, with a [`GuardOutcome`]
    /// as JSON on standard output; else it is asked again. Asked again, it answers the same.
    pub disarm: Request,
    /// The target puts back what it was so many seconds after it was armed.
    pub seconds: u64,
    /// What it puts back, in words: `SETswitch and its addresses`.
    pub restores: String,
}

/// What became of a guarded step, as the target itself tells it: `{"outcome": "rolledBack", "said": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum GuardOutcome {
    /// It was done, and its guard is disarmed.
    Confirmed,
    /// The target has put back what it was.
    RolledBack {
        /// That it did so, and why: `the host put back …, since the change failed`.
        said: String,
        /// What it could not put back, each with what was in the way.
        #[serde(default)]
        left: Vec<String>,
    },
    /// Nothing of it was done, and nothing will be.
    NeverBegun {
        /// That it is so, and why.
        said: String,
    },
}

impl GuardOutcome {
    /// Reads what a target answered to [`Guard::disarm`]; the problem, where that leaves open what became of the step.
    pub fn of(reply: &Reply) -> Result<Self, String> {
        if reply.exit != 0 {
            return Err(reply.stderr_text());
        }
        serde_json::from_slice(&reply.stdout)
            .map_err(|error| format!("it did not say what became of the change: {error}"))
    }
}

/// What must be so after a step: the target is read again at once, in the same exchange, and a count that has fallen
/// ends the run on that target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What is read. Each of them only reads.
    pub reads: Vec<Request>,
    /// What is counted in it by [`super::Driver::measure`], in plural: `working paths`.
    pub counts: String,
    /// The least of it, by the name of what has it: a device.
    pub at_least: BTreeMap<String, u64>,
}

impl Proof {
    /// Why it does not hold, given what was counted; `None` where it does. What was not counted is not known, and
    /// holds as little as what has fallen.
    pub fn broken(&self, counted: &BTreeMap<String, u64>) -> Option<String> {
        let counts = &self.counts;
        let problem = |(name, least): (&String, &u64)| match counted.get(name) {
            Some(count) if count >= least => None,
            Some(count) => Some(format!("{name} has {count} {counts}, it had {least}")),
            None => Some(format!("the {counts} of {name} could not be counted, there were {least}")),
        };
        let problems: Vec<String> = self.at_least.iter().filter_map(problem).collect();
        (!problems.is_empty()).then(|| few(&problems, "; "))
    }
}

impl Step {
    /// A safe step on the instance's own target.
    pub fn new(request: Request) -> Self {
        Step {
            target: None,
            request,
            hazards: Vec::new(),
            may_wait: false,
            begins: false,
            cleanup: false,
            part: None,
            held: None,
            proof: None,
            guard: None,
        }
    }

    /// A safe step on another target.
    pub fn at(target: &str, request: Request) -> Self {
        Step { target: Some(target.to_owned()), ..Step::new(request) }
    }

    /// The steps before it stand without it.
    #[must_use]
    pub fn may_wait(mut self) -> Self {
        self.may_wait = true;
        self
    }

    /// It makes what a later step that cleans up takes away. Where it fails, nothing of it is there.
    #[must_use]
    pub fn begins(mut self) -> Self {
        self.begins = true;
        self
    }

    /// It is sent also where an earlier step of the same change failed, once one that begins was done. A failed change stays
    /// failed.
    #[must_use]
    pub fn cleanup(mut self) -> Self {
        self.cleanup = true;
        self
    }

    /// It is for one of several things that do not need each other.
    #[must_use]
    pub fn part(mut self, of: impl Into<String>) -> Self {
        self.part = Some(of.into());
        self
    }

    /// It may not be sent as things are, whatever the mode allows.
    #[must_use]
    pub fn held(mut self, why: impl Into<String>) -> Self {
        self.held = Some(why.into());
        self
    }

    /// What must be so once it is done.
    #[must_use]
    pub fn proven(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// What puts the target back where it cuts it off.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Names `own` as the target where none is named, and in a transfer, too.
    pub(crate) fn settle(&mut self, own: &str) {
        self.target.get_or_insert_with(|| own.to_owned());
        if let Request::Transfer(transfer) = &mut self.request {
            transfer.settle(own);
        }
    }

    /// Every target that it reaches; the one that it is sent to first.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        let of_transfer = match &self.request {
            Request::Transfer(transfer) => [transfer.from_target(), transfer.to_target()],
            _ => [None, None],
        };
        self.target.as_deref().into_iter().chain(of_transfer.into_iter().flatten())
    }

    /// Adds a reason why it is risky.
    #[must_use]
    pub fn hazard(mut self, risk: Risk, of: impl Into<String>, says: impl Into<String>) -> Self {
        self.hazards.push(Hazard { risk, of: of.into(), says: says.into() });
        self
    }

    /// The worst of its hazards.
    pub fn risk(&self) -> Risk {
        self.hazards.iter().map(|h| h.risk).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_broken_by_less_and_by_what_is_not_known() {
        let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect();
        let proof = Proof {
            reads: Vec::new(),
            counts: "working paths".to_owned(),
            at_least: counts(&[("a", 2), ("b", 4)]),
        };
        assert_eq!(proof.broken(&counts(&[("a", 2), ("b", 5), ("c", 0)])), None);
        assert_eq!(
            proof.broken(&counts(&[("a", 1)])).unwrap(),
            "a has 1 working paths, it had 2; the working paths of b could not be counted, there were 4"
        );
    }
}
