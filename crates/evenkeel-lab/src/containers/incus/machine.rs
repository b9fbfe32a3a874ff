//! The server as one of the lab's machines: faults, changes by hand, and what is on it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::{IncusRequest, Reply, Request};
use serde_json::Value;

use super::{Image, IncusHost};
use crate::machine::Machine;
use crate::random::Random;

const RECORD: &str = "user.evenkeel.record";
const OWNER: &str = "user.evenkeel.owner";
const INSTANCE: &str = "user.evenkeel.instance";

impl Image {
    /// What our record in its properties says under this name.
    fn says(&self, name: &str) -> Option<String> {
        let record: Value = serde_json::from_str(self.properties.get(RECORD)?).ok()?;
        record.get(name)?.as_str().map(str::to_owned)
    }
}

impl Machine for IncusHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        let program = argv.first().map(String::as_str).unwrap_or_default();
        Reply { exit: 127, stdout: Vec::new(), stderr: format!("sh: {program}: not found\n").into_bytes() }
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::Incus(request) => self.request(request),
            other => {
                let stderr =
                    format!("{target} is an Incus server and has no answer to `{}`\n", other.display());
                Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
            }
        }
    }

    /// What the server does once it was told, it does to its end, whoever waits for it. Only what takes several calls can be
    /// half done.
    fn answer_in_part(&mut self, _: &str, request: &Request, random: &mut Random) {
        let Request::Incus(request) = request else { return };
        match &**request {
            IncusRequest::Discard { instance, .. } if random.one_in(2) => {
                if let Some(instance) = self.instances.get_mut(instance) {
                    instance.running = false;
                }
            }
            request if random.one_in(2) => drop(self.request(request)),
            _ => {}
        }
    }

    /// Ten minutes, as on the other hosts of containers.
    fn pass(&mut self) {
        self.now += 600;
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (fingerprint, image) in &self.images {
            (fingerprint, &image.properties, image.root.fingerprint()).hash(&mut hasher);
        }
        for (name, instance) in &self.instances {
            (name, &instance.config, instance.running, instance.root.fingerprint()).hash(&mut hasher);
        }
        self.aliases.hash(&mut hasher);
        hasher.finish()
    }

    fn drift(&mut self, random: &mut Random) {
        let ours: Vec<String> = self
            .aliases
            .iter()
            .filter(|(_, alias)| {
                self.images.get(&alias.target).is_some_and(|image| image.says("object").is_some())
            })
            .map(|(name, _)| name.clone())
            .collect();
        let Some(alias) = random.pick(&ours).cloned() else { return };
        let others: Vec<&String> =
            ours.iter().filter(|name| name.starts_with(&format!("{alias}/"))).collect();
        match random.below(3) {
            // The newest leads to an older one: somebody went back.
            0 => {
                let older = random.pick(&others).and_then(|name| self.aliases.get(*name)).cloned();
                if let Some(older) = older {
                    self.aliases.insert(alias, older);
                }
            }
            which => {
                let target = |name: &&String| Some(&self.aliases.get(*name)?.target);
                let made = |name: &&String| self.images.get(target(name)?).map(|image| image.created);
                // What was made here can be made again; what was brought here cannot.
                let made_here = |name: &&String| {
                    target(name)
                        .and_then(|target| self.images.get(target))
                        .is_some_and(|image| image.file.is_empty())
                };
                let newest = others.iter().copied().filter(made_here).max_by_key(made);
                let Some(newest) = newest else { return };
                let Some(image) = target(&newest).cloned() else { return };
                if which == 1 {
                    // The newest has lost one of its names.
                    let names: Vec<String> =
                        ours.iter().filter(|name| target(name) == Some(&image)).cloned().collect();
                    random.pick(&names).map(|name| self.aliases.remove(name));
                } else {
                    // It is gone with all of them.
                    self.delete_image(&image);
                }
            }
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let image = |(name, alias): (&String, &super::Alias)| {
            let image = self.images.get(&alias.target)?;
            Some((name.clone(), image.says("owner")))
        };
        let instances = self.instances.iter().map(|(name, of)| {
            // A copy has all settings of what it was copied from.
            let is_marked = of.config.get(INSTANCE) == Some(name);
            (format!("instance {name}"), of.config.get(OWNER).filter(|_| is_marked).cloned())
        });
        self.aliases.iter().filter_map(image).chain(instances).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
