//! Whatever is done to a chain is found.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::store::Audited;

/// A chain of so many entries.
fn chain(count: u64) -> Vec<AuditLine> {
    let mut lines: Vec<AuditLine> = Vec::new();
    for nth in 0..count {
        let command = format!("zfs set quota={nth} 'tank/schön \"x\"'");
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(i64::try_from(nth).unwrap() * 1_001);
        let entry = NewAuditEntry::new(at, Audited::Command { command });
        let before = lines.last().map(|last| (last.seq, last.hash.as_str()));
        let next = AuditLine::next(before, entry).unwrap();
        lines.push(next);
    }
    lines
}

fn verify<'l>(
    lines: impl IntoIterator<Item = &'l AuditLine>,
    expected: Option<&str>,
) -> Result<Verified, Broken> {
    let mut chain = Chain::whole(expected);
    for line in lines {
        chain.add(line)?;
    }
    chain.end()
}

/// As an export is read.
fn verify_text(text: &str) -> Result<Verified, Broken> {
    let mut chain = Chain::whole(None);
    for (nth, line) in text.split_terminator('\n').enumerate() {
        chain.add(&AuditLine::imported(line).ok_or(Broken::Unreadable(nth + 1))?)?;
    }
    chain.end()
}

fn export(lines: &[AuditLine]) -> String {
    lines.iter().map(|line| line.exported() + "\n").collect()
}

#[test]
fn a_chain_as_it_was_written_holds() {
    let lines = chain(9);
    let head = lines[8].hash.clone();
    let whole = Verified { entries: 9, first: 1, head: head.clone() };
    assert_eq!(verify(&lines, None), Ok(whole.clone()));
    assert_eq!(verify(&lines, Some(&head.to_uppercase())), Ok(whole.clone()));
    assert_eq!(verify(&lines, Some(&lines[3].hash)), Ok(whole.clone()), "an earlier head is in it");
    assert_eq!(verify_text(&export(&lines)), Ok(whole));
    assert_eq!(verify(&[], None), Err(Broken::Empty));

    let mut part = Chain::any(None);
    lines[4..].iter().for_each(|line| part.add(line).unwrap());
    assert_eq!(part.end(), Ok(Verified { entries: 5, first: 5, head }));
}

#[test]
fn the_hash_is_what_the_documentation_says() {
    // printf 'evenkeel-audit-1\n{"seq":1}' | sha256sum
    assert_eq!(
        link(FIRST, r#"{"seq":1}"#),
        "ff25cbd15f84fda8b27a23f66a67ba6b5c5db931e4bdbd97c953e0a9cdd54b34"
    );
}

#[test]
fn what_was_cut_off_is_found_by_a_head_that_was_kept() {
    let lines = chain(6);
    let head = lines[5].hash.clone();
    assert!(verify(&lines[..5], None).is_ok(), "by itself it cannot be seen");
    let error = verify(&lines[..5], Some(&head)).unwrap_err();
    assert_eq!(error, Broken::CutOff { expected: head });
    assert!(error.to_string().contains("cut off or written anew"), "{error}");
}

#[test]
fn who_writes_the_whole_chain_anew_is_found_by_a_head_that_was_kept() {
    let lines = chain(6);
    let mut anew: Vec<AuditLine> = Vec::new();
    for line in &lines {
        let mut entry = line.entry().unwrap().entry;
        if line.seq == 3 {
            entry.by = Some("somebody else".into());
        }
        let before = anew.last().map(|last| (last.seq, last.hash.as_str()));
        let next = AuditLine::next(before, entry).unwrap();
        anew.push(next);
    }
    assert!(verify(&anew, None).is_ok());
    assert!(matches!(verify(&anew, Some(&lines[5].hash)), Err(Broken::CutOff { .. })));
}

#[test]
fn it_is_said_what_is_wrong_and_where() {
    let lines = chain(9);
    let without = |gone: std::ops::Range<usize>| {
        let kept = lines.iter().enumerate().filter(|(nth, _)| !gone.contains(nth));
        verify(kept.map(|(_, line)| line), None).unwrap_err().to_string()
    };
    assert_eq!(without(4..5), "entry 5 is missing: entry 6 comes after entry 4");
    assert_eq!(without(0..2), "entries 1 to 2 are missing: entry 3 comes after entry 0, the beginning");
    let mut other = lines.clone();
    other[4].record = other[4].record.replace("quota=4", "quota=5");
    assert_eq!(verify(&other, None), Err(Broken::Changed(5)));
    // With a hash that fits: the next one does not hang on it.
    other[4].hash = link(&other[4].previous, &other[4].record);
    assert_eq!(verify(&other, None), Err(Broken::Changed(6)));
    let mut other = lines.clone();
    other.swap(3, 4);
    assert!(matches!(verify(&other, None), Err(Broken::Missing { after: 3, found: 5 })));
    let mut other = lines.clone();
    other.insert(3, lines[2].clone());
    assert_eq!(
        verify(&other, None).unwrap_err().to_string(),
        "entry 3 is out of order: it comes after entry 3"
    );
    let mut other = lines;
    other[4].at += SignedDuration::from_secs(1);
    assert_eq!(verify(&other, None), Err(Broken::Changed(5)), "what it is found by is in it, too");
}

proptest! {
    #[test]
    fn any_other_byte_is_found(count in 1..8_u64, place in any::<prop::sample::Index>(), byte in 32..127_u8) {
        let text = export(&chain(count));
        let mut bytes = text.clone().into_bytes();
        let at = place.index(bytes.len());
        prop_assume!(bytes[at] != byte && bytes[at] != b'\n');
        bytes[at] = byte;
        // A byte out of the middle of a character makes it no text at all.
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        prop_assert!(verify_text(&changed).is_err(), "{changed}");
    }

    #[test]
    fn any_byte_that_goes_or_comes_is_found(
        count in 1..8_u64,
        place in any::<prop::sample::Index>(),
        new in prop::option::of(32..127_u8),
    ) {
        let text = export(&chain(count));
        let mut bytes = text.clone().into_bytes();
        let at = place.index(bytes.len());
        match new {
            Some(new) => bytes.insert(at, new),
            None => drop(bytes.remove(at)),
        }
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        // The very last line feed ends the file; without it nothing is missing.
        prop_assume!(changed.trim_end_matches('\n') != text.trim_end_matches('\n'));
        prop_assert!(verify_text(&changed).is_err(), "{changed}");
    }

    #[test]
    fn any_other_order_and_any_gap_is_found(count in 2..12_u64, one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>()) {
        let lines = chain(count);
        let (one, two) = (one.index(lines.len()), two.index(lines.len()));
        if one != two {
            let mut swapped = lines.clone();
            swapped.swap(one, two);
            prop_assert!(verify(&swapped, None).is_err());
            // Only the texts, or the texts with their hashes: the numbers stay in order.
            for with_hash in [false, true] {
                let mut other = lines.clone();
                let (first, second) = (lines[one].clone(), lines[two].clone());
                for (at, from) in [(one, second), (two, first)] {
                    other[at].record = from.record;
                    if with_hash {
                        other[at].hash = from.hash;
                    }
                }
                prop_assert!(verify(&other, None).is_err());
            }
        }
        let mut gap = lines.clone();
        gap.remove(one);
        // The last one is missed by a head that was kept.
        prop_assert!(verify(&gap, lines.last().map(|last| last.hash.as_str())).is_err());
        if one + 1 < lines.len() {
            prop_assert!(verify(&gap, None).is_err());
        }
    }
}
