//! Templates of containers, built on simulated hosts under trouble: runs that are killed anywhere, containers that do not
//! start, managers of packages that fail, disks that fill up. Whatever happens, the template that is there stays as it is
//! until a new one is whole, and in the end nothing is left of any build.

// Helpers of a test may fail loudly, like the test itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "names of files here are in small letters"
)]

mod backend;
mod incus;
mod rig;

use std::collections::{BTreeMap, BTreeSet};

use backend::{Backend, CACHE, vz_conf};
use evenkeel_engine::{Run, Verdict};
use evenkeel_lab::containers::archive::unpack;
use evenkeel_lab::containers::tree::{File, Node};
use evenkeel_lab::containers::{ContainerHost, ContainerWorld, System, VZ_CONF};
use evenkeel_lab::shared::Shared;
use rig::Rig;
use serde_json::{Value, json};

const BOTH: [Backend; 2] = [Backend::Openvz, Backend::Lxc];

fn rig(backend: Backend, more: &Value) -> Rig {
    let world = Shared::new(ContainerWorld::new(backend.host("pve1")));
    Rig::new(world, &backend.manifest(more))
}

fn file(rig: &Rig, name: &str) -> Option<File> {
    rig.world.lock().host.tree.file(&format!("{CACHE}/{name}")).cloned()
}

/// The templates that are there under their names.
fn templates(host: &ContainerHost) -> Vec<String> {
    let names = host.tree.names(CACHE).into_iter();
    names
        .filter(|name| name.contains(".tar.") && !name.starts_with('.') && !name.ends_with(".json"))
        .collect()
}

/// Those that were built.
fn built(rig: &Rig, backend: Backend) -> Vec<String> {
    templates(&rig.world.lock().host).into_iter().filter(|name| name != backend.base()).collect()
}

/// A template that has its name is whole, and has in it what the manifest says.
fn expect_whole(rig: &Rig, backend: Backend, name: &str) {
    let archive = file(rig, name).unwrap_or_else(|| panic!("{name} is not there: {:?}", built(rig, backend)));
    let root: BTreeMap<String, Node> =
        unpack(&archive, 0).unwrap_or_else(|| panic!("{name} is damaged")).into_iter().collect();
    backend.expect_root(&root, name);
}

fn expect_no_leftovers(rig: &Rig, told: &str) {
    assert_eq!(Backend::leftovers(&rig.world.lock().host), BTreeSet::new(), "{told}");
}

fn failure(run: &Run) -> String {
    match &run.outcomes[0].verdict {
        Verdict::Failed { message, .. } => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_article_is_carried_out_and_then_there_is_nothing_to_do() {
    for backend in BOTH {
        let rig = rig(backend, &json!({}));
        let (base, today) = (file(&rig, backend.base()).unwrap(), backend.made_on(20));
        let run = rig.reconcile(None).await.unwrap();
        assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{run:#?}");
        expect_whole(&rig, backend, &today);
        expect_no_leftovers(&rig, "a build that came to its end");
        assert_eq!(file(&rig, backend.base()), Some(base), "what it was made of is as it was");
        rig.sleep(1);
        assert_eq!(
            rig.reconcile(None).await.unwrap().summary.commands,
            0,
            "the same recipe, the same template"
        );
        assert_eq!(built(&rig, backend), [today]);
        let world = rig.world.lock();
        let logs = world.host.tree.names("/var/log/evenkeel");
        let log = world.host.tree.file(&format!("/var/log/evenkeel/{}", logs[0])).unwrap().text();
        assert!(log.contains("php 1 is installed\n"), "{log}");
        assert!(backend != Backend::Openvz || log.contains("Saved parameters for CT 555\n"), "{log}");
    }
}

fn destroy_by_hand(host: &mut ContainerHost) {
    host.run(&["vzctl", "destroy", "555"], "");
    for path in ["/var/lib/vz/private/555", "/etc/vz/conf/555.conf", "/etc/vz/conf/555.conf.destroyed"] {
        host.tree.erase(path);
    }
}

async fn killed_anywhere_it_is_made_good(backend: Backend) {
    let counted = rig(backend, &json!({}));
    counted.reconcile(None).await.unwrap();
    let requests = counted.line.take_log().len();
    assert!(requests > 15, "{requests}");
    let today = backend.made_on(20);
    for after in 0..requests {
        for seed in 0..4 {
            let rig = rig(backend, &json!({}));
            let told = format!("{backend:?} killed within {after}, seed {seed}");
            let base = file(&rig, backend.base());
            rig.line.set_trouble(seed, 0);
            assert!(rig.reconcile(Some(after)).await.is_none(), "{told}");
            if built(&rig, backend).contains(&today) {
                expect_whole(&rig, backend, &today);
            }
            let is_nameless = backend.is_nameless(&rig.world.lock().host);
            let run = rig.settles().await;
            if is_nameless {
                // It might be anybody's, and is never destroyed.
                let Verdict::Held { reasons } = &run.outcomes[0].verdict else { panic!("{told}: {run:#?}") };
                assert!(
                    reasons.iter().any(|reason| reason.contains("was not made by Evenkeel")),
                    "{reasons:?}"
                );
                destroy_by_hand(&mut rig.world.lock().host);
                rig.settles().await;
            }
            expect_no_leftovers(&rig, &told);
            expect_whole(&rig, backend, &today);
            assert_eq!(file(&rig, backend.base()), base, "{told}");
            assert!(rig.world.lock().host.running.contains(&101), "containers of others go on: {told}");
        }
    }
}

#[tokio::test]
async fn killed_anywhere_it_is_made_good_by_the_next_run_on_openvz() {
    killed_anywhere_it_is_made_good(Backend::Openvz).await;
}

#[tokio::test]
async fn killed_anywhere_it_is_made_good_by_the_next_run_on_proxmox() {
    killed_anywhere_it_is_made_good(Backend::Lxc).await;
}

#[tokio::test]
async fn a_line_that_breaks_now_and_then_does_no_harm() {
    for backend in BOTH {
        for seed in 0..40 {
            let rig = rig(backend, &json!({ "keep": 2 }));
            let today = backend.made_on(20);
            rig.line.set_trouble(seed, 8);
            for _ in 0..3 {
                rig.reconcile(None).await.unwrap();
                if built(&rig, backend).contains(&today) {
                    expect_whole(&rig, backend, &today);
                }
                rig.pass();
            }
            rig.line.set_trouble(0, 0);
            rig.settles().await;
            expect_no_leftovers(&rig, &format!("{backend:?}, seed {seed}"));
            expect_whole(&rig, backend, &today);
        }
    }
}

/// What happens to a host, how it is put right, and what the run says of it.
struct Blow {
    strike: fn(&mut ContainerHost),
    mend: fn(&mut ContainerHost),
    says: &'static str,
}

/// Blows on any host.
fn blows(start_fails: &'static str) -> Vec<Blow> {
    vec![
        Blow {
            strike: |host| host.fail_start = true,
            mend: |host| host.fail_start = false,
            says: start_fails,
        },
        Blow {
            strike: |host| {
                host.fail_packages = Some("Error: Cannot find a valid baseurl for repo: sl".to_owned());
            },
            mend: |host| host.fail_packages = None,
            says: "Cannot find a valid baseurl",
        },
        Blow {
            strike: |host| host.fills_up = Some(300_000),
            mend: |host| host.fills_up = None,
            says: "No space left on device",
        },
        Blow {
            strike: |host| host.tree.capacity = Some(host.tree.used()),
            mend: |host| host.tree.capacity = None,
            says: "nothing was begun",
        },
    ]
}

async fn fails_in_the_hosts_own_words(backend: Backend, blows: Vec<Blow>) {
    for Blow { strike, mend, says } in blows {
        let rig = rig(backend, &json!({ "refresh": { "every": "1d" } }));
        rig.settles().await;
        let before = (file(&rig, backend.base()), file(&rig, &backend.made_on(20)));
        rig.sleep(1);
        strike(&mut rig.world.lock().host);
        let run = rig.reconcile(None).await.unwrap();
        assert!(failure(&run).contains(says), "{says}: {}", failure(&run));
        let after = (file(&rig, backend.base()), file(&rig, &backend.made_on(20)));
        assert_eq!(after, before, "what is there stays: {says}");
        expect_no_leftovers(&rig, says);
        mend(&mut rig.world.lock().host);
        rig.settles().await;
        expect_no_leftovers(&rig, says);
        expect_whole(&rig, backend, &backend.made_on(21));
    }
}

#[tokio::test]
async fn what_fails_on_openvz_is_said_in_its_own_words_and_leaves_nothing() {
    let mut all = blows("Container start failed");
    all.push(Blow {
        strike: |host| host.tree.put("/etc/vz/vz.conf", VZ_CONF),
        mend: |host| host.tree.put("/etc/vz/vz.conf", vz_conf()),
        says: "Error: Not enough parameters, diskspace quota not set",
    });
    fails_in_the_hosts_own_words(Backend::Openvz, all).await;
}

#[tokio::test]
async fn what_fails_on_proxmox_is_said_in_its_own_words_and_leaves_nothing() {
    fails_in_the_hosts_own_words(Backend::Lxc, blows("startup for container '900' failed")).await;
}

#[tokio::test]
async fn it_is_built_anew_in_every_period_and_three_old_versions_are_kept() {
    for backend in BOTH {
        let rig = rig(backend, &json!({ "refresh": { "every": "7d" }, "keep": 3 }));
        let mut seen: Vec<Vec<String>> = Vec::new();
        for week in 0..6 {
            let run = rig.reconcile(None).await.unwrap();
            assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "week {week}: {run:#?}");
            assert_eq!(rig.reconcile(None).await.unwrap().summary.commands, 0, "once a week");
            seen.push(built(&rig, backend));
            rig.sleep(7);
        }
        let counts: Vec<usize> = seen.iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 2, 3, 4, 4, 4], "the newest and three older ones: {seen:?}");
        for name in &seen[5] {
            expect_whole(&rig, backend, name);
        }
        let first = backend.made_on(20);
        assert!(seen[5].iter().all(|name| *name > first), "the oldest go: {seen:?}");
    }
}

#[tokio::test]
async fn another_base_is_another_template_and_what_others_made_is_never_overwritten() {
    for backend in BOTH {
        let rig = rig(backend, &json!({}));
        rig.settles().await;
        rig.sleep(1);
        let tomorrow = backend.made_on(21);
        {
            // The same name with something else in it: only its checksum can tell.
            let host = &mut rig.world.lock().host;
            host.add_template(backend.base(), System::Sabayon5);
            host.tree.put(&format!("{CACHE}/{tomorrow}"), "mine");
        }
        let run = rig.reconcile(None).await.unwrap();
        let Verdict::Held { reasons } = &run.outcomes[0].verdict else { panic!("{run:#?}") };
        assert!(reasons.iter().any(|reason| reason.contains("was not made by Evenkeel")), "{reasons:?}");
        assert_eq!(file(&rig, &tomorrow).unwrap().text(), "mine");
        expect_no_leftovers(&rig, "nothing was begun");
    }
}

#[tokio::test]
async fn a_container_of_somebody_else_that_has_the_id_is_left_alone() {
    for backend in BOTH {
        let rig = rig(backend, &json!({}));
        let settings = BTreeMap::from([("HOSTNAME", "theirs"), ("hostname", "theirs")]);
        rig.world.lock().host.add_container(backend.id(), backend.system(), &settings);
        let before = rig.world.lock().host.fingerprint();
        let run = rig.reconcile(None).await.unwrap();
        assert!(matches!(run.outcomes[0].verdict, Verdict::Held { .. }), "{run:#?}");
        assert_eq!(rig.world.lock().host.fingerprint(), before);
    }
}

#[tokio::test]
async fn a_template_is_sent_to_other_hosts_and_pruned_there() {
    for backend in BOTH {
        let mut world = ContainerWorld::new(backend.host("pve1"));
        world.beside.insert("b".to_owned(), backend.host("pve1-b"));
        let more = json!({ "refresh": { "every": "1d" }, "keep": 1, "publish": ["pve1-b"] });
        let rig = Rig::new(Shared::new(world), &backend.manifest(&more));
        let there = |rig: &Rig| -> Vec<String> {
            let all = templates(&rig.world.lock().beside["b"]).into_iter();
            all.filter(|name| name != backend.base()).collect()
        };
        for day in 0..4 {
            rig.line.set_down("pve1-b", day == 2);
            rig.reconcile(None).await.unwrap();
            rig.line.set_down("pve1-b", false);
            if day != 2 {
                let newest = built(&rig, backend).pop().unwrap();
                assert!(there(&rig).contains(&newest), "day {day}: {newest} is not in {:?}", there(&rig));
                let sent = rig.world.lock().beside["b"].tree.file(&format!("{CACHE}/{newest}")).cloned();
                assert_eq!(sent.map(|file| file.sha256()), file(&rig, &newest).map(|file| file.sha256()));
            }
            assert!(there(&rig).len() <= 2, "{:?}", there(&rig));
            rig.sleep(1);
        }
        rig.settles().await;
        assert_eq!(there(&rig).len(), 2);
    }
}
