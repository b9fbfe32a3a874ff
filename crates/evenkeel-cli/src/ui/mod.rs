//! Everything that is printed. Output is calm: colour only on a terminal, progress on standard error.

mod abridge;
mod approvals;
mod audit;
mod copies;
mod diagnostics;
mod difference;
mod event;
mod findings;
mod fold;
mod history;
mod inventory;
mod lines;
mod narration;
mod plan;
mod progress;
mod retention;
mod run;
mod standing;
mod status;
mod style;
mod visible;
mod why;
mod wrap;

pub(crate) use approvals::show_approvals;
pub(crate) use audit::{show_audit, show_verified};
pub(crate) use copies::{show_checked, show_copies, show_restoration};
pub(crate) use diagnostics::show_diagnostics;
pub(crate) use difference::show_differences;
pub(crate) use event::{EventDocument, event_line};
pub(crate) use findings::show_findings;
pub(crate) use history::{show_history, show_run_record};
pub(crate) use inventory::show_inventory;
pub(crate) use plan::{PlanView, plain_plan, show_plan};
pub(crate) use progress::Bars;
pub(crate) use retention::show_decision;
pub(crate) use run::show_run;
pub(crate) use standing::show_standing;
pub(crate) use status::show_status;
pub(crate) use style::count;
pub(crate) use why::show_why;

use visible::visible;

use std::io::Write as _;

use serde::Serialize;

use crate::error::CliError;

/// Prints text for people to standard output.
pub(crate) fn print(text: &str) {
    print_raw(&visible(text));
}

/// Prints a document for programs to standard output. A closed pipe (`| head`) ends the program quietly.
pub(crate) fn print_raw(text: &str) {
    let mut out = anstream::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints text to standard error, for people only: where nobody can read it there is nobody to tell.
pub(crate) fn note(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = out.write_all(visible(text).as_bytes()).and_then(|()| out.flush());
}

/// Prints one JSON document.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| CliError::new("cannot write JSON").because(e))?;
    print_raw(&(text + "\n"));
    Ok(())
}

/// Prints one JSON document as one line, where more of them follow.
pub(crate) fn print_json_line<T: Serialize>(value: &T) -> Result<(), CliError> {
    let text = serde_json::to_string(value).map_err(|e| CliError::new("cannot write JSON").because(e))?;
    print_raw(&(text + "\n"));
    Ok(())
}
