//! Which devices a spec is about.

use evenkeel_core::driver::ObserveError;

use super::arrays::LOCAL;
use super::host::{Host, needs_vendors};
use super::spec::{Devices, EsxiPathPolicySpec};
use crate::esxi::reply::{NmpDevice, ScsiDevice};

/// What a spec is about, among the devices of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// The places in the host's list of those that are taken, in order of their ids.
    pub(super) taken: Vec<usize>,
    /// Those that would fit and are left alone, with why.
    pub(super) left: Vec<(usize, Reason)>,
    /// Ids that the spec names and the host does not have.
    pub(super) missing: Vec<String>,
}

/// Why a device is left alone though it would fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// The spec excludes it.
    Excluded,
    /// It is local, and not named.
    Local,
    /// The host boots from it, and it is not named.
    Boot,
}

/// What a spec is about on this host.
pub(super) fn select(spec: &EsxiPathPolicySpec, host: &Host) -> Result<Selection, ObserveError> {
    let mut selection = Selection::default();
    let Some(devices) = &spec.devices else { return Ok(selection) };
    let scsi = host.scsi();
    for (at, device) in host.devices.iter().enumerate() {
        if !may_fit(devices, device) {
            continue;
        }
        let told = scsi.as_ref().and_then(|all| all.get(device.id.as_str()).copied());
        if told.is_none() && (needs_vendors(spec) || scsi.is_some()) {
            return Err(host.unknown_to_scsi(&device.id));
        }
        match standing(devices, device, told) {
            Standing::Taken => selection.taken.push(at),
            Standing::Left(reason) => selection.left.push((at, reason)),
            Standing::Other => {}
        }
    }
    let id = |at: &usize| host.devices.get(*at).map(|device| device.id.as_str());
    selection.taken.sort_by(|a, b| id(a).cmp(&id(b)));
    let there = |wanted: &&String| host.devices.iter().any(|device| device.id == **wanted);
    selection.missing = devices.ids.iter().filter(|id| !there(id)).cloned().collect();
    Ok(selection)
}

/// True where it fits as far as the list of devices tells.
fn may_fit(devices: &Devices, device: &NmpDevice) -> bool {
    devices.ids.contains(&device.id)
        || (has_criteria(devices)
            && (devices.satp.is_empty() || devices.satp.has(&device.satp))
            && (devices.name_prefix.is_empty()
                || devices.name_prefix.iter().any(|prefix| device.id.starts_with(prefix))))
}

fn has_criteria(devices: &Devices) -> bool {
    [&devices.satp, &devices.vendor, &devices.model, &devices.name_prefix]
        .iter()
        .any(|names| !names.is_empty())
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Taken,
    Left(Reason),
    Other,
}

/// What a device is to a spec, which it [`may_fit`].
fn standing(devices: &Devices, device: &NmpDevice, told: Option<&ScsiDevice>) -> Standing {
    let (vendor, model) = told.map_or(("", ""), |told| (told.vendor.as_str(), told.model.as_str()));
    let named = devices.ids.contains(&device.id);
    let fits = has_criteria(devices)
        && (devices.satp.is_empty() || devices.satp.has(&device.satp))
        && (devices.vendor.is_empty() || devices.vendor.has(vendor))
        && (devices.model.is_empty() || devices.model.has(model))
        && (devices.name_prefix.is_empty()
            || devices.name_prefix.iter().any(|prefix| device.id.starts_with(prefix)));
    if !named && !fits {
        return Standing::Other;
    }
    let exclude = &devices.exclude;
    let excluded = exclude.ids.contains(&device.id)
        || exclude.satp.has(&device.satp)
        || exclude.vendor.has(vendor)
        || exclude.model.has(model)
        || exclude.name_prefix.iter().any(|prefix| device.id.starts_with(prefix));
    let local = device.satp == LOCAL || told.is_some_and(|told| told.is_local == Some(true));
    let boots = told.is_some_and(|told| told.is_boot == Some(true));
    match (excluded, named, boots, local) {
        (true, ..) => Standing::Left(Reason::Excluded),
        (_, false, true, _) => Standing::Left(Reason::Boot),
        (_, false, _, true) => Standing::Left(Reason::Local),
        _ => Standing::Taken,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::esxi::Names;
    use crate::esxi::paths::spec::Exclude;

    fn device(id: &str, satp: &str) -> NmpDevice {
        NmpDevice {
            id: id.to_owned(),
            display_name: String::new(),
            satp: satp.to_owned(),
            psp: "VMW_PSP_FIXED".to_owned(),
            config: String::new(),
            paths_in_use: Vec::new(),
        }
    }

    fn names(max: usize) -> impl Strategy<Value = Names> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "VMW_SATP_LOCAL"]), 0..=max)
            .prop_map(|names| Names(names.into_iter().map(str::to_owned).collect()))
    }

    fn ids() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(prop::sample::select(vec!["a1".to_owned(), "b1".to_owned()]), 0..2)
    }

    prop_compose! {
        fn some_devices()(
            satp in names(2), vendor in names(2), model in names(1), name_prefix in names(1), ids in ids(),
            out_satp in names(1), out_vendor in names(1), out_ids in ids(),
        ) -> Devices {
            let exclude = Exclude { ids: out_ids, satp: out_satp, vendor: out_vendor, ..Exclude::default() };
            Devices { satp, vendor, model, name_prefix, ids, exclude }
        }
    }

    proptest! {
        #[test]
        fn laws_of_selection(
            devices in some_devices(),
            id in prop::sample::select(vec!["a1", "b1", "c1"]),
            satp in prop::sample::select(vec!["a", "b", "VMW_SATP_LOCAL"]),
            vendor in prop::sample::select(vec!["a", "b", ""]),
            (boot, local) in any::<(Option<bool>, Option<bool>)>(),
        ) {
            let one = device(id, satp);
            let told = ScsiDevice {
                id: id.to_owned(),
                vendor: vendor.to_owned(),
                model: String::new(),
                is_boot: boot,
                is_local: local,
            };
            let got = if may_fit(&devices, &one) { standing(&devices, &one, Some(&told)) } else { Standing::Other };
            let named = devices.ids.contains(&one.id);
            let out = devices.exclude.ids.contains(&one.id)
                || devices.exclude.satp.has(satp)
                || devices.exclude.vendor.has(vendor);
            // What is excluded is never taken.
            prop_assert!(!out || got != Standing::Taken);
            // What is named is taken, whatever else is written and whatever it is.
            prop_assert!(out || !named || got == Standing::Taken);
            // What is local or booted from is only taken by name.
            let special = boot == Some(true) || local == Some(true) || satp == LOCAL;
            prop_assert!(named || !special || got != Standing::Taken);
            // What is taken and not named fits every criterion that is written, and there is one.
            if got == Standing::Taken && !named {
                prop_assert!(has_criteria(&devices));
                prop_assert!(devices.satp.is_empty() || devices.satp.has(satp));
                prop_assert!(devices.vendor.is_empty() || devices.vendor.has(vendor));
                prop_assert!(devices.model.is_empty());
            }
        }
    }
}
