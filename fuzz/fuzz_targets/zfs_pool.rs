//! Any output of `zpool`: no panic, and a pool is never created, replaced or removed.
#![no_main]

use std::sync::OnceLock;

use evenkeel_core::driver::{Evaluation, Keep, Terms};
use evenkeel_core::plan::{Action, Instance};
use evenkeel_fuzz::{Host, instances};
use libfuzzer_sys::fuzz_target;

const MANIFESTS: &str = r"---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsPool
metadata: { name: tank }
spec:
  target: host
  pool: tank
  properties: { autotrim: on, comment: the first pool, autoexpand: off }
";

static INSTANCES: OnceLock<Vec<Instance>> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let instances = INSTANCES.get_or_init(|| instances(MANIFESTS));
    for instance in instances {
        let mut host = Host::new(input);
        let replies = host.observe(&*instance.driver, &[&instance.spec]);
        let found = instance.driver.evaluate(
            &instance.spec,
            &replies,
            Terms {
                owner: &instance.id.name,
                ignore: &instance.ignore,
                id: &instance.id,
                keep: Keep::default(),
            },
            jiff::Timestamp::UNIX_EPOCH,
        );
        if let Ok(Evaluation::Known { action, .. }) = found {
            assert!(matches!(action, Action::NoOp | Action::Update), "{action:?}");
        }
    }
});
