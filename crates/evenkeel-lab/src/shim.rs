//! The programs that a simulated target has on its `PATH`: `zfs`, `vzlist`, `esxcli` and so on, which ask the lab, `vzdump`,
//! which writes dumps as the lab tells it to, and `sudo` and `doas`, which give their command root's rights or refuse.
//!
//! A shim is one binary under these names. It is started for every command, so it does as little as it can.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use evenkeel_core::request::Reply;

use crate::wire::{Call, decode_reply};
use crate::zfs::Rights;
use crate::{containers, esxi, vzdump};

/// The socket of the lab.
pub const SOCKET: &str = "EVENKEEL_LAB_SOCKET";
/// The target that the shell runs on.
pub const TARGET: &str = "EVENKEEL_LAB_TARGET";
/// Set where the lab wants to know what programs are given on standard input.
pub const READS: &str = "EVENKEEL_LAB_READS";
/// `root` or `user`.
pub const RIGHTS: &str = "EVENKEEL_LAB_RIGHTS";
/// What `sudo` and `doas` do: `passwordless`, `refused`, or `password=` and the password.
pub const SUDO: &str = "EVENKEEL_LAB_SUDO";

/// The names that a shim is linked under on every target.
pub(crate) const EVERYWHERE: [&str; 2] = ["sudo", "doas"];
/// The names that it is linked under on a target with ZFS.
pub(crate) const ZFS: [&str; 2] = ["zfs", "zpool"];

/// All names that a shim is linked under.
pub fn programs() -> impl Iterator<Item = &'static str> {
    EVERYWHERE
        .into_iter()
        .chain(ZFS)
        .chain(vzdump::PROGRAMS)
        .chain(esxi::PROGRAMS)
        .chain(containers::PROGRAMS)
}

/// Does what the program called `name` does with `args`.
pub fn run(name: &str, args: Vec<OsString>) -> ExitCode {
    match name {
        "sudo" | "doas" => become_root(name, args),
        _ => vzdump::run_program(name, &args, &|words| ask(words))
            .unwrap_or_else(|| ask_lab(name, args))
            .unwrap_or_else(|error| {
                complain(&format!("{name}: {error}"));
                ExitCode::from(127)
            }),
    }
}

fn ask_lab(name: &str, args: Vec<OsString>) -> io::Result<ExitCode> {
    let lossy = |word: OsString| word.to_string_lossy().into_owned();
    print(&ask(std::iter::once(name.to_owned()).chain(args.into_iter().map(lossy)).collect())?)
}

/// Asks the lab that this process was started by.
fn ask(words: Vec<String>) -> io::Result<Reply> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let rights = if variable(RIGHTS) == "root" { Rights::Root } else { Rights::User };
    let mut stdin = Vec::new();
    if !variable(READS).is_empty() {
        io::stdin().read_to_end(&mut stdin)?;
    }
    let stdin = String::from_utf8_lossy(&stdin).into_owned();
    let call = Call { target: variable(TARGET), rights, argv: words, stdin };
    let told = |error| io::Error::other(format!("cannot reach the lab at {SOCKET}: {error}"));
    exchange(&variable(SOCKET), &call).map_err(told)
}

/// Sends a call to the lab at `socket`, prints what it answers and returns its exit status.
pub fn call_lab(socket: &str, call: &Call) -> io::Result<ExitCode> {
    print(&exchange(socket, call)?)
}

fn exchange(socket: &str, call: &Call) -> io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&call.encode())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    decode_reply(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn print(reply: &Reply) -> io::Result<ExitCode> {
    io::stdout().write_all(&reply.stdout)?;
    io::stdout().flush()?;
    io::stderr().write_all(&reply.stderr)?;
    Ok(exit_code(reply.exit))
}

fn exit_code(exit: i32) -> ExitCode {
    ExitCode::from(u8::try_from(exit & 0xff).unwrap_or(255))
}

fn complain(text: &str) {
    // There is nowhere left to report a failing stderr.
    let _ = writeln!(io::stderr(), "{text}");
}

fn become_root(name: &str, args: Vec<OsString>) -> ExitCode {
    let mut asks = true;
    let mut from_stdin = false;
    let mut words = args.into_iter().peekable();
    while let Some(option) = words.next_if(|word| word.to_string_lossy().starts_with('-')) {
        match option.to_string_lossy().as_ref() {
            "--" => break,
            "-n" => asks = false,
            "-S" => from_stdin = true,
            "-p" | "-u" => drop(words.next()),
            _ => {}
        }
    }
    let mode = std::env::var(SUDO).unwrap_or_default();
    let password = mode.strip_prefix("password=");
    let given = if asks && from_stdin { read_line() } else { None };
    let problem = match (mode.as_str(), password, name) {
        ("passwordless", ..) => None,
        (_, Some(password), "sudo") if given.as_deref() == Some(password) => None,
        (_, Some(_), "sudo") if given.is_some() => {
            Some("Sorry, try again.\nsudo: 1 incorrect password attempt")
        }
        (_, _, "sudo") if given.is_some() => Some("this user is not in the sudoers file."),
        (_, _, "sudo") => Some("sudo: a password is required"),
        (_, Some(_), _) => Some("doas: Authentication required"),
        _ => Some("doas: Operation not permitted"),
    };
    if let Some(problem) = problem {
        complain(problem);
        return ExitCode::from(1);
    }
    let Some(program) = words.next() else {
        complain(&format!("usage: {name} command [arg ...]"));
        return ExitCode::from(1);
    };
    let error = Command::new(&program).args(words).env(RIGHTS, "root").exec();
    complain(&format!("{name}: {}: {error}", program.to_string_lossy()));
    ExitCode::from(1)
}

/// Reads up to a newline, byte by byte: what follows belongs to the command.
fn read_line() -> Option<String> {
    let mut line = Vec::new();
    // Not through `io::stdin()`, which reads ahead.
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let mut byte = [0];
    while stdin.read(&mut byte).ok()? == 1 {
        let [byte] = byte;
        if byte == b'\n' {
            return String::from_utf8(line).ok();
        }
        line.push(byte);
    }
    None
}
