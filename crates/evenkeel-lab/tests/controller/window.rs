//! Windows: what interrupts waits for one, however short it is, and is sent when it opens.

use evenkeel_core::config::PushLimit;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_engine::store::ResourceFilter;

use crate::bench::Bench;
use crate::origin::{dataset, site, target};

/// `readonly` interrupts who writes; the bench begins at midnight, and the window opens at 03:07 in a zone that is nine
/// hours ahead.
fn one(readonly: &str) -> String {
    let window = "window: { cron: 7 12 * * *, timeZone: Asia/Tokyo, duration: 2m }";
    site(&[dataset("kiwi", "tank", &format!("properties: {{ readonly: {readonly} }}\n{window}"))])
}

fn readonly(bench: &Bench) -> String {
    bench.ask("kiwi", "zfs get -Ho value readonly tank")
}

async fn begun() -> Bench {
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Disruptive;
    bench.begun(&one("off")).await
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_window_is_sent_when_it_opens_and_not_before() {
    let mut bench = begun().await;
    bench.pushed(&one("on")).await;
    assert_eq!(bench.reason("kiwi-tank").unwrap(), "Held");
    let message = bench.status("kiwi-tank").conditions[0].message.clone();
    assert!(
        message.contains("outside of its window: the next opens Fri 2026-11-20 12:07 JST (in 3h"),
        "{message}"
    );
    let asked = bench.reconcile(ResourceFilter::default()).await;
    assert_eq!(asked.resources, 1);
    bench.run_for(180).await;
    assert_eq!((readonly(&bench), bench.writes()), ("off".to_owned(), vec![]), "not by asking, either");
    bench.run_for(9).await;
    assert_eq!(
        bench.writes(),
        ["kiwi: zfs set readonly=on tank"],
        "looks are 30 minutes apart, the window is 2 long"
    );
    assert_eq!(readonly(&bench), "on");
}

#[tokio::test(start_paused = true)]
async fn without_the_window_it_is_sent_at_once() {
    let mut bench = begun().await;
    bench.pushed(&one("on")).await;
    let open: String = one("on").split_inclusive('\n').filter(|line| !line.contains("window")).collect();
    bench.pushed(&open).await;
    assert_eq!(
        (readonly(&bench), bench.reason("kiwi-tank").unwrap()),
        ("on".to_owned(), "InSync".to_owned())
    );
}

/// A freeze of three hours from midnight on, for everything on one of the hosts.
fn freeze(host: &str) -> String {
    format!(
        "---\napiVersion: evenkeel.dev/v1alpha1\nkind: MaintenanceWindow\nmetadata: {{ name: freeze }}\nspec: \
         {{ effect: Deny, appliesTo: All, targetSelector: {{ matchLabels: {{ host: {host} }} }}, \
         calendar: 2026-11-20 00:00, timeZone: UTC, duration: 3h, reason: the books are closed }}\n"
    )
}

/// `tank/a` on both hosts as the words say, and `tank/old` on kiwi where that is wanted.
fn frozen(words: &str, with_old: bool, more: &str) -> String {
    let host = |name: &str| {
        target(name, "prune: true").replace(
            &format!("metadata: {{ name: {name} }}"),
            &format!("metadata: {{ name: {name}, labels: {{ host: {name} }} }}"),
        )
    };
    let of = |name: &str| dataset(name, "tank/a", &format!("properties: {{ {words} }}"));
    let old =
        if with_old { dataset("kiwi", "tank/old", "properties: { atime: off }") } else { String::new() };
    [host("kiwi"), host("lime"), of("kiwi"), of("lime"), old, more.to_owned()].concat()
}

async fn before_the_freeze() -> Bench {
    let mut bench = Bench::new();
    bench.terms.on_push.apply = PushLimit::Destructive;
    bench.begun(&frozen("atime: off", true, "")).await
}

fn compression(bench: &Bench, host: &str) -> String {
    bench.ask(host, "zfs get -Ho value compression tank/a")
}

#[tokio::test(start_paused = true)]
async fn a_freeze_holds_safe_changes_and_removals_where_it_selects_and_they_go_on_when_it_ends() {
    let bench = before_the_freeze().await;
    bench.push(&frozen("atime: off, compression: lz4", false, &freeze("kiwi"))).await;
    bench.until("the other host", |b| compression(b, "lime") == "lz4").await;
    bench.run_for(150).await;
    assert_ne!(compression(&bench, "kiwi"), "lz4", "{}", bench.story());
    assert!(bench.objects("kiwi").contains(&"tank/old".to_owned()), "it is not removed: {}", bench.story());
    let status = bench.status("kiwi-tank-a");
    assert_eq!(status.conditions[0].reason, "Held");
    let message = &status.conditions[0].message;
    let told = "denied by the window freeze (site.yaml:";
    assert!(message.contains(told) && message.contains("until Fri 2026-11-20 03:00 UTC"), "{message}");
    assert!(message.contains(": the books are closed"), "{message}");
    bench.run_for(40).await;
    assert_eq!(compression(&bench, "kiwi"), "lz4", "{}", bench.story());
    assert!(!bench.objects("kiwi").contains(&"tank/old".to_owned()), "{}", bench.story());
}

#[tokio::test(start_paused = true)]
async fn what_a_freeze_holds_goes_at_once_when_that_is_taken_out_of_the_manifests() {
    let mut bench = before_the_freeze().await;
    let wish = "atime: off, compression: lz4";
    bench.pushed(&frozen(wish, true, &freeze("kiwi"))).await;
    assert_eq!(bench.reason("kiwi-tank-a").unwrap(), "Held");
    let begun = bench.now();
    bench.push(&frozen(wish, true, &freeze("lime"))).await;
    bench.until("it", |b| compression(b, "kiwi") == "lz4").await;
    assert!(bench.now().duration_since(begun).as_secs() < 60, "woken, not waited for: {}", bench.story());
}

/// The first block of the page about windows, with a target that it selects.
#[test]
fn the_windows_of_the_document_are_right() {
    let page = include_str!("../../../../docs/windows.md");
    let (_, block) = page.split_once("```yaml\n").unwrap();
    let block = block.split_once("```").unwrap().0;
    let storage = target("pear", "")
        .replace("metadata: { name: pear }", "metadata: { name: pear, labels: { role: storage } }");
    let text = format!("{storage}---\n{block}{}", dataset("pear", "tank", "properties: { atime: off }"));
    let file = SourceFile { path: "site.yaml".to_owned(), bytes: text.into_bytes() };
    let loaded = load(&evenkeel_drivers::registry(), &[file], &[], "2026-11-22T00:00:00Z".parse().unwrap());
    assert_eq!(loaded.diagnostics, []);
    assert_eq!(loaded.instances[0].windows.len(), 2);
    assert_eq!(loaded.maintenance.windows(&loaded.targets["pear"], "EsxiPathPolicy").len(), 1);
}
