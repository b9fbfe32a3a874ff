//! Notifiers over days, with receivers that fail, and controllers that are killed.

use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;
use crate::stand_in::diary::{MemoryDiary, Recorder, Ticking, event, seconds};

struct Scene {
    diary: Arc<MemoryDiary>,
    receiver: Arc<Recorder>,
    clock: Arc<Ticking>,
}

/// A notifier at work.
struct AtWork {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn terms(digest: Option<Period>, max_per_hour: u16) -> Terms {
    Terms {
        name: "chat".to_owned(),
        controller: "main".to_owned(),
        on: NotifyOn::default(),
        digest,
        max_per_hour,
        timeout: Duration::from_secs(10),
    }
}

impl Scene {
    fn new() -> Self {
        Scene { diary: MemoryDiary::new(), receiver: Recorder::new(), clock: Ticking::new() }
    }

    fn start(&self, terms: Terms) -> AtWork {
        let (stop, stopped) = watch::channel(false);
        let (receiver, diary, clock) =
            (Arc::clone(&self.receiver), Arc::clone(&self.diary), Arc::clone(&self.clock));
        let follower = Follower { terms, receiver, diary, clock, stop: stopped };
        AtWork { stop, task: tokio::spawn(follower.run()) }
    }

    fn happen(&self, weight: Weight, reason: &str, name: &str) -> u64 {
        self.diary.happen(event(weight, reason, name, self.clock.now()))
    }

    fn warn(&self, name: &str) -> u64 {
        self.happen(Weight::Warning, "DriftFound", name)
    }
}

impl AtWork {
    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn names(all: &[&[&str]]) -> Vec<Vec<String>> {
    all.iter().map(|one| one.iter().map(|name| (*name).to_owned()).collect()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_begins_at_the_present_and_tells_each_thing_once_whatever_restarts() {
    let scene = Scene::new();
    scene.warn("old");
    let work = scene.start(terms(None, 30));
    pass(5).await;
    assert!(scene.receiver.ids().is_empty(), "history is not told");
    scene.warn("a");
    pass(5).await;
    scene.happen(Weight::Normal, "Applied", "unasked");
    scene.happen(Weight::Normal, "InSync", "a");
    pass(5).await;
    work.stop().await;
    scene.warn("b");
    let work = scene.start(terms(None, 30));
    pass(5).await;
    work.kill().await;
    let work = scene.start(terms(None, 30));
    pass(5).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"], &["a"], &["b"]]));
    let ids = ["evenkeel-main-chat-2-2", "evenkeel-main-chat-4-4", "evenkeel-main-chat-5-5"];
    assert_eq!(scene.receiver.ids(), ids);
}

#[tokio::test(start_paused = true)]
async fn what_happens_together_is_one_message() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    for nth in 0..25 {
        scene.warn(&format!("n{nth}"));
    }
    pass(5).await;
    work.stop().await;
    let arrived = scene.receiver.arrived.lock().unwrap();
    let [(message, _)] = arrived.as_slice() else { panic!("{arrived:?}") };
    assert_eq!((message.lines.len(), message.omitted), (20, 5));
    assert_eq!(message.title, "25 events: DriftFound");
    assert_eq!(message.more.as_deref(), Some("and 5 more: 5 DriftFound (evenkeel events)"));
    let line =
        "host1: ZfsDataset/n0 drifted: tank/n0: atime is on, shall be off (evenkeel why host1/ZfsDataset/n0)";
    assert_eq!(message.lines[0], line);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_under_way_when_it_was_killed_comes_again_as_the_same() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    scene.warn("a");
    // It is written down that it is under way, and then nothing any more: as if the program were killed.
    *scene.diary.marks_left.lock().unwrap() = 1;
    pass(1).await;
    scene.warn("b");
    pass(60).await;
    work.kill().await;
    *scene.diary.marks_left.lock().unwrap() = usize::MAX;
    let work = scene.start(terms(None, 30));
    pass(60).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"], &["a"], &["b"]]));
    let ids = scene.receiver.ids();
    assert_eq!(ids[0], ids[1], "the receiver can tell that it knows it");
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_written_down_that_a_message_goes_it_does_not_go() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    *scene.diary.marks_left.lock().unwrap() = 0;
    scene.warn("a");
    pass(60).await;
    assert!(scene.receiver.attempts.lock().unwrap().is_empty());
    *scene.diary.marks_left.lock().unwrap() = usize::MAX;
    pass(60).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"]]));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dead_for_a_while_loses_nothing_and_is_told_of_once() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    *scene.receiver.dead.lock().unwrap() = Some(Failure::passing("chat cannot be reached"));
    scene.warn("a");
    pass(60).await;
    scene.warn("b");
    pass(3600).await;
    assert_eq!(scene.diary.reports(), ["NotificationFailed"]);
    assert_eq!(scene.diary.last_report(), "messages do not arrive: chat cannot be reached");
    let at: Vec<i64> = scene.receiver.attempts.lock().unwrap().iter().map(|at| seconds(*at)).collect();
    let pauses: Vec<i64> = at.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(pauses[..7], [5, 10, 20, 40, 80, 160, 320]);
    assert!(pauses[7..].iter().all(|pause| *pause == 600), "{pauses:?}");
    // It goes on being dead over a restart, and that is not told again.
    work.stop().await;
    let work = scene.start(terms(None, 30));
    pass(600).await;
    assert_eq!(scene.diary.reports(), ["NotificationFailed"]);
    *scene.receiver.dead.lock().unwrap() = None;
    pass(3600).await;
    work.stop().await;
    assert_eq!(scene.diary.reports(), ["NotificationFailed", "NotificationsWork"]);
    assert_eq!(scene.receiver.names(), names(&[&["a"], &["b"]]), "its own trouble is not told by itself");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_asks_for_patience_gets_it() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    let asks = Failure { retry_after: Some(Duration::from_secs(90)), ..Failure::passing("too many") };
    scene.receiver.fails.lock().unwrap().push_back(asks);
    scene.warn("a");
    pass(120).await;
    work.stop().await;
    let times = scene.receiver.times();
    assert!(times.len() == 1 && (90..=93).contains(&times[0]), "{times:?}");
    assert!(scene.diary.reports().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_given_up_in_the_end_and_those_after_it_go() {
    for (failure, hours) in [(Failure::passing("gone"), 24), (Failure::refused("unwanted"), 1)] {
        let scene = Scene::new();
        let work = scene.start(terms(None, 30));
        pass(1).await;
        *scene.receiver.dead.lock().unwrap() = Some(failure);
        scene.warn("a");
        pass(hours * 3600 - 700).await;
        assert_eq!(scene.diary.reports(), ["NotificationFailed"]);
        pass(1400).await;
        assert_eq!(scene.diary.reports(), ["NotificationFailed", "NotificationLost"]);
        assert!(
            scene.diary.last_report().starts_with("a message is given up (host1: ZfsDataset/a drifted): ")
        );
        *scene.receiver.dead.lock().unwrap() = None;
        scene.warn("b");
        pass(60).await;
        work.stop().await;
        assert_eq!(scene.receiver.names(), names(&[&["b"]]));
        assert_eq!(scene.diary.reports().last().unwrap(), "NotificationsWork");
    }
}

#[tokio::test(start_paused = true)]
async fn a_digest_collects_over_restarts() {
    let scene = Scene::new();
    let digest = || terms(Some(Period::minutes(15)), 30);
    let work = scene.start(digest());
    pass(60).await;
    scene.warn("a");
    pass(300).await;
    scene.warn("b");
    work.stop().await;
    assert!(scene.receiver.ids().is_empty());
    let work = scene.start(digest());
    pass(3600).await;
    scene.warn("c");
    pass(3600).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a", "b"], &["c"]]));
    let times = scene.receiver.times();
    assert!((960..=962).contains(&times[0]), "a quarter of an hour after the first: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn no_hour_has_too_many_messages_and_what_waits_is_summed_up() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 2));
    pass(1).await;
    for name in ["a", "b", "c", "d"] {
        scene.warn(name);
        pass(60).await;
    }
    work.kill().await;
    let work = scene.start(terms(None, 2));
    pass(3600).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"], &["b"], &["c", "d"]]));
    let times = scene.receiver.times();
    assert!((3600..=3604).contains(&times[2]), "an hour after the first: {times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_receiver_holds_nobody_else_up() {
    let scene = Scene::new();
    let other =
        Scene { diary: Arc::clone(&scene.diary), receiver: Recorder::new(), clock: Arc::clone(&scene.clock) };
    let work = scene.start(terms(None, 30));
    let another = other.start(Terms { name: "mail".to_owned(), ..terms(None, 30) });
    pass(1).await;
    *scene.receiver.dead.lock().unwrap() = Some(Failure::passing("gone"));
    scene.warn("a");
    pass(60).await;
    assert_eq!(other.receiver.names(), names(&[&["a"], &["chat"]]), "what ails the one is told by the other");
    let arrived = other.receiver.arrived.lock().unwrap().last().unwrap().0.lines.clone();
    assert_eq!(arrived, ["notifier chat: messages do not arrive: gone"]);
    work.kill().await;
    another.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_last_is_told_at_the_end_once() {
    let scene = Scene::new();
    let work = scene.start(terms(None, 30));
    pass(1).await;
    scene.warn("a");
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"]]));
    *scene.receiver.dead.lock().unwrap() = Some(Failure::passing("gone"));
    let work = scene.start(terms(None, 30));
    pass(1).await;
    scene.warn("b");
    tokio::time::timeout(Duration::from_secs(5), work.stop()).await.expect("one attempt, and no more");
    *scene.receiver.dead.lock().unwrap() = None;
    let work = scene.start(terms(None, 30));
    pass(1).await;
    work.stop().await;
    assert_eq!(scene.receiver.names(), names(&[&["a"], &["b"]]));
}

/// What befalls a notifier.
#[derive(Debug, Clone)]
enum Fate {
    Happens(usize),
    Passes(u64),
    Fails(u32),
    Killed,
    Restarted,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let one = prop_oneof![
        4 => (1_usize..30).prop_map(Fate::Happens),
        4 => prop_oneof![Just(0_u64), 1_u64..90, 600_u64..8000].prop_map(Fate::Passes),
        2 => (1_u32..5).prop_map(Fate::Fails),
        2 => Just(Fate::Killed),
        1 => Just(Fate::Restarted),
    ];
    proptest::collection::vec(one, 1..25)
}

async fn live(fates: &[Fate], digest: Option<Period>, max: u16) -> Result<(), TestCaseError> {
    let scene = Scene::new();
    let mut work = scene.start(terms(digest, max));
    pass(1).await;
    let mut count = 0_u64;
    for fate in fates {
        match fate {
            Fate::Happens(n) => (0..*n).for_each(|_| {
                count += 1;
                scene.warn(&format!("n{count}"));
            }),
            Fate::Passes(seconds) => tokio::time::sleep(Duration::from_millis(seconds * 1000 + 310)).await,
            Fate::Fails(n) => {
                let failures = (0..*n).map(|_| Failure::passing("no"));
                scene.receiver.fails.lock().unwrap().extend(failures);
            }
            Fate::Killed => {
                work.kill().await;
                work = scene.start(terms(digest, max));
            }
            Fate::Restarted => {
                work.stop().await;
                work = scene.start(terms(digest, max));
            }
        }
    }
    pass(20_000).await;
    work.stop().await;
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    for (message, _) in scene.receiver.arrived.lock().unwrap().iter() {
        let size = message.events.len() as u64 + message.omitted;
        let before = told.insert(message.id.clone(), size);
        prop_assert!(before.is_none_or(|before| before == size), "{} changed", message.id);
    }
    // Of all that happened each is in one message, however often that came. Events about the notifier itself are in none.
    prop_assert_eq!(told.values().sum::<u64>(), count);
    let mut numbers: Vec<(u64, u64)> = told.keys().map(|id| ends(id)).collect();
    numbers.sort_unstable();
    prop_assert!(numbers.windows(2).all(|two| two[0].1 < two[1].0), "{numbers:?}");
    Ok(())
}

fn ends(id: &str) -> (u64, u64) {
    let mut parts = id.rsplit('-').map(|part| part.parse().unwrap());
    let last = parts.next().unwrap();
    (parts.next().unwrap(), last)
}

use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_is_lost_and_nothing_told_twice(fates in fates(), digest in any::<bool>(), max in 1_u16..6) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(live(&fates, digest.then_some(Period::minutes(15)), max))?;
    }
}
