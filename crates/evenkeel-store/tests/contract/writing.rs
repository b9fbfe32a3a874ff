//! Promises about who may write, and that a write is whole.

use evenkeel_core::config::HistorySpec;
use evenkeel_engine::store::{
    Batch, EventFilter, Fence, Notified, ResourceFilter, RunFilter, RunId, Store, StoreError,
};

use super::sample::*;

pub(crate) async fn one_holder_at_a_time_has_the_right_to_write(store: &dyn Store) {
    let first = store.claim("a", at(0), at(60)).await.unwrap();
    let held = store.claim("b", at(59), at(120)).await.unwrap_err();
    assert_eq!(held, StoreError::Held { holder: "a".into(), until: at(60) });
    assert_eq!(store.claim("a", at(30), at(90)).await.unwrap(), first, "prolonged");
    assert!(matches!(store.claim("b", at(60), at(120)).await, Err(StoreError::Held { .. })));
    let second = store.claim("b", at(90), at(120)).await.unwrap();
    assert!(second > first, "the right ran out at the very moment that it names");
    assert_eq!(store.claim("a", at(91), at(120)).await.unwrap_err().to_string(), {
        StoreError::Held { holder: "b".into(), until: at(120) }.to_string()
    });
}

pub(crate) async fn a_right_that_is_given_up_can_be_taken_at_once(store: &dyn Store) {
    let first = store.claim("a", at(0), at(60)).await.unwrap();
    store.release(first).await.unwrap();
    assert_eq!(store.commit(first, Batch::default()).await, Err(StoreError::Fenced));
    assert_eq!(store.release(first).await, Err(StoreError::Fenced));
    let second = store.claim("b", at(1), at(60)).await.unwrap();
    assert!(second > first);
    store.release(second).await.unwrap();
    assert!(store.claim("b", at(2), at(60)).await.unwrap() > second, "also for the same holder");
}

pub(crate) async fn who_lost_the_right_writes_nothing(store: &dyn Store) {
    let nobody = store.commit(Fence(0), Batch::default()).await;
    assert_eq!(nobody, Err(StoreError::Fenced), "nobody has claimed it yet");
    let lost = store.claim("a", at(0), at(60)).await.unwrap();
    let run = store.begin_run(lost, new_run("s", "t", at(1))).await.unwrap();
    let holds = store.claim("b", at(61), at(120)).await.unwrap();

    let batch = Batch { resources: vec![resource(key("s", "t", "K", "n"), 1)], ..Batch::default() };
    assert_eq!(store.commit(lost, batch.clone()).await, Err(StoreError::Fenced));
    assert_eq!(store.commit(Fence(holds.0 + 1), batch).await, Err(StoreError::Fenced));
    assert_eq!(store.begin_run(lost, new_run("s", "t", at(62))).await, Err(StoreError::Fenced));
    assert_eq!(store.journal(lost, command(run, "zfs destroy x", at(62))).await, Err(StoreError::Fenced));
    assert_eq!(store.expire(lost, HistorySpec::default(), day(9999)).await, Err(StoreError::Fenced));
    assert_eq!(store.release(lost).await, Err(StoreError::Fenced));

    assert!(store.resources(&ResourceFilter::default()).await.unwrap().is_empty());
    assert_eq!(store.runs(&RunFilter::default()).await.unwrap().len(), 1);
    assert!(store.run(run).await.unwrap().unwrap().1.is_empty());
    store.commit(holds, Batch::default()).await.unwrap();
}

pub(crate) async fn a_batch_is_written_whole_or_not_at_all(store: &dyn Store) {
    let fence = fence(store).await;
    let old = resource(key("s", "t", "K", "old"), 1);
    store.commit(fence, Batch { resources: vec![old.clone()], ..Batch::default() }).await.unwrap();
    let new = key("s", "t", "K", "new");
    let batch = Batch {
        // There is no such run: this part must fail.
        run: Some(ended(begun(RunId(4711), new_run("s", "t", at(0))), at(1), &[])),
        resources: vec![resource(new.clone(), 1)],
        gone: vec![old.key.clone()],
        sources: vec![source("s", 1)],
        snapshots: vec![("s".into(), snapshot("abc"))],
        inventory: vec![inventory(new.clone(), false)],
        observations: vec![observation(new.clone(), at(0), Some(1))],
        events: vec![event(at(0), None)],
        ..Batch::default()
    };
    let message = store.commit(fence, batch).await.unwrap_err().to_string();
    assert!(message.contains("4711"), "{message}");

    assert_eq!(store.resources(&ResourceFilter::default()).await.unwrap(), [old]);
    assert!(store.sources().await.unwrap().is_empty());
    assert!(store.snapshot("s").await.unwrap().is_none());
    assert!(store.inventory(None).await.unwrap().is_empty());
    assert!(store.observed(&new, 9).await.unwrap().is_empty());
    assert!(store.events(&EventFilter::default()).await.unwrap().is_empty());
    assert!(store.runs(&RunFilter::default()).await.unwrap().is_empty());
}

pub(crate) async fn writes_at_the_same_time_do_not_disturb_each_other(store: &dyn Store) {
    let fence = fence(store).await;
    let write = async |number: u32| {
        let batch = Batch {
            // Each third one names a run that there is not.
            run: number
                .is_multiple_of(3)
                .then(|| ended(begun(RunId(4711), new_run("s", "t", at(0))), at(1), &[])),
            resources: vec![resource(key("s", "t", "K", &format!("{number:03}")), u64::from(number))],
            events: vec![event(at(i64::from(number)), None)],
            ..Batch::default()
        };
        (number, store.commit(fence, batch).await)
    };
    let all = futures_util::future::join_all((0..300).map(write)).await;
    let mut numbers = Vec::new();
    for (number, answer) in all {
        assert_eq!(answer.is_ok(), !number.is_multiple_of(3), "{number}: {answer:?}");
        numbers.extend(answer.into_iter().flatten().map(|event| (event.seq, event.what.at)));
    }
    let found = store.resources(&ResourceFilter::default()).await.unwrap();
    assert_eq!((found.len(), found[0].observed_generation), (200, 1));
    let events = store.events(&EventFilter::default()).await.unwrap();
    numbers.sort_unstable();
    assert_eq!(events.iter().map(|e| (e.seq, e.what.at)).collect::<Vec<_>>(), numbers);
}

pub(crate) async fn how_far_a_notifier_is_is_written_by_who_had_the_right_last(store: &dyn Store) {
    let far = |seq: u64| Notified {
        notifier: "chat".to_owned(),
        seq,
        record: serde_json::json!({ "open": ["a"], "seq": seq }),
    };
    assert_eq!(
        store.set_notified(Fence(0), far(1)).await,
        Err(StoreError::Fenced),
        "nobody has claimed it yet"
    );
    assert_eq!(store.notified("chat").await.unwrap(), None);
    let first = store.claim("a", at(0), at(60)).await.unwrap();
    store.set_notified(first, far(1)).await.unwrap();
    store.set_notified(first, far(2)).await.unwrap();
    assert_eq!(store.notified("chat").await.unwrap(), Some(far(2)));
    assert_eq!(store.notified("mail").await.unwrap(), None);
    // The last messages go out when everything else has ended.
    store.release(first).await.unwrap();
    store.set_notified(first, far(3)).await.unwrap();
    let second = store.claim("b", at(61), at(120)).await.unwrap();
    assert_eq!(store.set_notified(first, far(4)).await, Err(StoreError::Fenced), "another took over");
    assert_eq!(store.notified("chat").await.unwrap(), Some(far(3)));
    store.set_notified(second, far(5)).await.unwrap();
    assert_eq!(store.notified("chat").await.unwrap(), Some(far(5)));
}
