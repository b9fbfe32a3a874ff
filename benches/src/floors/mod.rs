//! The floors, in groups.

mod controller;
mod esxi;
mod folder;
mod hostile;
mod memory;
mod servers;
mod transfer;
mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use evenkeel_core::manifest::SourceFile;
use evenkeel_tests::evenkeel::program;

use crate::child::{Ran, run};
use crate::report::Report;
use crate::work::Phase;

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// 100,000 resources in memory.
    Memory,
    /// A folder of 10 MB, against the parser's bare events.
    Folder,
    /// Manifests that ask for too much.
    Hostile,
    /// 200 hosts over SSH, against the bare least; and one host with 5,000 datasets.
    Wire,
    /// 50 ESXi hosts with 200 LUNs each over SSH, against the bare least.
    Esxi,
    /// Bytes from a command to an FTP server, against curl.
    Transfer,
    /// `evenkeel serve`: all of the following.
    Controller,
    /// From a push to the first command on a host.
    Push,
    /// What a look costs while connections are open.
    Look,
    /// 10,000 resources that are left to themselves.
    Soak,
}

/// Measures the groups `only`, or all. The controller is left to itself for `soak`.
pub(crate) fn measure(only: &[Group], soak: Duration) -> Report {
    if only != [Group::Transfer] {
        build_program();
    }
    let mut report = Report::default();
    let wanted = |group| only.is_empty() || only.contains(&group);
    if wanted(Group::Memory) {
        memory::measure(&mut report);
    }
    if wanted(Group::Folder) {
        folder::measure(&mut report);
    }
    if wanted(Group::Hostile) {
        hostile::measure(&mut report);
    }
    if wanted(Group::Wire) {
        wire::measure(&mut report);
    }
    if wanted(Group::Esxi) {
        esxi::measure(&mut report);
    }
    if wanted(Group::Transfer) {
        transfer::measure(&mut report);
    }
    let of_controller = |group| wanted(Group::Controller) || only.contains(&group);
    if of_controller(Group::Push) {
        controller::push::measure(&mut report);
    }
    if of_controller(Group::Look) {
        controller::look::measure(&mut report);
    }
    if of_controller(Group::Soak) {
        controller::soak::measure(&mut report, soak);
    }
    report
}

/// The program that is measured must be the one that the sources are of.
fn build_program() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--release", "--quiet", "-p", "evenkeel-cli"]).status();
    assert!(built.is_ok_and(|status| status.success()), "evenkeel is not built");
}

/// `evenkeel ARGS`, with `home` for its home folder.
fn evenkeel(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program("evenkeel"));
    command.args(args).current_dir(home).env("HOME", home);
    for name in ["SSH_AUTH_SOCK", "EVENKEEL_CREDENTIALS", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// Runs one of our own workloads in a process of its own.
fn work(args: &[&str]) -> (Ran, Vec<Phase>) {
    let me = std::env::current_exe().expect("a path of this program");
    let ran = run(Command::new(me).arg("work").args(args)).expect(0);
    let phases = serde_json::from_str(&ran.stdout).expect("JSON of phases");
    (ran, phases)
}

/// The best of each phase of several runs, and of the runs as a whole.
fn best_work(times: usize, args: &[&str]) -> (Ran, Vec<Phase>) {
    let (mut best, mut phases) = work(args);
    for _ in 1..times {
        let (ran, more) = work(args);
        best = best.better(ran);
        for (phase, other) in phases.iter_mut().zip(more) {
            phase.wall = phase.wall.min(other.wall);
            phase.cpu = phase.cpu.min(other.cpu);
        }
    }
    (best, phases)
}

/// A temporary folder with these files in it, below `manifests`.
fn folder_of(files: &[SourceFile]) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("manifests");
    std::fs::create_dir(&folder).expect("a folder");
    for file in files {
        std::fs::write(folder.join(&file.path), &file.bytes).expect("a file");
    }
    (home, folder)
}
