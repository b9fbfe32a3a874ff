//! No manifest file makes its reader take more than 200 MB. One test, so that the process is its own.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads its own memory use")]

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{MAX_FILE_BYTES, SourceFile, load};

const LIMIT_MIB: usize = 200;

/// The most memory that this process has ever had, in MiB.
fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

/// As many copies of `document` as one file may hold.
fn fill(document: &str) -> String {
    document.repeat(MAX_FILE_BYTES / document.len())
}

/// A document that is as long as one may be, but for a little.
fn long(start: &str, middle: &str, end: &str) -> String {
    format!("---{start}{}{end}\n", middle.repeat(((1 << 20) - 100) / middle.len()))
}

#[test]
fn no_file_takes_more_than_the_limit() {
    let before = peak_mib();
    let files = [
        ("values in brackets", fill(&long(" [", "a,", "]"))),
        ("fields in braces", long(" {", "a: b,", "}")),
        ("tags", long(" [", "! ", "]")),
        ("values in lines", long("\n", "- a\n", "")),
        ("the same field", long("\n", "a: b\n", "")),
        ("text in quotes", long(" [", "\"\",", "]")),
        ("documents", fill("---\n")),
        ("broken documents", fill("--- [\n")),
        ("empty lines", fill("\n")),
        ("one text", fill("x")),
    ];
    for (what, text) in files {
        let file = SourceFile { path: "f.yaml".to_owned(), bytes: text.into_bytes() };
        let loaded = load(&Registry::default(), &[file], &[], "2026-11-20T12:00:00Z".parse().unwrap());
        assert!(loaded.has_errors(), "{what}");
        let taken = peak_mib() - before;
        assert!(taken < LIMIT_MIB, "{what}: {taken} MiB");
    }
}
