//! A server as a whole, and what on it belongs to which template.
//!
//! An image is ours by the record in its properties. That alone is not enough: Incus hands an image's properties on to
//! instances made from it, and from these to images that somebody makes of them. So one of our aliases must lead to it, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::Replies;

use super::super::record::{Mine, Record};
use super::server::{self, Aliases, Images, InstanceSeen, Instances, OBJECT, OWNER, Operations, RESOURCE};

/// What the alias ends in that a new version has until its own alias leads to it.
const NEW: &str = "evenkeel-new";
/// What the alias ends in that leads to a version while another takes its place.
const OLD: &str = "evenkeel-old";

/// How versions may not begin.
pub(super) const RESERVED: &str = "evenkeel-";

/// All that was read.
#[derive(Debug)]
pub(super) struct World {
    pub(super) images: Arc<Images>,
    pub(super) aliases: Arc<Aliases>,
    pub(super) instances: Arc<Instances>,
    pub(super) operations: Arc<Operations>,
    /// Every version that counts, by its name: the fingerprint of its image.
    pub(super) versions: BTreeMap<String, String>,
    /// The wanted network is one of the server's own.
    pub(super) network_is_managed: bool,
}

pub(super) fn new_alias(alias: &str) -> String {
    format!("{alias}/{NEW}")
}

pub(super) fn old_alias(alias: &str) -> String {
    format!("{alias}/{OLD}")
}

/// The first digits of a fingerprint, as Incus shows them.
pub(super) fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

impl World {
    pub(super) fn read(replies: &Replies) -> Result<World, ObserveError> {
        let images = server::images(replies)?;
        let aliases = server::aliases(replies)?;
        let versions = versions(&images, &aliases);
        Ok(World {
            versions,
            images,
            aliases,
            instances: server::instances(replies)?,
            operations: server::operations(replies)?,
            network_is_managed: false,
        })
    }

    /// Where an alias leads, where it is there.
    pub(super) fn leads(&self, alias: &str) -> Option<&str> {
        self.aliases.0.get(alias).map(String::as_str)
    }

    /// The record of the version with this name.
    pub(super) fn record(&self, version: &str) -> Option<&Record> {
        let image = self.images.0.get(self.versions.get(version)?)?;
        image.record.as_ref().map(|(_, record)| record)
    }

    /// The version that an image is, where it counts as one.
    pub(super) fn version_of(&self, fingerprint: &str) -> Option<&str> {
        let mut all = self.versions.iter();
        all.find(|(_, known)| *known == fingerprint).map(|(name, _)| name.as_str())
    }

    /// Whether an image that an alias of ours leads to was made for this resource, and counts no more.
    pub(super) fn is_superseded(&self, fingerprint: &str, mine: &Mine) -> bool {
        let record = self.images.0.get(fingerprint).and_then(|image| image.record.as_ref());
        record.is_some_and(|(_, record)| mine.has(record)) && self.version_of(fingerprint).is_none()
    }

    /// Our image that still has the alias of a version that another image is by now.
    pub(super) fn predecessor(&self, version: &str, mine: &Mine) -> Option<&str> {
        self.leads(version).filter(|fingerprint| self.is_superseded(fingerprint, mine))
    }

    /// What an alias leads to, for people: a version, or the beginning of a fingerprint.
    pub(super) fn told(&self, fingerprint: &str) -> String {
        self.version_of(fingerprint).unwrap_or(short(fingerprint)).to_owned()
    }

    /// Why the alias of the newest version may not be moved: it leads to an image that is not ours.
    pub(super) fn foreign_target(&self, mine: &Mine) -> Option<String> {
        let alias = &mine.object;
        let fingerprint = self.leads(alias)?;
        let record = self.images.0.get(fingerprint).and_then(|image| image.record.as_ref());
        let whose = match record {
            Some((_, record)) if mine.has(record) => return None,
            Some((_, record)) => format!("is of {} (owner {})", record.resource, record.owner),
            None => "was not made by Evenkeel".to_owned(),
        };
        Some(format!(
            "the alias {alias} leads to an image that {whose} ({}), and is not moved: rename it, or change `output.alias`",
            short(fingerprint)
        ))
    }

    /// Our scratch containers, by name.
    pub(super) fn scratch<'w>(
        &'w self,
        mine: &'w Mine,
    ) -> impl Iterator<Item = (&'w String, &'w InstanceSeen)> {
        self.instances.0.iter().filter(|(_, instance)| is_mine(instance, mine))
    }

    /// Why there can be no scratch container of this name.
    pub(super) fn taken(&self, name: &str, mine: &Mine) -> Option<String> {
        let instance = self.instances.0.get(name).filter(|instance| !is_mine(instance, mine))?;
        let whose = match instance.config.get(RESOURCE) {
            Some(resource) => format!("is the scratch container of {resource}"),
            None => "was not made by Evenkeel".to_owned(),
        };
        Some(format!(
            "the instance {name} that is there {whose}, and is left alone: rename it, or change `build.name`"
        ))
    }

    /// What the server is doing for the template with this alias.
    pub(super) fn busy(&self, alias: &str) -> Option<String> {
        let is_ours = |instance: &InstanceSeen| instance.config.get(OBJECT).is_some_and(|of| of == alias);
        let ours = self.instances.0.iter().filter(|(_, instance)| is_ours(instance)).map(|(name, _)| name);
        let mut ours = ours.peekable();
        // It does not say of which instance it makes an image.
        if self.operations.publishes && ours.peek().is_some() {
            return Some("the server is making an image".to_owned());
        }
        ours.find_map(|name| {
            Some(format!("the server is at work on {name}: {}", self.operations.on.get(name)?))
        })
    }
}

fn is_mine(instance: &InstanceSeen, mine: &Mine) -> bool {
    let says = |key: &str| instance.config.get(key);
    (says(RESOURCE), says(OWNER)) == (Some(&mine.resource), Some(&mine.owner))
}

/// The image of each version: of several with equal names, the one that was made last, which has the alias for new ones until
/// that of the version leads to it.
fn versions(images: &Images, aliases: &Aliases) -> BTreeMap<String, String> {
    let mut best: BTreeMap<&String, (u8, &String)> = BTreeMap::new();
    for (fingerprint, image) in &images.0 {
        let Some((name, record)) = &image.record else { continue };
        let of_object = name.strip_prefix(&record.object).is_some_and(|rest| rest.starts_with('/'));
        let leads = |alias: &str| aliases.0.get(alias).is_some_and(|target| target == fingerprint);
        let rank = if !of_object {
            continue;
        } else if leads(&new_alias(&record.object)) {
            3
        } else if leads(name) {
            2
        } else if leads(&record.object) {
            1
        } else {
            continue;
        };
        let known = best.entry(name).or_insert((rank, fingerprint));
        *known = (*known).max((rank, fingerprint));
    }
    best.into_iter().map(|(name, (_, fingerprint))| (name.clone(), fingerprint.clone())).collect()
}
