//! `cargo xtask tidy` proves what can be proved of docs/ARCHITECTURE.md and the other documents; `cargo xtask codegen`
//! writes the generated files (`--check`: says which are out of date instead).

mod codegen;
mod links;
mod runbook;
mod tidy;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let problems = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::run(&root()),
        ["codegen"] => codegen::run(&root(), false),
        ["codegen", "--check"] => codegen::run(&root(), true),
        _ => vec!["usage: cargo xtask tidy | codegen [--check]".to_owned()],
    };
    let mut out = std::io::stderr().lock();
    for problem in &problems {
        let _ = writeln!(out, "{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The repository's root.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
