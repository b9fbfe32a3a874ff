//! `Install-WindowsFeature`: the role Hyper-V needs a restart, data center bridging does not.

use super::super::machine::WindowsHost;
use super::super::shell::{Arguments, Takes};
use super::super::value::{ErrorRecord, Value};
use super::{Cmdlet, Given, at, named};

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[Cmdlet::new(
    "Install-WindowsFeature",
    &[
        at(0, "Name", Takes::Texts),
        named("IncludeManagementTools", Takes::Switch),
        named("IncludeAllSubFeature", Takes::Switch),
        named("Restart", Takes::Switch),
    ],
    install,
)];

fn install(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let mut is_new = false;
    for name in arguments.texts("Name") {
        let there = match name.to_lowercase().as_str() {
            "data-center-bridging" => &mut host.dcb,
            "hyper-v" => &mut host.hyper_v,
            _ => {
                let message = format!(
                    "ArgumentNotValid: The role, role service, or feature name is not valid: '{name}'. The name was not found."
                );
                let id = "NameDoesNotExist";
                return Err(ErrorRecord::of("Install-WindowsFeature", "InvalidArgument", name, id, message));
            }
        };
        is_new |= !std::mem::replace(there, true);
    }
    let exit = if is_new { "Success" } else { "NoChangeNeeded" };
    Ok(vec![Value::object(
        "Microsoft.Windows.ServerManager.Commands.FeatureOperationResult",
        [
            ("Success", Value::Bool(true)),
            ("RestartNeeded", Value::text("No")),
            ("ExitCode", Value::text(exit)),
        ],
    )])
}
