//! Virtual machines and the parts of VMFS datastores.

use std::fmt::Write as _;

use super::super::EsxHost;
use super::super::setup::{Vm, made_uuid};
use super::super::table::{self, Align};
use super::nmp::{blocks, indent};
use super::{Command, FIVE, FOUR, Outcome, show};

pub(super) const COMMANDS: &[Command] = &[
    show(FOUR, "vms vm list", running),
    show(FIVE, "vm process list", running),
    show(FIVE, "storage vmfs extent list", extents),
];

/// As recorded: the volume's number stands to the right.
fn extents(host: &EsxHost) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for datastore in &host.datastores {
        let number = seen.iter().filter(|name| **name == datastore.name).count();
        seen.push(&datastore.name);
        rows.push([
            datastore.name.clone(),
            datastore.uuid.clone(),
            number.to_string(),
            datastore.device.clone(),
            "1".to_owned(),
        ]);
    }
    let columns = [
        ("Volume Name", Align::Left),
        ("VMFS UUID", Align::Left),
        ("Extent Number", Align::Right),
        ("Device Name", Align::Left),
        ("Partition", Align::Right),
    ];
    table::esxcli(host.release, columns, &rows)
}

fn running(host: &EsxHost) -> String {
    let indent = indent(host.release);
    let block = |vm: &Vm| {
        let world = 4000 + 3 * vm.id;
        let name = &vm.name;
        let place = host.place_of(&vm.datastore);
        let lines = [
            format!("World ID: {}", world + 3),
            "Process ID: 0".to_owned(),
            format!("VMX Cartel ID: {world}"),
            format!(
                "UUID: 56 4d c4 d7 de eb 77 81-dc 69 4e 96 d4 c6 {:02x} {:02x}",
                vm.id / 256,
                vm.id % 256
            ),
            format!("Display Name: {name}"),
            format!("Config File: /vmfs/volumes/{place}/{name}/{name}.vmx"),
        ];
        format!("{name}\n{indent}{}\n", lines.join(&format!("\n{indent}")))
    };
    let running: Vec<String> = host.vms.iter().filter(|vm| vm.is_running).map(block).collect();
    blocks(host.release, &running)
}

pub(super) fn vim_cmd(host: &EsxHost, words: &[&str]) -> Outcome {
    match words {
        ["vmsvc/getallvms"] => Ok(registered(host)),
        [name, ..] => Err(format!("Command not found: {name}")),
        [] => Err("Commands available under /:\nvmsvc/".to_owned()),
    }
}

/// The layout is recorded from 8.0. A machine whose file cannot be read is passed over in a line of its own: the list
/// tells that it is there, but not where.
fn registered(host: &EsxHost) -> String {
    let mut vms: Vec<(String, &Vm)> = host.vms.iter().map(|vm| (vm.id.to_string(), vm)).collect();
    // Numbers are put in order as texts.
    vms.sort_by(|a, b| a.0.cmp(&b.0));
    let (valid, invalid): (Vec<_>, Vec<_>) =
        vms.into_iter().partition(|(_, vm)| host.is_readable(&vm.datastore));
    let mut text = String::new();
    for (id, _) in invalid {
        let _ = writeln!(text, "Skipping invalid VM '{id}'");
    }
    let row = |(id, vm): (String, &Vm)| {
        let name = &vm.name;
        let file = format!("[{}] {name}/{name}.vmx", vm.datastore);
        [id, name.clone(), file, "otherLinux64Guest".to_owned(), "vmx-08".to_owned(), String::new()]
    };
    let rows: Vec<[String; 6]> = valid.into_iter().map(row).collect();
    let headers = ["Vmid", "Name", "File", "Guest OS", "Version", "Annotation"];
    text.push_str(&table::vim_cmd(headers, &rows));
    text
}

impl EsxHost {
    /// The folder of a datastore below `/vmfs/volumes`: its UUID.
    fn place_of(&self, datastore: &str) -> String {
        match self.datastores.iter().find(|known| known.name == datastore) {
            Some(known) => known.uuid.clone(),
            None => made_uuid(datastore).split('-').take(2).collect::<Vec<_>>().join("-"),
        }
    }

    /// Whether files on it can be read: an NFS server that answers, or VMFS with a path to each of its disks.
    fn is_readable(&self, datastore: &str) -> bool {
        if let Some(mount) = self.nfs.get(datastore) {
            return mount.is_accessible;
        }
        let mut parts = self.datastores.iter().filter(|known| known.name == datastore).peekable();
        let reaches = |id: &str| self.device(id).is_some_and(|device| !device.living_paths().is_empty());
        parts.peek().is_some() && parts.all(|part| reaches(&part.device))
    }

    /// Whether virtual machines run on datastores that lie on this disk.
    pub(super) fn has_running_vms(&self, id: &str) -> bool {
        let on_it =
            |vm: &Vm| self.datastores.iter().any(|known| known.name == vm.datastore && known.device == id);
        self.vms.iter().any(|vm| vm.is_running && on_it(vm))
    }
}
