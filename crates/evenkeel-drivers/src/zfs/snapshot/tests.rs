//! What no plan shows: coming back, and what many snapshots cost.

use std::fmt::Write as _;

use evenkeel_core::driver::{Driver, Observed, Wish};
use evenkeel_core::request::{Replies, Reply};
use jiff::Timestamp;

use super::{ZfsSend, ZfsSnapshotSchedule, ZfsSnapshotSpec, ZfsSnapshotState, ZfsSnapshots};

fn now() -> Timestamp {
    "2026-11-20T12:10:00Z".parse().unwrap()
}

fn spec() -> ZfsSnapshotSpec {
    let mut spec = ZfsSnapshotSpec::default();
    spec.schedule.every = Some("30m".parse().unwrap());
    spec.schedule.time_zone = Some("UTC".to_owned());
    spec.retention.keep_last = Some(3);
    spec.zfs_snapshot =
        ZfsSnapshots { dataset: "tank/vm".to_owned(), recursive: true, ..ZfsSnapshots::default() };
    spec
}

fn dataset(name: &str) -> String {
    format!("{name}\tfilesystem\t1\t5\t98304\t-\t-\toff\t-\t-\t-\n")
}

/// One that was made for a schedule of `root`, or by hand.
fn snapshot(root: &str, name: &str, txg: u64, ours: bool) -> String {
    let mark = name.split_once('@').map(|(_, short)| format!("evenkeel\t{root}@{short}"));
    let mark = mark.filter(|_| ours).unwrap_or_else(|| "-\t-".to_owned());
    format!("{name}\tsnapshot\t{txg}\t{txg}\t4096\t0\t-\toff\t-\t{mark}\n")
}

fn observe(spec: &ZfsSnapshotSpec, here: &str, there: &str) -> ZfsSnapshotState {
    let mut replies = Replies::default();
    for query in ZfsSnapshotSchedule.queries(spec, &replies) {
        let text = if query.target().is_some() { there } else { here };
        replies.insert(query, Ok(Reply { exit: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() }));
    }
    match ZfsSnapshotSchedule.observe(spec, &replies) {
        Ok(Observed::Present(state)) => state,
        other => panic!("{other:?}"),
    }
}

fn wish(options: &[(&str, &str)]) -> Wish {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Wish { options, ..Wish::default() }
}

fn restore(state: &ZfsSnapshotState, spec: &ZfsSnapshotSpec, wish: &Wish) -> Result<Vec<String>, String> {
    let restoration = super::restore::restoration(spec, state, wish)?;
    let fetch = restoration.fetch.iter().map(|step| step.request.display());
    Ok(fetch.chain([restoration.command()]).collect())
}

#[test]
fn a_snapshot_comes_back_beside_what_is_there() {
    let spec = spec();
    let here = dataset("tank/vm")
        + &snapshot("tank/vm", "tank/vm@evenkeel-20261120T113000Z", 10, true)
        + &snapshot("tank/vm", "tank/vm@by-hand", 11, false)
        + &snapshot("tank/vm", "tank/vm@evenkeel-20261120T120000Z", 12, true);
    let state = observe(&spec, &here, "");
    let newest = restore(&state, &spec, &Wish::default()).unwrap();
    assert_eq!(newest, ["zfs clone tank/vm@evenkeel-20261120T120000Z tank/vm-20261120T120000Z"]);
    let older = Wish { slot: Some("2026-11-20T11:30:00Z".parse().unwrap()), ..Wish::default() };
    let named = Wish { to: Some("tank/old".to_owned()), ..older.clone() };
    let clone = ["zfs clone tank/vm@evenkeel-20261120T113000Z tank/old"];
    assert_eq!(restore(&state, &spec, &named).unwrap(), clone);
    // Nothing is overwritten, left out of what is looked after, or guessed.
    for (to, says) in
        [("tank/vm", "is there already"), ("other/x", "another pool"), ("a@b", "names a snapshot")]
    {
        let error = restore(&state, &spec, &Wish { to: Some(to.to_owned()), ..Wish::default() }).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let elsewhere = Wish { item: Some("tank/vmx".to_owned()), ..Wish::default() };
    assert!(restore(&state, &spec, &elsewhere).unwrap_err().contains("does not lie in"));
    assert!(restore(&state, &spec, &wish(&[("fast", "yes")])).unwrap_err().contains("there is no option"));
}

#[test]
fn a_rollback_never_destroys_what_others_made() {
    let spec = spec();
    let ours =
        |slot: &str, txg| snapshot("tank/vm", &format!("tank/vm@evenkeel-20261120T{slot}00Z"), txg, true);
    let here = dataset("tank/vm") + &ours("1100", 10) + &ours("1130", 11);
    let of = |slot: &str, how: &str| Wish { slot: Some(slot.parse().unwrap()), ..wish(&[("rollback", how)]) };
    let state = observe(&spec, &here, "");
    let newest = of("2026-11-20T11:30:00Z", "true");
    assert_eq!(restore(&state, &spec, &newest).unwrap(), ["zfs rollback tank/vm@evenkeel-20261120T113000Z"]);
    let refused = restore(&state, &spec, &of("2026-11-20T11:00:00Z", "true")).unwrap_err();
    assert!(refused.contains("destroyNewer"), "{refused}");
    let asked = of("2026-11-20T11:00:00Z", "destroyNewer");
    let back = ["zfs rollback -r tank/vm@evenkeel-20261120T110000Z"];
    assert_eq!(restore(&state, &spec, &asked).unwrap(), back);
    let foreign = here + &snapshot("tank/vm", "tank/vm@by-hand", 12, false);
    let refused = restore(&observe(&spec, &foreign, ""), &spec, &asked).unwrap_err();
    assert!(refused.contains("not ours"), "{refused}");
}

#[test]
fn a_copy_is_fetched_from_the_other_host() {
    let mut spec = spec();
    let (target, dataset_there) = ("offsite".to_owned(), "back/vm".to_owned());
    spec.zfs_snapshot.send = Some(ZfsSend { target, dataset: dataset_there, ..ZfsSend::default() });
    let there = dataset("back/vm") + &snapshot("back/vm", "back/vm@evenkeel-20261119T120000Z", 10, true);
    let state = observe(&spec, &dataset("tank/vm"), &there);
    let steps = restore(&state, &spec, &Wish::default()).unwrap();
    assert_eq!(
        steps,
        [
            "offsite: zfs send -Lec back/vm@evenkeel-20261119T120000Z | zfs receive -s -u -o canmount=noauto -x mountpoint tank/vm-20261119T120000Z",
            "zfs mount tank/vm-20261119T120000Z",
        ]
    );
}

/// Without optimisation it takes about a second; where that grew with the square of their number, the runner would end it.
#[test]
fn ten_thousand_snapshots_are_cheap() {
    let spec = spec();
    let mut here = String::new();
    for nth in 0..100 {
        let name = if nth == 0 { "tank/vm".to_owned() } else { format!("tank/vm/d{nth}") };
        here += &dataset(&name);
        for slot in 0..100_u64 {
            let at = now() - jiff::SignedDuration::from_mins(30 * (101 - i64::try_from(slot).unwrap()));
            let short = evenkeel_core::backup::slot_name(at);
            let _ =
                write!(here, "{}", snapshot("tank/vm", &format!("{name}@evenkeel-{short}"), 10 + slot, true));
        }
    }
    let state = observe(&spec, &here, "");
    let wanted = ZfsSnapshotSchedule.desired(&spec, Some(&state), now()).unwrap();
    let report = ZfsSnapshotSchedule.report(&spec, Some(&state), now());
    assert_eq!((wanted.generations.len(), report.generations.len()), (99, 100));
}
