//! What pyvmomi, which shares no code with Evenkeel, sees in a vCenter: `tests/vcsim/look.py`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::vcsim::{PASSWORD, USER};

const LOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vcsim/look.py");

/// Everything that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// What it calls itself.
    pub about: About,
    /// The paths of its folders and datacenters: `DC0/vm/backup`.
    pub folders: Vec<String>,
    /// By name.
    pub datastores: Vec<Datastore>,
    /// By name.
    pub hosts: BTreeMap<String, Host>,
    /// By folder and name.
    pub vms: Vec<Vm>,
}

/// What a server calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct About {
    /// `VirtualCenter` or `HostAgent`.
    pub api_type: String,
    /// `6.5.0`
    pub version: String,
    /// `5973321`
    pub build: String,
}

/// A datastore.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datastore {
    /// Its name.
    pub name: String,
    /// `NFS`, for instance.
    #[serde(rename = "type")]
    pub kind: String,
    /// Free bytes.
    pub free: u64,
    /// `durian.teppi.net:/mnt/POOL1/NFS_durian`; of NFS only.
    pub remote: Option<String>,
    /// The hosts that have it mounted.
    pub hosts: Vec<String>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// By `naa.…` name.
    pub luns: BTreeMap<String, Lun>,
}

/// A LUN with several paths.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lun {
    /// `VMW_PSP_RR`, for instance.
    pub policy: String,
    /// The preferred path of `VMW_PSP_FIXED`.
    pub prefer: Option<String>,
    /// So many paths work.
    pub working: usize,
}

/// A VM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vm {
    /// `vm-42`
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its name.
    pub name: String,
    /// The path of its folder.
    pub folder: String,
    /// The names of the datastores that it says it is on.
    pub datastores: Vec<String>,
    /// `poweredOn`, `poweredOff` or `suspended`.
    pub power: String,
    /// Its notes.
    pub annotation: String,
    /// What begins with `evenkeel.` in its `extraConfig`.
    pub marks: BTreeMap<String, String>,
    /// Its instance UUID.
    pub uuid: String,
    /// True for a template.
    pub template: bool,
    /// The path of its configuration: `[NFS_durian] zz_avocado2/zz_avocado2.vmx`.
    pub vmx: String,
    /// Its disks.
    pub disks: Vec<Disk>,
    /// Its network cards.
    pub cards: Vec<Card>,
    /// Its snapshots, the first ones.
    pub snapshots: Vec<Snapshot>,
}

/// A disk of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The path of its file: `[NFS_durian] zz_avocado2/disk1.vmdk`.
    pub file: String,
    /// The datastore that the path begins with.
    pub datastore: Option<String>,
    /// Its size.
    pub kib: u64,
    /// True where it takes space as it is filled.
    pub thin: Option<bool>,
    /// `FlatVer2BackingInfo`, for instance.
    pub backing: String,
}

/// A network card of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Card {
    /// Its MAC address.
    pub mac: String,
    /// True where it is connected when the VM is powered on.
    pub start_connected: bool,
}

/// A snapshot of a VM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// What was written about it.
    pub description: String,
    /// True where the guest's file systems were quiet.
    pub quiesced: bool,
    /// Those made after it.
    pub children: Vec<Snapshot>,
}

impl Seen {
    /// The only VM of this name.
    ///
    /// # Panics
    /// Where there is none, or another one.
    pub fn vm(&self, name: &str) -> &Vm {
        let mut named = self.vms.iter().filter(|vm| vm.name == name);
        match (named.next(), named.next()) {
            (Some(vm), None) => vm,
            (None, _) => panic!("no VM {name}: {:?}", self.names()),
            (Some(_), Some(_)) => panic!("several VMs {name}: {:?}", self.names()),
        }
    }

    /// The datastore of this name.
    ///
    /// # Panics
    /// Where there is none.
    pub fn datastore(&self, name: &str) -> &Datastore {
        let found = self.datastores.iter().find(|datastore| datastore.name == name);
        found.unwrap_or_else(|| panic!("no datastore {name}: {:?}", self.datastores))
    }

    /// The VMs in a folder.
    pub fn within<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a Vm> {
        self.vms.iter().filter(move |vm| vm.folder == folder)
    }

    fn names(&self) -> Vec<String> {
        self.vms.iter().map(|vm| format!("{}/{}", vm.folder, vm.name)).collect()
    }
}

/// Looks at the server at `https://HOST:PORT/sdk`, which takes half a second, and some seconds where there are a
/// thousand VMs.
///
/// # Panics
/// Where pyvmomi is not installed, or cannot look; the message says so.
pub fn look(url: &str) -> Seen {
    // Debian's own Python, which finds Debian's packages.
    let mut command = Command::new("/usr/bin/python3");
    command.args([LOOK, url, USER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("Python; as root, run: tests/vcsim-host install");
    let mut input = process.stdin.take().expect("its input");
    // One that fails at once does not read it, and says why.
    let _ = input.write_all(PASSWORD.as_bytes());
    drop(input);
    let output = process.wait_with_output().expect("what it prints");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !said.contains("ModuleNotFoundError"),
        "pyvmomi is missing; as root, run: tests/vcsim-host install\n{said}"
    );
    assert!(output.status.success(), "tests/vcsim/look.py fails\n{said}");
    serde_json::from_slice(&output.stdout).expect("what tests/vcsim/look.py prints")
}
