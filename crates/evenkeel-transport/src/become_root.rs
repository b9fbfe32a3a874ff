//! `become`: running commands as root by `sudo` or `doas`, and understanding their refusals.

use evenkeel_core::request::Reply;
use evenkeel_core::target::Become;
use evenkeel_core::transport::{TransportError, TransportErrorKind};
use secrecy::SecretString;

use crate::script::Command;

/// The exit status of a shell that does not find a program.
const NOT_FOUND: i32 = 127;

/// Reads its own standard input up to our line, which comes after the password, if that was asked for, or is the first
/// one, and then becomes the command.
const AFTER_PASSWORD: &str =
    "n=$1; shift; while IFS= read -r l; do [ \"$l\" = \"$n\" ] && exec \"$@\"; done; exit 125";

/// How commands get root rights on a target.
#[derive(Debug)]
pub(crate) struct BecomeRoot {
    program: Become,
    /// Only `sudo` takes a password from standard input; `doas` insists on a terminal.
    password: Option<SecretString>,
}

impl BecomeRoot {
    /// `password` is ignored for `doas`, which reads it from a terminal only.
    pub(crate) fn new(program: Become, password: Option<SecretString>) -> Self {
        BecomeRoot { program, password: password.filter(|_| program == Become::Sudo) }
    }

    /// True where the program may read a password from standard input.
    pub(crate) fn asks(&self) -> bool {
        self.password.is_some()
    }

    /// The password, to be taken out of what is shown.
    pub(crate) fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The command as root.
    ///
    /// With a password, `-k` makes `sudo` ask each time: a password that was not asked for would end up on the
    /// standard input of the command itself.
    pub(crate) fn wrap(&self, command: Command) -> Command {
        let prefix: &[&str] = match (self.program, &self.password) {
            (Become::Sudo, None) => &["sudo", "-n", "--"],
            (Become::Sudo, Some(_)) => &["sudo", "-k", "-S", "-p", "", "--"],
            (Become::Doas, _) => &["doas", "-n", "--"],
        };
        let words = prefix.iter().map(|w| (*w).to_owned()).chain(command.words).collect();
        Command { words, stdin: self.password.iter().cloned().chain(command.stdin).collect(), ..command }
    }

    /// The same for a command whose input follows on standard input: behind the line `mark`, where the program may read a
    /// password before it. Whether it does so is told nowhere, and what it leaves would be the first line of the input.
    pub(crate) fn wrap_reading(&self, command: Command, mark: &str) -> Command {
        if !self.asks() {
            return self.wrap(command);
        }
        let reading = ["/bin/sh", "-c", AFTER_PASSWORD, "sh", mark].map(str::to_owned);
        self.wrap(Command { words: reading.into_iter().chain(command.words).collect(), ..command })
    }

    /// The reply of the command itself, or why it was not run.
    pub(crate) fn understand(&self, mut reply: Reply) -> Result<Reply, TransportError> {
        if reply.exit == 0 || !reply.stdout.is_empty() {
            return Ok(reply);
        }
        let stderr = reply.stderr_text();
        if reply.exit == 1 && stderr.lines().any(|l| self.says_not_found(l)) {
            reply.exit = NOT_FOUND;
            return Ok(reply);
        }
        let program = self.name();
        let missing = || stderr.lines().any(|l| l.contains(program) && l.contains("not found"));
        if reply.exit == NOT_FOUND && missing() {
            let error = failed(format!("`become: {program}` does not work: {program} is not installed"));
            return Err(error.hint("install it, or log in as root and leave `become` out"));
        }
        if reply.exit != 1 {
            return Ok(reply);
        }
        match stderr.lines().find_map(|line| self.refusal(line)) {
            Some((line, hint)) => Err(failed(format!("{program} refused: {line}")).hint(hint)),
            None => Ok(reply),
        }
    }

    fn name(&self) -> &'static str {
        match self.program {
            Become::Sudo => "sudo",
            Become::Doas => "doas",
        }
    }

    /// `sudo: zfs: command not found`: the command is missing, not the right to run it.
    fn says_not_found(&self, line: &str) -> bool {
        let rest = line.strip_prefix(self.name()).and_then(|r| r.strip_prefix(": "));
        rest.is_some_and(|r| r.ends_with(": command not found") || r.ends_with(": No such file or directory"))
    }

    /// The refusal that a line of standard error is, and what to do about it.
    fn refusal<'a>(&self, line: &'a str) -> Option<(&'a str, String)> {
        let asked = match self.program {
            Become::Sudo => sudo_refusal(line)?,
            Become::Doas => doas_refusal(line)?,
        };
        let hint = match (asked, &self.password) {
            (Refusal::Terminal, _) => "remove `requiretty` for this user from sudoers".to_owned(),
            (Refusal::Password, Some(_)) => "check the credential's `becomePassword`".to_owned(),
            (Refusal::Password, None) if self.program == Become::Sudo => {
                "put `becomePassword` into the target's credential, or allow the commands with NOPASSWD in sudoers"
                    .to_owned()
            }
            (Refusal::Password, None) => {
                "doas takes no password without a terminal: add `permit nopass <user>` to doas.conf".to_owned()
            }
            (Refusal::Forbidden, _) => format!("allow this user the command in {}", self.rules()),
        };
        Some((line, hint))
    }

    fn rules(&self) -> &'static str {
        match self.program {
            Become::Sudo => "sudoers",
            Become::Doas => "doas.conf",
        }
    }
}

enum Refusal {
    Password,
    Terminal,
    Forbidden,
}

/// The wordings of sudo (Todd Miller's) and of sudo-rs.
fn sudo_refusal(line: &str) -> Option<Refusal> {
    let own = line.strip_prefix("sudo: ");
    let own_contains = |texts: &[&str]| own.is_some_and(|l| texts.iter().any(|t| l.contains(t)));
    if own_contains(&["you must have a tty"]) {
        return Some(Refusal::Terminal);
    }
    let password = own_contains(&[
        "a password is required",
        "a terminal is required",
        "interactive authentication is required",
        "no tty present",
        "no password was provided",
        "incorrect password attempt",
        "incorrect authentication attempt",
        "uthentication failure",
    ]);
    if password || line == "Sorry, try again." {
        return Some(Refusal::Password);
    }
    let text = own.unwrap_or(line);
    let sorry = text.starts_with("Sorry, user ");
    let forbidden = (sorry && (text.contains(" is not allowed to ") || text.contains(" may not run ")))
        || text.starts_with("I'm sorry ")
        || text.contains(" is not in the sudoers file")
        || text.contains(" is not allowed to run sudo on ")
        || own_contains(&["account validation failure", "is not allowed to"]);
    forbidden.then_some(Refusal::Forbidden)
}

fn doas_refusal(line: &str) -> Option<Refusal> {
    let own = line.strip_prefix("doas: ")?;
    let password = ["Authentication required", "Authorization required", "a tty is required"];
    if password.iter().any(|t| own.contains(t)) || own.contains("Authentication failed") {
        return Some(Refusal::Password);
    }
    own.contains("Operation not permitted").then_some(Refusal::Forbidden)
}

fn failed(message: String) -> TransportError {
    TransportError::new(TransportErrorKind::BecomeFailed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sudo(password: Option<&str>) -> BecomeRoot {
        BecomeRoot::new(Become::Sudo, password.map(SecretString::from))
    }

    fn reply(exit: i32, stderr: &str) -> Reply {
        Reply { exit, stdout: vec![], stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn refusals_are_recognised() {
        let without = [
            "sudo: a password is required\n",
            "sudo: a terminal is required to read the password; either use the -S option\nsudo: a password is required",
            "sudo: no tty present and no askpass program specified",
            "sudo: sorry, you must have a tty to run sudo",
            "Sorry, user ops is not allowed to execute '/sbin/zfs list' as root on pve1.",
            "ops is not in the sudoers file.  This incident will be reported.",
            "ops is not allowed to run sudo on pve1.",
            "sudo: interactive authentication is required",
            "sudo: I'm sorry ops. I'm afraid I can't do that",
            "sudo: Sorry, user ops may not run /sbin/zfs on pve1.",
        ];
        for stderr in without {
            let error = sudo(None).understand(reply(1, stderr)).expect_err(stderr);
            assert_eq!(error.kind, TransportErrorKind::BecomeFailed);
            assert!(error.hint.is_some(), "{stderr}");
        }
        let wrong = "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt";
        let error = sudo(Some("pw")).understand(reply(1, wrong)).unwrap_err();
        assert!(error.hint.unwrap().contains("becomePassword"));
        let doas = BecomeRoot::new(Become::Doas, None);
        for stderr in ["doas: Authentication required", "doas: Operation not permitted"] {
            assert_eq!(
                doas.understand(reply(1, stderr)).unwrap_err().kind,
                TransportErrorKind::BecomeFailed,
                "{stderr}"
            );
        }
        let error = sudo(None).understand(reply(127, "/bin/sh: 12: sudo: not found")).unwrap_err();
        assert!(error.message.contains("not installed"), "{error}");
    }

    #[test]
    fn the_commands_own_failures_stay_replies() {
        for stderr in [
            "cannot open 'tank/x': dataset does not exist",
            "sudo: unable to resolve host pve1: Name or service not known\ncannot create 'tank/x'",
            "",
        ] {
            assert_eq!(sudo(None).understand(reply(1, stderr)), Ok(reply(1, stderr)));
        }
        let printed = Reply { stdout: b"x".to_vec(), ..reply(1, "sudo: a password is required") };
        assert_eq!(sudo(None).understand(printed.clone()), Ok(printed));
    }

    #[test]
    fn a_missing_command_is_127_as_without_sudo() {
        for stderr in ["sudo: zfs: command not found", "sudo: 'zfs': command not found"] {
            assert_eq!(sudo(None).understand(reply(1, stderr)), Ok(reply(127, stderr)));
        }
        let doas = BecomeRoot::new(Become::Doas, None);
        assert_eq!(doas.understand(reply(1, "doas: zfs: command not found")).unwrap().exit, 127);
        assert_eq!(sudo(None).understand(reply(127, "sh: zfs: not found")).unwrap().exit, 127);
    }

    #[test]
    fn the_password_goes_to_standard_input_only() {
        let command = Command { words: vec!["zfs".into()], stdin: vec![], input: None };
        let wrapped = sudo(Some("hunter2")).wrap(command);
        assert_eq!(wrapped.words, ["sudo", "-k", "-S", "-p", "", "--", "zfs"]);
        assert_eq!(wrapped.stdin.len(), 1);
    }
}
