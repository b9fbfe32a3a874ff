//! The host as one of the lab's machines.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::Reply;

use super::EsxHost;
use super::defaults::{policies, refuses};
use super::device::{LimitType, Origin};
use crate::machine::Machine;
use crate::random::Random;

/// Our mark at the beginning of a rule's description; the owner follows up to the next slash.
const MARK: &str = "evenkeel/";

/// All that a command may change, but neither the log nor what makes counters move.
pub(super) fn fingerprint(host: &EsxHost) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&host.devices, &host.rules, &host.defaults).hash(&mut hasher);
    (&host.datastores, &host.nfs, &host.vms, host.is_down).hash(&mut hasher);
    hasher.finish()
}

impl EsxHost {
    /// One change by hand: a policy, a limit, a policy given back, or a default.
    pub fn drift(&mut self, random: &mut Random) {
        let ids: Vec<String> = self.devices.keys().cloned().collect();
        let Some(id) = random.pick(&ids) else { return };
        let policies = policies(self.release);
        let (psp, _) = random.pick(policies).copied().unwrap_or_default();
        match random.below(6) {
            0 | 1 => self.drift_policy(id, psp),
            2 => self.drift_policy(id, "VMW_PSP_RR"),
            3 => self.drift_limits(id, random),
            4 => self.give_back(id),
            _ => {
                let satps: Vec<String> = self.defaults.keys().cloned().collect();
                let satp = random.pick(&satps).cloned().unwrap_or_default();
                if !refuses(&satp, psp) {
                    self.defaults.insert(satp, psp.to_owned());
                }
            }
        }
    }

    fn drift_policy(&mut self, id: &str, psp: &str) {
        if self.device(id).is_some_and(|device| !refuses(&device.satp, psp)) {
            self.set_policy(id, psp);
        }
    }

    fn drift_limits(&mut self, id: &str, random: &mut Random) {
        let iops = random.pick(&[1, 3, 8, 1000]).copied().unwrap_or(1);
        let Some(device) = self.devices.get_mut(id) else { return };
        device.limits.by = LimitType::Iops;
        device.limits.iops = iops;
        device.limits_from = Origin::Own;
    }
}

impl Machine for EsxHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        EsxHost::run(self, argv)
    }

    fn fingerprint(&self) -> u64 {
        EsxHost::fingerprint(self)
    }

    fn drift(&mut self, random: &mut Random) {
        EsxHost::drift(self, random);
    }

    /// Devices, NFS datastores and claim rules; of these, those of Evenkeel carry their owner in the description.
    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let devices = self.devices.keys().map(|id| (format!("device {id}"), None));
        let nfs = self.nfs.keys().map(|name| (format!("datastore {name}"), None));
        let rules = self.rules.iter().map(|rule| {
            let name = format!(
                "rule {} device={} vendor={} model={} transport={} driver={} claim={} psp={}",
                rule.satp,
                rule.device,
                rule.vendor,
                rule.model,
                rule.transport,
                rule.driver,
                rule.claim_options,
                rule.psp
            );
            let owner = rule.description.strip_prefix(MARK).and_then(|rest| rest.split('/').next());
            (name, owner.map(str::to_owned))
        });
        devices.chain(nfs).chain(rules).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
