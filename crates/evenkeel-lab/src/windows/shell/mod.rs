//! The part of PowerShell that our scripts use.
//!
//! tree-sitter's grammar reads a script (`parse`), `run` runs it with the semantics that bite: lists that pipelines take apart, names
//! without case, comparisons that filter, and so on. Anything else of PowerShell is an error that says what, and on which line.

mod clixml;
mod command_line;
mod json;
mod parse;
mod run;
#[cfg(test)]
mod tests;
mod tree;

use super::value::{ErrorRecord, Value};
pub use command_line::{run_command_line, run_script};
pub use tree::Body;

/// What a cmdlet takes.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// Its name.
    pub cmdlet: &'static str,
    /// Its parameters, without the common ones (`ErrorAction` and the like; `Confirm` and `WhatIf` are common, too).
    pub parameters: &'static [Parameter],
}

/// A parameter of a cmdlet.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Where it stands if its name is not said: 0 is the first.
    pub position: Option<usize>,
    /// What comes down the pipeline is for it, whole.
    pub pipeline: bool,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Nothing, or a truth behind a colon or by splatting.
    Switch,
    /// `$true` or `$false`.
    Bool,
    /// A number.
    Int,
    /// Numbers.
    Ints,
    /// A text; anything is made into one.
    Text,
    /// Texts; one is a list of one.
    Texts,
    /// One of these words, whatever their case.
    Word(&'static [&'static str]),
    /// Anything, as it is.
    Any,
}

/// The arguments of a call, bound: converted to what their parameters take, by the names of the signature.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// In the order in which they were given.
    pub given: Vec<(&'static str, Value)>,
}

/// What the shell stands on: the machine's own cmdlets, its environment and its clock.
pub trait World {
    /// What a cmdlet takes; `None` where the machine has none of this name (in any case of letters).
    fn signature(&self, cmdlet: &str) -> Option<&'static Signature>;

    /// Runs a cmdlet of [`World::signature`], once for all that comes down the pipeline, which is a list at the parameter for it; a time is
    /// an object with `UnixSeconds`. `Ok` may come with errors that end nothing unless
    /// `$ErrorActionPreference` says so: none of our scripts lets any pass, so an error ends the statement.
    fn call(&mut self, cmdlet: &'static str, arguments: &Arguments) -> Result<Vec<Value>, ErrorRecord>;

    /// `$env:NAME`
    fn environment(&self, name: &str) -> Option<String>;

    /// The clock, in seconds since 1970 (UTC).
    fn now(&self) -> i64;

    /// `Start-Sleep`: the clock goes on, and whoever else runs on the machine goes on with it.
    fn sleep(&mut self, seconds: i64);

    /// Whether a cmdlet is a function of a module (those made of CIM classes are). Such a one sees the preferences of the
    /// global scope, but not those of who calls it in a scope of its own (PowerShell/PowerShell#4568).
    fn is_function(&self, cmdlet: &str) -> bool {
        let _ = cmdlet;
        false
    }

    /// Takes a named mutex for the script that runs. `has_waited`: it has tried before.
    fn take_mutex(&mut self, name: &str, has_waited: bool) -> Mutex {
        let _ = (name, has_waited);
        Mutex::Taken
    }

    /// Gives a named mutex back; false where this script does not have it.
    fn release_mutex(&mut self, name: &str) -> bool {
        let _ = name;
        true
    }

    /// The process was killed: nothing more of the script happens, not even `finally`.
    fn is_over(&self) -> bool {
        false
    }

    /// The process ends.
    fn end(&mut self) {}

    /// Which PowerShell it is.
    fn edition(&self) -> Edition;
}

/// Which PowerShell it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// Windows PowerShell 5.1.
    Desktop,
    /// PowerShell 7.
    Core,
}

/// What becomes of who wants a mutex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutex {
    /// Has it now.
    Taken,
    /// Another process has it.
    Held,
    /// Has it now, since the process that had it meanwhile ended without a word.
    Abandoned,
}

/// What a command line printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error: CLIXML where PowerShell itself writes it.
    pub stderr: Vec<u8>,
    /// The exit status.
    pub exit: i32,
}
