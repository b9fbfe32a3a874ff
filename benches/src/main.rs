//! `evenkeel-bench floors`: measures the floors that Evenkeel keeps, each in a process of its own, and says which
//! are missed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be set up ends, and says why; the program prints"
)]

mod bare;
mod child;
mod floors;
mod http;
mod process;
mod report;
mod transfer;
mod work;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Measures the floors that Evenkeel keeps.
#[derive(Debug, Parser)]
enum Args {
    /// Measure everything; fails where a floor is missed.
    Floors {
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
        /// Measure these only.
        #[arg(long, value_name = "NAME")]
        only: Vec<floors::Group>,
        /// How long the controller is left to itself.
        #[arg(long, value_name = "MINUTES", default_value_t = 4)]
        soak: u16,
    },
    /// One workload, in this process; its phases go to standard output.
    #[command(subcommand, hide = true)]
    Work(work::Workload),
}

fn main() -> ExitCode {
    match Args::parse() {
        Args::Work(workload) => {
            let phases = work::run(&workload);
            println!("{}", serde_json::to_string(&phases).expect("JSON of plain numbers"));
            ExitCode::SUCCESS
        }
        Args::Floors { .. } if cfg!(debug_assertions) => {
            eprintln!("floors are kept by release builds: cargo run --release -p evenkeel-bench -- floors");
            ExitCode::FAILURE
        }
        Args::Floors { json, only, soak } => {
            let report = floors::measure(&only, Duration::from_secs(60 * u64::from(soak)));
            println!("{}", if json { report.to_json() } else { report.to_tables() });
            if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
