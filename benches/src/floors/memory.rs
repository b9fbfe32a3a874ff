//! 100,000 resources in memory.

use super::best_work;
use crate::report::{Report, megabytes};

pub(super) fn measure(report: &mut Report) {
    for (drift, says) in [("none", "nothing to do"), ("tenth", "a tenth to do")] {
        let (ran, phases) = best_work(3, &["plan", "200", "500", drift]);
        let name = |phase: &str| format!("100,000 datasets, {says}: {phase}");
        for phase in &phases {
            report.figure(name(&phase.name), phase.wall, phase.cpu, phase.peak);
        }
        // Asking and planning is what a plan does besides waiting for its hosts. One thread does it, so that its
        // CPU time is what it takes on a machine that has nothing else to do.
        let planning = phases.get(1..).unwrap_or_default();
        let seconds: f64 = planning.iter().map(|phase| phase.cpu.as_secs_f64()).sum();
        report.floor(name("ask and plan"), "s CPU", seconds, 1.0);
        let before = planning.first().map_or(0, |phase| phase.before);
        report.floor(name("memory of ask, replies and plan"), "MB", megabytes(ran.peak - before), 400.0);
    }
}
