//! Running a program and seeing what it costs.

use std::io::{Read as _, Seek as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// What one run of a program cost.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The most memory that it had resident at any time, in bytes.
    pub(crate) peak: u64,
}

/// Runs `command` to its end. Neither output is a terminal.
pub(crate) fn run(command: &mut Command) -> Ran {
    let mut errors = tempfile::tempfile().expect("a temporary file");
    let stderr = errors.try_clone().expect("a second handle");
    let begin = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().expect("it starts");
    let mut stdout = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
    let used = child.wait4().expect("it ends");
    let wall = begin.elapsed();
    let mut stderr = String::new();
    errors.rewind().expect("back to the start");
    errors.read_to_string(&mut stderr).expect("text");
    Ran {
        code: used.status.code(),
        stdout,
        stderr,
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
        peak: used.rusage.maxrss,
    }
}

impl Ran {
    /// Expects an exit code.
    pub(crate) fn expect(self, code: i32) -> Self {
        let start = |text: &str| text.chars().take(2000).collect::<String>();
        assert_eq!(self.code, Some(code), "it failed:\n{}\n{}", start(&self.stdout), start(&self.stderr));
        self
    }
}

/// Runs `times` times and takes the best of each figure: what else the machine does only ever adds to them.
pub(crate) fn best_of(times: usize, mut once: impl FnMut() -> Ran) -> Ran {
    let mut best = once();
    for _ in 1..times {
        best = best.better(once());
    }
    best
}

impl Ran {
    /// The best figures of both.
    pub(crate) fn better(self, other: Ran) -> Ran {
        Ran {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            peak: self.peak.min(other.peak),
            ..other
        }
    }
}
