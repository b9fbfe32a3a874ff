//! A fault in every place: afterwards there is nothing under the final name that is not whole, and it can be done
//! again.

use proptest::prelude::*;

use crate::stores::Abilities;
use crate::stores::memory::{BUCKET, Fault, How, PLAIN};

use super::files::{file, two};
use super::*;

const COMMAND: &str = "head -c 600000 /dev/zero; echo well >&2";

/// Whether the goal may be as it is after a fault. `whole` is what it should hold.
fn assert_sound(nas: &MemoryServer, whole: &[u8], outcome: &Result<Reply, TransportError>, why: &str) {
    let succeeded = outcome.as_ref().is_ok_and(|reply| reply.exit == 0);
    let there = nas.file("g/a.tar");
    assert!(there.is_some() || !succeeded, "{why}: nothing is there");
    if let Some(there) = &there {
        assert!(there == whole, "{why}: a half under the final name, {outcome:?}");
    }
    if let Some(record) = nas.file("g/a.tar.json") {
        let record: Digest = serde_json::from_slice(&record).unwrap();
        assert!(there.is_some() && record == digest(whole), "{why}: a record of nothing");
    } else {
        assert!(!succeeded, "{why}: no record");
    }
}

async fn with_fault(abilities: Abilities, careful: bool, fault: Fault, from_file: bool) {
    let why = format!("{fault:?} {abilities:?} careful {careful} file {from_file}");
    let (first, nas) = (MemoryServer::new(PLAIN), MemoryServer::new(abilities));
    let rig = two(&first, &nas);
    let (from, whole) = if from_file {
        (file(), first.file("g/a.tar").unwrap())
    } else {
        (output(COMMAND), vec![0; 600_000])
    };
    {
        let mut state = nas.0.lock().unwrap();
        (state.careful, state.fault) = (careful, Some(fault));
    }
    let mut request = transfer(from, archive(Check::Checksum));
    request.patience = Some(if fault.how == How::Silent { 1 } else { 60 });
    let outcome = rig.run(&request).await;
    assert_sound(&nas, &whole, &outcome, &why);
    nas.0.lock().unwrap().fault = None;
    request.patience = Some(60);
    let mut again = rig.run(&request).await;
    if again.as_ref().is_ok_and(|reply| reply.exit != 0 && reply.stderr_text().contains("written anew")) {
        again = rig.run(&request).await;
    }
    moved(again);
    assert_sound(&nas, &whole, &Ok(Reply { exit: 0, stdout: vec![], stderr: vec![] }), &why);
    let left: Vec<String> = nas.names().into_iter().filter(|name| name.contains(".part")).collect();
    assert!(left.is_empty(), "{why}: {left:?}");
}

#[tokio::test]
async fn any_call_may_fail_in_any_way() {
    for abilities in [PLAIN, BUCKET] {
        for call in 0..14 {
            for how in [How::Refused, How::Lost, How::DoneAndLost, How::Garbled] {
                let fault = Fault { call, after: 300_000, how };
                with_fault(abilities, false, fault, false).await;
                with_fault(abilities, true, fault, true).await;
            }
        }
    }
}

#[tokio::test]
async fn any_call_may_be_left_without_an_answer() {
    let all = (0..12).flat_map(|call| [(PLAIN, call), (BUCKET, call)]).map(|(abilities, call)| {
        with_fault(abilities, false, Fault { call, after: 0, how: How::Silent }, call % 2 == 0)
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn the_origin_may_fail_at_any_call() {
    for call in 0..3 {
        for how in [How::Refused, How::Lost] {
            let (first, nas) = (MemoryServer::new(PLAIN), MemoryServer::new(PLAIN));
            let rig = two(&first, &nas);
            first.0.lock().unwrap().fault = Some(Fault { call, after: 300_000, how });
            let request = transfer(file(), archive(Check::Checksum));
            let outcome = rig.run(&request).await;
            assert_eq!(outcome.is_err(), how == How::Lost, "{call} {how:?}: {outcome:?}");
            assert_sound(&nas, b"", &outcome, "origin");
            assert_eq!(nas.file("g/a.tar"), None);
            assert!(nas.file("g/a.tar.failed.json").is_some(), "{call} {how:?}");
            moved(rig.run(&request).await);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_byte_may_be_the_last(
        call in 0_usize..4,
        after in 0_usize..1_000_001,
        lost in any::<bool>(),
        bucket in any::<bool>(),
        from_file in any::<bool>(),
    ) {
        let how = if lost { How::Lost } else { How::Refused };
        let abilities = if bucket { BUCKET } else { PLAIN };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(with_fault(abilities, false, Fault { call, after, how }, from_file));
    }
}
