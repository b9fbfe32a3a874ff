//! The renames of a numbered layout, planned from what is there.
//!
//! No rename is ever onto a name that is there, so that any of them may be the last before a crash: what is there then is
//! planned from again. What a person or another program put among the numbers moves along and is never overtaken.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// What is at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The slot of a generation of ours; `None` for any other folder.
    pub slot: Option<Timestamp>,
}

/// The numbers of a store and what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Folders, by number.
    pub places: BTreeMap<u32, Place>,
    /// Numbers that are taken by what cannot be moved, such as a file.
    pub blocked: BTreeSet<u32>,
}

/// A rename from one number to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    /// What is there.
    pub from: u32,
    /// What is free.
    pub to: u32,
}

impl Numbers {
    /// Makes room for a generation: its number, and the renames that free it, in order.
    pub(super) fn insert(&mut self, slot: Timestamp) -> (u32, Vec<Shift>) {
        let at = self.usable(self.number_for(slot));
        let shifts = self.free(at);
        self.places.insert(at, Place { slot: Some(slot) });
        (at, shifts)
    }

    /// The renames that close gaps, in order.
    pub(super) fn close(&mut self) -> Vec<Shift> {
        let mut shifts = Vec::new();
        let mut next = self.usable(0);
        for from in self.places.keys().copied().collect::<Vec<_>>() {
            if from != next {
                shifts.push(Shift { from, to: next });
            }
            next = self.usable(next.saturating_add(1));
        }
        for Shift { from, to } in &shifts {
            if let Some(place) = self.places.remove(from) {
                self.places.insert(*to, place);
            }
        }
        shifts
    }

    /// The newest of all is first. Any other goes before the first of ours that is older; where there is none, behind the
    /// last of ours.
    fn number_for(&self, slot: Timestamp) -> u32 {
        let ours = || self.places.iter().filter_map(|(n, place)| Some((*n, place.slot?)));
        if ours().all(|(_, other)| other < slot) {
            return 0;
        }
        let older = ours().find(|(_, other)| *other < slot).map(|(n, _)| n);
        older.or_else(|| ours().map(|(n, _)| n.saturating_add(1)).max()).unwrap_or(0)
    }

    /// The first number from `from` on that is not blocked.
    fn usable(&self, from: u32) -> u32 {
        (from..=u32::MAX).find(|n| !self.blocked.contains(n)).unwrap_or(from)
    }

    /// Moves what is at `at` and directly behind it up by one, the last first.
    fn free(&mut self, at: u32) -> Vec<Shift> {
        let mut row = Vec::new();
        let mut number = at;
        while self.places.contains_key(&number) {
            row.push(number);
            number = self.usable(number.saturating_add(1));
        }
        let mut shifts = Vec::new();
        for from in row.into_iter().rev() {
            shifts.push(Shift { from, to: number });
            if let Some(place) = self.places.remove(&from) {
                self.places.insert(number, place);
            }
            number = from;
        }
        shifts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Ours by a slot, others by none, and what blocks.
    fn numbers() -> impl Strategy<Value = Numbers> {
        let folders = prop::collection::btree_map(0_u32..14, prop::option::of(0_i64..50), 0..12);
        let blocked = prop::collection::btree_set(0_u32..14, 0..3);
        (folders, blocked).prop_map(|(folders, blocked)| {
            let places = folders.into_iter().filter(|(n, _)| !blocked.contains(n));
            let places = places.map(|(n, slot)| (n, Place { slot: slot.map(at) })).collect();
            Numbers { places, blocked }
        })
    }

    /// Renames as a store does, onto free names only.
    fn perform(names: &mut BTreeMap<u32, usize>, blocked: &BTreeSet<u32>, shifts: &[Shift]) {
        for Shift { from, to } in shifts {
            assert!(
                !names.contains_key(to) && !blocked.contains(to),
                "{shifts:?} takes a name that is there"
            );
            let what = names.remove(from).expect("it is there");
            names.insert(*to, what);
        }
    }

    fn identities(numbers: &Numbers) -> BTreeMap<u32, usize> {
        numbers.places.keys().copied().enumerate().map(|(nth, n)| (n, nth)).collect()
    }

    fn order(names: &BTreeMap<u32, usize>) -> Vec<usize> {
        names.values().copied().collect()
    }

    proptest! {
        #[test]
        fn room_is_made_without_touching_what_is_there(before in numbers(), slot in 0_i64..50) {
            let mut names = identities(&before);
            let mut after = before.clone();
            let (number, shifts) = after.insert(at(slot));
            perform(&mut names, &before.blocked, &shifts);
            prop_assert!(!names.contains_key(&number) && !before.blocked.contains(&number));
            prop_assert_eq!(order(&names), order(&identities(&before)));
            let mut with_new: Vec<u32> = names.keys().copied().chain([number]).collect();
            with_new.sort_unstable();
            prop_assert_eq!(after.places.keys().copied().collect::<Vec<_>>(), with_new);
            // Each of ours that is in its order stays before or behind it as its slot says.
            let newest = before.places.values().filter_map(|p| p.slot).all(|other| other < at(slot));
            let first_of_ours = after.places.iter().find(|(_, p)| p.slot.is_some()).map(|(n, _)| *n);
            prop_assert!(!newest || first_of_ours == Some(number));
        }

        #[test]
        fn gaps_are_closed_and_stay_closed(before in numbers()) {
            let mut names = identities(&before);
            let mut after = before.clone();
            let shifts = after.close();
            perform(&mut names, &before.blocked, &shifts);
            prop_assert_eq!(order(&names), order(&identities(&before)));
            let free = (0..100).filter(|n| !before.blocked.contains(n));
            prop_assert_eq!(names.keys().copied().collect::<Vec<_>>(), free.take(names.len()).collect::<Vec<_>>());
            prop_assert!(after.close().is_empty());
        }

        #[test]
        fn after_a_crash_at_any_rename_the_order_is_kept(before in numbers(), slot in 0_i64..50, sent in 0_usize..12) {
            let mut names = identities(&before);
            let (_, shifts) = before.clone().insert(at(slot));
            let sent = shifts.get(..sent.min(shifts.len())).unwrap();
            perform(&mut names, &before.blocked, sent);
            prop_assert_eq!(order(&names), order(&identities(&before)));
            // What is there now is planned from again.
            let slots: Vec<Place> = before.places.values().cloned().collect();
            let places = names.iter().map(|(n, nth)| (*n, slots[*nth].clone())).collect();
            let mut again = Numbers { places, blocked: before.blocked.clone() };
            let (number, shifts) = again.insert(at(slot));
            perform(&mut names, &before.blocked, &shifts);
            prop_assert!(!names.contains_key(&number));
        }
    }

    #[test]
    fn the_newest_is_first_and_a_gap_swallows_the_move() {
        let place = |slot| Place { slot: Some(at(slot)) };
        let mut numbers = Numbers {
            places: BTreeMap::from([(0, place(3)), (1, place(2)), (3, place(1))]),
            ..Numbers::default()
        };
        let (number, shifts) = numbers.insert(at(4));
        assert_eq!((number, shifts), (0, vec![Shift { from: 1, to: 2 }, Shift { from: 0, to: 1 }]));
        // One that was missed goes between those beside it.
        numbers.places.remove(&1);
        let (number, shifts) = numbers.insert(at(3));
        assert_eq!((number, shifts), (2, vec![Shift { from: 3, to: 4 }, Shift { from: 2, to: 3 }]));
        assert_eq!(numbers.close().len(), 3);
    }
}
