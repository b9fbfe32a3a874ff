//! What every driver here looks at before anything else: whether the host can have it, whether somebody is at work on
//! it, and who else rules its adapters.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_core::driver::{Finding, Health, ObserveError};
use evenkeel_core::period::Period;
use evenkeel_core::request::Replies;
use jiff::Timestamp;
use serde::Deserialize;

use super::guard::DEFAULT_SECONDS;
use super::host::{Adapter, Host};
use super::way::{is_pattern, same};

/// A guard that fired so long ago, and whose task is not there, never will put anything back.
const LONG_OVER: i64 = 600;
/// What `confirmWithin` may be, in seconds.
const CONFIRM: std::ops::RangeInclusive<u64> = 60..=3600;

/// A host that can be looked at.
pub(super) enum Ground {
    /// Nobody is at work on it.
    Free(Arc<Host>),
    /// A guarded change is being tried out, for this reason it is left alone.
    Busy(String),
}

/// A guard as `arm.ps1` writes it down, as far as anybody asks.
#[derive(Debug, Deserialize)]
struct Armed {
    id: String,
    fires: i64,
}

/// What `restore.ps1` writes down.
#[derive(Debug, Deserialize)]
struct RolledBack {
    at: i64,
    /// What it did, and why, in words.
    said: String,
}

/// Looks at the host. `needs_hyper_v`: without its cmdlets there is nothing to look at.
pub(super) fn look(replies: &Replies, needs_hyper_v: bool) -> Result<Ground, ObserveError> {
    let host = Host::read(replies)?;
    if needs_hyper_v && !host.about()?.hyper_v {
        return Err(ObserveError::unfit(
            &[],
            "the host has no cmdlets of Hyper-V",
            "install the role there and restart: `Install-WindowsFeature Hyper-V -IncludeManagementTools -Restart`",
        ));
    }
    match busy(&host)? {
        Some(reason) => Ok(Ground::Busy(reason)),
        None => Ok(Ground::Free(host)),
    }
}

/// Why the host is left alone: a guard is armed.
fn busy(host: &Host) -> Result<Option<String>, ObserveError> {
    let Some(told) = host.guard()?.first() else { return Ok(None) };
    let Some(armed) = told.armed.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    let armed: Armed = kept("Guard", armed)?;
    let left = armed.fires.saturating_sub(host.about()?.now);
    if left <= 0 && told.task == Some(true) {
        return Ok(Some(format!(
            "the host is putting back a change (guard {}), or will when it starts next; if this stays, see to its scheduled task \\Evenkeel\\Guard (`Start-ScheduledTask -TaskPath \\Evenkeel\\ -TaskName Guard`)",
            armed.id
        )));
    }
    if left <= LONG_OVER.saturating_neg() {
        return Ok(None);
    }
    let left = left.max(0);
    Ok(Some(format!(
        "a change (guard {}) is being tried out on this host; it is confirmed or put back within {left} s",
        armed.id
    )))
}

/// What the guard left behind: always what it could not put back, and where something `differs` that it put back at all.
/// One truth, since one name stands for one.
pub(super) fn left_behind(host: &Host, differs: bool) -> Option<Health> {
    let rolled_back = differs.then(|| rolled_back(host)).flatten();
    let Some(unfinished) = unfinished(host) else {
        return rolled_back.map(|told| Health::bad("Guard", "RolledBack", told));
    };
    let before = rolled_back.map(|told| format!("{told}; ")).unwrap_or_default();
    Some(Health::bad("Guard", "Unfinished", format!("{before}{unfinished}")))
}

/// What the host could not put back, and what to do about it; `None` where there is nothing such.
pub(super) fn unfinished(host: &Host) -> Option<String> {
    let left = host.guard().ok()?.first()?.unfinished.as_deref().filter(|text| !text.is_empty())?;
    Some(format!(
        "the host could not put back: {left}; do that by hand, then clear it: `Remove-ItemProperty HKLM:\\SOFTWARE\\Evenkeel -Name Unfinished`"
    ))
}

/// That the host put back what was there before the last guarded change; `None` where it did not come to that.
fn rolled_back(host: &Host) -> Option<String> {
    let kept_by_host = host.guard().ok()?.first()?;
    let told = kept_by_host.rolled_back.as_deref().filter(|text| !text.is_empty())?;
    let Ok(done) = kept::<RolledBack>("RolledBack", told) else {
        return Some("the host put back what was there before the last change".to_owned());
    };
    let at = Timestamp::from_second(done.at).map(|at| format!("at {at} ")).unwrap_or_default();
    Some(format!("{at}{}", done.said))
}

/// Reads what a script left in the registry.
fn kept<T: for<'de> Deserialize<'de>>(value: &str, text: &str) -> Result<T, ObserveError> {
    serde_json::from_str(text).map_err(|error| ObserveError::Unparsable {
        command: super::scripts::observe().request().display(),
        problem: format!("`{value}` below HKLM:\\SOFTWARE\\Evenkeel is not what was written there: {error}"),
    })
}

/// The NIC that is meant at `path`.
pub(super) fn nic<'a>(host: &'a Host, path: &[&str], reference: &str) -> Result<&'a Adapter, ObserveError> {
    if let Some(found) = host.find_nic(reference)? {
        return named(path, found);
    }
    if let Some(other) = host.adapters()?.iter().find(|adapter| same(&adapter.name, reference)) {
        let message = format!("{} is no NIC, but virtual ({})", other.name, other.description);
        return Err(ObserveError::unfit(path, message, "write the NIC below it"));
    }
    let nics = host.nics()?;
    let names = nics.iter().flat_map(|nic| [nic.name.as_str(), nic.description.as_str()]);
    let meant = near(reference, names).map(|name| format!(", did you mean `{name}`?")).unwrap_or_default();
    let there: Vec<String> = nics.iter().map(|nic| format!("{} ({})", nic.name, nic.description)).collect();
    let hint = match there.as_slice() {
        [] => "it shows no NIC at all: see `Get-NetAdapter` there".to_owned(),
        there => format!("it has: {}", there.join(", ")),
    };
    Err(ObserveError::unfit(path, format!("the host has no NIC `{}`{meant}", reference.escape_debug()), hint))
}

/// Refuses a NIC whose name cmdlets take for a pattern.
pub(super) fn named<'a>(path: &[&str], nic: &'a Adapter) -> Result<&'a Adapter, ObserveError> {
    if !is_pattern(&nic.name) {
        return Ok(nic);
    }
    let message = format!("{} ({}) has a name that cmdlets take for a pattern", nic.name, nic.description);
    let hint = "give it another by hand, without * ? [ ]: `Get-NetAdapter -InterfaceDescription … | Rename-NetAdapter -NewName NIC1`";
    Err(ObserveError::unfit(path, message, hint))
}

/// The word among `known` that was probably meant.
pub(super) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = 1.max(word.chars().count() / 4);
    let rated = known.into_iter().map(|one| (strsim::osa_distance(&word, &one.to_lowercase()), one));
    rated.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, one)| one)
}

/// Refuses adapters that somebody else rules: Network ATC, which would set them again, or a team of the older kind, which
/// knows nothing of a switch.
pub(super) fn refuse_ruled<'a>(
    host: &Host,
    path: &[&str],
    adapters: impl IntoIterator<Item = &'a str>,
) -> Result<(), ObserveError> {
    let intents = host.intents()?;
    for adapter in adapters {
        let of = intents.iter().find(|intent| intent.adapters.iter().any(|name| same(name, adapter)));
        if let Some(intent) = of {
            let message = format!(
                "Network ATC (intent `{}`) manages {adapter} and sets it again by its own rules",
                intent.name
            );
            let hint = format!(
                "leave this host out, or give the adapter up there: see `Get-NetIntent`, then `Remove-NetIntent -Name {}`",
                intent.name
            );
            return Err(ObserveError::unfit(path, message, hint));
        }
        if let Some(member) =
            host.lbfo()?.iter().find(|one| same(&one.nic, adapter) || same(&one.team, adapter))
        {
            let what = if same(&member.team, adapter) { "is itself a team" } else { "is in a team" };
            let message = format!("{adapter} {what} of the older kind (LBFO, `{}`)", member.team);
            let hint = format!(
                "a switch makes its own team of free NICs: `Remove-NetLbfoTeam -Name '{}'` at the host's own console, or leave this host out",
                member.team
            );
            return Err(ObserveError::unfit(path, message, hint));
        }
    }
    Ok(())
}

/// What a list of NICs in `adapters` must be.
pub(super) fn check_adapters(adapters: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for (nth, one) in adapters.iter().enumerate() {
        let path = ["adapters".to_owned(), nth.to_string()];
        if one.trim().is_empty() || one.trim() != one {
            let message = format!("`{}` is no NIC", one.escape_debug());
            found.push(Finding::error(path, message).hint("write a name, a MAC or an interface description"));
        } else if !known.insert(one.to_lowercase()) {
            found.push(Finding::error(path, format!("{one} is listed twice")).hint("write each NIC once"));
        }
    }
    found
}

/// What `confirmWithin` must be.
pub(super) fn check_confirm(within: Option<Period>) -> Option<Finding> {
    let within = within.filter(|within| !CONFIRM.contains(&within.as_seconds()))?;
    let message = format!("{within} is not between 1m and 1h");
    Some(
        Finding::error(["confirmWithin"], message)
            .hint("leave it out for 5m; adapters need some seconds to restart"),
    )
}

/// After how many seconds a host puts back what was there.
pub(super) fn seconds(within: Option<Period>) -> u64 {
    within.map_or(DEFAULT_SECONDS, Period::as_seconds)
}
