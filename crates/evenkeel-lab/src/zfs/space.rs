//! Space: who uses how much, and what still fits.

use std::collections::HashMap;

use super::ZfsHost;
use super::model::{parent_of, pool_of};

const TOO_SMALL: &str = "size is less than current used or reserved space";
const TOO_LARGE: &str = "size is greater than available space";

impl ZfsHost {
    /// Bytes used by a dataset and everything below it.
    pub(super) fn used(&self, name: &str) -> u64 {
        self.own_use(name) + self.used_by_children(name)
    }

    /// Bytes used by everything below a dataset, reservations included.
    pub(super) fn used_by_children(&self, name: &str) -> u64 {
        let below: Vec<&String> = self.descendants(name).collect();
        let mut children: HashMap<&str, u64> = HashMap::new();
        // Contained datasets sort after their containers, so in reverse every child is known before its parent.
        for dataset in below.into_iter().rev() {
            let used = self.own_use(dataset) + children.get(dataset.as_str()).copied().unwrap_or(0);
            let charged = used.max(self.stored_number(dataset, "reservation"));
            if let Some(parent) = parent_of(dataset) {
                *children.entry(parent).or_default() += charged;
            }
        }
        children.get(name).copied().unwrap_or(0)
    }

    fn own_use(&self, name: &str) -> u64 {
        let referenced = self.datasets.get(name).map_or(0, |d| d.referenced);
        referenced.max(self.stored_number(name, "refreservation"))
    }

    /// Bytes that can still be written into a dataset.
    pub(super) fn available(&self, name: &str) -> u64 {
        let pool = pool_of(name);
        let size = self.pools.get(pool).map_or(0, |p| p.size);
        let mut available = size.saturating_sub(self.used(pool));
        let mut at = Some(name);
        while let Some(dataset) = at {
            let quota = self.stored_number(dataset, "quota");
            if quota > 0 {
                available = available.min(quota.saturating_sub(self.used(dataset)));
            }
            at = parent_of(dataset);
        }
        available
    }

    /// Whether a limit or reservation fits; the error is what the program says about it.
    pub(super) fn check_space(&self, name: &str, property: &str, value: &str) -> Result<(), String> {
        let Ok(wanted) = value.parse::<u64>() else { return Ok(()) };
        let referenced = self.datasets.get(name).map_or(0, |d| d.referenced);
        let stored = |property| self.stored_number(name, property);
        let limit = |quota: u64| if quota == 0 { u64::MAX } else { quota };
        match property {
            "quota" if wanted > 0 && wanted < self.used(name).max(stored("reservation")) => {
                Err(TOO_SMALL.to_owned())
            }
            "refquota" if wanted > 0 && wanted < referenced.max(stored("refreservation")) => {
                Err(TOO_SMALL.to_owned())
            }
            "reservation" => {
                let used = self.used(name);
                let grows = wanted.max(used) - stored("reservation").max(used).min(wanted.max(used));
                let fits = grows <= self.available(name) && wanted <= limit(stored("quota"));
                if fits { Ok(()) } else { Err(TOO_LARGE.to_owned()) }
            }
            "refreservation" => {
                let own = self.own_use(name);
                let grows = wanted.max(referenced).saturating_sub(own);
                let fits = grows <= self.available(name) && wanted <= limit(stored("refquota"));
                if fits { Ok(()) } else { Err(TOO_LARGE.to_owned()) }
            }
            _ => Ok(()),
        }
    }
}

/// What a volume of this size reserves, its metadata included (copies = 1).
pub(super) fn volume_reservation(volsize: u64, block: u64) -> u64 {
    const PER_LEVEL: u64 = 1024;
    let mut blocks = volsize / block.max(1);
    let mut metadata = 7;
    while blocks > 1 {
        blocks = blocks.div_ceil(PER_LEVEL);
        metadata += blocks;
    }
    volsize + metadata * 2 * (1 << 17)
}
