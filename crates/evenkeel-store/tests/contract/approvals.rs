//! Promises about what waits for a person's word, and what persons said.

use evenkeel_core::config::HistorySpec;
use evenkeel_core::period::Period;
use evenkeel_engine::store::{
    ApprovalFilter, ApprovalRecord, ApprovalState, Batch, Fence, ResourceFilter, Store, StoreError,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::sample::{fence, key};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap() + SignedDuration::from_mins(minute)
}

/// A change of `name` that waits since a minute.
fn waiting(name: &str, plan: &str, minute: i64) -> ApprovalRecord {
    let key = key("s", "t", "K", name);
    let change = json!({
        "id": key.id, "object": format!("tank/{name}"), "level": 0, "action": "update", "risk": "disruptive",
        "plan": plan, "gate": { "state": "held", "reasons": ["why"], "approvable": "overridingWindow" },
    });
    ApprovalRecord {
        key,
        plan: plan.to_owned(),
        revision: "abc".to_owned(),
        change: serde_json::from_value(change).unwrap(),
        since: at(minute),
        state: ApprovalState::Waiting,
        approval: None,
        rejection: None,
        ended: None,
        run: None,
    }
}

fn decided(record: &ApprovalRecord, minute: i64) -> ApprovalRecord {
    let approval = json!({
        "plan": record.plan, "by": "kim", "reason": "agreed", "at": at(minute), "until": at(minute + 60),
        "overrideWindow": true,
    });
    let approval = Some(serde_json::from_value(approval).unwrap());
    ApprovalRecord { state: ApprovalState::Approved, approval, ..record.clone() }
}

fn ended(record: &ApprovalRecord, state: ApprovalState, minute: i64) -> ApprovalRecord {
    ApprovalRecord { state, ended: Some(at(minute)), ..record.clone() }
}

async fn put(store: &dyn Store, fence: Fence, approvals: Vec<ApprovalRecord>) {
    store.commit(fence, Batch { approvals, ..Batch::default() }).await.unwrap();
}

async fn all(store: &dyn Store, live: bool) -> Vec<ApprovalRecord> {
    store.approvals(&ApprovalFilter { live, ..ApprovalFilter::default() }).await.unwrap()
}

pub(crate) async fn what_waits_is_given_before_what_is_over(store: &dyn Store) {
    let fence = fence(store).await;
    let (a, b) = (waiting("a", "aa", 1), waiting("b", "bb", 0));
    put(store, fence, vec![a.clone(), b.clone()]).await;
    assert_eq!(all(store, true).await, [b.clone(), a.clone()], "the oldest first");
    let yes = decided(&a, 2);
    put(store, fence, vec![yes.clone()]).await;
    assert_eq!(all(store, true).await, [b.clone(), yes.clone()], "as it is now");
    let (used, again) = (ended(&yes, ApprovalState::Used, 3), waiting("a", "aa", 4));
    put(store, fence, vec![used.clone(), again.clone()]).await;
    assert_eq!(all(store, true).await, [b.clone(), again.clone()], "the same plan may come again");
    assert_eq!(all(store, false).await, [b.clone(), again, used.clone()]);
    let later = ended(&decided(&b, 5), ApprovalState::Void, 6);
    put(store, fence, vec![later.clone()]).await;
    assert_eq!(all(store, false).await[1..], [later.clone(), used], "what is over last comes first");
    let about = ResourceFilter { name: Some("b".to_owned()), ..ResourceFilter::default() };
    let filter = ApprovalFilter { about, limit: Some(1), ..ApprovalFilter::default() };
    assert_eq!(store.approvals(&filter).await.unwrap(), [later]);
}

pub(crate) async fn what_was_never_decided_is_forgotten_when_it_is_over(store: &dyn Store) {
    let fence = fence(store).await;
    let (a, b) = (waiting("a", "aa", 0), waiting("a", "bb", 1));
    put(store, fence, vec![a.clone()]).await;
    put(store, fence, vec![ended(&a, ApprovalState::Void, 1), b.clone()]).await;
    assert_eq!(all(store, false).await, [b]);
}

pub(crate) async fn old_decisions_are_forgotten_but_not_what_still_counts(store: &dyn Store) {
    let fence = fence(store).await;
    let (a, b) = (decided(&waiting("a", "aa", 0), 1), decided(&waiting("b", "bb", 0), 1));
    put(store, fence, vec![ended(&a, ApprovalState::Used, 2), b.clone()]).await;
    let day = Period::days(1);
    let keep = HistorySpec { runs: day, events: day, observations: day };
    store.expire(fence, keep, at(60)).await.unwrap();
    assert_eq!(all(store, false).await.len(), 2);
    store.expire(fence, keep, at(60 * 25)).await.unwrap();
    assert_eq!(all(store, false).await, [b]);
}

pub(crate) async fn who_lost_the_right_decides_nothing(store: &dyn Store) {
    let fence = fence(store).await;
    store.release(fence).await.unwrap();
    let batch = Batch { approvals: vec![waiting("a", "aa", 0)], ..Batch::default() };
    assert_eq!(store.commit(fence, batch).await, Err(StoreError::Fenced));
    assert_eq!(all(store, false).await, []);
}
