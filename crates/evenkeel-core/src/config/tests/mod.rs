//! The configuration as people get it wrong, and right.

mod bad;
mod good;
mod notifiers;

use super::{LoadedConfig, load};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::SourceFile;

/// The first line of a spec given to [`document`].
const SPEC_LINE: usize = 5;

fn file(path: &str, text: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_ref().to_vec() }
}

fn load_text(text: impl AsRef<[u8]>) -> LoadedConfig {
    load(&[file("f.yaml", text)], &[])
}

/// A document with this spec, every line of which begins in column 3.
fn document(kind: &str, name: &str, spec: &str) -> String {
    let spec: String = spec.lines().fold(String::new(), |text, line| text + "  " + line + "\n");
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec:\n{spec}---\n"
    )
}

fn rest() -> String {
    document("Controller", "main", "http: { listen: '127.0.0.1:0' }")
        + &document("DirectorySource", "folder", "path: /srv/site")
}

/// `f.yaml:1:2: error: message (hint)`
fn line(d: &Diagnostic) -> String {
    let word = if d.severity == Severity::Error { "error" } else { "warning" };
    let hint = d.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let place = d.location.as_ref().map_or_else(String::new, |l| format!("{l}: "));
    format!("{place}{word}: {}{hint}", d.message)
}

fn lines(loaded: &LoadedConfig) -> Vec<String> {
    loaded.diagnostics.iter().map(line).collect()
}
