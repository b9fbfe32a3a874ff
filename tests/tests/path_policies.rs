//! The ready path policies and the examples of ESX(i), run as their reader would run them, against simulated hosts of each
//! release. The simulator is ours: what it cannot show is said in `docs/esxi.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use evenkeel_lab::esxi::{Array, EsxHost, LimitType, Release};
use evenkeel_lab::server::LabTarget;
use evenkeel_lab::site::target;
use evenkeel_tests::site::Site;

const RELEASES: [(&str, Release); 4] = [
    ("esx41", Release::Esx41),
    ("esxi55", Release::Esxi55),
    ("esxi67", Release::Esxi67),
    ("esxi80", Release::Esxi80),
];

/// A ready manifest, and what it brings about on the disks of its array.
struct Ready {
    file: &'static str,
    array: Array,
    policy: &'static str,
    iops: Option<u64>,
    /// From which release on the array's disks are of the array type that it is about.
    since: Release,
    /// A rule or default gives disks that appear later all of it. Else the host's own gives them the policy.
    reaches_later_ones: bool,
}

const fn ready(file: &'static str, array: Array, policy: &'static str, iops: Option<u64>) -> Ready {
    Ready { file, array, policy, iops, since: Release::Esx41, reaches_later_ones: true }
}

const RR: &str = "VMW_PSP_RR";
const MRU: &str = "VMW_PSP_MRU";
const FIXED: &str = "VMW_PSP_FIXED";

const SVC: Ready = ready("ibm-svc", Array::IbmSvc, RR, None);
const PURE: Ready = ready("pure-flasharray", Array::Pure, RR, Some(1));
const ONTAP: Ready =
    Ready { reaches_later_ones: false, ..ready("netapp-ontap", Array::NetappOntap, RR, Some(1)) };
const E_SERIES: Ready =
    Ready { since: Release::Esxi55, ..ready("netapp-e-series", Array::NetappESeries, MRU, None) };
const PERSONA_11: Ready = ready("hpe-3par-persona-11", Array::ThreeParAlua, RR, Some(1));
const PERSONA_6: Ready = ready("hpe-3par-persona-6", Array::ThreeParActive, RR, Some(1));
const LSI: Ready = ready("ibm-ds-lsi", Array::LsiOem, MRU, None);

const READY: [Ready; 7] = [SVC, PURE, ONTAP, E_SERIES, PERSONA_11, PERSONA_6, LSI];

impl Ready {
    fn path(&self) -> String {
        repository(&format!("manifests/path-policies/{}.yaml", self.file))
    }

    /// A policy that it must change, which the host took by hand all the same.
    fn wrong(&self) -> &'static str {
        if self.policy == RR { FIXED } else { RR }
    }

    /// What a disk that it is about shall be like.
    fn wanted(&self) -> Seen {
        (self.policy.to_owned(), self.iops)
    }
}

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join(path).to_str().unwrap().to_owned()
}

/// A site of these hosts, which manifests reach by their label.
fn site(hosts: Vec<EsxHost>) -> Site {
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    let site = Site::with(hosts.into_iter().map(LabTarget::esx_host).collect());
    let mut targets = "# Its hosts.\n".to_owned();
    for name in names {
        let _ = write!(
            targets,
            "---\napiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {name}, labels: {{ role: esxi }} }}\nspec: {{ ssh: {{ host: {name}, user: root }} }}\n"
        );
    }
    site.work.write("targets.yaml", &targets);
    site
}

/// One host of each release, with these disks by hand.
fn of_each_release(fill: impl Fn(&mut EsxHost)) -> Site {
    let host = |(name, release): (&str, Release)| {
        let mut host = EsxHost::new(name, release);
        fill(&mut host);
        host
    };
    site(RELEASES.into_iter().map(host).collect())
}

fn by_hand<R>(site: &Site, host: &str, act: impl FnOnce(&mut EsxHost) -> R) -> R {
    site.lab.with_esx_host(host, act).unwrap()
}

/// The policy of a disk, and after how many I/Os Round Robin changes the path where that was set.
type Seen = (String, Option<u64>);

fn seen(host: &EsxHost, id: &str) -> Seen {
    let device = host.device(id).unwrap();
    // 4.1 tells the number, and calls the type the default one.
    let is_set = device.limits.by == LimitType::Iops || device.limits.iops != 1000;
    (device.psp.clone(), (device.psp == RR && is_set).then_some(device.limits.iops))
}

/// All disks of a host, by their array.
fn disks(host: &EsxHost) -> BTreeMap<Array, Vec<(String, Seen)>> {
    let mut disks: BTreeMap<Array, Vec<(String, Seen)>> = BTreeMap::new();
    for device in host.devices() {
        disks.entry(device.array).or_default().push((device.id.clone(), seen(host, &device.id)));
    }
    disks
}

/// The writes that a host carried out, and how many of them are about a disk.
fn written(host: &EsxHost) -> (usize, usize) {
    let writes = host.written();
    (writes.len(), writes.iter().filter(|write| write.device.is_some()).count())
}

/// Applies a ready manifest to hosts of every release that have nothing but disks of its array, all wrong.
fn is_brought_about(ready: &Ready) {
    let site = of_each_release(|host| {
        for id in host.add_luns(ready.array, 3, 4) {
            host.set_policy(&id, ready.wrong());
        }
    });
    let manifest = ready.path();
    site.work.expect(2, &["plan", "targets.yaml", &manifest]).says(&["Plan:"]);
    site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &manifest]).says(&["applied"]);
    for (name, release) in RELEASES {
        let disks = by_hand(&site, name, |host| disks(host)).remove(&ready.array).unwrap();
        let wanted = if release >= ready.since { ready.wanted() } else { (ready.wrong().to_owned(), None) };
        for (id, seen) in disks {
            assert_eq!(seen, wanted, "{} on {name}: {id}", ready.file);
        }
    }
    site.work.expect(0, &["plan", "targets.yaml", &manifest]).says(&["nothing to do"]);
    site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &manifest]).says(&["nothing was sent"]);
    later_ones(ready, &site);
}

/// A disk that appears later has it at once, or with the next apply.
fn later_ones(ready: &Ready, site: &Site) {
    for (name, release) in RELEASES {
        let (id, seen) = by_hand(site, name, |host| {
            let id = host.add_luns(ready.array, 1, 4).remove(0);
            let seen = seen(host, &id);
            (id, seen)
        });
        let wanted = if ready.reaches_later_ones { ready.wanted() } else { (ready.policy.to_owned(), None) };
        assert_eq!(seen, wanted, "{} on {name} ({release:?}): {id} appeared later", ready.file);
    }
    let manifest = ready.path();
    let code = if ready.reaches_later_ones { 0 } else { 2 };
    site.work.expect(code, &["plan", "targets.yaml", &manifest]);
    site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &manifest]);
    site.work.expect(0, &["plan", "targets.yaml", &manifest]).says(&["nothing to do"]);
}

#[test]
fn ibm_svc() {
    is_brought_about(&SVC);
}

#[test]
fn pure_flasharray() {
    is_brought_about(&PURE);
}

#[test]
fn netapp_ontap() {
    is_brought_about(&ONTAP);
}

#[test]
fn netapp_e_series() {
    is_brought_about(&E_SERIES);
}

#[test]
fn hpe_3par_persona_11() {
    is_brought_about(&PERSONA_11);
}

#[test]
fn hpe_3par_persona_6() {
    is_brought_about(&PERSONA_6);
}

#[test]
fn ibm_ds_lsi() {
    is_brought_about(&LSI);
}

#[test]
fn every_file_is_here_and_validates_without_a_warning() {
    let site = of_each_release(|_| {});
    let folder = repository("manifests/path-policies");
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort();
    let mut tested: Vec<String> = READY.iter().map(Ready::path).collect();
    tested.sort();
    assert_eq!(files, tested, "a manifest without a test, or a test without a manifest");
    for path in files.iter().chain([&folder]) {
        let ran = site.work.expect(0, &["validate", "targets.yaml", path]);
        ran.says(&["valid"]);
        assert_eq!(ran.stderr, "", "{path}");
    }
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.contains("\n# Source: ") && text.contains("\n# Needed on: "),
            "{file} says where it is from"
        );
    }
}

/// Each file leaves the disks of all arrays alone that it is not about, and hosts without its array but for its rules.
#[test]
fn disks_of_other_arrays_are_not_touched() {
    for ready in &READY {
        let site = of_each_release(|host| {
            for array in Array::ALL.into_iter().filter(|array| *array != ready.array) {
                for id in host.add_luns(array, 1, 4) {
                    // What no manifest wants, and the host takes.
                    host.set_policy(&id, FIXED);
                }
            }
        });
        let before: Vec<_> = RELEASES.map(|(name, _)| by_hand(&site, name, |host| disks(host))).into();
        site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &ready.path()]);
        for ((name, release), before) in RELEASES.into_iter().zip(before) {
            let (after, (writes, to_disks)) = by_hand(&site, name, |host| (disks(host), written(host)));
            if ready.file == "ibm-ds-lsi" && release == Release::Esx41 {
                // E-Series is claimed by VMW_SATP_LSI there, and is an LSI array indeed.
                let (e_series, others): (Vec<_>, Vec<_>) =
                    after.into_iter().partition(|(array, _)| *array == Array::NetappESeries);
                assert_eq!(e_series[0].1[0].1, LSI.wanted());
                assert!(others.iter().all(|(array, disks)| before[array] == *disks), "{name}");
                continue;
            }
            assert_eq!(after, before, "{} on {name}", ready.file);
            assert_eq!(to_disks, 0, "{} on {name}", ready.file);
            assert!(writes <= 1, "{} on {name}: a rule or a default at the most", ready.file);
        }
    }
}

/// All of them at once, on hosts that have all arrays: each its own, and no two contradict each other.
#[test]
fn the_whole_folder_can_be_given_to_every_host() {
    let site = of_each_release(|host| {
        for array in Array::ALL {
            for id in host.add_luns(array, 2, 4) {
                host.set_policy(&id, FIXED);
            }
        }
    });
    let folder = repository("manifests/path-policies");
    site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &folder]);
    for (name, _) in RELEASES {
        let mut disks = by_hand(&site, name, |host| disks(host));
        for ready in &READY {
            for (id, seen) in disks.remove(&ready.array).unwrap() {
                assert_eq!(seen, ready.wanted(), "{} on {name}: {id}", ready.file);
            }
        }
        assert_eq!(disks.keys().copied().collect::<Vec<_>>(), [Array::Clariion, Array::Local]);
        for (id, seen) in disks.into_values().flatten() {
            assert_eq!(seen, (FIXED.to_owned(), None), "{name}: {id} is of no array in the folder");
        }
    }
    site.work.expect(0, &["plan", "targets.yaml", &folder]).says(&["nothing to do"]);
}

/// What a vendor's rule is there for: after a restart, 4.1 has forgotten limits that no rule gives.
#[test]
fn the_limits_of_4_1_outlast_a_restart_by_their_rule() {
    let mut host = EsxHost::new("esx41", Release::Esx41);
    host.add_luns(Array::Pure, 2, 4);
    let site = site(vec![host]);
    let manifest = PURE.path();
    site.work.expect(0, &["apply", "--auto-approve", "targets.yaml", &manifest]);
    by_hand(&site, "esx41", |host| {
        host.reboot();
        host.come_up();
    });
    let disks = by_hand(&site, "esx41", |host| disks(host)).remove(&Array::Pure).unwrap();
    assert!(disks.iter().all(|(_, seen)| *seen == PURE.wanted()), "{disks:?}");
    site.work.expect(0, &["plan", "targets.yaml", &manifest]).says(&["nothing to do"]);
}

/// The example: a storage host exports, and every host mounts.
#[test]
fn the_example_of_a_datastore_over_nfs() {
    let mut targets = vec![target(0, 0, 0)];
    for (name, release) in [("olive", Release::Esx41), ("lime", Release::Esxi55), ("plum", Release::Esxi80)] {
        targets.push(LabTarget::esx_host(EsxHost::new(name, release)));
    }
    let site = Site::with(targets);
    let example = repository("examples/esxi-nfs");
    site.work.expect(0, &["validate", &example]);
    site.work.expect(2, &["plan", &example]).says(&["NFS_durian", "Plan:"]);
    site.work.expect(0, &["apply", "--auto-approve", &example]).says(&["applied"]);
    for name in ["olive", "lime", "plum"] {
        let mounts = by_hand(&site, name, |host| {
            host.nfs_mounts()
                .map(|mount| (mount.name.clone(), mount.hosts.clone(), mount.share.clone()))
                .collect::<Vec<_>>()
        });
        let wanted = ("NFS_durian".to_owned(), vec!["durian.teppi.net".to_owned()], "/POOL1/nfs".to_owned());
        assert_eq!(mounts, [wanted], "{name}");
    }
    site.work.expect(0, &["apply", "--auto-approve", &example]).says(&["nothing was sent"]);
    site.work.expect(0, &["status", &example]).says(&["InSync"]);
}
