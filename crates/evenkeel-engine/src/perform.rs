//! What a person asks for besides reconciling: reading what instances ask for, single queries, and steps one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::Step;
use evenkeel_core::plan::{Batch, Policy};
use evenkeel_core::request::{Query, Replies, Reply};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{TransportError, TransportErrorKind};

use crate::observe::unknown_target;
use crate::progress::Event;
use crate::reconcile::{Engine, Scope};
use crate::verify::Part;

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// The step as a person would type it.
    pub command: String,
    /// The answer.
    pub answer: Result<Reply, TransportError>,
}

impl Performed {
    /// True where it did what it should.
    pub fn is_done(&self) -> bool {
        matches!(&self.answer, Ok(reply) if reply.exit == 0)
    }

    /// What was said against it, and what to do.
    pub fn complaint(&self) -> Option<(String, Option<String>)> {
        match &self.answer {
            Ok(reply) if reply.exit == 0 => None,
            Ok(reply) => {
                let said = reply.stderr_text();
                let text = if said.is_empty() { format!("exit status {}", reply.exit) } else { said };
                Some((text, None))
            }
            Err(error) => Some((error.message.clone(), error.hint.clone())),
        }
    }
}

impl Engine {
    /// Reads what the instances of `scope` ask for, by target. Sends queries and nothing else.
    pub async fn look(&self, scope: &Scope) -> BTreeMap<String, Replies> {
        self.observe(scope.surveys()).await
    }

    /// Asks one query, of `own` where it names no other target.
    pub async fn query(&self, scope: &Scope, own: &str, query: &Query) -> Result<Reply, TransportError> {
        let target = find(scope, query.target().unwrap_or(own))?;
        let answers = self.exchange(target, std::slice::from_ref(query.request())).await;
        answers.into_iter().next().unwrap_or_else(|| Err(unknown_target(Some(own))))
    }

    /// Sends steps in order, those that name no target to `own`, until one fails or the run shall stop. Gives what became
    /// of each that was sent.
    pub async fn perform(&self, scope: &Scope, own: &str, steps: &[Step]) -> Vec<Performed> {
        let mut done = Vec::new();
        let target = match find(scope, own) {
            Ok(target) => target,
            Err(error) => return vec![Performed { command: own.to_owned(), answer: Err(error) }],
        };
        let part = Part { scope, target, instances: &[], policy: Policy::default() };
        self.progress.on(&Event::Applying { target: own, steps: steps.len() });
        for step in steps {
            if self.stop.is_requested() {
                let error = TransportError::new(TransportErrorKind::Stopped, "stopped before this step");
                done.push(Performed { command: step.request.display(), answer: Err(error) });
                break;
            }
            let batch = Batch {
                target: step.target.clone().unwrap_or_else(|| own.to_owned()),
                request: step.request.clone(),
                proof: None,
                guard: None,
                begins: false,
                cleanup: false,
                part: None,
                serves: Vec::new(),
            };
            let command = batch.request.display();
            self.progress.on(&Event::Sending { target: own, command: &command });
            let answer = self.deliver(&part, &batch).await;
            let performed = Performed { command, answer };
            self.progress.on(&Event::Sent { target: own, ok: performed.is_done() });
            let ok = performed.is_done();
            done.push(performed);
            if !ok {
                break;
            }
        }
        self.progress.on(&Event::Applied { target: own });
        done
    }
}

fn find<'a>(scope: &'a Scope, name: &str) -> Result<&'a Arc<Target>, TransportError> {
    scope.find(name).ok_or_else(|| unknown_target(Some(name)))
}
