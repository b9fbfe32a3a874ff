//! Promises about the audit log: a chain that is only ever added to.

use evenkeel_core::config::HistorySpec;
use evenkeel_core::period::Period;
use evenkeel_engine::store::{
    AuditFilter, Audited, Batch, NewAuditEntry, ResourceFilter, RunId, Store, StoreError,
};

use super::sample::*;

pub(crate) async fn a_command_is_in_the_audit_log_with_all_that_says_why(store: &dyn Store) {
    let fence = fence(store).await;
    let run = store.begin_run(fence, new_run("s", "t", at(0))).await.unwrap();
    let new = command(run, "zfs set quota=1G 'tank/x y'", at(1));
    store.journal(fence, new.clone()).await.unwrap();
    let log = audit_log(store).await;
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].seq, &log[0].entry), (1, &NewAuditEntry::from(new)));
    // What could not be written down in the journal is not in the log either.
    assert!(store.journal(fence, command(RunId(run.0 + 1), "zfs destroy x", at(2))).await.is_err());
    assert_eq!(audit_log(store).await, log);
}

pub(crate) async fn a_batch_adds_to_the_audit_log_whole_or_not_at_all(store: &dyn Store) {
    let fence = fence(store).await;
    let run = store.begin_run(fence, new_run("s", "t", at(0))).await.unwrap();
    let record = ended(begun(run, new_run("s", "t", at(0))), at(3), &[("K", "x")]);
    let mut batch = Batch { audit: vec![asked(at(1), "kim")], ..Batch::default() };
    batch.end(record.clone());
    store.commit(fence, batch.clone()).await.unwrap();
    let log = audit_log(store).await;
    let expected = [asked(at(1), "kim"), NewAuditEntry::of_run(&record)];
    assert_eq!(log.iter().map(|line| line.entry.clone()).collect::<Vec<_>>(), expected);
    let Audited::RunEnded { commands, entries, .. } = &log[1].entry.what else { panic!("{log:?}") };
    assert_eq!((commands, entries), (&record.commands, &record.entries));

    batch.run = Some(ended(begun(RunId(i64::MAX), new_run("s", "t", at(0))), at(1), &[]));
    assert!(store.commit(fence, batch.clone()).await.is_err());
    let late = store.claim("another", at(0) + jiff::SignedDuration::from_hours(24 * 3651), at(0)).await;
    assert!(late.is_ok());
    assert_eq!(store.commit(fence, Batch { run: None, ..batch }).await, Err(StoreError::Fenced));
    assert_eq!(store.journal(fence, command(run, "zfs destroy x", at(2))).await, Err(StoreError::Fenced));
    assert_eq!(audit_log(store).await, log, "who lost the right adds nothing");
}

pub(crate) async fn the_audit_log_is_never_forgotten(store: &dyn Store) {
    let fence = fence(store).await;
    let run = record_run(store, fence, new_run("s", "t", day(0)), day(0), &[("K", "n")]).await;
    store.journal(fence, command(run.id, "zfs set a=b tank/n", day(0))).await.unwrap();
    let log = audit_log(store).await;
    let period = Period::days(1);
    let spec = HistorySpec { runs: period, events: period, observations: period };
    store.expire(fence, spec, day(9_999)).await.unwrap();
    assert_eq!(store.run(run.id).await.unwrap(), None);
    assert_eq!(audit_log(store).await, log);
}

pub(crate) async fn entries_are_found_by_what_they_are_about(store: &dyn Store) {
    let fence = fence(store).await;
    let run = store.begin_run(fence, new_run("s", "t", at(0))).await.unwrap();
    for nth in 0..6 {
        if nth % 2 == 0 {
            store.journal(fence, command(run, &format!("c{nth}"), at(nth))).await.unwrap();
        } else {
            let audit = vec![asked(at(nth), "kim")];
            store.commit(fence, Batch { audit, ..Batch::default() }).await.unwrap();
        }
    }
    let ask = async |filter: AuditFilter| -> Vec<u64> {
        let lines = store.audit(&filter).await.unwrap();
        lines.iter().map(|line| line.seq).collect()
    };
    let any = AuditFilter::default;
    assert_eq!(ask(any()).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(ask(AuditFilter { after: Some(2), limit: Some(3), ..any() }).await, [3, 4, 5]);
    assert_eq!(ask(AuditFilter { last: Some(2), ..any() }).await, [5, 6]);
    assert_eq!(ask(AuditFilter { since: Some(at(4)), ..any() }).await, [5, 6]);
    assert_eq!(ask(AuditFilter { what: Some("asked".into()), ..any() }).await, [2, 4, 6]);
    let some = |text: &str| Some(text.to_owned());
    let about = |target, kind, name| ResourceFilter { source: None, target, kind, name };
    for (about, found) in [
        (about(some("t"), None, None), vec![1, 3, 5]),
        (about(some("u"), None, None), vec![]),
        (about(None, some("K"), None), vec![1, 3, 5]),
        (about(some("t"), some("K"), some("n")), vec![1, 3, 5]),
        (about(some("u"), some("K"), some("n")), vec![]),
        (about(None, some("K"), some("o")), vec![]),
        (ResourceFilter { source: some("s"), ..ResourceFilter::default() }, vec![1, 3, 5]),
        (ResourceFilter { source: some("?"), ..ResourceFilter::default() }, vec![]),
    ] {
        assert_eq!(ask(AuditFilter { about: about.clone(), ..any() }).await, found, "{about:?}");
        let last = AuditFilter { about, last: Some(2), ..any() };
        assert_eq!(ask(last).await, found[found.len().saturating_sub(2)..]);
    }
}
