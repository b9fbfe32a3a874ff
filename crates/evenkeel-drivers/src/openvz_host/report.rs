//! What there is to tell of a host beside what differs.

use evenkeel_core::condition::few;
use evenkeel_core::driver::{Health, Report};

use super::host::conf_of;
use super::spec::OpenvzHostSpec;
use super::state::OpenvzHostState;

pub(super) fn report(spec: &OpenvzHostSpec, seen: Option<&OpenvzHostState>) -> Report {
    let Some(seen) = seen else { return Report::default() };
    let health = seen.lacks.iter().map(|(id, lacks)| of_container(id, lacks)).collect();
    let wanted = OpenvzHostState::wanted(spec);
    let changed: Vec<&str> = wanted
        .containers
        .iter()
        .filter(|(id, wanted)| seen.containers.get(*id) != Some(wanted))
        .map(|(id, _)| id.as_str())
        .collect();
    let notes = match changed.as_slice() {
        [] => Vec::new(),
        [one] => vec![format!("what is changed of container {one} takes effect when it is started again")],
        several => {
            let named = few(several, ", ");
            vec![format!("what is changed of containers {named} takes effect when they are started again")]
        }
    };
    Report { health, notes, ..Report::default() }
}

fn of_container(id: &str, lacks: &[&'static str]) -> Health {
    let about = format!("Limits/{id}");
    if lacks.is_empty() {
        return Health::good(
            about,
            "UbcSet",
            format!("container {id} has the limits that it needs to start"),
        );
    }
    let (are, it) = if lacks.len() == 1 { ("is", "it") } else { ("are", "them") };
    let message = format!(
        "container {id} cannot be started: {} {are} not set in {}, and OpenVZ needs {it}",
        lacks.join(", "),
        conf_of(id)
    );
    Health::bad(about, "UbcMissing", message)
}
