//! `hvlab`: what happens to a Windows host, for tests and demos. No real host has it, and Evenkeel never calls it.

use evenkeel_core::request::Reply;

use crate::windows::WindowsHost;

/// Its name.
pub(crate) const NAME: &str = "hvlab";

const USAGE: &str = "hvlab unplug NIC | plug NIC | break-pfc NIC | run-vm NAME SWITCH | stop-vm NAME | by-hand LINE | \
                     fail CMDLET TEXT | heal CMDLET | pass SECONDS";

/// Runs a command of it.
pub(super) fn run(host: &mut WindowsHost, argv: &[String]) -> Reply {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let (exit, stdout, stderr) = match words.split_first() {
        Some((&NAME, words)) => match act(host, words) {
            Ok(text) => (0, text, String::new()),
            Err(problem) => (1, String::new(), format!("{problem}\n")),
        },
        _ => (127, String::new(), format!("a Windows host of the lab takes `{NAME}` only\n")),
    };
    Reply { exit, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() }
}

fn act(host: &mut WindowsHost, words: &[&str]) -> Result<String, String> {
    match words {
        ["unplug", nic] => host.unplug(nic),
        ["plug", nic] => host.plug(nic),
        ["break-pfc", nic] => host.break_pfc(nic),
        ["run-vm", name, switch] => host.run_vm(name, switch),
        ["stop-vm", name] => host.stop_vm(name),
        ["fail", cmdlet, text] => host.fail(cmdlet, text),
        ["heal", cmdlet] => host.heal(cmdlet),
        ["pass", seconds] => {
            host.pass(seconds.parse().map_err(|_| format!("hvlab: {seconds} is no number of seconds"))?);
        }
        ["by-hand", line] => return by_hand(host, line),
        _ => return Err(USAGE.to_owned()),
    }
    Ok(String::new())
}

fn by_hand(host: &mut WindowsHost, line: &str) -> Result<String, String> {
    match host.by_hand(line) {
        Ok(serde_json::Value::Null) => Ok(String::new()),
        Ok(value) => Ok(format!("{value:#}\n")),
        Err(error) => Err(format!("{} : {}", error.cmdlet, error.message)),
    }
}
