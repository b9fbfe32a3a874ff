//! `serve` and `run`.

use std::error::Error;
use std::fs;
use std::io;
use std::process::ExitCode;

use evenkeel_lab::server::{Lab, LabConfig, socket};
use evenkeel_lab::shim;
use evenkeel_lab::site;
use evenkeel_lab::wire::Call;
use evenkeel_lab::zfs::Rights;

use crate::args::{Run, Serve};

/// Errors are only ever printed.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn serve(options: &Serve) -> Result<()> {
    fs::create_dir_all(&options.dir)?;
    let dir = options.dir.canonicalize()?;
    // A leftover of a lab that ran here before must not look like ours.
    drop(fs::remove_file(dir.join("ready")));
    let storage = (0..options.targets).map(|at| site::target(at, options.datasets, options.seed));
    let dumps = (0..options.dump_hosts).map(|at| site::dump_host(at, options.dump_bytes));
    let esx = (0..options.esx_hosts).map(|at| site::esx_host(at, options.luns));
    let hyperv = (0..options.hyperv_hosts).map(|at| site::hyperv_host(at, options.speed));
    let openvz = (0..options.openvz_hosts).map(site::openvz_host);
    let pve = (0..options.pve_hosts).map(site::pve_host);
    let targets = storage.chain(dumps).chain(esx).chain(hyperv).chain(openvz).chain(pve).collect();
    let lab = Lab::start(LabConfig { dir: dir.clone(), shim: std::env::current_exe()?, targets })?;
    fs::write(dir.join("targets.yaml"), lab.manifests())?;
    fs::write(dir.join("ready"), "")?;
    // The end of input is the signal to stop that also comes when the parent dies.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    fs::remove_file(dir.join("ready"))?;
    Ok(())
}

pub(crate) fn run(options: Run) -> Result<ExitCode> {
    let path = socket(&options.dir);
    let call =
        Call { target: options.target, rights: Rights::Root, argv: options.command, stdin: String::new() };
    let exit = shim::call_lab(&path.to_string_lossy(), &call);
    exit.map_err(|error| format!("cannot reach a lab at {}: {error}; is it running?", path.display()).into())
}
