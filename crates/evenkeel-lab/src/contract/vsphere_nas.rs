//! `EsxiNfsDatastore` over the vSphere API: a host by itself, or one of several of a vCenter, with datastores of other
//! shares, those of other hosts, and virtual machines on them.

use std::collections::BTreeMap;

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Way;
use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET, now};
use crate::machine::Machine;
use crate::random::Random;
use crate::vsphere::{HOST, Mount, Nas, Store, Vcenter};

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "EsxiNfsDatastore",
    backend: None,
    scenario,
    // A name of another letter is another datastore; the server refuses to make it again.
    lists: Lists::Objects,
    blur: None,
    follows: &[],
    seeds: 80,
};

/// What is mounted, or wanted.
#[derive(Clone, Copy)]
struct Share {
    servers: &'static [&'static str],
    path: &'static str,
    read_only: bool,
    is_v41: bool,
}

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 91);
    let mut vcenter = Vcenter::new(now());
    vcenter.is_host = random.one_in(2);
    let other = (!vcenter.is_host && random.one_in(2)).then(|| vcenter.add_host("mango"));
    vcenter.add_store("LocalDS_0", 100);
    vcenter.add_vm("local", "LocalDS_0", 10);
    let mut manifests = Vec::new();
    for (at, name) in ["NFS_durian", "iso images", "NFS-kiwi", "backup_2"].into_iter().enumerate() {
        let wanted = draw(&mut random);
        if random.one_in(2) {
            let there = if random.one_in(3) { wanted } else { draw(&mut random) };
            let hosts: Vec<&str> = match &other {
                Some(other) if random.one_in(3) => vec![HOST, other.as_str()],
                Some(other) if random.one_in(3) => vec![other.as_str()],
                _ => vec![HOST],
            };
            mount(&mut vcenter, (at, name), there, &hosts, &mut random);
            if hosts.contains(&HOST) && random.one_in(3) {
                vcenter.add_vm(&format!("web {at}"), name, 1);
            }
        }
        if at == 0 || random.one_in(2) {
            manifests.push(manifest((at, name), wanted, other.is_some() || random.one_in(3)));
        }
    }
    Scenario {
        machine: Box::new(ByHand { vcenter }),
        manifests: manifests.join("---\n"),
        secrets: Vec::new(),
    }
}

fn draw(random: &mut Random) -> Share {
    let is_v41 = random.one_in(3);
    let servers: &[&[&str]] = if is_v41 {
        &[&["10.0.0.7", "10.0.0.8"], &["10.0.0.9"]]
    } else {
        &[&["durian.teppi.net"], &["10.0.0.9"]]
    };
    Share {
        servers: random.pick(servers).copied().unwrap_or_default(),
        path: random.pick(&["nfs", "my iso"]).copied().unwrap_or("nfs"),
        read_only: random.one_in(3),
        is_v41,
    }
}

fn path(at: usize, share: Share) -> String {
    format!("/POOL{at}/{}", share.path)
}

fn mount(vcenter: &mut Vcenter, of: (usize, &str), share: Share, hosts: &[&str], random: &mut Random) {
    let (at, name) = of;
    let id = vcenter.add_store(name, 1_000);
    let Some(store) = vcenter.stores.get_mut(&id) else { return };
    if share.is_v41 { "NFS41" } else { "NFS" }.clone_into(&mut store.kind);
    store.nas = Some(Nas {
        servers: share.servers.iter().map(|server| (*server).to_owned()).collect(),
        path: path(at, share),
        security: share.is_v41.then(|| if random.one_in(4) { "SEC_KRB5" } else { "AUTH_SYS" }.to_owned()),
    });
    let mount = Mount { read_only: share.read_only, is_accessible: !random.one_in(4) };
    store.mounts = hosts.iter().map(|host| ((*host).to_owned(), mount.clone())).collect();
}

fn manifest(of: (usize, &str), wanted: Share, names_host: bool) -> String {
    let (at, name) = of;
    let server = match wanted.servers {
        [one] => json!(one),
        several => json!(several),
    };
    let mut spec = Map::from_iter([
        ("target".to_owned(), json!(TARGET)),
        ("name".to_owned(), json!(name)),
        ("host".to_owned(), server),
        ("share".to_owned(), json!(path(at, wanted))),
        ("version".to_owned(), if wanted.is_v41 { json!("4.1") } else { json!(3) }),
        ("readOnly".to_owned(), json!(wanted.read_only)),
    ]);
    if names_host {
        spec.insert("esxiHost".to_owned(), json!("papaya"));
    }
    let spec = Value::Object(spec);
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiNfsDatastore\nmetadata: {{ name: d{at} }}\nspec: {spec}\n"
    )
}

/// A vCenter whose datastores people unmount.
#[derive(Clone)]
struct ByHand {
    vcenter: Vcenter,
}

impl Machine for ByHand {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.vcenter.run(argv)
    }

    fn way(&self) -> Way {
        self.vcenter.way()
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.vcenter.answer(target, request)
    }

    fn fingerprint(&self) -> u64 {
        self.vcenter.fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        // Those that come back as they were, once they are mounted again.
        let comes_back = |nas: &Nas| nas.security.as_deref().is_none_or(|security| security == "AUTH_SYS");
        let is_well = |store: &&Store| {
            store.nas.as_ref().is_some_and(comes_back)
                && store.mounts.values().all(|mount| mount.is_accessible)
        };
        let all = self.vcenter.stores.iter().filter(|(_, store)| is_well(store));
        let ids: Vec<String> = all.map(|(id, _)| id.clone()).collect();
        if let Some(id) = random.pick(&ids) {
            self.vcenter.unmount_by_hand(id);
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.vcenter.objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
