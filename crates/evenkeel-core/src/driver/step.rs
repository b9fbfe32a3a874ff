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
}

impl Step {
    /// A safe step on the instance's own target.
    pub fn new(request: Request) -> Self {
        Step { target: None, request, hazards: Vec::new() }
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
