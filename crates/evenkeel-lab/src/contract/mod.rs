//! The contract that every driver keeps, as checks over simulated machines and random specs.
//!
//! A driver is checked by being registered: `tests/contract.rs` goes through the registry and fails where a kind
//! has no [`Fixture`]. Everything here is pure; [`twin`] is the engine's reconcile path without its I/O.

mod blame;
mod checks;
mod container_templates;
mod esxi_nfs_datastore;
mod esxi_path_policy;
mod guards;
mod hyperv;
mod incus_template;
mod openvz_host;
mod proofs;
mod pve_job;
mod tamper;
pub mod twin;
mod vm_clone;
mod vsphere_nas;
mod vsphere_paths;
mod vzdump;
mod wrong;
mod zfs_dataset;
mod zfs_pool;
mod zfs_snapshot;

use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{SourceFile, load};
use evenkeel_core::plan::Instance;
use evenkeel_core::target::Way;
use jiff::Timestamp;
use serde_json::Value;

pub use checks::{Check, checks};

use crate::machine::Machine;

/// The target that all scenarios play on.
pub const TARGET: &str = "durian";

/// How one kind is put to the test.
#[derive(Debug, Clone, Copy)]
pub struct Fixture {
    /// The kind.
    pub kind: &'static str,
    /// The backend, where the kind has several.
    pub backend: Option<&'static str>,
    /// A machine and manifests that fit it, fixed by a seed.
    pub scenario: fn(seed: u64) -> Scenario,
    /// Which of the replies that it reads are lists with no end.
    pub lists: Lists,
    /// Where one reply tells of the whole machine, more than the manifests are about: takes out of it what may differ though
    /// the machine is the same, such as clocks and numbers that it counts up.
    pub blur: Option<fn(&mut Value)>,
    /// Fields of an object that nobody can tell before it was looked at, since what is wanted there follows from what is there.
    /// Each of them might be a mere echo of what was seen, and no check would find that; so they are few, and named.
    pub follows: &'static [&'static str],
    /// With how many seeds it is checked, as far as nobody asks for others.
    pub seeds: u64,
}

/// Lists that tell neither how long they are nor where they end: no driver can see that one has lost a row, or has
/// another name in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// None: whatever is missing is missed.
    None,
    /// Those of what belongs to an object.
    Parts,
    /// Those of the objects themselves, too: where one seems to be absent, the machine refuses to make it again.
    Objects,
}

/// A machine and what it shall become.
pub struct Scenario {
    /// The machine as it is.
    pub machine: Box<dyn Machine>,
    /// Manifests of the kind, for [`TARGET`].
    pub manifests: String,
    /// Values of secrets that the manifests refer to; none of them may ever be in a request or a plan.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("manifests", &self.manifests).finish_non_exhaustive()
    }
}

/// The fixture of every kind that has one.
pub fn fixtures() -> Vec<Fixture> {
    vec![
        zfs_dataset::FIXTURE,
        zfs_pool::FIXTURE,
        pve_job::FIXTURE,
        vzdump::FIXTURE,
        vm_clone::FIXTURE,
        zfs_snapshot::FIXTURE,
        esxi_path_policy::FIXTURE,
        esxi_nfs_datastore::FIXTURE,
        vsphere_paths::FIXTURE,
        vsphere_nas::FIXTURE,
        hyperv::SWITCH,
        hyperv::NICS,
        hyperv::DCB,
        container_templates::OPENVZ,
        container_templates::LXC,
        incus_template::FIXTURE,
        openvz_host::FIXTURE,
    ]
}

/// The time at which all scenarios play.
pub fn now() -> Timestamp {
    // 2026-11-20T12:00:00Z
    Timestamp::constant(1_795_176_000, 0)
}

/// A scenario whose manifests were read.
pub struct Stage {
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) secrets: Vec<String>,
    pub(crate) lists: Lists,
    pub(crate) blur: Option<fn(&mut Value)>,
    pub(crate) follows: &'static [&'static str],
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("instances", &self.instances).finish_non_exhaustive()
    }
}

/// What the manifest of a target says of how it is reached, where its machine is `host`.
pub fn target_spec(way: Way, host: &str) -> String {
    match way {
        Way::Commands => "local: {}".to_owned(),
        Way::Vsphere => format!("vsphere: {{ host: {host}, credentialsRef: {host} }}"),
    }
}

impl Stage {
    /// Reads the scenario of `seed`. Manifests with errors are a mistake in the fixture.
    pub fn set(registry: &Registry, fixture: &Fixture, seed: u64) -> Result<Self, String> {
        let scenario = (fixture.scenario)(seed);
        let way = target_spec(scenario.machine.way(), TARGET);
        let target = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: {TARGET} }}\nspec: {{ {way}, prune: true }}\n---\n"
        );
        let bytes = format!("{target}{}", scenario.manifests).into_bytes();
        let file = SourceFile { path: "scenario.yaml".to_owned(), bytes };
        let loaded = load(registry, &[file], &[], now());
        if loaded.has_errors() {
            let problems: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
            return Err(format!("bad manifests: {}\n{}", problems.join("; "), scenario.manifests));
        }
        let (machine, secrets) = (scenario.machine, scenario.secrets);
        let Fixture { lists, blur, follows, .. } = *fixture;
        Ok(Stage { machine, instances: loaded.instances, secrets, lists, blur, follows })
    }
}
