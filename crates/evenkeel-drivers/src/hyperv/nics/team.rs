//! The NICs below one switch: which of them may restart, and what must be so afterwards.

use std::collections::BTreeMap;

use evenkeel_core::condition::few;
use evenkeel_core::driver::{ObserveError, Proof};

use super::pick::{switch_of, switches};
use crate::hyperv::host::{Adapter, Host, Switch};
use crate::hyperv::scripts::observe;
use crate::hyperv::way::same;

/// What the proof of a restart counts.
const UP: &str = "uplinks that are up";

/// A switch with the NICs below it.
pub(in crate::hyperv) struct Team<'a> {
    pub(in crate::hyperv) switch: &'a Switch,
    pub(in crate::hyperv) uplinks: Vec<&'a Adapter>,
}

impl<'a> Team<'a> {
    /// The switch that a NIC is an uplink of; `None` where it is of none.
    pub(in crate::hyperv) fn of(host: &'a Host, nic: &str) -> Option<Self> {
        let switch = switch_of(host, nic).ok().flatten()?;
        Team::below(host, switch)
    }

    /// The NICs below a switch.
    pub(in crate::hyperv) fn below(host: &'a Host, switch: &'a Switch) -> Option<Self> {
        let names = host.uplinks(switch).ok()?;
        let adapters = host.adapters().ok()?.iter();
        let uplinks = adapters.filter(|adapter| names.iter().any(|name| same(name, &adapter.name)));
        Some(Team { switch, uplinks: uplinks.collect() })
    }

    /// How many of its uplinks are up.
    pub(in crate::hyperv) fn up(&self) -> usize {
        self.uplinks.iter().filter(|uplink| uplink.status == "Up").count()
    }

    pub(in crate::hyperv) fn others(&self, nic: &str) -> impl Iterator<Item = &&'a Adapter> {
        self.uplinks.iter().filter(move |uplink| !same(&uplink.name, nic))
    }

    /// As many uplinks are up afterwards.
    pub(in crate::hyperv) fn proof(&self) -> Proof {
        let up = u64::try_from(self.up()).unwrap_or(u64::MAX);
        Proof {
            reads: vec![observe().request().clone()],
            counts: UP.to_owned(),
            at_least: BTreeMap::from([(self.switch.name.clone(), up)]),
        }
    }

    /// Why a NIC may not restart: nothing else of its team works, and something should.
    pub(in crate::hyperv) fn last_one(&self, nic: &str) -> Option<String> {
        let is_up = self.uplinks.iter().any(|uplink| same(&uplink.name, nic) && uplink.status == "Up");
        let others: Vec<String> =
            self.others(nic).map(|uplink| format!("{} is {}", uplink.name, uplink.status)).collect();
        if !is_up || others.is_empty() || self.others(nic).any(|uplink| uplink.status == "Up") {
            return None;
        }
        Some(format!(
            "{nic} is the last working uplink of {}: restarting it would cut the switch off ({})",
            self.switch.name,
            few(&others, ", ")
        ))
    }
}

/// Which NIC is an uplink of which switch decides whether it may restart. Where that is not known, nothing is planned.
pub(in crate::hyperv) fn known(host: &Host) -> Result<(), ObserveError> {
    switches(host).map(drop)
}

/// The uplinks of each switch that are up, as a [`Proof`] wants them.
pub(in crate::hyperv) fn measure(host: &Host) -> Result<BTreeMap<String, u64>, ObserveError> {
    let count = |switch| {
        let team = Team::below(host, switch)?;
        Some((team.switch.name.clone(), u64::try_from(team.up()).unwrap_or(u64::MAX)))
    };
    Ok(switches(host)?.iter().filter_map(count).collect())
}
