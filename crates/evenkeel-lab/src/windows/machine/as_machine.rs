//! The host as one of the lab's machines.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use evenkeel_core::request::{Reply, Request};
use serde_json::json;

use super::super::shell;
use super::super::value::ErrorRecord;
use super::WindowsHost;
use crate::machine::Machine;
use crate::random::Random;

/// So long it is from one run to the next, in seconds.
const BETWEEN_RUNS: u64 = 20 * 60;

/// A script that is killed has called fewer cmdlets than this.
const CALLS_AT_MOST: usize = 12;

impl Machine for WindowsHost {
    /// What OpenSSH does with a command line: `cmd.exe` gets it.
    fn run(&mut self, argv: &[String]) -> Reply {
        let printed = shell::run_command_line(self, &argv.join(" "), &[]);
        Reply { exit: printed.exit, stdout: printed.stdout, stderr: printed.stderr }
    }

    fn answer(&mut self, target: &str, request: &Request) -> Reply {
        match request {
            Request::PowerShell(powershell) => {
                reply(shell::run_script(self, &powershell.script.text, &powershell.input))
            }
            Request::Exec(exec) => self.run(&exec.words()),
            _ => {
                let stderr = format!("{target} runs PowerShell only, not `{}`\n", request.display());
                Reply { exit: 127, stdout: Vec::new(), stderr: stderr.into_bytes() }
            }
        }
    }

    /// Either all of it is done and only the answer is lost, as it mostly is with Windows' OpenSSH, or the process goes with the connection.
    fn answer_in_part(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.session.calls_left = random.one_in(2).then(|| random.below(CALLS_AT_MOST));
        self.answer(target, request);
    }

    /// Somebody presses the button in the midst of it, or just behind it.
    fn answer_and_restart(&mut self, target: &str, request: &Request, random: &mut Random) {
        self.session.calls_left = Some(random.below(CALLS_AT_MOST));
        self.session.then_restarts = true;
        self.answer(target, request);
    }

    /// The first cmdlet of those that a script is told to call fails, whatever else calls it. One that removes something is let through:
    /// it may have done half of it, and whoever puts that back has to do all of it.
    fn answer_failing(&mut self, target: &str, request: &Request) -> Reply {
        let first = match request {
            Request::PowerShell(powershell) => powershell.input.pointer("/calls/0/cmdlet"),
            _ => None,
        };
        let first = first.and_then(serde_json::Value::as_str);
        let Some(first) = first.filter(|cmdlet| !cmdlet.starts_with("Remove-")) else {
            return self.answer(target, request);
        };
        self.fail(first, "The operation failed.");
        let reply = self.answer(target, request);
        self.heal(first);
        reply
    }

    /// Ids, which what is made anew has others of.
    fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for adapter in &self.adapters {
            (&adapter.guid, adapter.index).hash(&mut hasher);
        }
        for switch in &self.switches.all {
            switch.id.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Every cmdlet takes so long from now on, but those of tasks.
    fn slow_down(&mut self, seconds: u64) {
        self.slow_for_asker = i64::try_from(seconds).unwrap_or(i64::MAX);
    }

    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_state(&mut hasher);
        hasher.finish()
    }

    fn drift(&mut self, random: &mut Random) {
        WindowsHost::drift(self, random);
    }

    fn objects(&self) -> BTreeMap<String, Option<String>> {
        self.all_objects().into_iter().map(|name| (name, None)).collect()
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }

    fn is_reachable(&self) -> bool {
        WindowsHost::is_reachable(self)
    }

    fn pass(&mut self) {
        WindowsHost::pass(self, BETWEEN_RUNS);
    }
}

/// A reply as the transport makes it of what a script gave.
fn reply(result: Result<serde_json::Value, ErrorRecord>) -> Reply {
    match result {
        Ok(value) => Reply { exit: 0, stdout: value.to_string().into_bytes(), stderr: Vec::new() },
        Err(error) => {
            let stdout = json!({
                "cmdlet": error.cmdlet,
                "category": error.category,
                "target": error.target,
                "id": error.id,
                "message": error.message,
            });
            Reply { exit: 1, stdout: stdout.to_string().into_bytes(), stderr: told(&error).into_bytes() }
        }
    }
}

/// In one line: `Set-VMSwitchTeam: ObjectNotFound (NIC9): …`, without what is empty. What a script throws itself is its message only.
fn told(error: &ErrorRecord) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let [cmdlet, category, target, message] =
        [&error.cmdlet, error.category, &error.target, &error.message].map(line);
    if cmdlet.is_empty() && category == "OperationStopped" && !message.is_empty() {
        return format!("{message}\n");
    }
    let target = if target.is_empty() || target == message { String::new() } else { format!("({target})") };
    let about = line(&format!("{category} {target}"));
    let parts = [cmdlet, about, message].into_iter().filter(|part| !part.is_empty());
    format!("{}\n", parts.collect::<Vec<_>>().join(": "))
}

impl WindowsHost {
    /// All that a cmdlet may change, but neither the clock nor faults that wait.
    fn hash_state(&self, hasher: &mut impl Hasher) {
        for adapter in &self.adapters {
            (&adapter.name, &adapter.description, &adapter.mac, &adapter.guid, adapter.index).hash(hasher);
            (adapter.enabled, &adapter.hardware, adapter.software, &adapter.properties).hash(hasher);
        }
        (&self.name, self.hyper_v, self.dcb, &self.addresses, &self.qos).hash(hasher);
        (&self.offload, self.multichannel, &self.registry, &self.tasks, &self.intents).hash(hasher);
        (&self.switches, &self.lbfo).hash(hasher);
    }
}
