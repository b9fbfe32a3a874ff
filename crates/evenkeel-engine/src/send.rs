//! Sending the writes of a plan to one target.

use std::collections::{BTreeSet, HashMap};

use evenkeel_core::plan::{Batch, Change, batches};
use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::TransportError;

use crate::progress::Event;
use crate::reconcile::Engine;
use crate::run::Sent;

/// What was sent for one change, and what came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Work {
    /// Indexes into the commands that were sent to the target.
    pub(crate) sent: Vec<usize>,
    /// What the target said against it, or against a command that it shared.
    pub(crate) complaint: Option<(String, Option<String>)>,
    /// True where its next steps make no sense any more.
    pub(crate) failed: bool,
    /// True where a step did not get its turn because the run was stopped or the target was lost.
    pub(crate) cut_short: bool,
}

impl Engine {
    /// Sends the writes for `changes`, one at a time. Stops between two when asked, and when the target is lost:
    /// each further command could only wait for another timeout, or try a password once more.
    pub(crate) async fn send(&self, target: &Target, changes: &[Change]) -> (Vec<Work>, Vec<Sent>) {
        let mut works = vec![Work::default(); changes.len()];
        let batches = batches(changes);
        let (mut sent, mut lost) = (Vec::new(), false);
        self.progress.on(&Event::Applying { target: &target.name, steps: batches.len() });
        for batch in batches {
            let Some(batch) = without_failed(batch, changes, &works) else { continue };
            if lost || self.stop.is_requested() {
                for at in batch.serves {
                    if let Some(work) = works.get_mut(at) {
                        work.cut_short = true;
                    }
                }
                continue;
            }
            let command = batch.request.display();
            if let Some(complaint) = self.not_journaled(&target.name, &command).await {
                lost = true;
                for at in batch.serves {
                    if let Some(work) = works.get_mut(at) {
                        (work.complaint, work.cut_short) = (Some((complaint.clone(), None)), true);
                    }
                }
                continue;
            }
            self.progress.on(&Event::Sending { target: &target.name, command: &command });
            let Some(answer) = self.exchange(target, std::slice::from_ref(&batch.request)).await.pop() else {
                continue;
            };
            let ok = matches!(&answer, Ok(reply) if reply.exit == 0);
            self.progress.on(&Event::Sent { target: &target.name, ok });
            lost = answer.as_ref().is_err_and(|error| error.kind.loses_target());
            note(&mut works, changes, &batch, sent.len(), &answer);
            let exit = answer.ok().map(|reply| reply.exit);
            sent.push(Sent { target: target.name.clone(), command, exit });
        }
        (works, sent)
    }
}

impl Engine {
    /// Writes a command down before it is sent. Gives the reason where that failed: it is not sent then.
    async fn not_journaled(&self, target: &str, command: &str) -> Option<String> {
        let written = self.journal.as_ref()?.about_to_send(target, command).await;
        written.err().map(|reason| format!("not sent, because it could not be written down before: {reason}"))
    }
}

/// The batch without the changes that failed in an earlier step; `None` where it serves no other.
fn without_failed(mut batch: Batch, changes: &[Change], works: &[Work]) -> Option<Batch> {
    let has_failed = |at: &usize| works.get(*at).is_some_and(|work| work.failed);
    let (failed, going): (Vec<usize>, Vec<usize>) = batch.serves.iter().partition(|at| has_failed(at));
    if going.is_empty() {
        return None;
    }
    let Request::Exec(joined) = &mut batch.request;
    let operands = |of: &[usize]| -> BTreeSet<String> {
        let steps = of.iter().filter_map(|at| changes.get(*at)).flat_map(|change| &change.steps);
        let equal = steps.map(|step| &step.request).filter_map(|Request::Exec(exec)| {
            (exec.argv == joined.argv && exec.stdin == joined.stdin).then_some(&exec.operands)
        });
        equal.flatten().cloned().collect()
    };
    let (gone, kept) = (operands(&failed), operands(&going));
    joined.operands.retain(|operand| !gone.contains(operand) || kept.contains(operand));
    batch.serves = going;
    Some(batch)
}

/// Notes the answer to the command number `nth` at every change that it served.
fn note(
    works: &mut [Work],
    changes: &[Change],
    batch: &Batch,
    nth: usize,
    answer: &Result<Reply, TransportError>,
) {
    let failure = answer.as_ref().ok().filter(|reply| reply.exit != 0).map(Failure::of);
    let objects: Vec<&str> =
        batch.serves.iter().filter_map(|at| changes.get(*at)).map(|change| change.object.as_str()).collect();
    let names_some = failure.as_ref().is_some_and(|f| objects.iter().any(|o| f.by_name.contains_key(*o)));
    for (at, object) in batch.serves.iter().zip(objects) {
        let Some(work) = works.get_mut(*at) else { continue };
        work.sent.push(nth);
        if let Some(failure) = &failure {
            let said = failure.by_name.get(object);
            work.failed = said.is_some() || !names_some;
            work.complaint =
                Some((said.map_or_else(|| failure.text.clone(), |lines| lines.join("; ")), None));
        }
        if let Err(error) = answer {
            work.failed = true;
            work.complaint = Some((error.message.clone(), error.hint.clone()));
        }
    }
}

/// What a failed command said. A joined one goes on with the others where it fails for one, and names that one.
struct Failure {
    text: String,
    /// The lines, by the names that stand in them between quotes.
    by_name: HashMap<String, Vec<String>>,
}

impl Failure {
    fn of(reply: &Reply) -> Self {
        let text = reply.stderr_text();
        let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
        for line in text.lines() {
            let quoted: BTreeSet<&str> = line.split('\'').skip(1).step_by(2).collect();
            for name in quoted {
                by_name.entry(name.to_owned()).or_default().push(line.to_owned());
            }
        }
        let silent = || format!("exit status {} without a message", reply.exit);
        Failure { text: if text.is_empty() { silent() } else { text }, by_name }
    }
}
