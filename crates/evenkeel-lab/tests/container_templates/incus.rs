//! The same on a simulated Incus server.

use std::collections::BTreeSet;

use evenkeel_engine::Verdict;
use evenkeel_lab::containers::System;
use evenkeel_lab::containers::incus::IncusHost;
use evenkeel_lab::containers::tree::File;
use evenkeel_lab::contract::now;
use evenkeel_lab::shared::Shared;
use serde_json::{Value, json};

use crate::failure;
use crate::rig::{Rig, World};

type Server = Shared<IncusHost>;

impl World for Server {
    fn advance(&self, now: i64) {
        let mut host = self.lock();
        host.now = host.now.max(now);
    }
}

fn rig(more: &Value) -> Rig<Server> {
    let mut host = IncusHost::new(now() - jiff::SignedDuration::from_hours(24));
    host.add_image("debian/12", "Debian", "12", System::Debian12);
    host.repository.insert("php".to_owned(), 1);
    let mut spec = json!({
        "base": "debian/12",
        "output": { "alias": "web", "version": "{yyyyMMdd}", "distribution": "Debian" },
        "provision": {
            "packages": { "upgrade": true, "install": ["php"] },
            "timeZone": "Asia/Tokyo",
            "files": [
                { "path": "/etc/php.ini", "line": "date.timezone = Asia/Tokyo" },
                { "path": "/etc/motd", "content": "made by Evenkeel\n" },
            ],
        },
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec = json!({ "target": "pve1", "incus": spec });
    let manifest = format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: ContainerTemplate\nmetadata: {{ name: web }}\nspec: {spec}\n"
    );
    Rig::new(Shared::new(host), &manifest)
}

/// The aliases of what was built.
fn built(rig: &Rig<Server>) -> Vec<String> {
    rig.world.lock().aliases.keys().filter(|alias| *alias != "debian/12").cloned().collect()
}

fn expect_whole(rig: &Rig<Server>, alias: &str) {
    let host = rig.world.lock();
    let image = host.image(alias).unwrap_or_else(|| panic!("{alias} is not there"));
    let text = |path: &str| image.root.file(path).map(File::text);
    assert_eq!(text("/etc/php.ini").unwrap(), "[Date]\ndate.timezone = Asia/Tokyo\n", "{alias}");
    assert_eq!(text("/etc/motd").unwrap(), "made by Evenkeel\n", "{alias}");
    assert!(text("/var/cache/apt/archives/fetched.deb").is_none(), "{alias}");
}

/// Scratch containers, aliases for the time of the work, and images that have no alias.
fn expect_no_leftovers(rig: &Rig<Server>, told: &str) {
    let host = rig.world.lock();
    let named: BTreeSet<&String> = host.aliases.values().map(|alias| &alias.target).collect();
    let lost = host.images.keys().filter(|image| !named.contains(image)).cloned();
    let aliases = host.aliases.keys().filter(|alias| alias.contains("evenkeel")).cloned();
    let left: Vec<String> = lost.chain(aliases).chain(host.instances.keys().cloned()).collect();
    assert!(left.is_empty(), "{told}: {left:?}");
}

#[tokio::test]
async fn killed_anywhere_it_is_made_good_by_the_next_run_on_incus() {
    let counted = rig(&json!({}));
    let run = counted.reconcile(None).await.unwrap();
    assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "{run:#?}");
    assert_eq!(built(&counted), ["web", "web/20261120"]);
    let requests = counted.line.take_log().len();
    assert!(requests > 15, "{requests}");
    for after in 0..requests {
        for seed in 0..4 {
            let rig = rig(&json!({}));
            let told = format!("killed within {after}, seed {seed}");
            rig.line.set_trouble(seed, 0);
            assert!(rig.reconcile(Some(after)).await.is_none(), "{told}");
            for alias in built(&rig).iter().filter(|alias| !alias.contains("evenkeel")) {
                expect_whole(&rig, alias);
            }
            rig.settles().await;
            expect_no_leftovers(&rig, &told);
            expect_whole(&rig, "web");
            assert_eq!(built(&rig), ["web", "web/20261120"], "{told}");
        }
    }
}

#[tokio::test]
async fn what_fails_on_incus_is_said_in_its_own_words_and_leaves_nothing() {
    type Change = fn(&mut IncusHost);
    let blows: [(Change, Change, &str); 3] = [
        (
            |host| host.fail_start = Some("Failed to run: forkstart: exit status 1".to_owned()),
            |host| host.fail_start = None,
            "forkstart: exit status 1",
        ),
        (
            |host| host.fail_packages = Some("E: Failed to fetch some index files".to_owned()),
            |host| host.fail_packages = None,
            "E: Failed to fetch some index files",
        ),
        (
            |host| host.room = Some(host.images.values().map(|image| image.bytes).sum()),
            |host| host.room = None,
            "no space left on device",
        ),
    ];
    for (strike, mend, says) in blows {
        let rig = rig(&json!({ "refresh": { "every": "1d" } }));
        rig.settles().await;
        let before = rig.world.lock().aliases.clone();
        rig.sleep(1);
        strike(&mut rig.world.lock());
        let run = rig.reconcile(None).await.unwrap();
        assert!(failure(&run).contains(says), "{says}: {}", failure(&run));
        assert_eq!(rig.world.lock().aliases, before, "what is there stays: {says}");
        expect_no_leftovers(&rig, says);
        mend(&mut rig.world.lock());
        rig.settles().await;
        expect_no_leftovers(&rig, says);
        expect_whole(&rig, "web/20261121");
    }
}

#[tokio::test]
async fn on_incus_it_is_built_anew_in_every_period_and_three_old_versions_are_kept() {
    let rig = rig(&json!({ "refresh": { "every": "7d" }, "keep": 3 }));
    let mut counts = Vec::new();
    for week in 0..6 {
        let run = rig.reconcile(None).await.unwrap();
        assert_eq!(run.outcomes[0].verdict, Verdict::Applied, "week {week}: {run:#?}");
        assert_eq!(rig.reconcile(None).await.unwrap().summary.commands, 0, "once a week");
        counts.push(built(&rig).len() - 1);
        rig.sleep(7);
    }
    assert_eq!(counts, [1, 2, 3, 4, 4, 4], "the newest and three older ones");
    expect_no_leftovers(&rig, "each came to its end");
    for alias in built(&rig) {
        expect_whole(&rig, &alias);
    }
}
