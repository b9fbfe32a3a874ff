//! What a simulated program prints, and how it ends.

use evenkeel_core::request::Reply;

use super::tree::Problem;

/// The status of what was killed.
pub(super) const KILLED: i32 = 137;

/// What was printed so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    out: String,
    err: String,
}

/// A program that did not end well: its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit(pub(super) i32);

/// How a program ends.
pub(super) type Ended<T = ()> = Result<T, Exit>;

impl Said {
    /// A line on standard output.
    pub(super) fn out(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    /// A line on standard error.
    pub(super) fn err(&mut self, line: impl AsRef<str>) {
        self.err.push_str(line.as_ref());
        self.err.push('\n');
    }

    /// What another program printed.
    pub(super) fn pass_on(&mut self, reply: &Reply) -> Ended {
        self.out.push_str(&String::from_utf8_lossy(&reply.stdout));
        self.err.push_str(&String::from_utf8_lossy(&reply.stderr));
        if reply.exit == 0 { Ok(()) } else { Err(Exit(reply.exit)) }
    }

    /// A line on standard error, and the end.
    pub(super) fn fail<T>(&mut self, exit: i32, line: impl AsRef<str>) -> Ended<T> {
        self.err(line);
        Err(Exit(exit))
    }

    /// What became of an operation on a tree: `what` is named before the problem.
    pub(super) fn expect<T>(&mut self, done: Result<T, Problem>, exit: i32, what: &str) -> Ended<T> {
        match done {
            Ok(value) => Ok(value),
            Err(Problem::Killed) => Err(Exit(KILLED)),
            Err(problem) => self.fail(exit, format!("{what}: {problem}")),
        }
    }

    /// Runs something, and answers what it printed.
    pub(super) fn of(run: impl FnOnce(&mut Said) -> Ended) -> Reply {
        let mut said = Said::default();
        let exit = match run(&mut said) {
            Ok(()) => 0,
            Err(Exit(exit)) => exit,
        };
        Reply { exit, stdout: said.out.into_bytes(), stderr: said.err.into_bytes() }
    }
}

impl From<Problem> for Exit {
    fn from(problem: Problem) -> Self {
        Exit(if problem == Problem::Killed { KILLED } else { 1 })
    }
}
