//! What every simulated machine can do.

use std::collections::BTreeMap;

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Way;
use evenkeel_drivers::zfs::HISTORY;

use crate::random::Random;
use crate::zfs::{Dataset, ZfsHost};

/// The user property that marks a dataset as created by Evenkeel.
const MARK: &str = "dev.evenkeel:managed-by";

/// A machine in memory that answers commands as the real one does.
pub trait Machine: Send {
    /// Runs a command line.
    fn run(&mut self, argv: &[String]) -> Reply;

    /// How it is reached.
    fn way(&self) -> Way {
        Way::Commands
    }

    /// Does what is asked of one of the targets that it plays. The default plays one that runs commands.
    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        if let Some(exec) = request.as_exec() {
            return self.run(&exec.words());
        }
        refused(target, request)
    }

    /// Does only a part of what is asked: the line was cut, or the machine went down, somewhere in the middle. The
    /// default does nothing of it.
    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        let _ = (target, request, random);
    }

    /// The same, and then the machine starts anew: what was at work is not any more.
    fn answer_and_restart(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.answer_in_part(target, request, random);
    }

    /// The same, but the first that it does fails; where there is no such thing, all of it is done.
    fn answer_failing(&mut self, target: &str, request: &Request) -> Reply {
        self.answer(target, request)
    }

    /// A number that is equal as long as nothing was removed and made anew.
    fn identity(&self) -> u64 {
        0
    }

    /// From now on each step of what it is asked takes so many seconds, so that what is due by itself comes in the midst of it.
    fn slow_down(&mut self, seconds: u64) {
        let _ = seconds;
    }

    /// Whether its own network lets anybody reach it.
    fn is_reachable(&self) -> bool {
        true
    }

    /// Time passes, as between two runs: as much as a machine needs that puts something right by itself.
    fn pass(&mut self) {}

    /// The further targets that it plays, as what stands in their names behind its own and a hyphen.
    fn beside(&self) -> Vec<String> {
        Vec::new()
    }

    /// A number that is equal for equal states, clocks and counters included.
    fn fingerprint(&self) -> u64;

    /// One random change by hand.
    fn drift(&mut self, random: &mut Random);

    /// All objects by name, with the owner in Evenkeel's mark on those that carry one.
    fn objects(&self) -> BTreeMap<String, Option<String>>;

    /// A machine in the same state.
    fn copy(&self) -> Box<dyn Machine>;
}

/// What a machine says that runs commands, and is asked for something else.
fn refused(target: &str, request: &Request) -> Reply {
    let stderr = format!("{target} runs commands only, not `{}`\n", request.display());
    Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
}

impl Machine for ZfsHost {
    fn run(&mut self, argv: &[String]) -> Reply {
        ZfsHost::run(self, argv)
    }

    /// It has no shell; of scripts it knows the one that reads histories.
    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        let Some(exec) = request.as_exec() else { return refused(target, request) };
        let words = exec.words();
        match (words.as_slice(), &exec.input) {
            ([sh, s, pool], Some(script)) if sh == "sh" && s == "-s" && *script == HISTORY => {
                ZfsHost::run(self, &["zpool", "history", "-il", pool])
            }
            _ => ZfsHost::run(self, &words),
        }
    }

    fn fingerprint(&self) -> u64 {
        ZfsHost::fingerprint(self)
    }

    fn drift(&mut self, random: &mut Random) {
        ZfsHost::drift(self, random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        let owner = |dataset: &Dataset| dataset.settings.get(MARK)?.local.clone();
        self.datasets().iter().map(|(name, dataset)| (name.clone(), owner(dataset))).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }
}
