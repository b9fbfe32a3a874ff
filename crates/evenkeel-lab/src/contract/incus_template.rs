//! `ContainerTemplate` with `incus`: servers with images of all ages, what a crash left on them, and what others put there.

use std::collections::BTreeMap;

use evenkeel_core::request::Method;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::containers::System;
use crate::containers::incus::IncusHost;
use crate::random::Random;

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "ContainerTemplate",
    backend: Some("incus"),
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &["base", "digest", "slot"],
    seeds: 120,
};

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 70);
    let mut host = IncusHost::new(now() - jiff::SignedDuration::from_hours(24 * 30));
    host.add_image("debian/12", "Debian", "12", System::Debian12);
    host.add_image("scientific/6", "Scientific", "6", System::Scientific6);
    host.repository.extend([("php".to_owned(), 3), ("curl".to_owned(), 1)]);
    host.networks.insert("incusbr0".to_owned(), true);
    let (names, mut manifests) = (["web", "db"], Vec::new());
    for name in names.into_iter().take(1 + random.below(2)) {
        let template = template(name, &mut random);
        manifests.push(manifest(name, &template));
        earlier(&mut host, name, &mut random);
    }
    Scenario { machine: Box::new(host), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

fn manifest(name: &str, template: &Value) -> String {
    let spec = json!({ "target": TARGET, "incus": template });
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: ContainerTemplate\nmetadata: {{ name: {name} }}\nspec: {spec}\n"
    )
}

fn template(name: &str, random: &mut Random) -> Value {
    let base = random.pick(&["debian/12", "scientific/6"]).copied().unwrap_or("debian/12");
    let mut all = Map::from_iter([
        ("base".to_owned(), json!(base)),
        ("output".to_owned(), json!({ "alias": name, "version": "{yyyyMMdd}", "distribution": "Linux" })),
    ]);
    let mut provision = Map::new();
    if random.one_in(2) {
        provision.insert("packages".to_owned(), json!({ "install": ["php"], "upgrade": random.one_in(2) }));
    }
    if random.one_in(2) {
        provision.insert("timeZone".to_owned(), json!("Asia/Tokyo"));
    }
    if random.one_in(2) {
        let files = json!([{ "path": "/etc/motd", "content": "it's a\n$template\n" }, { "path": "/etc/hosts", "line": "a=b" }]);
        provision.insert("files".to_owned(), files);
    }
    if random.one_in(3) {
        provision.insert("run".to_owned(), json!([{ "name": "mark", "script": "touch /made" }]));
    }
    all.insert("provision".to_owned(), provision.into());
    if random.one_in(2) {
        all.insert("refresh".to_owned(), json!({ "every": "7d" }));
    }
    if random.one_in(2) {
        all.insert("keep".to_owned(), json!(random.below(3)));
    }
    if random.one_in(3) {
        let limits = json!({ "memory": "1GiB", "cpu": 2 });
        all.insert(
            "build".to_owned(),
            json!({ "network": "incusbr0", "address": "10.0.0.9", "size": "4GiB", "limits": limits }),
        );
    }
    all.into()
}

/// What happened on earlier days: templates were built of other recipes, runs ended in the midst of it, and people were there.
fn earlier(host: &mut IncusHost, name: &str, random: &mut Random) {
    for day in 0..random.below(4) {
        host.now += 24 * 3_600;
        let version = format!("{name}/2026110{day}");
        let image = published(host, name, &version);
        host.name_image(&version, &image);
        host.name_image(name, &image);
    }
    let scratch = format!("evenkeel-build-{name}");
    match random.below(8) {
        0 => instance(host, &scratch, Some((name, &scratch)), random.one_in(2)),
        // Nobody made an alias of it yet.
        1 => {
            let image = published(host, name, &format!("{name}/20261109"));
            host.name_image(&format!("{name}/evenkeel-new"), &image);
            instance(host, &scratch, Some((name, &scratch)), false);
        }
        // One takes another's place.
        2 | 3 => {
            let version = format!("{name}/20261120");
            let (old, new) = (published(host, name, &version), published(host, name, &version));
            host.name_image(&format!("{name}/evenkeel-new"), &new);
            host.name_image(&version, if random.one_in(2) { &old } else { &new });
            host.name_image(name, if random.one_in(2) { &old } else { &new });
            if random.one_in(2) {
                host.name_image(&format!("{name}/evenkeel-old"), &old);
            }
        }
        4 => instance(host, &scratch, None, true),
        // Somebody looks into a copy of it.
        5 => instance(host, &format!("{name}-copy"), Some((name, &scratch)), random.one_in(2)),
        _ => {}
    }
    instance(host, &format!("{name}-1"), None, true);
    host.now = now().as_second();
}

/// An image as an earlier run made it.
fn published(host: &mut IncusHost, name: &str, version: &str) -> String {
    host.now += 60;
    let fingerprint = host.add_image("made", "Debian", "12", System::Debian12);
    host.aliases.remove("made");
    let record = json!({
        "format": 1,
        "object": name,
        "resource": format!("ContainerTemplate/{name}"),
        "owner": "evenkeel",
        "recipe": { "base": "debian/11", "cleanup": true },
        "digest": "0".repeat(64),
        "base": { "name": "debian/11", "bytes": 1, "sha256": "1".repeat(64) },
    });
    let properties =
        [("user.evenkeel.record", record.to_string()), ("user.evenkeel.version", version.to_owned())];
    if let Some(image) = host.images.get_mut(&fingerprint) {
        image.created = host.now;
        image.properties.extend(properties.map(|(key, value)| (key.to_owned(), value)));
    }
    fingerprint
}

/// `of` is the template that it was made for, and the name that it had then.
fn instance(host: &mut IncusHost, name: &str, of: Option<(&str, &str)>, running: bool) {
    let mark = |(object, instance): (&str, &str)| {
        json!({
            "user.evenkeel.resource": format!("ContainerTemplate/{object}"),
            "user.evenkeel.owner": "evenkeel",
            "user.evenkeel.object": object,
            "user.evenkeel.instance": instance,
        })
    };
    let mark = of.map_or_else(|| json!({}), mark);
    let Some(base) = host.aliases.get("debian/12").map(|alias| alias.target.clone()) else { return };
    let body = json!({ "name": name, "source": { "fingerprint": base }, "config": mark });
    host.call(Method::Post, "/1.0/instances", &BTreeMap::new(), Some(&body));
    if running {
        let path = format!("/1.0/instances/{name}/state");
        host.call(Method::Put, &path, &BTreeMap::new(), Some(&json!({ "action": "start" })));
    }
}
