//! Over SSH: many hosts against the bare least, and one host with many datasets.

use std::path::Path;

use evenkeel_bench::fleet::{Fleet, Style, load_all};
use evenkeel_bench::hosts::{Drift, ask, reply};
use evenkeel_core::request::Request;
use evenkeel_tests::sshd::user;

use super::servers::Servers;
use super::{evenkeel, folder_of, work};
use crate::bare;
use crate::child::{Ran, best_of, run};
use crate::report::Report;

const FLEET: Fleet = Fleet { hosts: 200, datasets: 50 };
const ONE_HOST: Fleet = Fleet { hosts: 1, datasets: 5000 };

/// How often each is measured, turn by turn.
const TURNS: usize = 4;

pub(super) fn measure(report: &mut Report) {
    fleet(report);
    one_host(report);
}

fn fleet(report: &mut Report) {
    let request = first_request(FLEET);
    let servers = Servers::start(FLEET.hosts, &reply(&request, Drift::None).stdout);
    let settings = bare::Fleet {
        addresses: servers.addresses.clone(),
        port: servers.port,
        user: user(),
        key: servers.key.clone(),
        command: request.display(),
    };
    let ssh = |nth| servers.ssh(nth);
    let (home, by_selector) = folder_of(&FLEET.manifests(Style::BySelector, ssh));
    let (_other, one_by_one) = folder_of(&FLEET.manifests(Style::OneByOne, ssh));
    let file = home.path().join("bare.json");
    std::fs::write(&file, serde_json::to_string(&settings).expect("JSON")).expect("a file");
    let bare = || work(&["bare", &file.display().to_string()]).0;
    let plan =
        |folder: &Path| run(&mut evenkeel(home.path(), &["plan", &folder.display().to_string()])).expect(0);
    // One of each, turn by turn: what else the machine does then meets them alike.
    let mut turns: Vec<[Ran; 3]> =
        (0..TURNS).map(|_| [bare(), plan(&by_selector), plan(&one_by_one)]).collect();
    let Some(mut best) = turns.pop() else { return };
    for turn in turns {
        for (best, ran) in best.iter_mut().zip(turn) {
            *best = best.clone().better(ran);
        }
    }
    let [bare, by_selector, one_by_one] = best;
    report.ran("200 hosts: connect, log in, one command (russh)", &bare);
    report.ran("200 hosts x 50 datasets: evenkeel plan", &by_selector);
    report.ran("200 hosts x 50 datasets, each written out: evenkeel plan", &one_by_one);
    let ratio = by_selector.cpu.as_secs_f64() / bare.cpu.as_secs_f64();
    report.floor("200 hosts x 50 datasets: plan / bare least", "x CPU", ratio, 2.0);
}

fn one_host(report: &mut Report) {
    for (drift, says, code) in [(Drift::None, "nothing to do", 0), (Drift::Tenth, "a tenth to do", 2)] {
        let servers = Servers::start(1, &reply(&first_request(ONE_HOST), drift).stdout);
        let (home, folder) = folder_of(&ONE_HOST.manifests(Style::BySelector, |nth| servers.ssh(nth)));
        let folder = folder.display().to_string();
        let mut commands = 0;
        let ran = best_of(3, || {
            servers.commands();
            let ran = run(&mut evenkeel(home.path(), &["plan", &folder])).expect(code);
            commands = servers.commands();
            ran
        });
        let what = format!("one host x 5,000 datasets, {says}");
        report.ran(format!("{what}: evenkeel plan"), &ran);
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        report.floor(what, "commands", commands as f64, 3.0);
    }
}

/// What the first host is asked.
pub(super) fn first_request(fleet: Fleet) -> Request {
    let files = Fleet { hosts: 1, ..fleet }.in_memory();
    let loaded = load_all(&evenkeel_drivers::registry(), &files);
    let requests = ask(&loaded.instances).into_values().next().unwrap_or_default();
    let [request] = <[Request; 1]>::try_from(requests).expect("one joined request");
    request
}
