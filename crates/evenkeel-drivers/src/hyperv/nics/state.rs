//! The State of NICs' settings, as far as a spec speaks of them, and how it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::Replies;
use serde::Serialize;

use super::names::{INCOMPATIBLE, is_equal, meant};
use super::pick::pick;
use super::spec::NicSettingsSpec;
use super::team::known;
use crate::hyperv::ground::{Ground, look};
use crate::hyperv::host::{Host, Property};
use crate::hyperv::way::same;

/// What NICs are set to, as far as a spec speaks of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NicSettingsState {
    /// RDMA of the host as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network_direct: Option<bool>,
    /// RDMA between subnets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) across_subnets: Option<bool>,
    /// By the NIC's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) adapters: BTreeMap<String, NicState>,
    /// What else was read, and no part of the state. `None` in what is wanted.
    #[serde(skip)]
    pub(super) evidence: Option<Arc<Evidence>>,
}

/// A NIC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NicState {
    /// Values by registry keyword, as the driver writes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) properties: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rdma: Option<bool>,
}

/// What a state is judged by.
#[derive(Debug, PartialEq)]
pub(super) struct Evidence {
    pub(super) host: Arc<Host>,
    /// What is wanted of each NIC.
    pub(super) wanted: BTreeMap<String, NicState>,
}

pub(super) fn observe(
    spec: &NicSettingsSpec,
    replies: &Replies,
) -> Result<Observed<NicSettingsState>, ObserveError> {
    match look(replies, false)? {
        Ground::Busy(reason) => Ok(Observed::Busy { reason }),
        Ground::Free(host) => Ok(Observed::Present(state(spec, host)?)),
    }
}

/// What a host is as far as a spec speaks of it.
pub(super) fn state(spec: &NicSettingsSpec, host: Arc<Host>) -> Result<NicSettingsState, ObserveError> {
    ask(&host)?;
    let mut state = NicSettingsState::default();
    let mut wanted = BTreeMap::new();
    for nic in pick(spec, &host)?.into_keys() {
        let wish = wish(spec, &host, nic)?;
        state.adapters.insert(nic.to_owned(), seen(&host, nic, &wish)?);
        wanted.insert(nic.to_owned(), wish);
    }
    if let Some(direct) = &spec.network_direct {
        let offload = host.offload()?.first();
        let is_on =
            |of: fn(&crate::hyperv::host::Offload) -> &str, on: &str| offload.map(|row| same(of(row), on));
        if direct.enabled.is_some() {
            state.network_direct = is_on(|row| &row.network_direct, "Enabled");
        }
        if direct.across_subnets.is_some() {
            state.across_subnets = is_on(|row| &row.network_direct_across_ip_subnets, "Allowed");
        }
    }
    state.evidence = Some(Arc::new(Evidence { host, wanted }));
    Ok(state)
}

/// What decides whether a NIC may restart, and tells whom that cuts off.
fn ask(host: &Host) -> Result<(), ObserveError> {
    known(host)?;
    if host.about()?.hyper_v {
        host.guests()?;
        host.running()?;
    }
    Ok(())
}

/// What is wanted of a NIC, in the words of its driver.
fn wish(spec: &NicSettingsSpec, host: &Host, nic: &str) -> Result<NicState, ObserveError> {
    let mut wish = NicState::default();
    if spec.set_incompatible.is_some() || !spec.properties.is_empty() {
        let properties: Vec<&Property> =
            host.properties()?.iter().filter(|one| same(&one.adapter, nic)).collect();
        for keyword in INCOMPATIBLE.iter().filter(|_| spec.set_incompatible.is_some()) {
            // A NIC that has no such property has not got the feature.
            if properties.iter().any(|one| same(&one.keyword, keyword)) {
                let off = meant(nic, &properties, keyword, &"0".into())?;
                wish.properties.insert(off.property.keyword.clone(), off.value);
            }
        }
        for (written, value) in &spec.properties {
            let meant = meant(nic, &properties, written, value)?;
            wish.properties.insert(meant.property.keyword.clone(), meant.value);
        }
    }
    if let Some(rdma) = spec.rdma {
        let can = host.rdma()?.iter().any(|one| same(&one.adapter, nic));
        if rdma && !can {
            let hint =
                "leave it out, or see `Get-NetAdapterRdma`: the driver may be the one that came with Windows";
            return Err(ObserveError::unfit(&["rdma"], format!("{nic} cannot do RDMA"), hint));
        }
        wish.rdma = can.then_some(rdma);
    }
    Ok(wish)
}

/// What a NIC is, as far as something is wanted of it.
fn seen(host: &Host, nic: &str, wish: &NicState) -> Result<NicState, ObserveError> {
    let mut seen = NicState::default();
    for (keyword, wanted) in &wish.properties {
        let mut properties = host.properties()?.iter();
        let found = properties.find(|one| same(&one.adapter, nic) && same(&one.keyword, keyword));
        let value = found.map(|one| one.values.join(",")).unwrap_or_default();
        let value = if is_equal(&value, wanted) { wanted.clone() } else { value };
        seen.properties.insert(keyword.clone(), value);
    }
    if wish.rdma.is_some() {
        seen.rdma = host.rdma()?.iter().find(|one| same(&one.adapter, nic)).map(|one| one.enabled);
    }
    Ok(seen)
}

/// What shall be.
pub(super) fn desired(spec: &NicSettingsSpec, seen: Option<&NicSettingsState>) -> NicSettingsState {
    let evidence = seen.and_then(|seen| seen.evidence.as_ref());
    NicSettingsState {
        network_direct: spec.network_direct.and_then(|direct| direct.enabled),
        across_subnets: spec.network_direct.and_then(|direct| direct.across_subnets),
        adapters: evidence.map(|evidence| evidence.wanted.clone()).unwrap_or_default(),
        evidence: None,
    }
}
