//! How long it is until the next time: intervals that spread, failures that slow down. Drawn by hashing, so that the
//! same seed gives the same times.

use super::time::Moment;

/// A second, in milliseconds.
pub(super) const SECOND: Moment = 1_000;

/// The shortest time that something is left alone after a failure.
const BASE: Moment = SECOND;

/// The longest.
pub(super) const CAP: Moment = 15 * 60 * SECOND;

/// What was just changed is looked at again after this.
const SOON: Moment = 3 * SECOND;

/// A number that depends on the seed, on names, and on how many were drawn before; on nothing else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64, names: &[&str], count: u64) -> Self {
        // FNV-1a, and the finish of splitmix64 to spread its bits.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ mix(seed) ^ mix(!count);
        for name in names {
            for byte in name.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Draw(mix(hash))
    }

    /// Some number from `low` to `high`, both included; `low` where there is none.
    fn between(self, low: Moment, high: Moment) -> Moment {
        let count = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low.saturating_add(i64::try_from(self.0 % count).unwrap_or(0))
    }

    /// The interval, give or take a twentieth.
    pub(super) fn interval(self, interval: Moment) -> Moment {
        let twentieth = interval / 20;
        self.between(interval.saturating_sub(twentieth), interval.saturating_add(twentieth))
    }

    /// How long something is left alone that failed, where it was left alone for `before` the last time (nought for
    /// never). About twice as long each time, drawn from what came before ("decorrelated jitter"), so that what failed
    /// together drifts apart; at the end from the upper half, for the same reason.
    pub(super) fn backoff(self, before: Moment) -> Moment {
        let before = before.max(BASE);
        self.between(before.min(CAP / 2), before.saturating_mul(3).min(CAP))
    }
}

/// How long something was left alone that failed `failures` times, about.
pub(super) fn backoff_after(failures: u32) -> Moment {
    match failures {
        0 => 0,
        _ => BASE.saturating_mul(1 << (failures - 1).min(20)).min(CAP),
    }
}

/// When to look again at what was changed, `changes` times in a row: soon, but something that never comes to rest
/// gets slower up to its interval.
pub(super) fn proof(changes: u32, interval: Moment) -> Moment {
    SOON.saturating_mul(1 << changes.saturating_sub(1).min(20)).min(interval)
}

/// When to try again what was stopped before its turn, `stops` times in a row: at once, and where that goes on, ever more
/// slowly up to a minute.
pub(super) fn resumption(stops: u32) -> Moment {
    match stops {
        0 | 1 => 0,
        _ => SECOND.saturating_mul(1 << (stops - 2).min(20)).min(60 * SECOND),
    }
}

fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_spreads_by_a_twentieth_to_either_side() {
        let spans: Vec<Moment> =
            (0..2_000).map(|n| Draw::new(7, &["git", "pve1"], n).interval(100_000)).collect();
        let (least, most) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
        assert!((95_000..95_500).contains(least) && (104_500..=105_000).contains(most), "{least} to {most}");
    }

    #[test]
    fn a_draw_depends_on_seed_names_and_count() {
        let draws = [
            Draw::new(1, &["a", "b"], 0).0,
            Draw::new(2, &["a", "b"], 0).0,
            Draw::new(1, &["ab", ""], 0).0,
            Draw::new(1, &["a", "b"], 1).0,
        ];
        for (i, one) in draws.iter().enumerate() {
            assert!(draws.iter().skip(i + 1).all(|other| other != one), "{draws:?}");
        }
        assert_eq!(draws[0], Draw::new(1, &["a", "b"], 0).0);
    }

    #[test]
    fn failures_slow_down_from_a_second_to_a_quarter_of_an_hour() {
        let mut waits = vec![0];
        for n in 0..200 {
            let wait = Draw::new(3, &["x"], n).backoff(waits[waits.len() - 1]);
            assert!((BASE..=CAP).contains(&wait) && wait <= waits[waits.len() - 1].max(BASE) * 3);
            waits.push(wait);
        }
        assert!(waits.iter().skip(20).all(|wait| *wait >= CAP / 2), "{waits:?}");
        assert!(waits.iter().skip(20).any(|wait| *wait > CAP / 10 * 9), "{waits:?}");
        assert_eq!((backoff_after(0), backoff_after(1), backoff_after(u32::MAX)), (0, BASE, CAP));
    }

    #[test]
    fn what_never_comes_to_rest_is_looked_at_ever_more_slowly() {
        let spans: Vec<Moment> = [1, 2, 3, 4, 5, 6, u32::MAX].map(|n| proof(n, 60_000)).to_vec();
        assert_eq!(spans, [3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]);
    }
}
