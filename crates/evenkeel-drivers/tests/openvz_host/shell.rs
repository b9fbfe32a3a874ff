//! Real shells.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The shells that hosts have as `sh`.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];

/// Runs a shell with these arguments, and this on its standard input.
pub(crate) fn run(shell: &[&str], arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/root")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}: apt-get install dash bash busybox", shell[0]));
    // A script that ends early reads no more.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What a shell that reads a file has as the values of keys; `None` for those that are not set.
pub(crate) fn sourced(shell: &[&str], file: &Path, keys: &[&str]) -> Vec<Option<Vec<u8>>> {
    let script = "file=$1; shift; PATH=/nonexistent; unset \"$@\"; . \"$file\" >/dev/null 2>&1
        for key in \"$@\"; do
            eval \"is=\\${$key+set} value=\\${$key-}\"
            printf '%s:%s\\0' \"$is\" \"$value\"
        done";
    let name = file.to_str().unwrap();
    let output = run(shell, &[&["-c", script, "sh", name][..], keys].concat(), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut values: Vec<Option<Vec<u8>>> = output
        .stdout
        .split(|byte| *byte == 0)
        .map(|told| told.strip_prefix(b"set:").map(<[u8]>::to_vec))
        .collect();
    values.pop();
    assert_eq!(values.len(), keys.len());
    values
}

/// Runs a script of the house as a transport does.
pub(crate) fn script(shell: &[&str], text: &str, arguments: &[&str]) -> Output {
    run(shell, &[&["-s"][..], arguments].concat(), text.as_bytes())
}
