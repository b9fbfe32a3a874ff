//! What the NICs of a host are set to, as the manifests that would leave them so.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use serde_json::{Map, Value, json};

use super::OBJECT;
use super::check::property;
use super::names::{ALIASES, ROCE_VERSION};
use super::report::value;
use crate::hyperv::host::Host;
use crate::hyperv::way::{is_pattern, same};

/// One manifest for the NICs that are set alike.
pub(super) fn inventory(host: &Host) -> Result<Vec<Found>, ObserveError> {
    let mut alike: BTreeMap<String, (BTreeMap<String, Value>, Vec<&str>)> = BTreeMap::new();
    for nic in host.nics()?.into_iter().filter(|nic| !is_pattern(&nic.name)) {
        let settings = settings(host, &nic.name)?;
        if !settings.is_empty() {
            let key = json!(settings).to_string();
            alike.entry(key).or_insert_with(|| (settings, Vec::new())).1.push(&nic.name);
        }
    }
    let found = |(mut spec, nics): (BTreeMap<String, Value>, Vec<&str>)| {
        spec.insert("adapters".to_owned(), json!(nics));
        Found { object: OBJECT.to_owned(), spec, owner: None }
    };
    Ok(alike.into_values().map(found).collect())
}

fn settings(host: &Host, nic: &str) -> Result<BTreeMap<String, Value>, ObserveError> {
    host.properties()?;
    let mut spec = BTreeMap::new();
    let mut properties = Map::new();
    for (alias, keyword) in ALIASES {
        let Some(value) = value(host, nic, keyword) else { continue };
        let value = match (alias, value.as_str()) {
            (ROCE_VERSION, "3") => "1",
            (ROCE_VERSION, "4") => "2",
            // iWARP and InfiniBand have no version.
            (ROCE_VERSION, _) => continue,
            (_, value) => value,
        };
        let Ok(number) = value.parse::<u64>() else { continue };
        // What a manifest may not say.
        if property(alias, value).is_some() {
            continue;
        }
        properties.insert(alias.to_owned(), json!(number));
    }
    if !properties.is_empty() {
        spec.insert("properties".to_owned(), Value::from(properties));
    }
    if let Some(row) = host.rdma()?.iter().find(|row| same(&row.adapter, nic)) {
        spec.insert("rdma".to_owned(), json!(row.enabled));
    }
    Ok(spec)
}
