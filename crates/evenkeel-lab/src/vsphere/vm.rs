//! A virtual machine: its configuration, disks and snapshots.

use std::collections::BTreeMap;

/// Whether a virtual machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    /// It does.
    On,
    /// It does not.
    Off,
    /// It will go on where it was.
    Suspended,
}

impl Power {
    /// As the API says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Power::On => "poweredOn",
            Power::Off => "poweredOff",
            Power::Suspended => "suspended",
        }
    }
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vm {
    /// Its name.
    pub name: String,
    /// The id of the folder that it is in.
    pub parent: String,
    /// Its `instanceUuid`.
    pub uuid: String,
    /// What is written on it for people.
    pub annotation: String,
    /// Its `extraConfig`.
    pub extra: BTreeMap<String, String>,
    /// The path of its configuration file: `[LocalDS_0] avocado2/avocado2.vmx`.
    pub vmx: String,
    /// Whether it runs.
    pub power: Power,
    /// `connected`, `inaccessible`, …
    pub connection: String,
    /// It is a template.
    pub is_template: bool,
    /// The guest's tools run in it.
    pub has_tools: bool,
    /// What is in it comes to rest where it is asked to.
    pub quiesces: bool,
    /// Its disks.
    pub disks: Vec<Disk>,
    /// Its network adapters.
    pub nics: Vec<Nic>,
    /// Its snapshots, each behind the one that it stands on.
    pub snapshots: Vec<Snapshot>,
    /// The id of the one that it runs on.
    pub current: Option<String>,
    /// What is on its disks: equal for equal contents.
    pub content: u64,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Disk {
    /// The key of the device.
    pub key: i32,
    /// Its file: `[LocalDS_0] avocado2/avocado2.vmdk`.
    pub file: String,
    /// In KiB.
    pub capacity: u64,
    /// In bytes: what was written on it.
    pub written: u64,
    /// It takes only what was written on it.
    pub is_thin: bool,
    /// Snapshots do not hold it.
    pub is_independent: bool,
}

/// A network adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nic {
    /// The key of the device.
    pub key: i32,
    /// The type of the device: `VirtualVmxnet3`.
    pub kind: String,
    /// Its address.
    pub mac: String,
    /// It is connected when the virtual machine is powered on.
    pub connects: bool,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is written on it.
    pub description: String,
    /// The id of the one that it stands on.
    pub parent: Option<String>,
    /// In seconds since 1970.
    pub created: i64,
    /// What was in the virtual machine came to rest for it.
    pub is_quiesced: bool,
    /// What was on the disks then.
    pub content: u64,
}

impl Vm {
    /// One that is on, without disks.
    pub(super) fn new(name: &str, parent: &str, uuid: String) -> Self {
        Vm {
            name: name.to_owned(),
            parent: parent.to_owned(),
            uuid,
            annotation: String::new(),
            extra: BTreeMap::new(),
            vmx: String::new(),
            power: Power::On,
            connection: "connected".to_owned(),
            is_template: false,
            has_tools: true,
            quiesces: true,
            disks: Vec::new(),
            nics: Vec::new(),
            snapshots: Vec::new(),
            current: None,
            content: 0,
        }
    }

    /// Adds a thick disk of so many KiB, on which so many bytes are written.
    pub fn add_disk(&mut self, capacity: u64, written: u64) {
        let number = self.disks.len();
        let file = self.disk_file(number);
        let key = 2_000 + i32::try_from(number).unwrap_or_default();
        self.disks.push(Disk { key, file, capacity, written, is_thin: false, is_independent: false });
    }

    /// Its disks' files are beside its configuration file from now on.
    pub(super) fn move_files(&mut self, vmx: String) {
        self.vmx = vmx;
        let files: Vec<String> = (0..self.disks.len()).map(|number| self.disk_file(number)).collect();
        self.disks.iter_mut().zip(files).for_each(|(disk, file)| disk.file = file);
    }

    /// The datastore of its configuration file.
    pub fn store(&self) -> &str {
        store_of(&self.vmx)
    }

    fn disk_file(&self, number: usize) -> String {
        let stem = self.vmx.strip_suffix(".vmx").unwrap_or(&self.vmx);
        if number == 0 { format!("{stem}.vmdk") } else { format!("{stem}_{number}.vmdk") }
    }

    /// Removes a snapshot; those that stand on it stand on what it stood on, or go with it.
    pub(super) fn remove_snapshot(&mut self, id: &str, with_children: bool) {
        let Some(at) = self.snapshots.iter().position(|snapshot| snapshot.id == id) else { return };
        let parent = self.snapshots.remove(at).parent;
        if self.current.as_deref() == Some(id) {
            self.current.clone_from(&parent);
        }
        let on_it = |snapshot: &&mut Snapshot| snapshot.parent.as_deref() == Some(id);
        let children: Vec<String> = self
            .snapshots
            .iter_mut()
            .filter(on_it)
            .map(|child| {
                child.parent.clone_from(&parent);
                child.id.clone()
            })
            .collect();
        if with_children {
            for child in &children {
                self.remove_snapshot(child, true);
            }
        }
    }
}

impl Disk {
    /// The datastore of its file.
    pub fn store(&self) -> &str {
        store_of(&self.file)
    }

    /// The bytes that its file takes.
    pub(super) fn taken(&self) -> u64 {
        if self.is_thin { self.written } else { self.capacity * 1024 }
    }
}

fn store_of(file: &str) -> &str {
    file.strip_prefix('[').and_then(|file| file.split_once(']')).map_or("", |(store, _)| store)
}
