//! `esxlab`: what happens to the host, for tests and demos. No real host has it, and Evenkeel never calls it.

use super::super::{Array, EsxHost};
use super::Outcome;

const USAGE: &str = "esxlab lose-path PATH [--after WRITES] | restore-path PATH | reboot [--after WRITES] | \
                     add-lun ARRAY ID [PATH...] | run-vm NAME DATASTORE | register-vm NAME DATASTORE | busy ID";

/// Runs a command of it. What comes `--after` so many writes comes then, and not at once.
pub(super) fn run(host: &mut EsxHost, words: &[&str]) -> Outcome {
    match words {
        ["lose-path", path] => host.lose_path(path),
        ["lose-path", path, "--after", writes] => host.lose_path_after(number(writes)?, path),
        ["restore-path", path] => host.restore_path(path),
        ["reboot"] => host.reboot_after(0),
        ["reboot", "--after", writes] => host.reboot_after(number(writes)?),
        ["run-vm", name, datastore] => host.run_vm(name, datastore),
        ["register-vm", name, datastore] => host.register_vm(name, datastore),
        ["busy", id] if host.device(id).is_some() => host.make_busy(id),
        ["busy", id] => return Err(format!("esxlab: there is no disk {id}")),
        ["add-lun", array, id, paths @ ..] => add_lun(host, array, id, paths)?,
        _ => return Err(USAGE.to_owned()),
    }
    Ok(String::new())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("esxlab: {text} is no number of writes"))
}

fn add_lun(host: &mut EsxHost, array: &str, id: &str, paths: &[&str]) -> Result<(), String> {
    let names = Array::ALL.map(Array::name).join(", ");
    let array = Array::by_name(array)
        .ok_or_else(|| format!("esxlab: there is no array {array}, there are {names}"))?;
    if host.device(id).is_some() {
        return Err(format!("esxlab: there is a disk {id} already"));
    }
    if !paths.is_empty() {
        host.add_lun(id, array, paths);
        return Ok(());
    }
    let lun = host.devices().count();
    let made = [(2, 0), (3, 0), (2, 1), (3, 1)]
        .map(|(adapter, target)| format!("vmhba{adapter}:C0:T{target}:L{lun}"));
    host.add_lun(id, array, &made.each_ref().map(String::as_str));
    Ok(())
}
