//! How a dump comes back.

use std::collections::BTreeMap;

use evenkeel_core::backup::slot_name;
use evenkeel_core::driver::{Fate, Generation, Restoration, Step, Verification, Verifications, Wish};
use evenkeel_core::request::{Check, Exec, FileRequest, Goal, Origin, Replies, Request, Transfer};

use super::host::Guest;
use super::spec::VzdumpScheduleSpec;
use crate::backup::{Archive, CopySpec, Picture, StoreSpec};

/// What lies in the stores that answered.
#[derive(Debug)]
pub(super) struct Holdings<'s> {
    /// The stores with what is in them, the first one first.
    known: Vec<(&'s StoreSpec, Picture)>,
    /// The others, each with why.
    unread: Vec<String>,
}

impl<'s> Holdings<'s> {
    /// Whatever can be read, each store by itself: a copy is worth most when the first store is gone.
    pub(super) fn of(spec: &'s VzdumpScheduleSpec, replies: &Replies) -> Self {
        let (mut known, mut unread) = (Vec::new(), Vec::new());
        let stores =
            std::iter::once(&spec.vzdump.store).chain(spec.vzdump.copies.iter().map(CopySpec::store));
        for store in stores {
            match store.picture(replies) {
                Ok(picture) => known.push((store, picture)),
                Err(why) => unread.push(format!("{}: {why}", store.label())),
            }
        }
        Holdings { known, unread }
    }

    /// Every archive, where it is not known what is to become of any.
    pub(super) fn generations(&self) -> Vec<Generation> {
        let fate = Fate::LeftAlone { reason: "not everything could be read".to_owned() };
        let of = |(store, picture): &(&StoreSpec, Picture)| {
            let archives = picture.archives().into_iter();
            archives
                .map(|archive| Generation { fate: fate.clone(), ..generation(store, &archive) })
                .collect::<Vec<_>>()
        };
        self.known.iter().flat_map(of).collect()
    }

    /// How to check every archive again: by reading it whole.
    pub(super) fn verifications(self) -> Verifications {
        let mut copies = Vec::new();
        for (store, picture) in &self.known {
            for archive in picture.archives().into_iter().filter(Archive::is_verified) {
                let path = store.path(&format!("{}/{}", archive.folder, archive.name));
                copies.push(Verification {
                    generation: generation(store, &archive),
                    query: store.query(FileRequest::Digest { path }),
                    expected: Some(archive.record.digest()),
                });
            }
        }
        Verifications { copies, unread: self.unread }
    }
}

fn generation(store: &StoreSpec, archive: &Archive<'_>) -> Generation {
    Generation {
        store: store.label(),
        slot: archive.slot,
        item: archive.record.item.clone(),
        name: format!("{}/{}", archive.folder, archive.name),
        bytes: Some(archive.record.bytes),
        verified: archive.is_verified(),
        fate: Fate::Kept { reasons: Vec::new() },
    }
}

/// How an archive comes back.
pub(super) fn restoration(
    spec: &VzdumpScheduleSpec,
    holdings: &Holdings<'_>,
    guests: &BTreeMap<u32, Guest>,
    wish: &Wish,
) -> Result<Restoration, String> {
    let (store, archive) = find(spec, holdings, wish)?;
    let id = match &wish.to {
        Some(to) => to
            .parse::<u32>()
            .map_err(|_| format!("`{to}` is no guest's id: give a number, such as --to 900"))?,
        None => archive
            .record
            .item
            .parse::<u32>()
            .map_err(|_| "say which id the guest shall have: --to ID".to_owned())?,
    };
    if guests.contains_key(&id) {
        let hint = if wish.to.is_some() { "name one that is free" } else { "name a free one with --to ID" };
        return Err(format!("guest {id} is there: a restore never overwrites, {hint}, or destroy it first"));
    }
    let known = ["storage"];
    if let Some(option) = wish.options.keys().find(|option| !known.contains(&option.as_str())) {
        return Err(format!("`{option}` is no option of a restore of a dump: there is `storage`"));
    }
    let folder = wish.folder.as_deref().map_or(spec.dump_dir(), |folder| folder.trim_end_matches('/'));
    crate::backup::check_path(folder, true).map_err(|problem| format!("the folder {folder} {problem}"))?;
    let path = format!("{folder}/{}", archive.name);
    let from = store.path(&format!("{}/{}", archive.folder, archive.name));
    let fetch = vec![fetch(store, from, path.clone())];
    let id = id.to_string();
    let mut words = match archive.record.kind.as_str() {
        "openvz" => vec!["vzrestore".to_owned(), path.clone(), id],
        "qemu" => vec!["qmrestore".to_owned(), path.clone(), id],
        "lxc" => vec!["pct".to_owned(), "restore".to_owned(), id, path.clone()],
        other => return Err(format!("nobody knows how a dump of the kind `{other}` is restored")),
    };
    if let Some(storage) = wish.options.get("storage") {
        if archive.record.kind == "openvz" {
            return Err("OpenVZ has no storages: leave out the option `storage`".to_owned());
        }
        words.extend(["--storage".to_owned(), storage.clone()]);
    }
    let mut notes: Vec<String> =
        holdings.unread.iter().map(|why| format!("this store could not be read: {why}")).collect();
    notes.extend([
        format!(
            "the archive is the one of slot {}, {} bytes, checked against its record on the way",
            slot_name(archive.slot),
            archive.record.bytes
        ),
        format!("it stays on the host as {path}: remove it once the guest is well"),
    ]);
    let work = vec![Step::new(Request::Exec(Exec::new(words).within(7 * 86_400)))];
    Ok(Restoration { generation: generation(store, &archive), fetch, work, notes })
}

fn fetch(store: &StoreSpec, from: String, to: String) -> Step {
    let from = Origin::File { target: Some(store.target.clone()), path: from };
    let to = Goal::File { target: None, path: to, check: Check::Checksum, record: None, log: None };
    Step::new(Request::Transfer(Box::new(Transfer { from, to, rate: None, patience: None })))
}

/// The archive that is meant: the newest that is good, of the first store that has it.
fn find<'s>(
    spec: &'s VzdumpScheduleSpec,
    holdings: &'s Holdings<'s>,
    wish: &Wish,
) -> Result<(&'s StoreSpec, Archive<'s>), String> {
    let is_meant = |store: &StoreSpec| {
        wish.store.as_ref().is_none_or(|name| *name == store.label() || *name == store.target)
    };
    let stores: Vec<_> = holdings.known.iter().filter(|(store, _)| is_meant(store)).collect();
    if stores.is_empty() {
        let all = std::iter::once(&spec.vzdump.store).chain(spec.vzdump.copies.iter().map(CopySpec::store));
        let names: Vec<String> = all.map(StoreSpec::label).collect();
        let why = if holdings.unread.is_empty() {
            String::new()
        } else {
            format!(" ({})", holdings.unread.join("; "))
        };
        return Err(format!("no store of that name answered{why}; there are {}", names.join(", ")));
    }
    let mut items = std::collections::BTreeSet::new();
    for (store, picture) in stores {
        let good = picture.archives().into_iter().filter(Archive::is_verified);
        let slot = wish.slot.map(slot_name);
        let good: Vec<Archive<'_>> = good
            .filter(|archive| slot.as_ref().is_none_or(|slot| slot_name(archive.slot) == *slot))
            .collect();
        items.extend(good.iter().map(|archive| archive.record.item.clone()));
        let of_item = good
            .into_iter()
            .filter(|archive| wish.item.as_ref().is_none_or(|item| archive.record.item == *item));
        let newest = of_item.max_by_key(|archive| archive.slot);
        if let Some(archive) = newest.filter(|_| wish.item.is_some() || items.len() == 1) {
            return Ok((store, archive));
        }
    }
    let items: Vec<String> = items.into_iter().collect();
    Err(match &wish.item {
        None if items.len() > 1 => format!("say which guest: --item with one of {}", items.join(", ")),
        Some(item) if !items.is_empty() => {
            format!("there is no verified copy of guest {item}; there are some of {}", items.join(", "))
        }
        _ => match holdings.unread.as_slice() {
            [] => "there is no verified copy".to_owned(),
            unread => {
                format!("there is no verified copy where anything could be read; {}", unread.join("; "))
            }
        },
    })
}
