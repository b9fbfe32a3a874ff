//! How often something may happen from one address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many addresses are told apart; the rest share one bucket.
const MOST: usize = 4096;

/// Lets through so many per minute and key, all at once or one after the other.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    per_minute: f64,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    known: HashMap<K, Bucket>,
    others: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Hash + Eq> Limiter<K> {
    pub(crate) fn new(per_minute: u16, now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let others = Bucket { left: per_minute, at: now };
        Limiter { per_minute, buckets: Mutex::new(Buckets { known: HashMap::new(), others }) }
    }

    /// Takes one. `Err`: there is none, and how long until there is.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.with(key, now, |bucket, per_minute| {
            wait(bucket, per_minute)?;
            bucket.left -= 1.0;
            Ok(())
        })
    }

    /// As [`Limiter::take`], but takes nothing.
    pub(crate) fn check(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.with(key, now, |bucket, per_minute| wait(bucket, per_minute))
    }

    fn with<T>(&self, key: K, now: Instant, act: impl FnOnce(&mut Bucket, f64) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = self.per_minute;
        if buckets.known.len() >= MOST && !buckets.known.contains_key(&key) {
            buckets.known.retain(|_, bucket| refill(*bucket, full, now).left < full);
        }
        let bucket = if buckets.known.len() >= MOST && !buckets.known.contains_key(&key) {
            &mut buckets.others
        } else {
            buckets.known.entry(key).or_insert(Bucket { left: full, at: now })
        };
        *bucket = refill(*bucket, full, now);
        act(bucket, full)
    }
}

fn refill(bucket: Bucket, per_minute: f64, now: Instant) -> Bucket {
    let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * per_minute / 60.0;
    Bucket { left: (bucket.left + gained).min(per_minute), at: now.max(bucket.at) }
}

fn wait(bucket: &Bucket, per_minute: f64) -> Result<(), Duration> {
    if bucket.left >= 1.0 {
        return Ok(());
    }
    Err(Duration::from_secs_f64((1.0 - bucket.left) * 60.0 / per_minute))
}

/// What counts as one address: for IPv6 the /64, which is what one machine has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_and_then_one_at_a_time() {
        let start = Instant::now();
        let limiter = Limiter::new(3, start);
        for _ in 0..3 {
            assert_eq!(limiter.take("a", start), Ok(()));
        }
        assert_eq!(limiter.check("a", start), Err(Duration::from_secs(20)));
        assert_eq!(limiter.take("a", start), Err(Duration::from_secs(20)));
        assert_eq!(limiter.take("b", start), Ok(()), "another address is not concerned");
        let later = start + Duration::from_secs(20);
        assert_eq!(limiter.take("a", later), Ok(()));
        assert!(limiter.take("a", later).is_err());
    }

    #[test]
    fn many_addresses_take_no_more_memory() {
        let start = Instant::now();
        let limiter = Limiter::new(2, start);
        for key in 0..MOST {
            limiter.take(key, start).unwrap();
        }
        assert_eq!((limiter.take(MOST, start), limiter.take(MOST + 1, start)), (Ok(()), Ok(())));
        assert!(limiter.take(MOST + 2, start).is_err(), "the rest share one bucket");
        assert_eq!(limiter.take(0, start), Ok(()), "those that are known keep theirs");
        assert_eq!(limiter.buckets.lock().unwrap().known.len(), MOST);
        let later = start + Duration::from_mins(1);
        limiter.take(MOST + 3, later).unwrap();
        assert_eq!(limiter.buckets.lock().unwrap().known.len(), 1, "full buckets are forgotten");
    }

    #[test]
    fn addresses_of_one_machine_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
