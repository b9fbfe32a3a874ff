//! What a look at a host costs that finds nothing, while connections are open.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use evenkeel_bench::fleet::Fleet;
use evenkeel_tests::sshd::user;

use super::{LOOKS, Scene};
use crate::bare;
use crate::floors::wire::first_request;
use crate::floors::work;
use crate::process;
use crate::report::Report;

const FLEET: Fleet = Fleet { hosts: 50, datasets: 50 };

/// How long it is watched; each host is looked at every ten seconds.
const WATCHED: Duration = Duration::from_mins(1);

pub(in crate::floors) fn measure(report: &mut Report) {
    let scene = Scene::new(FLEET, "drift: { every: 10s }", "");
    let serving = scene.serve();
    // Every host was looked at with a connection that was open before.
    sleep(Duration::from_secs(12));
    let sample = || scene.at_rest(|| (scene.servers.execs(), process::cpu(serving.id())));
    let (before, (execs, cpu)) = sample();
    sleep(WATCHED);
    let (after, (more_execs, more_cpu)) = sample();
    let of = |numbers: &BTreeMap<String, f64>| numbers.get(LOOKS).copied().expect("looks");
    let looks = of(&after) - of(&before);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let commands = (more_execs - execs) as f64;
    report.floor("a look while connections are open", "commands on the host", commands / looks, 1.0);
    let each = (more_cpu - cpu) / looks;
    let least = bare_exec(&scene);
    report.value("looks in a minute (50 hosts, every 10 s)", "looks", looks);
    report.value("a look at 50 datasets that finds nothing", "ms CPU", each * 1000.0);
    report.value("one more command on an open connection (russh)", "ms CPU", least * 1000.0);
    report.value("a look at 50 datasets / one more command", "x CPU", each / least);
}

/// The CPU seconds of one command on an open connection, as often as the controller looks: what was done a while ago is in
/// no cache any more, and that costs both.
fn bare_exec(scene: &Scene) -> f64 {
    const TIMES: u32 = 60;
    let settings = bare::Fleet {
        addresses: scene.servers.addresses.clone(),
        port: scene.servers.port,
        user: user(),
        key: scene.servers.key.clone(),
        command: first_request(FLEET).display(),
    };
    let file = scene.work.write("bare.json", &serde_json::to_string(&settings).expect("JSON"));
    let once = || {
        let (_, phases) = work(&["bare-again", &file.display().to_string(), &TIMES.to_string(), "200"]);
        phases.last().expect("the commands").cpu.as_secs_f64() / f64::from(TIMES)
    };
    (0..3).map(|_| once()).fold(f64::INFINITY, f64::min)
}
