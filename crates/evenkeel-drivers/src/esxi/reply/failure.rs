//! Commands that failed, and output that makes no sense.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

/// Messages quote at most so many characters of what a host prints.
const LONGEST_QUOTE: usize = 300;

/// How hosts say that they do not know a command. The first is what 5.x to 8.x print. What 4.x prints is recorded
/// nowhere: so anything counts that finds fault with a namespace or an object, and usage, which none of our questions
/// would cause where the command is known.
const UNKNOWN: [&str; 3] = ["unknown command", "unknown object", "usage: esxcli"];
/// How it finds fault with a namespace.
const NO_NAMESPACE: [&str; 7] =
    ["unknown", "invalid", "not valid", "not found", "unable to find", "no such", "does not exist"];

/// What marks a failure, with what to do about it. The first that is found counts.
const KNOWN: [(&str, &str); 6] = [
    ("nopermission", "log in as root"),
    ("permission denied", "log in as root"),
    ("not have permission", "log in as root"),
    ("not authorized", "log in as root"),
    (
        "connect to localhost failed",
        "its management agent does not answer: `/etc/init.d/hostd restart` on the host",
    ),
    ("connection refused", "its management agent does not answer: `/etc/init.d/hostd restart` on the host"),
];

/// True where the host answered that it has no such command.
pub(in crate::esxi) fn is_unknown_command(reply: &Reply) -> bool {
    let said = said(reply).to_lowercase();
    let has = |marks: &[&str]| marks.iter().any(|mark| said.contains(mark));
    let is_unknown = has(&UNKNOWN) || (said.contains("namespace") && has(&NO_NAMESPACE));
    reply.exit != 0 && reply.exit != 127 && is_unknown
}

/// The error for a command that failed.
pub(in crate::esxi) fn failed(request: &Request, reply: &Reply) -> ObserveError {
    let said = said(reply);
    let low = said.to_lowercase();
    let known = KNOWN.iter().find(|(mark, _)| low.contains(mark)).map(|(_, hint)| *hint);
    let hint = match reply.exit {
        127 => Some("is this an ESX or ESXi host? `vmware -v` on it tells"),
        _ => known,
    };
    ObserveError::Command {
        command: request.display(),
        exit: reply.exit,
        stderr: if said.is_empty() { "(no message)".to_owned() } else { quote(&said) },
        hint: hint.map(str::to_owned),
    }
}

/// The error for output that makes no sense.
pub(in crate::esxi) fn unparsable(request: &Request, problem: impl Into<String>) -> ObserveError {
    ObserveError::Unparsable { command: request.display(), problem: problem.into() }
}

/// The text of a command that did not fail. Every line of it is whole.
pub(in crate::esxi) fn text<'a>(request: &Request, reply: &'a Reply) -> Result<&'a str, ObserveError> {
    if reply.exit != 0 {
        return Err(failed(request, reply));
    }
    let text = str::from_utf8(&reply.stdout).map_err(|_| {
        unparsable(request, format!("it is not UTF-8: {}", quote(&String::from_utf8_lossy(&reply.stdout))))
    })?;
    if !text.is_empty() && !text.ends_with('\n') {
        let last = text.lines().last().unwrap_or_default();
        return Err(unparsable(request, format!("its last line is cut short: `{}`", quote(last))));
    }
    Ok(text)
}

/// What it said, be it on standard error or, as `esxcli` often does, on standard output.
fn said(reply: &Reply) -> String {
    let stderr = reply.stderr_text();
    if stderr.is_empty() { String::from_utf8_lossy(&reply.stdout).trim().to_owned() } else { stderr }
}

/// What a host printed, for messages: one line, printable, not too long.
pub(in crate::esxi) fn quote(text: &str) -> String {
    let mut quoted: String =
        text.chars().take(LONGEST_QUOTE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}
