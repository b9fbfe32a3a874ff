//! Sending the writes of a plan to one target.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use evenkeel_core::plan::{Batch, Change, batches};
use evenkeel_core::request::{Exec, Reply, Request};
use evenkeel_core::transport::{TransportError, Watch};

use crate::brief;
use crate::observe::unknown_target;
use crate::progress::Event;
use crate::prove::end;
use crate::reconcile::Engine;
use crate::run::Sent;
use crate::verify::Part;

/// What was sent for one change, and what came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Work {
    /// Indexes into the commands that were sent to the target.
    pub(crate) sent: Vec<usize>,
    /// What the target said against it, or against a command that it shared.
    pub(crate) complaint: Option<(String, Option<String>)>,
    /// Its parts of which a step that begins was done, or may have been; `None` is what is of no part.
    begun: BTreeSet<Option<String>>,
    /// Its parts whose next steps make no sense any more; with `None` those of all parts.
    failed: BTreeSet<Option<String>>,
    /// True where a step did not get its turn because the run was stopped or the target was lost.
    pub(crate) cut_short: bool,
    /// Why nothing more goes to the target, where a step was its last.
    pub(crate) end: Option<End>,
}

impl Work {
    /// Notes what was said against it. What failed first stands before what failed in another part, or while it was cleaned
    /// up.
    fn complain(&mut self, batch: &Batch, said: &str, hint: Option<String>) {
        let said = batch.part.as_ref().map_or_else(|| said.to_owned(), |part| format!("{part}: {said}"));
        let then = if batch.cleanup { "then, while cleaning up: " } else { "" };
        self.complaint = Some(match self.complaint.take() {
            Some((first, hint)) if !self.failed.is_empty() && first != said => {
                (format!("{first}; {then}{said}"), hint)
            }
            _ => (said, hint),
        });
    }

    /// The next steps of a part make no sense any more; of all parts, where it is none of them.
    pub(crate) fn fail(&mut self, part: Option<String>) {
        self.failed.insert(part);
    }

    /// True where a step of this part makes no sense any more.
    fn has_failed(&self, part: Option<&String>) -> bool {
        match part {
            None => !self.failed.is_empty(),
            Some(_) => self.failed.contains(&part.cloned()) || self.failed.contains(&None),
        }
    }
}

/// Why a step was the last that was sent to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What was to be so after it was not.
    Halted,
    /// The target put back what was there before it; as a whole, or not all of it.
    RolledBack {
        /// Nothing was left out.
        is_whole: bool,
    },
}

impl Engine {
    /// Sends the writes for `changes`, all of the instances of one target, one at a time. Stops between two when asked.
    /// Nothing more is sent to a target that is lost: each further command could only wait for another timeout, or try
    /// a password once more.
    pub(crate) async fn send(&self, part: &Part<'_>, changes: &[Change]) -> (Vec<Work>, Vec<Sent>) {
        let mut works = vec![Work::default(); changes.len()];
        let batches = batches(changes);
        let (mut sent, mut lost) = (Vec::new(), Lost::default());
        let mut proven = None;
        let own = part.target.name.as_str();
        self.progress.on(&Event::Applying { target: own, steps: batches.len() });
        for batch in batches {
            let Some(batch) = without_failed(batch, changes, &works) else { continue };
            let is_stopped = self.stop.is_requested() && !batch.cleanup;
            if lost.concerns(&batch) || is_stopped {
                cut_short(&mut works, &batch, None);
                continue;
            }
            let command = batch.request.display();
            // The step before looked at what this one needs, where both are of one change.
            if batch.serves.first().copied() != std::mem::take(&mut proven)
                && let Some(broken) = self.broken_before(part, changes, &batch).await
            {
                lost.all = true;
                end(
                    &mut works,
                    &batch,
                    End::Halted,
                    &format!("before `{}` {broken}", brief::command(&command)),
                );
                continue;
            }
            if let Some(complaint) = self.not_journaled(&batch, changes).await {
                lost.all = true;
                cut_short(&mut works, &batch, Some(&complaint));
                continue;
            }
            self.progress.on(&Event::Sending { target: own, command: &command });
            let delivered = self.deliver_safely(part, changes, &batch).await;
            let answer = delivered.answer;
            let ok = matches!(&answer, Ok(reply) if reply.exit == 0) && delivered.end.is_none();
            self.progress.on(&Event::Sent { target: own, ok });
            match &answer {
                Err(error) if error.kind.loses_target() => lost.by(&batch),
                // It may have been done, and what must be so then is not known to be.
                Err(_) if batch.proof.is_some() => lost.all = true,
                _ => {}
            }
            note(&mut works, changes, &batch, sent.len()..sent.len() + delivered.sent.len(), &answer);
            if batch.proof.is_some() {
                proven = batch.serves.first().copied();
            }
            if let Some((why, found)) = delivered.end {
                lost.all = true;
                end(&mut works, &batch, why, &found);
            }
            sent.extend(delivered.sent);
        }
        (works, sent)
    }

    /// Sends one batch to where it belongs.
    pub(crate) async fn deliver(&self, part: &Part<'_>, batch: &Batch) -> Result<Reply, TransportError> {
        let find = |name: &str| part.find(name).ok_or_else(|| unknown_target(Some(name)));
        let watch = Watching { engine: self, target: &part.target.name, cleanup: batch.cleanup };
        if let Request::Transfer(transfer) = &batch.request {
            let from = find(transfer.from_target().unwrap_or(&batch.target))?;
            let to = find(transfer.to_target().unwrap_or(&batch.target))?;
            return self.transport.transfer(from, to, transfer, &watch).await;
        }
        let target = find(&batch.target)?;
        if let Request::Vsphere(_) = &batch.request {
            return self.transport.work(target, &batch.request, &watch).await;
        }
        let answer = self.exchange(target, std::slice::from_ref(&batch.request)).await.pop();
        answer.unwrap_or_else(|| Err(unknown_target(Some(&batch.target))))
    }
}

/// Tells of what takes long, and ends it when the run shall stop.
struct Watching<'a> {
    engine: &'a Engine,
    target: &'a str,
    /// It takes away what the run has made, and is not ended.
    cleanup: bool,
}

impl Watch for Watching<'_> {
    fn advanced(&self, percent: u8) {
        self.engine.progress.on(&Event::Advancing { target: self.target, percent });
    }

    fn moved(&self, bytes: u64, of: Option<u64>) {
        self.engine.progress.on(&Event::Moving { target: self.target, bytes, of });
    }

    fn is_stopped(&self) -> bool {
        !self.cleanup && self.engine.stop.ends_transfers()
    }
}

/// The targets that nothing more is sent to.
#[derive(Default)]
struct Lost {
    all: bool,
    targets: BTreeSet<String>,
}

impl Lost {
    /// A batch found its target lost. Of a transfer it is not known which of the two it was.
    fn by(&mut self, batch: &Batch) {
        self.targets.extend(ends(batch).map(str::to_owned));
    }

    fn concerns(&self, batch: &Batch) -> bool {
        self.all || ends(batch).any(|name| self.targets.contains(name))
    }
}

/// The targets that a batch reaches.
fn ends(batch: &Batch) -> impl Iterator<Item = &str> {
    let ends = match &batch.request {
        Request::Transfer(transfer) => [transfer.from_target(), transfer.to_target()],
        _ => [None, None],
    };
    std::iter::once(batch.target.as_str()).chain(ends.into_iter().flatten())
}

/// What a batch serves does not go on.
fn cut_short(works: &mut [Work], batch: &Batch, complaint: Option<&str>) {
    for at in &batch.serves {
        if let Some(work) = works.get_mut(*at) {
            work.cut_short = true;
            if let Some(complaint) = complaint {
                work.complaint = Some((complaint.to_owned(), None));
            }
        }
    }
}

impl Engine {
    /// Writes a command down before it is sent, with those that guard it. Gives the reason where that failed: nothing is
    /// sent then.
    async fn not_journaled(&self, batch: &Batch, changes: &[Change]) -> Option<String> {
        let journal = self.journal.as_ref()?;
        let served: Vec<&Change> = batch.serves.iter().filter_map(|at| changes.get(*at)).collect();
        let guard = batch.guard.as_ref();
        let around = [guard.map(|guard| &guard.arm), Some(&batch.request), guard.map(|guard| &guard.disarm)];
        for request in around.into_iter().flatten() {
            if let Err(reason) = journal.about_to_send(&batch.target, &request.display(), &served).await {
                return Some(format!("not sent, because it could not be written down before: {reason}"));
            }
        }
        None
    }
}

/// The batch without the changes that failed in an earlier step; `None` where it serves no other. What cleans up is for
/// those, too, but only for what was begun.
fn without_failed(mut batch: Batch, changes: &[Change], works: &[Work]) -> Option<Batch> {
    if batch.cleanup {
        batch.serves.retain(|at| works.get(*at).is_some_and(|work| work.begun.contains(&batch.part)));
        return (!batch.serves.is_empty()).then_some(batch);
    }
    let has_failed = |at: &usize| works.get(*at).is_some_and(|work| work.has_failed(batch.part.as_ref()));
    let (failed, going): (Vec<usize>, Vec<usize>) = batch.serves.iter().partition(|at| has_failed(at));
    if going.is_empty() {
        return None;
    }
    batch.serves = going;
    let Request::Exec(joined) = &mut batch.request else { return Some(batch) };
    let operands = |of: &[usize]| -> BTreeSet<String> {
        let steps = of.iter().filter_map(|at| changes.get(*at)).flat_map(|change| &change.steps);
        let equal = steps.filter_map(|step| step.request.as_exec()).filter_map(|exec| {
            let is_part = exec.argv == joined.argv
                && (&exec.stdin, &exec.input, &exec.log) == (&joined.stdin, &joined.input, &joined.log);
            is_part.then_some(&exec.operands)
        });
        equal.flatten().cloned().collect()
    };
    let (gone, kept) = (operands(&failed), operands(&batch.serves));
    joined.operands.retain(|operand| !gone.contains(operand) || kept.contains(operand));
    Some(batch)
}

/// Notes the answer to the commands with these numbers at every change that they served.
fn note(
    works: &mut [Work],
    changes: &[Change],
    batch: &Batch,
    numbers: Range<usize>,
    answer: &Result<Reply, TransportError>,
) {
    let failure = answer.as_ref().ok().filter(|reply| reply.exit != 0).map(Failure::of);
    let objects: Vec<&str> =
        batch.serves.iter().filter_map(|at| changes.get(*at)).map(|change| change.object.as_str()).collect();
    let names_some = failure.as_ref().is_some_and(|f| objects.iter().any(|o| f.by_name.contains_key(*o)));
    for (at, object) in batch.serves.iter().zip(objects) {
        let Some(work) = works.get_mut(*at) else { continue };
        work.sent.extend(numbers.clone());
        if batch.begins && failure.is_none() {
            work.begun.insert(batch.part.clone());
        }
        if let Some(failure) = &failure {
            let said = failure.by_name.get(object);
            let text = said.map_or_else(|| failure.text.clone(), |lines| lines.join("; "));
            let is_meant = said.is_some() || !names_some;
            if is_meant {
                work.fail(batch.part.clone());
            }
            work.complain(batch, &text, where_more_is_said(batch));
        }
        if let Err(error) = answer {
            work.fail(batch.part.clone());
            work.complain(batch, &error.message, error.hint.clone());
        }
    }
}

/// Which of many commands it was, and where all is that it said, for one that has a log.
fn where_more_is_said(batch: &Batch) -> Option<String> {
    let exec = batch.request.as_exec()?;
    let log = exec.log.as_ref()?;
    let alone = Exec { log: None, ..exec.clone() };
    Some(format!(
        "this was `{}`; all that was said is in {log} on {}",
        brief::command(&alone.display()),
        batch.target
    ))
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
