//! What is read of a template and its hosts, and what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies};

use super::host::{self, Host};
use super::spec::OpenvzSettings;
use super::{ENDING, OpenvzTemplateState};
use crate::containers::host::{self as folder, Folders, Look, look_query, nearest};
use crate::containers::name;
use crate::containers::record::Base;
use crate::containers::state::{Place, Seen, TemplateState};

/// What vzctl looks for where a template's name is given, in this order.
const BASE_ENDINGS: [&str; 4] = [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"];

/// What was read, for one resource.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// How OpenVZ is set up.
    pub host: Arc<Host>,
    /// The folders, and what is left in them.
    pub folders: Folders,
}

/// What to read; asked in rounds.
pub(super) fn queries(spec: &OpenvzSettings, so_far: &Replies) -> Vec<Query> {
    let places = std::iter::once(None).chain(spec.publish.iter().map(|target| Some(target.as_str())));
    let mut queries: Vec<Query> = Vec::new();
    for target in places {
        queries.push(host::query(target));
        let Ok(host) = Host::read(so_far, target) else { continue };
        queries.push(look_at(&cache(spec, &host), target));
    }
    if let Ok(look) = own_look(spec, so_far)
        && let Some(name) = base_file(spec, &look)
    {
        queries.extend(folder::base_query(&look, &name));
    }
    queries
}

fn cache(spec: &OpenvzSettings, host: &Host) -> String {
    spec.template_dir
        .as_deref()
        .map_or_else(|| host.cache.clone(), |dir| dir.trim_end_matches('/').to_owned())
}

fn look_at(folder: &str, target: Option<&str>) -> Query {
    let query = look_query(folder);
    match target {
        Some(target) => query.at(target),
        None => query,
    }
}

fn own_look(spec: &OpenvzSettings, replies: &Replies) -> Result<Arc<Look>, ObserveError> {
    let host = Host::read(replies, None)?;
    Look::read(replies, &look_at(&cache(spec, &host), None))
}

fn look_there(spec: &OpenvzSettings, target: &str, replies: &Replies) -> Result<Arc<Look>, ObserveError> {
    let host = Host::read(replies, Some(target))?;
    Look::read(replies, &look_at(&cache(spec, &host), Some(target)))
}

/// The file that vzctl would make a container of.
fn base_file(spec: &OpenvzSettings, look: &Look) -> Option<String> {
    let names = BASE_ENDINGS.iter().map(|ending| format!("{}{ending}", spec.base));
    names.into_iter().find(|name| look.files.contains_key(name))
}

/// Understands it.
pub(super) fn observe(
    spec: &OpenvzSettings,
    replies: &Replies,
) -> Result<Observed<OpenvzTemplateState>, ObserveError> {
    let host = Host::read(replies, None)?;
    let look = own_look(spec, replies)?;
    let object = name::name(&spec.output);
    if let Some(reason) = look.busy(&object) {
        return Ok(Observed::Busy { reason });
    }
    let base = own_base(spec, &look, replies)?;
    if let Some(config) = &spec.distribution_config {
        check_distribution(config, &host)?;
    }
    let (mut elsewhere, mut places) = (BTreeMap::new(), BTreeMap::new());
    for target in &spec.publish {
        let read = look_there(spec, target, replies);
        places.insert(target.clone(), read.as_ref().map(|look| look.place()).map_err(ToString::to_string));
        elsewhere.extend(read.ok().map(|look| (target.clone(), look)));
    }
    let seen = Seen { base: Some(base), here: look.place(), elsewhere: places, ..Seen::default() };
    let mut shared = TemplateState::default();
    if spec.distribution_config.is_some() {
        shared.distribution_config = links(spec, &host, &seen.here);
    }
    shared.seen = Some(Arc::new(seen));
    let id = spec.build.ctid;
    let folders = Folders { look, elsewhere, left: Vec::new(), object, ending: ENDING, id };
    let known = Known { host, folders };
    Ok(Observed::Present(OpenvzTemplateState { shared, known: Some(known), decision: None }))
}

fn own_base(spec: &OpenvzSettings, look: &Look, replies: &Replies) -> Result<Base, ObserveError> {
    let read = base_file(spec, look).map(|name| folder::base(look, &name, replies)).transpose()?;
    let unfit = || {
        let templates = look.files.keys().filter(|name| folder::is_archive(name));
        let stems =
            templates.filter_map(|name| BASE_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)));
        let near = nearest(&spec.base, stems);
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("put it into {}", look.folder),
        };
        let message = format!(
            "there is no template {}.tar, .tar.gz, .tar.bz2 or .tar.xz in {}",
            spec.base, look.folder
        );
        ObserveError::unfit(&["openvz", "base"], message, hint)
    };
    read.flatten().ok_or_else(unfit)
}

fn check_distribution(config: &str, host: &Host) -> Result<(), ObserveError> {
    if !host.lacks_dist(config) {
        return Ok(());
    }
    let near = nearest(config, host.dists.keys().map(String::as_str));
    let there = || {
        let names: Vec<&str> = host.dists.keys().map(String::as_str).collect();
        format!("there are: {}", names.join(", "))
    };
    let message = format!("there is no /etc/vz/dists/{config}.conf on this host");
    let hint = near.map_or_else(there, |near| format!("did you mean {near}?"));
    Err(ObserveError::unfit(&["openvz", "distributionConfig"], message, hint))
}

/// Where the names lead that containers of the base, and of the versions that there are, are started with.
fn links(spec: &OpenvzSettings, host: &Host, place: &Place) -> BTreeMap<String, Option<String>> {
    let versions = place.versions.keys().filter_map(|name| name.strip_suffix(ENDING));
    let all = versions.chain([spec.base.as_str()]).chain(host.dists.keys().map(String::as_str));
    let led = all.filter_map(|name| Some((name.to_owned(), Some(host.leads_to(name)?.to_owned()))));
    led.collect()
}

/// Told for which resource it is.
pub(super) fn recognise(state: &mut OpenvzTemplateState, owner: &str, id: &InstanceId) {
    let Some(known) = &mut state.known else { return };
    let holder = known.host.holder(known.folders.id);
    known.folders.recognise(&mut state.shared, (owner, id), holder.as_deref(), "build.ctid");
    // Our mark may be left of a build that never made its container.
    if known.host.is_theirs(known.folders.id)
        && let (Some(holder), Some(seen)) = (holder, &mut state.shared.seen)
    {
        let why =
            format!("{holder} is there, and was not made by Evenkeel: choose another id in `build.ctid`");
        Arc::make_mut(seen).taken.get_or_insert(why);
    }
}
