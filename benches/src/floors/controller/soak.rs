//! A controller with 10,000 resources that is left to itself: memory, store and CPU, while hosts drift, die and return.

use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_bench::fleet::{Fleet, dataset};
use evenkeel_tests::gitops::Serving;

use super::{LOOKS, Scene, numbers};
use crate::process;
use crate::report::{Report, megabytes};

const FLEET: Fleet = Fleet { hosts: 20, datasets: 500 };

/// The most memory that it may have at any time, in MB.
const MOST_MEMORY: f64 = 300.0;

/// By how much its memory may have grown since it was warm, in percent.
const MOST_GROWTH: f64 = 5.0;

/// A change by hand this often.
const BY_HAND: Duration = Duration::from_secs(15);

/// How long nothing is due when it is watched idling.
const IDLE: Duration = Duration::from_secs(40);

pub(in crate::floors) fn measure(report: &mut Report, soak: Duration) {
    let mut scene = Scene::new(FLEET, "drift: { every: 10s, mode: Correct }", "");
    let begin = Instant::now();
    let mut serving = scene.serve();
    report.value("soak: start to 10,000 resources seen in sync", "s", begin.elapsed().as_secs_f64());
    let quarter = soak / 4;
    let warm = trouble(&mut scene, &serving, quarter);
    let looked = trouble(&mut scene, &serving, quarter);
    scene.wait_in_sync();
    let counted = numbers(&scene.page()).get(CORRECTED).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let by_hand = (warm.by_hand + looked.by_hand) as f64;
    assert!((counted - by_hand).abs() < 0.5, "{by_hand} changes by hand, {counted} put right");
    quiet(report, &scene, &serving, soak / 2, warm.resident);
    serving.signal("TERM");
    assert_eq!(serving.ended(), Some(0), "{}", serving.said());
    idle(report, &scene);
}

/// Differences that were put right because something had drifted.
const CORRECTED: &str = "evenkeel_changes_total{intent=\"corrective\"}";

/// What was found after a time with trouble.
struct Trouble {
    by_hand: usize,
    /// Bytes, the most of the last seconds.
    resident: u64,
}

/// Hosts drift now and then, and the last one dies and comes back.
fn trouble(scene: &mut Scene, serving: &Serving, time: Duration) -> Trouble {
    let (begin, last) = (Instant::now(), FLEET.hosts - 1);
    let mut by_hand = 0;
    let mut dead = false;
    while begin.elapsed() < time {
        let at = begin.elapsed();
        if !dead && at > time / 4 && at < time / 2 {
            scene.servers.server(last).stop();
            dead = true;
        } else if dead && at > time / 2 {
            scene.servers.server(last).start_again();
            dead = false;
        }
        if at > BY_HAND * u32::try_from(by_hand).expect("a few") && at < time * 3 / 4 {
            drift(scene, by_hand);
            by_hand += 1;
        }
        sleep(Duration::from_millis(250));
    }
    scene.wait_in_sync();
    Trouble { by_hand, resident: resident(serving) }
}

/// Somebody sets a property of one dataset.
fn drift(scene: &Scene, nth: usize) {
    let row = |value: &str| format!("{}\tatime\t{value}\n", dataset(nth));
    let host = nth % (FLEET.hosts - 1);
    scene.servers.by_hand(host, &row("off\tlocal"), &row("on\tdefault"));
}

/// The most that it had resident within twelve seconds: every host is looked at once.
fn resident(serving: &Serving) -> u64 {
    let id = serving.id().to_string();
    let sample = |_| {
        sleep(Duration::from_millis(500));
        process::memory(&id, "VmRSS:")
    };
    (0..24).map(sample).max().unwrap_or_default()
}

/// Looks that find nothing, and what they leave behind.
#[expect(clippy::cast_precision_loss, reason = "no machine has so much")]
fn quiet(report: &mut Report, scene: &Scene, serving: &Serving, time: Duration, warm: u64) {
    let state = scene.work.path().join("state");
    let sample = || {
        let looks = numbers(&scene.page()).get(LOOKS).copied().unwrap_or_default();
        (looks, process::cpu(serving.id()), process::written(serving.id()), process::size(&state, "evenkeel"))
    };
    let begin = Instant::now();
    let (looks, cpu, written, size) = sample();
    sleep(time);
    let (more_looks, more_cpu, more_written, more_size) = sample();
    let seconds = begin.elapsed().as_secs_f64();
    let end = resident(serving);
    let peak = process::memory(&serving.id().to_string(), "VmHWM:");
    let share = (more_cpu - cpu) / seconds;
    report.value("soak: looks per second", "looks", (more_looks - looks) / seconds);
    report.value("soak: CPU while nothing changes", "% of a core", share * 100.0);
    let growth = (more_size as f64 - size as f64) / 1e6 / seconds * 3600.0;
    report.value("soak: the store grows while nothing changes", "MB per hour", growth);
    report.value("soak: the store after it", "MB", megabytes(more_size));
    let written = (more_written - written) as f64 / 1e6 / seconds;
    report.value("soak: written to the disk while nothing changes", "MB per second", written);
    report.value("soak: memory when warm", "MB", megabytes(warm));
    report.value("soak: memory at the end", "MB", megabytes(end));
    report.floor("soak: the most memory", "MB", megabytes(peak), MOST_MEMORY);
    let grown = (end as f64 / warm as f64 - 1.0) * 100.0;
    report.floor("soak: memory grew since it was warm", "%", grown, MOST_GROWTH);
}

/// The same resources, of which none is due.
#[expect(clippy::cast_precision_loss, reason = "no machine has so much")]
fn idle(report: &mut Report, scene: &Scene) {
    scene.configure("drift: { every: 1h }", "");
    let begin = Instant::now();
    let serving = scene.serve();
    report.value("idle: start with a store of 10,000 resources", "s", begin.elapsed().as_secs_f64());
    // What the store says was due soon is looked at once more.
    sleep(Duration::from_secs(15));
    let (cpu, sleeps) = (process::cpu(serving.id()), process::sleeps(serving.id()));
    sleep(IDLE);
    let (more_cpu, more_sleeps) = (process::cpu(serving.id()), process::sleeps(serving.id()));
    let seconds = IDLE.as_secs_f64();
    report.value("idle: CPU", "% of a core", (more_cpu - cpu) / seconds * 100.0);
    report.value("idle: threads woken", "per second", (more_sleeps - sleeps) as f64 / seconds);
    report.value("idle: memory", "MB", megabytes(resident(&serving)));
}
