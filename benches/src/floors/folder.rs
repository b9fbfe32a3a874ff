//! A folder of 10 MB of manifests, against the bare events of the same parser.

use evenkeel_bench::fleet::Fleet;

use super::{best_work, evenkeel, folder_of};
use crate::child::{best_of, run};
use crate::report::Report;

/// About 10 MB.
const FLEET: Fleet = Fleet { hosts: 70, datasets: 500 };

pub(super) fn measure(report: &mut Report) {
    let (home, folder) = folder_of(&FLEET.in_memory());
    let folder = folder.display().to_string();
    let validate = best_of(3, || run(&mut evenkeel(home.path(), &["validate", &folder])).expect(0));
    report.ran("10 MB of manifests: evenkeel validate", &validate);
    let mut cpu = Vec::new();
    for workload in ["load", "events"] {
        let (_, phases) = best_work(3, &[workload, &folder]);
        for phase in phases {
            report.figure(format!("10 MB of manifests: {}", phase.name), phase.wall, phase.cpu, phase.peak);
            cpu.push(phase.cpu.as_secs_f64());
        }
    }
    if let [load, events] = cpu.as_slice() {
        report.floor("10 MB of manifests: load / saphyr-parser's events", "x CPU", load / events, 3.0);
    }
}
