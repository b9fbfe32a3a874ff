//! A template as it is on a server, and what shall be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::condition::few;
use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;

use super::super::decide::{self, Wish};
use super::super::recipe;
use super::super::record::{Base, Mine};
use super::super::spec::KEEP;
use super::super::state::{Place, Seen, TemplateState};
use super::IncusTemplateState;
use super::server::{self, OBJECT, OWNER, RESOURCE};
use super::spec::IncusTemplate;
use super::steps;
use super::world::{World, new_alias, old_alias, short};

/// So many digits of a fingerprint are enough to name an image.
pub(super) const FEWEST_DIGITS: usize = 8;

pub(super) fn queries(spec: &IncusTemplate) -> Vec<Query> {
    let mut all = vec![
        server::images_query(),
        server::aliases_query(),
        server::instances_query(),
        server::operations_query(),
        server::pools_query(),
    ];
    all.extend(spec.build.network.as_ref().map(|_| server::networks_query()));
    all
}

pub(super) fn observe(
    spec: &IncusTemplate,
    replies: &Replies,
) -> Result<Observed<IncusTemplateState>, ObserveError> {
    let mut world = World::read(replies)?;
    pool_fits(spec, replies)?;
    world.network_is_managed = network(spec, replies)?;
    let alias = &spec.output.alias;
    if let Some(reason) = world.busy(alias) {
        return Ok(Observed::Busy { reason });
    }
    let base = base(spec, &world)?;
    let versions: BTreeMap<_, _> =
        world.versions.keys().filter_map(|name| Some((name.clone(), world.record(name)?.clone()))).collect();
    let foreign: BTreeSet<String> =
        world.aliases.0.keys().filter(|name| !versions.contains_key(*name)).cloned().collect();
    let here = Place { versions, foreign, ..Place::default() };
    let seen = Seen { base: Some(base), here, ..Seen::default() };
    let template = TemplateState { seen: Some(Arc::new(seen)), ..TemplateState::default() };
    let mut state =
        IncusTemplateState { template, world: Some(Arc::new(world)), ..IncusTemplateState::default() };
    // Whose it is will be told. Until then it is of whoever made what is there.
    let mine = made_by(alias, &state);
    recognise(&mut state, &mine);
    Ok(Observed::Present(state))
}

fn made_by(alias: &str, state: &IncusTemplateState) -> Mine {
    let nobody = Mine { resource: String::new(), owner: String::new(), object: alias.to_owned() };
    let Some(world) = &state.world else { return nobody };
    let mut records = world.versions.keys().filter_map(|name| world.record(name));
    if let Some(record) = records.find(|record| record.object == alias) {
        return Mine { resource: record.resource.clone(), owner: record.owner.clone(), ..nobody };
    }
    let mut configs = world.instances.0.values().map(|instance| &instance.config);
    let config = configs.find(|config| config.get(OBJECT).is_some_and(|object| object == alias));
    let says = |key: &str| config.and_then(|config| config.get(key)).cloned().unwrap_or_default();
    Mine { resource: says(RESOURCE), owner: says(OWNER), ..nobody }
}

/// What is there, as this resource sees it.
pub(super) fn recognise(state: &mut IncusTemplateState, mine: &Mine) {
    let (Some(world), Some(seen)) = (state.world.clone(), &state.template.seen) else { return };
    let leftovers = leftovers(&world, mine);
    let seen = Seen { leftovers, ..(**seen).clone() };
    state.template.mine = Some(mine.clone());
    state.template.seen = Some(Arc::new(seen));
    decide::project(&mut state.template);
    let told = |name: &String| world.leads(name).map(|fingerprint| world.told(fingerprint));
    let versions = state.template.versions.keys();
    let versions = versions.filter_map(|name| Some((name.clone(), Some(told(name)?))));
    // It is told where it is missing, too: there is nothing to see of what was never built but this.
    state.aliases = versions.chain([(mine.object.clone(), told(&mine.object))]).collect();
}

fn leftovers(world: &World, mine: &Mine) -> BTreeMap<String, String> {
    let instances = world
        .scratch(mine)
        .map(|(name, instance)| (format!("instance {name}"), instance.status.to_lowercase()));
    let aliases = [new_alias(&mine.object), old_alias(&mine.object)].into_iter();
    let aliases = aliases.filter_map(|name| Some((format!("alias {name}"), world.told(world.leads(&name)?))));
    // Nothing but the alias of a version leads to it, and another image has taken its place.
    let images = world.versions.keys().filter_map(|name| world.predecessor(name, mine));
    let images = images.map(|fingerprint| (format!("image {}", short(fingerprint)), "replaced".to_owned()));
    instances.chain(aliases).chain(images).collect()
}

pub(super) fn wish(spec: &IncusTemplate) -> Wish<'_> {
    Wish {
        recipe: recipe::recipe(&spec.base, &spec.provision, spec.cleanup),
        name: spec.version(),
        refresh: spec.refresh.as_ref(),
        keep: spec.keep.unwrap_or(KEEP),
        publish: &[],
    }
}

pub(super) fn desired(
    spec: &IncusTemplate,
    before: &IncusTemplateState,
    now: Timestamp,
) -> Option<IncusTemplateState> {
    let (world, seen) = (before.world.as_ref()?, before.template.seen.as_ref()?);
    let mine = before.template.mine.as_ref()?;
    let wish = wish(spec);
    let taken = world.taken(&spec.scratch(), mine).or_else(|| world.foreign_target(mine));
    let decision = decide::decide(&wish, &Seen { taken, ..(**seen).clone() }, mine, now)?;
    let template = decide::desired(&before.template, &wish, &decision);
    let mut aliases = BTreeMap::from([(mine.object.clone(), Some(decision.newest.clone()))]);
    for (name, digest) in &template.versions {
        let stays = digest.is_some();
        if stays || before.aliases.contains_key(name) {
            aliases.insert(name.clone(), stays.then(|| name.clone()));
        }
    }
    Some(IncusTemplateState { template, aliases, world: Some(Arc::clone(world)), decision: Some(decision) })
}

/// The aliases that people gave to images which go: the server removes them with these.
pub(super) fn lost_aliases(spec: &IncusTemplate, seen: &IncusTemplateState, now: Timestamp) -> Vec<String> {
    let after = desired(spec, seen, now);
    let known = after.as_ref().and_then(|after| {
        Some((after.world.as_ref()?, after.template.mine.as_ref()?, after.decision.as_ref()?))
    });
    let Some((world, mine, decision)) = known else { return Vec::new() };
    let removed = steps::removed(world, mine, decision);
    let own = |name: &str, image: &str| {
        let version = world.images.0.get(image).and_then(|image| image.record.as_ref());
        let temporary = [&mine.object, &new_alias(&mine.object), &old_alias(&mine.object)];
        version.is_some_and(|(version, _)| version == name) || temporary.into_iter().any(|own| own == name)
    };
    let lost =
        world.aliases.0.iter().filter(|(name, image)| removed.contains(image.as_str()) && !own(name, image));
    let note = |(name, image): (&String, &String)| {
        format!(
            "the alias {name} leads to {}, and goes with it: let it lead to another one, or `keep` more",
            world.told(image)
        )
    };
    lost.map(note).collect()
}

/// The image that it is made of.
fn base(spec: &IncusTemplate, world: &World) -> Result<Base, ObserveError> {
    let wanted = &spec.base;
    let path = ["incus", "base"];
    let is_digits = wanted.len() >= FEWEST_DIGITS && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let by_digits = || {
        let mut all =
            world.images.0.keys().filter(|fingerprint| is_digits && fingerprint.starts_with(wanted));
        all.next().filter(|_| all.next().is_none()).map(String::as_str)
    };
    let Some(fingerprint) = world.leads(wanted).or_else(by_digits) else {
        let mut names: Vec<(usize, &str)> = world
            .aliases
            .0
            .keys()
            .map(|name| (strsim::damerau_levenshtein(wanted, name), name.as_str()))
            .collect();
        names.sort_unstable();
        let names: Vec<&str> = names.into_iter().map(|(_, name)| name).collect();
        let hint = match few(&names, ", ") {
            none if none.is_empty() => {
                "the server has no images: `incus image copy images:debian/12 local: --alias debian-12`"
                    .to_owned()
            }
            names => format!("the server has: {names}"),
        };
        return Err(ObserveError::unfit(&path, format!("the server has no image {wanted}"), hint));
    };
    let Some(image) = world.images.0.get(fingerprint) else {
        let hint = "look at `incus image list` in the target's project";
        let message =
            format!("the alias {wanted} leads to an image that is not listed ({})", short(fingerprint));
        return Err(ObserveError::unfit(&path, message, hint));
    };
    if !image.is_container {
        let hint = "name an image of a container: `incus image list type=container`";
        return Err(ObserveError::unfit(
            &path,
            format!("the image {wanted} is one of a virtual machine"),
            hint,
        ));
    }
    Ok(Base { name: wanted.clone(), bytes: image.bytes, mtime: 0, sha256: fingerprint.to_owned() })
}

fn pool_fits(spec: &IncusTemplate, replies: &Replies) -> Result<(), ObserveError> {
    let pools = server::pools(replies)?;
    let wanted = &spec.build.storage;
    if pools.0.contains(wanted) {
        return Ok(());
    }
    let hint = match few(&pools.0, ", ") {
        none if none.is_empty() => "make one: `incus storage create default dir`".to_owned(),
        names => format!("build.storage: one of {names}"),
    };
    let message = format!("the server has no storage pool {wanted}");
    Err(ObserveError::unfit(&["incus", "build", "storage"], message, hint))
}

/// Whether the wanted network is one of the server's own.
fn network(spec: &IncusTemplate, replies: &Replies) -> Result<bool, ObserveError> {
    let Some(wanted) = &spec.build.network else { return Ok(false) };
    let networks = server::networks(replies)?;
    let Some(is_managed) = networks.0.get(wanted).copied() else {
        let names: Vec<&str> = networks.0.keys().map(String::as_str).filter(|name| *name != "lo").collect();
        let hint = format!("the server has: {}", few(&names, ", "));
        return Err(ObserveError::unfit(
            &["incus", "build", "network"],
            format!("there is no network {wanted}"),
            hint,
        ));
    };
    if !is_managed && spec.build.address.is_some() {
        let message =
            format!("{wanted} is no network of the server's own, so that it gives nobody an address");
        let hint = "leave `address` out, or set it in the template's own files";
        return Err(ObserveError::unfit(&["incus", "build", "address"], message, hint));
    }
    Ok(is_managed)
}
