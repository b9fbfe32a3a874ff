//! Options of a command.
