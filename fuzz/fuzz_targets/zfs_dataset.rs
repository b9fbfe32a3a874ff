//! Any output of `zfs` for datasets: no panic, and nothing is created that the host did not say is missing.
#![no_main]

use std::sync::OnceLock;

use evenkeel_core::driver::{Evaluation, Keep, Terms};
use evenkeel_core::plan::{Action, Instance};
use evenkeel_fuzz::{Host, instances};
use libfuzzer_sys::fuzz_target;

/// A filesystem, a volume, one with a property that the host may not know, and one that may be replaced.
const MANIFESTS: &str = r"---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: new }
spec:
  target: host
  dataset: tank/new
  properties: { atime: off, quota: 10G, sync: inherit, com.acme:backup: daily, casesensitivity: insensitive }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: volume }
spec:
  target: host
  dataset: tank/new/volume
  type: volume
  properties: { volsize: 1G, refreservation: auto }
---
apiVersion: evenkeel.dev/v1alpha1
kind: ZfsDataset
metadata: { name: doubtful }
spec:
  target: host
  dataset: tank
  properties: { brandnew: on, recordsize: 1M }
";

static INSTANCES: OnceLock<Vec<Instance>> = OnceLock::new();

fuzz_target!(|input: &[u8]| {
    let instances = INSTANCES.get_or_init(|| instances(MANIFESTS));
    for count in 1..=instances.len() {
        let instances = &instances[..count];
        let specs: Vec<_> = instances.iter().map(|instance| &instance.spec).collect();
        let mut host = Host::new(input);
        let replies = host.observe(&*instances[0].driver, &specs);
        for instance in instances {
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
            if let Ok(Evaluation::Known { action: Action::Create, .. }) = found {
                assert!(host.denies(&instance.object), "{} was never said to be missing", instance.object);
            }
        }
    }
});
