//! Which of a host's NICs a spec is about.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;

use super::spec::{NicSelector, NicSettingsSpec};
use crate::hyperv::ground::{named, near, nic, refuse_ruled};
use crate::hyperv::host::{Adapter, Host, Switch};
use crate::hyperv::way::same;

/// The NICs by name. None fits: the manifest does not fit the host.
pub(super) fn pick<'a>(
    spec: &NicSettingsSpec,
    host: &'a Host,
) -> Result<BTreeMap<&'a str, &'a Adapter>, ObserveError> {
    let mut picked = BTreeMap::new();
    for (nth, reference) in spec.adapters.iter().flatten().enumerate() {
        let nth = nth.to_string();
        let path = ["adapters", nth.as_str()];
        let found = nic(host, &path, reference)?;
        refuse_ruled(host, &path, [found.name.as_str()])?;
        picked.insert(found.name.as_str(), found);
    }
    if let Some(selector) = &spec.selector {
        for found in select(selector, host)? {
            named(&["selector"], found)?;
            refuse_ruled(host, &["selector"], [found.name.as_str()])?;
            picked.insert(found.name.as_str(), found);
        }
    }
    Ok(picked)
}

fn select<'a>(selector: &NicSelector, host: &'a Host) -> Result<Vec<&'a Adapter>, ObserveError> {
    let uplinks = selector.uplinks_of.as_deref().map(|name| uplinks_of(host, name)).transpose()?;
    let fits = |nic: &&Adapter| {
        let of_description =
            selector.description.as_deref().is_none_or(|text| is_like(text, &nic.description));
        let of_switch =
            uplinks.as_ref().is_none_or(|uplinks| uplinks.iter().any(|uplink| same(uplink, &nic.name)));
        of_description && of_switch
    };
    let nics = host.nics()?;
    let picked: Vec<&Adapter> = nics.iter().copied().filter(fits).collect();
    if picked.is_empty() {
        let there: Vec<String> =
            nics.iter().map(|nic| format!("{} ({})", nic.name, nic.description)).collect();
        let hint = format!("it has: {}", there.join(", "));
        return Err(ObserveError::unfit(&["selector"], "no NIC of the host fits", hint));
    }
    Ok(picked)
}

/// The names of a switch's uplinks.
fn uplinks_of(host: &Host, name: &str) -> Result<Vec<String>, ObserveError> {
    let path = ["selector", "uplinksOf"];
    let switches = switches(host)?;
    if let Some(switch) = switches.iter().find(|switch| same(&switch.name, name)) {
        return Ok(host.uplinks(switch)?.into_iter().collect());
    }
    let meant = near(name, switches.iter().map(|switch| switch.name.as_str()));
    let meant = meant.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    let message = format!("the host has no switch `{}`{meant}", name.escape_debug());
    let there: Vec<&str> = switches.iter().map(|switch| switch.name.as_str()).collect();
    let hint = if there.is_empty() {
        "it has none yet: name the NICs in `adapters`, which need no switch".to_owned()
    } else {
        format!("it has: {}", there.join(", "))
    };
    Err(ObserveError::unfit(&path, message, hint))
}

/// The switches; none where the host has no Hyper-V.
pub(super) fn switches(host: &Host) -> Result<&[Switch], ObserveError> {
    if host.about()?.hyper_v { host.switches() } else { Ok(&[]) }
}

/// The switch that has this NIC as an uplink, and its uplinks.
pub(super) fn switch_of<'a>(host: &'a Host, nic: &str) -> Result<Option<&'a Switch>, ObserveError> {
    if host.about()?.hyper_v { host.switch_of(nic) } else { Ok(None) }
}

/// True where `text` is like `pattern`, in which `*` stands for anything.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut left) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return left.is_empty() };
    for part in parts {
        let Some((_, behind)) = left.split_once(part) else { return false };
        left = behind;
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_anything() {
        let description = "Mellanox ConnectX-5 Adapter #2";
        for pattern in
            ["Mellanox*", "mellanox connectx-5 adapter #2", "*#2", "*ConnectX*", "M*X-5*#2", "*", "**2"]
        {
            assert!(is_like(pattern, description), "{pattern}");
        }
        for pattern in ["Mellanox", "ConnectX*", "*#3", "M*#2*#2", "", "*Adapter", "Mellanox*2#*"] {
            assert!(!is_like(pattern, description), "{pattern}");
        }
    }
}
