//! Windows: what interrupts waits for one, however short it is, and is sent when it opens.

use evenkeel_core::config::PushLimit;
use evenkeel_engine::store::ResourceFilter;

use crate::bench::Bench;
use crate::origin::{dataset, site};

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
