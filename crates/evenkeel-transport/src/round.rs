//! A round of requests: made into a script, and its outcomes made into replies. The same for every shell that a
//! transport can reach.

use std::future::Future;
use std::time::Duration;

use evenkeel_core::request::{Exec, Reply, Request, SecretRef};
use evenkeel_core::target::Become;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::become_root::BecomeRoot;
use crate::credentials::{Credentials, mask};
use crate::frames::{Collector, Outcome, Output, Unframed};
use crate::login::{LoginShell, lacking};
use crate::script::{self, Command, Nonce};

/// The replies of a round, one per request.
pub(crate) type Replies = Vec<Result<Reply, TransportError>>;

/// A round, ready to be sent to a shell.
pub(crate) struct Round {
    become_root: Option<BecomeRoot>,
    /// Per request: `None` where its command is part of the script, else why it is not.
    refused: Vec<Option<TransportError>>,
    commands: Vec<Command>,
    nonce: Nonce,
    /// The longest time that one of the commands asks for.
    seconds: Option<u64>,
}

/// How a shell session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Every command is complete.
    Complete,
    /// The command in flight took longer than its time.
    TimedOut,
    /// The session ended first; with the exit status of the shell where that is known.
    Closed(Option<i32>),
    /// The server does not run the shell.
    Refused,
    /// What arrived is not framed.
    Unframed,
}

/// The shell session that a round runs in, as the reader of its outputs sees it.
pub(crate) trait Session: Send {
    /// The next piece of output; [`Piece::Closed`] once there is nothing more to come.
    fn next(&mut self) -> impl Future<Output = Piece> + Send;
}

/// What takes the outputs of a round apart.
pub(crate) trait Collect: Send {
    /// Takes the next bytes of one output.
    fn push(&mut self, output: Output, bytes: &[u8]) -> Result<(), Unframed>;

    /// How many requests are complete.
    fn completed(&self) -> usize;

    /// True once every request is complete.
    fn finished(&self) -> bool;
}

/// What a session gives.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Output, Vec<u8>),
    Closed(Option<i32>),
    Refused,
}

impl Round {
    /// Resolves the secrets of `requests`. A request that cannot be sent is answered by its error, the others are
    /// sent all the same.
    pub(crate) fn new(
        requests: &[Request],
        become_: Option<Become>,
        credentials_ref: Option<&str>,
        credentials: &dyn Credentials,
    ) -> Result<Self, TransportError> {
        let become_root =
            become_.map(|program| become_root(program, credentials_ref, credentials)).transpose()?;
        let nonce = Nonce::random().ok_or_else(|| {
            TransportError::new(TransportErrorKind::Configuration, "the system gives no random numbers")
        })?;
        let mut round =
            Round { become_root, refused: Vec::new(), commands: Vec::new(), nonce, seconds: None };
        for request in requests {
            let sent = request.as_exec().ok_or_else(|| no_command(request));
            round.seconds = round.seconds.max(sent.as_ref().ok().and_then(|exec| exec.seconds));
            let refused = match sent.and_then(|exec| command(exec, credentials)) {
                Ok(command) => {
                    round.commands.push(round.as_root(command));
                    None
                }
                Err(error) => Some(error),
            };
            round.refused.push(refused);
        }
        Ok(round)
    }

    /// The command as root, where the target says so.
    fn as_root(&self, command: Command) -> Command {
        match (&self.become_root, &command.input) {
            (Some(root), Some(input)) if root.asks() => {
                // The nonce by itself ends what is fed.
                let mark = format!("{} input", self.nonce.as_str());
                let input = Some(format!("{mark}\n{input}"));
                root.wrap_reading(Command { input, ..command }, &mark)
            }
            (Some(root), _) => root.wrap(command),
            (None, _) => command,
        }
    }

    /// The limits of a target, with the time that the commands ask for where that is more.
    pub(crate) fn limits(&self, of_target: Limits) -> Limits {
        let time = of_target.time.max(Duration::from_secs(self.seconds.unwrap_or_default()));
        Limits { time, ..of_target }
    }

    /// True where there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(crate) fn script(&self) -> Zeroizing<Vec<u8>> {
        script::script(&self.nonce, &self.commands)
    }

    pub(crate) fn collector(&self, limit: usize) -> Collector {
        Collector::new(&self.nonce, self.commands.len(), limit)
    }

    /// The same failure for every request that was or would have been sent.
    pub(crate) fn failed(self, error: &TransportError) -> Replies {
        self.refused.into_iter().map(|refused| Err(refused.unwrap_or_else(|| error.clone()))).collect()
    }

    /// The replies, given what was collected until the session ended. `whose` names the target in messages. Secrets that
    /// were sent are taken out of standard errors and messages: some programs repeat what they are given.
    pub(crate) fn replies(self, collector: Collector, end: &End, whose: &str, limits: Limits) -> Replies {
        let unanswered = Unanswered::of(&collector, end, whose, limits);
        let mut outcomes = collector.into_outcomes().into_iter();
        let mut first = true;
        let sent: Vec<&SecretString> = self.commands.iter().flat_map(|command| &command.stdin).collect();
        let mut answer = |refused: Option<TransportError>| {
            if let Some(error) = refused {
                return Err(error);
            }
            match outcomes.next() {
                Some(Outcome::Done(reply)) => match &self.become_root {
                    Some(root) => root.understand(reply),
                    None => Ok(reply),
                },
                Some(Outcome::TooLarge) => Err(too_large(whose, limits)),
                None if std::mem::take(&mut first) => Err(unanswered.in_flight.clone()),
                None => Err(unanswered.after.clone()),
            }
        };
        self.refused.into_iter().map(|refused| masked(answer(refused), &sent)).collect()
    }
}

/// In data, what is shorter than this may well be a word that has nothing to do with a secret.
const SHORTEST_IN_DATA: usize = 8;

/// `answer` without what was sent in secret. Standard output is data, which messages about it quote: only what nobody
/// takes for a word is taken out of it.
fn masked(answer: Result<Reply, TransportError>, sent: &[&SecretString]) -> Result<Reply, TransportError> {
    match answer {
        Ok(reply) if sent.is_empty() => Ok(reply),
        Ok(reply) => {
            let is_long = |secret: &&&SecretString| secret.expose_secret().len() >= SHORTEST_IN_DATA;
            let long: Vec<&SecretString> = sent.iter().filter(is_long).copied().collect();
            Ok(Reply { stdout: mask(&reply.stdout, &long), stderr: mask(&reply.stderr, sent), ..reply })
        }
        Err(error) if sent.is_empty() => Err(error),
        Err(error) => {
            let message = String::from_utf8_lossy(&mask(error.message.as_bytes(), sent)).into_owned();
            Err(TransportError { message, ..error })
        }
    }
}

/// The bounds of one command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    pub(crate) output: usize,
}

/// Collects what a session prints until the round is complete or something ends it. The time for the command in
/// flight starts anew with each command that completes.
pub(crate) async fn collect<S: Session, C: Collect>(
    session: &mut S,
    collector: &mut C,
    limits: Limits,
) -> End {
    let mut completed = 0;
    let mut deadline = Instant::now() + limits.time;
    while !collector.finished() {
        match timeout_at(deadline, session.next()).await {
            Err(_elapsed) => return End::TimedOut,
            Ok(Piece::Closed(status)) => return End::Closed(status),
            Ok(Piece::Refused) => return End::Refused,
            Ok(Piece::Bytes(output, bytes)) => {
                if collector.push(output, &bytes).is_err() {
                    return End::Unframed;
                }
            }
        }
        if collector.completed() > completed {
            completed = collector.completed();
            deadline = Instant::now() + limits.time;
        }
    }
    End::Complete
}

/// The errors of commands without a complete reply: the one that was running, and those after it.
struct Unanswered {
    in_flight: TransportError,
    after: TransportError,
}

impl Unanswered {
    fn of(collector: &Collector, end: &End, whose: &str, limits: Limits) -> Self {
        let both = |error: TransportError| Unanswered { in_flight: error.clone(), after: error };
        match end {
            End::TimedOut if collector.overflowing() => {
                Unanswered { in_flight: too_large(whose, limits), after: not_run(whose) }
            }
            End::TimedOut => {
                let seconds = limits.time.as_secs();
                let message = format!("a command on {whose} did not end within {seconds} s and was given up");
                let hint = "raise the target's `commandTimeoutSeconds` if it needs longer";
                let in_flight = TransportError::new(TransportErrorKind::Timeout, message).hint(hint);
                Unanswered { in_flight, after: not_run(whose) }
            }
            End::Unframed => both(TransportError::new(
                TransportErrorKind::Protocol,
                format!("the shell of {whose} answered out of order"),
            )),
            End::Refused => both(TransportError::new(
                TransportErrorKind::Protocol,
                format!("{whose} refuses to run commands for this user"),
            )),
            End::Closed(status) if !collector.begun() => both(no_shell(collector, *status, whose)),
            End::Closed(_) | End::Complete => both(TransportError::new(
                TransportErrorKind::ConnectionLost,
                format!("the connection to {whose} ended before the reply was complete"),
            )),
        }
    }
}

/// The session ended before the shell had read the script: nothing of the round was run.
fn no_shell(collector: &Collector, status: Option<i32>, whose: &str) -> TransportError {
    if let Some(status) = status {
        return not_a_shell(status, &collector.noise(), whose);
    }
    let message = format!("the connection to {whose} ended before its shell began");
    TransportError::new(TransportErrorKind::ConnectionLost, message)
}

/// The login ended with `status` and said `noise` instead of running `/bin/sh`.
pub(crate) fn not_a_shell(status: i32, noise: &[u8], whose: &str) -> TransportError {
    let shell = lacking("/bin/sh", status, noise).and_then(LoginShell::name);
    if let Some(shell) = shell {
        let message = format!("{whose} has no /bin/sh");
        let hint = format!(
            "it seems to be a Windows machine (its login shell is {shell}): only what goes through PowerShell can be done there"
        );
        return TransportError::new(TransportErrorKind::NoShell, message).hint(hint);
    }
    let noise = String::from_utf8_lossy(noise);
    let said = if noise.is_empty() { String::new() } else { format!(": {}", noise.trim()) };
    let message = format!("the login on {whose} does not run /bin/sh (exit status {status}){said}");
    let hint = "try `ssh <host> /bin/sh -c true`; the user needs a login shell that runs commands";
    TransportError::new(TransportErrorKind::Protocol, message).hint(hint)
}

pub(crate) fn not_run(whose: &str) -> TransportError {
    let message = format!("not run: an earlier command of the same round on {whose} did not end in time");
    TransportError::new(TransportErrorKind::Timeout, message)
}

pub(crate) fn too_large(whose: &str, limits: Limits) -> TransportError {
    let message = format!("a command on {whose} printed more than {} bytes", limits.output);
    TransportError::new(TransportErrorKind::OutputTooLarge, message)
}

pub(crate) fn become_root(
    program: Become,
    credentials_ref: Option<&str>,
    credentials: &dyn Credentials,
) -> Result<BecomeRoot, TransportError> {
    let secret = |name: &str| SecretRef { name: name.to_owned(), key: "becomePassword".to_owned() };
    let password = match credentials_ref {
        Some(name) => credentials.find(&secret(name))?,
        None => None,
    };
    Ok(BecomeRoot::new(program, password))
}

/// A shell runs commands; other requests are for other transports.
fn no_command(request: &Request) -> TransportError {
    if let Request::PowerShell(powershell) = request {
        let message = format!("{} needs PowerShell, which is reached over SSH only", powershell.script.name);
        let hint = "give the target `ssh`, also where Evenkeel runs on the same machine";
        return TransportError::new(TransportErrorKind::NoShell, message).hint(hint);
    }
    let message = format!("`{}` cannot be run by a shell", request.display());
    TransportError::new(TransportErrorKind::Configuration, message)
}

fn command(exec: &Exec, credentials: &dyn Credentials) -> Result<Command, TransportError> {
    let refuse = |why: &str| {
        let message = format!("`{}` cannot be run: {why}", exec.display());
        TransportError::new(TransportErrorKind::Configuration, message)
    };
    if exec.argv.is_empty() && exec.operands.is_empty() {
        return Err(refuse("it has no words"));
    }
    let words = exec.sent_words();
    if words.iter().any(|word| word.contains('\0')) {
        return Err(refuse("an argument contains a NUL character"));
    }
    if exec.log.as_ref().is_some_and(|log| !log.starts_with('/')) {
        return Err(refuse("its log is no absolute path"));
    }
    if exec.stdin.is_some() && exec.input.is_some() {
        return Err(refuse("its standard input is a secret and a script, and it can be one of them only"));
    }
    let input = exec.input.as_ref().map(|script| whole_lines(&script.text));
    if input.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(refuse("its standard input contains a NUL character, which no shell passes on"));
    }
    let stdin = exec.stdin.as_ref().map(|secret| credentials.get(secret)).transpose()?;
    Ok(Command { words, stdin: stdin.into_iter().collect(), input })
}

/// A text that ends with a line break, as every text file does; nothing stays nothing.
fn whole_lines(text: &str) -> String {
    let is_whole = text.is_empty() || text.ends_with('\n');
    let end = if is_whole { "" } else { "\n" };
    [text, end].concat()
}
