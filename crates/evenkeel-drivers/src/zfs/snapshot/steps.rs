//! The writes: make, send, and then remove.

use std::collections::BTreeSet;

use evenkeel_core::driver::{Delta, Risk, Step};
use evenkeel_core::request::{Exec, Goal, Origin, Request, Transfer};

use super::destroy;
use super::listing::{OWNER, SLOT, full};
use super::send::{Shipment, Shipping, Unfinished};
use super::side::{Side, Slots, Verdict};
use super::spec::{ZfsSend, ZfsSnapshotSpec};
use super::state::{Replica, Seen, ZfsSnapshotState};

/// A first send of a large dataset takes days.
const SEND_SECONDS: u64 = 7 * 86_400;
/// The risk that `accept.dataLoss.of` names.
const RETENTION: &str = "retention";
/// Messages name at most so many snapshots.
const MOST_NAMED: usize = 10;

/// What is removed without a question comes before sending, so that another host that is full or away does not fill this
/// one; what a person has to look at first comes last, where nothing waits for it.
pub(super) fn steps(spec: &ZfsSnapshotSpec, delta: &Delta<'_, ZfsSnapshotState>) -> Vec<Step> {
    let Some(seen) = &delta.after.seen else { return Vec::new() };
    let todo = &delta.after.todo;
    let mut steps: Vec<Step> = todo.make.iter().map(|make| snapshot(spec, seen, make, delta.owner)).collect();
    let here = removals(spec, &seen.source, &todo.source, None, delta.owner);
    let there = match (&seen.replica, spec.send()) {
        (Some(Replica::Known { side, .. }), Some(send)) => {
            removals(spec, side, &todo.replica, Some(&send.target), delta.owner)
        }
        _ => Vec::new(),
    };
    let later =
        Verdict { remove: todo.later.clone(), alarm: todo.source.alarm.clone(), ..Verdict::default() };
    let later = removals(spec, &seen.source, &later, None, delta.owner);
    let is_doubtful = |step: &Step| !step.hazards.is_empty();
    let doubtful = here.iter().chain(&there).chain(&later).any(is_doubtful);
    // Only what may wait alone is marked so: with a doubtful step at the end, the others go all the same.
    let mark = |step: Step| if doubtful && step.hazards.is_empty() { step } else { step.may_wait() };
    let (here_last, here): (Vec<Step>, Vec<Step>) = here.into_iter().map(mark).partition(is_doubtful);
    let (there_last, there): (Vec<Step>, Vec<Step>) = there.into_iter().map(mark).partition(is_doubtful);
    let (later_last, later): (Vec<Step>, Vec<Step>) = later.into_iter().map(mark).partition(is_doubtful);
    steps.extend(here);
    if let Some(send) = spec.send() {
        steps.extend(ship(spec, send, &todo.shipping, delta.owner));
    }
    steps.extend(there);
    steps.extend(spec.send().map(|send| passing(spec, send, &todo.passing)).into_iter().flatten().map(mark));
    steps.extend(later);
    steps.extend([here_last, there_last, later_last].into_iter().flatten());
    steps
}

fn exec<I: IntoIterator<Item = S>, S: Into<String>>(argv: I) -> Exec {
    Exec::new(argv.into_iter().map(Into::<String>::into))
}

fn marks(owner: &str, root: &str, name: &str) -> [String; 2] {
    [format!("{OWNER}={owner}"), format!("{SLOT}={root}@{name}")]
}

/// All in one command, which takes them in one moment or not at all.
fn snapshot(spec: &ZfsSnapshotSpec, seen: &Seen, make: &(String, BTreeSet<String>), owner: &str) -> Step {
    let (slot, datasets) = make;
    let root = &seen.source.root;
    let name = format!("{}{slot}", spec.prefix());
    let all: BTreeSet<&str> =
        seen.source.listing.tree(root, seen.source.recursive).map(|(one, _)| one).collect();
    let whole_tree = all.len() > 1 && all.iter().all(|relative| datasets.contains(*relative));
    let mut command = exec(["zfs", "snapshot"]);
    if whole_tree {
        command = command.arg("-r");
    }
    for mark in marks(owner, root, &name) {
        command = command.arg("-o").arg(mark);
    }
    let operands: Vec<String> = if whole_tree {
        vec![format!("{root}@{name}")]
    } else {
        datasets.iter().map(|relative| format!("{}@{name}", full(root, relative))).collect()
    };
    Step::new(Request::Exec(operands.into_iter().fold(command, Exec::arg)))
}

fn removals(
    spec: &ZfsSnapshotSpec,
    side: &Side,
    verdict: &Verdict,
    target: Option<&str>,
    owner: &str,
) -> Vec<Step> {
    let mut others: BTreeSet<&str> = BTreeSet::new();
    for (slot, datasets) in &verdict.remove {
        let owners = datasets.iter().filter_map(|relative| side.our(relative, slot)?.owner.as_deref());
        others.extend(owners.filter(|other| *other != owner));
    }
    let commands = destroy::commands(side, spec.prefix(), &verdict.remove);
    let step = |command: Exec| {
        let mut step = match target {
            Some(target) => Step::at(target, Request::Exec(command)),
            None => Step::new(Request::Exec(command)),
        };
        if let Some(alarm) = &verdict.alarm {
            step = step.hazard(Risk::DataLoss, RETENTION, format!("{alarm}: {}", listed(spec, verdict)));
        }
        if let Some(other) = others.first() {
            let says = format!("the mark on some of them says that `{other}` made them, not `{owner}`");
            step = step.hazard(Risk::DataLoss, RETENTION, says);
        }
        step
    };
    commands.into_iter().map(step).collect()
}

fn listed(spec: &ZfsSnapshotSpec, verdict: &Verdict) -> String {
    let names = verdict.remove.keys().take(MOST_NAMED).map(|slot| format!("@{}{slot}", spec.prefix()));
    let few = names.collect::<Vec<_>>().join(", ");
    match verdict.remove.len().saturating_sub(MOST_NAMED) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

/// What was only needed on the way, each by its name: none of it was there to be listed.
fn passing(spec: &ZfsSnapshotSpec, send: &ZfsSend, slots: &Slots) -> Vec<Step> {
    let mut steps = Vec::new();
    for (slot, datasets) in slots {
        for relative in datasets {
            let name = format!("{}@{}{slot}", full(&send.dataset, relative), spec.prefix());
            steps.push(Step::at(&send.target, Request::Exec(exec(["zfs", "destroy", &name]))));
        }
    }
    steps
}

/// What arrived whole gets its mark, and what was sent a bookmark here: from it the next send goes on even where the
/// snapshot itself is gone.
fn ship(spec: &ZfsSnapshotSpec, send: &ZfsSend, shipping: &Shipping, owner: &str) -> Vec<Step> {
    let there = |command: Exec| Step::at(&send.target, Request::Exec(command));
    let mark = |slot: &str, datasets: &mut dyn Iterator<Item = &str>| {
        let name = format!("{}{slot}", spec.prefix());
        let copies = datasets.map(|relative| format!("{}@{name}", full(&send.dataset, relative)));
        let argv = ["zfs".to_owned(), "set".to_owned()].into_iter().chain(marks(owner, &send.dataset, &name));
        there(exec(argv.chain(copies)))
    };
    let mut steps = Vec::new();
    for (slot, datasets) in &shipping.unmarked {
        steps.push(mark(slot, &mut datasets.iter().map(String::as_str)));
    }
    for shipment in &shipping.shipments {
        let copy = full(&send.dataset, &shipment.relative);
        match &shipment.unfinished {
            Some(Unfinished::Abort) => steps.push(there(exec(["zfs", "receive", "-A", &copy]))),
            Some(Unfinished::Resume { token, slot }) => {
                steps.push(transfer(send, shipment, shipment.is_new, exec(["zfs", "send", "-t", token])));
                steps.push(mark(slot, &mut std::iter::once(shipment.relative.as_str())));
            }
            None => {}
        }
        let resumed = shipment.unfinished.as_ref().and_then(Unfinished::slot).is_some();
        let mut is_new = shipment.is_new && !resumed;
        let mut base = shipment.base.clone();
        let dataset = full(&spec.zfs_snapshot.dataset, &shipment.relative);
        for slot in &shipment.slots {
            let name = format!("{dataset}@{}{slot}", spec.prefix());
            let flags = if shipment.raw { "-w" } else { "-Lec" };
            let from = base.iter().flat_map(|base| ["-i".to_owned(), base.clone()]);
            let argv =
                ["zfs", "send", flags].map(str::to_owned).into_iter().chain(from).chain([name.clone()]);
            steps.push(transfer(send, shipment, is_new, exec(argv)));
            steps.push(mark(slot, &mut std::iter::once(shipment.relative.as_str())));
            (is_new, base) = (false, Some(name));
        }
    }
    steps.extend(bookmarks(spec, shipping));
    steps
}

/// Never with `-F`: what is newer on the other side is not ours to roll back. Never mounted, and read-only, so that
/// nothing there covers what the host has, or changes what the next send builds on.
fn transfer(send: &ZfsSend, shipment: &Shipment, is_new: bool, from: Exec) -> Step {
    let copy = full(&send.dataset, &shipment.relative);
    let mut receive = exec(["zfs", "receive", "-s", "-u"]);
    if is_new {
        receive = receive.arg("-o").arg("readonly=on");
        if !shipment.is_volume {
            receive = ["-o", "canmount=noauto", "-x", "mountpoint"].into_iter().fold(receive, Exec::arg);
        }
    }
    Step::new(Request::Transfer(Box::new(Transfer {
        from: Origin::Output {
            target: None,
            exec: from.within(SEND_SECONDS),
            must_say: Vec::new(),
            must_not_say: Vec::new(),
        },
        to: Goal::Input { target: Some(send.target.clone()), exec: receive.arg(copy).within(SEND_SECONDS) },
        rate: send.rate(),
        patience: None,
    })))
}

fn bookmarks(spec: &ZfsSnapshotSpec, shipping: &Shipping) -> Vec<Step> {
    let name = |relative: &str, sign: char, slot: &str| {
        format!("{}{sign}{}{slot}", full(&spec.zfs_snapshot.dataset, relative), spec.prefix())
    };
    let mut steps = Vec::new();
    for (relative, slot) in &shipping.bookmarks {
        let (snapshot, bookmark) = (name(relative, '@', slot), name(relative, '#', slot));
        steps.push(Step::new(Request::Exec(exec(["zfs", "bookmark", &snapshot, &bookmark]))));
    }
    for (slot, datasets) in &shipping.old_bookmarks {
        for relative in datasets {
            steps.push(Step::new(Request::Exec(exec(["zfs", "destroy", &name(relative, '#', slot)]))));
        }
    }
    steps
}
