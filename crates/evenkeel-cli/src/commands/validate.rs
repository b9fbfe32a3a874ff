//! `evenkeel validate`

use evenkeel_core::diagnostic::Severity;
use evenkeel_core::manifest::load;
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_engine::{Clock as _, SystemClock};
use serde_json::json;

use crate::args::{Manifests, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs;
use crate::select::Selection;
use crate::ui;

pub(crate) fn run(args: &Manifests, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let is_kind = |kind: &str| registry.kinds().iter().any(|k| k.eq_ignore_ascii_case(kind));
    let inputs = inputs::read(args, is_kind)?;
    let loaded = load(&registry, &inputs.manifests, &inputs.values, SystemClock.now());
    let failed = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
    let picked = if failed { Vec::new() } else { Selection::new(args, inputs.names)?.pick(&loaded)? };
    match output {
        Output::Json => ui::print_json(&json!({
            "formatVersion": FORMAT_VERSION,
            "valid": !failed,
            "targets": loaded.targets.len(),
            "instances": loaded.instances.len(),
            "diagnostics": loaded.diagnostics,
        }))?,
        Output::Human => ui::show_diagnostics(&loaded.diagnostics),
    }
    if failed {
        return Ok(Exit::Error);
    }
    if output == Output::Human {
        let files = inputs.manifests.len();
        ui::print(&format!(
            "valid: {} on {} in {}\n",
            ui::count(picked.len(), "resource"),
            ui::count(loaded.targets.len(), "target"),
            ui::count(files, "file")
        ));
    }
    Ok(Exit::Done)
}
