//! What is sent to a server.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::Step;
use evenkeel_core::request::{IncusRequest, Method, Request};
use serde_json::{Map, Value, json};

use super::super::decide::{Build, Decision};
use super::super::inside::{Inside, inside, ready, release};
use super::super::record::Mine;
use super::server::{INSTANCE, OBJECT, OWNER, RECORD, RESOURCE, VERSION};
use super::spec::IncusTemplate;
use super::world::{World, new_alias, old_alias};

const ALIASES: &str = "/1.0/images/aliases";
/// How many seconds a container has to start, and to stop by itself.
const PATIENCE: u64 = 120;
/// How many seconds it may take to make a container, or to remove an image.
const SECONDS: u64 = 1_800;
/// How many seconds it may take to make an image.
const PUBLISH_SECONDS: u64 = 4 * 3_600;

fn send(request: IncusRequest) -> Step {
    Step::new(Request::Incus(Box::new(request)))
}

fn call(method: Method, path: String, body: Value) -> Step {
    send(IncusRequest::send(method, path, body))
}

fn delete_image(fingerprint: &str) -> Step {
    send(IncusRequest::new(Method::Delete, format!("/1.0/images/{fingerprint}")).within(SECONDS))
}

fn delete_alias(alias: &str) -> Step {
    send(IncusRequest::new(Method::Delete, format!("{ALIASES}/{alias}")))
}

/// Makes an alias, or moves the one that is there.
fn put_alias(world: &World, alias: &str, fingerprint: &str) -> Step {
    if world.leads(alias).is_some() {
        return call(Method::Put, format!("{ALIASES}/{alias}"), json!({ "target": fingerprint }));
    }
    call(Method::Post, ALIASES.to_owned(), json!({ "name": alias, "target": fingerprint }))
}

/// The mark on the scratch container of this name.
fn mark(instance: &str, mine: &Mine) -> BTreeMap<String, String> {
    let mine = [(RESOURCE, &mine.resource), (OWNER, &mine.owner), (OBJECT, &mine.object)];
    let mine = mine.into_iter().map(|(key, value)| (key.to_owned(), value.clone()));
    mine.chain([(INSTANCE.to_owned(), instance.to_owned())]).collect()
}

/// Takes away a scratch container.
fn discard(instance: &str, mine: &Mine) -> Step {
    let mut marked = mark(instance, mine);
    marked.remove(OBJECT);
    send(IncusRequest::Discard { instance: instance.to_owned(), marked })
}

/// The images that go: those that have had their time, and those whose place another one takes.
pub(super) fn removed<'w>(world: &'w World, mine: &Mine, decision: &Decision) -> BTreeSet<&'w str> {
    let is_built = decision.build.as_ref().is_some_and(|build| build.held.is_none());
    let outdated = decision.remove.iter().chain(is_built.then_some(&decision.newest));
    let outdated = outdated.filter_map(|name| world.versions.get(name)).map(String::as_str);
    let old = world.leads(&old_alias(&mine.object)).filter(|image| world.is_superseded(image, mine));
    let replaced = world.versions.keys().filter_map(|name| world.predecessor(name, mine));
    outdated.chain(old).chain(replaced).collect()
}

pub(super) fn steps(spec: &IncusTemplate, world: &World, mine: &Mine, decision: &Decision) -> Vec<Step> {
    let mut steps = tidied(world, mine, decision);
    if let Some(build) = &decision.build {
        steps.extend(built(spec, world, mine, decision, build));
    }
    let images = decision.remove.iter().filter_map(|name| world.versions.get(name));
    steps.extend(images.map(|fingerprint| delete_image(fingerprint)));
    steps
}

/// Takes away what was left, and puts aliases right that lead elsewhere.
fn tidied(world: &World, mine: &Mine, decision: &Decision) -> Vec<Step> {
    let (main, new, old) = (&mine.object, new_alias(&mine.object), old_alias(&mine.object));
    let mut steps: Vec<Step> = world.scratch(mine).map(|(name, _)| discard(name, mine)).collect();
    let stays = |name: &&String| !decision.remove.contains(name);
    let ours = world.versions.iter().filter(|(name, _)| world.record(name).is_some_and(|r| mine.has(r)));
    let mut replaced: Vec<&str> = world.leads(&old).into_iter().collect();
    for (name, fingerprint) in ours.filter(|(name, _)| stays(name)) {
        if world.leads(name) == Some(fingerprint) {
            continue;
        }
        if let Some(predecessor) = world.predecessor(name, mine).filter(|image| !replaced.contains(image)) {
            if replaced.is_empty() {
                steps.push(put_alias(world, &old, predecessor));
            }
            replaced.push(predecessor);
        }
        steps.push(put_alias(world, name, fingerprint));
    }
    // Where a build is due, the alias is moved once more after it; before that, it must not go with its image.
    let target = world.leads(main);
    let is_stuck = target.is_some_and(|image| replaced.contains(&image) && world.version_of(image).is_none());
    let newest = match &decision.build {
        None => Some(decision.newest.as_str()),
        Some(_) => newest(world, mine).filter(|_| is_stuck),
    };
    let newest = newest.and_then(|name| world.versions.get(name));
    let moved = newest.filter(|newest| target != Some(newest)).map(|newest| put_alias(world, main, newest));
    // Nothing of ours is led to by what leads elsewhere, so that the rest need not wait for it.
    let (moved, waiting) = match world.foreign_target(mine) {
        Some(why) => (None, moved.map(|step| step.may_wait().held(why))),
        None => (moved, None),
    };
    steps.extend(moved);
    for image in &replaced {
        if world.is_superseded(image, mine) {
            steps.push(delete_image(image));
        } else {
            steps.push(delete_alias(&old));
        }
    }
    if world.leads(&new).is_some() {
        steps.push(delete_alias(&new));
    }
    steps.extend(waiting);
    steps
}

fn newest<'w>(world: &'w World, mine: &Mine) -> Option<&'w str> {
    let ours = world.versions.keys().filter_map(|name| Some((world.record(name)?, name)));
    let ours = ours.filter(|(record, _)| mine.has(record));
    ours.max_by_key(|(record, name)| (record.number, record.built, *name)).map(|(_, name)| name.as_str())
}

/// The build, from the scratch container to the alias.
fn built(spec: &IncusTemplate, world: &World, mine: &Mine, decision: &Decision, build: &Build) -> Vec<Step> {
    let (name, version) = (spec.scratch(), &decision.newest);
    let (new, old) = (new_alias(&mine.object), old_alias(&mine.object));
    let start = json!({ "action": "start", "timeout": PATIENCE, "force": false });
    let start = IncusRequest::send(Method::Put, format!("/1.0/instances/{name}/state"), start);
    let create = IncusRequest::send(Method::Post, "/1.0/instances", container(spec, world, mine, build));
    let create = send(create.within(SECONDS)).begins();
    let mut steps = vec![match &build.held {
        Some(why) => create.may_wait().held(why),
        None => create,
    }];
    steps.push(send(start.within(PATIENCE + 60)));
    let all = std::iter::once(ready(spec.build.network.is_some()));
    let all = all.chain(inside(&spec.provision, spec.cleanup)).chain(std::iter::once(release()));
    steps.extend(all.map(|Inside { script, arguments, seconds }| {
        let (instance, seconds) = (name.clone(), Some(seconds));
        send(IncusRequest::Exec { instance, script, arguments, seconds })
    }));
    steps.push(send(IncusRequest::Stop { instance: name.clone(), seconds: PATIENCE }));
    let image = json!({
        "source": { "type": "instance", "name": name },
        "public": false,
        "properties": properties(spec, version, build),
        "aliases": [{ "name": new }],
        "compression_algorithm": spec.output.compression,
    });
    steps.push(send(IncusRequest::send(Method::Post, "/1.0/images", image).within(PUBLISH_SECONDS)));
    let replaced = world.versions.get(version);
    // From here on nothing but this alias tells of it.
    steps.extend(
        replaced.map(|image| call(Method::Post, ALIASES.to_owned(), json!({ "name": old, "target": image }))),
    );
    for alias in [version, &mine.object] {
        steps.push(send(IncusRequest::Retarget { alias: alias.clone(), like: new.clone() }));
    }
    steps.extend(replaced.map(|image| delete_image(image)));
    steps.push(delete_alias(&new));
    steps.push(discard(&name, mine).cleanup());
    steps
}

/// The scratch container: nothing but what is given here, whatever the server's profiles say.
fn container(spec: &IncusTemplate, world: &World, mine: &Mine, build: &Build) -> Value {
    let of = &spec.build;
    let mut config = mark(&spec.scratch(), mine);
    config.insert("boot.autostart".to_owned(), "false".to_owned());
    config.extend(of.limits.memory.clone().map(|memory| ("limits.memory".to_owned(), memory)));
    config.extend(of.limits.cpu.map(|cpu| ("limits.cpu".to_owned(), cpu.to_string())));
    let mut root = json!({ "type": "disk", "path": "/", "pool": of.storage });
    if let (Some(size), Some(root)) = (&of.size, root.as_object_mut()) {
        root.insert("size".to_owned(), json!(size));
    }
    let mut devices = Map::from_iter([("root".to_owned(), root)]);
    if let Some(network) = &of.network {
        let mut nic = if world.network_is_managed {
            json!({ "type": "nic", "name": "eth0", "network": network })
        } else {
            json!({ "type": "nic", "name": "eth0", "nictype": "bridged", "parent": network })
        };
        if let (Some(address), Some(nic)) = (&of.address, nic.as_object_mut()) {
            nic.insert("ipv4.address".to_owned(), json!(address));
        }
        devices.insert("eth0".to_owned(), nic);
    }
    json!({
        "name": spec.scratch(),
        "type": "container",
        "source": { "type": "image", "fingerprint": build.record.base.sha256 },
        "profiles": [],
        "config": config,
        "devices": devices,
    })
}

fn properties(spec: &IncusTemplate, version: &str, build: &Build) -> Value {
    let output = &spec.output;
    let own = version.strip_prefix(&output.alias).and_then(|rest| rest.strip_prefix('/'));
    let description = output.description.clone();
    let description = description.unwrap_or_else(|| format!("{} {}", output.alias, own.unwrap_or(version)));
    let mut properties = Map::from_iter([
        ("description".to_owned(), json!(description)),
        ("serial".to_owned(), json!(own)),
        (RECORD.to_owned(), json!(record(build))),
        (VERSION.to_owned(), json!(version)),
    ]);
    for (name, value) in [("os", &output.distribution), ("release", &output.release)] {
        properties.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    properties.into()
}

/// The record, without what the server itself knows of an image.
fn record(build: &Build) -> String {
    let mut record = serde_json::to_value(&build.record).unwrap_or_default();
    if let Some(record) = record.as_object_mut() {
        for known in ["bytes", "sha256", "built", "mtime"] {
            record.remove(known);
        }
    }
    record.to_string()
}
