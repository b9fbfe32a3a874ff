//! Who made a difference: asked with queries alone, and told of only as far as the answers go.

use evenkeel_core::diff::{FieldChange, FieldPath};
use evenkeel_core::driver::Drift;
use evenkeel_core::plan::{Change, Instance};
use evenkeel_core::request::{Query, Replies, Reply, join_queries};
use evenkeel_core::transport::TransportError;

use super::checks::{Checked, require};
use super::tamper::TAMPERS;
use super::twin::{converge, look};
use super::{Stage, TARGET};
use crate::machine::Machine;
use crate::random::Random;

/// A person reads no more of them.
const MOST: usize = 16;

pub(super) fn asking_who_changes_nothing(stage: &Stage, seed: u64) -> Checked {
    let mut machine = stage.machine.copy();
    converge(machine.as_mut(), &stage.instances)?;
    let mut random = Random::derive(seed, 7);
    for _ in 0..=random.below(3) {
        machine.drift(&mut random);
    }
    let plan = look(machine.as_mut(), &stage.instances);
    for change in plan.changes.iter().filter(|change| change.is_pending()) {
        let Some(instance) = stage.instances.iter().find(|one| one.id == change.id) else { continue };
        let changes: Vec<FieldChange> = change.fields.iter().map(|field| field.change.clone()).collect();
        let drift = Drift { action: change.action, changes: &changes };
        let queries = join_queries(instance.driver.blame_queries(&instance.spec, &drift));
        let before = machine.fingerprint();
        let answers = asked(machine.as_mut(), &queries);
        require(machine.fingerprint() == before, || "asking who did it changed the machine".to_owned())?;
        makes_sense(instance, change, &drift, &queries, answers.clone())?;
        for (number, tamper) in (0..answers.len()).flat_map(|at| TAMPERS.map(|tamper| (at, tamper))) {
            let mut answers = answers.clone();
            if let Some(answer) = answers.get_mut(number)
                && let Ok(reply) = answer.clone()
            {
                *answer = tamper.apply(reply, &mut random);
            }
            makes_sense(instance, change, &drift, &queries, answers)?;
        }
    }
    Ok(())
}

type Answer = Result<Reply, TransportError>;

fn asked(machine: &mut dyn Machine, queries: &[Query]) -> Vec<Answer> {
    let answer = |query: &Query| Ok(machine.answer(query.target().unwrap_or(TARGET), query.request()));
    queries.iter().map(answer).collect()
}

/// Few words, and of nothing but what differs.
fn makes_sense(
    instance: &Instance,
    change: &Change,
    drift: &Drift<'_>,
    queries: &[Query],
    answers: Vec<Answer>,
) -> Checked {
    let mut replies = Replies::default();
    for (query, answer) in queries.iter().zip(answers) {
        replies.insert(query.clone(), answer);
    }
    let told = instance.driver.blame(&instance.spec, drift, &replies);
    let differs = |path: &FieldPath| drift.changes.iter().any(|change| change.path == *path);
    let is_about = told.iter().flat_map(|one| &one.fields).all(differs);
    require(is_about && told.len() <= MOST, || format!("{}: {told:?} for {:?}", change.id, drift.changes))
}
