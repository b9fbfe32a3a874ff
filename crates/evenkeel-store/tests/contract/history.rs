//! Promises about what happened: runs, events, observations, and how they are forgotten.

use evenkeel_core::config::HistorySpec;
use evenkeel_core::period::Period;
use evenkeel_engine::store::{
    Batch, EventFilter, Journaled, Observation, ResourceFilter, ResourceKey, RunFilter, RunId, RunRecord,
    Store,
};
use jiff::{SignedDuration, Timestamp};

use super::sample::*;

pub(crate) async fn a_run_is_there_from_its_beginning_with_its_journal(store: &dyn Store) {
    let fence = fence(store).await;
    let new = new_run("s", "t", at(0));
    let id = store.begin_run(fence, new.clone()).await.unwrap();
    assert_eq!(store.unfinished_runs().await.unwrap(), [begun(id, new.clone())]);
    let mut journal = Vec::new();
    for (second, text) in [(2, "zfs set a=b 'tank/x y'"), (1, "zfs set c=d tank/x"), (3, "")] {
        store.journal(fence, command(id, text, at(second))).await.unwrap();
        journal.push(Journaled { target: "t".into(), command: text.into(), at: at(second) });
    }
    assert_eq!(store.run(id).await.unwrap(), Some((begun(id, new.clone()), journal.clone())));
    let run = ended(begun(id, new), at(9), &[("K", "n"), ("K", "m")]);
    store.commit(fence, Batch { run: Some(run.clone()), ..Batch::default() }).await.unwrap();
    assert_eq!(store.run(id).await.unwrap(), Some((run, journal)), "in the order in which it was written");
    assert!(store.unfinished_runs().await.unwrap().is_empty());
    assert_eq!(store.run(RunId(id.0 + 1)).await.unwrap(), None);
    let unknown = store.journal(fence, command(RunId(id.0 + 1), "zfs destroy x", at(9))).await;
    assert!(unknown.unwrap_err().to_string().contains(&format!("no run {}", id.0 + 1)));
}

pub(crate) async fn runs_are_given_newest_first_page_by_page(store: &dyn Store) {
    let fence = fence(store).await;
    let mut all: Vec<RunRecord> = Vec::new();
    for number in 0..60 {
        let about: &[(&str, &str)] = match number % 3 {
            0 => &[("K", "x"), ("L", "y")],
            1 => &[("K", "y")],
            _ => &[],
        };
        let source = ["s1", "s2"][number % 2];
        let target = ["a", "b", "c", "d", "e"][number % 5];
        let started = at(i64::try_from(number).unwrap());
        all.push(record_run(store, fence, new_run(source, target, started), started, about).await);
    }
    all.reverse();
    let first = store.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(first, all[..50]);
    let next = RunFilter { before: Some(first[49].id), ..RunFilter::default() };
    assert_eq!(store.runs(&next).await.unwrap(), all[50..]);
    let three = RunFilter { limit: Some(3), ..next };
    assert_eq!(store.runs(&three).await.unwrap(), all[50..53]);

    let some = |value: &str| Some(value.to_owned());
    for source in [None, some("s1"), some("?")] {
        for target in [None, some("c"), some("?")] {
            for kind in [None, some("K"), some("L"), some("?")] {
                for name in [None, some("x"), some("y"), some("?")] {
                    for before in [None, Some(first[20].id)] {
                        let (source, target) = (source.clone(), target.clone());
                        let (kind, name) = (kind.clone(), name.clone());
                        let filter = RunFilter { source, target, kind, name, before, limit: Some(7) };
                        let found = store.runs(&filter).await.unwrap();
                        let expected: Vec<_> =
                            all.iter().filter(|r| lets(&filter, r)).take(7).cloned().collect();
                        assert_eq!(found, expected, "{filter:?}");
                    }
                }
            }
        }
    }
}

fn lets(filter: &RunFilter, run: &RunRecord) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
    let entry = run.entries.iter().any(|e| is(&filter.kind, &e.id.kind) && is(&filter.name, &e.id.name));
    is(&filter.source, &run.source)
        && is(&filter.target, &run.target)
        && filter.before.is_none_or(|before| run.id < before)
        && (entry || (filter.kind.is_none() && filter.name.is_none()))
}

pub(crate) async fn events_are_numbered_and_given_in_order(store: &dyn Store) {
    let fence = fence(store).await;
    let mut all = Vec::new();
    for number in 0..20 {
        let about = (number % 4 != 0).then(|| {
            key(["s1", "s2"][number % 2], ["a", "b", "c"][number % 3], "K", ["x", "y"][number / 10])
        });
        // Time may go backwards; numbers do not.
        let second = 100 - i64::try_from(number).unwrap();
        let events = vec![event(at(second), about), event(at(second), None)];
        let written =
            store.commit(fence, Batch { events: events.clone(), ..Batch::default() }).await.unwrap();
        assert_eq!(written.iter().map(|e| e.what.clone()).collect::<Vec<_>>(), events);
        all.extend(written);
    }
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    let ask = async |filter: EventFilter| store.events(&filter).await.unwrap();
    assert_eq!(ask(EventFilter::default()).await, all);
    let after = Some(all[9].seq);
    assert_eq!(ask(EventFilter { after, ..EventFilter::default() }).await, all[10..]);
    assert_eq!(ask(EventFilter { after, limit: Some(4), ..EventFilter::default() }).await, all[10..14]);
    assert_eq!(ask(EventFilter { last: Some(5), ..EventFilter::default() }).await, all[35..]);
    assert_eq!(ask(EventFilter { after, last: Some(99), ..EventFilter::default() }).await, all[10..]);
    assert_eq!(ask(EventFilter { after: Some(u64::MAX), ..EventFilter::default() }).await, []);

    let some = |value: &str| Some(value.to_owned());
    for source in [None, some("s1"), some("?")] {
        for target in [None, some("b"), some("?")] {
            for kind in [None, some("K"), some("?")] {
                for name in [None, some("x"), some("?")] {
                    let (source, target, kind) = (source.clone(), target.clone(), kind.clone());
                    let about = ResourceFilter { source, target, kind, name };
                    let matching = all.iter().filter(|e| {
                        let is = |wanted: &Option<String>, found: &Option<String>| {
                            wanted.is_none() || wanted == found
                        };
                        is(&about.source, &e.what.source)
                            && is(&about.target, &e.what.target)
                            && is(&about.kind, &e.what.kind)
                            && is(&about.name, &e.what.name)
                    });
                    let matching: Vec<_> = matching.cloned().collect();
                    let filter = EventFilter { about: about.clone(), ..EventFilter::default() };
                    assert_eq!(ask(filter.clone()).await, matching, "{about:?}");
                    let last = EventFilter { last: Some(2), ..filter };
                    assert_eq!(ask(last).await, matching[matching.len().saturating_sub(2)..], "{about:?}");
                }
            }
        }
    }
}

pub(crate) async fn a_thousand_events_are_given_where_nobody_says_how_many(store: &dyn Store) {
    let fence = fence(store).await;
    let events = (0..1_100).map(|number| event(at(number), None)).collect();
    store.commit(fence, Batch { events, ..Batch::default() }).await.unwrap();
    assert_eq!(store.events(&EventFilter::default()).await.unwrap().len(), 1_000);
    let last = EventFilter { last: Some(1_050), ..EventFilter::default() };
    assert_eq!(store.events(&last).await.unwrap().len(), 1_050);
}

pub(crate) async fn the_state_at_any_time_can_be_asked_for(store: &dyn Store) {
    let fence = fence(store).await;
    let (x, y) = (key("s", "a", "K", "x"), key("s", "b", "K", "y"));
    let history = [
        observation(x.clone(), at(10), Some(1)),
        observation(y.clone(), at(15), Some(5)),
        observation(x.clone(), at(20), None),
        observation(x.clone(), at(30), Some(3)),
    ];
    for observation in &history {
        let batch = Batch { observations: vec![observation.clone()], ..Batch::default() };
        store.commit(fence, batch).await.unwrap();
    }
    let nanosecond = SignedDuration::from_nanos(1);
    let all = ResourceFilter::default();
    let ask = async |at: Timestamp| store.observed_at(&all, at).await.unwrap();
    let [x10, y15, x20, x30] = &history;
    let expected: [(Timestamp, &[&Observation]); 6] = [
        (at(10) - nanosecond, &[]),
        (at(10), &[x10]),
        (at(15), &[x10, y15]),
        (at(20) - nanosecond, &[x10, y15]),
        (at(20), &[x20, y15]),
        (at(9_999), &[x30, y15]),
    ];
    for (when, seen) in expected {
        assert_eq!(ask(when).await.iter().collect::<Vec<_>>(), seen, "{when}");
    }
    let only = ResourceFilter { target: Some("b".into()), ..ResourceFilter::default() };
    assert_eq!(store.observed_at(&only, at(40)).await.unwrap(), std::slice::from_ref(y15));
    assert_eq!(store.observed(&x, 9).await.unwrap(), [x30.clone(), x20.clone(), x10.clone()]);
    assert_eq!(store.observed(&x, 2).await.unwrap(), [x30.clone(), x20.clone()]);
    assert_eq!(store.observed(&key("s", "a", "K", "never"), 9).await.unwrap(), []);

    let corrected = observation(x.clone(), at(30), Some(4));
    let batch = Batch { observations: vec![corrected.clone()], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.observed(&x, 1).await.unwrap(), [corrected], "the same moment, seen once more");
}

fn keep(days: u64) -> HistorySpec {
    let period = Period::days(days);
    HistorySpec { runs: period, events: period, observations: period }
}

pub(crate) async fn old_runs_and_events_are_forgotten(store: &dyn Store) {
    let fence = fence(store).await;
    let killed = store.begin_run(fence, new_run("s", "t", day(0))).await.unwrap();
    let old = record_run(store, fence, new_run("s", "t", day(0)), day(9), &[("K", "x")]).await;
    let young = record_run(store, fence, new_run("s", "t", day(0)), day(10), &[("K", "x")]).await;
    store.journal(fence, command(old.id, "zfs set a=b x", day(9))).await.unwrap();
    // More than any piece in which an implementation may go about it.
    let events = (0..2_500).map(|_| event(day(9), None)).chain([event(day(10), None)]).collect();
    let written = store.commit(fence, Batch { events, ..Batch::default() }).await.unwrap();

    assert_eq!(store.expire(fence, keep(10), day(20)).await.unwrap(), 2_501);
    let left = store.runs(&RunFilter::default()).await.unwrap();
    assert_eq!(left.iter().map(|r| r.id).collect::<Vec<_>>(), [young.id, killed], "unfinished ones stay");
    let named = RunFilter { name: Some("x".into()), ..RunFilter::default() };
    assert_eq!(store.runs(&named).await.unwrap(), [young]);
    assert!(store.run(old.id).await.unwrap().is_none());
    let events = store.events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [written[2_500].seq]);
    assert_eq!(store.expire(fence, keep(10), day(20)).await.unwrap(), 0);

    assert_eq!(store.expire(fence, keep(10), day(9_000)).await.unwrap(), 2);
    let written = store.commit(fence, Batch { events: vec![event(day(1), None)], ..Batch::default() }).await;
    assert!(written.unwrap()[0].seq > events[0].seq, "numbers are not used again");
    let run = store.begin_run(fence, new_run("s", "t", day(0))).await.unwrap();
    assert!(run > left[0].id);
}

pub(crate) async fn old_observations_are_forgotten_but_not_what_still_answers_a_question(store: &dyn Store) {
    let fence = fence(store).await;
    let (x, y, z) = (key("s", "a", "K", "x"), key("s", "b", "K", "y"), key("s", "c", "K", "z"));
    let days = |key: &ResourceKey, days: &[i64]| -> Vec<Observation> {
        days.iter().map(|d| observation(key.clone(), day(*d), Some(*d))).collect()
    };
    let batch = Batch {
        resources: vec![resource(x.clone(), 1)],
        inventory: vec![inventory(y.clone(), true), inventory(z.clone(), false)],
        observations: [days(&x, &[1, 2, 3, 12]), days(&y, &[1, 4]), days(&z, &[9, 10, 11])].concat(),
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.expire(fence, keep(10), day(20)).await.unwrap(), 4);
    assert_eq!(store.observed(&x, 9).await.unwrap(), [days(&x, &[12]), days(&x, &[3])].concat());
    assert_eq!(store.observed(&y, 9).await.unwrap(), days(&y, &[4]), "the newest stays, however old");
    let then = store.observed_at(&ResourceFilter::default(), day(10)).await.unwrap();
    let expected = [days(&x, &[3]), days(&y, &[4]), days(&z, &[10])].concat();
    assert_eq!(then, expected, "any time since the limit has its answer");

    assert_eq!(store.expire(fence, keep(10), day(900)).await.unwrap(), 2);
    assert_eq!(store.observed(&x, 9).await.unwrap(), days(&x, &[12]));
}

pub(crate) async fn of_what_is_gone_history_is_kept_as_long_as_any(store: &dyn Store) {
    let fence = fence(store).await;
    let key = key("s", "a", "K", "x");
    let seen = observation(key.clone(), day(1), Some(1));
    let batch = Batch {
        resources: vec![resource(key.clone(), 1)],
        observations: vec![seen.clone()],
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    let batch = Batch { gone: vec![key.clone()], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    for (now, left) in [(100, 1), (109, 1), (111, 0)] {
        store.expire(fence, keep(10), day(now)).await.unwrap();
        assert_eq!(store.observed(&key, 9).await.unwrap().len(), left, "day {now}, first missed on day 100");
    }
    // It comes back, and so does its history.
    let batch = Batch { observations: vec![seen.clone()], ..Batch::default() };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.observed(&key, 9).await.unwrap(), [seen]);
}

pub(crate) async fn thousands_of_observations_are_forgotten(store: &dyn Store) {
    let fence = fence(store).await;
    let key = |number: i64| key("s", "a", "K", &format!("{number:04}"));
    let busy = (0..3_000).map(|second| observation(key(0), at(second), Some(second)));
    let others =
        (1..1_500).flat_map(|number| [1, 2].map(|second| observation(key(number), at(second), None)));
    let batch = Batch {
        inventory: (0..1_500).map(|number| inventory(key(number), false)).collect(),
        observations: busy.chain(others).collect(),
        ..Batch::default()
    };
    store.commit(fence, batch).await.unwrap();
    assert_eq!(store.expire(fence, keep(1), day(300)).await.unwrap(), 2_999 + 1_499);
    let left = store.observed_at(&ResourceFilter::default(), day(300)).await.unwrap();
    assert_eq!((left.len(), left[0].at, left[1_499].at), (1_500, at(2_999), at(2)));
}
