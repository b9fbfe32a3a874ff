//! What is to be so after a step: the reads of it only read, it holds where nothing is wrong, and a reply that went wrong
//! proves nothing.

use std::collections::BTreeMap;

use evenkeel_core::driver::{ObserveError, Proof};
use evenkeel_core::plan::batches;
use evenkeel_core::request::{Query, Replies, Reply};
use evenkeel_core::transport::TransportError;

use super::Stage;
use super::checks::{Checked, require};
use super::tamper::TAMPERS;
use super::twin::look;
use crate::random::Random;

type Counted = Result<BTreeMap<String, u64>, ObserveError>;

pub(super) fn proofs_tell_the_truth(stage: &Stage, seed: u64) -> Checked {
    let mut random = Random::derive(seed, 6);
    let mut machine = stage.machine.copy();
    let plan = look(machine.as_mut(), &stage.instances);
    for batch in batches(&plan.changes) {
        let done = machine.answer(&batch.target, &batch.request);
        let served = batch.serves.first().and_then(|at| plan.changes.get(*at));
        let instance = served.and_then(|change| stage.instances.iter().find(|i| i.id == change.id));
        let (Some(proof), Some(instance), 0) = (&batch.proof, instance, done.exit) else { continue };
        let before = machine.fingerprint();
        let said: Vec<Reply> = proof.reads.iter().map(|read| machine.answer(&batch.target, read)).collect();
        let command = batch.request.display();
        require(machine.fingerprint() == before, || format!("what proves `{command}` changed the machine"))?;
        let measure = |said: Vec<Result<Reply, TransportError>>| -> Counted {
            let mut replies = Replies::of(stage.machine.way());
            for (read, reply) in proof.reads.iter().zip(said) {
                replies.insert(Query::reading(read.clone()), reply);
            }
            instance.driver.measure(proof, &replies)
        };
        let whole = || said.iter().cloned().map(Ok).collect::<Vec<_>>();
        let counted = measure(whole()).map_err(|error| format!("`{command}` cannot be proven: {error}"))?;
        let broken = proof.broken(&counted);
        require(broken.is_none(), || format!("nothing is wrong after `{command}`, but {broken:?}"))?;
        require(!proof.at_least.is_empty(), || format!("what proves `{command}` demands nothing"))?;
        for (at, reply) in said.iter().enumerate() {
            for tamper in TAMPERS {
                let mut told = whole();
                if let Some(place) = told.get_mut(at) {
                    *place = tamper.apply(reply.clone(), &mut random);
                }
                counts_no_more(proof, &counted, &measure(told))
                    .map_err(|problem| format!("after `{command}` reply {at} {tamper:?}: {problem}"))?;
            }
        }
    }
    Ok(())
}

/// An error where more was counted of anything than there is.
fn counts_no_more(proof: &Proof, truth: &BTreeMap<String, u64>, counted: &Counted) -> Checked {
    let Ok(counted) = counted else { return Ok(()) };
    let more = proof.at_least.keys().find(|name| counted.get(*name) > truth.get(*name));
    require(more.is_none(), || format!("{counted:?} are counted, there are {truth:?}"))
}
