//! What of a host a manifest would say.

use std::collections::BTreeMap;

use evenkeel_core::driver::{Found, ObserveError};
use evenkeel_core::request::{Query, Replies};
use serde_json::json;

use super::check::check;
use super::host::{Host, VZ_CONF, query};
use super::keys::DISK;
use super::spec::{OpenvzHostSpec, Setting};
use super::{OBJECT, state::OpenvzHostState};

pub(super) fn queries() -> Vec<Query> {
    vec![query(&OpenvzHostSpec::default())]
}

/// The host's disk limits, and the templates that use another distribution's file. Nothing where there is none of these.
pub(super) fn found(replies: &Replies) -> Result<Vec<Found>, ObserveError> {
    let host = Host::seen(&OpenvzHostSpec::default(), replies)?;
    let mut written = OpenvzHostSpec::default();
    for key in DISK {
        // What is worked out by a shell is no value to write.
        if let Some(Ok(Some(value))) = host.file(VZ_CONF).map(|file| file.get(key)) {
            written.vz_conf.insert(key.to_owned(), Setting::from(value));
        }
    }
    for template in host.dists.keys() {
        if let Some(distribution) = host.distribution(template, None)
            && (distribution.len(), distribution) < (template.len(), template)
        {
            written.distributions.insert(template.clone(), distribution.to_owned());
        }
    }
    leave_out(&host, &mut written);
    let mut spec = BTreeMap::new();
    if !written.vz_conf.is_empty() {
        let values: BTreeMap<&String, &str> =
            written.vz_conf.iter().map(|(key, value)| (key, value.as_str())).collect();
        spec.insert("vzConf".to_owned(), json!(values));
    }
    if !written.distributions.is_empty() {
        spec.insert("distributions".to_owned(), json!(written.distributions));
    }
    let is_something = !spec.is_empty();
    Ok(is_something.then(|| Found { object: OBJECT.to_owned(), spec, owner: None }).into_iter().collect())
}

/// Leaves out what no manifest could say.
fn leave_out(host: &Host, written: &mut OpenvzHostSpec) {
    let alone = |spec: &OpenvzHostSpec| check(spec).is_empty() && OpenvzHostState::of(host, spec).is_ok();
    written.vz_conf.retain(|key, value| {
        let vz_conf = BTreeMap::from([(key.clone(), value.clone())]);
        alone(&OpenvzHostSpec { vz_conf, ..OpenvzHostSpec::default() })
    });
    let all = written.distributions.clone();
    written.distributions.retain(|template, distribution| {
        let distributions = BTreeMap::from([(template.clone(), distribution.clone())]);
        !all.contains_key(distribution)
            && alone(&OpenvzHostSpec { distributions, ..OpenvzHostSpec::default() })
    });
}
