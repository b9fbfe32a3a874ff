//! The interpreter, held against what PowerShell's documentation says, and our scripts in it.

mod cmdlets;
mod command_line;
mod language;
mod scripts;
mod toy;
