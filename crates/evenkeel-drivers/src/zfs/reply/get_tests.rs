//! Rows: as recorded, as attacked, and as noise.

use evenkeel_core::request::Exec;
use proptest::prelude::*;

use super::*;

fn request(properties: &[&str], names: &[&str]) -> Request {
    let set = Arg::Set(properties.iter().map(|p| (*p).to_owned()).collect());
    let argv =
        [Arg::from("zfs"), "get".into(), "-Hp".into(), "-o".into(), "name,property,value,source".into(), set];
    Request::Exec(Exec::new(argv).on(names.iter().copied()))
}

fn reply(exit: i32, stdout: &[u8], stderr: &str) -> Reply {
    Reply { exit, stdout: stdout.to_vec(), stderr: stderr.into() }
}

fn read(properties: &[&str], names: &[&str], stdout: &[u8]) -> Table {
    Table::parse(&request(properties, names), &reply(0, stdout, "")).unwrap()
}

fn value<'t>(table: &'t Table, name: &str, property: &str) -> (&'t str, Source) {
    match table.of(name) {
        Said::Rows(rows) => {
            let row = rows.get(property).unwrap();
            (str::from_utf8(row.value).unwrap(), row.source)
        }
        other => panic!("{name}: {other:?}"),
    }
}

fn is_broken(table: &Table, name: &str) -> bool {
    matches!(table.of(name), Said::Broken(_))
}

#[test]
fn recorded_rows_are_read_with_their_sources() {
    for text in [
        &include_bytes!("../../../tests/recorded/zfs/2.1.11/082-get-types.out")[..],
        &include_bytes!("../../../tests/recorded/zfs/2.3.2/082-get-types.out")[..],
    ] {
        // The recording asked in an order of its own; a set is asked for in its sorted order.
        let mut lines: Vec<&str> = str::from_utf8(text).unwrap().lines().collect();
        lines.sort_unstable();
        let sorted = format!("{}\n", lines.join("\n"));
        let names: BTreeSet<&str> = lines.iter().filter_map(|l| l.split('\t').next()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let table = read(&["atime", "recordsize", "sync", "volsize"], &names, sorted.as_bytes());
        assert_eq!(value(&table, "tank/vol0", "volsize"), ("33554432", Source::Local));
        assert_eq!(value(&table, "tank/vol0", "atime"), ("-", Source::None));
        assert_eq!(value(&table, "data/copyr", "atime"), ("on", Source::Received));
        assert_eq!(value(&table, "tank/a/b", "atime"), ("off", Source::Inherited));
        assert_eq!(value(&table, "tank", "sync"), ("standard", Source::Default));
        assert_eq!(table.names(), names);
    }
}

#[test]
fn what_cannot_be_opened_is_refused_and_the_rest_is_read() {
    let missing = "cannot open 'tank/nope': dataset does not exist\n";
    let reply = reply(1, b"tank/vm\tsync\talways\tlocal\n", missing);
    let table = Table::parse(&request(&["sync"], &["tank/nope", "tank/vm"]), &reply).unwrap();
    assert_eq!(value(&table, "tank/vm", "sync"), ("always", Source::Local));
    assert_eq!(table.of("tank/nope"), Said::Refused("dataset does not exist"));
    assert_eq!(table.of("tank/other"), Said::Nothing);
}

#[test]
fn a_line_that_zfs_does_not_print_denies_nothing() {
    // A vertical tab: it counts as a blank elsewhere.
    let odd = "cannot open 'tank/nope': dataset does not exist\u{b}\n";
    let table = Table::parse(&request(&["sync"], &["tank/nope"]), &reply(1, b"", odd)).unwrap();
    assert_ne!(table.of("tank/nope"), Said::Refused("dataset does not exist"));
}

#[test]
fn a_user_value_may_hold_tabs_and_line_breaks() {
    let text = b"t\tcom.acme:nl\tline1\nline2\tx\tlocal\nt\tsync\talways\tlocal\n";
    let table = read(&["com.acme:nl", "sync"], &["t"], text);
    assert_eq!(value(&table, "t", "com.acme:nl"), ("line1\nline2\tx", Source::Local));
    assert_eq!(value(&table, "t", "sync"), ("always", Source::Local));
}

#[test]
fn a_value_that_looks_like_the_next_row_is_an_error_of_its_object_only() {
    let text = b"a\tx:y\tv\tlocal\na\tsync\tfaked\tlocal\na\tsync\treal\tlocal\nb\tx:y\t-\t-\nb\tsync\tdisabled\tlocal\n";
    let table = read(&["sync", "x:y"], &["a", "b"], b"");
    assert_eq!(table.of("a"), Said::Nothing);
    let request = request(&["x:y", "sync"], &["a", "b"]);
    // `sync` sorts before `x:y`: rows in any other order are refused as well.
    let table = Table::parse(&request, &reply(0, text, "")).unwrap();
    assert!(is_broken(&table, "a"));
}

#[test]
fn a_value_that_looks_like_another_objects_rows_makes_both_an_error() {
    let text = b"a\ta:b\tv\tlocal\na\tsync\ts\tlocal\nb\ta:b\tfaked\tlocal\nb\tsync\tfaked\tlocal\nb\ta:b\t-\t-\nb\tsync\tstandard\tdefault\n";
    let table = read(&["a:b", "sync"], &["a", "b"], text);
    assert!(is_broken(&table, "a") && is_broken(&table, "b"));
    // A value of `a` that is `TAB local NEWLINE b TAB sync TAB`.
    let text = b"a\tsync\talways\tlocal\na\tx:y\t\tlocal\nb\tsync\t\tlocal\nb\tsync\tstandard\tdefault\nb\tx:y\t1\tlocal\n";
    let table = read(&["sync", "x:y"], &["a", "b"], text);
    assert!(is_broken(&table, "a") && is_broken(&table, "b"));
    let apart = b"a\ta:b\tv\tlocal\na\tsync\ts\tlocal\nc\ta:b\tfaked\tlocal\nc\tsync\tfaked\tlocal\n\
        b\ta:b\t-\t-\nb\tsync\tstandard\tdefault\nc\ta:b\t-\t-\nc\tsync\tstandard\tdefault\n";
    let table = read(&["a:b", "sync"], &["a", "b", "c"], apart);
    assert!(is_broken(&table, "c"), "its rows are there twice, with others between them");
    assert!(is_broken(&table, "a") && is_broken(&table, "b"), "each may hold the rows behind it");
    let both = Table::parse(
        &request(&["sync"], &["a", "b"]),
        &reply(1, b"a\tsync\tx\tlocal\nb\tsync\tx\tlocal\n", "cannot open 'b': dataset does not exist\n"),
    );
    let both = both.unwrap();
    assert!(is_broken(&both, "a") && is_broken(&both, "b"), "listed and missing at once");
}

#[test]
fn rows_that_are_missing_cut_short_or_garbled_are_errors_of_their_object() {
    let table = read(
        &["atime", "sync"],
        &["a", "b"],
        b"a\tatime\ton\tlocal\nb\tatime\ton\tlocal\nb\tsync\tx\tlocal\n",
    );
    assert!(is_broken(&table, "a"));
    assert_eq!(value(&table, "b", "sync"), ("x", Source::Local));
    for text in [
        &b"a\tsync\talways\tloc"[..],
        b"a\tsync\talways\tlocal",
        b"a\tsync\talways\n",
        b"a\tsync\talways\tlocal\nsomething else\tlocal\n",
        b"a\tsync\tx\tlocal\n\xff\xfe",
    ] {
        assert!(is_broken(&read(&["sync"], &["a"], text), "a"), "{}", quote(text));
    }
}

#[test]
fn garbage_from_the_start_is_an_error_as_a_whole() {
    let garbage = vec![0xA5_u8; 1 << 20];
    let error = Table::parse(&request(&["sync"], &["a"]), &reply(0, &garbage, "")).unwrap_err();
    let ObserveError::Unparsable { problem, .. } = error else { panic!("{error:?}") };
    assert!(problem.len() < 2_000, "the quote is short");
}

#[test]
fn commands_that_fail_as_a_whole_say_what_to_do() {
    for (exit, stderr, hint) in [
        (127, "sh: 1: zfs: not found\n", "install OpenZFS"),
        (1, "sudo: zfs: command not found\n", "install OpenZFS"),
        (
            1,
            "The ZFS modules are not loaded.\nTry running 'modprobe zfs' as root to load them.\n",
            "modprobe zfs",
        ),
        (1, "Permission denied the ZFS utilities must be run as root.\n", "become: sudo"),
        (2, "bad property list: invalid property 'direct'\nusage:\n", "does not know the property"),
    ] {
        let error = Table::parse(&request(&["sync"], &["a", "b", "c", "d", "e"]), &reply(exit, b"", stderr))
            .unwrap_err();
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert!(error.to_string().contains("a b c … (5 in all)"), "{error}");
    }
}

/// Pieces that come close to what `zfs` prints, to get further than plain noise does.
fn piece() -> impl Strategy<Value = String> {
    let tokens =
        ["a", "b", "\t", "\t", "\n", "sync", "x:y", "local", "-", "inherited from a", "cannot open 'a': "];
    prop::collection::vec(prop::sample::select(tokens.to_vec()), 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_met_without_panic(stdout: Vec<u8>, stderr in "\\PC*", exit in 0..3) {
        let _ = Table::parse(&request(&["sync", "x:y"], &["a", "b"]), &reply(exit, &stdout, &stderr));
    }

    #[test]
    fn standard_output_alone_never_makes_an_object_missing(stdout in piece(), exit in 0..2) {
        if let Ok(table) = Table::parse(&request(&["sync", "x:y"], &["a", "b"]), &reply(exit, stdout.as_bytes(), "")) {
            for name in ["a", "b"] {
                prop_assert!(!matches!(table.of(name), Said::Refused(_)));
            }
        }
    }

    #[test]
    fn whatever_a_user_value_holds_other_objects_are_read_right_or_not_at_all(value in piece()) {
        let text = format!("a\tsync\talways\tlocal\na\tx:y\t{value}\tlocal\nb\tsync\tstandard\tdefault\nb\tx:y\t1\tlocal\n");
        let table = Table::parse(&request(&["sync", "x:y"], &["a", "b"]), &reply(0, text.as_bytes(), "")).unwrap();
        if let Said::Rows(rows) = table.of("a") {
            prop_assert_eq!(rows.get("sync").unwrap().value, b"always");
            prop_assert_eq!(rows.get("x:y").unwrap().value, value.as_bytes());
        }
        if let Said::Rows(rows) = table.of("b") {
            prop_assert_eq!(rows.get("sync").unwrap().value, b"standard");
            prop_assert_eq!(rows.get("x:y").unwrap().value, b"1");
        }
    }
}
