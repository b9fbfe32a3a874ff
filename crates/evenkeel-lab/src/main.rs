//! `evenkeel-lab`: simulated targets to try Evenkeel on. Under the names in
//! [`programs`](evenkeel_lab::shim::programs) the same binary plays these programs on the simulated targets.

mod args;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use evenkeel_lab::shim;

use crate::args::{Args, Verb};

fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().and_then(|word| Path::new(word).file_name()?.to_str()).unwrap_or_default();
    if let Some(program) = shim::programs().find(|program| *program == name) {
        words.remove(0);
        return shim::run(program, words);
    }
    let result = match Args::parse_from(words).verb {
        Verb::Serve(options) => serve::serve(&options).map(|()| ExitCode::SUCCESS),
        Verb::Run(options) => serve::run(options),
    };
    result.unwrap_or_else(|error| {
        let mut text = format!("error: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        // There is nowhere left to report a failing stderr.
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::FAILURE
    })
}
