//! Devices, their policies and their paths, as the native multipathing plugin has them.

use std::fmt::Write as _;

use super::super::defaults::{policies, refuses};
use super::super::device::{LimitType, Limits, Origin};
use super::super::options::{Given, Opt, flag, required, value};
use super::super::table::{self, Align};
use super::super::{Device, EsxHost, Release};
use super::{Command, FIVE, FOUR, Outcome, read, show, write};

const ONE_DEVICE: &[Opt] = &[value('d', "device")];
const THIS_DEVICE: &[Opt] = &[required('d', "device")];
const POLICY: &[Opt] = &[required('d', "device"), value('P', "psp"), flag('E', "default")];
const LIMITS_4: &[Opt] = &[
    required('d', "device"),
    value('t', "type"),
    value('I', "iops"),
    value('B', "bytes"),
    value('U', "useANO"),
];
const LIMITS_5: &[Opt] = &[
    required('d', "device"),
    value('t', "type"),
    value('I', "iops"),
    value('B', "bytes"),
    value('U', "useano"),
    value('S', "num-sampling-cycles"),
    value('T', "latency-eval-time"),
    flag('g', "cfgfile"),
];
const PREFERRED: &[Opt] = &[required('d', "device"), value('p', "path"), flag('E', "default")];

pub(super) const COMMANDS: &[Command] = &[
    read(FOUR, "nmp device list", ONE_DEVICE, device_list),
    read(FIVE, "storage nmp device list", ONE_DEVICE, device_list),
    read(FOUR, "nmp path list", ONE_DEVICE, path_list),
    read(FIVE, "storage nmp path list", ONE_DEVICE, path_list),
    show(FOUR, "nmp psp list", psp_list),
    show(FIVE, "storage nmp psp list", psp_list),
    write(FOUR, "nmp device setpolicy", POLICY, set_policy),
    write(FIVE, "storage nmp device set", POLICY, set_policy),
    read(FOUR, "nmp roundrobin getconfig", THIS_DEVICE, get_limits),
    read(FIVE, "storage nmp psp roundrobin deviceconfig get", THIS_DEVICE, get_limits),
    write(FOUR, "nmp roundrobin setconfig", LIMITS_4, set_limits),
    write(FIVE, "storage nmp psp roundrobin deviceconfig set", LIMITS_5, set_limits),
    read(FOUR, "nmp fixed getpreferred", THIS_DEVICE, get_preferred),
    read(FIVE, "storage nmp psp fixed deviceconfig get", THIS_DEVICE, get_preferred),
    write(FOUR, "nmp fixed setpreferred", PREFERRED, set_preferred),
    write(FIVE, "storage nmp psp fixed deviceconfig set", PREFERRED, set_preferred),
];

/// The devices that were asked for: one, or all. What is said to an unknown one is recorded on 4.1 with a line
/// `Errors:` before it.
pub(super) fn asked<'a>(host: &'a EsxHost, given: &Given) -> Result<Vec<&'a Device>, String> {
    match given.get("device") {
        None => Ok(host.devices().collect()),
        Some(id) => {
            host.device(id).map(|device| vec![device]).ok_or_else(|| unknown_device(host.release, id))
        }
    }
}

pub(super) fn unknown_device(release: Release, id: &str) -> String {
    if release == Release::Esx41 {
        format!("Errors:\nUnknown device {id}")
    } else {
        format!("Unknown device {id}")
    }
}

/// The lines of a block are indented by four on 4.x, by three from 5.x on.
pub(super) fn indent(release: Release) -> &'static str {
    if release == Release::Esx41 { "    " } else { "   " }
}

/// Puts blocks together: from 5.x on a blank line between them, on 4.x one before each as the seed's transcript has it.
pub(super) fn blocks(release: Release, blocks: &[String]) -> String {
    let before = if release == Release::Esx41 { "\n" } else { "" };
    format!("{before}{}", blocks.join("\n"))
}

fn device_list(host: &EsxHost, given: &Given) -> Outcome {
    let (release, tick) = (host.release, host.ticks);
    let devices = asked(host, given)?;
    let block = |device: &&Device| device_block(device, release, tick);
    Ok(blocks(release, &devices.iter().map(block).collect::<Vec<_>>()))
}

fn device_block(device: &Device, release: Release, tick: u64) -> String {
    let indent = indent(release);
    let mut text = format!("{}\n", device.id);
    let mut line = |name: &str, value: &str| {
        let gap = if value.is_empty() { "" } else { " " };
        let _ = writeln!(text, "{indent}{name}:{gap}{value}");
    };
    line("Device Display Name", &device.display_name());
    line("Storage Array Type", &device.satp);
    line("Storage Array Type Device Config", &device.array_config(release));
    line("Path Selection Policy", &device.psp);
    line("Path Selection Policy Device Config", &device.policy_config(release, tick));
    if release > Release::Esx41 {
        line("Path Selection Policy Device Custom Config", "");
    }
    line("Working Paths", &device.working_paths().join(", "));
    if release == Release::Esxi55 {
        line("Is Local SAS Device", "false");
        line("Is USB", "false");
        line("Is Boot USB Device", "false");
    } else if release > Release::Esxi55 {
        line("Is USB", "false");
    }
    text
}

fn path_list(host: &EsxHost, given: &Given) -> Outcome {
    let release = host.release;
    let mut all = Vec::new();
    for device in asked(host, given)? {
        for at in 0..device.paths.len() {
            all.extend(path_block(device, at, release));
        }
    }
    Ok(blocks(release, &all))
}

fn path_block(device: &Device, at: usize, release: Release) -> Option<String> {
    let path = device.paths.get(at)?;
    let indent = indent(release);
    let mut text = format!("{}-{}\n", transport_name(&path.name), device.id);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{indent}{name}: {value}");
    };
    line("Runtime Name", &path.name);
    line("Device", &device.id);
    line("Device Display Name", &device.display_name());
    line("Group State", device.state(path).text());
    // Some recorded lists of 4.1 have it, some have not.
    if release > Release::Esx41 {
        line("Array Priority", "0");
    }
    line("Storage Array Type Path Config", &device.array_path_config(path, at + 1));
    line("Path Selection Policy Path Config", &device.policy_path_config(path));
    Some(text)
}

/// Both ends of a path: `fc.2000…:1000…-fc.5006…:5006…`. Fixed by its runtime name.
pub(super) fn transport_name(path: &str) -> String {
    let number = |at: usize| {
        let part = path.split(':').nth(at).unwrap_or_default();
        part.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap_or_default()
    };
    let (adapter, target) = (0xc900_0000 + number(0), 0xbea0_38b0 + number(2));
    format!("fc.20000000{adapter:08x}:10000000{adapter:08x}-fc.50060160{target:08x}:50060164{target:08x}")
}

fn psp_list(host: &EsxHost) -> String {
    let columns = [("Name", Align::Left), ("Description", Align::Left)];
    let rows: Vec<[String; 2]> =
        policies(host.release).iter().map(|(name, says)| [(*name).to_owned(), (*says).to_owned()]).collect();
    table::esxcli(host.release, columns, &rows)
}

/// The device that a write names.
fn named<'a>(host: &'a EsxHost, given: &Given) -> Result<&'a Device, String> {
    let id = given.get("device").unwrap_or_default();
    host.device(id).ok_or_else(|| unknown_device(host.release, id))
}

/// The texts of what is refused are believed.
fn set_policy(host: &mut EsxHost, given: &Given) -> Outcome {
    let device = named(host, given)?;
    let id = device.id.clone();
    let is_four = host.release == Release::Esx41;
    match (given.get("psp"), given.has("default")) {
        (None, true) => host.give_back(&id),
        (Some(psp), false) => {
            if !policies(host.release).iter().any(|(name, _)| *name == psp) {
                return Err(format!("Unable to set path selection policy on device {id}: Unknown PSP {psp}"));
            }
            if refuses(&device.satp, psp) {
                let satp = &device.satp;
                return Err(format!(
                    "Unable to set path selection policy on device {id}: PSP {psp} is not compatible with {satp}"
                ));
            }
            host.attach(&id, psp);
        }
        _ => return Err("Error: Exactly one of -P|--psp and -E|--default must be given".to_owned()),
    }
    // Believed of 4.x, which answers setters so.
    Ok(if is_four { "true\n".to_owned() } else { String::new() })
}

fn round_robin<'a>(host: &'a EsxHost, given: &Given) -> Result<&'a Device, String> {
    let device = named(host, given)?;
    if device.psp == "VMW_PSP_RR" {
        return Ok(device);
    }
    Err(format!("Device {} does not use path selection policy VMW_PSP_RR, it uses {}", device.id, device.psp))
}

fn get_limits(host: &EsxHost, given: &Given) -> Outcome {
    let release = host.release;
    let device = round_robin(host, given)?;
    let limits = device.limits;
    let has_latency = release >= Release::Esxi67;
    let by = match limits.by {
        LimitType::Default => "Default",
        LimitType::Iops => "Iops",
        LimitType::Bytes => "Bytes",
        LimitType::Latency => "Latency",
    };
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{}{name}: {value}", indent(release));
    };
    line("Byte Limit", &limits.bytes);
    line("Device", &device.id);
    line("IOOperation Limit", &limits.iops);
    if has_latency {
        line("Latency Evaluation Interval", &format!("{} milliseconds", limits.interval));
    }
    line("Limit Type", &by);
    if has_latency {
        line("Number Of Sampling IOs Per Path", &limits.sampling_ios);
    }
    line("Use Active Unoptimized Paths", &limits.use_unoptimized);
    Ok(text)
}

fn set_limits(host: &mut EsxHost, given: &Given) -> Outcome {
    let release = host.release;
    let device = round_robin(host, given)?;
    let id = device.id.clone();
    let mut limits = Limits { use_unoptimized: device.limits.use_unoptimized, ..Limits::default() };
    let wanted = |name: &str| {
        let found = given.number(name)?.filter(|number| *number > 0);
        found.ok_or_else(|| format!("Error: --{name} must be given with a number above 0"))
    };
    match given.get("type") {
        Some("iops") => (limits.by, limits.iops) = (LimitType::Iops, wanted("iops")?),
        Some("bytes") => (limits.by, limits.bytes) = (LimitType::Bytes, wanted("bytes")?),
        Some("default") => {}
        Some("latency") if release >= Release::Esxi67 => {
            limits.by = LimitType::Latency;
            limits.sampling_ios = given.number("num-sampling-cycles")?.unwrap_or(16);
            limits.interval = given.number("latency-eval-time")?.unwrap_or(180_000);
        }
        Some(other) => return Err(format!("Error: Invalid value for option --type: {other}")),
        None => return Err("Error: Missing required parameter -t|--type".to_owned()),
    }
    let unoptimized = given.number("useano")?.or(given.number("useANO")?);
    limits.use_unoptimized = unoptimized.map_or(limits.use_unoptimized, |given| given == 1);
    if let Some(device) = host.devices.get_mut(&id) {
        (device.limits, device.limits_from) = (limits, Origin::Own);
    }
    Ok(String::new())
}

fn fixed<'a>(host: &'a EsxHost, given: &Given) -> Result<&'a Device, String> {
    let device = named(host, given)?;
    if device.psp.starts_with("VMW_PSP_FIXED") {
        return Ok(device);
    }
    Err(format!(
        "Device {} does not use path selection policy VMW_PSP_FIXED, it uses {}",
        device.id, device.psp
    ))
}

/// Believed.
fn get_preferred(host: &EsxHost, given: &Given) -> Outcome {
    let device = fixed(host, given)?;
    let preferred = device.preferred().unwrap_or_default();
    let current = device.current_path().unwrap_or_default();
    let indent = indent(host.release);
    Ok(format!(
        "{indent}Current Path: {current}\n{indent}Device: {}\n{indent}Preferred Path: {preferred}\n",
        device.id
    ))
}

fn set_preferred(host: &mut EsxHost, given: &Given) -> Outcome {
    let device = fixed(host, given)?;
    let id = device.id.clone();
    let preferred = match (given.get("path"), given.has("default")) {
        (None, true) => None,
        (Some(path), false) if device.paths.iter().any(|known| known.name == path) => Some(path.to_owned()),
        (Some(path), false) => return Err(format!("Unknown path {path} for device {id}")),
        _ => return Err("Error: Exactly one of -p|--path and -E|--default must be given".to_owned()),
    };
    if let Some(device) = host.devices.get_mut(&id) {
        device.preferred_path = preferred;
        device.settle();
    }
    Ok(String::new())
}
