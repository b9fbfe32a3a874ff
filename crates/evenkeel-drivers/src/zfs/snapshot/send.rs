//! What is to be sent to the other side, and from where it can go on.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Reply, Request};

use super::listing::{Dataset, full};
use super::side::{Protected, Side, Slots};
use super::spec::ZfsSnapshotSpec;
use crate::zfs::reply::failure::quote;

/// As many snapshots of one dataset are sent in one run, the newest ones.
const MOST_AT_ONCE: usize = 32;

/// A receive that is half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    text: String,
    /// The snapshot that is on its way, as the sender calls it.
    pub(super) to: String,
    fate: TokenFate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TokenFate {
    /// The sender can go on.
    Resumable,
    /// What it was made from is gone.
    Stale,
    /// Why nobody knows.
    Unclear(String),
}

/// What is to be done for the other side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shipping {
    pub(super) shipments: Vec<Shipment>,
    /// Why nothing can be sent of a dataset.
    pub(super) blocked: BTreeMap<String, String>,
    /// What arrived whole and is not marked yet.
    pub(super) unmarked: Slots,
    /// The slot that each dataset lacks a bookmark of.
    pub(super) bookmarks: BTreeMap<String, String>,
    /// Bookmarks that are not needed any more.
    pub(super) old_bookmarks: Slots,
}

/// What is sent of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shipment {
    pub(super) relative: String,
    pub(super) is_volume: bool,
    /// The receiving dataset has nothing yet.
    pub(super) is_new: bool,
    pub(super) raw: bool,
    /// What becomes first of what is half done.
    pub(super) unfinished: Option<Unfinished>,
    /// What both sides have then: `tank/vm@…` or `tank/vm#…`.
    pub(super) base: Option<String>,
    /// Then these slots, in this order.
    pub(super) slots: Vec<String>,
}

impl Shipment {
    /// The slot that arrives last.
    pub(super) fn last(&self) -> Option<&String> {
        self.slots.last().or_else(|| self.unfinished.as_ref()?.slot())
    }
}

/// What becomes of a receive that is half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// It is given up.
    Abort,
    /// It goes on.
    Resume {
        token: String,
        /// The slot that is on its way.
        slot: String,
    },
}

impl Unfinished {
    /// The slot that arrives when it goes on.
    pub(super) fn slot(&self) -> Option<&String> {
        match self {
            Unfinished::Abort => None,
            Unfinished::Resume { slot, .. } => Some(slot),
        }
    }
}

/// Asks what a token means; the sender answers.
pub(super) fn token_query(token: &str) -> Query {
    Query::reading(Request::Exec(Exec::new(["zfs", "send", "-nvP", "-t", token])))
}

/// The tokens of the other side's datasets.
pub(super) fn tokens(side: &Side) -> impl Iterator<Item = (&str, &str)> {
    side.datasets().filter_map(|(relative, dataset)| Some((relative, dataset.token.as_deref()?)))
}

pub(super) fn read_token(token: &str, replies: &Replies) -> Result<Token, ObserveError> {
    let reply = replies.get(&token_query(token))?;
    Ok(token_of(token, reply))
}

fn token_of(text: &str, reply: &Reply) -> Token {
    let said = [&reply.stdout, &reply.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let lines = || said.iter().flat_map(|text| text.lines());
    let to = lines().find_map(|line| line.trim().strip_prefix("toname = ")).unwrap_or_default().to_owned();
    let fate = match lines().find(|line| line.starts_with("cannot resume send")) {
        None if reply.exit == 0 && !to.is_empty() => TokenFate::Resumable,
        Some(line) if line.contains("no longer") && !to.is_empty() => TokenFate::Stale,
        line => TokenFate::Unclear(quote(line.unwrap_or(&reply.stderr_text()).as_bytes())),
    };
    Token { text: text.to_owned(), to, fate }
}

/// How one dataset stands between the two sides.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    is_new: bool,
    unfinished: Option<Unfinished>,
    base: Option<Base>,
}

impl Standing {
    /// The slot that is on its way.
    fn resumed(&self) -> Option<&String> {
        self.unfinished.as_ref().and_then(Unfinished::slot)
    }
}

/// What both sides have.
#[derive(Debug, Clone)]
struct Base {
    name: String,
    txg: u64,
    /// Where it is one of the schedule's own.
    slot: Option<String>,
}

/// How every dataset stands, or why nothing can be sent of it.
pub(super) type Standings = BTreeMap<String, Result<Standing, String>>;

pub(super) fn standings(
    spec: &ZfsSnapshotSpec,
    source: &Side,
    replica: &Side,
    tokens: &BTreeMap<String, Token>,
) -> Standings {
    let of = |(relative, dataset): (&str, &Dataset)| {
        let standing = standing(spec, (source, relative, dataset), replica, tokens.get(relative));
        (relative.to_owned(), standing)
    };
    source.datasets().map(of).collect()
}

fn standing(
    spec: &ZfsSnapshotSpec,
    (source, relative, dataset): (&Side, &str, &Dataset),
    replica: &Side,
    token: Option<&Token>,
) -> Result<Standing, String> {
    let Some(there) = replica.dataset(relative) else {
        return Ok(Standing { is_new: true, ..Standing::default() });
    };
    let (here, copy) = (full(&source.root, relative), full(&replica.root, relative));
    let mut standing = Standing::default();
    if let Some(token) = token {
        let slot = token.to.strip_prefix(&format!("{here}@")).and_then(|name| spec.slot_in(name));
        match (&token.fate, slot) {
            (TokenFate::Resumable, Some(slot)) => {
                let (token, slot) = (token.text.clone(), slot.to_owned());
                standing.unfinished = Some(Unfinished::Resume { token, slot });
            }
            (TokenFate::Stale, Some(_)) => standing.unfinished = Some(Unfinished::Abort),
            (TokenFate::Unclear(why), _) => return Err(format!("{copy} has a receive half done: {why}")),
            (_, None) => {
                return Err(format!(
                    "{copy} has a receive of {} half done, which is none of this schedule's: `zfs receive -A {copy}` gives it up",
                    token.to
                ));
            }
        }
    }
    let Some(newest) = there.snapshots.last() else {
        standing.is_new = true;
        if standing.unfinished.is_some() {
            return Ok(standing);
        }
        return Err(format!(
            "{copy} is there and has no snapshot: a send would have to overwrite it. Rename or destroy it by hand, or send to another dataset"
        ));
    };
    standing.base = base(spec, (&here, dataset), newest.guid);
    if standing.base.is_none() {
        return Err(format!(
            "{copy}@{} is the newest there, and {here} has neither that snapshot nor a bookmark of it: a send would have to roll {copy} back. Destroy what is newer there by hand, or send to another dataset",
            newest.name
        ));
    }
    Ok(standing)
}

/// What `dataset` has of the snapshot with this id: itself, or a bookmark.
fn base(spec: &ZfsSnapshotSpec, (name, dataset): (&str, &Dataset), guid: u64) -> Option<Base> {
    let slot = |short: &str| spec.slot_in(short).map(str::to_owned);
    let snapshot = dataset.snapshots.iter().find(|snapshot| snapshot.guid == guid).map(|snapshot| Base {
        name: format!("{name}@{}", snapshot.name),
        txg: snapshot.txg,
        slot: slot(&snapshot.name),
    });
    let bookmark = || {
        let (short, bookmark) = dataset.bookmarks.iter().find(|(_, bookmark)| bookmark.guid == guid)?;
        Some(Base { name: format!("{name}#{short}"), txg: bookmark.txg, slot: slot(short) })
    };
    snapshot.or_else(bookmark)
}

/// What the next send needs.
pub(super) fn protected(standings: &Standings) -> Protected {
    let mut protected = Protected::new();
    for (relative, standing) in standings {
        let Ok(standing) = standing else { continue };
        let mut protect = |slot: &String, why: &str| {
            protected.entry(relative.clone()).or_default().insert(slot.clone(), why.to_owned());
        };
        if let Some(slot) = standing.base.as_ref().and_then(|base| base.slot.as_ref()) {
            protect(slot, "the newest that both sides have");
        }
        if let Some(slot) = standing.resumed() {
            protect(slot, "it is half sent");
        }
    }
    protected
}

/// While the other side is not known: what it had last, as the bookmarks tell.
pub(super) fn protected_blindly(spec: &ZfsSnapshotSpec, source: &Side) -> Protected {
    let newest = |(relative, dataset): (&str, &Dataset)| {
        let slot = dataset.bookmarks.keys().filter_map(|name| spec.slot_in(name)).max()?;
        Some((relative.to_owned(), BTreeMap::from([(slot.to_owned(), "the last that was sent".to_owned())])))
    };
    source.datasets().filter_map(newest).collect()
}

/// What could be sent: of each dataset the slots that are newer than what both sides have and do not go here.
/// `make` is made before.
pub(super) fn candidates(
    (spec, source, replica): (&ZfsSnapshotSpec, &Side, &Side),
    standings: &Standings,
    going: &Slots,
    make: Option<&(String, BTreeSet<String>)>,
) -> Slots {
    let mut slots = Slots::new();
    for (relative, standing) in standings {
        let Ok(standing) = standing else { continue };
        let after = match standing.resumed() {
            Some(slot) => source.our(relative, slot).map(|snapshot| snapshot.txg),
            None => standing.base.as_ref().map(|base| base.txg),
        };
        let goes = |slot: &str| going.get(slot).is_some_and(|datasets| datasets.contains(relative));
        let newer =
            source.ours(relative).filter(|(slot, snapshot)| snapshot.txg > after.unwrap_or(0) && !goes(slot));
        let mut of_this: Vec<(u64, &str)> = newer.map(|(slot, snapshot)| (snapshot.txg, slot)).collect();
        of_this.sort_unstable();
        let coming = make.filter(|(_, datasets)| datasets.contains(relative));
        of_this.extend(coming.map(|(slot, _)| (u64::MAX, slot.as_str())));
        // A snapshot that was lost and made again is another one of the same name: the copy keeps the first.
        let is_there = |slot: &str| {
            let name = format!("{}{slot}", spec.prefix());
            replica.dataset(relative).is_some_and(|copy| copy.snapshots.iter().any(|s| s.name == name))
        };
        of_this.retain(|(_, slot)| !is_there(slot));
        let most = if standing.is_new && standing.resumed().is_none() { 1 } else { MOST_AT_ONCE };
        for (_, slot) in of_this.iter().rev().take(most) {
            slots.entry((*slot).to_owned()).or_default().insert(relative.clone());
        }
    }
    slots
}

/// What will be there besides: what is half sent, and what only lacks its mark.
pub(super) fn arriving(source: &Side, replica: &Side, standings: &Standings) -> Slots {
    let mut slots = unmarked(source, replica);
    for (relative, standing) in standings {
        if let Some(slot) = standing.as_ref().ok().and_then(Standing::resumed) {
            slots.entry(slot.clone()).or_default().insert(relative.clone());
        }
    }
    slots
}

/// Everything that is to be done for the other side. `unwelcome` is what it would not keep.
pub(super) fn shipping(
    spec: &ZfsSnapshotSpec,
    (source, replica): (&Side, &Side),
    standings: Standings,
    (candidates, unwelcome): (&Slots, &Slots),
) -> Shipping {
    let mut shipping = Shipping { unmarked: unmarked(source, replica), ..Shipping::default() };
    let in_slots =
        |slots: &Slots, slot: &str, relative: &str| slots.get(slot).is_some_and(|d| d.contains(relative));
    for (relative, standing) in standings {
        let standing = match standing {
            Ok(standing) => standing,
            Err(reason) => {
                shipping.blocked.insert(relative, reason);
                continue;
            }
        };
        let Some(dataset) = source.dataset(&relative) else { continue };
        let wanted = candidates.keys().filter(|slot| in_slots(candidates, slot, &relative));
        let mut slots: Vec<String> =
            wanted.filter(|slot| !in_slots(unwelcome, slot, &relative)).cloned().collect();
        // Slots that were made later than others may be older by name; what is sent goes by when it was made.
        slots.sort_by_key(|slot| source.our(&relative, slot).map_or(u64::MAX, |snapshot| snapshot.txg));
        let last = slots.last().cloned().or_else(|| standing.resumed().cloned());
        let last = last.or_else(|| standing.base.as_ref().and_then(|base| base.slot.clone()));
        bookmarks(spec, &relative, dataset, replica, last, &mut shipping);
        if slots.is_empty() && standing.unfinished.is_none() {
            continue;
        }
        shipping.shipments.push(Shipment {
            is_volume: dataset.is_volume,
            is_new: standing.is_new,
            raw: spec.send().and_then(|send| send.raw).unwrap_or(dataset.is_encrypted),
            base: match standing.resumed() {
                Some(slot) => Some(format!("{}@{}{slot}", full(&source.root, &relative), spec.prefix())),
                None => standing.base.map(|base| base.name),
            },
            unfinished: standing.unfinished,
            slots,
            relative,
        });
    }
    shipping
}

/// The bookmark that a dataset shall have, and the old ones, as far as it is known what they remember.
fn bookmarks(
    spec: &ZfsSnapshotSpec,
    relative: &str,
    dataset: &Dataset,
    replica: &Side,
    last: Option<String>,
    shipping: &mut Shipping,
) {
    let Some(last) = last else { return };
    for slot in known_bookmarks(spec, dataset, replica.dataset(relative)) {
        if *slot != last {
            shipping.old_bookmarks.entry(slot.to_owned()).or_default().insert(relative.to_owned());
        }
    }
    // What both sides had last may be a bookmark itself, whose snapshot is gone.
    if !dataset.bookmarks.contains_key(&format!("{}{last}", spec.prefix())) {
        shipping.bookmarks.insert(relative.to_owned(), last);
    }
}

/// The slots of the bookmarks that are surely ours: a bookmark carries no mark, but it remembers one of our snapshots,
/// here or there.
pub(super) fn known_bookmarks<'d>(
    spec: &'d ZfsSnapshotSpec,
    dataset: &'d Dataset,
    there: Option<&'d Dataset>,
) -> impl Iterator<Item = &'d str> {
    let sides = [Some(dataset), there];
    dataset.bookmarks.iter().filter_map(move |(name, bookmark)| {
        let slot = spec.slot_in(name)?;
        let mut snapshots = sides.iter().flatten().flat_map(|side| &side.snapshots);
        snapshots.any(|s| s.guid == bookmark.guid && s.name == *name && s.slot.is_some()).then_some(slot)
    })
}

/// What arrived whole, and whose mark was not set before something went wrong.
fn unmarked(source: &Side, replica: &Side) -> Slots {
    let mut slots = Slots::new();
    for (relative, dataset) in replica.datasets() {
        let guids: BTreeMap<&str, u64> =
            dataset.snapshots.iter().map(|s| (s.name.as_str(), s.guid)).collect();
        for (slot, snapshot) in source.ours(relative) {
            let arrived = guids.get(snapshot.name.as_str()) == Some(&snapshot.guid);
            if arrived && replica.our(relative, slot).is_none() {
                slots.entry(slot.to_owned()).or_default().insert(relative.to_owned());
            }
        }
    }
    slots
}
