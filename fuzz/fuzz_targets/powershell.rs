//! Whatever a host prints in the place of PowerShell: no panic, no answer that was not between its marks, and the same
//! however it arrives.
//!
//! The first byte says in which pieces it arrives; the rest is printed, `~` standing for the word that only this round
//! knows. The same is read as what is said on standard error.
#![no_main]

use evenkeel_transport::powershell::{clixml, read};
use libfuzzer_sys::fuzz_target;

/// The word of the round.
const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// How many scripts the round has.
const SCRIPTS: usize = 3;

/// How many bytes an answer may have.
const LIMIT: usize = 200;

fuzz_target!(|input: &[u8]| {
    let (size, printed) = input.split_first().unwrap_or((&1, &[]));
    let parts: Vec<&[u8]> = printed.split(|byte| *byte == b'~').collect();
    let printed = parts.join(NONCE.as_bytes());
    let whole = read(NONCE, SCRIPTS, LIMIT, [printed.as_slice()]);
    let pieces = read(NONCE, SCRIPTS, LIMIT, printed.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, pieces);
    assert!(whole.len() <= parts.len() / 2, "two marks for each answer");
    for reply in whole.into_iter().flatten() {
        assert!(reply.exit == 0 || reply.exit == 1 && reply.stderr.ends_with(b"\n"));
        serde_json::from_slice::<serde_json::Value>(&reply.stdout).expect("what a script answered is JSON");
    }

    let said = String::from_utf8_lossy(&printed);
    let text = clixml::text(&said);
    if !said.contains("#< CLIXML") && !said.contains('\u{1b}') {
        assert_eq!(text, said);
    }
});
