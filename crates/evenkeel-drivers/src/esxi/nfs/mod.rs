//! `EsxiNfsDatastore`: an NFS datastore of one host.
//!
//! A host keeps NFS 3 and NFS 4.1 datastores in two lists; both are read, since a name may stand in either. Nothing of a
//! datastore can be changed while it is mounted, so a difference is a Replace: unmounted and mounted again, which is
//! held while virtual machines are registered on it. What is not in any manifest is left alone: a datastore carries no
//! mark.

mod api;
mod check;
mod commands;
mod listing;
mod registered;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{
    Delta, Driver, Finding, Found, Health, Marked, ObserveError, Observed, Report, Risk, Step,
};
use evenkeel_core::plan::Action;
use evenkeel_core::request::{Query, Replies};
use evenkeel_core::target::Way;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

pub use spec::{EsxiNfsDatastoreSpec, NfsVersion};

use super::api::{FIELD, hosts, object_of};
use super::names::Names;
use listing::{Listing, Mount};
use registered::Registered;

/// The only security that datastores are mounted with here.
const AUTH_SYS: &str = "AUTH_SYS";
/// Messages name at most so many virtual machines.
const MOST_NAMES: usize = 3;

/// A datastore as far as a spec speaks of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EsxiNfsDatastoreState {
    /// The server's names and addresses, sorted, with `,` between them.
    pub host: String,
    /// What the server exports.
    pub share: String,
    /// Whether it is mounted for reading only; missing where the host does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// `3` or `4.1`.
    pub version: NfsVersion,
    /// Whether it is mounted; missing where the host does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounted: Option<bool>,
    /// Whether its server answers; missing where the host does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accessible: Option<bool>,
    /// `AUTH_SYS`, `SEC_KRB5`, …; missing where the host does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<String>,
    /// The virtual machines on it, where it would be mounted anew. It is no part of the state.
    #[serde(skip)]
    registered: Option<Registered>,
}

impl EsxiNfsDatastoreState {
    fn of(mount: &Mount) -> Self {
        EsxiNfsDatastoreState {
            host: joined(&mount.hosts),
            share: mount.share.clone(),
            read_only: mount.read_only,
            version: mount.version,
            mounted: mount.mounted,
            accessible: mount.accessible,
            security: mount.security.clone(),
            registered: None,
        }
    }

    /// What a spec wants; `seen` tells what its host can tell.
    fn wanted(spec: &EsxiNfsDatastoreSpec, seen: Option<&Self>) -> Self {
        let told = seen.is_none_or(|seen| seen.read_only.is_some());
        EsxiNfsDatastoreState {
            host: joined(&spec.hosts()),
            share: spec.share.clone(),
            read_only: told.then_some(spec.read_only),
            version: spec.version,
            mounted: None,
            accessible: None,
            security: None,
            registered: None,
        }
    }

    fn is_as(&self, wanted: &Self) -> bool {
        let parts = |state: &Self| (state.host.clone(), state.share.clone(), state.read_only, state.version);
        parts(self) == parts(wanted)
    }
}

fn joined(hosts: &BTreeSet<String>) -> String {
    hosts.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// The driver of the kind `EsxiNfsDatastore`.
#[derive(Debug, Clone, Copy)]
pub struct EsxiNfsDatastore;

impl Driver for EsxiNfsDatastore {
    const KIND: &'static str = "EsxiNfsDatastore";
    const IMMUTABLE: &'static [&'static str] = &["host", "share", "readOnly", "version"];
    const VOLATILE: &'static [&'static str] = &["mounted", "accessible", "security"];
    const ROLLING: bool = true;

    type Spec = EsxiNfsDatastoreSpec;
    type State = EsxiNfsDatastoreState;

    fn check(&self, spec: &EsxiNfsDatastoreSpec) -> Vec<Finding> {
        check::check(spec)
    }

    fn object(&self, spec: &EsxiNfsDatastoreSpec) -> String {
        object_of(spec.esxi_host.as_deref(), &spec.name)
    }

    /// The two lists, what 4.x has instead, and who is on the datastore where it would be mounted anew.
    fn queries(&self, spec: &EsxiNfsDatastoreSpec, so_far: &Replies) -> Vec<Query> {
        let mut queries = listing::queries(so_far);
        if let Ok(Some(seen)) = seen(spec, so_far)
            && !seen.is_as(&EsxiNfsDatastoreState::wanted(spec, Some(&seen)))
        {
            queries.extend(registered::queries(so_far));
        }
        queries
    }

    fn observe(
        &self,
        spec: &EsxiNfsDatastoreSpec,
        replies: &Replies,
    ) -> Result<Observed<EsxiNfsDatastoreState>, ObserveError> {
        let listing = Listing::read(spec.esxi_host.as_deref(), replies)?;
        listing.fits(spec)?;
        let Some(mut seen) = seen(spec, replies)? else { return Ok(Observed::Absent { lacks: None }) };
        if !seen.is_as(&EsxiNfsDatastoreState::wanted(spec, Some(&seen))) {
            seen.registered = Some(listing.registered(&spec.name, replies)?);
        }
        Ok(Observed::Present(seen))
    }

    fn desired(
        &self,
        spec: &EsxiNfsDatastoreSpec,
        seen: Option<&EsxiNfsDatastoreState>,
        _: Timestamp,
    ) -> Option<EsxiNfsDatastoreState> {
        Some(EsxiNfsDatastoreState::wanted(spec, seen))
    }

    fn steps(&self, spec: &EsxiNfsDatastoreSpec, delta: &Delta<'_, EsxiNfsDatastoreState>) -> Vec<Step> {
        let Ok(listing) = Listing::read(spec.esxi_host.as_deref(), delta.replies) else { return Vec::new() };
        let mount = Step::new(listing.mount(spec));
        let elsewhere = mounted_elsewhere(spec, &listing).into_iter().chain(name_taken(spec, &listing));
        let (Action::Replace, Some(before)) = (delta.action, delta.before) else {
            return vec![held(mount, elsewhere)];
        };
        let Some(unmount) = listing.unmount(&spec.name, before.version) else { return Vec::new() };
        let unmount = Step::new(unmount).hazard(
            Risk::Disruptive,
            &spec.name,
            format!(
                "the datastore is away until it is mounted again; where the server refuses that, it stays away: \
                 before, it was {}:{}",
                before.host, before.share
            ),
        );
        // What the host would refuse to add must not be removed first.
        vec![held(unmount, why_it_stays(before).into_iter().chain(elsewhere)), mount]
    }

    fn report(
        &self,
        spec: &EsxiNfsDatastoreSpec,
        seen: Option<&EsxiNfsDatastoreState>,
        _: Timestamp,
    ) -> Report {
        let Some(seen) = seen else { return Report::default() };
        let mut report = Report { health: vec![health(&spec.name, seen)], ..Report::default() };
        if spec.read_only && seen.read_only.is_none() {
            report.notes.push("this release does not tell whether a datastore is read-only".to_owned());
        }
        let on_it: BTreeSet<String> = seen.registered.iter().flat_map(|r| r.names.iter().cloned()).collect();
        if !on_it.is_empty() {
            report.touches.insert("virtual machines".to_owned(), on_it);
        }
        report
    }

    fn inventory_queries(&self, so_far: &Replies) -> Vec<Query> {
        listing::queries(so_far)
    }

    fn inventory(&self, replies: &Replies) -> Result<Vec<Found>, ObserveError> {
        if replies.way() == Way::Vsphere {
            return of_hosts(replies);
        }
        if listing::is_no_esx(replies)? {
            return Ok(Vec::new());
        }
        let listing = Listing::read(None, replies)?;
        Ok(listing.mounts.iter().filter_map(|mount| found(None, mount)).collect())
    }

    /// A datastore carries no mark, so nothing is asked.
    fn marked_queries(&self, _: &Replies) -> Vec<Query> {
        Vec::new()
    }

    fn marked(&self, _: &Replies) -> Result<Vec<Marked>, ObserveError> {
        Ok(Vec::new())
    }
}

/// The datastore of this name; `None` where the host has none.
fn seen(
    spec: &EsxiNfsDatastoreSpec,
    replies: &Replies,
) -> Result<Option<EsxiNfsDatastoreState>, ObserveError> {
    let listing = Listing::read(spec.esxi_host.as_deref(), replies)?;
    Ok(listing.mounts.iter().find(|mount| mount.name == spec.name).map(EsxiNfsDatastoreState::of))
}

fn held(step: Step, reasons: impl IntoIterator<Item = String>) -> Step {
    let reasons: Vec<String> = reasons.into_iter().collect();
    if reasons.is_empty() { step } else { step.held(reasons.join("; ")) }
}

/// Why the host would refuse the mount: it has what the spec wants under another name. One server in common is enough,
/// and the version does not count.
fn mounted_elsewhere(spec: &EsxiNfsDatastoreSpec, listing: &Listing) -> Option<String> {
    let hosts = spec.hosts();
    let is_same = |mount: &&Mount| {
        mount.name != spec.name && mount.share == spec.share && !mount.hosts.is_disjoint(&hosts)
    };
    let other = listing.mounts.iter().find(is_same)?;
    Some(format!(
        "{}:{} is mounted as {} already: use that name, or unmount it by hand first",
        joined(&other.hosts),
        other.share,
        other.name
    ))
}

/// Why the host would refuse the mount: another datastore has the name. Over the API it is seen before.
fn name_taken(spec: &EsxiNfsDatastoreSpec, listing: &Listing) -> Option<String> {
    let is_taken = listing.has_other(&spec.name);
    is_taken.then(|| format!("the host has a datastore {} that is no NFS: use another name", spec.name))
}

/// Why a datastore may not be unmounted as things are.
fn why_it_stays(before: &EsxiNfsDatastoreState) -> Vec<String> {
    let mut reasons: Vec<String> =
        before.registered.as_ref().and_then(Registered::holds).into_iter().collect();
    if let Some(security) = before.security.as_deref().filter(|security| *security != AUTH_SYS) {
        reasons.push(format!(
            "it is mounted with {security}, and would be mounted again with {AUTH_SYS}: unmount it by hand first"
        ));
    }
    reasons
}

fn health(name: &str, seen: &EsxiNfsDatastoreState) -> Health {
    match (seen.mounted, seen.accessible) {
        (Some(false), _) => Health::bad("Datastore", "NotMounted", format!("{name} is not mounted")),
        (_, Some(false)) => Health::bad(
            "Datastore",
            "Inaccessible",
            format!("{name} is mounted, but its server {} does not answer", seen.host),
        ),
        _ => Health::good("Datastore", "Mounted", format!("{name} is mounted")),
    }
}

/// The datastores of all hosts of a server, each with its host where there are several.
fn of_hosts(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let hosts = hosts(replies)?;
    let mut all = Vec::new();
    for host in hosts.iter() {
        let name = (hosts.len() > 1).then_some(host.name.as_str());
        let listing = Listing::read(name, replies)?;
        all.extend(listing.mounts.iter().filter_map(|mount| found(name, mount)));
    }
    Ok(all)
}

/// `None` for one that no manifest can describe, such as one with an odd name: it is left out.
fn found(esxi_host: Option<&str>, mount: &Mount) -> Option<Found> {
    let written = EsxiNfsDatastoreSpec {
        esxi_host: esxi_host.map(str::to_owned),
        name: mount.name.clone(),
        host: Names(mount.hosts.iter().cloned().collect()),
        share: mount.share.clone(),
        read_only: mount.read_only == Some(true),
        version: mount.version,
    };
    if !check::check(&written).is_empty() {
        return None;
    }
    let host = match written.host.0.as_slice() {
        [one] => json!(one),
        all => json!(all),
    };
    let mut spec = BTreeMap::from([
        ("name".to_owned(), json!(written.name)),
        ("host".to_owned(), host),
        ("share".to_owned(), json!(written.share)),
    ]);
    if let Some(esxi_host) = &written.esxi_host {
        spec.insert(FIELD.to_owned(), json!(esxi_host));
    }
    if written.read_only {
        spec.insert("readOnly".to_owned(), json!(true));
    }
    if written.version == NfsVersion::V41 {
        spec.insert("version".to_owned(), json!(written.version));
    }
    Some(Found { object: object_of(esxi_host, &written.name), spec, owner: None })
}
