//! Files of any kind: what is read of them is what a shell would read, and what is changed in them is that alone.

use std::fs;

use evenkeel_drivers::openvz_host::{EDIT, ShellFile};
use proptest::prelude::*;

use crate::shell::{SHELLS, script, sourced};

const KEYS: [&str; 3] = ["DISKSPACE", "A", "KEY_2"];

/// A line of a file as people write them, or something odd.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["DISKSPACE", "A", "KEY_2", "OTHER"]);
    let value = "[a-zG0-9:. #'=~/@{}*!%,-]{0,8}";
    let quote = prop::sample::select(vec!["", "\"", "'", "\"'"]);
    let around = prop::sample::select(vec!["", " ", "\t", "  "]);
    let ending = prop::sample::select(vec!["", "", "", " # as in 2009", "\t#\"'", " \\", "\r", ";", " B=2"]);
    let usual = (around, key, quote, value, ending).prop_map(|(around, key, quote, value, ending)| {
        let (open, close) = if quote == "\"'" { ("\"", "\"'x'") } else { (quote, quote) };
        format!("{around}{key}={open}{value}{close}{ending}")
    });
    let odd = prop::sample::select(vec![
        "",
        "# DISKSPACE=\"1\"",
        "# goes on \\",
        "VE_ROOT=/vz/root/$VEID",
        "I=\"a \\",
        "b\"",
        "export A=1",
        "export B=1",
        "DISKSPACE=${A}",
        "A=\"x$DISKSPACE\"",
        "A=a\\ b",
        "A=~/x",
        "if true; then",
        "fi",
        "A=1 KEY_2=2",
        "A+=1",
        "unset A",
        "日本語=1",
        "A=日本語",
    ]);
    prop_oneof![6 => usual, 1 => odd.prop_map(str::to_owned)]
}

fn file() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..6), any::<bool>()).prop_map(|(lines, ends)| {
        let mut text = lines.join("\n");
        if ends && !text.is_empty() {
            text.push('\n');
        }
        text
    })
}

/// A value that a spec may have.
fn value() -> impl Strategy<Value = String> {
    "[a-zG0-9:. #'=~/@{}*!%,-]{0,10}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_a_shell_reads(text in file(), nth in 0..SHELLS.len()) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("vz.conf");
        fs::write(&place, &text).unwrap();
        let read = ShellFile::read(text.as_bytes());
        let known: Vec<(&str, Option<&str>)> =
            KEYS.into_iter().filter_map(|key| Some((key, read.get(key).ok()?))).collect();
        let keys: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
        if !keys.is_empty() {
            let told = sourced(SHELLS[nth], &place, &keys);
            for ((key, value), told) in known.iter().zip(told) {
                prop_assert_eq!(value.map(str::as_bytes), told.as_deref(), "{} of {:?}", key, text);
            }
        }
    }

    #[test]
    fn what_is_changed_is_that_alone(
        text in file(),
        key in prop::sample::select(KEYS.to_vec()),
        value in value(),
        nth in 0..SHELLS.len(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("vz.conf");
        fs::write(&place, &text).unwrap();
        let before = ShellFile::read(text.as_bytes());
        let Ok(edit) = before.edit(key, &value) else { return Ok(()) };
        let Some(edit) = edit else {
            prop_assert_eq!(before.get(key), Ok(Some(value.as_str())));
            return Ok(());
        };
        let expected = before.edited(std::slice::from_ref(&edit)).unwrap();
        let number = edit.number.to_string();
        let output = script(SHELLS[nth], &EDIT.text, &[place.to_str().unwrap(), &number, &edit.old, &edit.new]);
        prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        prop_assert_eq!(fs::read(&place).unwrap(), expected.clone());
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let after = ShellFile::read(&expected);
        prop_assert_eq!(after.get(key), Ok(Some(value.as_str())));
        prop_assert_eq!(after.edit(key, &value), Ok(None));
        prop_assert_eq!(&sourced(SHELLS[nth], &place, &[key])[0], &Some(value.clone().into_bytes()));
        for other in KEYS.into_iter().filter(|other| *other != key) {
            prop_assert_eq!(after.get(other), before.get(other));
        }
        // All other lines, and what else is in this one, are there as before.
        let lines = |bytes: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(bytes).split_inclusive('\n').map(str::to_owned).collect()
        };
        let (old, new) = (lines(text.as_bytes()), lines(&expected));
        if edit.number == 0 {
            let ends = text.is_empty() || text.ends_with('\n');
            let break_before = if ends { "" } else { "\n" };
            prop_assert_eq!(expected, format!("{text}{break_before}{}\n", edit.new).into_bytes());
        } else {
            prop_assert_eq!(old.len(), new.len());
            let differ: Vec<usize> = (0..old.len()).filter(|at| old[*at] != new[*at]).collect();
            prop_assert_eq!(differ, [edit.number - 1]);
        }
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), key in "[A-Z]{1,2}") {
        let file = ShellFile::read(&bytes);
        if let Ok(Some(edit)) = file.edit(&key, "1") {
            prop_assert!(file.edited(&[edit]).is_some());
        }
    }
}
