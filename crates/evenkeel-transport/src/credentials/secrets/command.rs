//! Secrets that a program prints: `pass`, a cloud's command line, a script.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use evenkeel_core::transport::TransportError;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::super::private_file::without_line_break;
use super::problem;

/// What a program may print, in bytes. More than that is no secret.
const LARGEST: u64 = 64 << 10;

/// What of standard error is shown, in characters.
const COMPLAINT: usize = 200;

/// How often a program is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs `argv` in `folder` and returns what it prints, without the last line break. No shell is involved. What it
/// prints never stands in an error; of its standard error, the first line does.
pub(super) fn run(
    argv: &[String],
    folder: &Path,
    patience: Duration,
) -> Result<SecretString, TransportError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(problem("the command of a credential has no words".to_owned()));
    };
    // A name with a slash is a path from the configuration's folder, not from wherever this process was started.
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let failed = |why: &str| problem(format!("`{program}` gives no secret: {why}"));
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Of its own, so that what it starts ends with it.
        .process_group(0)
        .spawn()
        .map_err(|e| failed(&e.to_string()).hint("give the program's full path"))?;
    let deadline = Instant::now() + patience;
    let printed = collect(child.stdout.take());
    let complaint = collect(child.stderr.take());
    let status = wait(&mut child, deadline);
    if status.is_none() {
        end(&mut child);
        return Err(failed(&format!("it did not end within {} s", patience.as_secs_f32())));
    }
    let left = || deadline.saturating_duration_since(Instant::now()).max(PAUSE);
    let printed = printed.recv_timeout(left()).unwrap_or_default();
    match status {
        // It may well fail because nobody reads on.
        _ if printed.len() as u64 > LARGEST => Err(failed(&format!("it prints more than {LARGEST} bytes"))),
        Some(status) if !status.success() => {
            let said = first_line(&complaint.recv_timeout(left()).unwrap_or_default(), &printed);
            Err(failed(&format!("{status}{said}")))
        }
        _ => {
            let text = std::str::from_utf8(&printed).map_err(|_| failed("it does not print UTF-8 text"))?;
            match without_line_break(text) {
                "" => Err(failed("it prints nothing")),
                text => Ok(SecretString::from(text)),
            }
        }
    }
}

/// Reads on a thread of its own, so that neither output can keep the program waiting.
fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        if let Some(pipe) = pipe {
            // What was read until it broke is what there is.
            let _ = pipe.take(LARGEST + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends the program and what it started.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

/// The first line of a complaint, unless what was printed stands in it.
fn first_line(complaint: &[u8], printed: &[u8]) -> String {
    let complaint = String::from_utf8_lossy(complaint);
    let secret = String::from_utf8_lossy(printed);
    let secret = secret.trim();
    let line = complaint.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() || (!secret.is_empty() && line.contains(secret)) {
        return String::new();
    }
    let line: String = line.chars().filter(|c| !c.is_control()).take(COMPLAINT).collect();
    format!(": {line}")
}
