//! Batches: the order of writes on one target, with equal writes joined.

use super::{Action, Change};
use crate::driver::{Guard, Proof, Step};
use crate::request::{Request, join_steps};

/// One write to send, and the changes that it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The target that it is sent to.
    pub target: String,
    /// What is sent.
    pub request: Request,
    /// What must be so once it is done.
    pub proof: Option<Proof>,
    /// What puts the target back where it is cut off.
    pub guard: Option<Box<Guard>>,
    /// It makes what one that cleans up takes away.
    pub begins: bool,
    /// It is sent also where an earlier step of its change failed, if one that begins was done.
    pub cleanup: bool,
    /// Which part of its change it is for, as [`Step::part`] says.
    pub part: Option<String>,
    /// Indexes into the changes that were given to [`batches`].
    pub serves: Vec<usize>,
}

/// The writes for the open changes among `changes`, all of one target and in plan order.
///
/// Level by level (`dependsOn`; removals have the last), within a level: creations, replacements and removals
/// one object after another, then updates step by step with equal steps joined, and last those that are to be proven or
/// are guarded, those that clean up, and those with parts: each whole, for its steps prove each for the next.
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
        let (proven, plain): (Vec<_>, Vec<_>) = of(|a| a == Action::Update).partition(|(_, change)| {
            let alone = |s: &Step| s.proof.is_some() || s.guard.is_some() || s.cleanup || s.part.is_some();
            change.steps.iter().any(alone)
        });
        stepwise(&plain, &mut out);
        whole(proven.into_iter(), &mut out);
    }
    out
}

fn whole<'a>(changes: impl Iterator<Item = (usize, &'a Change)>, out: &mut Vec<Batch>) {
    for (at, change) in changes {
        out.extend(change.steps.iter().map(|step| alone(at, change, step)));
    }
}

fn alone(at: usize, change: &Change, step: &Step) -> Batch {
    Batch {
        target: target_of(step, change).to_owned(),
        request: step.request.clone(),
        proof: step.proof.clone(),
        guard: step.guard.clone(),
        begins: step.begins,
        cleanup: step.cleanup,
        part: step.part.clone(),
        serves: vec![at],
    }
}

/// Where a step is sent.
fn target_of<'a>(step: &'a Step, change: &'a Change) -> &'a str {
    step.target.as_deref().unwrap_or(&change.id.target)
}

fn stepwise(changes: &[(usize, &Change)], out: &mut Vec<Batch>) {
    let most = changes.iter().map(|(_, c)| c.steps.len()).max().unwrap_or(0);
    for nth in 0..most {
        let steps: Vec<(usize, &str, &Request)> = changes
            .iter()
            .filter_map(|(at, change)| {
                let step = change.steps.get(nth)?;
                Some((*at, target_of(step, change), &step.request))
            })
            .collect();
        let joined = join_steps(steps.iter().map(|(_, target, request)| (Some(*target), *request)));
        let start = out.len();
        out.extend(joined.requests.into_iter().map(|request| Batch {
            target: String::new(),
            request,
            proof: None,
            guard: None,
            begins: false,
            cleanup: false,
            part: None,
            serves: Vec::new(),
        }));
        for ((at, target, _), place) in steps.iter().zip(joined.places) {
            if let Some(batch) = out.get_mut(start + place) {
                (*target).clone_into(&mut batch.target);
                batch.serves.push(*at);
            }
        }
    }
}
