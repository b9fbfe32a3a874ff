//! Listings as servers print them.

use super::{Found, NotUnderstood, Seen, exact, for_people};
use proptest::prelude::*;

fn people(text: &str) -> Found {
    for_people(text.as_bytes()).unwrap().0
}

fn found(entries: &[(&str, Seen)]) -> Found {
    entries.iter().map(|(name, seen)| ((*name).to_owned(), *seen)).collect()
}

#[test]
fn the_exact_form() {
    let text = "type=cdir;modify=20261120214300;perm=flcdmpe; .\r\ntype=pdir;unix.mode=0755; ..\r\n\
                type=dir;modify=20261120214300; daily.0\r\nType=file;Size=12;UNIX.mode=0644; a b  c\r\n\
                type=OS.unix=slink:/x;size=3; link\r\ntype=OS.unix=symlink; other\r\ntype=file; unsized\r\n";
    let want = [
        ("daily.0", Seen::Folder),
        ("a b  c", Seen::File(Some(12))),
        ("link", Seen::Other),
        ("other", Seen::Other),
        ("unsized", Seen::File(None)),
    ];
    assert_eq!(exact(text.as_bytes()).unwrap(), found(&want));
    assert_eq!(exact(b"size=12; a\r\n"), Err(NotUnderstood("size=12; a".into())));
    assert_eq!(exact(b"type=file;size=-1; a\r\n"), Err(NotUnderstood("type=file;size=-1; a".into())));
    assert!(exact(b"type=file;size=1;\r\n").is_err());
}

#[test]
fn the_forms_for_people() {
    let text = "total 24\r\n\
        drwxr-xr-x    3 0        0            4096 Nov 20 21:43 .\r\n\
        drwxr-xr-x    9 0        0            4096 Nov 20  2025 ..\r\n\
        drwxrwxrwx    2 1000     100          4096 Jan 01  2020 daily.0\r\n\
        -rw-r--r--    1 ftp      ftp    5368709120 Nov 20 21:43 vzdump-qemu-101.vma.zst\r\n\
        -rw-r--r--    1 ftp      domain users   7 Nov  2 21:43  two  blanks \r\n\
        -rw-r--r--+   1 1000               12 20 Nov 21:43 day first\r\n\
        -rw-r--r--    1 root     root         3 2026-11-20 21:43 iso\r\n\
        -rw-r--r--    1 root     root         3 2026-11-20 21:43:11.000000000 +0100 full iso\r\n\
        lrwxrwxrwx    1 0        0               7 Nov 20 21:43 link -> daily.0\r\n\
        prw-r--r--    1 0        0               0 Nov 20 21:43 pipe\r\n\
        brw-rw----    1 0        6          8,   0 Nov 20 21:43 disk\r\n\
        -rw-r--r--    1 0        0               1 Nov 20 21:43 \u{30d0}\u{30c3}\u{30af}\r\n\
        -rw-r--r--    1 0        0               2 Nov 20 21:43 12 Nov 20 21:43 x\r\n";
    let want = [
        ("daily.0", Seen::Folder),
        ("vzdump-qemu-101.vma.zst", Seen::File(Some(5_368_709_120))),
        (" two  blanks ", Seen::File(Some(7))),
        ("day first", Seen::File(Some(12))),
        ("iso", Seen::File(Some(3))),
        ("full iso", Seen::File(Some(3))),
        ("link", Seen::Other),
        ("pipe", Seen::Other),
        ("disk", Seen::Other),
        ("\u{30d0}\u{30c3}\u{30af}", Seen::File(Some(1))),
        ("12 Nov 20 21:43 x", Seen::File(Some(2))),
    ];
    assert_eq!(for_people(text.as_bytes()).unwrap(), (found(&want), true));
    let dos = "11-20-26  09:43PM       <DIR>          a folder\r\n\
               11-20-2026  21:43                 1234 a file.txt\r\n\
               11-20-26  09:43AM       <SYMLINKD>     link [C:\\x]\r\n";
    let want =
        [("a folder", Seen::Folder), ("a file.txt", Seen::File(Some(1234))), ("link [C:\\x]", Seen::Other)];
    assert_eq!(people(dos), found(&want));
    assert_eq!(for_people(b"").unwrap(), (Found::new(), false));
}

#[test]
fn what_is_not_understood_is_an_error() {
    for line in [
        "+i8388621.48594,m825718503,r,s280,\tdjb.html",
        "ls: daily.0: Permission denied",
        "-rw-r--r--    1 ftp      ftp          12 Nov 20 21:43",
        "-rw-r--r--    1 ftp      ftp          12 Nov 20 21:43 ",
        "-rw-r--r--    1 ftp      ftp          12 Fri Nov 21h43 name",
        "rest of a name",
    ] {
        assert_eq!(for_people(line.as_bytes()), Err(NotUnderstood(line.into())), "{line}");
    }
}

#[test]
fn a_name_in_another_encoding_is_there_and_untouchable() {
    let line = b"-rw-r--r--    1 0        0               1 Nov 20 21:43 caf\xe9\r\n";
    assert_eq!(for_people(line).unwrap().0, found(&[("caf\u{fffd}", Seen::Other)]));
    let line = "type=dir; ../x\r\n";
    assert_eq!(exact(line.as_bytes()).unwrap(), found(&[("..\u{fffd}x", Seen::Other)]));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[-dl0-9a-zNov :<>;=.\r\n]{0,120}") {
        let _ = (exact(&bytes), for_people(&bytes), exact(text.as_bytes()), for_people(text.as_bytes()));
    }

    #[test]
    fn any_name_is_read_back(name in "[^/\\p{Cc}]{1,20}", size: u64) {
        prop_assume!(name != "." && name != "..");
        let want = found(&[(&name, Seen::File(Some(size)))]);
        let line = format!("-rw-r--r--    1 ftp      ftp  {size:>12} Nov 20 21:43 {name}\r\n");
        prop_assert_eq!(people(&line), want.clone());
        prop_assert_eq!(exact(format!("type=file;size={size}; {name}\r\n").as_bytes()).unwrap(), want);
    }
}
