//! The workloads that run in a process of their own, so that their memory is their own too.

use std::fs;
use std::hint::black_box;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueEnum};
use evenkeel_bench::fleet::{Fleet, load_all, now};
use evenkeel_bench::hosts::{self, Drift};
use evenkeel_core::manifest::SourceFile;
use evenkeel_core::plan::{Blueprint, Policy, build};
use rustix::time::{ClockId, clock_gettime};
use saphyr_parser::Parser;
use serde::{Deserialize, Serialize};

use crate::process::memory;
use crate::{bare, http, transfer};

/// What a process can be asked to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Workload {
    /// Load, ask for and plan resources in memory.
    Plan { hosts: usize, datasets: usize, drift: DriftArg },
    /// Load a folder of manifests.
    Load { folder: PathBuf },
    /// Read a folder of manifests as saphyr-parser's events, the peer of `load`.
    Events { folder: PathBuf },
    /// Connect, log in and run one command on each host, the peer of `evenkeel plan`.
    Bare { settings: PathBuf },
    /// Connect and log in, and then run so many commands with so many milliseconds before each: the peer of looks with
    /// open connections.
    BareAgain { settings: PathBuf, times: usize, pause: u64 },
    /// Move bytes as a file says that is a [`crate::transfer::Job`].
    Transfer { job: PathBuf },
    /// Send an HTTP request that stands in a file, as a forge sends a webhook.
    Send { address: String, request: PathBuf },
}

/// [`Drift`] as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DriftArg {
    None,
    Tenth,
}

/// A part of a workload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// What the process had resident when it began, in bytes.
    pub(crate) before: u64,
    /// The most that it had had when it ended, in bytes.
    pub(crate) peak: u64,
}

/// Does it.
pub(crate) fn run(workload: &Workload) -> Vec<Phase> {
    match workload {
        Workload::Plan { hosts, datasets, drift } => {
            plan(Fleet { hosts: *hosts, datasets: *datasets }, *drift)
        }
        Workload::Load { folder } => {
            let files = read(folder);
            let registry = evenkeel_drivers::registry();
            vec![phase("load", || load_all(&registry, &files)).1]
        }
        Workload::Events { folder } => {
            let files = read(folder);
            let count =
                |file: &SourceFile| Parser::new_from_str(str::from_utf8(&file.bytes).expect("UTF-8")).count();
            vec![phase("events", || files.iter().map(count).sum::<usize>()).1]
        }
        Workload::Bare { settings } => {
            let fleet = fleet_of(settings);
            vec![phase("bare", || bare::run(fleet)).1]
        }
        Workload::Transfer { job } => {
            let job = serde_json::from_slice(&fs::read(job).expect("a file")).expect("a job");
            vec![phase("transfer", || transfer::run(&job)).1]
        }
        Workload::BareAgain { settings, times, pause } => {
            let fleet = fleet_of(settings);
            let (open, connect) = phase("connect", || bare::Open::connect(fleet));
            vec![connect, phase("exec", || open.exec(*times, Duration::from_millis(*pause))).1]
        }
        Workload::Send { address, request } => {
            let request = fs::read(request).expect("a request");
            let stream = TcpStream::connect(address.as_str()).expect("a connection");
            let answer = http::ask(stream, &request);
            assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
            Vec::new()
        }
    }
}

fn fleet_of(settings: &Path) -> bare::Fleet {
    let text = fs::read_to_string(settings).expect("settings");
    serde_json::from_str(&text).expect("JSON of settings")
}

fn plan(fleet: Fleet, drift: DriftArg) -> Vec<Phase> {
    let drift = match drift {
        DriftArg::None => Drift::None,
        DriftArg::Tenth => Drift::Tenth,
    };
    let files = fleet.in_memory();
    let (loaded, load) = phase("load", || load_all(&evenkeel_drivers::registry(), &files));
    let (asked, ask) = phase("ask", || hosts::ask(&loaded.instances));
    let replies = hosts::answer(&asked, drift);
    let blueprint = Blueprint {
        replies: &replies,
        policy: Policy::default(),
        now: now(),
        keep: evenkeel_core::driver::Keep::default(),
        context: &[],
    };
    let (plan, build) = phase("plan", || build(&loaded.instances, &blueprint));
    assert_eq!(plan.summary.errors, 0, "every dataset is understood");
    vec![load, ask, build]
}

/// Does something and says what it took; its result is kept alive by the caller.
fn phase<T>(name: &str, work: impl FnOnce() -> T) -> (T, Phase) {
    let (before, wall, cpu) = (memory("self", "VmRSS:"), Instant::now(), cpu_time());
    let result = black_box(work());
    let (wall, cpu) = (wall.elapsed(), cpu_time().saturating_sub(cpu));
    (result, Phase { name: name.to_owned(), wall, cpu, before, peak: memory("self", "VmHWM:") })
}

/// What all threads of this process have used so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn read(folder: &Path) -> Vec<SourceFile> {
    let entries = fs::read_dir(folder).expect("the folder").filter_map(Result::ok);
    let file = |path: PathBuf| SourceFile {
        path: path.display().to_string(),
        bytes: fs::read(path).expect("a manifest"),
    };
    entries.map(|entry| file(entry.path())).collect()
}
