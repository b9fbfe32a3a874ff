//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Simulated targets on loopback SSH, to try Evenkeel on.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start simulated targets and run until standard input ends.
    Serve(Serve),
    /// Run a command on a simulated target by hand, past Evenkeel.
    Run(Run),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Where to write keys, host keys, `targets.yaml` and, when all is up, `ready`. Made if missing.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How many targets.
    #[arg(long, default_value_t = 3)]
    pub(crate) targets: usize,
    /// How many more datasets on each target, named POOL/bulk/0001 and so on.
    #[arg(long, default_value_t = 0)]
    pub(crate) datasets: usize,
    /// How many hosts of guests with vzdump besides, named pve1 (of the OpenVZ era), pve2 (of today), pve3 and so on.
    #[arg(long, default_value_t = 0)]
    pub(crate) dump_hosts: usize,
    /// How many bytes a dump of a guest has.
    #[arg(long, default_value_t = 1 << 20)]
    pub(crate) dump_bytes: u64,
    /// How many ESX(i) hosts besides, named olive (4.1), lime (5.5), plum (8.0), date (6.7), and esx-004 and so on in turn.
    #[arg(long, default_value_t = 0)]
    pub(crate) esx_hosts: usize,
    /// How many LUNs of an IBM SVC each of them has.
    #[arg(long, default_value_t = 8)]
    pub(crate) luns: usize,
    /// How many Hyper-V hosts besides, named hv01, hv02 and so on; on every second one the management address is on a NIC that
    /// comes into the team.
    #[arg(long, default_value_t = 0)]
    pub(crate) hyperv_hosts: usize,
    /// How many seconds pass on each of them in a second.
    #[arg(long, default_value_t = 1)]
    pub(crate) speed: u64,
    /// How many OpenVZ hosts besides, named ovz1, ovz2 and so on, with templates in their caches: ovz1 as in 2014, ovz2 with
    /// vzctl 4, and so on in turn.
    #[arg(long, default_value_t = 0)]
    pub(crate) openvz_hosts: usize,
    /// How many nodes of Proxmox VE besides, named node1, node2 and so on, with templates in their caches.
    #[arg(long, default_value_t = 0)]
    pub(crate) pve_hosts: usize,
    /// Adds changes made by hand that this number fixes; 0 adds none.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The folder given to `serve`.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The target's name.
    pub(crate) target: String,
    /// The command: zfs, zpool, vzctl, pct, esxcli, esxlab, hvlab and the like, and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}
