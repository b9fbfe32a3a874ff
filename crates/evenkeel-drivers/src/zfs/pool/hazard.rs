//! What setting a property of a pool can do to data and to the host.

use evenkeel_core::driver::{Risk, Step};

/// Adds the hazards of changing a property; `of` is how the setting is named in an acceptance.
pub(super) fn of_change(step: Step, of: String, name: &str, before: Option<&str>, after: &str) -> Step {
    match (name, after) {
        ("failmode", "panic") => {
            step.hazard(Risk::Disruptive, of, "the host will crash when the pool loses its devices")
        }
        ("multihost", "off") if before != Some("off") => step.hazard(
            Risk::DataLoss,
            of,
            "a second host that sees the devices can import the pool at the same time, which destroys it",
        ),
        ("autoreplace", "on") => step.hazard(
            Risk::Disruptive,
            of,
            "a device that is put in the place of one of the pool is formatted without asking",
        ),
        ("bootfs", _) => {
            step.hazard(Risk::Disruptive, of, "the host may start another system, or none, next time")
        }
        ("cachefile", "none") => {
            step.hazard(Risk::Disruptive, of, "the pool is not imported by itself when the host starts")
        }
        _ => step,
    }
}
