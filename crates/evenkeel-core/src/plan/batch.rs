//! Batches: the order of writes on one target, with equal writes joined.

use super::{Action, Change};
use crate::driver::Step;
use crate::request::{Request, join_steps};

/// One write to send, and the changes that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What is sent.
    pub request: Request,
    /// Indexes into the changes that were given to [`batches`].
    pub serves: Vec<usize>,
}

/// The writes for the open changes among `changes`, all of one target and in plan order.
///
/// Level by level (`dependsOn`; removals have the last), within a level: creations, replacements and removals
/// one object after another, then updates step by step with equal steps joined.
pub fn batches(changes: &[Change]) -> Vec<Batch> {
    let mut out = Vec::new();
    let open = || changes.iter().enumerate().filter(|(_, c)| c.is_open());
    let mut levels: Vec<usize> = open().map(|(_, c)| c.level).collect();
    levels.sort_unstable();
    levels.dedup();
    for level in levels {
        let of =
            |wanted: fn(Action) -> bool| open().filter(move |(_, c)| c.level == level && wanted(c.action));
        whole(of(|a| a != Action::Update), &mut out);
        stepwise(&of(|a| a == Action::Update).collect::<Vec<_>>(), &mut out);
    }
    out
}

fn whole<'a>(changes: impl Iterator<Item = (usize, &'a Change)>, out: &mut Vec<Batch>) {
    for (at, change) in changes {
        out.extend(change.steps.iter().map(|s| Batch { request: s.request.clone(), serves: vec![at] }));
    }
}

fn stepwise(changes: &[(usize, &Change)], out: &mut Vec<Batch>) {
    let most = changes.iter().map(|(_, c)| c.steps.len()).max().unwrap_or(0);
    for nth in 0..most {
        let start = out.len();
        for (at, change) in changes {
            if let Some(step) = change.steps.get(nth) {
                join_or_push(out, start, step, *at);
            }
        }
    }
}

fn join_or_push(out: &mut Vec<Batch>, start: usize, step: &Step, at: usize) {
    for batch in out.iter_mut().skip(start) {
        if join_steps(&mut batch.request, &step.request) {
            batch.serves.push(at);
            return;
        }
    }
    out.push(Batch { request: step.request.clone(), serves: vec![at] });
}
