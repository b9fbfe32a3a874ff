//! What is read of a template and its nodes, and what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::plan::InstanceId;
use evenkeel_core::request::{Query, Replies};

use super::LxcTemplateState;
use super::node::{self, Node};
use super::spec::{Compression, LxcSettings};
use crate::containers::host::{self as folder, Folders, Look, look_query, nearest};
use crate::containers::name::{self, Release, why_invisible};
use crate::containers::record::Base;
use crate::containers::state::{Seen, TemplateState};

/// What was read, for one resource.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The node.
    pub node: Arc<Node>,
    /// The folders, and what is left in them.
    pub folders: Folders,
}

/// What to read; asked in rounds.
pub(super) fn queries(spec: &LxcSettings, so_far: &Replies) -> Vec<Query> {
    let places = std::iter::once(None).chain(spec.publish.iter().map(|target| Some(target.as_str())));
    let mut queries: Vec<Query> = Vec::new();
    for target in places {
        queries.push(node::query(target));
        let Ok(node) = Node::read(so_far, target) else { continue };
        let Ok(folder) = node.folder(&spec.storage) else { continue };
        queries.push(look_at(folder, target));
    }
    if let Ok(look) = look(spec, None, so_far) {
        queries.extend(folder::base_query(&look, &spec.base));
    }
    queries
}

fn look_at(folder: &str, target: Option<&str>) -> Query {
    let query = look_query(folder);
    match target {
        Some(target) => query.at(target),
        None => query,
    }
}

fn look(spec: &LxcSettings, target: Option<&str>, replies: &Replies) -> Result<Arc<Look>, ObserveError> {
    let node = Node::read(replies, target)?;
    Look::read(replies, &look_at(node.folder(&spec.storage)?, target))
}

/// The release that shall list the template: what the manifest says, or what is installed there.
pub(super) fn release(spec: &LxcSettings, look: &Look) -> Option<Release> {
    spec.output.listed_by.as_deref().or(look.proxmox.as_deref()).and_then(Release::parse)
}

/// How the file ends, with the dot before it.
pub(super) fn ending(compression: Option<Compression>, release: Option<Release>) -> &'static str {
    match (compression, release.and_then(|release| release.endings().first())) {
        (Some(Compression::Zst), _) | (None, Some(&"tar.zst")) => ".tar.zst",
        (Some(Compression::Xz), _) | (None, Some(&"tar.xz")) => ".tar.xz",
        (Some(Compression::Gz) | None, _) => ".tar.gz",
    }
}

/// Understands it.
pub(super) fn observe(
    spec: &LxcSettings,
    replies: &Replies,
) -> Result<Observed<LxcTemplateState>, ObserveError> {
    let node = Node::read(replies, None)?;
    node.has(&spec.build.storage, "rootdir", &["lxc", "build", "storage"])?;
    let look = look(spec, None, replies)?;
    let object = name::name(&spec.output);
    if let Some(reason) = look.busy(&object) {
        return Ok(Observed::Busy { reason });
    }
    let ending = ending(spec.compression, release(spec, &look));
    check_name(spec, &format!("{object}{ending}"), &look)?;
    let base = own_base(spec, &look, replies)?;
    let (mut elsewhere, mut places) = (BTreeMap::new(), BTreeMap::new());
    for target in &spec.publish {
        let read = self::look(spec, Some(target), replies);
        places.insert(target.clone(), read.as_ref().map(|look| look.place()).map_err(ToString::to_string));
        elsewhere.extend(read.ok().map(|look| (target.clone(), look)));
    }
    let seen = Seen { base: Some(base), here: look.place(), elsewhere: places, ..Seen::default() };
    let shared = TemplateState { seen: Some(Arc::new(seen)), ..TemplateState::default() };
    let id = spec.build.vmid;
    let known = Known { node, folders: Folders { look, elsewhere, left: Vec::new(), object, ending, id } };
    Ok(Observed::Present(LxcTemplateState { shared, known: Some(known), decision: None }))
}

fn check_name(spec: &LxcSettings, file: &str, look: &Look) -> Result<(), ObserveError> {
    // What stands in braces is no part of what a release looks at.
    let invisible =
        release(spec, look).and_then(|release| why_invisible(&file.replace(['{', '}'], ""), release));
    let Some(invisible) = invisible else { return Ok(()) };
    let field = if spec.compression.is_some() { "compression" } else { "output" };
    let hint = "leave `compression` out, and what the node lists is chosen";
    Err(ObserveError::unfit(&["lxc", field], format!("{file} {}", invisible.why), hint))
}

fn own_base(spec: &LxcSettings, look: &Look, replies: &Replies) -> Result<Base, ObserveError> {
    let installed = look.proxmox.as_deref().and_then(Release::parse);
    if let Some(invisible) = installed.and_then(|release| why_invisible(&spec.base, release)) {
        let message = format!("{} {}: `pct create` does not take it either", spec.base, invisible.why);
        return Err(ObserveError::unfit(&["lxc", "base"], message, "pack it as the node lists it"));
    }
    folder::base(look, &spec.base, replies)?.ok_or_else(|| {
        let templates = look.files.keys().filter(|name| folder::is_archive(name)).map(String::as_str);
        let hint = match nearest(&spec.base, templates) {
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "`pveam download {} {}` there, or put it into {}",
                spec.storage, spec.base, look.folder
            ),
        };
        let message = format!("there is no template {} in {}", spec.base, look.folder);
        ObserveError::unfit(&["lxc", "base"], message, hint)
    })
}

/// Told for which resource it is.
pub(super) fn recognise(state: &mut LxcTemplateState, owner: &str, id: &InstanceId) {
    let Some(known) = &mut state.known else { return };
    let holder = known.node.holder(known.folders.id);
    known.folders.recognise(&mut state.shared, (owner, id), holder, "build.vmid");
}
