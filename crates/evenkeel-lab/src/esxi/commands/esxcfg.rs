//! The programs of 4.x that `esxcli` has not replaced there: `esxcfg-scsidevs` and `esxcfg-nas`. Later hosts have them too.

use std::fmt::Write as _;

use super::super::setup::NfsMount;
use super::super::{Device, EsxHost};
use super::Outcome;

/// `-m`: the parts of VMFS datastores; `-l`: the disks. Both are recorded, but for the width of the gaps.
pub(super) fn scsidevs(host: &EsxHost, words: &[&str]) -> Outcome {
    match words {
        ["-m" | "--vmfs"] => {
            let mut text = String::new();
            let mut seen: Vec<&str> = Vec::new();
            for datastore in &host.datastores {
                let number = seen.iter().filter(|name| **name == datastore.name).count();
                seen.push(&datastore.name);
                let part = format!("{}:1", datastore.device);
                let path = format!("/vmfs/devices/disks/{part}");
                let (uuid, name) = (&datastore.uuid, &datastore.name);
                let _ = writeln!(text, "{part:<64} {path:<64} {uuid}  {number}  {name}");
            }
            Ok(text)
        }
        ["-l" | "--list"] => Ok(host.devices().map(disk).collect()),
        _ => Err("esxcfg-scsidevs <options>\nPrint information about the logical devices".to_owned()),
    }
}

fn disk(device: &Device) -> String {
    let is_local = device.array.transport() == "sas";
    let status = if device.living_paths().is_empty() { "dead" } else { "on" };
    format!(
        "{id}\n   Device Type: Direct-Access \n   Size: 102400 MB\n   Display Name: {name}\n   \
         Multipath Plugin: NMP\n   Console Device: /vmfs/devices/disks/{id}\n   Devfs Path: \
         /vmfs/devices/disks/{id}\n   Vendor: {vendor:<8}  Model: {model:<16}  Revis: {revision}\n   SCSI Level: \
         6  Is Pseudo: false Status: {status}\n   Is RDM Capable: {rdm}  Is Removable: false\n   Is Local: \
         {is_local}\n   Other Names:\n      vml.0200000000{bare}\n   VAAI Status: unknown\n",
        id = device.id,
        name = device.display_name(),
        vendor = device.array.vendor(),
        model = device.array.model(),
        revision = device.array.revision(),
        rdm = !is_local,
        bare = device.id.trim_start_matches("naa."),
    )
}

/// `-l`, recorded, and so is what it says where there is none.
pub(super) fn nas_list(host: &EsxHost) -> String {
    let mut text = String::new();
    for mount in host.nfs.values().filter(|mount| !mount.is_v41) {
        let state = if mount.is_accessible { "mounted available" } else { "mounted unavailable" };
        let (name, share, server) = (&mount.name, &mount.share, mount.hosts.join(","));
        let _ = writeln!(text, "{name} is {share} from {server} {state}");
    }
    if text.is_empty() { "No NAS datastore found\n".to_owned() } else { text }
}

/// `-a -o HOST -s SHARE NAME`, `-d NAME`. The line of a removal and the text of a server that denies are recorded, the rest
/// is believed.
pub(super) fn nas(host: &mut EsxHost, words: &[&str]) -> Outcome {
    match words {
        ["-d" | "--delete", name] => {
            host.unmount(name, false).map_err(|problem| format!("Error performing operation: {problem}"))?;
            Ok(format!("NAS volume {name} deleted.\n"))
        }
        ["-a" | "--add", rest @ ..] => add(host, rest),
        _ => Err("esxcfg-nas <options> [<label>]\n-a|--add  -o|--host <host>  -s|--share <share>\n\
                  -d|--delete  -l|--list"
            .to_owned()),
    }
}

fn add(host: &mut EsxHost, words: &[&str]) -> Outcome {
    let (mut server, mut share, mut name) = (None, None, None);
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "-o" | "--host" => server = words.next(),
            "-s" | "--share" => share = words.next(),
            other => name = Some(other),
        }
    }
    let (Some(server), Some(share), Some(name)) = (server, share, name) else {
        return Err("Error: A host, a share and a label must be given".to_owned());
    };
    let mount = NfsMount {
        name: name.to_owned(),
        hosts: vec![server.to_owned()],
        share: share.to_owned(),
        read_only: false,
        is_v41: false,
        is_accessible: true,
    };
    let failed = |problem: String| format!("Unable to connect to NAS volume {name}: {problem}");
    host.mount(mount).map_err(failed)?;
    Ok(format!("Connecting to NAS volume: {name}\n{name} created and connected.\n"))
}
