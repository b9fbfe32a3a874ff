//! Commands that failed as a whole.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

/// Messages quote at most so many characters of what a host prints.
const LONGEST_QUOTE: usize = 300;
/// Messages name at most so many of a joined command's operands.
const MOST_OPERANDS: usize = 3;

/// What marks a failure in standard error, with what to do about it. The first that is found counts.
const KNOWN: [(&str, &str); 9] = [
    (
        "The ZFS modules",
        "load the kernel module on the host: `modprobe zfs` (after a kernel update it may have to be built anew)",
    ),
    ("/dev/zfs and /proc", "the host has no /dev/zfs: `modprobe zfs`, and `udevadm trigger` in a container"),
    ("Permission denied the ZFS", "log in as root, or write `become: sudo` in the Target"),
    ("Unable to open /dev/zfs", "log in as root, or write `become: sudo` in the Target"),
    ("permission denied", "log in as root, write `become: sudo` in the Target, or delegate with `zfs allow`"),
    ("I/O is currently suspended", "the pool waits for its devices: see `zpool status` on the host"),
    ("invalid property", "this version of ZFS does not know the property: leave it out for this host"),
    ("Failed to initialize the libzfs", "`zfs version` on the host says more"),
    (
        "unrecognized command",
        "this version of ZFS is too old for Evenkeel: 2.1 is the first that is supported",
    ),
];

/// The error for a command that said nothing about any object.
pub(in crate::zfs) fn failed(request: &Request, reply: &Reply) -> ObserveError {
    let said = reply.stderr_text();
    let hint = if is_missing_program(reply.exit, &said) {
        Some(
            "install OpenZFS on the host (Debian: `apt-get install zfsutils-linux`), or take it out of this target's manifests",
        )
    } else {
        hint(&said)
    };
    ObserveError::Command {
        command: command(request),
        exit: reply.exit,
        stderr: if said.is_empty() {
            "(no message)".to_owned()
        } else {
            quote(before_usage(&said).as_bytes())
        },
        hint: hint.map(str::to_owned),
    }
}

/// What was said before the pages of usage that follow a mistake in a command.
fn before_usage(said: &str) -> &str {
    let end = said.find("\nusage:").unwrap_or(said.len());
    said.get(..end).unwrap_or(said)
}

/// The error for an object that could not be opened, which does not mean that it is missing.
pub(in crate::zfs) fn refused(request: &Request, object: &str, reason: &str) -> ObserveError {
    ObserveError::Command {
        command: command(request),
        exit: 1,
        stderr: format!("cannot open '{object}': {}", quote(reason.as_bytes())),
        hint: hint(reason).map(str::to_owned),
    }
}

fn hint(said: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(mark, _)| said.contains(mark)).map(|(_, hint)| *hint)
}

/// A shell says 127; `sudo` and `doas` say 1 and tell it in words.
fn is_missing_program(exit: i32, said: &str) -> bool {
    exit == 127 || (exit == 1 && said.lines().any(|line| line.ends_with(": command not found")))
}

/// The error for output that makes no sense.
pub(in crate::zfs) fn unparsable(request: &Request, problem: impl Into<String>) -> ObserveError {
    ObserveError::Unparsable { command: command(request), problem: problem.into() }
}

/// The command for messages; a joined one with its first operands only, since it may be megabytes long.
fn command(request: &Request) -> String {
    let Request::Exec(exec) = request else { return request.display() };
    if exec.operands.len() <= MOST_OPERANDS {
        return request.display();
    }
    let mut short = exec.clone();
    short.operands = exec.operands.iter().take(MOST_OPERANDS).cloned().collect();
    format!("{} … ({} in all)", Request::Exec(short).display(), exec.operands.len())
}

/// What a host printed, for messages: one line, printable, not too long.
pub(in crate::zfs) fn quote(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..LONGEST_QUOTE * 4).unwrap_or(bytes));
    let mut quoted: String =
        text.chars().take(LONGEST_QUOTE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > LONGEST_QUOTE || bytes.len() > LONGEST_QUOTE * 4 {
        quoted.push('…');
    }
    quoted
}
