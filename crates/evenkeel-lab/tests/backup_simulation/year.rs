//! 400 days, and what happens in them.

use std::collections::BTreeMap;

use evenkeel_core::backup::{Retention, Schedule};
use evenkeel_core::driver::Registry;
use evenkeel_core::plan::Gate;
use evenkeel_engine::Verdict;
use evenkeel_lab::random::Random;
use evenkeel_lab::store::Personality;
use evenkeel_lab::vzdump::{Dialect, Guest, Trouble};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::ledger::{Ledger, temporaries};
use crate::site::{DIRECTORY, HOST, Setting, Site};

const DAYS: usize = 400;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

const RETENTIONS: [&str; 4] = [
    "{ keepLast: 4 }",
    "{ keepLast: 2, keepWeekly: 3 }",
    "{ keepDaily: 5, keepMonthly: 2 }",
    "{ keepWithin: 4d }",
];

/// A schedule in a zone; some with a change of clocks in the night.
const SCHEDULES: [(&str, &str); 4] = [
    ("cron: '0 2 * * *'", "Asia/Tokyo"),
    ("cron: '30 2 * * *'", "Europe/Berlin"),
    ("every: 1d", "America/New_York"),
    ("calendar: 'mon..sat 01:30'", "Europe/Berlin"),
];

/// A year under way.
struct Year {
    site: Site,
    random: Random,
    zone: TimeZone,
    schedule: Schedule,
    /// The retention of each store.
    policies: BTreeMap<String, Retention>,
    /// Until which day a store is full.
    full_until: usize,
    /// Whether the clock was wrong within this slot.
    jumped: bool,
}

fn setting(random: &mut Random) -> (Setting, &'static str) {
    let (schedule, zone) = *random.pick(&SCHEDULES).unwrap();
    let layout = *random.pick(&["{slot}", "daily.{n}"]).unwrap();
    let mut personalities = vec![Personality::Nas, Personality::Posix];
    if layout == "{slot}" {
        personalities.push(Personality::Bucket);
    }
    let setting = Setting {
        dialect: *random.pick(&[Dialect::OpenVz, Dialect::Today]).unwrap(),
        streams: !random.one_in(3),
        personality: *random.pick(&personalities).unwrap(),
        layout,
        schedule: format!("{{ {schedule}, timeZone: {zone} }}"),
        retention: random.pick(&RETENTIONS).unwrap(),
        copy: random.one_in(2).then(|| {
            let layout = *random.pick(&["{slot}", "daily.{n}"]).unwrap();
            (*random.pick(&RETENTIONS).unwrap(), layout)
        }),
    };
    (setting, zone)
}

/// What is written in a manifest, read as the driver reads it.
fn read<T: serde::de::DeserializeOwned>(written: &str) -> T {
    let quoted = written.replace('\'', "\"");
    let mut fields = serde_json::Map::new();
    for word in quoted.trim_matches(['{', '}', ' ']).split(", ") {
        let (key, value) = word.split_once(": ").unwrap();
        let plain = value.trim_matches('"');
        fields.insert(key.to_owned(), value.parse::<u32>().map_or_else(|_| plain.into(), Into::into));
    }
    serde_json::from_value(serde_json::Value::Object(fields)).unwrap()
}

impl Year {
    fn new(registry: &Registry, seed: u64) -> Self {
        let mut random = Random::derive(seed, 50);
        let (setting, zone) = setting(&mut random);
        let begin: Timestamp = "2026-02-10T12:00:00Z".parse().unwrap();
        let site = Site::new(registry, &setting, begin);
        let zone = TimeZone::get(zone).unwrap();
        let mut policies = BTreeMap::from([(format!("{HOST}-nas"), read(setting.retention))]);
        policies.extend(setting.copy.map(|(retention, _)| (format!("{HOST}-off"), read(retention))));
        let schedule = read(&setting.schedule);
        Year { site, random, zone, schedule, policies, full_until: 0, jumped: false }
    }

    fn ledgers(&self) -> BTreeMap<String, Ledger> {
        self.site.stores().into_iter().map(|store| (store.clone(), Ledger::of(&self.site, &store))).collect()
    }

    /// One run, whatever happens to it; then nothing may be lost.
    async fn run(&mut self) {
        let before = self.ledgers();
        let now = self.site.now();
        self.site.reconcile().await;
        self.site.transport.kill_after(None);
        for (store, after) in self.ledgers() {
            after.follows(&before[&store], &self.policies[&store], &self.zone, now);
        }
    }

    /// What may happen on a day before anything runs.
    fn morning(&mut self, day: usize) {
        let random = &mut self.random;
        let mut world = self.site.world.lock();
        for guest in world.host.guests.values_mut() {
            let trouble = random.pick(&[Trouble::Error, Trouble::Dies]).copied();
            guest.trouble = match guest.trouble {
                None if random.one_in(25) => trouble,
                Some(_) if random.one_in(3) => None,
                same => same,
            };
        }
        match random.below(40) {
            0 => {
                let id = 100 + u32::try_from(random.below(6)).unwrap();
                let _ = world.host.add_guest(id, &format!("guest{id}"));
            }
            1 => {
                let ids: Vec<u32> = world.host.guests.keys().copied().collect();
                let id = *random.pick(&ids).unwrap();
                if world.host.guests.len() > 2 {
                    world.host.guests.remove(&id);
                }
            }
            2 | 3 => {
                let ids: Vec<u32> = world.host.guests.keys().copied().collect();
                let guest = world.host.guests.get_mut(random.pick(&ids).unwrap()).unwrap();
                guest.running = !guest.running;
            }
            4 => {
                let nas = world.files(&format!("{HOST}-nas"));
                nas.add_by_hand(DIRECTORY, random);
            }
            5 => {
                let nas = world.files(&format!("{HOST}-nas"));
                nas.spoil_by_hand(DIRECTORY, random);
            }
            6 => {
                let nas = world.files(&format!("{HOST}-nas"));
                nas.rename_folder_by_hand(DIRECTORY, random);
            }
            7 => {
                let nas = world.files(&format!("{HOST}-nas"));
                let used = nas.used();
                nas.set_capacity(Some(used + random.below(900) as u64));
                self.full_until = day + 1 + random.below(4);
            }
            _ => {}
        }
        if day >= self.full_until {
            world.files(&format!("{HOST}-nas")).set_capacity(None);
        }
        drop(world);
        match random.below(60) {
            0 => self.site.later(HOUR * 24 * 9),
            1 => {
                self.site.later(-HOUR * 30);
                self.jumped = true;
            }
            _ => self.jumped = false,
        }
    }

    /// What may go wrong with the line during a day.
    fn line(&mut self, seed: u64, day: usize) {
        let random = &mut self.random;
        for store in self.site.stores() {
            self.site.transport.set_down(&store, random.one_in(12));
        }
        self.site.transport.set_down(HOST, random.one_in(30));
        let one_in = if random.one_in(4) { 2 + random.below(12) } else { 0 };
        self.site.transport.set_trouble(seed * 1000 + day as u64, one_in);
    }

    fn calm(&self) {
        for store in self.site.stores() {
            self.site.transport.set_down(&store, false);
        }
        self.site.transport.set_down(HOST, false);
        self.site.transport.set_trouble(0, 0);
    }

    /// The guests that run and can be dumped.
    fn healthy(&self) -> Vec<String> {
        let world = self.site.world.lock();
        let is_healthy = |guest: &Guest| guest.running && guest.trouble.is_none();
        let healthy = world.host.guests.iter().filter(|(_, guest)| is_healthy(guest));
        healthy.map(|(id, _)| id.to_string()).collect()
    }

    /// A full store: whatever is tried, nothing good goes, and nobody says that all is well while it is not.
    async fn full(&mut self) {
        for _ in 0..3 {
            let before = self.ledgers();
            let now = self.site.now();
            let run = self.site.reconcile().await.unwrap();
            for (store, after) in self.ledgers() {
                after.follows(&before[&store], &self.policies[&store], &self.zone, now);
            }
            let change = self.site.look().await;
            let is_done = matches!(run.outcomes[0].verdict, Verdict::Applied | Verdict::Unchanged);
            assert!(!is_done || !change.is_pending(), "{:#?}\n{}", run.outcomes, self.site.told().await);
        }
    }

    /// Everything answers again: it settles, nothing is left lying about, and a second run sends nothing.
    async fn evening(&mut self) {
        self.calm();
        if self.site.world.lock().stores["nas"].capacity().is_some() {
            return self.full().await;
        }
        let before = self.ledgers();
        let now = self.site.now();
        let mut change = self.site.settles().await;
        let after = self.ledgers();
        for (store, after) in &after {
            after.follows(&before[store], &self.policies[store], &self.zone, now);
        }
        if matches!(change.gate, Gate::Held { .. }) {
            // Somebody looks at the list and finds it right.
            self.site.accept(true);
            change = self.site.settles().await;
            self.site.accept(false);
            for (store, now_there) in self.ledgers() {
                now_there.keeps(&after[&store], &self.policies[&store], &self.zone, now);
            }
        }
        let after = self.ledgers();
        let nas = &after[&format!("{HOST}-nas")];
        let healthy = self.healthy();
        let is_any = !healthy.is_empty();
        let troubled = self.site.world.lock().host.guests.values().any(|guest| guest.trouble.is_some());
        // What failed dumps leave tells how often they were tried.
        if change.report.trouble().is_none() {
            let left = temporaries(&self.site);
            assert!(left.is_empty(), "{left:?} at {now}\n{}", self.site.told().await);
        }
        self.site.transport.take_log();
        let again = self.site.reconcile().await.unwrap();
        assert_eq!(again.summary.commands, 0, "a run with nothing to do sends: {again:#?}");
        let wrote = self.site.transport.take_log().into_iter().find(|record| record.wrote);
        assert!(wrote.is_none(), "{wrote:?}");
        for (store, ledger) in &after {
            assert!(
                ledger.lost.is_empty() || change.report.trouble().is_some(),
                "at {now} {:?} on {store} are no good any more, and nobody says so: {:#?}",
                ledger.lost,
                change.report
            );
        }
        let limit = self.schedule.fresh_within_seconds(now, &self.zone);
        for guest in healthy {
            let newest = nas.of_guest(&guest).last().copied();
            let is_old =
                newest.is_none_or(|at| now.duration_since(at).as_secs() > i64::try_from(limit).unwrap());
            assert!(
                !is_old || change.report.trouble().is_some(),
                "at {now} the newest archive of {guest} is {newest:?}, and nobody says so: {:#?}",
                change.report
            );
        }
        if !troubled && !self.jumped && is_any && change.report.trouble().is_none() {
            let due = self.schedule.due(now, &self.zone, "").slot;
            let told = self.site.told().await;
            assert!(due.is_none_or(|slot| nas.slots.contains(&slot)), "{due:?} is due at {now}\n{told}");
        }
    }
}

pub(crate) async fn play(registry: &Registry, seed: u64) {
    let mut year = Year::new(registry, seed);
    for day in 0..DAYS {
        year.morning(day);
        year.line(seed, day);
        for _ in 0..=usize::from(year.random.one_in(4)) {
            if year.random.one_in(5) {
                let life = year.random.below(60);
                year.site.transport.kill_after(Some(life));
            }
            year.run().await;
            year.site.later(HOUR * 2);
        }
        if year.random.one_in(5) {
            year.evening().await;
        } else {
            year.calm();
        }
        let left = year.random.below(5);
        year.site.later(HOUR * (18 + i64::try_from(left).unwrap()).try_into().unwrap());
    }
    year.site.world.lock().host.guests.values_mut().for_each(|guest| guest.trouble = None);
    year.full_until = 0;
    year.site.world.lock().files(&format!("{HOST}-nas")).set_capacity(None);
    year.site.later(HOUR * 24);
    year.evening().await;
}
