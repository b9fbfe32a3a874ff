//! Batches: the order of writes on one target, with equal writes joined.

use super::{Action, Change};
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
        let steps: Vec<(usize, &Request)> =
            changes.iter().filter_map(|(at, c)| Some((*at, &c.steps.get(nth)?.request))).collect();
        let joined = join_steps(steps.iter().map(|(_, request)| *request));
        let start = out.len();
        out.extend(joined.requests.into_iter().map(|request| Batch { request, serves: Vec::new() }));
        for ((at, _), place) in steps.iter().zip(joined.places) {
            if let Some(batch) = out.get_mut(start + place) {
                batch.serves.push(*at);
            }
        }
    }
}
