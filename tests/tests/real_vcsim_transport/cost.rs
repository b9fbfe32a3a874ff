//! What it costs to look at a vCenter with a thousand virtual machines.

use std::time::Instant;

use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::request::{Replies, join_queries};
use evenkeel_core::target::Way as Reached;
use evenkeel_core::transport::Transport as _;
use evenkeel_tests::soap_proxy::SoapProxy;
use evenkeel_tests::vcsim::Vcsim;
use serde_json::json;

use super::way::{CREDENTIAL, Way, shown};

const VMS: usize = 1_000;

/// So many exchanges are made for a driver's queries at most, as by the engine.
const ROUNDS: usize = 4;

#[tokio::test]
async fn a_thousand_virtual_machines_are_observed_in_three_calls() {
    let count = VMS.to_string();
    let vcsim = Vcsim::start(&["-count", &count, "-nas", "NFS_durian", "-folders", "backup", "-on=false"]);
    let proxy = SoapProxy::start(&vcsim);
    let way = Way::new(proxy.spec(CREDENTIAL));
    let target = json!({ "vsphere": proxy.spec(CREDENTIAL) });
    let spec = json!({
        "target": "olive",
        "schedule": { "cron": "30 2 * * *", "timeZone": "Asia/Tokyo" },
        "retention": { "keepLast": 3 },
        "vmClone": { "vms": ["vm-0001", "vm-0500", "vm-0999"], "datastore": "NFS_durian", "folder": "backup" },
    });
    let head = "apiVersion: evenkeel.dev/v1alpha1\nkind:";
    let manifests = format!(
        "{head} Target\nmetadata: {{ name: olive }}\nspec: {target}\n---\n\
         {head} BackupSchedule\nmetadata: {{ name: clones }}\nspec: {spec}\n"
    );
    let file = SourceFile { path: "site.yaml".to_owned(), bytes: manifests.into_bytes() };
    let registry = evenkeel_drivers::registry();
    let loaded = load(&registry, &[file], &[], jiff::Timestamp::UNIX_EPOCH);
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    let instance = &loaded.instances[0];

    let began = Instant::now();
    let mut replies = Replies::of(Reached::Vsphere);
    let mut largest = 0;
    for _ in 0..ROUNDS {
        let asked = instance.driver.queries(&instance.spec, &replies);
        let fresh = asked.into_iter().filter(|query| !replies.has(query)).collect::<Vec<_>>();
        if fresh.is_empty() {
            break;
        }
        let sent = join_queries(fresh);
        let requests: Vec<_> = sent.iter().map(|query| query.request().clone()).collect();
        let answers = way.transport.exchange(&way.target, &requests).await;
        for (query, answer) in sent.into_iter().zip(answers) {
            let reply = answer.unwrap();
            assert_eq!(reply.exit, 0, "{}", reply.stderr_text());
            largest = largest.max(shown(&reply)["count"].as_u64().unwrap());
            replies.insert(query, Ok(reply));
        }
    }
    assert!(largest >= VMS as u64, "{largest} objects");
    let mut counts = proxy.counts();
    for method in ["RetrieveServiceContent", "Login"] {
        assert_eq!(counts.remove(method), Some(1), "{method}");
    }
    let calls: usize = counts.values().sum();
    assert!(calls <= 3, "{counts:?}");
    println!("{VMS} VMs: {calls} calls, {:?}", began.elapsed());
}
