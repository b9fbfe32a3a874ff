//! Hyper-V hosts of every release, with NICs of one model below or beside a team, reached over one of them, over a host
//! adapter or over a NIC of the board; and what somebody did to them by hand.

mod blur;
mod dcb;
mod nics;
mod switch;

pub(super) use dcb::FIXTURE as DCB;
pub(super) use nics::FIXTURE as NICS;
pub(super) use switch::FIXTURE as SWITCH;

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::request::{Reply, Request};
use serde_json::Value;

use super::{Scenario, TARGET};
use crate::machine::Machine;
use crate::random::Random;
use crate::windows::{Edition, Model, Port, Release, WindowsHost};

/// The VLANs of management and of storage, on the ports of all NICs.
const MANAGEMENT: u16 = 10;
const STORAGE: [u16; 2] = [100, 200];

/// What the NICs of a host are called, in the host's language.
const NAMES: [[&str; 4]; 3] = [
    ["NIC1", "NIC2", "NIC3", "NIC4"],
    ["イーサネット", "イーサネット 2", "イーサネット 3", "イーサネット 4"],
    ["SLOT 2 Port 1", "SLOT 2 Port 2", "Bob's NIC", "pNIC;4"],
];

/// A host and what of it wishes have to fit.
struct Drawn {
    host: WindowsHost,
    model: Model,
    /// The NICs of one model, whose ports carry all VLANs. All are plugged in but, sometimes, the last.
    nics: Vec<&'static str>,
    /// The NICs of the team, or none where there is none.
    team: Vec<&'static str>,
    /// The host adapter that has the management address, where it is one.
    way: Option<&'static str>,
}

/// The switch that hosts have, where they have one.
const SWITCH_NAME: &str = "SETswitch";

fn draw(random: &mut Random, has_team: bool) -> Drawn {
    let release = [Release::Ws2016, Release::Ws2019, Release::Ws2022, Release::Ws2025];
    let release = random.pick(&release).copied().unwrap_or(Release::Ws2022);
    let edition = if random.one_in(3) { Edition::Core } else { Edition::Desktop };
    let models = [Model::ConnectX5, Model::ConnectX4Lx, Model::IntelX710, Model::EmulexSkyhawk];
    let model = random.pick(&models).copied().unwrap_or(Model::ConnectX5);
    let names = random.pick(&NAMES).copied().unwrap_or(["NIC1", "NIC2", "NIC3", "NIC4"]);
    let nics: Vec<&'static str> = names.into_iter().take(2 + random.below(3)).collect();
    let mut host = WindowsHost::new(TARGET, release, edition);
    for nic in &nics {
        host = host.add_nic(nic, model, Port::new(Some(MANAGEMENT), STORAGE));
    }
    host = host.add_nic("LOM", Model::Onboard, Port::new(Some(MANAGEMENT), []));
    let mut drawn = Drawn { host, model, nics, team: Vec::new(), way: None };
    let comes_over = random.below(3);
    let (first, has_address) = (drawn.nics.first().copied().unwrap_or_default(), comes_over > 0);
    if has_address {
        let over = if comes_over == 1 { "LOM" } else { first };
        drawn.host = drawn.host.manage(over, "192.168.1.10/24", MANAGEMENT);
    }
    if has_team {
        add_team(&mut drawn, random, comes_over == 2);
    }
    // What else a host may have, and nobody asks about.
    if random.one_in(4) {
        drawn.host = drawn.host.add_tunnel("wg0");
    }
    if has_address && random.one_in(4) {
        let over = if comes_over == 1 { drawn.nics.last().copied().unwrap_or_default() } else { "LOM" };
        if !drawn.team.contains(&over) {
            drawn.host = drawn.host.with_lease(over, "10.9.0.7/24", "10.9.0.1");
        }
    }
    if random.one_in(2) {
        drawn.host.set_pnp_delay(3);
    }
    if let Some(last) = drawn.nics.last().filter(|_| drawn.nics.len() > 2 && random.one_in(4)) {
        drawn.host.unplug(last);
    }
    drawn
}

/// Somebody made a team by hand, with the first NIC in it and a host adapter called `Management`; `is_way` where we come over
/// that.
fn add_team(drawn: &mut Drawn, random: &mut Random, is_way: bool) {
    let count = 1 + random.below(2);
    drawn.team = drawn.nics.iter().copied().take(count).collect();
    let team = drawn.team.iter().map(|nic| quoted(nic)).collect::<Vec<_>>().join(",");
    let mode = random.pick(&["Weight", "Absolute", "None"]).copied().unwrap_or("Weight");
    let balancing = random.pick(&["HyperVPort", "Dynamic"]).copied().unwrap_or("Dynamic");
    let host = &mut drawn.host;
    by_hand(
        host,
        &format!(
            "New-VMSwitch -Name {SWITCH_NAME} -NetAdapterName {team} -EnableEmbeddedTeaming $true -AllowManagementOS $true -MinimumBandwidthMode {mode}"
        ),
    );
    by_hand(host, &format!("Set-VMSwitchTeam -Name {SWITCH_NAME} -LoadBalancingAlgorithm {balancing}"));
    by_hand(host, &format!("Rename-VMNetworkAdapter -ManagementOS -Name {SWITCH_NAME} -NewName Management"));
    drawn.way = is_way.then_some("Management");
    if random.one_in(2) {
        host.run_vm("web 1", SWITCH_NAME);
    }
    if random.one_in(2) {
        by_hand(host, &format!("Add-VMNetworkAdapter -ManagementOS -SwitchName {SWITCH_NAME} -Name S2D1"));
    }
    for _ in 0..random.below(5) {
        host.drift(random);
    }
}

/// A line that works, or nothing: what a drawn host cannot do, it has not done.
fn by_hand(host: &mut WindowsHost, line: &str) {
    drop(host.by_hand(line));
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// NICs as manifests may name them: by name, by MAC, or by interface description.
fn reference(host: &mut WindowsHost, nic: &str, random: &mut Random) -> String {
    let property = random.pick(&["Name", "MacAddress", "InterfaceDescription"]).copied().unwrap_or("Name");
    let line = format!("(Get-NetAdapter -Name {}).{property}", quoted(nic));
    match host.by_hand(&line) {
        Ok(Value::String(text)) => text,
        _ => nic.to_owned(),
    }
}

/// One to all of the NICs that have a link, in any order.
fn some_of(drawn: &Drawn, least: usize, random: &mut Random) -> Vec<&'static str> {
    let mut nics: Vec<&'static str> = drawn.nics.clone();
    // The last may be unplugged.
    if nics.len() > 2 {
        nics.pop();
    }
    random.shuffle(&mut nics);
    let count = least + random.below(nics.len());
    nics.into_iter().take(count).collect()
}

fn manifest(kind: &str, name: &str, spec: &Value) -> String {
    format!("apiVersion: evenkeel.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: {name} }}\nspec: {spec}\n")
}

fn scenario(drawn: Drawn, manifests: &[String]) -> Scenario {
    Scenario { machine: Box::new(drawn.host), manifests: manifests.join("---\n"), secrets: Vec::new() }
}

/// A host whose team nobody changes by hand: manifests are about its uplinks, whichever these are.
#[derive(Clone)]
struct Teamed(WindowsHost);

impl Teamed {
    fn team(&self) -> Option<Value> {
        let list = "@{ uplinks = @(Get-VMSwitch | ForEach-Object { $_.NetAdapterInterfaceDescriptions }) }";
        self.0.clone().by_hand(list).ok()
    }
}

impl Machine for Teamed {
    fn run(&mut self, argv: &[String]) -> Reply {
        self.0.run(argv)
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        self.0.answer(target, request)
    }

    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.0.answer_in_part(target, request, random);
    }

    fn is_reachable(&self) -> bool {
        self.0.is_reachable()
    }

    fn pass(&mut self) {
        Machine::pass(&mut self.0);
    }

    fn fingerprint(&self) -> u64 {
        self.0.fingerprint()
    }

    fn drift(&mut self, random: &mut Random) {
        let mut next = self.clone();
        next.0.drift(random);
        if next.team() == self.team() {
            *self = next;
        }
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.0.objects()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}

/// Priorities or other numbers, each once.
fn distinct<const N: usize>(random: &mut Random, of: [u8; N], most: usize) -> BTreeSet<u8> {
    let mut all = of;
    random.shuffle(&mut all);
    all.into_iter().take(1 + random.below(most)).collect()
}
