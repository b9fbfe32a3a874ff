//! The commands of the host: which there are in a release, who may run them, and what counts as a write.

mod core;
mod esxcfg;
mod lab;
mod nfs;
mod nmp;
mod satp;
mod vm;

use evenkeel_core::request::Reply;

use super::options::{Given, Opt, listed};
use super::{EsxHost, Release, Written};
use crate::zfs::Rights;

/// What a command prints, or what it says when it fails.
type Outcome = Result<String, String>;

/// From which release on a command is there, and until which.
type Releases = (Release, Release);

const FOUR: Releases = (Release::Esx41, Release::Esx41);
const FIVE: Releases = (Release::Esxi55, Release::Esxi80);
const SIX: Releases = (Release::Esxi67, Release::Esxi80);

/// A command of `esxcli`.
struct Command {
    releases: Releases,
    /// `storage nmp device list`
    words: &'static str,
    options: &'static [Opt],
    run: Run,
}

/// What a command does.
enum Run {
    /// Prints what there is.
    Show(fn(&EsxHost) -> String),
    /// Looks for what it was asked.
    Read(fn(&EsxHost, &Given) -> Outcome),
    Write(fn(&mut EsxHost, &Given) -> Outcome),
}

const fn show(releases: Releases, words: &'static str, run: fn(&EsxHost) -> String) -> Command {
    Command { releases, words, options: &[], run: Run::Show(run) }
}

const fn read(
    releases: Releases,
    words: &'static str,
    options: &'static [Opt],
    run: fn(&EsxHost, &Given) -> Outcome,
) -> Command {
    Command { releases, words, options, run: Run::Read(run) }
}

const fn write(
    releases: Releases,
    words: &'static str,
    options: &'static [Opt],
    run: fn(&mut EsxHost, &Given) -> Outcome,
) -> Command {
    Command { releases, words, options, run: Run::Write(run) }
}

fn commands(release: Release) -> impl Iterator<Item = &'static Command> {
    let all = [nmp::COMMANDS, satp::COMMANDS, core::COMMANDS, nfs::COMMANDS, vm::COMMANDS];
    all.into_iter().flatten().filter(move |command| {
        let (since, until) = command.releases;
        (since..=until).contains(&release)
    })
}

/// Runs a command.
pub(super) fn run(host: &mut EsxHost, rights: Rights, argv: &[&str]) -> Reply {
    let is_four = host.release == Release::Esx41;
    match argv {
        ["esxcli", words @ ..] => esxcli(host, rights, words),
        ["vmware", "-v"] => told(Ok(format!("{}\n", host.release.banner()))),
        ["vim-cmd", words @ ..] if !is_four => told(vm::vim_cmd(host, words)),
        ["vmware-vim-cmd", words @ ..] if is_four => told(vm::vim_cmd(host, words)),
        ["esxcfg-scsidevs", words @ ..] => told(esxcfg::scsidevs(host, words)),
        ["esxcfg-nas", words @ ..] => {
            if matches!(words, ["-l" | "--list"]) {
                return told(Ok(esxcfg::nas_list(host)));
            }
            carry_out(host, rights, argv, None, |host| esxcfg::nas(host, words))
        }
        ["esxlab", words @ ..] => told(lab::run(host, words)),
        [program, ..] => {
            let shell = if is_four { "-bash" } else { "sh" };
            let text = if is_four { "command not found" } else { "not found" };
            Reply {
                exit: 127,
                stdout: Vec::new(),
                stderr: format!("{shell}: {program}: {text}\n").into_bytes(),
            }
        }
        [] => told(Ok(String::new())),
    }
}

fn told(outcome: Outcome) -> Reply {
    match outcome {
        Ok(text) => Reply { exit: 0, stdout: text.into_bytes(), stderr: Vec::new() },
        Err(text) => Reply { exit: 1, stdout: Vec::new(), stderr: format!("{text}\n").into_bytes() },
    }
}

fn esxcli(host: &mut EsxHost, rights: Rights, words: &[&str]) -> Reply {
    let at = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
    let (name, options) = words.split_at_checked(at).unwrap_or_default();
    let name = name.join(" ");
    let Some(command) = commands(host.release).find(|command| command.words == name) else {
        return told(Err(unknown(host.release, &name)));
    };
    let given = match Given::read(command.options, options) {
        Ok(given) => given,
        Err(problem) => return told(Err(format!("{problem}\n\n{}", usage(command)))),
    };
    let run = match command.run {
        Run::Show(run) => return told(Ok(run(host))),
        Run::Read(run) => return told(run(host, &given)),
        Run::Write(run) => run,
    };
    let argv: Vec<&str> = std::iter::once("esxcli").chain(words.iter().copied()).collect();
    let device = given.get("device").map(str::to_owned);
    carry_out(host, rights, &argv, device, |host| run(host, &given))
}

/// Carries out a write: refused, or counted and written down.
fn carry_out(
    host: &mut EsxHost,
    rights: Rights,
    argv: &[&str],
    device: Option<String>,
    run: impl FnOnce(&mut EsxHost) -> Outcome,
) -> Reply {
    if rights == Rights::User {
        // Believed; the shell of an ESXi host is for root.
        return told(Err(
            "(vim.fault.NoPermission) Permission to perform this operation was denied.".to_owned()
        ));
    }
    let named = device.as_deref().and_then(|id| host.device(id));
    if let Some(text) = named.and_then(|device| device.refuses.clone()) {
        return told(Err(text));
    }
    let living_paths = named.map_or(0, |device| device.living_paths().len());
    let outcome = run(host);
    if outcome.is_ok() {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        host.written.push(Written { argv, device, living_paths });
        host.count_write();
        if host.is_down() {
            return host.gone();
        }
    }
    told(outcome)
}

/// What is said to a command that the release does not have. That of 5.x and later is recorded, that of 4.x believed.
fn unknown(release: Release, name: &str) -> String {
    let beginning = format!("{name} ");
    let mut below: Vec<&str> =
        commands(release).filter_map(|command| command.words.strip_prefix(&beginning)).collect();
    below.sort_unstable();
    if below.is_empty() && release == Release::Esx41 {
        let namespace = name.split(' ').next().unwrap_or_default();
        return format!(
            "Unknown namespace: {namespace}\nUsage: esxcli [disp options] <namespace> <object> <command>\n\n\
             For esxcli help please run esxcli --help\n\nAvailable namespaces:\ncorestorage\nnetwork\nnmp\n\
             swiscsi\nvaai\nvms"
        );
    }
    if below.is_empty() || name.is_empty() {
        return format!("Error: Unknown command or namespace {name}");
    }
    format!("Usage: esxcli {name} {{cmd}} [cmd options]\n\nAvailable Commands:\n  {}", below.join("\n  "))
}

fn usage(command: &Command) -> String {
    format!("Usage: esxcli {} [cmd options]\n\nCmd options:\n{}", command.words, listed(command.options))
}
