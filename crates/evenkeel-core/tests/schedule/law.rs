//! Laws that hold for every schedule, every zone and every moment.

use std::collections::BTreeSet;

use super::*;
use evenkeel_core::period::Period;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use proptest::prelude::*;

/// Zones with every kind of change: by an hour, by half an hour, at midnight, by a day, none.
const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Havana",
];

/// Moments at which clocks were changed in one of them, to be hit often.
const TURNS: [&str; 12] = [
    "2026-03-29T01:00:00Z",
    "2026-10-25T01:00:00Z",
    "2026-03-08T07:00:00Z",
    "2026-11-01T06:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-10-03T15:30:00Z",
    "2018-11-04T03:00:00Z",
    "2018-02-18T02:00:00Z",
    "2011-12-30T10:00:00Z",
    "2026-02-15T02:00:00Z",
    "2026-03-22T02:00:00Z",
    "2026-11-01T05:00:00Z",
];

/// What a schedule means, and a text for it.
#[derive(Debug, Clone)]
struct Sample {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    /// Monday = 1.
    weekdays: BTreeSet<i8>,
}

impl Sample {
    fn list(values: &BTreeSet<i8>) -> String {
        values.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
    }

    fn calendar(&self) -> Schedule {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let days: Vec<&str> = self.weekdays.iter().map(|d| names[usize::try_from(*d).unwrap() - 1]).collect();
        let hours = if self.hours.len() == 24 { "*".to_owned() } else { Self::list(&self.hours) };
        schedule("calendar", &format!("{} {hours}:{}", days.join(","), Self::list(&self.minutes)))
    }

    fn cron(&self) -> Schedule {
        let hours = if self.hours.len() == 24 { "*".to_owned() } else { Self::list(&self.hours) };
        schedule("cron", &format!("{} {hours} * * {}", Self::list(&self.minutes), Self::list(&self.weekdays)))
    }

    fn fits(&self, local: DateTime) -> bool {
        self.minutes.contains(&local.minute())
            && self.hours.contains(&local.hour())
            && self.weekdays.contains(&local.weekday().to_monday_one_offset())
    }

    /// Every slot in a span, found the slow way: minute by minute along real time.
    fn slots(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
        let minute = SignedDuration::from_mins(1);
        let mut found = BTreeSet::new();
        let mut latest = zone.to_datetime(from - minute);
        let mut now = from;
        while now <= to {
            let local = zone.to_datetime(now);
            let mut skipped = latest + minute;
            while skipped < local {
                if self.fits(skipped) {
                    found.insert(now);
                }
                skipped += minute;
            }
            let again = local <= latest;
            if self.fits(local) && (!again || self.hours.len() == 24) {
                found.insert(now);
            }
            latest = latest.max(local);
            now += minute;
        }
        found
    }
}

fn samples() -> impl Strategy<Value = Sample> {
    let hours = prop_oneof![
        Just((0..24).collect::<BTreeSet<i8>>()),
        proptest::collection::btree_set(0..24_i8, 1..4),
        proptest::collection::btree_set(0..4_i8, 1..4),
    ];
    let minutes = proptest::collection::btree_set(0..60_i8, 1..4);
    let weekdays = prop_oneof![
        Just((1..=7).collect::<BTreeSet<i8>>()),
        proptest::collection::btree_set(1..=7_i8, 1..7),
    ];
    (minutes, hours, weekdays).prop_map(|(minutes, hours, weekdays)| Sample { minutes, hours, weekdays })
}

fn moments() -> impl Strategy<Value = Timestamp> {
    let near = (0..TURNS.len(), -100_000..100_000_i64)
        .prop_map(|(turn, seconds)| at(TURNS[turn]) + SignedDuration::from_secs(seconds));
    let any = (315_532_800..2_145_916_800_i64).prop_map(|second| Timestamp::from_second(second).unwrap());
    prop_oneof![3 => near, 1 => any]
}

fn zones() -> impl Strategy<Value = TimeZone> {
    (0..ZONES.len()).prop_map(|index| zone(ZONES[index]))
}

fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap()
}

/// Any text for `every`.
fn periods() -> impl Strategy<Value = Schedule> {
    (60..700_000_u64)
        .prop_map(|seconds| Schedule { every: Some(Period::seconds(seconds)), ..Schedule::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn slots_are_those_of_the_slow_way(sample in samples(), zone in zones(), now in moments()) {
        let window = SignedDuration::from_hours(40);
        let (from, to) = (whole_minute(now - window), whole_minute(now + window));
        let slots = sample.slots(&zone, from, to);
        for schedule in [sample.calendar(), sample.cron()] {
            let before = schedule.slot_before(now, &zone).filter(|slot| *slot >= from);
            prop_assert_eq!(before, slots.range(..=now).next_back().copied());
            let after = schedule.slot_after(now, &zone).filter(|slot| *slot <= to);
            prop_assert_eq!(after, slots.iter().find(|slot| **slot > now).copied());
        }
    }

    #[test]
    fn before_and_after_agree(sample in samples(), every in periods(), zone in zones(), now in moments()) {
        for schedule in [sample.calendar(), every] {
            let after = schedule.slot_after(now, &zone).unwrap();
            let before = schedule.slot_before(now, &zone).unwrap();
            prop_assert!(before <= now && now < after);
            prop_assert_eq!(schedule.slot_before(after, &zone), Some(after));
            prop_assert_eq!(schedule.slot_before(after - SignedDuration::from_nanos(1), &zone), Some(before));
            prop_assert_eq!(schedule.slot_after(before, &zone), Some(after));
        }
    }

    #[test]
    fn what_is_due_does_not_change_before_next(
        sample in samples(),
        zone in zones(),
        now in moments(),
        (jitter, deadline) in (0..7_200_u64, proptest::option::of(60..20_000_u64)),
        part in 0.0..1.0_f64,
    ) {
        let schedule = Schedule {
            jitter: Some(Period::seconds(jitter)),
            starting_deadline: deadline.map(Period::seconds),
            ..sample.calendar()
        };
        let due = schedule.due(now, &zone, "BackupSchedule/nightly on h1");
        let next = due.next.unwrap();
        prop_assert!(next > now);
        let between = now + next.duration_since(now).mul_f64(part);
        prop_assert_eq!(schedule.due(between.min(next - SignedDuration::from_nanos(1)), &zone, "BackupSchedule/nightly on h1"), due);
        prop_assert_ne!(schedule.due(next, &zone, "BackupSchedule/nightly on h1").slot, due.slot);
        if let Some(slot) = due.slot {
            prop_assert_eq!(schedule.slot_before(slot, &zone), Some(slot));
        }
    }

    #[test]
    fn what_proxmox_is_given_means_the_same(sample in samples(), now in moments()) {
        let cron = sample.cron();
        let calendar = schedule("calendar", &cron.to_proxmox().unwrap());
        let (mut a, mut b) = (now, now);
        for _ in 0..20 {
            a = cron.slot_after(a, &TimeZone::UTC).unwrap();
            b = calendar.slot_after(b, &TimeZone::UTC).unwrap();
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn no_text_makes_it_fall_over(text in "[-a-z0-9*/,.: ~@#]{0,24}", odd in ".{0,12}", zone in zones(), now in moments()) {
        for text in [text, odd] {
            for field in ["cron", "calendar"] {
                let schedule = schedule(field, &text);
                for finding in schedule.check() {
                    prop_assert!(!finding.message.is_empty());
                }
                let _ = (schedule.due(now, &zone, &text), schedule.fresh_within_seconds(now, &zone), schedule.to_proxmox());
            }
        }
    }

    #[test]
    fn the_ends_of_time_are_no_trouble(sample in samples(), every in periods(), zone in zones()) {
        for now in [Timestamp::MIN, Timestamp::MAX] {
            for schedule in [sample.calendar(), every.clone()] {
                let _ = (schedule.due(now, &zone, ""), schedule.fresh_within_seconds(now, &zone));
            }
        }
    }
}
