//! `evenkeel doctor`: whether everything is there that a controller needs, and what to mend.

mod credentials;
mod files;
mod finding;
mod service;
mod skew;
mod sources;
mod state;
mod targets;

pub(crate) use finding::{Finding, Verdict};

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use evenkeel_core::plan::FORMAT_VERSION;
use serde_json::json;

use crate::args::{Doctor as Args, Output};
use crate::controller::Configuration;
use crate::error::CliError;
use crate::exit::Exit;
use crate::session;
use crate::ui;

use super::serve::pieces::Ways;

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let findings = match session::block_on_reading(async { Ok(look(args).await) }) {
        Ok(findings) => findings?,
        Err(interrupted) => return Ok(interrupted),
    };
    match output {
        Output::Human => ui::show_findings(&findings),
        Output::Json => {
            ui::print_json(&json!({ "formatVersion": FORMAT_VERSION, "findings": findings }))?;
        }
    }
    Ok(exit(&findings))
}

/// A problem is an error; with warnings only there is something to do.
fn exit(findings: &[Finding]) -> Exit {
    let has = |verdict| findings.iter().any(|found| found.verdict == verdict);
    if has(Verdict::Problem) {
        Exit::Error
    } else if has(Verdict::Warning) {
        Exit::Pending
    } else {
        Exit::Done
    }
}

async fn look(args: &Args) -> Vec<Finding> {
    let mut findings = vec![service::time_zones()];
    findings.extend(service::unit().await);
    let configuration = match Configuration::read(args.config.as_deref(), &args.values) {
        Ok(configuration) => configuration,
        Err(error) => {
            let mend = error.advice().unwrap_or("see the message").to_owned();
            let message = format!("{}; what it names was not looked at", error.sentence());
            findings.insert(0, Finding::problem("configuration", message, mend));
            return findings;
        }
    };
    let shown = format!(
        "{} with {}",
        configuration.file().display(),
        ui::count(configuration.sources.len(), "source")
    );
    findings.insert(0, Finding::ok("configuration", shown));
    let state = configuration.state();
    let runs = service::is_running(&state);
    findings.extend(state::look(&state, runs).await);
    findings.push(service::controller(&state, runs).await);
    findings.extend(service::address(&configuration.controller, runs).await);
    findings.extend(files::look(&configuration));
    match Scratch::new() {
        Ok(scratch) => findings.extend(beyond(&configuration, &scratch, args.offline).await),
        Err(error) => findings.push(Finding::problem(
            "temporary files",
            error.to_string(),
            "make room in the folder for temporary files, or name another one in the variable TMPDIR",
        )),
    }
    findings
}

/// What credentials open: sources, and targets in them.
async fn beyond(configuration: &Configuration, scratch: &Scratch, offline: bool) -> Vec<Finding> {
    let ways = Ways::new(configuration, scratch.0.clone());
    let mut findings = credentials::look(configuration, ways.chain.as_ref());
    if offline {
        return findings;
    }
    let (found, targets) = sources::look(configuration, &ways).await;
    findings.extend(found);
    findings.extend(targets::look(&ways, targets).await);
    ways.transport.close().await;
    ways.ssh.close().await;
    findings
}

/// A folder for clones that nobody else can look into, gone at the end: those of the controller are not touched.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("evenkeel-doctor-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over holds nothing that is not in the repository.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a file can be read: `Err` says in a few words why not.
fn readable(path: &Path) -> Result<(), String> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err("it is not there".to_owned()),
        Err(e) => Err(format!("it cannot be read: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_wins_over_a_warning() {
        let ok = Finding::ok("a", "b");
        let warning = Finding::warning("a", "b", "c");
        let problem = Finding::problem("a", "b", "c");
        assert_eq!(exit(std::slice::from_ref(&ok)), Exit::Done);
        assert_eq!(exit(&[ok.clone(), warning.clone()]), Exit::Pending);
        assert_eq!(exit(&[ok, warning, problem]), Exit::Error);
    }
}
