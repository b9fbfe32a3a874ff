//! `evenkeel validate`

use evenkeel_core::config::{self, LoadedConfig};
use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::manifest::{Loaded, load};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::args::{Output, Validate};
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs;
use crate::select::Selection;
use crate::ui;

pub(crate) fn run(args: &Validate, output: Output) -> Result<Exit, CliError> {
    let mut found = Found::default();
    if let Some(path) = &args.config {
        let values = inputs::read_values(&args.manifests)?;
        found.configuration(&path.display().to_string(), &config::load(&[inputs::read_file(path)?], &values));
    }
    if args.config.is_none() || !args.manifests.paths.is_empty() {
        found.manifests(args)?;
    }
    let failed = found.diagnostics.iter().any(|d| d.severity == Severity::Error);
    match output {
        Output::Json => ui::print_json(&found.into_json(!failed))?,
        Output::Human => {
            ui::show_diagnostics(&found.diagnostics);
            if !failed {
                ui::print(&format!("valid: {}\n", found.said.join("; ")));
            }
        }
    }
    Ok(if failed { Exit::Error } else { Exit::Done })
}

/// What was looked at.
#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    /// Counts for people, of what is valid.
    said: Vec<String>,
    /// Counts for scripts.
    counts: Vec<(&'static str, usize)>,
}

impl Found {
    fn configuration(&mut self, file: &str, loaded: &LoadedConfig) {
        let (sources, secrets) = (loaded.sources.len(), loaded.secrets.len());
        let (shown_sources, shown_secrets) = (ui::count(sources, "source"), ui::count(secrets, "secret"));
        self.said.push(format!("the configuration in {file} with {shown_sources} and {shown_secrets}"));
        self.counts.extend([("sources", sources), ("secrets", secrets)]);
        self.diagnostics.extend_from_slice(&loaded.diagnostics);
    }

    fn manifests(&mut self, args: &Validate) -> Result<(), CliError> {
        let registry = evenkeel_drivers::registry();
        let is_kind = |kind: &str| registry.kinds().iter().any(|k| k.eq_ignore_ascii_case(kind));
        let inputs = inputs::read(&args.manifests, is_kind)?;
        let loaded: Loaded = load(&registry, &inputs.manifests, &inputs.values, SystemClock.now());
        self.diagnostics.extend_from_slice(&loaded.diagnostics);
        self.counts.extend([("targets", loaded.targets.len()), ("instances", loaded.instances.len())]);
        if !loaded.has_errors() {
            let picked = Selection::new(&args.manifests, inputs.names)?.pick(&loaded)?.len();
            self.said.push(format!(
                "{} on {} in {}",
                ui::count(picked, "resource"),
                ui::count(loaded.targets.len(), "target"),
                ui::count(inputs.manifests.len(), "file")
            ));
        }
        Ok(())
    }

    fn into_json(self, is_valid: bool) -> Value {
        let mut document = json!({
            "formatVersion": FORMAT_VERSION,
            "valid": is_valid,
            "diagnostics": self.diagnostics,
        });
        if let Some(fields) = document.as_object_mut() {
            fields.extend(self.counts.into_iter().map(|(name, count)| (name.to_owned(), json!(count))));
        }
        document
    }
}
