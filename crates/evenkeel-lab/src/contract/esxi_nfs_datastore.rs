//! `EsxiNfsDatastore`: hosts of every release with datastores that are as they shall be, or differ in anything, or do
//! not answer; with virtual machines on some of them.

use serde_json::{Map, Value, json};

use super::{Fixture, Lists, Scenario, TARGET};
use crate::esxi::{EsxHost, Release};
use crate::random::Random;

pub(super) const FIXTURE: Fixture = Fixture {
    kind: "EsxiNfsDatastore",
    backend: None,
    scenario,
    lists: Lists::Objects,
    blur: None,
    follows: &[],
    seeds: 120,
};

/// A datastore, as it is mounted or wanted.
#[derive(Clone, Copy)]
struct Mount {
    servers: &'static [&'static str],
    /// Its last part; the first is the datastore's own, for no share is mounted twice.
    share: &'static str,
    read_only: bool,
    is_v41: bool,
}

fn scenario(seed: u64) -> Scenario {
    let mut random = Random::derive(seed, 51);
    let release = random.pick(&Release::ALL).copied().unwrap_or(Release::Esxi80);
    let mut host = EsxHost::new(TARGET, release);
    let mut manifests = Vec::new();
    for (at, name) in ["NFS_durian", "iso images", "NFS-kiwi", "backup_2"].into_iter().enumerate() {
        let wanted = draw(release, &mut random);
        if random.one_in(2) {
            let there = if random.one_in(3) { wanted } else { draw(release, &mut random) };
            mount(&mut host, at, name, there);
            host.set_nfs_accessible(name, !random.one_in(4));
            // Where nothing is mounted, one that lies there would be known again, and no more held, once that is made.
            if random.one_in(3) {
                host.register_vm(&format!("web {at}"), name);
            }
        }
        if at == 0 || random.one_in(2) {
            manifests.push(manifest(at, name, wanted, release));
        }
    }
    Scenario { machine: Box::new(host), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

fn draw(release: Release, random: &mut Random) -> Mount {
    // 4.1 and 5.5 know no NFS 4.1, and 4.1 mounts nothing for reading alone.
    let is_v41 = release >= Release::Esxi67 && random.one_in(3);
    let servers: &[&[&str]] = if is_v41 {
        &[&["10.0.0.7", "10.0.0.8"], &["10.0.0.9"]]
    } else {
        &[&["durian.teppi.net"], &["10.0.0.9"]]
    };
    Mount {
        servers: random.pick(servers).copied().unwrap_or_default(),
        share: random.pick(&["nfs", "my iso"]).copied().unwrap_or("nfs"),
        read_only: release > Release::Esx41 && random.one_in(3),
        is_v41,
    }
}

fn mount(host: &mut EsxHost, at: usize, name: &str, mount: Mount) {
    let share = share(at, mount);
    let servers = mount.servers.join(",");
    let mut words = match (host.release, mount.is_v41) {
        (Release::Esx41, _) => vec!["esxcfg-nas", "-a", "-o", &servers, "-s", &share, name],
        (_, is_v41) => {
            let version = if is_v41 { "nfs41" } else { "nfs" };
            vec!["esxcli", "storage", version, "add", "-H", &servers, "-s", &share, "-v", name]
        }
    };
    if mount.read_only {
        words.push("--readonly");
    }
    host.run(&words);
}

fn share(at: usize, mount: Mount) -> String {
    format!("/POOL{at}/{}", mount.share)
}

fn manifest(at: usize, name: &str, wanted: Mount, release: Release) -> String {
    let host = match wanted.servers {
        [one] => json!(one),
        several => json!(several),
    };
    let mut spec = Map::from_iter([
        ("target".to_owned(), json!(TARGET)),
        ("name".to_owned(), json!(name)),
        ("host".to_owned(), host),
        ("share".to_owned(), json!(share(at, wanted))),
        ("version".to_owned(), if wanted.is_v41 { json!("4.1") } else { json!(3) }),
    ]);
    if release > Release::Esx41 {
        spec.insert("readOnly".to_owned(), json!(wanted.read_only));
    }
    let spec = Value::Object(spec);
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: EsxiNfsDatastore\nmetadata: {{ name: d{at} }}\nspec: {spec}\n"
    )
}
