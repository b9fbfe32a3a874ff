//! Over SSH: the paths of many ESXi hosts, against the bare least.

use evenkeel_bench::fleet::targets;
use evenkeel_bench::paths::{DEVICE_LIST, SATP_LIST, device_list, policy, satp_list};
use evenkeel_tests::sshd::user;

use super::servers::Servers;
use super::{evenkeel, folder_of, work};
use crate::bare;
use crate::child::{Ran, run};
use crate::report::Report;

const HOSTS: usize = 50;
const LUNS: usize = 200;

/// How often each is measured, turn by turn.
const TURNS: usize = 6;

pub(super) fn measure(report: &mut Report) {
    let (devices, satps) = (device_list(LUNS), satp_list());
    let answers = [(DEVICE_LIST, devices.as_bytes()), (SATP_LIST, satps.as_bytes())];
    let servers = Servers::printing(HOSTS, "esxcli", &answers);
    let settings = bare::Fleet {
        addresses: servers.addresses.clone(),
        port: servers.port,
        user: user(),
        key: servers.key.clone(),
        command: format!("esxcli {DEVICE_LIST}"),
    };
    let (home, folder) = folder_of(&[targets(HOSTS, |nth| servers.ssh(nth)), policy()]);
    let file = home.path().join("bare.json");
    std::fs::write(&file, serde_json::to_string(&settings).expect("JSON")).expect("a file");
    let bare = || work(&["bare", &file.display().to_string()]).0;
    let folder = folder.display().to_string();
    let plan = || run(&mut evenkeel(home.path(), &["plan", &folder])).expect(0);
    let mut best: Option<[Ran; 2]> = None;
    let mut commands = 0;
    // One of each, turn by turn: what else the machine does then meets them alike.
    for _ in 0..TURNS {
        let bare = bare();
        servers.commands();
        let plan = plan();
        commands = servers.commands();
        best = Some(match best {
            Some([best, planned]) => [best.better(bare), planned.better(plan)],
            None => [bare, plan],
        });
    }
    let Some([bare, plan]) = best else { return };
    report.ran(format!("{HOSTS} ESXi hosts: connect, log in, one list of disks (russh)"), &bare);
    let what = format!("{HOSTS} ESXi hosts x {LUNS} LUNs");
    report.ran(format!("{what}: evenkeel plan"), &plan);
    let ratio = plan.cpu.as_secs_f64() / bare.cpu.as_secs_f64();
    report.floor(format!("{what}: plan / bare least"), "x CPU", ratio, 2.0);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    report.floor(format!("{what}: on each host"), "commands", commands as f64 / HOSTS as f64, 4.0);
}
