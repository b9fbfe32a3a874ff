//! Network ATC, as far as one has to know that it is there.

use super::super::value::Value;
use super::{Cmdlet, Needs};

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[Cmdlet::new("Get-NetIntent", &[], |host, _| {
    let intents = host.intents.iter().flatten().map(|intent| {
        Value::object(
            "Microsoft.NetworkAtc.Intent",
            [
                ("IntentName", Value::text(&intent.name)),
                ("Scope", Value::text("Host")),
                ("NetAdapterNamesAsList", Value::texts(intent.adapters.clone())),
                ("NetAdapterNameCsv", Value::text(intent.adapters.join(", "))),
            ],
        )
    });
    Ok(intents.collect())
})
.needs(Needs::NetworkAtc)];
