//! Exit codes. They are an interface: documented in `docs/reference/cli.md`, and stable.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing to do, or done.
    Done = 0,
    /// Something failed or is unknown.
    Error = 1,
    /// There are changes that were not sent: a plan, or what an apply had to hold.
    Pending = 2,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
