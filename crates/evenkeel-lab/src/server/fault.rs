//! What can go wrong with a command.

use std::time::Duration;

/// What happens to the next command on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the command is started.
    DropBefore,
    /// The connection ends after this many bytes of its output. The command itself runs to its end.
    DropAfter(usize),
    /// After this many bytes of output nothing more comes, and the connection stays.
    HangAfter(usize),
    /// These bytes come on standard output before the command's own.
    Garbage(Vec<u8>),
    /// The command starts late.
    Delay(Duration),
}
