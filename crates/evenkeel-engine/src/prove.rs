//! What must be so before and after a write: read in the same exchange, counted by the driver, and where it is not so,
//! nothing more is sent to the target.

use evenkeel_core::driver::Proof;
use evenkeel_core::plan::{Batch, Change, Instance};
use evenkeel_core::request::{Query, Replies, Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::TransportError;

use crate::observe::unknown_target;
use crate::reconcile::Engine;
use crate::send::{End, Work};
use crate::verify::Part;

type Answer = Result<Reply, TransportError>;

impl Engine {
    /// Sends one batch, and reads in the same exchange whether what shall be so after it is so. Gives why not, also
    /// where the write was refused: what has fallen has fallen.
    pub(crate) async fn deliver_and_prove(
        &self,
        part: &Part<'_>,
        changes: &[Change],
        batch: &Batch,
    ) -> (Answer, Option<String>) {
        let Some(proof) = &batch.proof else { return (self.deliver(part, batch).await, None) };
        let (Some(instance), Some(target)) = (prover(part, changes, batch), part.find(&batch.target)) else {
            return (Err(unknown_target(Some(&batch.target))), None);
        };
        let requests: Vec<Request> = std::iter::once(&batch.request).chain(&proof.reads).cloned().collect();
        let mut answers = self.exchange(target, &requests).await.into_iter();
        let answer = answers.next().unwrap_or_else(|| Err(unknown_target(Some(&batch.target))));
        let broken = if answer.is_ok() { broken(instance, target, proof, answers) } else { None };
        (answer, broken)
    }

    /// Why a batch must not be sent, where what shall be so after it is not so even before. Of a batch without a proof
    /// nothing is asked.
    pub(crate) async fn broken_before(
        &self,
        part: &Part<'_>,
        changes: &[Change],
        batch: &Batch,
    ) -> Option<String> {
        let proof = batch.proof.as_ref()?;
        let (instance, target) = (prover(part, changes, batch)?, part.find(&batch.target)?);
        let answers = self.exchange(target, &proof.reads).await;
        broken(instance, target, proof, answers.into_iter())
    }
}

/// Whose driver understands what is read.
fn prover<'p>(part: &Part<'p>, changes: &[Change], batch: &Batch) -> Option<&'p Instance> {
    let change = batch.serves.first().and_then(|at| changes.get(*at))?;
    part.instances.iter().copied().find(|instance| instance.id == change.id)
}

fn broken(
    instance: &Instance,
    target: &Target,
    proof: &Proof,
    answers: impl Iterator<Item = Answer>,
) -> Option<String> {
    let mut replies = Replies::of(target.way());
    for (read, answer) in proof.reads.iter().zip(answers) {
        replies.insert(Query::reading(read.clone()), answer);
    }
    match instance.driver.measure(proof, &replies) {
        Ok(counted) => proof.broken(&counted),
        Err(error) => Some(format!("the {} could not be counted: {error}", proof.counts)),
    }
}

/// What was `found` is not borne: nothing more is sent to the target.
pub(crate) fn end(works: &mut [Work], batch: &Batch, why: End, found: &str) {
    let hint = match why {
        End::Halted => "see to that first; what was done stays, and another apply goes on from there",
        End::RolledBack { is_whole: true } => {
            "see why on the host itself, then mend the manifest; nothing of this step is left"
        }
        End::RolledBack { is_whole: false } => {
            "do by hand what it could not put back: the next plan tells it again until that is cleared"
        }
    };
    for at in &batch.serves {
        let Some(work) = works.get_mut(*at) else { continue };
        work.fail(None);
        work.end = Some(why);
        // What the target said against the write itself is told, too, or why that was not heard.
        let heard = work.complaint.take().map(|(said, _)| format!("; heard of it: {said}"));
        let message =
            format!("{found}{}: nothing more was sent to {}", heard.unwrap_or_default(), batch.target);
        work.complaint = Some((message, Some(hint.to_owned())));
    }
}
