//! Writes, and how much they can hurt.

use serde::{Deserialize, Serialize};

use crate::request::Request;

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
}

impl Step {
    /// A safe step on the instance's own target.
    pub fn new(request: Request) -> Self {
        Step { target: None, request, hazards: Vec::new(), may_wait: false }
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
