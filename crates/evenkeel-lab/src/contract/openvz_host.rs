//! `OpenvzHost`: hosts old and new whose files are as people left them: with comments, in all ways to quote, with keys
//! missing, set twice, or set to what means the same; and templates that use another distribution's file.

use std::collections::BTreeMap;

use evenkeel_core::request::{Reply, Request};
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET};
use crate::containers::tree::{File, Node};
use crate::containers::{ContainerHost, ContainerWorld, System};
use crate::machine::Machine;
use crate::random::Random;

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "OpenvzHost",
    backend: None,
    scenario,
    lists: Lists::None,
    blur: None,
    follows: &[],
    seeds: 120,
};

const VZ_CONF: &str = "/etc/vz/vz.conf";
const TEMPLATES: [&str; 3] = ["sabayon-5-SpinBase_5.4-1_i386", "scientific-6-standard_6.0_i386", "odd"];
const DISTRIBUTIONS: [&str; 3] = ["gentoo", "debian", "scientific"];

/// Keys, and values of each; the first two mean the same.
const OF_HOST: [(&str, [&str; 3]); 3] = [
    ("DISKSPACE", ["20G:22G", "20971520:23068672", "1G:1.1G"]),
    ("DISKINODES", ["4000000:4400000", "4000000:4400000", "200000:220000"]),
    ("IPV6", ["yes", "yes", "no"]),
];
const OF_CONTAINERS: [(&str, [&str; 3]); 4] = [
    ("KMEMSIZE", ["465M:512M", "487587840:536870912", "unlimited"]),
    ("PHYSPAGES", ["0:1024M", "0:262144", "0:unlimited"]),
    ("NUMPROC", ["unlimited", "unlimited:unlimited", "240"]),
    ("DESCRIPTION", ["web server", "web server", "it's old"]),
];

/// A host that somebody works on by hand.
#[derive(Debug, Clone)]
struct Worked(ContainerWorld);

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 73);
    let mut host =
        if random.one_in(2) { ContainerHost::openvz(TARGET) } else { ContainerHost::openvz_of_old(TARGET) };
    let mut random_lines = |path: &str, keys: &[(&str, [&str; 3])], host: &mut ContainerHost| {
        let before = host.tree.file(path).map(File::text).unwrap_or_default();
        let lines: String = keys.iter().map(|(key, values)| lines_of(key, values, &mut random)).collect();
        let end = if random.one_in(3) { "# the end" } else { "" };
        host.tree.put(path, format!("{before}{lines}{end}"));
    };
    random_lines(VZ_CONF, &OF_HOST, &mut host);
    let system = System::Scientific6;
    for id in [555, 556] {
        host.add_container(id, system, &BTreeMap::from([("ONBOOT", "no"), ("NAME", "a\\ b")]));
        random_lines(&conf_of(id), &OF_CONTAINERS, &mut host);
    }
    let mut random = Random::derive(seed, 74);
    for template in TEMPLATES {
        let place = format!("/etc/vz/dists/{template}.conf");
        match random.below(4) {
            0 => {}
            1 => host.tree.put(&place, "ADD_IP=my-own.sh\n"),
            _ => {
                let to = random.pick(&DISTRIBUTIONS).copied().unwrap_or_default();
                let folder = random.pick(&["", "./", "/etc/vz/dists/"]).copied().unwrap_or_default();
                host.tree.place(&place, Node::Link(format!("{folder}{to}.conf")));
            }
        }
    }
    let manifests = manifests(&mut random);
    Scenario { machine: Box::new(Worked(ContainerWorld::new(host))), manifests, secrets: Vec::new() }
}

fn conf_of(id: u32) -> String {
    format!("/etc/vz/conf/{id}.conf")
}

/// None, one or two lines that set a key.
fn lines_of(key: &str, values: &[&str], random: &mut Random) -> String {
    let mut lines = String::new();
    for _ in 0..random.below(3) {
        let value = random.pick(values).copied().unwrap_or_default();
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":.".contains(&byte));
        let quote = match random.below(3) {
            0 if is_plain => "",
            1 if !value.contains('\'') => "'",
            _ => "\"",
        };
        let before = random.pick(&["", "", " ", "\t"]).copied().unwrap_or_default();
        let behind = random.pick(&["", "", " # 2009", "\t# \"$x\""]).copied().unwrap_or_default();
        lines.extend([format!("{before}{key}={quote}{value}{quote}{behind}\n")]);
        if random.one_in(3) {
            lines.extend([format!("\n# {key}=\"was this before\"\n")]);
        }
    }
    lines
}

/// Two resources: both may set keys of one file, never the same.
fn manifests(random: &mut Random) -> String {
    let mut specs = [Map::new(), Map::new()];
    let mut places: Vec<(Vec<String>, &str)> = Vec::new();
    for (key, values) in OF_HOST {
        places.push((vec!["vzConf".to_owned(), key.to_owned()], pick(&values, random)));
    }
    for id in ["555", "556"] {
        for (key, values) in OF_CONTAINERS {
            places
                .push((vec!["containers".to_owned(), id.to_owned(), key.to_owned()], pick(&values, random)));
        }
    }
    for template in TEMPLATES {
        places.push((vec!["distributions".to_owned(), template.to_owned()], pick(&DISTRIBUTIONS, random)));
    }
    for (at, (path, value)) in places.iter().enumerate() {
        let place = random.below(3);
        // The first is set by somebody in any case, so that there is something to do.
        if let Some(spec) = specs.get_mut(if at == 0 { 0 } else { place }) {
            write(spec, path, value);
        }
    }
    let manifests: Vec<String> = specs
        .into_iter()
        .enumerate()
        .filter(|(_, spec)| !spec.is_empty())
        .map(|(at, mut spec)| {
            spec.insert("target".to_owned(), json!(TARGET));
            let spec = Value::Object(spec);
            format!("apiVersion: evenkeel.dev/v1alpha1\nkind: OpenvzHost\nmetadata: {{ name: host{at} }}\nspec: {spec}\n")
        })
        .collect();
    manifests.join("---\n")
}

fn pick<'a>(values: &[&'a str], random: &mut Random) -> &'a str {
    random.pick(values).copied().unwrap_or_default()
}

fn write(spec: &mut Map<String, Value>, path: &[String], value: &str) {
    match path {
        [] => {}
        [last] => drop(spec.insert(last.clone(), json!(value))),
        [first, rest @ ..] => {
            let inner = spec.entry(first.clone()).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                write(inner, rest, value);
            }
        }
    }
}

impl Machine for Worked {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.0.run(argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.0.answer(target, request)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.0.answer_in_part(target, request, random);
    }

    fn fingerprint(&self) -> u64 {
        self.0.fingerprint()
    }

    /// Somebody edits a file, or leads a template's link elsewhere.
    fn drift(&mut self, random: &mut Random) {
        let tree = &mut self.0.host.tree;
        let containers = random.pick(&[555, 556]).copied().unwrap_or(555);
        let (path, keys) = match random.below(3) {
            0 => (VZ_CONF.to_owned(), &OF_HOST[..]),
            1 => (conf_of(containers), &OF_CONTAINERS[..]),
            _ => {
                let template = pick(&TEMPLATES, random);
                let place = format!("/etc/vz/dists/{template}.conf");
                if let Some(Node::Link(_)) = tree.node(&place) {
                    if random.one_in(2) {
                        tree.erase(&place);
                    } else {
                        tree.place(&place, Node::Link(format!("{}.conf", pick(&DISTRIBUTIONS, random))));
                    }
                }
                return;
            }
        };
        let text = tree.file(&path).map(File::text).unwrap_or_default();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = random.below(lines.len());
        match (random.below(3), random.pick(keys)) {
            (0, _) if lines.len() > 1 => drop(lines.remove(at)),
            (1, Some((key, values))) => lines.insert(at, lines_of(key, values, random)),
            _ => lines.insert(at, "# somebody was here\n".to_owned()),
        }
        tree.put(&path, lines.concat());
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        BTreeMap::from([("openvz".to_owned(), None)])
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
