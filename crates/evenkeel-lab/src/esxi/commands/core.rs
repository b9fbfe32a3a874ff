//! Devices and paths as the SCSI layer has them, and claiming anew.

use std::fmt::Write as _;

use super::super::device::{DevicePath, PathState};
use super::super::options::{Given, Opt, required, value};
use super::super::{Device, EsxHost, Release};
use super::nmp::{asked, blocks, indent, transport_name, unknown_device};
use super::{Command, FIVE, FOUR, Outcome, read, write};

const ONE_DEVICE: &[Opt] = &[value('d', "device")];
const THIS_DEVICE: &[Opt] = &[required('d', "device")];

pub(super) const COMMANDS: &[Command] = &[
    read(FOUR, "corestorage device list", ONE_DEVICE, device_list),
    read(FIVE, "storage core device list", ONE_DEVICE, device_list),
    read(FIVE, "storage core path list", ONE_DEVICE, path_list),
    write(FOUR, "corestorage claiming reclaim", THIS_DEVICE, reclaim),
    write(FIVE, "storage core claiming reclaim", THIS_DEVICE, reclaim),
];

fn device_list(host: &EsxHost, given: &Given) -> Outcome {
    let release = host.release;
    let block = |device: &&Device| device_block(device, release);
    Ok(blocks(release, &asked(host, given)?.iter().map(block).collect::<Vec<_>>()))
}

/// The lines and their order are recorded: 4.1, 5.5 and 8.0. Vendor and model are padded as in an answer to an inquiry.
fn device_block(device: &Device, release: Release) -> String {
    let indent = indent(release);
    let mut text = format!("{}\n", device.id);
    let is_local = device.array.transport() == "sas";
    let (is_five, is_six, is_eight) =
        (release >= Release::Esxi55, release >= Release::Esxi67, release >= Release::Esxi80);
    let yes = |is: bool| is.to_string();
    let mut line = |is_there: bool, name: &str, value: &str| {
        if is_there {
            let _ = writeln!(text, "{indent}{name}: {value}");
        }
    };
    line(true, "Display Name", &device.display_name());
    line(is_five, "Has Settable Display Name", "true");
    line(true, "Size", "102400");
    line(true, "Device Type", "Direct-Access ");
    line(true, "Multipath Plugin", "NMP");
    line(true, "Devfs Path", &format!("/vmfs/devices/disks/{}", device.id));
    line(true, "Vendor", &format!("{:<8}", device.array.vendor()));
    line(true, "Model", &format!("{:<16}", device.array.model()));
    line(true, "Revision", device.array.revision());
    line(true, "SCSI Level", "6");
    line(true, "Is Pseudo", "false");
    line(true, "Status", if device.living_paths().is_empty() { "dead" } else { "on" });
    line(true, "Is RDM Capable", &yes(!is_local));
    line(true, "Is Local", &yes(is_local));
    line(true, "Is Removable", "false");
    line(is_five, "Is SSD", "false");
    line(is_six, "Is VVOL PE", "false");
    line(is_five, "Is Offline", "false");
    line(is_five, "Is Perennially Reserved", "false");
    line(is_five, "Queue Full Sample Size", "0");
    line(is_five, "Queue Full Threshold", "0");
    line(is_five, "Thin Provisioning Status", "unknown");
    line(true, "Attached Filters", "");
    line(true, "VAAI Status", "unknown");
    line(true, "Other UIDs", &format!("vml.0200000000{}", device.id.trim_start_matches("naa.")));
    line(is_five, "Is Shared Clusterwide", &yes(!is_local));
    line(is_five && !is_eight, "Is Local SAS Device", "false");
    line(is_five, "Is SAS", &yes(is_local));
    line(is_five, "Is USB", "false");
    line(is_five && !is_eight, "Is Boot USB Device", "false");
    line(is_five, "Is Boot Device", &yes(device.is_boot));
    line(is_six, "Device Max Queue Depth", "64");
    line(is_five, "No of outstanding IOs with competing worlds", "32");
    line(is_six, "Drive Type", "unknown");
    line(is_six, "RAID Level", "unknown");
    line(is_six, "Number of Physical Drives", "unknown");
    line(is_six, "Protection Enabled", "false");
    line(is_six, "PI Activated", "false");
    line(is_six, "PI Type", "0");
    line(is_six, "PI Protection Mask", "NO PROTECTION");
    line(is_six, "Supported Guard Types", "NO GUARD SUPPORT");
    line(is_six, "DIX Enabled", "false");
    line(is_six, "DIX Guard Type", "NO GUARD SUPPORT");
    line(is_six, "Emulated DIX/DIF Enabled", "false");
    text
}

fn path_list(host: &EsxHost, given: &Given) -> Outcome {
    let mut all = Vec::new();
    for device in asked(host, given)? {
        all.extend(device.paths.iter().map(|path| path_block(device, path)));
    }
    Ok(blocks(host.release, &all))
}

fn path_block(device: &Device, path: &DevicePath) -> String {
    let ends = transport_name(&path.name);
    let mut parts = path.name.split([':', 'C', 'T', 'L']).filter(|part| !part.is_empty());
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (adapter, channel, target, lun) = (part(), part(), part(), part());
    let state = match device.state(path) {
        PathState::Active | PathState::Unoptimized => "active",
        PathState::Standby => "standby",
        PathState::Dead => "dead",
    };
    let (from, to) = ends.split_once('-').unwrap_or_default();
    let lines = [
        ("UID", format!("{ends}-{}", device.id)),
        ("Runtime Name", path.name.clone()),
        ("Device", device.id.clone()),
        ("Device Display Name", device.display_name()),
        ("Adapter", adapter),
        ("Channel", channel),
        ("Target", target),
        ("LUN", lun),
        ("Plugin", "NMP".to_owned()),
        ("State", state.to_owned()),
        ("Transport", device.array.transport().to_owned()),
        ("Adapter Identifier", from.to_owned()),
        ("Target Identifier", to.to_owned()),
        ("Maximum IO Size", "33554432".to_owned()),
    ];
    let mut text = format!("{ends}-{}\n", device.id);
    for (name, value) in lines {
        let _ = writeln!(text, "   {name}: {value}");
    }
    text
}

/// The sentence about busy devices is as remembered from hosts.
fn reclaim(host: &mut EsxHost, given: &Given) -> Outcome {
    let id = given.text("device");
    let Some(device) = host.device(&id) else {
        return Err(unknown_device(host.release, &id));
    };
    if device.is_busy || device.is_boot || host.has_running_vms(&id) {
        return Err(
            "Unable to perform unclaim. Error message was : Unable to unclaim paths. Busy or in use devices \
                    detected. See VMkernel logs for more information."
                .to_owned(),
        );
    }
    host.claim(&id, false);
    Ok(String::new())
}
