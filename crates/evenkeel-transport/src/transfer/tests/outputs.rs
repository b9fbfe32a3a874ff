//! From a command's output.

use std::time::Instant;

use evenkeel_core::request::Script;

use crate::machine::Streams;
use crate::stores::memory::{BUCKET, PLAIN};

use super::*;

#[tokio::test]
async fn a_commands_output_becomes_a_file_with_its_record_and_log() {
    for (abilities, sums) in [(PLAIN, false), (PLAIN, true), (BUCKET, false)] {
        for check in [Check::Checksum, Check::ReadBack, Check::Size] {
            let nas = MemoryServer::new(abilities);
            nas.0.lock().unwrap().sums = sums;
            nas.put("g/a.tar", b"an older one");
            nas.put("g/a.tar.json", b"{}");
            let rig = Rig::of(&nas);
            let command = output("head -c 3000000 /dev/zero | tr '\\0' x; echo INFO: done >&2");
            let moved = moved(rig.run(&transfer(command, archive(check))).await);
            let bytes = vec![b'x'; 3_000_000];
            assert_eq!((moved.bytes, &moved.sha256), (3_000_000, &digest(&bytes).sha256));
            assert!(nas.file("g/a.tar").unwrap() == bytes);
            assert_eq!(nas.names(), ["g", "g/a.log", "g/a.tar", "g/a.tar.json"]);
            assert_eq!(nas.file("g/a.log").unwrap(), b"INFO: done\n");
            let record = noted(&nas, "a.tar.json");
            assert_eq!(record["guest"], "101");
            assert_eq!((&record["bytes"], &record["sha256"]), (&json!(3_000_000), &json!(moved.sha256)));
            let how = match (check, sums) {
                (Check::Size, _) => "size",
                (Check::Checksum, true) => "checksum",
                (Check::ReadBack, _) | (Check::Checksum, false) => "readBack",
            };
            assert_eq!((moved.checked.as_str(), record["checked"].as_str()), (how, Some(how)));
            assert!(moved.began <= moved.ended);
            let state = nas.0.lock().unwrap();
            assert_eq!((state.opened, state.closed), (1, 1), "ended in good order");
        }
    }
}

#[tokio::test]
async fn a_command_that_fails_leaves_a_note_and_nothing_under_the_name() {
    let says = |text: &str| vec![text.to_owned()];
    let half = "head -c 500000 /dev/zero; echo ERROR: no space >&2; ";
    for abilities in [PLAIN, BUCKET] {
        for (command, must, must_not, exit, words) in [
            (format!("{half} exit 3"), vec![], vec![], 3, "exit status 3"),
            (format!("{half} kill -9 $$"), vec![], vec![], 137, "exit status 137"),
            (half.to_owned(), vec![], says("ERROR:"), 1, "it says \"ERROR:\""),
            (half.to_owned(), says("Finished Backup"), vec![], 1, "nowhere does it say \"Finished Backup\""),
            ("no-such-program".to_owned(), vec![], vec![], 127, "exit status 127"),
        ] {
            let nas = MemoryServer::new(abilities);
            let rig = Rig::of(&nas);
            let mut from = output(&command);
            if let Origin::Output { must_say, must_not_say, .. } = &mut from {
                (*must_say, *must_not_say) = (must, must_not);
            }
            let reply = rig.run(&transfer(from, archive(Check::Checksum))).await.unwrap();
            assert_eq!(reply.exit, exit, "{command}");
            assert!(reply.stderr_text().contains(words), "{}", reply.stderr_text());
            assert_eq!(nas.names(), ["g", "g/a.log", "g/a.tar.failed.json"], "{command}");
            let failed = noted(&nas, "a.tar.failed.json");
            assert!(failed["failed"].as_str().unwrap().contains(words), "{failed}");
            assert_eq!(failed["attempt"], 1);
            failed["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
            if command.starts_with("head") {
                assert!(nas.file("g/a.log").unwrap().starts_with(b"ERROR: no space\n"));
            }
        }
    }
}

#[tokio::test]
async fn what_has_streams_of_its_own_has_no_place_in_a_transfer() {
    let nas = MemoryServer::new(PLAIN);
    let rig = Rig::of(&nas);
    let mut from = output("cat");
    if let Origin::Output { exec, .. } = &mut from {
        exec.stdin = Some(evenkeel_core::request::SecretRef { name: "a".into(), key: "b".into() });
    }
    let error = rig.run(&transfer(from, archive(Check::Size))).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    let with_log = Exec::new(["tar"]).logged("/var/log/x.log");
    let with_input = Exec::new(["sh", "-s"]).reading(Script::new("x.sh", "true"));
    for (exec, said) in
        [(with_log, "its outputs go to /var/log/x.log"), (with_input, "its standard input is x.sh")]
    {
        let mut from = output("true");
        if let Origin::Output { exec: of_origin, .. } = &mut from {
            *of_origin = exec;
        }
        let error = rig.run(&transfer(from, archive(Check::Size))).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Configuration);
        assert!(error.message.contains(said), "{error}");
    }
    let mut to = archive(Check::Size);
    if let Goal::File { path, .. } = &mut to {
        *path = "../x".into();
    }
    let error = rig.run(&transfer(output("true"), to)).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Configuration);
    assert!(nas.calls().is_empty());
}

/// True once no process has this word in its arguments any more.
async fn is_gone(word: &str) -> bool {
    let is_there = || {
        let commands = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
        commands.into_iter().any(|line| memchr::memmem::find(&line, word.as_bytes()).is_some())
    };
    let began = Instant::now();
    while is_there() {
        if began.elapsed() > Duration::from_mins(1) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[tokio::test]
async fn it_stops_when_told_to_even_if_no_byte_flows_and_ends_the_command() {
    let nas = MemoryServer::new(PLAIN);
    let rig = Rig::of(&nas);
    let eyes = Arc::new(Eyes::default());
    let told = Arc::clone(&eyes);
    tokio::spawn(async move {
        while told.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        told.stop.store(true, Ordering::Relaxed);
    });
    let word = format!("98765.{}", std::process::id());
    let request = transfer(output(&format!("printf half; sleep {word}")), archive(Check::Size));
    let error = rig.watched(&request, eyes.as_ref()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Stopped);
    assert_eq!(nas.names(), ["g"], "nothing is left, not even a half");
    assert!(is_gone(&word).await);
}

#[tokio::test]
async fn a_silent_end_is_given_up_and_named() {
    let nas = MemoryServer::new(PLAIN);
    let rig = Rig::of(&nas);
    let mut request = transfer(output("printf half; sleep 98766"), archive(Check::Size));
    request.patience = Some(1);
    let error = rig.run(&request).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    assert!(error.message.contains("host was silent for 1 s"), "{error}");
    assert!(noted(&nas, "a.tar.failed.json")["failed"].as_str().unwrap().contains("silent"));
    assert_eq!(nas.file("g/a.tar.part"), None);
}

#[tokio::test]
async fn a_full_store_ends_the_command_and_is_quoted() {
    use crate::stores::memory::{Fault, How};
    for abilities in [PLAIN, BUCKET] {
        let nas = MemoryServer::new(abilities);
        let rig = Rig::of(&nas);
        let call = usize::from(abilities != PLAIN);
        nas.0.lock().unwrap().fault = Some(Fault { call, after: 700_000, how: How::Refused });
        let word = format!("98767.{}", std::process::id());
        let command = output(&format!("head -c 100000000 /dev/zero; sleep {word}"));
        let reply = rig.run(&transfer(command, archive(Check::Checksum))).await.unwrap();
        assert_eq!(reply.exit, REFUSED);
        assert!(reply.stderr_text().contains("the store is full: 552"), "{}", reply.stderr_text());
        assert_eq!(nas.names(), ["g"], "a half that fills the store goes");
        assert!(is_gone(&word).await);
    }
}

#[tokio::test]
async fn it_goes_no_faster_than_it_may_and_tells_how_far_it_is() {
    let nas = MemoryServer::new(PLAIN);
    let rig = Rig::of(&nas);
    let mut request = transfer(output("head -c 300000 /dev/zero"), archive(Check::Size));
    request.rate = Some(200_000);
    let (began, eyes) = (Instant::now(), Eyes::default());
    moved(rig.watched(&request, &eyes).await);
    assert!(began.elapsed() >= Duration::from_millis(1200), "{:?}", began.elapsed());
    let seen = eyes.seen.lock().unwrap();
    assert!(seen.len() > 3 && seen.is_sorted() && seen.last() == Some(&(300_000, None)), "{seen:?}");
}

#[tokio::test]
async fn a_command_takes_what_another_gives() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy");
    let rig = Rig { stores: BTreeMap::new() };
    let input = |command: String| Goal::Input { target: None, exec: Exec::new(["sh", "-c", &command]) };
    let to = input(format!("cat >'{}'", file.display()));
    let done = moved(rig.run(&transfer(output("head -c 2000000 /dev/zero"), to)).await);
    assert_eq!((done.bytes, done.checked.as_str()), (2_000_000, "none"));
    assert!(std::fs::read(&file).unwrap() == vec![0; 2_000_000]);
    for (command, words) in [("echo full >&2; exit 7", "full"), ("true", "before it had taken everything")] {
        let from = output("head -c 20000000 /dev/zero");
        let reply = rig.run(&transfer(from, input(command.to_owned()))).await.unwrap();
        assert!(reply.exit > 0 && reply.stderr_text().contains(words), "{}", reply.stderr_text());
    }
    let reply = rig.run(&transfer(output("printf a; exit 4"), input("cat >/dev/null".into()))).await.unwrap();
    assert_eq!(reply.exit, 4, "the origin's failure is told first");
}

/// Some commands know from the bytes where their input ends, and are gone before it does: `zfs receive`.
#[tokio::test]
async fn a_command_that_has_all_need_not_wait_for_the_end_of_its_input() {
    let rig = Rig { stores: BTreeMap::new() };
    let machine = rig.machine(&target("host"), Lane::To).unwrap();
    for (takes, took_all) in [("head -c 10", true), ("true", false)] {
        // The other end stays open: the input never ends.
        let (mut other, mut input) = tokio::io::duplex(20_000_000);
        let given = if took_all { 10 } else { 20_000_000 };
        tokio::io::AsyncWriteExt::write_all(&mut other, &vec![b'x'; given]).await.unwrap();
        let (mut printed, mut words) = (Vec::new(), Words::default());
        let streams = Streams { input: Some(&mut input), output: &mut printed, words: &mut words };
        let command = ["sh", "-c", takes].map(str::to_owned);
        let finished = machine.run(&command, streams).await.unwrap();
        assert_eq!((finished.status, finished.took_all), (0, took_all), "{takes}");
        assert_eq!(printed.len(), if took_all { 10 } else { 0 });
    }
}

#[tokio::test]
async fn what_comes_after_a_command_has_ended_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let ended = folder.path().join("ended");
    let rig = Rig { stores: BTreeMap::new() };
    // What flows flows in pieces: it gets the first one, takes it all, and ends.
    let piece = pipe::PIECE;
    let takes = format!("head -c {piece} >/dev/null; touch '{}'", ended.display());
    let to = Goal::Input { target: None, exec: Exec::new(["sh", "-c", &takes]) };
    let waits = format!("while [ ! -e '{}' ]; do sleep 0.05; done", ended.display());
    let from = output(&format!("head -c {} /dev/zero; {waits}; head -c 20000000 /dev/zero", piece + 1));
    let reply = rig.run(&transfer(from, to)).await.unwrap();
    assert_eq!(reply.exit, REFUSED);
    assert!(reply.stderr_text().contains("before it had taken everything"), "{}", reply.stderr_text());
}
