//! Rounds of scripts in PowerShell: one session, one process, whatever the number of scripts.
//!
//! The command line is the same for every round: it fits into the 8,191 characters of `cmd.exe`, and neither that nor
//! PowerShell as login shell finds anything in it to take for its own. It starts [`BOOTSTRAP`], which reads everything
//! else from standard input, line by line: what runs the scripts ([`ROUND`]) and a word that only this round knows,
//! then each script with what it is given. Nothing is ever made into the text of a script.

mod answers;
pub mod clixml;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_core::request::{PowerShell, Reply, Request};
use evenkeel_core::target::PowerShellProgram;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use serde_json::json;

use crate::frames::Output;
use crate::login::{LoginShell, lacking};
use crate::round::{Collect as _, End, Limits, Replies, not_run, too_large};
use crate::script::Nonce;
use answers::{Collector, Outcome};

pub use answers::reply;

/// What stands on the command line.
const BOOTSTRAP: &str = include_str!("bootstrap.ps1");

/// What runs the scripts of a round.
const ROUND: &str = include_str!("round.ps1");

/// How much of what PowerShell said is told in messages, in characters.
const TOLD: usize = 600;

/// A round, ready to be sent.
pub(crate) struct Round<'a> {
    program: PowerShellProgram,
    requests: Vec<&'a PowerShell>,
    nonce: Nonce,
}

impl<'a> Round<'a> {
    /// Those of `requests` that are for PowerShell.
    pub(crate) fn new(requests: &'a [Request], program: PowerShellProgram) -> Result<Self, TransportError> {
        let nonce = Nonce::random().ok_or_else(|| {
            TransportError::new(TransportErrorKind::Configuration, "the system gives no random numbers")
        })?;
        let requests = requests.iter().filter_map(|request| match request {
            Request::PowerShell(powershell) => Some(powershell.as_ref()),
            _ => None,
        });
        Ok(Round { program, requests: requests.collect(), nonce })
    }

    pub(crate) fn command_line(&self) -> String {
        command_line(self.program)
    }

    /// Everything for standard input, in ASCII: no code page changes it.
    pub(crate) fn input(&self) -> Vec<u8> {
        let mut input = ascii(&json!({ "script": ROUND, "nonce": self.nonce.as_str() }).to_string());
        for request in &self.requests {
            input.push('\n');
            input.push_str(&ascii(
                &json!({ "script": request.script.text, "input": request.input }).to_string(),
            ));
        }
        input.push('\n');
        input.into_bytes()
    }

    /// The limits of a target, with the time that the scripts ask for where that is more.
    pub(crate) fn limits(&self, of_target: Limits) -> Limits {
        let longest = self.requests.iter().filter_map(|request| request.seconds).max();
        let time = of_target.time.max(Duration::from_secs(longest.unwrap_or_default()));
        Limits { time, ..of_target }
    }

    pub(crate) fn collector(&self, limit: usize) -> Collector {
        Collector::new(&self.nonce, self.requests.len(), limit)
    }

    /// The same failure for every request.
    pub(crate) fn failed(&self, error: &TransportError) -> Replies {
        self.requests.iter().map(|_| Err(error.clone())).collect()
    }

    /// The replies, given what was collected until the session ended. `whose` names the target in messages.
    pub(crate) fn replies(&self, collector: Collector, end: &End, whose: &str, limits: Limits) -> Replies {
        let (in_flight, after) = unanswered(&collector, end, self.program, whose, limits);
        let mut outcomes = collector.into_outcomes().into_iter();
        let mut missing = std::iter::once(in_flight).chain(std::iter::repeat(after));
        let answer = |request: &&PowerShell| match outcomes.next() {
            Some(Outcome::Done(reply)) => Ok(reply),
            Some(Outcome::TooLarge) => Err(too_large(whose, limits)),
            Some(Outcome::Garbled(told)) => Err(protocol(format!(
                "what {} answered on {whose} is not understood: {told}",
                request.script.name
            ))),
            None => Err(missing.next().unwrap_or_else(|| not_run(whose))),
        };
        self.requests.iter().map(answer).collect()
    }
}

/// The line that starts a round in a login shell of any kind.
pub fn command_line(program: PowerShellProgram) -> String {
    let units: Vec<u8> = BOOTSTRAP.encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!("{} -NoProfile -NonInteractive -EncodedCommand {}", program.name(), STANDARD.encode(units))
}

/// What a round of `scripts` scripts with this nonce answered, of what came in `pieces` on standard output: `None` for an
/// answer that is none. It ends where something is out of order.
pub fn read<'a>(
    nonce: &str,
    scripts: usize,
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Option<Reply>> {
    let mut collector = Collector::new(&Nonce::given(nonce), scripts, limit);
    for piece in pieces {
        if collector.push(Output::Stdout, piece).is_err() {
            break;
        }
    }
    let done = |outcome| match outcome {
        Outcome::Done(reply) => Some(reply),
        Outcome::TooLarge | Outcome::Garbled(_) => None,
    };
    collector.into_outcomes().into_iter().map(done).collect()
}

/// JSON with nothing but ASCII: all else can only stand in a text, where it may be written as `\uXXXX`.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// The errors of scripts without an answer: the one that was running, and those after it.
fn unanswered(
    collector: &Collector,
    end: &End,
    program: PowerShellProgram,
    whose: &str,
    limits: Limits,
) -> (TransportError, TransportError) {
    let both = |error: TransportError| (error.clone(), error);
    let lost = |what: &str| {
        let message = format!("the connection to {whose} ended before {what}");
        both(TransportError::new(TransportErrorKind::ConnectionLost, message))
    };
    match end {
        End::TimedOut if collector.overflowing() => (too_large(whose, limits), not_run(whose)),
        End::TimedOut => {
            let seconds = limits.time.as_secs();
            let what = if collector.begun() { "a script" } else { "the start of PowerShell" };
            let message = format!("{what} on {whose} did not end within {seconds} s and was given up");
            let hint = "raise the target's `commandTimeoutSeconds` if it needs longer";
            (TransportError::new(TransportErrorKind::Timeout, message).hint(hint), not_run(whose))
        }
        End::Unframed => both(protocol(format!("PowerShell on {whose} answered out of order"))),
        End::Refused => both(protocol(format!("{whose} refuses to run commands for this user"))),
        End::Closed(None) if collector.begun() => lost("the reply was complete"),
        End::Closed(None) => lost("PowerShell began"),
        End::Closed(Some(status)) => {
            let said = collector.said();
            if !collector.begun()
                && let Some(shell) = lacking(program.name(), *status, &said)
            {
                return both(no_powershell(program, shell, whose));
            }
            let in_flight = ended(*status, &said, collector.begun(), whose);
            let message =
                format!("not run: PowerShell on {whose} ended during an earlier script of the same round");
            let after = if collector.begun() { protocol(message) } else { in_flight.clone() };
            (in_flight, after)
        }
        End::Complete => lost("the reply was complete"),
    }
}

/// PowerShell, or the login in its place, ended by itself.
fn ended(status: i32, said: &[u8], begun: bool, whose: &str) -> TransportError {
    let text = clixml::text(&String::from_utf8_lossy(said));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: String = words.chars().take(TOLD).collect();
    let told = if told.is_empty() { told } else { format!(": {told}") };
    if begun {
        return protocol(format!(
            "PowerShell on {whose} ended (exit status {status}) before the script had answered{told}"
        ));
    }
    let error =
        protocol(format!("the login on {whose} does not run PowerShell (exit status {status}){told}"));
    // In every language, this is the name of what is not allowed.
    if text.split_whitespace().collect::<String>().contains("InConstrainedLanguage") {
        return error.hint(
            "PowerShell runs in constrained language mode there (AppLocker or App Control): this user needs the full language",
        );
    }
    error.hint("try `ssh <host> powershell -NoProfile -Command Get-Date`; the user needs a login shell that runs commands")
}

/// The login shell does not find the program.
fn no_powershell(program: PowerShellProgram, shell: LoginShell, whose: &str) -> TransportError {
    let name = program.name();
    let message = format!("{whose} has no `{name}`");
    let hint = match (shell, program) {
        (LoginShell::Unix, PowerShellProgram::Powershell) => {
            "it seems to be no Windows machine; where PowerShell 7 is installed, set `powershell: pwsh` in the target's `ssh`"
        }
        (_, PowerShellProgram::Pwsh) => {
            "install PowerShell 7 there, or leave `powershell: pwsh` out of the target's `ssh`: every Windows has `powershell`"
        }
        (LoginShell::Cmd | LoginShell::PowerShell, PowerShellProgram::Powershell) => {
            "it is a Windows machine, but its PATH misses C:\\Windows\\System32\\WindowsPowerShell\\v1.0"
        }
    };
    TransportError::new(TransportErrorKind::NoShell, message).hint(hint)
}

/// Where a target becomes root, it is no Windows machine.
pub(crate) fn not_with_become(whose: &str) -> TransportError {
    let message = format!("PowerShell is not run on {whose}, where `become` is set");
    let hint = "Windows has neither `sudo` nor `doas`: leave `become` out and log in as an administrator";
    TransportError::new(TransportErrorKind::NoShell, message).hint(hint)
}

fn protocol(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::Protocol, message)
}
