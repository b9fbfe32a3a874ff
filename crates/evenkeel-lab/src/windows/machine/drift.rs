//! Changes by hand.

use super::WindowsHost;
use crate::machine::Machine as _;
use crate::random::Random;

/// So often is another change tried where one changed nothing.
const TRIES: usize = 30;

/// The properties that somebody may have changed, each with two values that drivers have.
const PROPERTIES: [(&str, [&str; 2]); 6] = [
    ("*JumboPacket", ["1514", "9014"]),
    ("*FlowControl", ["0", "3"]),
    ("*NetworkDirectTechnology", ["3", "4"]),
    ("*PacketDirect", ["0", "1"]),
    ("*SRIOV", ["0", "1"]),
    ("RoceMode", ["1", "2"]),
];

impl WindowsHost {
    /// One change by hand of what our drivers could be told to own, but none that cuts us off. Nothing where there is nothing to change.
    pub fn drift(&mut self, random: &mut Random) {
        let was_reachable = self.is_reachable();
        for _ in 0..TRIES {
            let mut changed = self.clone();
            changed.drift_somehow(random);
            if changed.fingerprint() != self.fingerprint() && (changed.is_reachable() || !was_reachable) {
                *self = changed;
                return;
            }
        }
    }

    fn drift_somehow(&mut self, random: &mut Random) {
        match random.below(6) {
            0 => self.drift_property(random),
            1 => self.flip(random, "*NetworkDirect"),
            2 if random.one_in(2) => self.offload.network_direct = !self.offload.network_direct,
            2 => self.offload.across_subnets = !self.offload.across_subnets,
            3 if self.dcb => self.drift_qos(random),
            _ => {
                self.drift_switches(random);
            }
        }
    }

    fn drift_property(&mut self, random: &mut Random) {
        let Some((keyword, values)) = random.pick(&PROPERTIES).copied() else { return };
        let value = random.pick(&values).copied().unwrap_or_default();
        self.set_by_hand(random, keyword, |_| value.to_owned());
    }

    /// Switches a property that is on or off.
    fn flip(&mut self, random: &mut Random, keyword: &str) {
        self.set_by_hand(random, keyword, |old| if old == "1" { "0" } else { "1" }.to_owned());
    }

    /// Somebody sets a property on one of the adapters that have it; the adapter has long started anew.
    fn set_by_hand(&mut self, random: &mut Random, keyword: &str, new: impl FnOnce(&str) -> String) {
        let has: Vec<usize> = (0..self.adapters.len())
            .filter(|at| self.adapters.get(*at).is_some_and(|adapter| adapter.property(keyword).is_some()))
            .collect();
        let adapter = random.pick(&has).and_then(|at| self.adapters.get_mut(*at));
        if let Some(property) = adapter.and_then(|adapter| adapter.property_mut(keyword)) {
            property.value = new(&property.value);
            property.active.clone_from(&property.value);
        }
    }

    fn drift_qos(&mut self, random: &mut Random) {
        let at = random.below(8);
        let qos = &mut self.qos;
        match random.below(7) {
            0 => qos.willing = !qos.willing,
            1 => {
                if let Some(policy) = qos.policies.get_mut(at) {
                    policy.priority = i8::try_from(random.below(8)).unwrap_or_default();
                }
            }
            2 if at < qos.policies.len() => {
                qos.policies.remove(at);
            }
            3 => {
                if let Some(class) = qos.classes.get_mut(at).filter(|class| class.bandwidth > 1) {
                    class.bandwidth = class.bandwidth.saturating_sub(1);
                }
            }
            4 if at < qos.classes.len() => {
                qos.classes.remove(at);
            }
            5 => self.flip(random, "*QOS"),
            _ => {
                if let Some(enabled) = qos.flow_control.get_mut(at) {
                    *enabled = !*enabled;
                }
            }
        }
    }

    /// Names of all objects that somebody made or plugged in.
    pub(super) fn all_objects(&self) -> Vec<String> {
        let nics = self.adapters.iter().filter(|adapter| !adapter.is_virtual());
        let nics = nics.map(|adapter| format!("adapter {}", adapter.description));
        let policies = self.qos.policies.iter().map(|policy| format!("policy {}", policy.name));
        let classes = self.qos.classes.iter().map(|class| format!("class {}", class.name));
        nics.chain(policies).chain(classes).chain(self.switch_objects()).collect()
    }
}
