//! What can be seen of the lanes.

use std::sync::Arc;

use super::{Lanes, Name, Place, Target};
use crate::controller::schedule::time::Moment;
use crate::controller::schedule::words::Counts;

/// What is in a place's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller::schedule) enum Obstacle {
    None,
    Busy,
    Down(Moment),
}

impl Lanes {
    /// What there is to count, without what is due.
    pub(in crate::controller::schedule) fn counts(&self) -> Counts {
        let down = |target: &&Target| self.hosts.get(&target.host).is_some_and(|host| host.breaker.is_open());
        Counts {
            reading: self.reading,
            writing: self.writing,
            waiting: self.stays.len().saturating_sub(self.reading + self.writing),
            targets: self.targets.len(),
            unreachable: self.targets.values().filter(down).count(),
            ..Counts::default()
        }
    }

    /// Why a place with something to do does not begin.
    pub(in crate::controller::schedule) fn obstacle(&self, place: &Place) -> Obstacle {
        let Some(target) = self.targets.get(&place.target) else { return Obstacle::None };
        let Some(host) = self.hosts.get(&target.host) else { return Obstacle::None };
        if target.busy {
            return Obstacle::Busy;
        }
        match host.breaker.until() {
            Some(until) => Obstacle::Down(until),
            None if host.busy >= self.limits.per_host => Obstacle::Busy,
            None => Obstacle::None,
        }
    }

    /// True where this place's host was given up.
    pub(in crate::controller::schedule) fn is_down(&self, place: &Place) -> bool {
        let target = self.targets.get(&place.target);
        target.and_then(|target| self.hosts.get(&target.host)).is_some_and(|host| host.breaker.is_open())
    }

    /// Every place on this host.
    pub(in crate::controller::schedule) fn places_on(&self, host: &Name) -> Vec<Place> {
        let mut places = Vec::new();
        for name in self.hosts.get(host).into_iter().flat_map(|host| &host.targets) {
            let sources = self.targets.get(name).into_iter().flat_map(|target| target.sources.keys());
            places
                .extend(sources.map(|source| Place { target: Arc::clone(name), source: Arc::clone(source) }));
        }
        places
    }
}
