//! Whole manifests in, diagnostics and instances out.

#![allow(clippy::format_push_string, clippy::format_collect, reason = "small texts are put together")]

mod bad;
mod claims;
mod digests;
mod hostile;
mod maintenance;
mod nodes;
mod properties;
mod rollouts;
mod schemas;
mod secrets;
mod selection;
mod slips;
mod toy;
mod traps;
mod uses;
mod variables;
mod vsphere;
mod windows;

use super::{Loaded, SourceFile, load};
use crate::diagnostic::{Diagnostic, Severity};

const NOW: &str = "2026-11-20T12:00:00Z";

fn file(path: &str, text: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_ref().to_vec() }
}

fn load_files(files: &[SourceFile], values: &[SourceFile]) -> Loaded {
    load(&toy::registry(), files, values, NOW.parse().unwrap())
}

fn load_text(text: impl AsRef<[u8]>) -> Loaded {
    load_files(&[file("f.yaml", text)], &[])
}

/// A target `t` and a Toy with this spec, every line of which begins in column 3.
fn toy_text(spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "{TARGET}---\napiVersion: evenkeel.dev/v1alpha1\nkind: Toy\nmetadata: {{ name: a }}\nspec:\n{spec}"
    )
}

/// The first line of a spec given to [`toy_text`].
const SPEC_LINE: usize = 11;

const TARGET: &str =
    "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata:\n  name: t\nspec: { local: {} }\n";

/// `f.yaml:1:2: error: message (hint)`
fn line(d: &Diagnostic) -> String {
    let word = if d.severity == Severity::Error { "error" } else { "warning" };
    let hint = d.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let place = d.location.as_ref().map_or_else(String::new, |l| format!("{l}: "));
    format!("{place}{word}: {}{hint}", d.message)
}

fn lines(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(line).collect()
}

/// The line with a caret below it.
fn caret(d: &Diagnostic) -> String {
    let before = " ".repeat(d.location.as_ref().unwrap().column - 1);
    format!("{}\n{before}{}", d.source_line, "^".repeat(d.length))
}
