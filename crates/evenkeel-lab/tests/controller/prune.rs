//! What leaves the manifests: forgotten, or removed where that is allowed and surely ours.

use evenkeel_core::config::PushLimit;
use evenkeel_engine::store::{InventoryState, SourceVerdict};

use crate::bench::Bench;
use crate::origin::{dataset, target, target_at};

fn pruned(resources: &[String]) -> String {
    format!("{}{}{}", target("kiwi", "prune: true"), target("lime", ""), resources.concat())
}

fn a() -> String {
    dataset("kiwi", "tank/a", "properties: { atime: off }")
}

fn b() -> String {
    dataset("kiwi", "tank/b", "properties: { atime: off }")
}

/// With `tank/a` and `tank/b` on kiwi, where removals may be sent.
async fn begun() -> Bench {
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.begun(&pruned(&[a(), b()])).await
}

fn leaving(bench: &Bench) -> Vec<String> {
    let memory = bench.store.memory();
    let entries = memory.inventory.values();
    let leaving = entries.filter(|entry| matches!(entry.state, InventoryState::Leaving { .. }));
    leaving.map(|entry| entry.object.clone()).collect()
}

fn managed(bench: &Bench) -> Vec<String> {
    let memory = bench.store.memory();
    let managed = memory.inventory.values().filter(|entry| entry.state == InventoryState::Managed);
    managed.map(|entry| entry.object.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_leaves_is_forgotten_where_nothing_is_pruned() {
    let two = |resources: &[String]| format!("{}{}", target("kiwi", ""), resources.concat());
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Destructive;
    let mut bench = bench.begun(&two(&[a(), b()])).await;
    bench.pushed(&two(&[b()])).await;
    bench.run_for(90).await;
    assert_eq!(
        (bench.objects("kiwi"), bench.writes()),
        (vec!["tank".into(), "tank/a".into(), "tank/b".into()], vec![])
    );
    assert_eq!(bench.reasons(), ["RevisionInForce", "Forgotten kiwi-tank-a"]);
    assert_eq!(managed(&bench), ["tank/b"]);
    assert!(bench.reason("kiwi-tank-a").is_none(), "nothing is remembered of it");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_is_removed_where_it_is_ours() {
    let mut bench = begun().await;
    bench.by_hand("kiwi", "zfs create -o dev.evenkeel:managed-by=evenkeel tank/foreign");
    bench.by_hand("kiwi", "zfs create tank/plain");
    bench.pushed(&pruned(&[b()])).await;
    bench.until("the removal", |b| !b.objects("kiwi").contains(&"tank/a".to_owned())).await;
    bench.until("the word", |b| leaving(b).is_empty()).await;
    assert_eq!(bench.reasons(), ["RevisionInForce", "Pruned kiwi-tank-a"]);
    bench.run_for(90).await;
    let writes = bench.writes();
    assert_eq!(
        writes,
        ["kiwi: zfs destroy tank/a"],
        "what carries the mark and is not in the inventory stays"
    );
    assert_eq!(managed(&bench), ["tank/b"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_may_not_be_sent_is_held_and_said_once() {
    let mut bench = Bench::new().begun(&pruned(&[a(), b()])).await;
    bench.pushed(&pruned(&[b()])).await;
    bench.run_for(90).await;
    assert_eq!(bench.reasons(), ["RevisionInForce", "PruneHeld kiwi-tank-a"]);
    assert_eq!((bench.writes(), leaving(&bench)), (vec![], vec!["tank/a".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_stays_on_the_list_until_it_is_gone_for_sure() {
    let mut bench = begun().await;
    bench.wire.hosts.set_down("kiwi", true);
    bench.push(&pruned(&[b()])).await;
    bench.run_for(120).await;
    assert_eq!(leaving(&bench), ["tank/a"]);
    bench.restart().await;
    bench.run_for(60).await;
    assert_eq!(leaving(&bench), ["tank/a"], "also after a restart");
    bench.wire.hosts.set_down("kiwi", false);
    bench.until("the removal", |b| leaving(b).is_empty()).await;
    assert_eq!(bench.objects("kiwi"), ["tank", "tank/b"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_before_it_is_removed_is_managed_again() {
    let mut bench = begun().await;
    bench.wire.hosts.set_down("kiwi", true);
    bench.push(&pruned(&[b()])).await;
    bench.until("the list", |b| leaving(b) == ["tank/a"]).await;
    bench.push(&pruned(&[a(), b()])).await;
    bench.until("the list", |b| leaving(b).is_empty()).await;
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(90).await;
    assert_eq!((managed(&bench), bench.writes()), (vec!["tank/a".into(), "tank/b".into()], vec![]));
    let reasons = bench.reasons();
    assert!(!reasons.iter().any(|r| r.starts_with("Forgotten")), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_while_it_is_being_removed_is_not_removed() {
    let bench = begun().await;
    // The look that plans the removal takes a while, and the commit is taken back meanwhile.
    bench.wire.hold("zfs get");
    bench.push(&pruned(&[b()])).await;
    bench.until("the look", |b| b.wire.is_holding() && leaving(b) == ["tank/a"]).await;
    bench.push(&pruned(&[a(), b()])).await;
    bench.until("the list", |b| leaving(b).is_empty()).await;
    bench.wire.let_go();
    bench.run_for(90).await;
    assert_eq!(bench.writes(), [""; 0]);
    assert_eq!(managed(&bench), ["tank/a", "tank/b"]);
}

#[tokio::test(start_paused = true)]
async fn what_leaves_while_its_target_is_swept_is_still_on_the_list() {
    let bench = begun().await;
    bench.wire.hold("zfs");
    bench.run_for(40).await;
    assert!(bench.wire.is_holding(), "a look that began before the commit");
    bench.push(&pruned(&[b()])).await;
    bench.until("the list", |b| leaving(b) == ["tank/a"]).await;
    bench.wire.let_go();
    bench.until("the removal", |b| b.objects("kiwi").len() == 2).await;
    bench.until("the word", |b| leaving(b).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_moved_to_another_name_of_its_machine_is_not_removed() {
    let site = |at: &str| {
        format!(
            "{}{}{}",
            target("kiwi", "prune: true"),
            target_at("green", "kiwi", "prune: true"),
            dataset(at, "tank/a", "properties: { atime: off }")
        )
    };
    let machines = Bench::with_hosts(["kiwi", "green"]);
    let mut bench = machines;
    bench.terms.on_push.apply = PushLimit::Destructive;
    let mut bench = bench.begun(&site("kiwi")).await;
    bench.pushed(&site("green")).await;
    bench.run_for(90).await;
    assert!(bench.objects("kiwi").contains(&"tank/a".to_owned()), "{}", bench.story());
    assert!(!bench.writes().iter().any(|w| w.contains("destroy")));
    assert_eq!(leaving(&bench), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn another_source_that_wants_it_keeps_it() {
    let mut bench = Bench::new().two_sources();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.origin.commit(&pruned(&[a(), b()]));
    let theirs = format!("{}{}", target_at("their-kiwi", "kiwi", ""), target("lime", ""));
    let wants = dataset("their-kiwi", "tank/a", "properties: { atime: off }");
    bench.other.as_ref().unwrap().commit(&format!("{theirs}{wants}"));
    bench.start().await;
    bench.run_for(5).await;
    bench.push(&pruned(&[b()])).await;
    bench.run_for(90).await;
    assert!(bench.objects("kiwi").contains(&"tank/a".to_owned()), "{}", bench.story());
    assert_eq!(leaving(&bench), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_leaves_the_configuration_is_forgotten_and_says_so() {
    let mut bench = Bench::new().two_sources();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.origin.commit(&pruned(&[a()]));
    bench.other.as_ref().unwrap().commit(&pruned(&[b()]));
    bench.start().await;
    bench.until("the first looks", |b| managed(b).len() == 2).await;
    bench.events();
    bench.kill().await;
    bench.other = None;
    bench.start().await;
    bench.run_for(90).await;
    assert_eq!(bench.reasons(), ["SourceForgotten"]);
    assert_eq!((managed(&bench), bench.objects("kiwi").len()), (vec!["tank/a".to_owned()], 3));
    bench.restart().await;
    bench.run_for(90).await;
    assert_eq!(bench.reasons(), [""; 0], "said once");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_while_another_source_may_want_it() {
    let wants = |field: &str| {
        let theirs = format!("{}{}", target_at("their-kiwi", "kiwi", ""), target("lime", ""));
        format!("{theirs}{}", dataset("their-kiwi", "tank/a", field))
    };
    let (good, wrong) = (wants("properties: { atime: off }"), wants("properties: { atime: 7 }"));
    let mut bench = Bench::new().two_sources();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.origin.commit(&pruned(&[a(), b()]));
    bench.other.as_ref().unwrap().commit(&wrong);
    bench.start().await;
    bench.until("the first look", |b| managed(b).len() == 2).await;
    bench.events();
    // It moves to the other source, which has a slip of the pen.
    bench.push(&pruned(&[b()])).await;
    bench.run_for(90).await;
    assert_eq!(leaving(&bench), ["tank/a"]);
    let said: Vec<_> = bench.events().into_iter().filter(|e| e.reason == "PruneHeld").collect();
    assert!(said.len() == 1 && said[0].message.contains("the source other may want it"), "{said:?}");
    bench.other.as_ref().unwrap().commit(&good);
    bench.until("the list", |b| leaving(b).is_empty()).await;
    assert!(bench.objects("kiwi").contains(&"tank/a".to_owned()), "{}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_turns_to_another_object_leaves_the_first_behind() {
    let mut bench = begun().await;
    let turned = a().replace("dataset: tank/a", "dataset: tank/new");
    bench.pushed(&pruned(&[turned, b()])).await;
    bench.until("the removal", |b| b.objects("kiwi") == ["tank", "tank/b", "tank/new"]).await;
    bench.until("the word", |b| leaving(b).is_empty()).await;
    assert_eq!(managed(&bench), ["tank/new", "tank/b"]);
}

#[tokio::test(start_paused = true)]
async fn many_that_turn_to_other_objects_wait_for_a_person() {
    let five = |pool: &str| {
        let one = |n| dataset("kiwi", &format!("tank/d{n}"), "properties: { atime: off }");
        pruned(&(0..5).map(one).collect::<Vec<_>>()).replace("dataset: tank/", &format!("dataset: {pool}/"))
    };
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Destructive;
    let mut bench = bench.begun(&five("tank")).await;
    bench.push(&five("tank/new")).await;
    bench.until("a verdict", |b| matches!(b.source().verdict, SourceVerdict::Held { .. })).await;
    bench.run_for(60).await;
    let said = bench.events().remove(0).message;
    assert!(said.contains("5 of 5 resources turn to another object"), "{said}");
    assert_eq!((leaving(&bench), bench.writes()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_leaves_is_never_contacted_again() {
    let bench = begun().await;
    bench.wire.hosts.set_down("kiwi", true);
    bench.push(&pruned(&[b()])).await;
    bench.until("the list", |b| leaving(b) == ["tank/a"]).await;
    let lime = dataset("lime", "tank/a", "properties: { atime: off }");
    bench.push(&format!("{}{lime}", target("lime", ""))).await;
    bench.until("the new revision", |b| b.source().targets == 1).await;
    bench.run_for(1).await;
    let before = bench.wire.exchanges("kiwi");
    bench.wire.hosts.set_down("kiwi", false);
    bench.run_for(24 * 60).await;
    assert_eq!(bench.wire.exchanges("kiwi"), before);
    assert_eq!((leaving(&bench), managed(&bench)), (vec![], vec!["tank/a".to_owned()]));
    assert_eq!(bench.store.memory().resources.len(), 1);
}
