//! `ContainerTemplate` with `openvz` and `lxc`: hosts with templates of all ages, what a crash left on them, what others put
//! there, and hosts that templates are sent to.

use std::collections::BTreeMap;

use evenkeel_core::request::Reply;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::containers::tree::{File, Node};
use crate::containers::{ContainerHost, ContainerWorld, Dialect, REQUIRED, System};
use crate::random::Random;

pub(super) const OPENVZ: Fixture = Fixture {
    kind: "ContainerTemplate",
    backend: Some("openvz"),
    scenario: openvz,
    lists: Lists::None,
    blur: None,
    follows: &["base", "digest", "slot"],
    seeds: 40,
};

pub(super) const LXC: Fixture = Fixture { backend: Some("lxc"), scenario: lxc, ..OPENVZ };

/// The folder of templates.
const CACHE: &str = "/var/lib/vz/template/cache";
/// The folder of our marks.
const MARKS: &str = "/var/lib/evenkeel/containers";

/// A template of a scenario: its name, and what it is made of.
struct Wanted {
    name: &'static str,
    system: System,
    id: u32,
    /// What all its versions end in: `.tar.gz`.
    ending: &'static str,
}

impl Wanted {
    /// The parts of its versions' names before and behind the day.
    fn parts(&self) -> (String, &'static str) {
        let (distribution, arch) = match self.system {
            System::Scientific6 => ("scientific-6", "i386"),
            System::Debian12 => ("debian-12", "amd64"),
            System::Sabayon5 => ("sabayon-5", "i386"),
        };
        (format!("{distribution}-{}_1.0-", self.name), arch)
    }

    fn version(&self, day: &str) -> String {
        let (before, arch) = self.parts();
        format!("{before}{day}_{arch}{}", self.ending)
    }

    fn object(&self) -> String {
        let (before, arch) = self.parts();
        format!("{before}{{yyyyMMdd}}_{arch}")
    }

    fn output(&self) -> Value {
        let (before, arch) = self.parts();
        let parts: Vec<&str> = before.split(['-', '_']).collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        json!({
            "distribution": part(0), "release": part(1), "flavor": part(2),
            "version": "1.0-{yyyyMMdd}", "arch": arch,
        })
    }
}

fn openvz(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 80);
    let mut world = ContainerWorld::new(openvz_host(TARGET, &mut random));
    if random.one_in(3) {
        let suffix = "p2";
        world.beside.insert(suffix.to_owned(), openvz_host(suffix, &mut random));
    }
    let mut manifests: Vec<String> = world.beside.keys().map(|suffix| target(suffix)).collect();
    let systems = [System::Scientific6, System::Debian12, System::Sabayon5];
    for (name, id) in [("web", 555), ("db", 556)].into_iter().take(1 + random.below(2)) {
        let system = random.pick(&systems).copied().unwrap_or(System::Debian12);
        let wanted = Wanted { name, system, id, ending: ".tar.gz" };
        let publish: Vec<String> = world.beside.keys().map(|suffix| format!("{TARGET}-{suffix}")).collect();
        let spec = json!({ "target": TARGET, "openvz": openvz_spec(&wanted, &publish, &mut random) });
        manifests.push(manifest(name, &spec));
        earlier(&mut world, &wanted, &mut random);
    }
    Scenario { machine: Box::new(world), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

fn lxc(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 81);
    let mut world = ContainerWorld::new(proxmox_host(TARGET));
    if random.one_in(3) {
        let suffix = "p2";
        world.beside.insert(suffix.to_owned(), proxmox_host(suffix));
    }
    let mut manifests: Vec<String> = world.beside.keys().map(|suffix| target(suffix)).collect();
    for (name, id) in [("web", 900), ("db", 901)].into_iter().take(1 + random.below(2)) {
        let wanted = Wanted { name, system: System::Debian12, id, ending: ".tar.zst" };
        let publish: Vec<String> = world.beside.keys().map(|suffix| format!("{TARGET}-{suffix}")).collect();
        let has_network = random.one_in(2);
        let mut build = json!({ "vmid": id, "storage": "local-lvm" });
        if let Some(build) = build.as_object_mut().filter(|_| has_network) {
            build.insert("bridge".to_owned(), json!("vmbr0"));
            build.insert("address".to_owned(), json!("dhcp"));
        }
        let mut spec = Map::from_iter([
            ("base".to_owned(), json!(DEBIAN)),
            ("output".to_owned(), wanted.output()),
            ("build".to_owned(), build),
            ("publish".to_owned(), json!(publish)),
        ]);
        common(&mut spec, has_network, &mut random);
        manifests.push(manifest(name, &json!({ "target": TARGET, "lxc": spec })));
        earlier(&mut world, &wanted, &mut random);
    }
    Scenario { machine: Box::new(world), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

const DEBIAN: &str = "debian-12-standard_12.7-1_amd64.tar.zst";

fn proxmox_host(name: &str) -> ContainerHost {
    let mut host = ContainerHost::proxmox(name, "9.1.99");
    host.tree.now = now().as_second() - 30 * 86_400;
    host.add_template(DEBIAN, System::Debian12);
    host.tree.put(&format!("{CACHE}/readme.txt"), "mine");
    host.add_container(101, System::Debian12, &BTreeMap::from([("hostname", "web1")]));
    host.running.insert(101);
    host
}

fn manifest(name: &str, spec: &Value) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: ContainerTemplate\nmetadata: {{ name: {name} }}\nspec: {spec}\n"
    )
}

fn target(suffix: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{name: {TARGET}-{suffix}}}\nspec: {{ ssh: {{ host: {TARGET}-{suffix} }} }}\n"
    )
}

fn openvz_host(name: &str, random: &mut Random) -> ContainerHost {
    let mut host =
        if random.one_in(2) { ContainerHost::openvz(name) } else { ContainerHost::openvz_of_old(name) };
    if host.release.is_some() {
        let text = crate::containers::VZ_CONF;
        host.tree
            .put("/etc/vz/vz.conf", format!("{text}DISKSPACE=\"20G:22G\"\nDISKINODES=\"400000:440000\"\n"));
    }
    host.tree.now = now().as_second() - 30 * 86_400;
    for (file, system) in [
        ("scientific-6-standard_6.0_i386.tar.gz", System::Scientific6),
        ("debian-12-standard_12_amd64.tar.xz", System::Debian12),
        ("sabayon-5-SpinBase_5.4-1_i386.tar.gz", System::Sabayon5),
    ] {
        host.add_template(file, system);
    }
    host.tree.put(&format!("{CACHE}/readme.txt"), "mine");
    host.add_container(101, System::Debian12, &BTreeMap::from([("HOSTNAME", "web1")]));
    host.running.insert(101);
    host
}

fn openvz_spec(wanted: &Wanted, publish: &[String], random: &mut Random) -> Value {
    let base = match wanted.system {
        System::Scientific6 => "scientific-6-standard_6.0_i386",
        System::Debian12 => "debian-12-standard_12_amd64",
        System::Sabayon5 => "sabayon-5-SpinBase_5.4-1_i386",
    };
    let has_network = random.one_in(2);
    let counters: BTreeMap<&str, &str> = REQUIRED.iter().map(|name| (*name, "unlimited")).collect();
    let mut build = json!({ "ctid": wanted.id, "limits": { "ubc": counters } });
    if let Some(build) = build.as_object_mut().filter(|_| has_network) {
        build.insert("address".to_owned(), json!(["192.168.35.240"]));
        build.insert("nameserver".to_owned(), json!("192.168.35.1"));
    }
    let mut spec = Map::from_iter([
        ("base".to_owned(), json!(base)),
        ("output".to_owned(), wanted.output()),
        ("build".to_owned(), build),
        ("publish".to_owned(), json!(publish)),
    ]);
    if wanted.system == System::Sabayon5 {
        spec.insert("distributionConfig".to_owned(), json!("gentoo"));
    }
    common(&mut spec, has_network, random);
    spec.into()
}

/// What is the same for every backend.
fn common(spec: &mut Map<String, Value>, has_network: bool, random: &mut Random) {
    let mut provision = Map::new();
    if has_network && random.one_in(2) {
        provision.insert("packages".to_owned(), json!({ "install": ["php"], "upgrade": random.one_in(2) }));
    }
    if random.one_in(2) {
        provision.insert("timeZone".to_owned(), json!("Asia/Tokyo"));
        provision.insert("locale".to_owned(), json!("ja_JP.UTF-8"));
    }
    if random.one_in(2) {
        let files = json!([
            { "path": "/etc/motd", "content": "it's a\n$template\nEVENKEEL\n" },
            { "path": "/etc/sysctl.conf", "line": "vm.swappiness = 10", "mode": "0640" },
            { "path": "/etc/issue", "absent": true },
        ]);
        provision.insert("files".to_owned(), files);
    }
    if random.one_in(3) {
        provision.insert("links".to_owned(), json!({ "/srv/www": "/var/www" }));
    }
    if random.one_in(3) {
        provision.insert("run".to_owned(), json!([{ "name": "mark", "script": "touch /made" }]));
    }
    spec.insert("provision".to_owned(), provision.into());
    if random.one_in(2) {
        spec.insert("refresh".to_owned(), json!({ "every": "7d" }));
    }
    if random.one_in(2) {
        spec.insert("keep".to_owned(), json!(random.below(3)));
    }
    if random.one_in(4) {
        spec.insert("cleanup".to_owned(), json!(false));
    }
}

/// What happened on earlier days: templates were built of other recipes, runs ended in the midst of it, and people were there.
fn earlier(world: &mut ContainerWorld, wanted: &Wanted, random: &mut Random) {
    for day in 1..=random.below(4) {
        let name = wanted.version(&format!("2026110{day}"));
        published(&mut world.host, wanted, &name, true);
        for host in world.beside.values_mut() {
            if random.one_in(2) {
                published(host, wanted, &name, false);
            }
        }
    }
    let today = wanted.version("20261120");
    match random.below(10) {
        // A build that was killed somewhere in its first steps.
        0 | 1 => {
            mark(&mut world.host, wanted, &today);
            create(&mut world.host, wanted, &today, random);
        }
        // One that was killed while it packed.
        2 => {
            mark(&mut world.host, wanted, &today);
            world.host.tree.put(&format!("{CACHE}/.{today}.evenkeel-new"), "half");
        }
        // Killed between the two names that it gives.
        3 => {
            published(&mut world.host, wanted, &today, true);
            let (name, new) = (format!("{CACHE}/{today}"), format!("{CACHE}/.{today}.evenkeel-new"));
            moved(&mut world.host, &name, &new);
        }
        // Somebody else has the name.
        4 => world.host.add_template(&today, wanted.system),
        // Somebody else has the container.
        5 => {
            let settings = BTreeMap::from([("HOSTNAME", "theirs"), ("hostname", "theirs")]);
            world.host.add_container(wanted.id, System::Debian12, &settings);
        }
        // Somebody removed a version by hand, and left its record.
        6 => {
            let name = wanted.version("20261101");
            published(&mut world.host, wanted, &name, true);
            world.host.tree.erase(&format!("{CACHE}/{name}"));
        }
        // Somebody changed a version by hand.
        7 => {
            let name = wanted.version("20261102");
            published(&mut world.host, wanted, &name, true);
            world.host.tree.put(&format!("{CACHE}/{name}"), "changed");
        }
        // A transfer ended midway.
        8 => {
            for host in world.beside.values_mut() {
                host.tree.put(&format!("{CACHE}/{today}.part"), "half");
            }
        }
        _ => {}
    }
    world.advance(now().as_second());
}

fn moved(host: &mut ContainerHost, from: &str, to: &str) {
    if let Some(node) = host.tree.node(from).cloned() {
        host.tree.erase(from);
        host.tree.place(to, node);
    }
}

fn mark(host: &mut ContainerHost, wanted: &Wanted, name: &str) {
    let text = format!("ContainerTemplate/{} evenkeel {} {name}\n", wanted.name, wanted.object());
    host.tree.put(&format!("{MARKS}/{}", wanted.id), text);
}

/// Makes a scratch container, as far as it gets.
fn create(host: &mut ContainerHost, wanted: &Wanted, name: &str, random: &mut Random) -> Reply {
    let (id, called) = (wanted.id.to_string(), format!("evenkeel-build-{}", wanted.name));
    let (template, says) = (format!("local:vztmpl/{DEBIAN}"), format!("Evenkeel builds {name} here"));
    let words = match host.dialect() {
        Dialect::OpenVz => {
            vec![
                "vzctl",
                "create",
                &id,
                "--ostemplate",
                "scientific-6-standard_6.0_i386",
                "--hostname",
                &called,
            ]
        }
        Dialect::Proxmox => vec!["pct", "create", &id, &template, "--description", &says],
    };
    if random.one_in(2) {
        host.run_in_part(&words, "", random);
    } else {
        host.run(&words, "");
    }
    let program = words.first().copied().unwrap_or_default();
    host.run(&[program, "start", &id], "")
}

/// A version as an earlier run made it here, or sent it here.
fn published(host: &mut ContainerHost, wanted: &Wanted, name: &str, is_home: bool) {
    host.tree.now += 86_400;
    host.add_template(name, wanted.system);
    let path = format!("{CACHE}/{name}");
    let Some(file) = host.tree.file(&path).cloned() else { return };
    let mut record = json!({
        "format": 1,
        "object": wanted.object(),
        "resource": format!("ContainerTemplate/{}", wanted.name),
        "owner": "evenkeel",
        "recipe": { "base": "older", "cleanup": true },
        "digest": "0".repeat(64),
        "base": { "name": "older", "bytes": 1, "mtime": 1, "sha256": "1".repeat(64) },
        "bytes": file.len(),
        "sha256": file.sha256(),
        "number": host.tree.now / 86_400,
    });
    let at = jiff::Timestamp::from_second(host.tree.now).unwrap_or_default();
    if let Some(record) = record.as_object_mut() {
        let told = if is_home {
            vec![("built", json!(at)), ("mtime", json!(file.mtime)), ("host", json!(host.name))]
        } else {
            vec![("ended", json!(at)), ("began", json!(at))]
        };
        record.extend(told.into_iter().map(|(key, value)| (key.to_owned(), value)));
    }
    let text = File::new(record.to_string().as_bytes(), host.tree.now);
    host.tree.place(&format!("{path}.json"), Node::File(text));
}
