//! How a snapshot comes back: beside what is there, unless somebody asks for it in its place.

use evenkeel_core::backup::{slot_name, slot_of};
use evenkeel_core::driver::{Fate, Generation, Restoration, Step, Verification, Verifications, Wish};
use evenkeel_core::request::{Exec, Goal, Origin, Query, Request, Transfer};
use jiff::Timestamp;

use super::listing::{Dataset, Snapshot, full};
use super::side::Side;
use super::spec::ZfsSnapshotSpec;
use super::state::{Replica, Seen, ZfsSnapshotState};
use crate::zfs::name::{check_dataset, parent, pool};

/// The one option there is.
const ROLLBACK: &str = "rollback";
const SECONDS: u64 = 7 * 86_400;

/// A snapshot cannot change; that it is still there is all there is to see. (`zpool scrub` reads the blocks.)
pub(super) fn verifications(
    spec: &ZfsSnapshotSpec,
    state: &ZfsSnapshotState,
    now: Timestamp,
) -> Verifications {
    let report = super::report::report(spec, Some(state), now);
    let target = spec.send().map(|send| send.target.as_str());
    let of = |generation: Generation| {
        let query = Query::reading(Request::Exec(
            Exec::new(["zfs", "list", "-H", "-o", "name", "-t", "snapshot"]).on([generation.name.clone()]),
        ));
        let is_there = generation.store != spec.zfs_snapshot.dataset;
        let query = match target.filter(|_| is_there) {
            Some(target) => query.at(target),
            None => query,
        };
        Verification { generation, query, expected: None }
    };
    let copies = report.generations.into_iter().map(of).collect();
    let unread = match (&state.seen, target) {
        (Some(Seen { replica: Some(Replica::Unknown(why)), .. }), Some(target)) => {
            vec![format!("{target}: {why}")]
        }
        _ => Vec::new(),
    };
    Verifications { copies, unread }
}

/// A snapshot of one side.
struct Pick<'s> {
    side: &'s Side,
    /// Where it is not on the schedule's own target.
    target: Option<&'s str>,
    relative: String,
    slot: String,
    snapshot: &'s Snapshot,
    dataset: &'s Dataset,
}

impl Pick<'_> {
    fn name(&self) -> String {
        format!("{}@{}", full(&self.side.root, &self.relative), self.snapshot.name)
    }

    fn generation(&self, spec: &ZfsSnapshotSpec) -> Generation {
        let root = &self.side.root;
        Generation {
            store: self.target.map_or_else(|| root.clone(), |target| format!("{target}:{root}")),
            slot: slot_of(&self.slot).unwrap_or_default(),
            item: full(&spec.zfs_snapshot.dataset, &self.relative),
            name: self.name(),
            bytes: Some(self.snapshot.bytes),
            verified: true,
            fate: Fate::Kept { reasons: Vec::new() },
        }
    }
}

pub(super) fn restoration(
    spec: &ZfsSnapshotSpec,
    state: &ZfsSnapshotState,
    wish: &Wish,
) -> Result<Restoration, String> {
    let seen = state.seen.as_ref().ok_or("nothing was seen of the snapshots")?;
    if let Some(other) = wish.options.keys().find(|name| *name != ROLLBACK) {
        return Err(format!("there is no option `{other}`: `rollback` is the only one"));
    }
    if wish.folder.is_some() {
        return Err("a snapshot is restored as a dataset, not into a folder: name it with `to`".to_owned());
    }
    let pick = pick(spec, seen, wish)?;
    let generation = pick.generation(spec);
    if let Some(how) = wish.options.get(ROLLBACK) {
        return rollback(&pick, how, wish, generation);
    }
    let to = new_name(spec, seen, &pick, wish)?;
    let from = pick.name();
    let Some(target) = pick.target else {
        let work = vec![Step::new(Request::Exec(Exec::new(["zfs", "clone", &from, &to])))];
        let notes = vec![format!(
            "{to} shares its blocks with {from}, which stays as long as {to} does: `zfs promote {to}` turns that round"
        )];
        return Ok(Restoration { generation, fetch: Vec::new(), work, notes });
    };
    let raw = if pick.dataset.is_encrypted { "-w" } else { "-Lec" };
    let mut receive = Exec::new(["zfs", "receive", "-s", "-u"]);
    if !pick.dataset.is_volume {
        receive = ["-o", "canmount=noauto", "-x", "mountpoint"].into_iter().fold(receive, Exec::arg);
    }
    let fetch = Step::new(Request::Transfer(Box::new(Transfer {
        from: Origin::Output {
            target: Some(target.to_owned()),
            exec: Exec::new(["zfs", "send", raw, &from]).within(SECONDS),
            must_say: Vec::new(),
            must_not_say: Vec::new(),
        },
        to: Goal::Input { target: None, exec: receive.arg(to.as_str()).within(SECONDS) },
        rate: None,
        patience: None,
    })));
    let command = if pick.dataset.is_volume {
        Exec::new(["zfs", "list", &to])
    } else {
        Exec::new(["zfs", "mount", &to])
    };
    let notes = vec![format!("{to} is not mounted by itself after a restart: `zfs set canmount=on {to}`")];
    let work = vec![Step::new(Request::Exec(command))];
    Ok(Restoration { generation, fetch: vec![fetch], work, notes })
}

fn pick<'s>(spec: &'s ZfsSnapshotSpec, seen: &'s Seen, wish: &Wish) -> Result<Pick<'s>, String> {
    let root = &spec.zfs_snapshot.dataset;
    let item = wish.item.as_deref().unwrap_or(root);
    let inside = item.strip_prefix(root.as_str()).ok_or_else(|| format!("{item} does not lie in {root}"))?;
    let relative = match inside.strip_prefix('/') {
        Some(below) => below.to_owned(),
        None if inside.is_empty() => ".".to_owned(),
        None => return Err(format!("{item} does not lie in {root}")),
    };
    let there = match (&seen.replica, spec.send()) {
        (Some(Replica::Known { side, .. }), Some(send)) => Some((side, Some(send.target.as_str()))),
        _ => None,
    };
    let fits = |(side, target): &(&Side, Option<&str>)| match (wish.store.as_deref(), target) {
        (None, _) => true,
        (Some(store), None) => store == side.root,
        (Some(store), Some(target)) => store == *target || store == format!("{target}:{}", side.root),
    };
    let wanted = wish.slot.map(slot_name);
    let sides = std::iter::once((&seen.source, None)).chain(there).filter(fits);
    for (side, target) in sides {
        let found =
            side.ours(&relative).rev().find(|(slot, _)| wanted.as_deref().is_none_or(|one| one == *slot));
        if let (Some((slot, snapshot)), Some(dataset)) = (found, side.dataset(&relative)) {
            let slot = slot.to_owned();
            return Ok(Pick { side, target, relative, slot, snapshot, dataset });
        }
    }
    let of = wanted.map(|slot| format!(" for {slot}")).unwrap_or_default();
    Err(format!("there is no snapshot of {item}{of}: `evenkeel backup list` shows those that there are"))
}

/// A dataset beside the old one that is not there yet.
fn new_name(spec: &ZfsSnapshotSpec, seen: &Seen, pick: &Pick<'_>, wish: &Wish) -> Result<String, String> {
    let dataset = full(&spec.zfs_snapshot.dataset, &pick.relative);
    let own = || match parent(&dataset) {
        Some(_) => format!("{dataset}-{}", pick.slot),
        None => format!("{dataset}/restored-{}", pick.slot),
    };
    let to = wish.to.clone().unwrap_or_else(own);
    check_dataset(&to).map_err(|bad| bad.message)?;
    if seen.source.listing.get(&to).is_some() {
        return Err(format!("{to} is there already: name another dataset with `to`"));
    }
    if pick.target.is_none() && pool(&to) != pool(&dataset) {
        return Err(format!("{to} lies in another pool, and a clone stays in the pool of its snapshot"));
    }
    Ok(to)
}

fn rollback(pick: &Pick<'_>, how: &str, wish: &Wish, generation: Generation) -> Result<Restoration, String> {
    let name = pick.name();
    if pick.target.is_some() {
        return Err(format!("{name} is on another host, nothing can be rolled back to it"));
    }
    if wish.to.is_some() {
        return Err("a rollback has no `to`: it changes the dataset itself".to_owned());
    }
    let newer: Vec<&Snapshot> =
        pick.dataset.snapshots.iter().filter(|snapshot| snapshot.txg > pick.snapshot.txg).collect();
    let mut argv = vec!["zfs", "rollback"];
    match (how, newer.as_slice()) {
        ("true", []) => {}
        ("true", [first, ..]) => {
            return Err(format!(
                "{} snapshots are newer ({} is the first) and would be destroyed: restore beside it, or say `rollback=destroyNewer`",
                newer.len(),
                first.name
            ));
        }
        ("destroyNewer", _) => {
            if let Some(kept) = newer.iter().find(|snapshot| snapshot.is_held || snapshot.clones.is_some()) {
                return Err(format!("{} is newer, and held or cloned: a rollback would fail", kept.name));
            }
            let ours: Vec<&str> = pick.side.ours(&pick.relative).map(|(_, s)| s.name.as_str()).collect();
            if let Some(foreign) = newer.iter().find(|snapshot| !ours.contains(&snapshot.name.as_str())) {
                return Err(format!(
                    "{} is newer and not ours to destroy: destroy it by hand first",
                    foreign.name
                ));
            }
            argv.extend((!newer.is_empty()).then_some("-r"));
        }
        _ => return Err(format!("`rollback={how}` is neither `true` nor `destroyNewer`")),
    }
    let work = vec![Step::new(Request::Exec(Exec::new(argv).arg(name.as_str())))];
    let notes = vec![format!("everything that was written since {name} is lost")];
    Ok(Restoration { generation, fetch: Vec::new(), work, notes })
}
